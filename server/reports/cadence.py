"""R1: cadence compliance. Every figure is a count of judged obligations, and each of those names its record."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.periods import ReportingPeriod
from server.cadence.tally import Tally, tally
from server.grids.models import GridCell
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.outlets.models import Outlet
from server.reports.judged import Item, judged


class By(StrEnum):
    """What a row of the report stands for."""

    TOTAL = "total"
    SQUAD = "squad"
    OFFICER = "officer"
    CELL = "cell"
    OUTLET = "outlet"


@dataclass(slots=True)
class Line:
    """One row: a group and tier (and period, where asked for), its counts, and how many of them are unknown."""

    group_id: uuid.UUID | None
    group: str
    tier: CadenceTier
    period: str
    counts: Tally
    unknown: int
    attempts: int
    mean_days_late: str | None


@dataclass(slots=True)
class CadenceReport:
    """R1 for a period, as known by ``as_of`` and judged at it."""

    period: ReportingPeriod
    as_of: datetime
    by: By
    provisional: bool
    lines: list[Line] = field(default_factory=list)


def cadence_report(
    work: Work, period: ReportingPeriod, as_of: datetime, by: By, *, each_period: bool = False
) -> CadenceReport:
    """R1: one line a group and tier, with ``each_period`` one a group, tier and period.

    Sums are of obligations, so totals are never averages of rates.
    """
    return report_of(work, period, as_of, by, judged(work, period, as_of), each_period=each_period)


def report_of(
    work: Work,
    period: ReportingPeriod,
    as_of: datetime,
    by: By,
    items: Sequence[Item],
    *,
    each_period: bool = False,
) -> CadenceReport:
    """R1 counted from obligations that are judged already, so that several cuts of it rest on one judging."""
    names = _names(work, by, items)
    groups: dict[tuple[str, uuid.UUID | None, CadenceTier, str], list[Item]] = defaultdict(list)
    for item in items:
        group_id = _group_of(item, by)
        tier = item.tier
        key = item.judgement.obligation.key if each_period else period.key
        groups[(names.get(group_id, "未定" if by is not By.TOTAL else "合计"), group_id, tier, key)].append(
            item
        )
    lines = [
        _line(group_id, name, tier, key, members)
        for (name, group_id, tier, key), members in sorted(
            groups.items(), key=lambda entry: (entry[0][0], str(entry[0][1]), entry[0][2].depth, entry[0][3])
        )
    ]
    return CadenceReport(
        period=period,
        as_of=as_of,
        by=by,
        provisional=any(item.judgement.provisional for item in items),
        lines=[line for line in lines if line.counts.obligations],
    )


def _line(group_id: uuid.UUID | None, group: str, tier: CadenceTier, key: str, items: list[Item]) -> Line:
    late = [item.judgement.days_late for item in items if item.judgement.state is ObligationState.MET_LATE]
    return Line(
        group_id=group_id,
        group=group,
        tier=tier,
        period=key,
        counts=tally(item.judgement for item in items),
        unknown=sum(item.unknown for item in items),
        attempts=sum(len(item.judgement.attempts) for item in items),
        mean_days_late=_tenths(sum(late), len(late)),
    )


def _tenths(total: int, count: int) -> str | None:
    """A mean with one decimal, half up, in integers; ``None`` of nothing."""
    if count == 0:
        return None
    tenths = (2 * 10 * total + count) // (2 * count)
    return f"{tenths // 10}.{tenths % 10}"


_GROUPS: Mapping[By, Callable[[Item], uuid.UUID | None]] = {
    By.TOTAL: lambda _item: None,
    By.SQUAD: lambda item: item.responsible.squad_id if item.responsible else None,
    By.OFFICER: lambda item: item.responsible.lead_person_id if item.responsible else None,
    By.CELL: lambda item: item.judgement.cell_id,
    By.OUTLET: lambda item: item.row.subject_id,
}


def _group_of(item: Item, by: By) -> uuid.UUID | None:
    return _GROUPS[by](item)


def _names(work: Work, by: By, items: Iterable[Item]) -> dict[uuid.UUID | None, str]:
    """What the groups are called: a cell and an outlet by number and name, so that namesakes stay apart."""
    ids = {group for item in items if (group := _group_of(item, by)) is not None}
    queries: dict[By, Any] = {
        By.SQUAD: select(Squad.id, Squad.name).where(Squad.id.in_(ids)),
        By.OFFICER: select(Person.id, Person.name).where(Person.id.in_(ids)),
        By.CELL: select(GridCell.id, GridCell.code + " " + GridCell.name).where(GridCell.id.in_(ids)),
        By.OUTLET: select(Outlet.id, Outlet.licence_no + " " + Outlet.name).where(Outlet.id.in_(ids)),
    }
    if by not in queries:
        return {}
    return dict(work.session.execute(queries[by]).all())
