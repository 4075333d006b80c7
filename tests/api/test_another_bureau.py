"""Whoever has the id of something of another bureau, and every permission in his own, finds nothing there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from server.kernel.http import PUBLIC
from tests.api.bodies import sound_body
from tests.api.conftest import World, problem_of
from tests.api.furniture import furnish
from tests.api.routes import path_of, strongest, views
from tests.api.test_garbage import body_schema
from tests.town import client_of

# What the world names of the town's records and what follows from them.
NAMED = {
    *("act_id", "approval_id", "briefing_id", "calendar_token_id", "campaign_id", "change_id", "clue_id"),
    *("dispatch_id", "entry_id", "list_id", "order_id", "patrol_id", "plan_id", "record_id", "sheet_id"),
    *("solving_id", "store_id"),
}
LISTS = (
    *("approvals", "briefings", "campaigns", "clues", "co-signatures", "custody/stores", "dispatches"),
    *("duty-changes", "handovers", "plans", "records", "rectifications", "registration-lists"),
    *("road-checks", "road-stops", "roster", "search/records", "tags"),
)


@pytest.fixture(scope="module")
def furnished(world: World) -> World:
    furnish(world)
    return world


def addresses(world: World) -> Iterator[tuple[Rule, str]]:
    for rule, method, view in views(world.app):
        if NAMED & rule.arguments and view.permission != PUBLIC:
            yield rule, method


def stranger(world: World, endpoint: str) -> FlaskClient:
    """Whoever holds the address's permission in the other bureau."""
    return client_of(world.app, world.kernel, world.elsewhere, strongest(world, endpoint))


def test_no_address_leads_into_another_bureau(furnished: World) -> None:
    spec = furnished.app.test_client().get("/api/openapi.json").get_json()
    tried = set()
    for rule, method in addresses(furnished):
        schema = None if method == "GET" else body_schema(spec, furnished, rule.endpoint, method)
        body = sound_body(furnished, schema) if schema else None
        path = path_of(rule, furnished).replace("index.html", "inspection_record")
        answer = stranger(furnished, rule.endpoint).open(path, method=method, json=body)
        assert answer.status_code == 404, (method, path, answer.get_json())
        problem_of(answer, status=404, code="not_found")
        tried |= NAMED & rule.arguments
    assert tried == NAMED


def test_no_act_of_custody_takes_the_goods_or_the_store_of_another_bureau(furnished: World) -> None:
    keeper = client_of(furnished.app, furnished.kernel, furnished.elsewhere, "wu")
    body = sound_body(furnished, "CustodyActIn")
    problem_of(keeper.post("/api/v1/custody/acts", json=body), status=404, code="not_found")


@pytest.mark.parametrize("name", ["li", "ju"])
def test_no_list_tells_of_another_bureau(furnished: World, name: str) -> None:
    theirs = client_of(furnished.app, furnished.kernel, furnished.elsewhere, name)
    ids = {str(one) for one in (*furnished.known.values(), *furnished.records[:2])}
    for path in LISTS:
        answer = theirs.get(f"/api/v1/{path}")
        assert answer.status_code == 200, path
        assert not [one for one in ids if one in answer.text], path
