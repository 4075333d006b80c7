"""Writes and hand-overs of one cell at once: whoever comes second sees what the first did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.grids.models import Scope
from server.grids.ops import apply_due_scope, assign_duty
from server.kernel.work import Kernel, keep_up
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import an_order_to_rectify
from tests.sync.interleaving import Rival, officer, push_records
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
