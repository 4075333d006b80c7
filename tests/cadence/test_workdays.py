"""Working days by the notices of 2025 and 2026."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.workdays import Workdays
from tests.cadence.small_histories import WORKDAYS

DAYS = st.dates(date(2025, 3, 1), date(2026, 10, 31))


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize("year", [2025, 2026])
def test_each_year_has_248_working_days(year: int) -> None:
    assert WORKDAYS.count(date(year, 1, 1), date(year, 12, 31)) == 248


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("2026-02-13", True),  # a plain Friday
        ("2026-02-14", True),  # a Saturday worked before Spring Festival
        ("2026-02-16", False),  # a Monday off
        ("2026-02-28", True),  # a Saturday worked after Spring Festival
        ("2026-09-19", False),  # a plain Saturday
        ("2026-09-20", True),  # a Sunday worked for National Day
        ("2026-10-01", False),
        ("2026-10-10", True),
    ],
)
def test_single_days(text: str, works: bool) -> None:
    assert WORKDAYS.is_workday(day(text)) is works


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-02-13", 7, "2026-03-02"),
        ("2026-09-28", 7, "2026-10-13"),
        ("2026-09-18", 2, "2026-09-21"),  # Friday; the Sunday in between works
        ("2026-09-29", 5, "2026-10-12"),  # 电话回访 5个工作日
        ("2026-09-30", 2, "2026-10-09"),  # 上门回访 2个工作日
        ("2026-02-12", 3, "2026-02-24"),  # 线索通报 3个工作日
        ("2026-09-21", -1, "2026-09-20"),
        ("2026-10-08", -1, "2026-09-30"),
        ("2026-09-13", -2, "2026-09-10"),
        ("2026-10-03", 0, "2026-10-03"),
    ],
)
def test_shifting(start: str, n: int, end: str) -> None:
    assert WORKDAYS.shift(day(start), n) == day(end)


def test_the_only_week_of_2026_without_a_working_day() -> None:
    mondays = [date.fromisocalendar(2026, week, 1) for week in range(1, 54)]
    counts = {
        monday.isocalendar().week: WORKDAYS.count(monday, monday + timedelta(6)) for monday in mondays[:-1]
    }
    assert [week for week, n in counts.items() if n == 0] == [8]
    assert (counts[40], counts[41]) == (3, 3)


def test_an_empty_span_has_none() -> None:
    assert WORKDAYS.count(day("2026-03-02"), day("2026-03-01")) == 0
    assert not WORKDAYS.provisional(day("2027-03-02"), day("2026-03-01"))


def test_a_year_not_loaded_is_provisional_and_uses_monday_to_friday() -> None:
    assert not WORKDAYS.provisional(day("2025-01-01"), day("2026-12-31"))
    assert WORKDAYS.provisional(day("2026-12-31"), day("2027-01-01"))
    assert WORKDAYS.provisional(day("2024-12-31"), day("2027-01-01"))
    assert WORKDAYS.is_workday(day("2027-01-01"))  # a Friday, surely off, but nobody has said so yet
    assert WORKDAYS.shift(day("2026-12-31"), 1) == day("2027-01-01")


def test_single_days_of_a_year_not_loaded_are_not_used() -> None:
    known_in_part = Workdays(
        frozenset({day("2027-01-01")}), frozenset({day("2027-01-02")}), frozenset({2026})
    )
    assert known_in_part.is_workday(day("2027-01-01"))
    assert not known_in_part.is_workday(day("2027-01-02"))


def test_a_day_cannot_be_off_and_worked() -> None:
    both = frozenset({day("2026-02-14")})
    with pytest.raises(ValueError, match="2026-02-14"):
        Workdays(both, both, frozenset({2026}))


@settings(deadline=None)
@given(DAYS, st.integers(1, 30))
def test_shift_lands_on_the_nth_working_day(start: date, n: int) -> None:
    end = WORKDAYS.shift(start, n)
    assert WORKDAYS.is_workday(end)
    assert WORKDAYS.count(start + timedelta(1), end) == n
    begin = WORKDAYS.shift(start, -n)
    assert WORKDAYS.is_workday(begin)
    assert WORKDAYS.count(begin, start - timedelta(1)) == n


@settings(deadline=None)
@given(DAYS, st.integers(1, 30))
def test_shifting_back_undoes_shifting_from_a_working_day(start: date, n: int) -> None:
    first = WORKDAYS.shift(start, 1)
    assert WORKDAYS.shift(WORKDAYS.shift(first, n), -n) == first


@settings(deadline=None)
@given(DAYS, DAYS, DAYS)
def test_counts_add_up(one: date, two: date, three: date) -> None:
    first, middle, last = sorted((one, two, three))
    whole = WORKDAYS.count(first, last)
    assert whole == WORKDAYS.count(first, middle) + WORKDAYS.count(middle + timedelta(1), last)
