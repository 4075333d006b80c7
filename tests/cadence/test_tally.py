"""Counts and rates."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import ObligationState
from server.cadence.rules import Judgement
from server.cadence.tally import PENDING, Tally, percent, tally
from tests.cadence.small_histories import owed

WEEK = owed("2026-W37")


def judgements(**counts: int) -> list[Judgement]:
    return [Judgement(WEEK, ObligationState(state)) for state, n in counts.items() for _ in range(n)]


def test_a_closed_quarter_of_weekly_checks() -> None:
    counts = tally(judgements(met=430, met_late=12, missed=15, made_up=5, waived=6, void=9, upcoming=7))
    assert counts == Tally(obligations=468, waived=6, on_time=430, late=12, missed=20, pending=0, made_up=5)
    assert counts.due == 462
    assert counts.on_time_rate == counts.on_time_rate_to_date == "93.07"
    assert counts.completion_rate == "95.67"
    assert counts.waived_share == "1.28"


def test_a_running_period() -> None:
    counts = tally(judgements(met=3, missed=1, open=2, attempted=1, due=1))
    assert (counts.due, counts.pending) == (8, 4)
    assert (counts.on_time_rate, counts.on_time_rate_to_date) == ("37.50", "75.00")
    only_pending = tally(judgements(open=2))
    assert (only_pending.on_time_rate, only_pending.on_time_rate_to_date) == ("0.00", None)


def test_nothing_due_has_no_rate() -> None:
    none = tally(judgements(waived=2, upcoming=1))
    assert (none.on_time_rate, none.on_time_rate_to_date, none.completion_rate) == (None, None, None)
    assert none.waived_share == "100.00"
    assert Tally().waived_share is None


@pytest.mark.parametrize(
    ("n", "d", "text"),
    [
        (430, 462, "93.07"),
        (101, 108, "93.52"),
        (35, 36, "97.22"),
        (1, 3, "33.33"),
        (2, 3, "66.67"),
        (1, 800, "0.13"),  # 0.125
        (3, 800, "0.38"),  # 0.375
        (201, 20000, "1.01"),  # 1.005, which a float holds as a little less
        (0, 7, "0.00"),
        (7, 7, "100.00"),
        (3, 0, None),
    ],
)
def test_percent_rounds_half_up(n: int, d: int, text: str | None) -> None:
    assert percent(n, d) == text


def test_percent_is_for_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        percent(-1, 3)
    with pytest.raises(ValueError, match="negative"):
        percent(1, -3)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_percent_is_within_half_a_hundredth(n: int, d: int) -> None:
    text = percent(n, d)
    assert text is not None
    error = Fraction(text) - Fraction(100 * n, d)
    assert Fraction(-1, 200) < error <= Fraction(1, 200)


STATES = st.lists(st.sampled_from(ObligationState))


@settings(deadline=None)
@given(STATES, STATES)
def test_counts_add_up(one: list[ObligationState], two: list[ObligationState]) -> None:
    first, second = (tally(Judgement(WEEK, state) for state in some) for some in (one, two))
    both = tally(Judgement(WEEK, state) for state in one + two)
    assert first + second == both
    assert both.due == both.on_time + both.late + both.missed + both.pending
    assert both.obligations == both.due + both.waived
    assert both.made_up <= both.missed
    assert both.pending == sum(state in PENDING for state in one + two)
