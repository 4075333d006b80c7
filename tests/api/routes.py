"""Every route of the application, an address of each, and who may ask for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from server.kernel.http import PUBLIC
from server.kernel.permissions import Permission, permissions_of
from tests.api.conftest import World
from tests.town import ROLE_ACCOUNTS

# Whatever registers without a permission must be named here, with open eyes.
OPEN = {"static", "api-docs.openapi_json", "swagger_ui.show", "healthz", "readyz", "metrics", "home"}
SIGN_IN = "access.sign_in"
PUBLIC_KEYS = "sync.keys"
# Whoever holds a paper may ask whether it is genuine.
VERIFYING = {"papers.verify_paper", "paper_pages.show_verified"}
# Who answers for which cell is for everybody to know.
BOARD = {
    "duty_boards.list_boards",
    "duty_boards.get_board",
    "board_pages.show_boards",
    "board_pages.show_board",
}
# Whoever has the secret address of a calendar reads it.
CALENDARS = {"calendar_feeds.show_calendar"}
# A revoked handheld may land what it recorded, and learn what is still to land and what has.
LANDING = {"sync.push_documents", "sync.reconcile_documents", "sync.give_receipt"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def views(app: Flask) -> Iterator[tuple[Rule, str, Any]]:
    """Every (rule, method, view) of the application, without what Flask adds by itself."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, app.view_functions[rule.endpoint]


def path_of(rule: Rule, world: World) -> str:
    """An address of the rule with ids that exist, of the town's first squad where it has squads."""
    town = world.town
    known = {
        "outlet_id": town.outlets[0],
        "record_id": world.records[0],
        "device_id": town.devices["wang"],
        "person_id": town.people["wang"],
        # None is given in the world: an id that nobody has.
        "grant_id": uuid.UUID(int=7),
        # One's own only, so nobody else has any of it.
        "notice_id": uuid.UUID(int=7),
        "webhook_id": uuid.UUID(int=7),
        "delivery_id": uuid.UUID(int=7),
        "issue_id": uuid.UUID(int=7),
        "squad_id": town.squads[0],
        "order_id": uuid.UUID(int=7),
        "clue_id": uuid.UUID(int=7),
        "dispatch_id": uuid.UUID(int=7),
        "approval_id": uuid.UUID(int=7),
        "patrol_id": uuid.UUID(int=7),
        "plan_id": uuid.UUID(int=7),
        "solving_id": uuid.UUID(int=7),
        "subject_id": town.outlets[0],
        "change_id": uuid.UUID(int=7),
        "draw_id": uuid.UUID(int=7),
        "list_id": uuid.UUID(int=7),
        "act_id": uuid.UUID(int=7),
        "store_id": uuid.UUID(int=7),
        "hand_over_id": uuid.UUID(int=7),
        "recusal_id": uuid.UUID(int=7),
        "entry_id": uuid.UUID(int=7),
        "sheet_id": uuid.UUID(int=7),
        "campaign_id": uuid.UUID(int=7),
        "briefing_id": uuid.UUID(int=7),
        "calendar_token_id": uuid.UUID(int=7),
        "site_id": uuid.UUID(int=7),
        "policy_id": world.policy_id,
        "form_code": "site_visit",
        "version": 1,
        "conflict_id": world.conflict_id,
        "kept_id": world.kept_id,
        "name": "outlets",
        "upload_id": uuid.uuid4(),
        "sha256": "0" * 64,
        **world.known,
    }
    url = rule.rule
    for argument in rule.arguments:
        for converter in ("uuid:", "int:", "path:", ""):
            url = url.replace(f"<{converter}{argument}>", str(known.get(argument, "index.html")))
    assert "<" not in url, url
    return url


def guarded(world: World) -> Iterator[tuple[str, str, str]]:
    """Every (endpoint, method, address) that needs a permission."""
    for rule, method, view in views(world.app):
        if rule.endpoint not in OPEN and view.permission != PUBLIC:
            yield rule.endpoint, method, path_of(rule, world)


def permission_of(world: World, endpoint: str) -> Permission:
    view: Any = world.app.view_functions[endpoint]
    held: Permission = view.permission
    return held


def strongest(world: World, endpoint: str) -> str:
    """Somebody who holds the endpoint's permission."""
    permission = permission_of(world, endpoint)
    return next(
        name for name, roles in ROLE_ACCOUNTS.items() if permission in permissions_of(frozenset(roles))
    )
