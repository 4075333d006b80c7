"""R6: road checks and depots, by squad, checkpoint, depot or month; every figure a sum of facts with record ids."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from server.cadence.periods import ReportingPeriod
from server.cadence.tally import percent
from server.kernel.problems import invalid
from server.kernel.work import Work
from server.org.models import Squad
from server.outlets.models import Site
from server.reports.field_facts import Fact, Span, depot_facts, recheck_facts, road_facts

ROAD = ("road_sessions", "road_not_valid", "road_stops", "road_hits", "road_sticks")
DEPOT = (
    "depot_checks",
    "depot_not_valid",
    "depot_findings",
    "letters",
    "hand_overs",
    "rechecks_open",
    "rechecks_overdue",
)


class RoadBy(StrEnum):
    """What a row stands for."""

    TOTAL = "total"
    SQUAD = "squad"
    CHECKPOINT = "checkpoint"
    DEPOT = "depot"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class RoadReport:
    """R6 of a period, as known by ``as_of``; ``rows`` and ``total`` are as schemas.field_reports.RoadRow tells them."""

    period: ReportingPeriod
    as_of: datetime
    by: RoadBy
    rows: list[dict[str, Any]]
    total: dict[str, Any]


def road_report(work: Work, period: ReportingPeriod, as_of: datetime, by: RoadBy) -> RoadReport:
    """R6. A session or check belongs to the day on which it began, and to the squad that made it."""
    facts = _facts(work, period, as_of)
    total = _row(None, "合计", facts, ROAD + DEPOT)
    if by is RoadBy.TOTAL:
        return RoadReport(period, as_of, by, [total], total)
    of = {RoadBy.CHECKPOINT: ROAD, RoadBy.DEPOT: DEPOT}.get(by, ROAD + DEPOT)
    groups: dict[Any, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.figure in of:
            groups[_KEYS[by](fact)].append(fact)
    names = _names(work, by, groups)
    rows = [
        _row(key if isinstance(key, uuid.UUID) else None, names[key], groups[key], of)
        for key in sorted(groups, key=lambda key: (key is None, names[key], str(key)))
    ]
    return RoadReport(period, as_of, by, rows, total)


def road_items(
    work: Work,
    period: ReportingPeriod,
    as_of: datetime,
    figure: str,
    *,
    squad_id: uuid.UUID | None,
    site_id: uuid.UUID | None,
) -> list[Fact]:
    """What stands behind a figure of R6, by day and id.

    Raises:
        Problem: ``invalid`` for a figure that R6 does not have.
    """
    if figure not in ROAD + DEPOT:
        raise invalid("/figure", "unknown", f"没有指标 {figure}。R6 has no such figure.")
    found = [
        fact
        for fact in _facts(work, period, as_of)
        if fact.figure == figure and squad_id in (None, fact.squad_id) and site_id in (None, fact.site_id)
    ]
    return sorted(found, key=lambda fact: (fact.day, str(fact.id)))


def _facts(work: Work, period: ReportingPeriod, as_of: datetime) -> list[Fact]:
    span = Span(period.first_day, period.last_day, as_of)
    return [*road_facts(work, span), *depot_facts(work, span), *recheck_facts(work, span)]


_KEYS: dict[RoadBy, Callable[[Fact], Any]] = {
    RoadBy.SQUAD: lambda fact: fact.squad_id,
    RoadBy.CHECKPOINT: lambda fact: fact.site_id,
    RoadBy.DEPOT: lambda fact: fact.site_id,
    RoadBy.MONTH: lambda fact: f"{fact.day:%Y-%m}",
}


def _names(work: Work, by: RoadBy, keys: Iterable[Any]) -> dict[Any, str]:
    """What the groups are called; a session at no checkpoint of the register was a moving one (流动、线索布控)."""
    if by is RoadBy.MONTH:
        return {key: key for key in keys}
    table = Squad if by is RoadBy.SQUAD else Site
    known = dict(
        work.session.execute(select(table.id, table.name).where(table.bureau_id == work.bureau_id)).all()
    )
    none = {RoadBy.SQUAD: "（未定）", RoadBy.CHECKPOINT: "（流动）"}.get(by, "（不在册）")
    return {key: known.get(key, none) for key in keys}


def _row(
    group_id: uuid.UUID | None, group: str, facts: Iterable[Fact], of: tuple[str, ...]
) -> dict[str, Any]:
    sums: dict[str, int | None] = {name: 0 if name in of else None for name in ROAD + DEPOT}
    for fact in facts:
        sums[fact.figure] = (sums[fact.figure] or 0) + fact.amount
    stops, hits, sticks = (sums[name] for name in ("road_stops", "road_hits", "road_sticks"))
    return {
        "group_id": group_id,
        "group": group,
        **sums,
        "hit_rate": percent(hits or 0, stops or 0),
        "sticks_per_stop": _per(sticks or 0, stops or 0),
    }


def _per(total: int, count: int) -> str | None:
    """A mean with two decimals, half up; None of nothing."""
    if count == 0:
        return None
    hundredths = (2 * 100 * total + count) // (2 * count)
    return f"{hundredths // 100}.{hundredths % 100:02}"
