"""The demo city's past: the closed quarter 2026Q3, and a thinner present up to the current week."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from server.demo import edges
from server.demo.city import City
from server.demo.daybook import (
    DAY,
    DayBook,
    Errand,
    OfflineSpell,
    PlannedStop,
    PlannedVisit,
    Team,
    in_order_of_arrival,
    squad_team,
)
from server.demo.fieldwork import attempts, depot_checks, ordinary_visits, road_checks
from server.demo.identity import seeded
from server.demo.register import ECIG_PER_SQUAD, Outlet
from server.demo.staff import ZONE
from server.kernel.workdays import Workdays

__all__ = [
    "ClosedQuarter",
    "PlannedStop",
    "PlannedVisit",
    "PlannedWaiver",
    "closed_quarter",
    "current_period_visits",
]

# The first team of the west finds no network in the last days of July and pushes after the month has ended.
LATE_SYNC = OfflineSpell(16, date(2026, 7, 29), date(2026, 8, 2), datetime(2026, 8, 3, 8, 20, tzinfo=ZONE))
# The auxiliaries by squad.
_AUXILIARIES = {0: 21, 3: 22}
# Of the checks that meet a week, these (by order of arrival) find something; about one in a hundred.
_FINDING_EVERY, _FINDING_FROM = 97, 20
_DUPLICATE = 100

_ON_TIME, _LATE = 0.95, 0.98


@dataclass(frozen=True, slots=True)
class PlannedWaiver:
    """A leader's decision that an outlet need not be checked in a period; ``by`` is a username."""

    outlet_id: uuid.UUID
    tier: str
    key: str
    reason: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class ClosedQuarter:
    """All that happened in 2026Q3; visits in order of arrival, waivers in order of time."""

    visits: tuple[PlannedVisit, ...]
    waivers: tuple[PlannedWaiver, ...]


def _ecig_team(place: int, swapped: bool = False) -> Team:
    """The team that looks after an e-cigarette outlet, or the squad's other one."""
    squad, within = divmod(place, ECIG_PER_SQUAD)
    return squad_team(squad, (within + swapped) % 2)


def _ecig_errand(key: str, outlet: Outlet, team: Team, tier: str) -> Errand:
    minutes = {"WEEKLY": (8, 16), "MONTHLY": (18, 30), "QUARTERLY": (28, 45)}[tier]
    return Errand(key, "ecig_check", f"ecig_{tier.lower()}", outlet, team, tier=tier, minutes=minutes)


def _ecig_checks(outlets: tuple[Outlet, ...], steps: list[edges.Step], book: DayBook) -> list[PlannedVisit]:
    """A check for every step."""
    visits = []
    for step in steps:
        outlet, team = outlets[step.outlet], _ecig_team(step.outlet, step.swapped)
        errand = replace(
            _ecig_errand(f"ecig:{outlet.licence_no}:{step.day}", outlet, team, step.tier),
            # A second visit in a week answers a complaint, so it is a case inspection.
            visit_kind="case" if "second_visit" in step.tags else "routine",
            accuracy_m=step.accuracy_m,
            makes_up=step.makes_up,
            second_person=_AUXILIARIES[team.squad] if step.with_auxiliary else None,
            tags=step.tags,
        )
        visits.append(book.must_book(errand, step.day) if step.at is None else book.book_at(errand, step.at))
    return visits


def _waivers(outlets: tuple[Outlet, ...]) -> tuple[PlannedWaiver, ...]:
    """The six weeks that a leader let off, each decided on the Monday."""
    return tuple(
        PlannedWaiver(
            outlet_id=outlets[place].id,
            tier="WEEKLY",
            key=edges.week_key(week),
            reason=reason,
            at=datetime.combine(edges.week_day(week, 0), time(9, 30), ZONE),
            by="juzhang",
        )
        for week, (place, reason) in sorted(edges.WAIVED_WEEKS.items())
    )


def _tagged(visit: PlannedVisit) -> PlannedVisit:
    """The visit with the tags that follow from how it was pushed."""
    tags = list(visit.tags)
    if visit.received_at == LATE_SYNC.pushes_at:
        tags.append("late_sync")
    if visit.clock_offset_s:
        tags.append("fast_clock")
    return replace(visit, tags=tuple(tags))


def _with_findings(checks: list[PlannedVisit]) -> list[PlannedVisit]:
    """The checks with a finding in about one of a hundred."""
    causes = ("no_minors_sign", "licence_irregular")
    return [
        replace(visit, cause=causes[place // _FINDING_EVERY % 2])
        if place % _FINDING_EVERY == _FINDING_FROM and not visit.tags
        else visit
        for place, visit in enumerate(checks)
    ]


def closed_quarter(city: City) -> ClosedQuarter:
    """Everything recorded in 2026Q3, with its edge cases. It needs no clock: the quarter is history."""
    outlets = city.ecig_outlets
    book = DayBook(offline=(LATE_SYNC,))
    # What has its hour is booked first, then what has its day, then what takes any day.
    roads = road_checks(city, book)
    checks = _with_findings(_ecig_checks(outlets, edges.ecig_steps(), book))
    visits = [
        *roads,
        *checks,
        *attempts(city, book),
        *depot_checks(city, book),
        *ordinary_visits(city, book),
    ]
    # One handheld did not hear that its push had arrived, and pushed the same record again next morning.
    first = checks[_DUPLICATE]
    again = replace(first, received_at=first.received_at + DAY, tags=("duplicate_upload",))
    return ClosedQuarter(
        visits=in_order_of_arrival([_tagged(visit) for visit in (*visits, again)]),
        waivers=_waivers(outlets),
    )


@dataclass(slots=True)
class _Round:
    """How the re-inspections of one outlet stand while its weeks are walked through."""

    place: int
    outlet: Outlet
    last_met: date
    unmet_until: date | None
    # September belongs to the closed quarter, so its last days take no deeper checklist.
    deepened: str = "2026-09"

    def tier_on(self, day: date) -> str:
        """The checklist of a check on ``day``: one in each month, from about its middle, is a deeper one."""
        month = f"{day.year}-{day.month:02d}"
        # By the 14th every grace of the month and the quarter before has run out, holidays included.
        if self.deepened == month or day.day < 14 + self.place % 8:
            return "WEEKLY"
        self.deepened = month
        return "QUARTERLY" if (day.month - 1) % 3 == self.place % 3 else "MONTHLY"


def _rounds_after_quarter(outlets: tuple[Outlet, ...], workdays: Workdays) -> list[_Round]:
    """Where the closed quarter left each outlet."""
    grace = workdays.shift(edges.week_day(edges.LAST_WEEK, edges.SUNDAY), 2)
    missed = edges.MISSED_WEEKS[edges.LAST_WEEK]
    return [
        _Round(
            place=place,
            outlet=outlet,
            last_met=edges.meeting_steps(place)[-1].day,
            unmet_until=grace if place in missed else None,
        )
        for place, outlet in enumerate(outlets)
    ]


def current_period_visits(city: City, today: date, workdays: Workdays) -> tuple[PlannedVisit, ...]:
    """Weekly checks of the 36 outlets from 2026-W40 up to, and without, the ISO week of ``today``.

    About 95 % of the weeks are met on time, the others late or not at all, and in each month one check is
    done on a deeper checklist. A plan made later begins with the plan made earlier, record for record, so
    a demo city can be carried on day after day, as long as ``workdays`` says the same of the days gone by.
    """
    book = DayBook()
    this_monday = today - timedelta(days=today.weekday())
    monday = edges.week_day(edges.LAST_WEEK + 1, 0)
    # The late checks of the closed quarter reach into its first days, and keep their people busy there.
    _ecig_checks(city.ecig_outlets, [step for step in edges.ecig_steps() if step.day >= monday], book)
    rounds = _rounds_after_quarter(city.ecig_outlets, workdays)
    visits: list[PlannedVisit] = []
    while monday < this_monday:
        days = [day for day in (monday + n * DAY for n in range(7)) if workdays.is_workday(day)]
        for each in rounds:
            visit = _check_of_week(each, monday, days, workdays, book)
            # A late check may fall into the current week, which is left open.
            if visit is not None and visit.started_at.date() < this_monday:
                visits.append(visit)
        monday += 7 * DAY
    return in_order_of_arrival(visits)


def _check_of_week(
    each: _Round, monday: date, days: list[date], workdays: Workdays, book: DayBook
) -> PlannedVisit | None:
    """The check that meets an outlet's week, if any does, and where that leaves the outlet."""
    rng = seeded(f"present:{each.outlet.licence_no}:{monday}")
    throw = rng.random()
    sunday = monday + 6 * DAY
    day: date | None = None
    if throw < _ON_TIME:
        # Earlier days would serve the week before, or come too soon after its check.
        fit = [
            day
            for day in days
            if (day - each.last_met).days >= 3 and (each.unmet_until is None or day > each.unmet_until)
        ]
        usual = monday + each.place % 5 * DAY
        day = min(fit, key=lambda day: (abs((day - usual).days), day), default=None)
    elif throw < _LATE:
        day = workdays.shift(sunday, 1)
    if day is None:
        each.unmet_until = workdays.shift(sunday, 2)
        return None
    each.last_met, each.unmet_until = day, None
    key = f"present:{each.outlet.licence_no}:{monday}"
    errand = _ecig_errand(key, each.outlet, _ecig_team(each.place), each.tier_on(day))
    return book.must_book(errand, day)
