"""Waivers are given by obligation or by shop and period, listed with their author, and withdrawn with a reason."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from server.cadence import waivers
from server.cadence.histories import load_histories
from server.cadence.models import Obligation, Waiver
from server.cadence.ops import waive
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.cli import main
from server.grids.ops import claim_cells
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.outlets.models import Outlet
from tests.fieldwork import check_of, field_actor, push_at
from tests.sync.interleaving import Rival
from tests.town import MONDAY, PASSWORD, Town

DAY = timedelta(days=1)
WEDNESDAY = MONDAY + 2 * DAY


def obligation(kernel: Kernel, town: Town, outlet: int, key: str) -> Obligation:
    with kernel.sessions() as session:
        return session.scalars(
            select(Obligation).where(Obligation.subject_id == town.outlets[outlet], Obligation.key == key)
        ).one()


def licence_no(kernel: Kernel, town: Town, outlet: int) -> str:
    with kernel.sessions() as session:
        return session.scalars(select(Outlet.licence_no).where(Outlet.id == town.outlets[outlet])).one()


def state(kernel: Kernel, town: Town, outlet: int, key: str, as_of: datetime) -> str:
    with kernel.work(house(town.bureau_id), as_of) as work:
        history = load_histories(work, [town.outlets[outlet]])[town.outlets[outlet]].history
        found = judge(history, load_timeline(work).rulebook, as_of)
        return next(one.state.value for one in found if one.obligation.key == key)


def let_off(kernel: Kernel, town: Town, at: datetime, *ids: uuid.UUID, by: str = "li") -> None:
    with kernel.work(field_actor(town, by), at) as work:
        waive(work, ids, "店主住院")


def only_waiver(kernel: Kernel) -> uuid.UUID:
    with kernel.sessions() as session:
        return session.scalars(select(Waiver.id)).one()


def test_a_withdrawn_waiver_is_owed_again_and_reports_of_before_still_show_it(
    kernel: Kernel, town: Town
) -> None:
    owed = obligation(kernel, town, 0, "2026-W28")
    let_off(kernel, town, MONDAY + timedelta(hours=1), owed.id)
    before = obligation(kernel, town, 0, "2026-W28").edit_id
    with kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        assert waivers.withdraw(work, [only_waiver(kernel)], "已出院") == 1
    assert obligation(kernel, town, 0, "2026-W28").edit_id != before
    assert state(kernel, town, 0, "2026-W28", MONDAY + timedelta(hours=2)) == "waived"
    assert state(kernel, town, 0, "2026-W28", WEDNESDAY - timedelta(seconds=1)) == "waived"
    assert state(kernel, town, 0, "2026-W28", WEDNESDAY) == "open"


def test_a_withdrawal_waits_for_a_hand_over_and_holds_nothing_that_it_needs(
    kernel: Kernel, town: Town
) -> None:
    owed = obligation(kernel, town, 0, "2026-W28")
    let_off(kernel, town, MONDAY + timedelta(hours=1), owed.id)
    waiver_id = only_waiver(kernel)
    answers: list[int] = []

    def withdraw() -> None:
        with kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
            answers.append(waivers.withdraw(work, [waiver_id], "已出院"))

    with kernel.sessions() as session:
        assert owed.cell_id is not None
        claim_cells(session, [owed.cell_id])
        rival = Rival(kernel.sessions, withdraw)
        assert rival.was_blocked
        # Whoever hands the cell over writes what lies in it now.
        held = select(Obligation.id).where(Obligation.id == owed.id).with_for_update(nowait=True)
        assert session.scalars(held).one() == owed.id
    rival.finish()
    assert answers == [1]


def test_a_visit_made_meanwhile_meets_what_is_owed_again(kernel: Kernel, town: Town) -> None:
    owed = obligation(kernel, town, 0, "2026-W28")
    let_off(kernel, town, MONDAY, owed.id)
    check = check_of(town, 0, WEDNESDAY)
    push_at(kernel, town, "li", WEDNESDAY + DAY, check)
    assert obligation(kernel, town, 0, "2026-W28").met_by is None
    with kernel.work(field_actor(town, "li"), WEDNESDAY + 2 * DAY) as work:
        waivers.withdraw(work, [only_waiver(kernel)], "误批")
    assert obligation(kernel, town, 0, "2026-W28").met_by == uuid.UUID(check["id"])


def test_what_was_withdrawn_once_is_not_withdrawn_again_and_may_be_waived_anew(
    kernel: Kernel, town: Town
) -> None:
    owed = obligation(kernel, town, 0, "2026-W28")
    let_off(kernel, town, MONDAY, owed.id)
    first = only_waiver(kernel)
    with kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        waivers.withdraw(work, [first], "误批")
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "li"), WEDNESDAY + DAY) as work:
        waivers.withdraw(work, [first], "误批")
    assert refused.value.code == "waiver_withdrawn"
    let_off(kernel, town, WEDNESDAY + DAY, owed.id)
    assert state(kernel, town, 0, "2026-W28", WEDNESDAY + DAY) == "waived"


def test_nobody_withdraws_or_sees_another_squads_waiver(kernel: Kernel, town: Town) -> None:
    let_off(kernel, town, MONDAY, obligation(kernel, town, 2, "2026-W28").id, by="zhao")
    with kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        assert work.session.execute(waivers.list_waivers(work)).all() == []
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        waivers.withdraw(work, [only_waiver(kernel)], "误批")
    assert refused.value.code == "not_found"


def test_the_list_names_author_reason_and_who_withdrew(kernel: Kernel, town: Town) -> None:
    let_off(kernel, town, MONDAY, obligation(kernel, town, 0, "2026-W28").id)
    with kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        waivers.withdraw(work, [only_waiver(kernel)], "误批")
    with kernel.work(house(town.bureau_id), WEDNESDAY) as work:
        (row,) = work.session.execute(waivers.list_waivers(work)).all()
    assert (row.waived_by, row.reason, row.key, row.known_at) == ("li", "店主住院", "2026-W28", MONDAY)
    assert (row.withdrawn_by, row.revoke_reason, row.revoked_at) == ("li", "误批", WEDNESDAY)


def test_by_shop_and_period_what_is_not_met_is_waived_upcoming_too(kernel: Kernel, town: Town) -> None:
    push_at(kernel, town, "li", WEDNESDAY, check_of(town, 0, WEDNESDAY - timedelta(hours=3)))
    numbers = [licence_no(kernel, town, 0), licence_no(kernel, town, 1)]
    with kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        chosen = waivers.chosen(work, numbers, "2026-W28")
        assert waive(work, chosen, "市场改造，停业一周") == 1
        assert waive(work, waivers.chosen(work, numbers, "2026-W29"), "市场改造，停业一周") == 2
    assert state(kernel, town, 0, "2026-W28", WEDNESDAY) == "met"
    assert state(kernel, town, 1, "2026-W28", WEDNESDAY) == "waived"
    assert state(kernel, town, 0, "2026-W29", WEDNESDAY) == "upcoming"
    assert state(kernel, town, 0, "2026-W29", MONDAY + 7 * DAY) == "waived"


@pytest.mark.parametrize(
    ("outlet", "period", "code"),
    [(0, "2026-W90", "bad_period"), (0, "2027-W10", "nothing_chosen"), (2, "2026-W28", "invalid")],
)
def test_what_cannot_be_chosen_is_told(
    kernel: Kernel, town: Town, outlet: int, period: str, code: str
) -> None:
    number = licence_no(kernel, town, outlet)
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "li"), WEDNESDAY) as work:
        waivers.chosen(work, [number], period)
    assert refused.value.code == code


def test_nothing_of_a_waiver_can_be_rewritten(kernel: Kernel, town: Town) -> None:
    let_off(kernel, town, MONDAY, obligation(kernel, town, 0, "2026-W28").id)
    with pytest.raises(Exception, match="permission denied"), kernel.sessions() as session:
        session.execute(update(Waiver).values(reason="另一个理由"))


def test_on_the_command_line(
    kernel: Kernel, town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    number, leader = licence_no(kernel, town, 0), f"li-{town.bureau_id.hex[-6:]}"

    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, ["waiver", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    asked = ("--outlet", number, "--period", "2026-07", "--tier", "MONTHLY")
    assert "1" in run("add", *asked, "--reason", "门店装修", "--as", leader)
    assert "门店装修" in run("list")
    run("withdraw", str(only_waiver(kernel)), "--reason", "误批", "--as", leader)
    assert "门店装修" not in run("list")
    assert "误批" in run("list", "--all", "--format", "json")
