"""R7: squads week by week, each beside its own earlier weeks. It ranks nobody and compares no squad with another.

Every figure is a set of ids, so it can be traced by construction and a total never counts anything twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, DutyRule
from server.cadence.periods import Period, period_of
from server.cadence.tally import percent, tenths
from server.kernel.permissions import Permission
from server.kernel.problems import invalid, problem_at
from server.kernel.work import Work
from server.org.models import Squad
from server.reports.moment import period_for
from server.reports.squad_rows import Found, found_in

BEFORE = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: how many ids of ``of``, or which share of those of ``per`` they are in percent."""

    name: str
    heading: str
    of: str
    per: str | None = None


def _of_track(track: str, label: str) -> tuple[Measure, ...]:
    """The figures of what was to be done by a day of the week, as R1 counts them."""
    return (
        Measure(f"{track}_due", f"{label}：应完成", f"{track}_due"),
        Measure(f"{track}_on_time", f"{label}：按期完成", f"{track}_on_time"),
        Measure(f"{track}_late", f"{label}：逾期完成", f"{track}_late"),
        Measure(f"{track}_missed", f"{label}：漏查", f"{track}_missed"),
        Measure(f"{track}_pending", f"{label}：待查", f"{track}_pending"),
        Measure(f"{track}_on_time_rate", f"{label}：按期检查率%", f"{track}_on_time", f"{track}_due"),
    )


TRACKS: Mapping[str, str] = {tier.lower(): tier.label_zh for tier in CadenceTier} | {
    DutyRule.TRIPLE_RECHECK.value: DutyRule.TRIPLE_RECHECK.label_zh
}
MEASURES: tuple[Measure, ...] = (
    *(measure for track, label in TRACKS.items() for measure in _of_track(track, label)),
    Measure("visits", "有效检查户次", "visits"),
    Measure("outlets_visited", "检查户数", "outlets_visited"),
    Measure("ecig_outlets", "电子烟在业户数", "ecig_outlets"),
    Measure("ecig_visited", "其中已检查户数", "ecig_visited"),
    Measure("coverage", "电子烟户检查覆盖率%", "ecig_visited", "ecig_outlets"),
    Measure("attempts", "到店未查成次数", "attempts"),
    Measure("findings", "发现异常次数", "findings"),
    Measure("finding_rate", "异常发现率%", "findings", "visits"),
    Measure("records", "现场记录", "records"),
    Measure("late_records", "其中迟报", "late_records"),
    Measure("late_share", "迟报占比%", "late_records", "records"),
    Measure("conflicts_open", "周末未处理冲突", "conflicts_open"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of one squad: in the week, in the week before, and the mean of the four weeks before.

    Of counts the mean has one decimal; of shares it is the share in all four weeks together, not a mean of shares.
    """

    squad_id: uuid.UUID | None
    squad: str
    measure: Measure
    value: int | str | None
    before: int | str | None
    mean: str | None


@dataclass(frozen=True, slots=True)
class SquadReport:
    """R7 of a week, as known by ``as_of``. ``total`` is all that is in the reader's scope."""

    week: Period
    as_of: datetime
    lines: list[Line]
    total: list[Line]


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing behind a figure: an obligation, a record, an outlet, or a line of the push log."""

    id: str
    kind: str
    squad_id: uuid.UUID | None


def week_named(work: Work, text: str | None, as_of: datetime) -> Period:
    """The ISO week asked for; by default the last one that is over at ``as_of``.

    Raises:
        Problem: ``bad_period`` for anything that is no week.
    """
    today = as_of.astimezone(work.zone).date()
    if text is None:
        return period_of(CadenceTier.WEEKLY, today).previous()
    named = period_for(work, text, as_of)
    week = period_of(CadenceTier.WEEKLY, named.first_day)
    if week.key != named.key:
        detail = f"{text} 不是一周，例如 2026-W31。This report is of one week, such as 2026-W31."
        raise problem_at("/period", "bad_period", detail)
    return week


def measure_named(name: str) -> Measure:
    """The figure of that name.

    Raises:
        Problem: ``invalid`` for a name that R7 does not have.
    """
    found = next((measure for measure in MEASURES if measure.name == name), None)
    if found is None:
        detail = f"没有指标 {name}。R7 has no such figure."
        raise invalid("/figure", "invalid", detail)
    return found


def squad_report(work: Work, week: Period, as_of: datetime) -> SquadReport:
    """R7: every squad in scope by name, each figure beside the squad's own earlier ones.

    What lies in a cell counts for the squad that answered for the cell on that day; a conflict for the squad whose
    edit lost. An obligation belongs to the week of its last day.
    """
    weeks = _weeks(week)
    found = found_in(work, weeks, as_of)
    names = _squads(work, found)
    lines = [
        line
        for squad_id, name in names
        for line in _lines(squad_id, name, [found.of(squad_id, one) for one in weeks])
    ]
    total = _lines(None, "合计", [found.of_all(one) for one in weeks])
    return SquadReport(week, as_of, lines, total)


def things_behind(
    work: Work, week: Period, as_of: datetime, measure: Measure, squad_id: uuid.UUID | None
) -> list[Thing]:
    """What stands behind a figure of the week (of a share: what is counted in it), by id."""
    found = found_in(work, [week], as_of)
    things = [
        Thing(str(one), kind, squad)
        for squad in found.squads
        if squad_id in (None, squad)
        for one, kind in found.of(squad, week).get(measure.of, {}).items()
    ]
    return sorted(things, key=lambda thing: (thing.kind, thing.id))


def _weeks(week: Period) -> list[Period]:
    """The week itself and those before it, the latest first."""
    weeks = [week]
    for _ in range(BEFORE):
        weeks.append(weeks[-1].previous())
    return weeks


def _squads(work: Work, found: Found) -> list[tuple[uuid.UUID | None, str]]:
    """The squads in scope by name, those without any figure too; last what nobody answered for, if there is any."""
    query = select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)
    named = dict(work.session.execute(query).all())
    own = None if work.actor.reaches_bureau(Permission.REPORT_READ) else set(work.actor.squad_ids)
    shown = [(one, name) for one, name in named.items() if own is None or one in own or one in found.squads]
    squads: list[tuple[uuid.UUID | None, str]] = sorted(shown, key=lambda squad: (squad[1], str(squad[0])))
    return [*squads, (None, "（未定）")] if None in found.squads else squads


def _lines(
    squad_id: uuid.UUID | None, squad: str, weeks: Sequence[Mapping[str, Mapping[Any, str]]]
) -> list[Line]:
    now, *before = ({name: len(ids) for name, ids in week.items()} for week in weeks)
    lines = []
    for measure in MEASURES:
        sums = {name: sum(week.get(name, 0) for week in before) for name in (measure.of, measure.per) if name}
        mean = (
            tenths(sums[measure.of], len(before))
            if measure.per is None
            else percent(sums[measure.of], sums[measure.per])
        )
        lines.append(Line(squad_id, squad, measure, _figure(now, measure), _figure(before[0], measure), mean))
    return lines


def _figure(counts: Mapping[str, int], measure: Measure) -> int | str | None:
    number = counts.get(measure.of, 0)
    return number if measure.per is None else percent(number, counts.get(measure.per, 0))
