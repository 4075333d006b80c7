"""What one subject owes, put together into visits: nothing is lost, and no visit breaks a rule of the cadence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier, Deed, DutyRule, Performed, SubjectKind
from server.cadence.duty_rules import INSPECTIONS
from server.planning.visits import Debt, Visit, Wanted, as_wanted, grouped, in_order, with_kept

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


def visits_of(debts: Iterable[Debt], days: Sequence[date]) -> tuple[Visit, ...]:
    return in_order(grouped(SubjectKind.OUTLET, debts, days))


def test_one_visit_with_the_deeper_checklist_meets_the_week_and_the_month() -> None:
    week = weekly(1, "2026-W49", MONDAY)
    month = of_tier(2, CadenceTier.MONTHLY, "2026-12", date(2026, 12, 1), date(2026, 12, 31))
    (visit,) = visits_of([month, week], WEEK)
    assert visit.performed is CadenceTier.MONTHLY
    assert visit.days == WEEK[1:], "the month begins on Tuesday"
    assert {debt.key for debt in visit.debts} == {"2026-W49", "2026-12"}


def test_three_rechecks_are_three_visits_on_different_days_in_their_order() -> None:
    debts = [recheck(n, n, MONDAY - timedelta(days=1)) for n in (1, 2, 3)]
    visits = visits_of(debts, WEEK)
    assert [visit.number for visit in visits] == [1, 2, 3]
    for earlier, later in combinations(visits, 2):
        assert max(earlier.days) < min(later.days)


def test_what_was_met_two_days_ago_waits_for_the_gap() -> None:
    saturday = MONDAY - timedelta(days=2)
    debt = weekly(1, "2026-W49", MONDAY, last_met=saturday)
    (visit,) = visits_of([debt], WEEK)
    assert visit.days == WEEK[1:], "three days after Saturday is Tuesday"
    assert visits_of([debt], [MONDAY]) == ()


def test_the_week_before_is_met_late_first_and_this_week_once_its_gap_is_over() -> None:
    before = weekly(1, "2026-W48", MONDAY - timedelta(days=7))
    this = weekly(2, "2026-W49", MONDAY)
    visits = visits_of([this, before], WEEK)
    assert [[debt.key for debt in visit.debts] for visit in visits] == [["2026-W48"], ["2026-W49"]]
    assert min(visits[1].days) - max(visits[0].days) >= timedelta(days=3)
    alone = visits_of([this, before], [MONDAY])
    assert [debt.key for visit in alone for debt in visit.debts] == ["2026-W48"]


def test_a_depot_is_checked_and_an_outlet_inspected_where_nothing_deeper_is_asked() -> None:
    order = recheck(1, 1, MONDAY - timedelta(days=1))
    (visit,) = visits_of([order], WEEK)
    assert visit.performed is Deed.INSPECTION


def test_a_leader_has_a_visit_on_his_day_and_another_on_another() -> None:
    debts = [recheck(n, n, MONDAY - timedelta(days=1)) for n in (1, 2, 3)]
    drafts = grouped(SubjectKind.OUTLET, debts, WEEK)
    for place, plan in ((1, UUID(int=1)), (3, UUID(int=2))):
        found = as_wanted(drafts, Wanted(plan, (WEEK[place],)))
        assert found is not None
        drafts = found
    days = {visit.wanted: visit.days for visit in in_order(drafts) if visit.wanted}
    assert days == {UUID(int=1): (WEEK[1],), UUID(int=2): (WEEK[3],)}
    assert len(in_order(drafts)) == 3, "the third still has a day"
    assert as_wanted(drafts, Wanted(UUID(int=3), (WEEK[4] + timedelta(days=30),))) is None


def test_what_is_kept_stays_what_it_was_and_the_older_debt_goes_before_it() -> None:
    debts = [recheck(n, n, MONDAY - timedelta(days=1)) for n in (1, 2, 3)]
    second = Visit(0, Deed.INSPECTION, (WEEK[2],), (debts[1],), wanted=UUID(int=1))
    drafts = with_kept(grouped(SubjectKind.OUTLET, [debts[0], debts[2]], WEEK), second)
    visits = in_order(drafts)
    assert [visit.debts for visit in visits] == [(debt,) for debt in debts]
    assert visits[1].days == (WEEK[2],)


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
def test_no_debt_is_in_two_visits_and_none_waits_where_nobody_is_visited(
    debts: list[Debt], days: list[date]
) -> None:
    visits = visits_of(debts, days)
    placed = [debt.id for visit in visits for debt in visit.debts]
    assert len(placed) == len(set(placed))
    assert set(placed) <= {debt.id for debt in debts}
    if not placed:
        assert not any(debt.holds(day) for debt in debts for day in days)
    for debt in debts:
        met_alone = [one.id for visit in visits_of([debt], days) for one in visit.debts]
        assert met_alone == ([debt.id] if any(map(debt.holds, days)) else [])


@given(debts=_debts(), days=st.sets(st.sampled_from(WEEK), min_size=1).map(sorted))
def test_whatever_days_are_chosen_every_visit_meets_all_that_it_says(
    debts: list[Debt], days: list[date]
) -> None:
    visits = visits_of(debts, days)
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
