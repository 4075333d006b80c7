"""Solutions as they are kept in the row of a run, and the one that the next run begins with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import null, select, update

from gis.routing.days import Halt, Round, Solution
from server.kernel.work import Work
from server.patrols.models import PlanSolving

# Drafts are solved again for some days; what a run had is long, for it names every stop.
KEPT_FOR = timedelta(days=30)


def to_json(solution: Solution) -> dict[str, Any]:
    """A solution as JSON holds it."""
    return asdict(solution)


def from_json(kept: Mapping[str, Any]) -> Solution:
    """The solution that JSON holds. Raises KeyError or TypeError for anything else."""
    rounds = tuple(
        Round(**{**one, "halts": tuple(Halt(**halt) for halt in one["halts"])}) for one in kept["rounds"]
    )
    return Solution(rounds, tuple(kept["unserved"]), kept["objective"])


def forget_old(work: Work) -> int:
    """Forget what runs had that ended so long ago that nobody solves their drafts again; how many. The runs stay."""
    old = (
        update(PlanSolving)
        .where(
            PlanSolving.bureau_id == work.bureau_id,
            PlanSolving.best.is_not(None),
            PlanSolving.ended_at < work.now - KEPT_FOR,
        )
        .values(best=null())
        .returning(PlanSolving.id)
    )
    return len(work.session.scalars(old).all())


def start_of(work: Work, solving: PlanSolving) -> Solution | None:
    """What an earlier run over the same plans had last, whatever became of it; None without any."""
    earlier = work.session.scalars(
        select(PlanSolving)
        .where(
            PlanSolving.squad_id == solving.squad_id,
            PlanSolving.id != solving.id,
            PlanSolving.best.is_not(None),
        )
        .order_by(PlanSolving.asked_at.desc(), PlanSolving.id.desc())
        .limit(20)
    )
    wanted = set(map(uuid.UUID, solving.plan_ids))
    for one in earlier:
        if set(map(uuid.UUID, one.plan_ids)) == wanted and one.best is not None:
            return from_json(one.best)
    return None
