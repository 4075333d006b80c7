"""Which e-cigarette checks of 2026Q3 were late, missed or waived, and the checks that change no count.

Outlets are named by their place in ``City.ecig_outlets`` (0–35), weeks by their number. Nothing here says
what became of an obligation: this only says when officers came, and the rules of re-inspection judge that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from server.demo.identity import seeded
from server.demo.staff import ZONE

OUTLETS = 36
FIRST_WEEK, LAST_WEEK = 27, 39
WEEKS = range(FIRST_WEEK, LAST_WEEK + 1)
MONTHS = (7, 8, 9)
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SUNDAY = 1, 2, 3, 4, 6

# Week → the outlets at which nobody came in the week or its grace.
MISSED_WEEKS = {
    28: (2, 20), 29: (11,), 30: (5, 29), 31: (5, 17), 32: (8,), 33: (23, 33),
    34: (0, 14), 35: (26,), 36: (9, 31), 37: (19,), 38: (12, 35), 39: (6, 28),
}  # fmt: skip
# Week → the outlets that were visited for it on the Monday or Tuesday after.
LATE_WEEKS = {
    27: (1,), 28: (15,), 29: (24,), 30: (34,), 31: (10,), 32: (3,),
    33: (18,), 34: (27,), 35: (7,), 36: (21,), 38: (30,), 39: (16,),
}  # fmt: skip
WAIVED_WEEKS = {
    29: (4, "道路施工封闭，车辆无法到达"),
    31: (13, "经营者住院，停止营业一周"),
    33: (22, "商场整体检修，停电停业"),
    35: (32, "暴雨内涝，道路中断"),
    37: (25, "经营者办理丧事，暂停营业"),
    38: (1, "店面装修，已封存电子烟"),
}
MISSED_MONTHS = {7: (35,), 8: (4,), 9: (22,)}
# Month → the outlets whose monthly check came in the first three working days of the next month.
LATE_MONTHS = {7: (9, 28), 8: (13, 33)}
# In these weeks the late monthly check falls on Monday–Wednesday or Tuesday–Thursday, as grace allows.
_LATE_MONTH_DAYS = {32: ((9, 28), (0, WEDNESDAY)), 36: ((13, 33), (TUESDAY, THURSDAY))}
MISSED_QUARTER = 10

# Sunday nights: the first on a true clock at 23:58, the second on the fast clock that already shows Monday.
SUNDAY_NIGHTS = {(32, 20): time(23, 58), (34, 25): time(23, 55)}
# The Sunday that is worked for the National Day holiday.
WORKING_SUNDAY = {(38, 4), (38, 13), (38, 31)}

# A missed week made up for in the next: the visit names it, and it stays missed all the same.
MADE_UP = {(28, 2), (33, 23), (37, 19)}
# Visits in missed weeks that prove nothing: a fix of 180 m, an auxiliary as second officer.
UNPROVEN_PRESENCE = {(29, 11), (35, 26)}
WITH_AUXILIARY = {(32, 8), (36, 31)}
COARSE_ACCURACY_M = 180.0

# In each month the deeper checklist is used within these days: late enough not to serve an earlier debt.
_DEEP_DAYS = {
    7: (date(2026, 7, 8), date(2026, 7, 31)),
    8: (date(2026, 8, 10), date(2026, 8, 31)),
    9: (date(2026, 9, 7), date(2026, 9, 24)),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One e-cigarette check: at which outlet, on which day, and what is unusual about it.

    ``swapped`` has it done by the squad's other team with its own handheld.
    """

    outlet: int
    day: date
    tier: str = "WEEKLY"
    at: datetime | None = None
    tags: tuple[str, ...] = ()
    makes_up: str | None = None
    accuracy_m: float | None = None
    with_auxiliary: bool = False
    swapped: bool = False


def week_key(week: int) -> str:
    """The key of a week of the quarter."""
    return f"2026-W{week:02d}"


def week_day(week: int, weekday: int) -> date:
    """A day of a week; Monday is 0."""
    return date.fromisocalendar(2026, week, weekday + 1)


def deep_tier(outlet: int, month: int) -> str:
    """The deepest checklist of an outlet's month: one month in three is the quarterly one's."""
    if outlet == MISSED_QUARTER:
        return "MONTHLY"
    unfit = {m for table in (MISSED_MONTHS, LATE_MONTHS) for m in MONTHS if outlet in table.get(m, ())}
    # A month that is missed or late has no quarterly check in it, so that one falls into another month.
    if unfit:
        return "QUARTERLY" if month == max(m for m in MONTHS if m not in unfit) else "MONTHLY"
    return "QUARTERLY" if month == MONTHS[outlet % 3] else "MONTHLY"


def _weekday(rng: Random, outlet: int, week: int, rested: bool) -> int:
    """The weekday of a timely check: around the outlet's usual one."""
    if (week, outlet) in SUNDAY_NIGHTS or (week, outlet) in WORKING_SUNDAY:
        return SUNDAY
    first, last = 0, THURSDAY if week == LAST_WEEK else FRIDAY
    # After a week that nobody met, Monday and Tuesday would still serve it; before the first week as well.
    if not rested or week == FIRST_WEEK:
        first = WEDNESDAY
    # A check on Sunday needs three days before the next one.
    if (week - 1, outlet) in SUNDAY_NIGHTS or (week - 1, outlet) in WORKING_SUNDAY:
        first = WEDNESDAY
    outlets, days = _LATE_MONTH_DAYS.get(week, ((), (first, last)))
    if outlet in outlets:
        first, last = max(first, days[0]), days[1]
    if (week - 1, outlet) in MADE_UP:
        return WEDNESDAY
    return min(max(outlet % 5 + rng.choice((-1, 0, 0, 1)), first), last)


def meeting_steps(outlet: int) -> list[Step]:
    """The checks of one outlet that were done in time to count, in order, before any is deepened."""
    rng = seeded(f"steps:{outlet}")
    steps: list[Step] = []
    rested = True
    for week in WEEKS:
        missed = outlet in MISSED_WEEKS.get(week, ())
        waived = week in WAIVED_WEEKS and WAIVED_WEEKS[week][0] == outlet
        if missed or waived:
            rested = False
            continue
        if outlet in LATE_WEEKS.get(week, ()):
            steps.append(Step(outlet, week_day(week + 1, outlet % 2), tags=("late",)))
        elif outlet in LATE_WEEKS.get(week - 1, ()):
            # The visit early in this week served the last one, so this week's comes three days after it.
            steps.append(Step(outlet, week_day(week, outlet % 2 + 3)))
        else:
            weekday = _weekday(rng, outlet, week, rested)
            night = SUNDAY_NIGHTS.get((week, outlet))
            tags = (("sunday_night",) if night else ("working_sunday",)) if weekday == SUNDAY else ()
            day = week_day(week, weekday)
            at = None if night is None else datetime.combine(day, night, ZONE)
            steps.append(Step(outlet, day, at=at, tags=tags))
        rested = True
    return steps


def _deepened(outlet: int, steps: list[Step]) -> list[Step]:
    """The steps with one a month done on the month's deeper checklist."""
    deep: dict[date, str] = {}
    for month in MONTHS:
        if outlet in LATE_MONTHS.get(month - 1, ()):
            # The debt of the month before is settled in the first days of this one.
            first, last = date(2026, month, 1), date(2026, month, 5)
            deep[next(step.day for step in steps if first <= step.day <= last)] = "MONTHLY"
        if outlet in MISSED_MONTHS.get(month, ()) or outlet in LATE_MONTHS.get(month, ()):
            continue
        first, last = _DEEP_DAYS[month]
        days = [step.day for step in steps if first <= step.day <= last and step.at is None]
        deep[days[outlet * 7 % len(days)]] = deep_tier(outlet, month)
    return [_with_tier(step, deep.get(step.day, step.tier)) for step in steps]


def _with_tier(step: Step, tier: str) -> Step:
    return Step(step.outlet, step.day, tier, step.at, step.tags)


def _in_missed_weeks() -> list[Step]:
    """Checks in or after missed weeks that leave them missed."""
    steps = [
        Step(outlet, week_day(week + 1, FRIDAY), tags=("makes_up",), makes_up=week_key(week))
        for week, outlet in sorted(MADE_UP)
    ]
    steps += [
        Step(outlet, week_day(week, WEDNESDAY), tags=("coarse_fix",), accuracy_m=COARSE_ACCURACY_M)
        for week, outlet in sorted(UNPROVEN_PRESENCE)
    ]
    steps += [
        Step(outlet, week_day(week, THURSDAY), tags=("auxiliary",), with_auxiliary=True)
        for week, outlet in sorted(WITH_AUXILIARY)
    ]
    return steps


def _second_visits(meeting: list[Step]) -> list[Step]:
    """Second checks in weeks already met: 30 plain, 4 by another handheld, 2 unproven, 1 assisted."""
    rng = seeded("second visits")
    taken = {(week + 1, outlet) for week, outlet in MADE_UP}
    quiet = [
        step
        for step in meeting
        if not step.tags
        and step.day.weekday() <= WEDNESDAY
        and (step.day.isocalendar().week, step.outlet) not in taken
    ]
    rng.shuffle(quiet)
    # One of the two auxiliaries is with the first squad, the other with the last.
    assisted = next(step for step in quiet if step.outlet < 9)
    plain = [step for step in quiet if step is not assisted][:36]
    steps = [
        Step(assisted.outlet, assisted.day + timedelta(days=1), tags=("auxiliary",), with_auxiliary=True)
    ]
    for place, step in enumerate(plain):
        day = step.day + timedelta(days=1)
        if place < 30:
            steps.append(Step(step.outlet, day, tags=("second_visit",)))
        elif place < 34:
            steps.append(Step(step.outlet, day, tags=("two_devices",), swapped=True))
        else:
            steps.append(Step(step.outlet, day, tags=("coarse_fix",), accuracy_m=COARSE_ACCURACY_M))
    return steps


def ecig_steps() -> list[Step]:
    """All 486 e-cigarette checks, day by day: 442 that meet weeks and 44 that change no count."""
    meeting = [step for outlet in range(OUTLETS) for step in _deepened(outlet, meeting_steps(outlet))]
    steps = [*meeting, *_in_missed_weeks(), *_second_visits(meeting)]
    # What has a fixed hour is booked first, because it cannot give way.
    return sorted(steps, key=lambda step: (step.at is None, step.day, step.outlet, step.tags))
