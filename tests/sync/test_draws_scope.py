"""A published draw reaches the handhelds of the drawn team, and leaves them when it is cancelled or somebody drops out."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.town import Town, client_of


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    """The town, and everybody of it has pulled."""
    names = ("li", "wang", "zhao", "qian")
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in names})
    made.check()
    return made


@pytest.fixture
def leader(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """The bureau's leader at the console."""
    return client_of(app, kernel, town, "ju")


def asked(client: FlaskClient, path: str, body: Any = None, status: int = 200) -> Any:
    answer = client.post(f"/api/v1/draws{path}", json={} if body is None else body)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_a_drawn_team_of_another_squad_holds_cell_outlet_and_obligations(
    app: Flask, kernel: Kernel, bureau: Bureau, town: Town, leader: FlaskClient
) -> None:
    # Both of the team are of the other squad than the first cell's, so they are Zhao and Qian.
    body = {
        "name": "试样抽查",
        "basis": "试样检查计划",
        "purpose": "special",
        "outlets": {"cell_ids": [str(town.cells[0])]},
        "from_day": bureau.today.isoformat(),
        "to_day": bureau.today.isoformat(),
        "count": 1,
        "from_other_squads": 2,
    }
    draw = asked(leader, "", body, 201)["id"]
    asked(leader, f"/{draw}/rounds")
    bureau.check()
    assert town.cells[0] not in bureau.devices["zhao"].ids("cells")

    asked(leader, f"/{draw}/publication")
    bureau.check()
    for name in ("zhao", "qian"):
        device = bureau.devices[name]
        assert town.cells[0] in device.ids("cells")
        assert town.outlets[0] in device.ids("outlets")
        owed = {one["subject_id"] for one in device.held["obligations"].values()}
        assert str(town.outlets[0]) in owed
    assert leader.get(f"/api/v1/draws/{draw}").get_json()["state"] == "published"

    # The leader of the squad that is looked at cannot send the drawn team away.
    own = client_of(app, kernel, town, "li")
    for grant in own.get("/api/v1/scope-grants").get_json()["items"]:
        path = f"/api/v1/scope-grants/{grant['id']}/revocation"
        problem_of(own.post(path, json={"reason": "试样"}), status=403)

    bureau.devices["zhao"].received.clear()
    asked(leader, f"/{draw}/cancellation", {"reason": "试样：行动取消"})
    bureau.check()
    for name in ("zhao", "qian"):
        device = bureau.devices[name]
        assert device.ids("cells") == set(town.cells[2:])
        assert town.outlets[0] not in device.ids("outlets")
    gone = {one["id"] for one in bureau.devices["zhao"].received if one["_deleted"]}
    assert {str(town.cells[0]), str(town.outlets[0])} <= gone
    # Whose duty it is holds it all the while.
    assert bureau.devices["li"].ids("cells") == set(town.cells[:2])


def test_the_field_sees_a_draw_once_it_is_published_and_only_its_own(
    app: Flask, kernel: Kernel, bureau: Bureau, town: Town, leader: FlaskClient
) -> None:
    body = {
        "name": "试样抽查",
        "basis": "试样检查计划",
        "purpose": "special",
        "outlets": {"cell_ids": [str(town.cells[0])]},
        "from_day": bureau.today.isoformat(),
        "to_day": bureau.today.isoformat(),
        "count": 1,
        "from_other_squads": 2,
    }
    draw = asked(leader, "", body, 201)["id"]
    asked(leader, f"/{draw}/rounds")
    zhao, li = client_of(app, kernel, town, "zhao"), client_of(app, kernel, town, "li")
    for client in (zhao, li):
        problem_of(client.get(f"/api/v1/draws/{draw}"), status=404)
        assert client.get("/api/v1/draws").get_json()["items"] == []
    asked(leader, f"/{draw}/publication")
    assert zhao.get(f"/api/v1/draws/{draw}/verification").get_json()["agrees"] is True
    assert [one["id"] for one in zhao.get("/api/v1/draws").get_json()["items"]] == [draw]
    assert zhao.get(f"/api/v1/draws/{draw}/results").get_json()["items"][0]["state"] == "open"
    problem_of(li.get(f"/api/v1/draws/{draw}"), status=404)
    problem_of(zhao.post(f"/api/v1/draws/{draw}/cancellation", json={"reason": "试样"}), status=403)
    sheet = leader.get(f"/api/v1/draws/{draw}/public-results", query_string={"format": "csv"})
    assert sheet.data.decode("utf-8-sig") == "licence_no,outlet,date,result,officers\n"
    assert leader.get(f"/api/v1/draws/{draw}/public-results").get_json()["rows"] == []
    # Another bureau knows nothing of it, and a name on a certificate is not in what is published.
    file = leader.get(f"/api/v1/draws/{draw}/file")
    assert set(file.get_json()) == {"frozen", "pool_sha256", "rounds", "teams"}
    assert not {str(one) for one in town.people.values()} & set(file.text.split('"'))
