"""Somebody seconded to a squad sees what it sees, also what it gains meanwhile, on those days and on no other."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.kernel.work import Kernel
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, an_order_to_rectify
from tests.town import Town, client_of


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    """The town after a morning's work, and everybody has pulled."""
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "wang", "zhao")})
    made.devices["li"].push("records", a_check(town, 0, clock.now), an_order_to_rectify(town, 1, clock.now))
    made.devices["zhao"].push("records", an_order_to_rectify(town, 2, clock.now, "zhao", "qian"))
    made.check()
    return made


@pytest.fixture
def leader(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """The bureau's leader at the console."""
    return client_of(app, kernel, town, "ju")


def second(leader: FlaskClient, bureau: Bureau, begins: int, days: int, squad: int = 1) -> str:
    """Second Wang to a squad, from so many days ahead; the entry's id."""
    town, since = bureau.town, bureau.today + timedelta(days=begins)
    body = {
        "person_id": str(town.people["wang"]),
        "kind": "secondment",
        "squad_id": str(town.squads[squad]),
        "first_day": since.isoformat(),
        "last_day": (since + timedelta(days=days - 1)).isoformat(),
    }
    answer = leader.post("/api/v1/roster", json=body)
    assert answer.status_code == 201, answer.text
    entry_id: str = answer.get_json()["id"]
    return entry_id


def withdraw(leader: FlaskClient, entry_id: str, **given: Any) -> None:
    """Take an entry back, or let it end earlier."""
    answer = leader.post(f"/api/v1/roster/{entry_id}/withdrawal", json={"reason": "试样理由", **given})
    assert answer.status_code == 201, answer.text


def test_a_secondment_gives_the_squads_cells_on_its_days_and_takes_them_back_guard(
    bureau: Bureau, town: Town, clock: Clock, leader: FlaskClient
) -> None:
    wang, li = bureau.devices["wang"], bureau.devices["li"]
    second(leader, bureau, 1, 2)
    bureau.check()
    assert wang.ids("cells") == set(town.cells[:2])

    clock.pass_by(days=1)
    li.pull("cells")
    bureau.check()
    # His own squad's stay his; what lay in the others from before his checkpoint came along.
    assert wang.ids("cells") == set(town.cells)
    assert wang.ids("outlets") == set(town.outlets)
    assert len(wang.held["rectifications"]) == 2
    assert li.ids("cells") == set(town.cells[:2])

    # What is written there meanwhile reaches him, and what he writes there is in his scope.
    order = an_order_to_rectify(town, 2, clock.now, "zhao", "qian")
    bureau.devices["zhao"].push("records", order)
    own = a_check(town, 3, clock.now, "wang", "zhao")
    wang.push("records", own)
    bureau.check()
    assert order["id"] in wang.held["records"]
    assert wang.held["records"][own["id"]]["stamp"]["flags"] == []
    assert order["id"] not in li.held["records"]

    clock.pass_by(days=2)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert wang.ids("cells") == set(town.cells[:2])
    assert order["id"] not in wang.held["records"]
    # He was on this one.
    assert own["id"] in wang.held["records"]
    bureau.check_reconciled()


def test_what_the_squad_gains_and_loses_meanwhile_he_gains_and_loses_guard(
    bureau: Bureau, town: Town, clock: Clock, leader: FlaskClient
) -> None:
    wang = bureau.devices["wang"]
    idle = bureau.found_squad()
    bureau.assign([3], idle)
    second(leader, bureau, 0, 5)
    bureau.check()
    assert wang.ids("cells") == set(town.cells[:3])

    bureau.assign([3], squad=1)
    bureau.check()
    assert wang.ids("cells") == set(town.cells)
    bureau.assign([2], idle, from_day=bureau.today + timedelta(days=1))
    clock.pass_by(days=1)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert wang.ids("cells") == {town.cells[0], town.cells[1], town.cells[3]}

    # A cell that is lent to the squad for some days is among what it sees.
    grant = {
        "cell_ids": [str(town.cells[2])],
        "squad_id": str(town.squads[1]),
        "from_day": bureau.today.isoformat(),
        "to_day": bureau.today.isoformat(),
        "ground": "cover",
        "reason": "试样",
    }
    assert leader.post("/api/v1/scope-grants", json=grant).status_code == 201
    bureau.check()
    assert wang.ids("cells") == set(town.cells)
    clock.pass_by(days=1)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert wang.ids("cells") == {town.cells[0], town.cells[1], town.cells[3]}


def test_ending_it_early_revokes_and_what_he_has_anyway_stays_guard(
    bureau: Bureau, town: Town, clock: Clock, leader: FlaskClient
) -> None:
    wang = bureau.devices["wang"]
    entry = second(leader, bureau, 0, 9)
    bureau.check()
    # Cell 1 goes to the squad he is seconded to: he saw it before, and sees it still.
    wang.received.clear()
    bureau.assign([1], squad=1)
    bureau.check()
    gone = {one["id"] for one in wang.received if one["_deleted"]}
    assert str(town.cells[1]) not in gone

    withdraw(leader, entry)
    bureau.check()
    assert wang.ids("cells") == {town.cells[0]}
    assert town.outlets[2] not in wang.ids("outlets")

    # Cut short, it lasts to the end of its new last day.
    entry = second(leader, bureau, 0, 9)
    withdraw(leader, entry, last_day=bureau.today.isoformat())
    bureau.check()
    assert wang.ids("cells") == set(town.cells)
    clock.pass_by(days=1)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert wang.ids("cells") == {town.cells[0]}


def test_leave_and_a_secondment_outside_move_nothing(bureau: Bureau, town: Town, leader: FlaskClient) -> None:
    wang = bureau.devices["wang"]
    wang.received.clear()
    for kind in ("leave", "secondment"):
        body = {
            "person_id": str(town.people["wang"]),
            "kind": kind,
            "first_day": bureau.today.isoformat(),
            "last_day": bureau.today.isoformat(),
        }
        assert leader.post("/api/v1/roster", json=body).status_code == 201
    bureau.check()
    assert wang.received == []
    assert uuid.UUID(str(town.cells[0])) in wang.ids("cells")


def test_somebody_seconded_may_be_transferred_meanwhile(
    bureau: Bureau, town: Town, clock: Clock, leader: FlaskClient
) -> None:
    """He joins the squad that he works with; when the secondment ends he keeps its cells as its member."""
    wang = bureau.devices["wang"]
    second(leader, bureau, 0, 2)
    bureau.check()
    bureau.transfer("wang", squad=1)
    bureau.check()
    assert wang.ids("cells") == set(town.cells[2:])
    wang.received.clear()
    clock.pass_by(days=2)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert wang.ids("cells") == set(town.cells[2:])
    assert not [one for one in wang.received if one["_deleted"] and one["id"] in map(str, town.cells)]
    bureau.check_reconciled()
