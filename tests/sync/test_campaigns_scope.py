"""Tags reach whoever sees the place, campaigns everybody of the bureau, and nobody else."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.kernel.work import Kernel
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.town import Town, client_of, settle_town


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    """The town, and everybody has pulled."""
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "wang", "zhao")})
    made.check()
    return made


@pytest.fixture
def leader(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """The bureau's leader at the console."""
    return client_of(app, kernel, town, "ju")


def put(leader: FlaskClient, bureau: Bureau, tag: str, kind: str, place: object) -> None:
    """List a place from today."""
    body = {
        "tag": tag,
        "from_day": bureau.today.isoformat(),
        "ground": "试样依据",
        "subjects": [{"kind": kind, "id": str(place)}],
    }
    answer = leader.post("/api/v1/tags", json=body)
    assert answer.status_code == 201, answer.text


def test_a_tag_reaches_whoever_sees_the_place_and_its_end_too(
    bureau: Bureau, town: Town, leader: FlaskClient
) -> None:
    li, zhao = bureau.devices["li"], bureau.devices["zhao"]
    put(leader, bureau, "hotel", "outlet", town.outlets[0])
    put(leader, bureau, "key_area", "cell", town.cells[2])
    bureau.check()
    held = li.held["outlets"][str(town.outlets[0])]["tags"]
    assert held == [{"tag": "hotel", "from_day": bureau.today.isoformat(), "to_day": None}]
    assert [one["tag"] for one in zhao.held["cells"][str(town.cells[2])]["tags"]] == ["key_area"]
    (tag,) = [one["id"] for one in leader.get("/api/v1/tags?tag=hotel").get_json()["items"]]
    body = {"tag_ids": [tag], "reason": "误列"}
    assert leader.post("/api/v1/tags/endings", json=body).status_code == 201
    bureau.check()
    assert li.held["outlets"][str(town.outlets[0])]["tags"] == []
    bureau.check_reconciled()


def test_a_campaign_reaches_everybody_of_the_bureau_and_its_withdrawal_too(
    bureau: Bureau,
    town: Town,
    leader: FlaskClient,
    app: Flask,
    kernel: Kernel,
    clock: Clock,
    handheld: MakeHandheld,
) -> None:
    elsewhere = settle_town(kernel, clock.now, bureau="别处局")
    stranger = handheld("li", elsewhere)
    body = {
        "number": "试专1号",
        "name": "试样专项行动",
        "basis": "试样文号",
        "first_day": "2026-07-06",
        "last_day": "2026-07-14",
        "cell_ids": [str(town.cells[0])],
    }
    campaign = leader.post("/api/v1/campaigns", json=body).get_json()["id"]
    bureau.check()
    for device in bureau.devices.values():
        told = device.held["reference"][campaign]
        assert (told["kind"], told["cell_ids"], told["withdrawn_at"]) == (
            "campaign",
            [str(town.cells[0])],
            None,
        )
    stranger.pull("reference")
    assert campaign not in stranger.held["reference"]
    path = f"/api/v1/campaigns/{campaign}/withdrawal"
    assert leader.post(path, json={"reason": "另有部署"}).status_code == 201
    bureau.check()
    assert bureau.devices["zhao"].held["reference"][campaign]["withdrawn_at"] is not None
    bureau.check_reconciled()
