"""Who is told of what on a day: worked dates, and properties over random calendars."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import NoticeKind, ObligationState
from server.kernel.permissions import Role
from server.kernel.workdays import Workdays
from server.notices.rules import (
    NEWS_FOR,
    Owed,
    Recipient,
    Staff,
    Telling,
    Unheard,
    digests,
    period_to_lock,
    reminded_on,
    steps_on,
    tellings_of_owed,
    tellings_of_unheard,
    tellings_of_workdays,
    workday_up_to,
)

DAY = timedelta(days=1)
SQUAD, OTHER_SQUAD = uuid.uuid4(), uuid.uuid4()
OFFICER, LEADER, BUREAU, ADMIN = (
    Recipient(uuid.uuid4()),
    Recipient(uuid.uuid4()),
    Recipient(account_id=uuid.uuid4()),
    Recipient(account_id=uuid.uuid4()),
)
STAFF = Staff({SQUAD: [LEADER]}, [BUREAU], [ADMIN])

# The State Council's notice for 2026: the days around Spring Festival and National Day.
CALENDAR = Workdays(
    off=frozenset(
        [date(2026, 2, d) for d in (16, 17, 18, 19, 20, 23)]
        + [date(2026, 9, 25)]
        + [date(2026, 10, d) for d in (1, 2, 5, 6, 7)]
    ),
    make_up=frozenset(date(2026, *day) for day in ((2, 14), (2, 28), (9, 20), (10, 10))),
    years=frozenset({2026}),
)


def owed(first: date, last: date, grace: date, state: ObligationState = ObligationState.OPEN) -> Owed:
    return Owed(uuid.uuid4(), first, last, grace, state, SQUAD, OFFICER.person_id)


@pytest.mark.parametrize(
    ("first", "last", "officer", "leader"),
    [
        # An ordinary week that ends on a Sunday: Friday is one working day before it, Thursday two.
        (date(2026, 7, 6), date(2026, 7, 12), date(2026, 7, 9), date(2026, 7, 10)),
        # A month that ends on a Friday.
        (date(2026, 7, 1), date(2026, 7, 31), date(2026, 7, 29), date(2026, 7, 31)),
        # 2026-W38 ends on Sunday 2026-09-20, on which people work.
        (date(2026, 9, 14), date(2026, 9, 20), date(2026, 9, 17), date(2026, 9, 20)),
        # 2026-W40: three working days, then National Day.
        (date(2026, 9, 28), date(2026, 10, 4), date(2026, 9, 29), date(2026, 9, 30)),
        # 2026-W41: Thursday, Friday, and a Saturday to make up.
        (date(2026, 10, 5), date(2026, 10, 11), date(2026, 10, 9), date(2026, 10, 10)),
        # 查一补三 within the holiday: told on the last day on which somebody is there to be told.
        (date(2026, 10, 1), date(2026, 10, 7), date(2026, 9, 30), date(2026, 9, 30)),
        # 2026-W08 has no working day; Saturday the 14th is one.
        (date(2026, 2, 16), date(2026, 2, 22), date(2026, 2, 14), date(2026, 2, 14)),
        # One day only, a Thursday.
        (date(2026, 7, 9), date(2026, 7, 9), date(2026, 7, 9), date(2026, 7, 9)),
    ],
)
def test_worked_days(first: date, last: date, officer: date, leader: date) -> None:
    assert reminded_on(first, last, CALENDAR) == officer
    assert workday_up_to(last, CALENDAR) == leader


def test_what_falls_into_a_holiday_is_told_of_before_it_begins() -> None:
    check = owed(date(2026, 10, 1), date(2026, 10, 7), date(2026, 10, 8), ObligationState.UPCOMING)
    assert steps_on(check, date(2026, 9, 29), CALENDAR) == []
    assert steps_on(check, date(2026, 9, 30), CALENDAR) == [NoticeKind.DUE_SOON, NoticeKind.DUE_TODAY]


@pytest.mark.parametrize(
    "state",
    [
        ObligationState.MET,
        ObligationState.MET_LATE,
        ObligationState.MADE_UP,
        ObligationState.WAIVED,
        ObligationState.VOID,
    ],
)
def test_what_is_done_or_excused_is_told_to_nobody(state: ObligationState) -> None:
    check = owed(date(2026, 7, 6), date(2026, 7, 12), date(2026, 7, 14), state)
    days = [date(2026, 7, 1) + n * DAY for n in range(60)]
    assert not any(steps_on(check, day, CALENDAR) for day in days)


def test_a_bureau_that_switches_digests_on_is_not_told_of_its_past() -> None:
    long_ago = owed(date(2026, 1, 5), date(2026, 1, 11), date(2026, 1, 13), ObligationState.MISSED)
    assert steps_on(long_ago, date(2026, 7, 6), CALENDAR) == []


calendars = st.builds(
    lambda off, make_up, loaded: Workdays(
        frozenset(off), frozenset(make_up) - frozenset(off), frozenset({2026} if loaded else ())
    ),
    st.sets(st.dates(date(2026, 8, 1), date(2026, 10, 31)), max_size=45),
    st.sets(st.dates(date(2026, 8, 1), date(2026, 10, 31)), max_size=12),
    st.booleans(),
)


@st.composite
def checks(draw: st.DrawFn) -> tuple[Owed, Workdays]:
    workdays = draw(calendars)
    first = draw(st.dates(date(2026, 8, 15), date(2026, 10, 10)))
    last = first + draw(st.integers(0, 31)) * DAY
    return owed(first, last, workdays.shift(last, draw(st.integers(0, 5)))), workdays


def _on(check: Owed, day: date) -> Owed:
    """The check as nobody does it: not begun, open, and missed once grace is over."""
    if day < check.first_day:
        return replace(check, state=ObligationState.UPCOMING)
    return replace(
        check, state=ObligationState.MISSED if day > check.grace_last_day else ObligationState.OPEN
    )


def _told(check: Owed, workdays: Workdays, days: list[date]) -> list[tuple[date, NoticeKind, Recipient]]:
    """What the schedule tells if it runs twice on each of these days."""
    told: set[tuple[Recipient, NoticeKind, str]] = set()
    found = []
    for day in days:
        sent: set[tuple[Recipient, NoticeKind]] = set()
        for _ in range(2):
            tellings = tellings_of_owed([_on(check, day)], day, workdays, STAFF)
            for digest in digests(tellings, told, sent):
                found.append((day, digest.kind, digest.recipient))
                sent.add((digest.recipient, digest.kind))
                told |= {(digest.recipient, digest.kind, about) for about in digest.about}
    return found


@given(checks())
def test_a_check_that_nobody_does_is_told_of_three_times_each_time_on_its_day(
    given_: tuple[Owed, Workdays],
) -> None:
    check, workdays = given_
    days = [check.first_day - 70 * DAY + n * DAY for n in range(250)]
    told = _told(check, workdays, days)
    assert all(workdays.is_workday(day) for day, _, _ in told)
    on = {kind: (day, recipient) for day, kind, recipient in told}
    assert len(told) == len(on) == 3
    officer_on, leader_on, bureau_on = (
        on[NoticeKind.DUE_SOON],
        on[NoticeKind.DUE_TODAY],
        on[NoticeKind.MISSED],
    )
    assert (officer_on[1], leader_on[1], bureau_on[1]) == (OFFICER, LEADER, BUREAU)
    # The leader: the last working day up to the due day.
    assert leader_on[0] <= check.last_day
    assert workdays.count(leader_on[0] + DAY, check.last_day) == 0
    # The officer: two working days before the last day, or as early as the window allows.
    assert officer_on[0] <= leader_on[0]
    left = workdays.count(officer_on[0], check.last_day - DAY)
    assert left == 2 or workdays.count(check.first_day, officer_on[0] - DAY) == 0
    # The bureau: the first working day after grace.
    assert bureau_on[0] > check.grace_last_day
    assert workdays.count(check.grace_last_day + DAY, bureau_on[0]) == 1


@given(checks(), st.sets(st.integers(0, 249), max_size=200))
def test_days_on_which_nobody_ran_it_are_made_good_once_and_only_with_what_is_still_true(
    given_: tuple[Owed, Workdays], down: set[int]
) -> None:
    check, workdays = given_
    days = [check.first_day - 70 * DAY + n * DAY for n in range(250) if n not in down]
    told = _told(check, workdays, days)
    assert max(Counter((kind, recipient) for _, kind, recipient in told).values(), default=0) <= 1
    running = [day for day in days if workdays.is_workday(day)]
    windows = {
        NoticeKind.DUE_SOON: (reminded_on(check.first_day, check.last_day, workdays), check.last_day),
        NoticeKind.DUE_TODAY: (workday_up_to(check.last_day, workdays), check.grace_last_day),
        NoticeKind.MISSED: (check.grace_last_day + DAY, check.grace_last_day + NEWS_FOR),
    }
    for kind, (since, until) in windows.items():
        chances = [day for day in running if since <= day <= until]
        assert [day for day, told_kind, _ in told if told_kind is kind] == chances[:1]


def test_one_digest_lists_everything_and_somebody_in_two_roles_gets_it_once() -> None:
    both = Recipient(OFFICER.person_id)
    staff = Staff({SQUAD: [both], OTHER_SQUAD: []}, [both], [])
    friday = date(2026, 7, 10)
    three = [owed(date(2026, 7, 6), date(2026, 7, 12), date(2026, 7, 14)) for _ in range(3)]
    nobodys = replace(three[0], id=uuid.uuid4(), squad_id=None, lead_person_id=None)
    leaderless = replace(three[0], id=uuid.uuid4(), squad_id=OTHER_SQUAD)
    found = digests(tellings_of_owed([*three, nobodys, leaderless], friday, CALENDAR, staff), (), ())
    assert [(one.recipient, one.role, one.kind, len(one.about)) for one in found] == [
        (both, Role.OFFICER, NoticeKind.DUE_SOON, 4),
        (both, Role.BUREAU_LEADER, NoticeKind.DUE_TODAY, 5),
    ]


def test_nothing_to_tell_is_no_digest() -> None:
    assert digests([], (), ()) == []
    telling = Telling(LEADER, Role.SQUAD_LEADER, NoticeKind.MISSED, "x")
    assert digests([telling], {(LEADER, NoticeKind.MISSED, "x")}, ()) == []


@pytest.mark.parametrize(
    ("day", "period"),
    [
        # Friday is the month's last working day.
        (date(2026, 7, 31), "2026-07"),
        (date(2026, 7, 30), None),
        # On the first working day after it nobody has been heard yet; from the second on they are asked about.
        (date(2026, 8, 3), None),
        (date(2026, 8, 4), "2026-07"),
        (date(2026, 8, 14), "2026-07"),
        (date(2026, 8, 17), None),
        # A quarter's last month is told as the quarter; its last working day is before the holiday.
        (date(2026, 9, 30), "2026-Q3"),
        (date(2026, 10, 3), None),
        (date(2026, 10, 8), None),
        (date(2026, 10, 9), "2026-Q3"),
        # 2026-W53 is reported with December, and ends on 3 January.
        (date(2027, 1, 4), None),
        (date(2027, 1, 5), "2026-Q4"),
    ],
)
def test_handhelds_are_asked_about_before_the_lock(day: date, period: str | None) -> None:
    found = period_to_lock(day, CALENDAR)
    assert (found.key if found else None) == period


def test_a_squads_leader_is_told_of_his_own_handhelds_and_the_bureau_of_all() -> None:
    own, others = Unheard(uuid.uuid4(), SQUAD, "2026-07"), Unheard(uuid.uuid4(), None, "2026-07")
    found = {one.recipient: one.about for one in digests(tellings_of_unheard([own, others], STAFF), (), ())}
    assert found == {
        LEADER: (f"2026-07/{own.device_id}",),
        BUREAU: tuple(sorted(f"2026-07/{one.device_id}" for one in (own, others))),
    }


def test_administrators_hear_of_a_year_that_is_not_loaded_once_a_month() -> None:
    told: set[tuple[Recipient, NoticeKind, str]] = set()
    heard = []
    for n in range(120):
        day = date(2026, 11, 1) + n * DAY
        for digest in digests(tellings_of_workdays(day, CALENDAR, STAFF), told, ()):
            heard.append((day, digest.recipient, digest.about))
            told |= {(digest.recipient, digest.kind, about) for about in digest.about}
    assert heard == [
        (date(2026, 12, 1), ADMIN, ("2027@2026-12",)),
        (date(2027, 1, 1), ADMIN, ("2027@2027-01",)),
        (date(2027, 2, 1), ADMIN, ("2027@2027-02",)),
    ]
    loaded = replace(CALENDAR, years=frozenset({2026, 2027}))
    assert list(tellings_of_workdays(date(2026, 12, 1), loaded, STAFF)) == []
