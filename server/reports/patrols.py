"""Plan and deed of patrols over a period: by squad, by day or by patrol, each beside its own plan and beside nobody else."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.vocabulary import PatrolPurpose, StopOutcome
from server.cadence.periods import ReportingPeriod
from server.cadence.tally import percent
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.patrols.comparing import Deed, Figures, figures_of
from server.patrols.deed_showing import squad_names
from server.patrols.deeds import deeds_of
from server.patrols.models import Patrol

_COUNTS = ("patrols", "started", "planned", "added", "measured")


class PatrolsBy(StrEnum):
    """What a row stands for."""

    SQUAD = "squad"
    DAY = "day"
    PATROL = "patrol"


@dataclass(frozen=True, slots=True)
class PatrolReport:
    """The patrols of a period as known by ``as_of``; ``rows`` and ``total`` are as schemas.patrol_deeds.PatrolsRow."""

    period: ReportingPeriod
    as_of: datetime
    by: PatrolsBy
    rows: list[dict[str, Any]]
    total: dict[str, Any]
    sums: Figures


def patrol_report(
    work: Work, period: ReportingPeriod, as_of: datetime, by: PatrolsBy, squad_id: uuid.UUID | None = None
) -> PatrolReport:
    """Plan and deed of the patrols in scope; a patrol belongs to its day, also where its shift crosses midnight."""
    which = [Patrol.day >= period.first_day, Patrol.day <= period.last_day]
    if squad_id is not None:
        which.append(Patrol.squad_id == squad_id)
    deeds = deeds_of(work, as_of, Permission.REPORT_READ, *which)
    squads = squad_names(work)
    keys: dict[PatrolsBy, Callable[[Patrol], tuple[str, uuid.UUID | None]]] = {
        PatrolsBy.SQUAD: lambda patrol: (squads[patrol.squad_id], patrol.squad_id),
        PatrolsBy.DAY: lambda patrol: (patrol.day.isoformat(), None),
        PatrolsBy.PATROL: lambda patrol: (
            f"{patrol.day} {squads[patrol.squad_id]} {patrol.name}",
            patrol.id,
        ),
    }
    groups: dict[tuple[str, uuid.UUID | None], list[Deed]] = defaultdict(list)
    for deed in deeds:
        groups[keys[by](deed.patrol)].append(deed)
    sums = figures_of(deeds)
    return PatrolReport(
        period=period,
        as_of=as_of,
        by=by,
        rows=[
            _row(group_id, group, figures_of(groups[group, group_id]))
            for group, group_id in sorted(groups, key=lambda key: (key[0], str(key[1])))
        ],
        total=_row(None, "合计", sums),
        sums=sums,
    )


def _row(group_id: uuid.UUID | None, group: str, figures: Figures) -> dict[str, Any]:
    is_known = figures.ended > 0
    return {
        "group_id": group_id,
        "group": group,
        **{name: getattr(figures, name) for name in _COUNTS},
        **{
            outcome.value: figures.outcomes[outcome]
            for outcome in StopOutcome
            if outcome is not StopOutcome.WITHDRAWN
        },
        "done_rate": percent(figures.outcomes[StopOutcome.DONE], figures.planned),
        "kilometres_planned": _kilometres(figures.metres_planned),
        "kilometres_done": _kilometres(figures.metres_done),
        **{
            f"{purpose}_minutes": _minutes(figures.seconds[purpose])
            for purpose in PatrolPurpose
            if purpose is not PatrolPurpose.WAY
        },
        "way_minutes": _minutes(figures.way_s) if is_known else None,
        "run_minutes": _minutes(figures.run_s) if is_known else None,
    }


def _kilometres(metres: int) -> str:
    """With one decimal, half up."""
    tenths = (metres + 50) // 100
    return f"{tenths // 10}.{tenths % 10}"


def _minutes(seconds: int) -> int:
    """Half up."""
    return (seconds + 30) // 60
