"""What one subject owes, put together into visits: nothing is lost, and no visit breaks a rule of the cadence."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier, Deed, DutyRule, Performed, SubjectKind, UnfittedCode
from server.cadence.duty_rules import INSPECTIONS
from server.planning.visits import Debt, visits_of

MONDAY = date(2026, 11, 30)
WEEK = tuple(MONDAY + timedelta(days=n) for n in range(5))
_CHECKLISTS: dict[CadenceTier, frozenset[Performed]] = {
    CadenceTier.WEEKLY: frozenset(CadenceTier),
    CadenceTier.MONTHLY: frozenset({CadenceTier.MONTHLY, CadenceTier.QUARTERLY}),
    CadenceTier.QUARTERLY: frozenset({CadenceTier.QUARTERLY}),
}


def weekly(number: int, key: str, first: date, *, last_met: date | None = None, grace: int = 2) -> Debt:
    last = first + timedelta(days=6)
    return Debt(
        id=UUID(int=number),
        duty="WEEKLY",
        key=key,
        track=CadenceTier.WEEKLY,
        first_day=first,
        last_day=last,
        grace_last_day=last + timedelta(days=grace),
        checklists=_CHECKLISTS[CadenceTier.WEEKLY],
        min_gap_days=3,
        last_met=last_met,
    )


def of_tier(number: int, tier: CadenceTier, key: str, first: date, last: date) -> Debt:
    return Debt(UUID(int=number), tier.value, key, tier, first, last, last, _CHECKLISTS[tier], min_gap_days=3)


def recheck(number: int, place: int, found_on: date) -> Debt:
    first, last = found_on + timedelta(days=1), found_on + timedelta(days=7)
    track = (DutyRule.TRIPLE_RECHECK, UUID(int=99))
    return Debt(
        UUID(int=number),
        "triple_recheck",
        f"x/{place}",
        track,
        first,
        last,
        last,
        INSPECTIONS,
        min_gap_days=1,
    )


def test_one_visit_with_the_deeper_checklist_meets_the_week_and_the_month() -> None:
    week = weekly(1, "2026-W49", MONDAY)
    month = of_tier(2, CadenceTier.MONTHLY, "2026-12", date(2026, 12, 1), date(2026, 12, 31))
    (visit,), left = visits_of(SubjectKind.OUTLET, [month, week], WEEK)
    assert visit.performed is CadenceTier.MONTHLY
    assert visit.days == WEEK[1:], "the month begins on Tuesday"
    assert {debt.key for debt in visit.debts} == {"2026-W49", "2026-12"}
    assert left == ()


def test_three_rechecks_are_three_visits_on_different_days_in_their_order() -> None:
    debts = [recheck(n, n, MONDAY - timedelta(days=1)) for n in (1, 2, 3)]
    visits, left = visits_of(SubjectKind.OUTLET, debts, WEEK)
    assert [visit.number for visit in visits] == [1, 2, 3]
    assert left == ()
    for earlier, later in combinations(visits, 2):
        assert max(earlier.days) < min(later.days)


def test_what_was_met_two_days_ago_waits_for_the_gap() -> None:
    saturday = MONDAY - timedelta(days=2)
    debt = weekly(1, "2026-W49", MONDAY, last_met=saturday)
    (visit,), left = visits_of(SubjectKind.OUTLET, [debt], WEEK)
    assert visit.days == WEEK[1:], "three days after Saturday is Tuesday"
    nothing, left = visits_of(SubjectKind.OUTLET, [debt], [MONDAY])
    assert nothing == ()
    assert [one.code for one in left] == [UnfittedCode.GAP]


def test_the_week_before_is_met_late_first_and_this_week_once_its_gap_is_over() -> None:
    before = weekly(1, "2026-W48", MONDAY - timedelta(days=7))
    this = weekly(2, "2026-W49", MONDAY)
    visits, left = visits_of(SubjectKind.OUTLET, [this, before], WEEK)
    assert [[debt.key for debt in visit.debts] for visit in visits] == [["2026-W48"], ["2026-W49"]]
    assert left == ()
    assert min(visits[1].days) - max(visits[0].days) >= timedelta(days=3)
    alone, left = visits_of(SubjectKind.OUTLET, [this, before], [MONDAY])
    assert [debt.key for visit in alone for debt in visit.debts] == ["2026-W48"]
    assert [(one.debt.key, one.code) for one in left] == [("2026-W49", UnfittedCode.GAP)]


def test_a_depot_is_checked_and_an_outlet_inspected_where_nothing_deeper_is_asked() -> None:
    order = recheck(1, 1, MONDAY - timedelta(days=1))
    (visit,), _ = visits_of(SubjectKind.OUTLET, [order], WEEK)
    assert visit.performed is Deed.INSPECTION


def _debts() -> st.SearchStrategy[list[Debt]]:
    def made(rows: list[tuple[int, int, int, int, int | None]]) -> list[Debt]:
        found: dict[tuple[object, str], Debt] = {}
        for number, (kind, start, length, gap, met) in enumerate(rows, start=1):
            first = MONDAY + timedelta(days=start)
            last = first + timedelta(days=length)
            if kind < 3:
                tier = tuple(CadenceTier)[kind]
                track, duty, checklists = tier, tier.value, _CHECKLISTS[tier]
            else:
                track, duty, checklists = (
                    (DutyRule.TRIPLE_RECHECK, UUID(int=kind)),
                    "triple_recheck",
                    INSPECTIONS,
                )  # type: ignore[assignment]
            key = f"{start}/{number}"
            found[track, key] = Debt(
                UUID(int=number),
                duty,
                key,
                track,
                first,
                last,
                last + timedelta(days=gap),
                checklists,
                gap,
                None if met is None else MONDAY - timedelta(days=met),
            )
        return list(found.values())

    row = st.tuples(
        st.integers(0, 4),
        st.integers(-9, 6),
        st.integers(0, 9),
        st.integers(0, 4),
        st.none() | st.integers(1, 6),
    )
    return st.lists(row, max_size=7).map(made)


@given(debts=_debts(), days=st.sets(st.sampled_from(WEEK), min_size=1).map(sorted))
def test_every_debt_that_can_be_met_is_in_one_visit_or_left_by_name(
    debts: list[Debt], days: list[date]
) -> None:
    visits, left = visits_of(SubjectKind.OUTLET, debts, days)
    placed = [debt.id for visit in visits for debt in visit.debts] + [one.debt.id for one in left]
    in_time = [debt.id for debt in debts if any(debt.first_day <= day <= debt.grace_last_day for day in days)]
    assert sorted(placed) == sorted(in_time)


@given(debts=_debts(), days=st.sets(st.sampled_from(WEEK), min_size=1).map(sorted))
def test_whatever_days_are_chosen_every_visit_meets_all_that_it_says(
    debts: list[Debt], days: list[date]
) -> None:
    visits, _ = visits_of(SubjectKind.OUTLET, debts, days)
    for visit in visits:
        assert visit.days
        for debt in visit.debts:
            assert visit.performed in debt.checklists
            for day in visit.days:
                assert debt.first_day <= day <= debt.grace_last_day
                early = debt.last_met is not None and (day - debt.last_met).days < debt.min_gap_days
                assert not early or day > debt.last_day, "the gap holds unless the visit is late anyway"
        tracks = [debt.track for debt in visit.debts]
        assert len(set(tracks)) == len(tracks), "one fact, one obligation a tier"
    for earlier, later in combinations(visits, 2):
        shared = {debt.track: debt for debt in earlier.debts}
        for debt in later.debts:
            if debt.track in shared:
                apart = min(later.days) - max(earlier.days)
                assert apart >= timedelta(days=max(1, debt.min_gap_days))
                assert shared[debt.track].last_day <= debt.last_day, "the oldest debt first"
