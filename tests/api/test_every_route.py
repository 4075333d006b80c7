"""Every route as every role: a permission on each, and nothing out of scope."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from server.kernel.http import PUBLIC
from server.kernel.permissions import Permission, permissions_of
from tests.api.conftest import World, problem_of
from tests.api.routes import (
    BOARD,
    CALENDARS,
    LANDING,
    OPEN,
    PUBLIC_KEYS,
    SIGN_IN,
    VERIFYING,
    guarded,
    permission_of,
    views,
)
from tests.town import ROLE_ACCOUNTS, today


def test_every_view_has_a_permission_or_is_named_as_open(world: World) -> None:
    without = {rule.endpoint for rule, _, view in views(world.app) if not hasattr(view, "permission")}
    assert without == OPEN
    public = {
        rule.endpoint for rule, _, view in views(world.app) if getattr(view, "permission", "") == PUBLIC
    }
    assert public == {SIGN_IN, PUBLIC_KEYS, *VERIFYING, *BOARD, *CALENDARS}
    for endpoint, _, _ in guarded(world):
        assert isinstance(permission_of(world, endpoint), Permission), endpoint


def test_nobody_comes_in(world: World) -> None:
    nobody, stranger, dead = world.client(None), world.client(None), world.client("dead handheld")
    stranger.environ_base["HTTP_AUTHORIZATION"] = "Bearer not-a-token"
    for endpoint, method, path in guarded(world):
        for client in (nobody, stranger, dead):
            answer = client.open(path, method=method, data=b"{", content_type="application/json")
            problem_of(answer, status=401, code="sign_in_needed")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), endpoint


@pytest.mark.parametrize(
    "header", ["Basic eDp5", "Bearer", "Bearer ", "bearer x", "Bearer \xff", "Bearer a b"]
)
def test_another_authorization_is_nobody(world: World, header: str) -> None:
    answer = world.app.test_client().get("/api/v1/me", headers={"Authorization": header})
    problem_of(answer, status=401, code="sign_in_needed")


@pytest.mark.parametrize("name", ROLE_ACCOUNTS)
def test_a_role_without_the_permission_is_told_so(world: World, name: str) -> None:
    held = permissions_of(frozenset(ROLE_ACCOUNTS[name]))
    client = world.client(name)
    refused = 0
    for endpoint, method, path in guarded(world):
        if endpoint == "access.sign_out":
            continue
        answer = client.open(path, method=method, data=b"{", content_type="application/json")
        if permission_of(world, endpoint) in held:
            refusal = answer.get_json() if answer.status_code >= 400 else None
            assert answer.status_code not in (401, 403, 500), (endpoint, refusal)
            # A stream would go on.
            answer.close()
        else:
            refused += 1
            problem_of(answer, status=403, code="forbidden")
    assert refused or name == "li"


def test_a_revoked_handheld_may_push_and_nothing_else(world: World) -> None:
    client = world.client("revoked handheld")
    for endpoint, method, path in guarded(world):
        answer = client.open(path, method=method, json=[] if endpoint in LANDING else {})
        if endpoint in LANDING:
            assert answer.status_code == 200
        elif endpoint == "access.contact":
            problem_of(answer, status=422)
        elif endpoint.startswith("tus."):
            # Let in, and told to speak tus; the address of one upload takes no plain POST.
            problem_of(answer, status=405 if endpoint == "tus.single" and method == "POST" else 412)
        else:
            problem_of(answer, status=403, code="device_revoked")


def outside(world: World) -> dict[str, Any]:
    """Ids that a squad leader must not reach: of the other squad, of the other bureau, of nothing at all."""
    town, other = world.town, world.elsewhere
    return {
        "outlet": [town.outlets[2], other.outlets[0], uuid.uuid4()],
        "record": [world.records[1], world.records[2], uuid.uuid4()],
        "cell": [town.cells[2], other.cells[0], uuid.uuid4()],
        "obligation": [world.obligations[1], world.obligations[2], uuid.uuid4()],
        "squad": [town.squads[1], other.squads[0], uuid.uuid4()],
    }


@pytest.mark.parametrize("kind", ["outlet", "record"])
@pytest.mark.parametrize("name", ["li", "wang", "fu"])
def test_an_address_out_of_scope_is_not_found(world: World, kind: str, name: str) -> None:
    client = world.client(name)
    for one in outside(world)[kind]:
        problem_of(client.get(f"/api/v1/{kind}s/{one}"), status=404, code="not_found")
    inside = {"outlet": world.town.outlets[0], "record": world.records[0]}[kind]
    assert client.get(f"/api/v1/{kind}s/{inside}").get_json()["id"] == str(inside)


@pytest.mark.parametrize("name", ["ju", "fa"])
def test_the_whole_bureau_is_seen_and_no_other(world: World, name: str) -> None:
    client = world.client(name)
    assert client.get(f"/api/v1/outlets/{world.town.outlets[2]}").status_code == 200
    assert client.get(f"/api/v1/records/{world.records[1]}").status_code == 200
    problem_of(client.get(f"/api/v1/outlets/{world.elsewhere.outlets[0]}"), status=404)
    problem_of(client.get(f"/api/v1/records/{world.records[2]}"), status=404)


def test_filters_by_what_is_out_of_scope_find_nothing(world: World) -> None:
    client, ids = world.client("li"), outside(world)
    for path, names, kind in (
        ("outlets", ["cell_id"], "cell"),
        ("obligations", ["subject_id"], "outlet"),
        ("records", ["subject_id"], "outlet"),
        ("reports/cadence/obligations", ["subject_id"], "outlet"),
        ("reports/cadence/obligations", ["cell_id"], "cell"),
        ("reports/cadence/obligations", ["squad_id"], "squad"),
    ):
        for one in ids[kind]:
            extra = {"period": "2026Q3"} if path.startswith("reports") else {}
            answer = client.get(f"/api/v1/{path}", query_string={names[0]: str(one), **extra})
            assert answer.get_json()["items"] == [], (path, names)


def test_lists_hold_the_scope_only(world: World) -> None:
    town = world.town
    client = world.client("wang")
    for path, own in (
        ("cells", {str(cell) for cell in town.cells[:2]}),
        ("outlets", {str(outlet) for outlet in (town.outlets[0], town.outlets[1])}),
        ("records", {str(world.records[0])}),
    ):
        assert {item["id"] for item in client.get(f"/api/v1/{path}").get_json()["items"]} == own
    owed = client.get("/api/v1/obligations", query_string={"limit": 1000}).get_json()["items"]
    assert {item["subject_id"] for item in owed} == {
        str(outlet) for outlet in (town.outlets[0], town.outlets[1])
    }


def test_bodies_that_name_what_is_out_of_scope_change_nothing(world: World) -> None:
    town, ids = world.town, outside(world)
    leader = world.client("li")
    for obligation in ids["obligation"]:
        body = {"obligation_ids": [str(world.obligations[0]), str(obligation)], "reason": "试样理由"}
        problem_of(leader.post("/api/v1/waivers", json=body), status=404)
    duty = {
        "cell_ids": [str(town.cells[0])],
        "squad_id": str(town.squads[0]),
        "lead_person_id": str(town.people["li"]),
        "from_day": today().isoformat(),
    }
    for cell in ids["cell"]:
        problem_of(leader.post("/api/v1/duties", json={**duty, "cell_ids": [str(cell)]}), status=404)
    for squad in ids["squad"]:
        problem_of(leader.post("/api/v1/duties", json={**duty, "squad_id": str(squad)}), status=404)
    bureau = world.client("ju")
    problem_of(bureau.post("/api/v1/duties", json={**duty, "cell_ids": [str(ids["cell"][1])]}), status=404)
    problem_of(bureau.post("/api/v1/duties", json={**duty, "squad_id": str(ids["squad"][1])}), status=404)
    stranger = {**duty, "lead_person_id": str(world.elsewhere.people["li"])}
    problem_of(bureau.post("/api/v1/duties", json=stranger), status=422)
    admin = world.client("admin")
    for device in (world.elsewhere.devices["li"], uuid.uuid4()):
        problem_of(admin.post(f"/api/v1/devices/{device}/revocation", json={}), status=404)


def test_the_other_bureau_pulls_nothing_of_ours(world: World) -> None:
    client = world.client("elsewhere")
    ours = {
        str(one)
        for one in (*world.town.cells, *world.town.outlets, *world.records[:2], *world.town.people.values())
    }
    for name in ("cells", "outlets", "records", "people", "obligations"):
        documents = client.get(f"/sync/v1/{name}/pull?limit=1000").get_json()["documents"]
        assert not ours & {document["id"] for document in documents}
