"""How many visits a policy asks at least, a visit counting once however many tiers it meets."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier
from server.cadence.caps import Inspection, least_visits, ledger, visits_of
from server.cadence.rulebook import DEFAULT_POLICIES
from tests.cadence.small_histories import MONTHLY, QUARTERLY, WEEKLY, at, record

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


MORNING = at("2026-09-08 09:00")


def inspected(number: int, minute: int, lasts: int = 15, exempt: str | None = None) -> Inspection:
    begun = MORNING + timedelta(minutes=minute)
    return Inspection(record(number), "routine", begun, begun + timedelta(minutes=lasts), exempt)


def test_two_checklists_filled_one_after_the_other_are_one_visit() -> None:
    weekly, monthly, another = inspected(1, 0), inspected(2, 20), inspected(3, 240)
    found = visits_of([another, monthly, weekly], timedelta(minutes=30))
    assert [visit.records for visit in found] == [(record(1), record(2)), (record(3),)]


def test_a_visit_is_exempt_only_if_all_of_it_is() -> None:
    ordered, beside = inspected(1, 0, exempt="上级部署"), inspected(2, 10)
    assert [visit.exempt for visit in visits_of([ordered, beside], timedelta(minutes=30))] == [None]
    assert [visit.exempt for visit in visits_of([ordered], timedelta(minutes=30))] == ["上级部署"]


inspections = st.lists(
    st.builds(
        inspected,
        st.integers(1, 30),
        st.integers(0, 2000),
        st.integers(0, 90),
        st.none() | st.sampled_from(["上级部署", "企业申请"]),
    ),
    max_size=20,
    unique_by=lambda one: one.record_id,
)


@given(inspections, st.integers(0, 120), st.randoms())
def test_every_record_is_in_one_visit_and_visits_lie_apart(
    some: list[Inspection], minutes: int, dice: random.Random
) -> None:
    apart = timedelta(minutes=minutes)
    found = visits_of(some, apart)
    assert sorted(one for visit in found for one in visit.records) == sorted(one.record_id for one in some)
    by_id = {one.record_id: one for one in some}
    ends = [max(by_id[one].ended_at for one in visit.records) for visit in found]
    for before, after in zip(ends, found[1:], strict=False):
        assert after.started_at > before + apart
    assert visits_of(dice.sample(some, len(some)), apart) == found


@given(inspections, st.none() | st.integers(0, 10))
def test_the_account_adds_up(some: list[Inspection], cap: int | None) -> None:
    found = visits_of(some, timedelta(minutes=30))
    account = ledger(found, cap)
    assert account.total + sum(account.exempt.values()) == len(found)
    if cap is None:
        assert (account.remaining, account.over) == (None, 0)
    else:
        assert account.remaining is not None
        assert account.total + account.remaining - account.over == cap
        assert account.remaining == 0 or account.over == 0


@given(inspections, inspections)
def test_more_inspections_never_make_less(some: list[Inspection], more: list[Inspection]) -> None:
    """No record, under whatever label, takes another out of the account but by lying beside it."""
    apart = timedelta(0)
    ids = {one.record_id for one in some}
    later = [
        replace(one, started_at=one.started_at + timedelta(days=9), ended_at=one.ended_at + timedelta(days=9))
        for one in more
        if one.record_id not in ids
    ]
    assert ledger(visits_of([*some, *later], apart), 2).total >= ledger(visits_of(some, apart), 2).total
