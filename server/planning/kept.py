"""Solutions as they are kept in the row of a run, and the one that the next run begins with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from gis.routing.days import Halt, Round, Solution
from server.kernel.work import Work
from server.patrols.models import PlanSolving


def to_json(solution: Solution) -> dict[str, Any]:
    """A solution as JSON holds it."""
    return asdict(solution)


def from_json(kept: Mapping[str, Any]) -> Solution:
    """The solution that JSON holds. Raises KeyError or TypeError for anything else."""
    rounds = tuple(
        Round(**{**one, "halts": tuple(Halt(**halt) for halt in one["halts"])}) for one in kept["rounds"]
    )
    return Solution(rounds, tuple(kept["unserved"]), kept["objective"])


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
