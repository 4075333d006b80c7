"""What is owed is written down once, and what met it is kept as the rules say, in whatever order visits arrive."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select, update

from schemas.vocabulary import ObligationState
from server.cadence.histories import load_histories
from server.cadence.models import Obligation
from server.cadence.ops import materialise, note_facts, waive
from server.cadence.rules import judge
from server.cadence.timeline import need_rulebook
from server.cadence.upkeep import settle_dated_ahead
from server.demo.documents import Tier
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.outlets.models import Outlet, OutletStatus
from tests.fieldwork import attempt_at, check_of, push_at
from tests.town import MONDAY, Town

DAY = timedelta(days=1)
# The week before is out of its grace by Wednesday, so that a visit then belongs to its own week.
WEDNESDAY = MONDAY + 2 * DAY


def obligation(kernel: Kernel, town: Town, outlet: int, key: str) -> Obligation:
    with kernel.sessions() as session:
        return session.scalars(
            select(Obligation).where(Obligation.subject_id == town.outlets[outlet], Obligation.key == key)
        ).one()


def states(kernel: Kernel, town: Town, outlet: int, as_of: datetime) -> dict[str, ObligationState]:
    with kernel.work(house(town.bureau_id), as_of) as work:
        rulebook = need_rulebook(work, as_of.date())
        history = load_histories(work, [town.outlets[outlet]])[town.outlets[outlet]].history
        return {found.obligation.key: found.state for found in judge(history, rulebook, as_of)}


def assert_kept_as_judged(kernel: Kernel, town: Town, now: datetime) -> None:
    """Every kept figure against the whole histories judged anew."""
    with kernel.work(house(town.bureau_id), now) as work:
        rulebook = need_rulebook(work, now.date())
        for loaded in load_histories(work, None).values():
            for found in judge(loaded.history, rulebook, now):
                owed = loaded.owed[found.obligation.id]
                assert owed.met_by == (found.met_by or found.made_up_by), (owed, found)
                assert owed.met_at == found.performed_at
                assert owed.attempt_count == len(found.attempts)
                assert owed.cell_id == found.cell_id


def test_writing_down_what_is_owed_twice_adds_nothing(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        assert materialise(work) == 0
    with kernel.work(house(town.bureau_id), MONDAY + 7 * DAY) as work:
        assert materialise(work) > 0
    with kernel.work(house(town.bureau_id), MONDAY + 7 * DAY) as work:
        assert materialise(work) == 0


def test_a_visit_meets_what_is_owed_and_an_attempt_does_not(kernel: Kernel, town: Town) -> None:
    check = check_of(town, 0, WEDNESDAY)
    assert push_at(kernel, town, "li", WEDNESDAY + DAY, check) == []
    assert (
        push_at(kernel, town, "li", WEDNESDAY + DAY, attempt_at(town, 1, WEDNESDAY + timedelta(hours=1)))
        == []
    )
    assert obligation(kernel, town, 0, "2026-W28").met_by == uuid.UUID(check["id"])
    tried = obligation(kernel, town, 1, "2026-W28")
    assert (tried.met_by, tried.attempt_count) == (None, 1)
    # The week is due by Thursday, which says more; the month is not.
    assert states(kernel, town, 1, WEDNESDAY + DAY)["2026-07"] is ObligationState.ATTEMPTED


def test_a_visit_that_is_not_valid_meets_nothing(kernel: Kernel, town: Town) -> None:
    alone = check_of(town, 0, WEDNESDAY, by=("li",))
    assert push_at(kernel, town, "li", WEDNESDAY + DAY, alone) == []
    assert obligation(kernel, town, 0, "2026-W28").met_by is None


def test_a_quarterly_check_meets_the_month_and_the_week_too(kernel: Kernel, town: Town) -> None:
    check = check_of(town, 0, WEDNESDAY, tier="QUARTERLY")
    push_at(kernel, town, "li", WEDNESDAY + DAY, check)
    for key in ("2026-W28", "2026-07", "2026-Q3"):
        assert obligation(kernel, town, 0, key).met_by == uuid.UUID(check["id"])


def test_sunday_night_counts_for_sunday_however_late_it_arrives(kernel: Kernel, town: Town) -> None:
    sunday = datetime(2026, 7, 12, 23, 58, tzinfo=MONDAY.tzinfo)
    push_at(kernel, town, "li", sunday + 9 * DAY, check_of(town, 0, sunday))
    assert states(kernel, town, 0, sunday + 9 * DAY)["2026-W28"] is ObligationState.MET
    # Before it arrived nobody could know, and the answer for that moment stays what it was.
    assert states(kernel, town, 0, sunday + 8 * DAY)["2026-W28"] is ObligationState.MISSED


def test_a_visit_before_its_obligation_was_written_down_meets_it(kernel: Kernel, town: Town) -> None:
    """The nightly job was down for weeks; the visit came, and what it met is written down afterwards."""
    later = WEDNESDAY + 42 * DAY
    check = check_of(town, 0, later)
    push_at(kernel, town, "li", later + DAY, check)
    with kernel.work(house(town.bureau_id), later + DAY) as work:
        assert materialise(work) > 0
    assert obligation(kernel, town, 0, "2026-W34").met_by == uuid.UUID(check["id"])
    assert_kept_as_judged(kernel, town, later + DAY)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_is_what_the_rules_say_in_any_order(kernel: Kernel, town: Town, seed: int) -> None:
    dice = Random(seed)
    end = MONDAY + 40 * DAY
    for week in range(1, 6):
        with kernel.work(house(town.bureau_id), MONDAY + 7 * week * DAY) as work:
            materialise(work)
    tiers: tuple[Tier, ...] = ("WEEKLY", "WEEKLY", "WEEKLY", "MONTHLY", "QUARTERLY")
    visits = []
    for _ in range(24):
        outlet, at = dice.randrange(2), MONDAY + dice.randrange(40) * DAY
        if dice.random() < 0.15:
            visits.append(attempt_at(town, outlet, at))
            continue
        named = "2026-W29" if dice.random() < 0.15 else None
        signers = ("li",) if dice.random() < 0.1 else ("li", "wang")
        visits.append(check_of(town, outlet, at, tier=dice.choice(tiers), by=signers, makes_up=named))
    dice.shuffle(visits)
    now = end
    while visits:
        now += timedelta(minutes=5)
        count = dice.randint(1, 4)
        push_at(kernel, town, "li", now, *visits[:count])
        del visits[:count]
        assert_kept_as_judged(kernel, town, now)


def test_waiving_says_why_and_only_what_is_not_met(kernel: Kernel, town: Town) -> None:
    push_at(kernel, town, "li", WEDNESDAY + DAY, check_of(town, 0, WEDNESDAY))
    open_one, met_one = obligation(kernel, town, 1, "2026-W28"), obligation(kernel, town, 0, "2026-W28")
    with kernel.work(house(town.bureau_id), WEDNESDAY + DAY) as work:
        assert waive(work, [open_one.id], "店面装修") == 1
    with kernel.work(house(town.bureau_id), WEDNESDAY + DAY) as work:
        assert waive(work, [open_one.id], "店面装修") == 0
    assert states(kernel, town, 1, WEDNESDAY + DAY)["2026-W28"] is ObligationState.WAIVED
    with (
        pytest.raises(Problem, match="obligation_closed"),
        kernel.work(house(town.bureau_id), WEDNESDAY + DAY) as work,
    ):
        waive(work, [met_one.id], "不应允许")


def test_a_suspended_outlet_owes_nothing_from_that_day(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY + DAY) as work:
        work.session.add(
            OutletStatus(
                id=new_id(work.now),
                bureau_id=town.bureau_id,
                outlet_id=town.outlets[0],
                from_day=date(2026, 7, 8),
                status="suspended",
                known_at=work.now,
            )
        )
    found = states(kernel, town, 0, MONDAY + 3 * DAY)
    assert found["2026-W28"] is ObligationState.VOID
    assert found["2026-07"] is ObligationState.VOID
    assert states(kernel, town, 0, MONDAY)["2026-W28"] is ObligationState.OPEN


def judged_again(
    kernel: Kernel, town: Town, outlet: int, record_id: str, performed_at: datetime, now: datetime
) -> None:
    """A leader's review gives a record another time."""
    with kernel.work(house(town.bureau_id), now) as work:
        version = {
            "record_id": uuid.UUID(record_id),
            "subject_kind": "outlet",
            "subject_id": town.outlets[outlet],
            "tier": "WEEKLY",
            "performed_at": performed_at,
            "valid": True,
            "makes_up": None,
        }
        note_facts(work, [version], [])


def test_a_record_that_is_found_to_be_of_a_later_week_leaves_the_earlier_one_unmet(
    kernel: Kernel, town: Town
) -> None:
    check = check_of(town, 0, WEDNESDAY)
    push_at(kernel, town, "li", WEDNESDAY + DAY, check)
    assert obligation(kernel, town, 0, "2026-W28").met_by == uuid.UUID(check["id"])
    now = WEDNESDAY + 9 * DAY
    judged_again(kernel, town, 0, check["id"], WEDNESDAY + 7 * DAY, now)
    assert obligation(kernel, town, 0, "2026-W28").met_by is None
    assert obligation(kernel, town, 0, "2026-W29").met_by == uuid.UUID(check["id"])
    assert_kept_as_judged(kernel, town, now)


def test_a_visit_dated_ahead_is_settled_at_night_once_its_time_has_come(kernel: Kernel, town: Town) -> None:
    """A clock that is minutes fast and was never measured: on arrival the visit has not happened yet."""
    check = check_of(town, 0, WEDNESDAY + timedelta(minutes=4))
    push_at(kernel, town, "li", WEDNESDAY, check)
    assert obligation(kernel, town, 0, "2026-W28").met_by is None
    with kernel.work(house(town.bureau_id), WEDNESDAY + timedelta(minutes=3)) as work:
        assert settle_dated_ahead(work) == 0
    with kernel.work(house(town.bureau_id), WEDNESDAY + DAY) as work:
        assert settle_dated_ahead(work) == 1
    assert obligation(kernel, town, 0, "2026-W28").met_by == uuid.UUID(check["id"])
    assert_kept_as_judged(kernel, town, WEDNESDAY + DAY)


def test_what_is_open_moves_with_the_outlet_and_what_is_closed_stays(kernel: Kernel, town: Town) -> None:
    push_at(kernel, town, "li", WEDNESDAY + DAY, check_of(town, 0, WEDNESDAY))
    with kernel.work(house(town.bureau_id), WEDNESDAY + 2 * DAY) as work:
        work.session.execute(
            update(Outlet).where(Outlet.id.in_(town.outlets[:2])).values(cell_id=town.cells[3])
        )
        work.wrote("outlet", town.outlets[:2])
    # Outlet 0 met its week before it moved; outlet 1 had not.
    assert obligation(kernel, town, 0, "2026-W28").cell_id == town.cells[0]
    assert obligation(kernel, town, 1, "2026-W28").cell_id == town.cells[3]
    for outlet in (0, 1):
        assert obligation(kernel, town, outlet, "2026-07").cell_id == town.cells[3]
        # Its grace had run out on Tuesday.
        assert obligation(kernel, town, outlet, "2026-W27").cell_id == town.cells[outlet]
    assert_kept_as_judged(kernel, town, WEDNESDAY + 2 * DAY)
    # The check that met outlet 1 before it moved was still on a handheld.
    push_at(kernel, town, "li", WEDNESDAY + 3 * DAY, check_of(town, 1, WEDNESDAY + timedelta(hours=1)))
    assert obligation(kernel, town, 1, "2026-W28").cell_id == town.cells[1]
    assert_kept_as_judged(kernel, town, WEDNESDAY + 3 * DAY)


def test_a_licence_that_is_widened_owes_from_the_first_full_period(kernel: Kernel, town: Town) -> None:
    def widen(scope: list[str], at: datetime) -> None:
        with kernel.work(house(town.bureau_id), at) as work:
            work.session.execute(
                update(Outlet).where(Outlet.id == town.outlets[0]).values(licence_scope=scope)
            )
            work.wrote("outlet", town.outlets[:1])

    widen(["cigarette"], WEDNESDAY)
    found = states(kernel, town, 0, WEDNESDAY + DAY)
    assert {found[key] for key in ("2026-W28", "2026-07", "2026-Q3")} == {ObligationState.VOID}
    widen(["cigarette", "ecig"], WEDNESDAY + 21 * DAY)
    found = states(kernel, town, 0, WEDNESDAY + 27 * DAY)
    assert {key for key, state in found.items() if state is not ObligationState.VOID} >= {
        "2026-W32",
        "2026-08",
    }
    assert {found[key] for key in ("2026-W29", "2026-W30", "2026-07") if key in found} <= {
        ObligationState.VOID
    }
    assert found["2026-W32"] is ObligationState.OPEN
    assert "2026-W31" not in found
