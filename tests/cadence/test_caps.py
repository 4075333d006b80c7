"""How many visits a policy asks at least, a visit counting once however many tiers it meets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier
from server.cadence.caps import least_visits
from server.cadence.rulebook import DEFAULT_POLICIES
from tests.cadence.small_histories import MONTHLY, QUARTERLY, WEEKLY

YEAR = {WEEKLY: 52, MONTHLY: 12, QUARTERLY: 4}
ALL = dict.fromkeys(CadenceTier, True)
DEFAULT = {tier: policy.satisfies for tier, policy in DEFAULT_POLICIES.items()}
APART: dict[CadenceTier, frozenset[CadenceTier]] = dict.fromkeys(CadenceTier, frozenset())


def test_a_deeper_check_serves_the_week_as_well() -> None:
    assert least_visits(YEAR, DEFAULT, ALL) == 52
    assert least_visits(YEAR, APART, ALL) == 68
    assert least_visits({MONTHLY: 12, QUARTERLY: 4}, DEFAULT, ALL) == 12


def test_a_tier_that_does_not_count_leaves_its_visits_out() -> None:
    assert least_visits(YEAR, DEFAULT, {**ALL, WEEKLY: False}) == 12
    assert least_visits(YEAR, DEFAULT, {**ALL, QUARTERLY: False}) == 48


subsets = st.fixed_dictionaries(
    {
        WEEKLY: st.just(frozenset()),
        MONTHLY: st.frozensets(st.just(WEEKLY)),
        QUARTERLY: st.frozensets(st.sampled_from([WEEKLY, MONTHLY])),
    }
)
numbers = st.fixed_dictionaries({tier: st.integers(0, 60) for tier in CadenceTier})


@given(numbers, subsets)
def test_as_many_as_the_largest_tier_and_no_more_than_all(
    periods: dict[CadenceTier, int], satisfies: dict[CadenceTier, frozenset[CadenceTier]]
) -> None:
    visits = least_visits(periods, satisfies, ALL)
    assert max(periods.values()) <= visits <= sum(periods.values())
    # What is not counted of one tier is counted of the others.
    parts = [
        least_visits(periods, satisfies, {**dict.fromkeys(CadenceTier, False), one: True})
        for one in CadenceTier
    ]
    assert sum(parts) == visits
