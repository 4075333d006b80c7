"""R1: cadence compliance. Every figure is a count of judged obligations, and each of those names its record.

As of now it is read from the roll-ups, as of a past moment from facts; both come to the same sums.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.periods import ReportingPeriod
from server.cadence.roll_ups import is_complete
from server.cadence.tally import Tally, tally
from server.cadence.timeline import Timeline, load_timeline, need_rulebook
from server.cadence.upkeep import bring_up_to_date
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.outlets.models import Outlet
from server.reports.figures import Begun, By, Sum, periods_begun
from server.reports.heading import PolicyVersion, policy_version
from server.reports.judged import Item
from server.reports.summing import from_facts, rolled_up, towns_of
from server.reports.unknown import load_silence

__all__ = ["By", "CadenceReport", "Line", "cadence_report", "report_of"]

UNCOUNTED = frozenset({ObligationState.UPCOMING, ObligationState.VOID})


@dataclass(slots=True)
class Line:
    """One row: a group and tier (and period, where asked for), its counts, and how many of them are unknown.

    ``days_late`` is the sum over those that were met late.
    """

    group_id: uuid.UUID | None
    group: str
    tier: CadenceTier
    period: str
    counts: Tally
    unknown: int
    attempts: int
    days_late: int


@dataclass(slots=True)
class CadenceReport:
    """R1 for a period, as known by ``as_of`` and judged at it.

    ``policies`` are the versions that judge the periods that have begun, in the order in which they came into force.
    """

    period: ReportingPeriod
    as_of: datetime
    by: By
    provisional: bool
    lines: list[Line] = field(default_factory=list)
    policies: list[PolicyVersion] = field(default_factory=list)


def cadence_report(
    work: Work, period: ReportingPeriod, as_of: datetime, by: By, *, each_period: bool = False
) -> CadenceReport:
    """R1: one line a group and tier, with ``each_period`` one a group, tier and period.

    Sums are of obligations, so totals are never averages of rates.

    Raises:
        Problem: ``not_found`` where no policy had begun by ``as_of``.
    """
    need_rulebook(work, as_of.astimezone(work.zone).date())
    begun, silence = _begun(work, period, as_of), load_silence(work, as_of)
    if as_of == work.now and _kept(work):
        sums = rolled_up(work, begun, silence, by, each_period=each_period)
    else:
        sums = from_facts(work, period, as_of, begun, silence, by, each_period=each_period)
    return _report(work, period, as_of, by, sums)


def _kept(work: Work) -> bool:
    bring_up_to_date(work)
    return is_complete(work)


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
    towns = towns_of(work) if by is By.TOWN else {}
    groups: dict[tuple[uuid.UUID | None, CadenceTier, str | None], list[Item]] = defaultdict(list)
    for item in items:
        if item.judgement.state not in UNCOUNTED:
            key = item.judgement.obligation.key if each_period else None
            groups[(_group_of(item, by, towns), item.tier, key)].append(item)
    return _report(work, period, as_of, by, [_sum(*group, found) for group, found in groups.items()])


def _report(
    work: Work, period: ReportingPeriod, as_of: datetime, by: By, sums: Sequence[Sum]
) -> CadenceReport:
    counted = [one for one in sums if one.counts.obligations]
    names = _names(work, by, {one.group_id for one in counted if one.group_id is not None})
    unnamed = "合计" if by is By.TOTAL else "未定"
    lines = [
        Line(
            group_id=one.group_id,
            group=names.get(one.group_id, unnamed),
            tier=one.tier,
            period=one.key or period.key,
            counts=one.counts,
            unknown=one.unknown,
            attempts=one.attempts,
            days_late=one.days_late,
        )
        for one in counted
    ]
    lines.sort(key=lambda line: (line.group, str(line.group_id), line.tier.depth, line.period))
    return CadenceReport(
        period=period,
        as_of=as_of,
        by=by,
        provisional=any(one.provisional for one in counted),
        lines=lines,
        policies=_policies(load_timeline(work), _begun(work, period, as_of)),
    )


def _begun(work: Work, period: ReportingPeriod, as_of: datetime) -> list[Begun]:
    return periods_begun(load_timeline(work).rulebook, period, as_of.astimezone(work.zone).date())


def _policies(timeline: Timeline, begun: Sequence[Begun]) -> list[PolicyVersion]:
    judging = {id(timeline.rulebook.version(one.tier, one.first_day)) for one in begun}
    held = zip(timeline.editions, timeline.rulebook.versions, strict=True)
    return [policy_version(one.policy) for one, version in held if id(version) in judging]


def _sum(group_id: uuid.UUID | None, tier: CadenceTier, key: str | None, items: Sequence[Item]) -> Sum:
    found = [item.judgement for item in items]
    return Sum(
        group_id=group_id,
        tier=tier,
        key=key,
        counts=tally(found),
        days_late=sum(one.days_late for one in found if one.state is ObligationState.MET_LATE),
        attempts=sum(len(one.attempts) for one in found),
        unknown=sum(item.unknown for item in items),
        provisional=sum(one.provisional for one in found),
    )


def _group_of(item: Item, by: By, towns: dict[uuid.UUID, uuid.UUID]) -> uuid.UUID | None:
    match by:
        case By.TOTAL:
            return None
        case By.SQUAD:
            return item.responsible.squad_id if item.responsible else None
        case By.OFFICER:
            return item.responsible.lead_person_id if item.responsible else None
        case By.CELL:
            return item.judgement.cell_id
        case By.TOWN:
            return towns.get(item.judgement.cell_id) if item.judgement.cell_id else None
        case By.OUTLET:
            return item.row.subject_id


def _names(work: Work, by: By, ids: set[uuid.UUID]) -> dict[uuid.UUID | None, str]:
    """What the groups are called: a cell and an outlet by number and name, so that namesakes stay apart."""
    wanted = list(ids)
    cells = select(GridCell.id, GridCell.code + " " + GridCell.name).where(among(GridCell.id, wanted))
    queries: dict[By, Any] = {
        By.SQUAD: select(Squad.id, Squad.name).where(among(Squad.id, wanted)),
        By.OFFICER: select(Person.id, Person.name).where(among(Person.id, wanted)),
        By.CELL: cells,
        By.TOWN: cells,
        By.OUTLET: select(Outlet.id, Outlet.licence_no + " " + Outlet.name).where(among(Outlet.id, wanted)),
    }
    if by not in queries:
        return {}
    return dict(work.session.execute(queries[by]).all())
