"""Cells lent for some days, and people moved between squads: carried out on their days, and told beforehand."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.kernel.work import Kernel
from tests.api.conftest import problem_of
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


def lend(client: FlaskClient, town: Town, cells: list[int], since: date, days: int, **given: Any) -> Any:
    """Ask for a grant; the answer."""
    body = {
        "cell_ids": [str(town.cells[cell]) for cell in cells],
        "from_day": since.isoformat(),
        "to_day": (since + timedelta(days=days - 1)).isoformat(),
        "ground": "cover",
        "reason": "试样：顶岗",
        **{name: str(value) if isinstance(value, uuid.UUID) else value for name, value in given.items()},
    }
    return client.post("/api/v1/scope-grants", json=body)


def test_a_grant_to_one_person_reaches_him_alone_and_ends_by_itself_guard(
    bureau: Bureau, town: Town, clock: Clock, leader: FlaskClient
) -> None:
    from_day = bureau.today + timedelta(days=1)
    answer = lend(leader, town, [2], from_day, 2, person_id=town.people["wang"])
    assert answer.status_code == 201, answer.text
    moved = answer.get_json()
    assert (moved["day"], moved["cells"], moved["people"]) == (from_day.isoformat(), 1, 1)
    assert [(one["person_id"], one["gains"], one["loses"]) for one in moved["devices"]] == [
        (str(town.people["wang"]), 1, 0)
    ]
    assert moved["documents"]["outlets"] == 1
    bureau.check()
    assert town.cells[2] not in bureau.devices["wang"].ids("cells")

    clock.pass_by(days=1)
    bureau.devices["li"].pull("cells")
    bureau.check()
    wang, li = bureau.devices["wang"], bureau.devices["li"]
    # What lies in the cell from before his checkpoint came along, and his squad sees nothing of it.
    assert town.outlets[2] in wang.ids("outlets")
    assert len(wang.held["rectifications"]) == 2
    assert town.cells[2] not in li.ids("cells")

    # What is written in the cell meanwhile reaches him as well as its own squad.
    order = an_order_to_rectify(town, 2, clock.now, "zhao", "qian")
    bureau.devices["zhao"].push("records", order)
    bureau.move_outlet(3, cell=2)
    bureau.check()
    assert order["id"] in wang.held["records"]
    assert town.outlets[3] in wang.ids("outlets")
    assert order["id"] not in li.held["records"]

    clock.pass_by(days=2)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert wang.ids("cells") == set(town.cells[:2])
    assert order["id"] not in wang.held["records"]


def test_a_revoked_grant_gives_tombstones_and_an_overlapping_ground_none_guard(
    bureau: Bureau, town: Town, leader: FlaskClient
) -> None:
    today = bureau.today
    assert lend(leader, town, [2], today, 5, squad_id=town.squads[0]).status_code == 201
    assert lend(leader, town, [1, 2], today, 5, person_id=town.people["wang"]).status_code == 201
    bureau.check()
    assert all(bureau.devices[name].ids("cells") == set(town.cells[:3]) for name in ("li", "wang"))
    grants = leader.get("/api/v1/scope-grants", query_string={"active_on": today.isoformat()}).get_json()
    by_squad = {grant["squad_id"]: grant["id"] for grant in grants["items"]}
    to_squad = by_squad[str(town.squads[0])]

    path = f"/api/v1/scope-grants/{to_squad}/revocation"
    told = leader.post(path, json={"reason": "试样", "dry_run": True}).get_json()
    # Wang keeps it by his own grant; Li loses it.
    assert [(one["person_id"], one["loses"]) for one in told["devices"]] == [(str(town.people["li"]), 1)]
    assert leader.post(path, json={"reason": "行动提前结束"}).get_json() == told
    problem_of(leader.post(path, json={"reason": "再来"}), status=409, code="grant_over")

    assert town.outlets[2] in bureau.devices["wang"].ids("outlets")
    bureau.devices["wang"].received.clear()
    bureau.check()
    assert bureau.devices["li"].ids("cells") == set(town.cells[:2])
    assert bureau.devices["wang"].ids("cells") == set(town.cells[:3])
    # Not for a moment was it taken from him.
    gone = {one["id"] for one in bureau.devices["wang"].received if one["_deleted"]}
    assert str(town.cells[2]) not in gone

    # The grant for a cell that duty gives as well ends without a tombstone.
    for grant in grants["items"]:
        if grant["person_id"] == str(town.people["wang"]):
            path = f"/api/v1/scope-grants/{grant['id']}/revocation"
            assert leader.post(path, json={"reason": "试样"}).status_code == 200
    bureau.devices["wang"].received.clear()
    bureau.check()
    assert bureau.devices["wang"].ids("cells") == set(town.cells[:2])
    gone = {one["id"] for one in bureau.devices["wang"].received if one["_deleted"]}
    assert str(town.cells[2]) in gone
    assert str(town.cells[1]) not in gone


def test_a_preview_writes_nothing_and_tells_what_the_act_then_does(
    bureau: Bureau, town: Town, leader: FlaskClient
) -> None:
    duty = {
        "cell_ids": [str(town.cells[1])],
        "squad_id": str(town.squads[1]),
        "lead_person_id": str(town.people["zhao"]),
        "from_day": bureau.today.isoformat(),
    }
    told = leader.post("/api/v1/duties", json={**duty, "dry_run": True}).get_json()
    bureau.check()
    assert bureau.devices["li"].ids("cells") == set(town.cells[:2])
    changes = {one["person_id"]: (one["gains"], one["loses"]) for one in told["devices"]}
    assert changes == {
        str(town.people["li"]): (0, 1),
        str(town.people["wang"]): (0, 1),
        str(town.people["zhao"]): (1, 0),
    }
    assert (told["cells"], told["people"]) == (1, 5)
    # The cell, its shop, the record made there and the order that came of it; what the shop owes.
    counts = {name: told["documents"][name] for name in ("cells", "outlets", "records", "rectifications")}
    assert counts == {"cells": 1, "outlets": 1, "records": 1, "rectifications": 1}
    assert told["documents"]["obligations"] >= 1

    assert told.pop("change_id") is None
    done = leader.post("/api/v1/duties", json=duty).get_json()
    assert done.pop("change_id")
    assert done == told
    bureau.check()
    assert bureau.devices["li"].ids("cells") == {town.cells[0]}
    # It is undone by giving the cell back.
    back = {**duty, "squad_id": str(town.squads[0]), "lead_person_id": str(town.people["li"])}
    assert leader.post("/api/v1/duties", json=back).status_code == 200
    bureau.check()
    assert bureau.devices["li"].ids("cells") == set(town.cells[:2])


def test_a_squad_move_takes_effect_on_its_day_and_is_told_to_everybody(
    bureau: Bureau, town: Town, clock: Clock, leader: FlaskClient
) -> None:
    wang = town.people["wang"]
    path = f"/api/v1/people/{wang}/transfer"
    day = bureau.today + timedelta(days=2)
    move = {"squad_id": str(town.squads[1]), "from_day": day.isoformat()}
    told = leader.post(path, json=move).get_json()
    assert [(one["gains"], one["loses"]) for one in told["devices"]] == [(2, 2)]
    clock.pass_by(days=1)
    bureau.check()
    assert bureau.devices["wang"].ids("cells") == set(town.cells[:2])

    clock.pass_by(days=1)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert bureau.devices["wang"].ids("cells") == set(town.cells[2:])
    # His document tells his squad, so it is another one from that day on.
    squads = {one["squad"] for one in bureau.devices["li"].held["people"].values() if one["id"] == str(wang)}
    assert squads == {"试样2中队"}

    # Out of every squad, at once.
    assert leader.post(path, json={**move, "squad_id": None}).status_code == 200
    bureau.check()
    assert bureau.devices["wang"].ids("cells") == set()


def test_who_may_lend_what(
    app: Flask, kernel: Kernel, town: Town, clock: Clock, bureau: Bureau, leader: FlaskClient
) -> None:
    today = bureau.today
    li, wang = client_of(app, kernel, town, "li"), client_of(app, kernel, town, "wang")
    whom = {"person_id": town.people["wang"]}
    problem_of(lend(wang, town, [0], today, 1, **whom), status=403)
    assert wang.get("/api/v1/scope-grants").status_code == 403
    assert lend(li, town, [0], today, 1, person_id=town.people["zhao"]).status_code == 201
    # Neither another squad's cell nor one that was lent to his own.
    problem_of(lend(li, town, [2], today, 1, **whom), status=404)
    assert lend(leader, town, [2], today, 9, squad_id=town.squads[0]).status_code == 201
    problem_of(lend(li, town, [2], today, 1, **whom), status=404)
    path = f"/api/v1/people/{town.people['zhao']}/transfer"
    move = {"squad_id": str(town.squads[0]), "from_day": today.isoformat()}
    problem_of(li.post(path, json=move), status=403)
    nobody = f"/api/v1/people/{uuid.uuid4()}/transfer"
    problem_of(leader.post(nobody, json=move), status=404)
    problem_of(leader.post(path, json={**move, "squad_id": str(uuid.uuid4())}), status=404)
    for wrong, field, code in (
        ({"from_day": (today - timedelta(days=1)).isoformat()}, "/from_day", "in_past"),
        ({"to_day": (today - timedelta(days=1)).isoformat()}, "/to_day", "dates_reversed"),
        ({"to_day": "9999-12-31"}, "/to_day", "too_far_ahead"),
        ({"squad_id": town.squads[0]}, "/person_id", "not_exactly_one"),
        ({"person_id": None}, "/person_id", "not_exactly_one"),
    ):
        answer = problem_of(lend(leader, town, [0], today, 1, **{**whom, **wrong}), status=422)
        assert [(one["path"], one["code"]) for one in answer["errors"]] == [(field, code)]
    problem_of(lend(leader, town, [0], today, 1, person_id=uuid.uuid4()), status=404)
    stranger = {"cell_ids": [str(uuid.uuid4())], **whom}
    problem_of(lend(leader, town, [], today, 1, **stranger), status=404)
    problem_of(leader.post(path, json={**move, "from_day": "2020-01-01"}), status=422)
