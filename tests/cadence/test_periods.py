"""Weeks, months and quarters, and what a report of one of them covers."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier
from server.cadence.periods import BadPeriod, parse_period, period_of, periods_between, reporting_period
from tests.cadence.small_histories import MONTHLY, QUARTERLY, WEEKLY

DAYS = st.dates(date(2001, 1, 1), date(2198, 12, 31))
TIERS = st.sampled_from(CadenceTier)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("key", "tier", "first", "last"),
    [
        ("2026-W08", WEEKLY, "2026-02-16", "2026-02-22"),
        ("2026-W01", WEEKLY, "2025-12-29", "2026-01-04"),
        ("2026-W53", WEEKLY, "2026-12-28", "2027-01-03"),
        ("2026-02", MONTHLY, "2026-02-01", "2026-02-28"),
        ("2028-02", MONTHLY, "2028-02-01", "2028-02-29"),
        ("2026-12", MONTHLY, "2026-12-01", "2026-12-31"),
        ("2026-Q1", QUARTERLY, "2026-01-01", "2026-03-31"),
        ("2026-Q4", QUARTERLY, "2026-10-01", "2026-12-31"),
    ],
)
def test_a_key_names_its_days(key: str, tier: CadenceTier, first: str, last: str) -> None:
    period = parse_period(key)
    assert (period.tier, period.key, period.first_day, period.last_day) == (tier, key, day(first), day(last))


@pytest.mark.parametrize(
    "text",
    [
        "", "2026", "2026W08", "2026-W8", "2026-W00", "2026-W54", "2025-W53", "2026-00", "2026-13", "2026-2",
        "2026-Q0", "2026-Q5", "2026-q1", "1999-Q1", "2200-W01", "0000-W01", " 2026-Q1", "2026-Q1\n",
        "２０２６-Q1", "2026-02-01",
    ],
)  # fmt: skip
def test_other_texts_are_no_period(text: str) -> None:
    with pytest.raises(BadPeriod, match="is no period"):
        parse_period(text)


def test_sunday_ends_the_week_and_the_new_year_may_begin_in_the_old_one() -> None:
    assert period_of(WEEKLY, day("2026-09-20")).key == "2026-W38"
    assert period_of(WEEKLY, day("2026-09-21")).key == "2026-W39"
    assert period_of(WEEKLY, day("2025-12-29")).key == "2026-W01"
    assert period_of(WEEKLY, day("2027-01-03")).key == "2026-W53"


def test_neighbours() -> None:
    assert parse_period("2026-W53").next().key == "2027-W01"
    assert parse_period("2026-W01").previous().key == "2025-W52"
    assert parse_period("2026-12").next().key == "2027-01"
    assert parse_period("2026-Q1").previous().key == "2025-Q4"


def test_a_week_belongs_to_the_month_and_quarter_of_its_thursday() -> None:
    week = parse_period("2026-W40")  # 28 September to 4 October; its Thursday is 1 October
    assert (week.within(MONTHLY).key, week.within(QUARTERLY).key) == ("2026-10", "2026-Q4")
    assert week.within(WEEKLY) == week
    assert parse_period("2026-W01").within(QUARTERLY).key == "2026-Q1"
    assert parse_period("2026-09").within(QUARTERLY).key == "2026-Q3"
    with pytest.raises(BadPeriod, match="longer than a weekly period"):
        parse_period("2026-Q1").within(WEEKLY)


@pytest.mark.parametrize(
    ("text", "weeks", "months", "quarters"),
    [
        ("2026Q1", 13, 3, 1),
        ("2026-Q2", 13, 3, 1),
        ("2026Q3", 13, 3, 1),
        ("2026-Q4", 14, 3, 1),
        ("2026", 53, 12, 4),
        ("2025", 52, 12, 4),
        ("2026-07", 5, 1, 0),
        ("2026-08", 4, 1, 0),
        ("2026-W31", 1, 0, 0),
        ("2026W31", 1, 0, 0),
    ],
)
def test_what_a_report_covers(text: str, weeks: int, months: int, quarters: int) -> None:
    keys = reporting_period(text).keys
    assert [len(keys[tier]) for tier in (WEEKLY, MONTHLY, QUARTERLY)] == [weeks, months, quarters]


def test_the_report_of_a_quarter() -> None:
    report = reporting_period("2026Q3")
    assert (report.key, report.first_day, report.last_day) == (
        "2026-Q3",
        day("2026-07-01"),
        day("2026-09-30"),
    )
    assert report.keys[WEEKLY] == tuple(f"2026-W{week}" for week in range(27, 40))
    assert report.keys[MONTHLY] == ("2026-07", "2026-08", "2026-09")
    assert report.keys[QUARTERLY] == ("2026-Q3",)
    assert reporting_period("2026-Q4").keys[WEEKLY][0] == "2026-W40"


@pytest.mark.parametrize(
    "text", ["", "26", "2026-", "202607", "2026-7", "2026Q5", "2026-Q", "1999", "2026-W54", "年"]
)
def test_other_texts_are_no_reporting_period(text: str) -> None:
    with pytest.raises(BadPeriod, match=r"is no period|不是报表周期"):
        reporting_period(text)


def test_periods_between_takes_whoever_has_a_day_there() -> None:
    found = periods_between(WEEKLY, day("2026-09-20"), day("2026-09-28"))
    assert [period.key for period in found] == ["2026-W38", "2026-W39", "2026-W40"]
    assert periods_between(MONTHLY, day("2026-09-02"), day("2026-09-01")) == ()


def test_tiers_have_depth() -> None:
    assert [tier.depth for tier in (WEEKLY, MONTHLY, QUARTERLY)] == [0, 1, 2]


@settings(deadline=None)
@given(TIERS, DAYS)
def test_a_period_holds_its_day_and_its_key_names_it(tier: CadenceTier, some: date) -> None:
    period = period_of(tier, some)
    assert period.first_day <= some <= period.last_day
    assert parse_period(period.key) == period
    assert period_of(tier, period.first_day) == period == period_of(tier, period.last_day)


@settings(deadline=None)
@given(TIERS, DAYS)
def test_periods_follow_each_other_without_gap(tier: CadenceTier, some: date) -> None:
    period = period_of(tier, some)
    assert period.next().first_day == period.last_day + timedelta(1)
    assert period.next().previous() == period
    assert period.key < period.next().key


@settings(deadline=None)
@given(st.integers(2001, 2198))
def test_every_week_is_reported_once(year: int) -> None:
    whole = reporting_period(str(year)).keys[WEEKLY]
    quarters = [key for q in "1234" for key in reporting_period(f"{year}Q{q}").keys[WEEKLY]]
    months = [key for month in range(1, 13) for key in reporting_period(f"{year}-{month:02}").keys[WEEKLY]]
    assert list(whole) == quarters == months
    assert all(key.startswith(f"{year}-W") for key in whole)


@settings(deadline=None)
@given(TIERS, DAYS, st.integers(0, 400))
def test_periods_between_is_a_chain(tier: CadenceTier, first: date, length: int) -> None:
    last = min(first + timedelta(length), date(2198, 12, 31))
    found = periods_between(tier, first, last)
    assert found[0] == period_of(tier, first)
    assert found[-1] == period_of(tier, last)
    assert all(one.next() == two for one, two in itertools.pairwise(found))
