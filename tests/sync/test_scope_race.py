"""Writes and hand-overs of one cell at once: whoever comes second sees what the first did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.grids.models import Scope
from server.grids.ops import apply_due_scope, assign_duty, await_turn, claim_cells
from server.kernel.work import Kernel, keep_up
from server.replication import COLLECTIONS, reader_of
from sync.reconcile import reconcile as run_reconcile
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import an_order_to_rectify
from tests.sync.interleaving import Pause, Rival, edit_order, officer, push_records
from tests.sync.oracle import may_see
from tests.town import Town


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "zhao")})
    made.check()
    return made


def test_a_hand_over_waits_for_a_record_that_is_being_written_and_takes_it_along(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    order = an_order_to_rectify(town, 0, clock.now)
    with kernel.work(officer(town, "li"), clock.now) as work:
        push_records(work, order)
        keep_up(work, kernel.upkeep)
        hand_over = Rival(kernel.sessions, lambda: bureau.assign([0], squad=1))
    hand_over.finish()

    assert hand_over.was_blocked
    bureau.check()
    assert order["id"] in bureau.devices["zhao"].held["records"]
    assert len(bureau.devices["zhao"].held["rectifications"]) == 1


def test_a_record_waits_for_a_hand_over_that_is_under_way_and_reaches_the_new_squad(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    order = an_order_to_rectify(town, 0, clock.now)

    def push_order() -> None:
        with kernel.work(officer(town, "li"), clock.now) as work:
            push_records(work, order)

    with bureau.work() as work:
        assign_duty(work, [town.cells[0]], town.squads[1], town.people["zhao"], bureau.today)
        writing = Rival(kernel.sessions, push_order)
    writing.finish()

    assert writing.was_blocked
    bureau.check()
    assert order["id"] in bureau.devices["zhao"].held["records"]
    assert len(bureau.devices["zhao"].held["rectifications"]) == 1


def test_a_record_begun_during_a_hand_over_reaches_the_new_squad(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    """The new squad pulls between the two commits, as far as the lock leaves anything between them."""
    order, pause = an_order_to_rectify(town, 0, clock.now), Pause()

    def push_order() -> None:
        with kernel.work(officer(town, "li"), clock.now) as work:
            push_records(work, order)
            keep_up(work, kernel.upkeep)
            pause()

    with bureau.work() as work:
        assign_duty(work, [town.cells[0]], town.squads[1], town.people["zhao"], bureau.today)
        writing = Rival(kernel.sessions, push_order, pause)
    writing.come_to_pause()
    bureau.devices["zhao"].glance("records", "rectifications")
    writing.finish()

    bureau.check()
    assert order["id"] in bureau.devices["zhao"].held["records"]


def test_an_edit_begun_during_a_hand_over_reaches_the_new_squad(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    """No key of an edited row changes, so only the writer's own hold on the cell keeps the two apart."""
    li, zhao, pause = bureau.devices["li"], bureau.devices["zhao"], Pause()
    li.push("records", an_order_to_rectify(town, 0, clock.now))
    bureau.check()
    (order,) = li.held["rectifications"].values()

    def edit() -> None:
        with kernel.work(officer(town, "li"), clock.now) as work:
            edit_order(work, order, note="edited meanwhile")
            pause()

    with bureau.work() as work:
        assign_duty(work, [town.cells[0]], town.squads[1], town.people["zhao"], bureau.today)
        editing = Rival(kernel.sessions, edit, pause)
    editing.come_to_pause()
    zhao.glance("rectifications")
    editing.finish()

    bureau.check()
    assert [one["note"] for one in zhao.held["rectifications"].values()] == ["edited meanwhile"]


@pytest.mark.parametrize("first", ["move", "revoke"])
def test_a_move_and_a_revoke_at_once_leave_each_squad_with_its_own(
    bureau: Bureau, kernel: Kernel, town: Town, first: str
) -> None:
    """Outlet 1 moves to a cell of the other squad while the cell that it leaves is handed over."""
    with bureau.work() as work:
        if first == "move":
            bureau.write_move(work, 1, cell=2)
            keep_up(work, kernel.upkeep)
            other = Rival(kernel.sessions, lambda: bureau.assign([1], squad=1))
        else:
            assign_duty(work, [town.cells[1]], town.squads[1], town.people["zhao"], bureau.today)
            other = Rival(kernel.sessions, lambda: bureau.move_outlet(1, cell=2))
    other.finish()

    assert other.was_blocked
    bureau.check()
    assert town.outlets[1] not in bureau.devices["li"].ids("outlets")
    assert town.outlets[1] in bureau.devices["zhao"].ids("outlets")


@pytest.mark.parametrize("first", ["write", "reconcile"])
def test_a_write_and_a_reconcile_at_once_leave_nothing_stale(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock, first: str
) -> None:
    """What a reconcile reads is older than the write, or its touch meets the write's: the write comes down."""
    li = bureau.devices["li"]
    order = an_order_to_rectify(town, 0, clock.now)
    li.push("records", order)
    bureau.check()
    (held,) = li.held["rectifications"].values()
    # A client that lost both: reconciling touches what the write touches too.
    li.held["rectifications"].clear()
    li.held["records"].clear()

    def reconcile() -> None:
        assert {li.reconcile("records")["touched"], li.reconcile("rectifications")["touched"]} == {1}

    if first == "write":
        with kernel.work(officer(town, "wang"), clock.now) as work:
            edit_order(work, held, note="written meanwhile")
            rival = Rival(kernel.sessions, reconcile)
    else:
        with kernel.work(officer(town, "li"), clock.now) as work:
            body = b"[]"
            run_reconcile(work, reader_of(work), COLLECTIONS["rectifications"], body)

            def write() -> None:
                with kernel.work(officer(town, "wang"), clock.now) as other:
                    edit_order(other, held, note="written meanwhile")

            rival = Rival(kernel.sessions, write)
    rival.finish()

    li.reconcile("records")
    bureau.check()
    assert [one["note"] for one in li.held["rectifications"].values()] == ["written meanwhile"]


def test_a_transfer_and_a_hand_over_at_once_give_the_newcomer_the_cell(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    """Wang comes to the squad that is given a cell in the same moment; no cell's lock keeps the two apart."""
    bureau.assign([3], bureau.found_squad())

    with bureau.work() as work:
        bureau.write_transfer(work, "wang", 1)
        hand_over = Rival(kernel.sessions, lambda: bureau.assign([3], squad=1))
    hand_over.finish()

    assert may_see(kernel, town, "wang", clock.now, ("cells",))["cells"].keys() == {
        str(cell) for cell in town.cells[2:]
    }
    with kernel.sessions() as session:
        scope = session.scalars(select(Scope.cell_id).where(Scope.person_id == town.people["wang"]))
        assert set(scope) == set(town.cells[2:])


def test_two_who_carry_out_the_same_day_carry_it_out_once(
    bureau: Bureau, kernel: Kernel, clock: Clock
) -> None:
    bureau.assign([1], squad=1, from_day=bureau.today + timedelta(days=1))
    clock.pass_by(days=1)

    def carry_out() -> None:
        with bureau.work() as work:
            assert apply_due_scope(work) == 0

    with bureau.work() as work:
        assert apply_due_scope(work) > 0
        second = Rival(kernel.sessions, carry_out)
    second.finish()

    assert second.was_blocked
    with kernel.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Scope)) == 3 * 1 + 2 * 3
    bureau.check()


def test_guard_a_day_that_is_carried_out_and_a_hand_over_take_turn_and_cells_in_one_order(
    bureau: Bureau, kernel: Kernel, clock: Clock
) -> None:
    """The cell that the new day hands over is given away in the same moment: one waits, and nobody deadlocks."""
    bureau.assign([1], squad=1, from_day=bureau.today + timedelta(days=1))
    clock.pass_by(days=1)

    with bureau.work() as work:
        await_turn(work)
        hand_over = Rival(kernel.sessions, lambda: bureau.assign([1], squad=0))
        assert apply_due_scope(work) > 0
    hand_over.finish()

    assert hand_over.was_blocked
    bureau.check()


def test_guard_a_batch_of_records_takes_its_cells_in_one_order_whatever_its_own(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    """Two cells are given away while a batch names the later one first: one waits, and nobody deadlocks."""
    first, second = sorted(range(2), key=lambda outlet: town.cells[outlet])
    orders = [an_order_to_rectify(town, outlet, clock.now) for outlet in (second, first)]

    def push_orders() -> None:
        with kernel.work(officer(town, "li"), clock.now) as work:
            push_records(work, *orders)

    with bureau.work() as work:
        claim_cells(work.session, [town.cells[first]])
        writing = Rival(kernel.sessions, push_orders)
        claim_cells(work.session, [town.cells[second]])
    writing.finish()

    assert writing.was_blocked
    bureau.check()


@pytest.mark.parametrize("act", ["push", "assign"])
def test_guard_a_request_that_began_before_midnight_turns_no_day_back(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock, act: str
) -> None:
    """Its clock is read when it begins, and its body may come slowly: the day that began meanwhile stays."""
    bureau.assign([1], squad=1, from_day=bureau.today + timedelta(days=1))
    before_midnight = clock.now
    clock.pass_by(days=1)
    bureau.devices["zhao"].glance("cells")
    assert bureau.is_carried_out()

    with kernel.work(officer(town, "li"), before_midnight) as work:
        if act == "push":
            push_records(work, an_order_to_rectify(town, 0, before_midnight))
        else:
            assign_duty(work, [town.cells[0]], town.squads[0], town.people["li"], bureau.today)

    with kernel.sessions() as session:
        holds = select(Scope.cell_id).where(Scope.person_id == town.people["zhao"])
        assert town.cells[1] in set(session.scalars(holds))
    bureau.check()
