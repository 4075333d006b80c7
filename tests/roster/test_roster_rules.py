"""Days and times of day become moments and come back as they were."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.problems import Problem
from server.roster.rules import Days, check_days, days_of, moments_of
from tests.town import ZONE

TODAY = date(2026, 7, 6)
_minutes = st.integers(min_value=1, max_value=24 * 60 - 1).map(lambda m: time(m // 60, m % 60))


@given(
    st.integers(min_value=-366, max_value=700),
    st.integers(min_value=0, max_value=31),
    st.none() | _minutes,
    st.none() | _minutes,
)
def test_what_is_allowed_comes_back(offset: int, length: int, since: time | None, until: time | None) -> None:
    first = TODAY + timedelta(days=offset)
    days = Days(first, first + timedelta(days=length), since, until)
    if length == 0 and until is not None and until <= (since or time.min):
        with pytest.raises(Problem) as refused:
            check_days(days, TODAY, whole=False)
        assert refused.value.errors[0]["code"] == "ends_before_it_begins"
        return
    check_days(days, TODAY, whole=False)
    begins, ends = moments_of(days, ZONE)
    assert begins < ends
    assert days_of(begins, ends, ZONE) == days


def test_a_day_ends_when_the_next_begins() -> None:
    begins, ends = moments_of(Days(date(2026, 6, 14), date(2026, 6, 14)), ZONE)
    inside = datetime(2026, 6, 14, 23, 59, 59, tzinfo=ZONE)
    assert begins <= inside < ends == datetime(2026, 6, 15, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("days", "code"),
    [
        (Days(TODAY, date(9999, 12, 31)), "day_out_of_range"),
        (Days(date(1, 1, 1), TODAY), "day_out_of_range"),
        (Days(TODAY, TODAY, time(8), None), "whole_days"),
        (Days(TODAY, TODAY, None, time(8)), "whole_days"),
    ],
)
def test_days_that_cannot_be(days: Days, code: str) -> None:
    with pytest.raises(Problem) as refused:
        check_days(days, TODAY, whole=True)
    assert refused.value.errors[0]["code"] == code
