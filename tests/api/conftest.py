"""A world for a whole file of API tests: two bureaus, everybody's token, a few records and devices."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from server.access.models import Device
from server.app import create_app
from server.cadence.models import Obligation, Policy
from server.kernel.actor import house
from server.kernel.work import Kernel
from sync.tables import push_log, quarantine
from tests.conftest import own_database, settings_for
from tests.fieldwork import check_of, push_at
from tests.town import MONDAY, ROLE_ACCOUNTS, Town, issue_token, settle_town


@dataclass(slots=True)
class World:
    """The application, the town and a town of another bureau, and a token for each of the town's people."""

    app: Flask
    kernel: Kernel
    town: Town
    elsewhere: Town
    tokens: dict[str, str] = field(default_factory=dict)
    # The records of the town's two squads and of the other bureau, in this order.
    records: list[uuid.UUID] = field(default_factory=list)
    obligations: list[uuid.UUID] = field(default_factory=list)
    # The version of the town's policy that is in force.
    policy_id: uuid.UUID | None = None
    # Of the town's first squad: an edit that lost, and a row that could not be taken.
    conflict_id: int = 0
    kept_id: uuid.UUID | None = None
    # What a test has made by itself, by the argument of an address that names it.
    known: dict[str, uuid.UUID] = field(default_factory=dict)

    def client(self, name: str | None) -> FlaskClient:
        """A client that signs as somebody, or as nobody."""
        client = self.app.test_client()
        if name is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.tokens[name]}"
        return client


@pytest.fixture(scope="module")
def world(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One database for the file: its tests read, or write what no other test of the file reads."""
    with own_database(superuser, template_database) as name:
        app = create_app(settings_for(name, Path(tmp_path_factory.mktemp("files"))))
        kernel: Kernel = app.extensions["xunge"]
        yield _peopled(app, kernel)
        kernel.close()


def _peopled(app: Flask, kernel: Kernel) -> World:
    world = World(app, kernel, settle_town(kernel), settle_town(kernel, bureau="他样局"))
    for name in ROLE_ACCOUNTS:
        world.tokens[name] = issue_token(kernel, world.town, name)
    world.tokens["li's handheld"] = issue_token(kernel, world.town, "li", device=True)
    for state, name in (("push_only", "revoked handheld"), ("dead", "dead handheld")):
        world.tokens[name] = issue_token(kernel, world.town, "wang", device=True)
        with kernel.work(house(world.town.bureau_id), MONDAY) as work:
            device = world.town.devices["wang"]
            work.session.execute(
                update(Device).where(Device.id == device).values(state=state, revoked_at=datetime.now(UTC))
            )
    with kernel.sessions() as session:
        own = select(Policy.id).where(Policy.bureau_id == world.town.bureau_id)
        world.policy_id = session.scalars(own).one()
    world.tokens["elsewhere"] = issue_token(kernel, world.elsewhere, "li", device=True)
    at = MONDAY + timedelta(hours=1)
    for town, who, outlet in ((world.town, "li", 0), (world.town, "zhao", 2), (world.elsewhere, "li", 0)):
        record = check_of(town, outlet, at, by=("li", "wang") if who == "li" else ("zhao", "qian"))
        assert push_at(kernel, town, who, at + timedelta(hours=1), record) == []
        world.records.append(uuid.UUID(record["id"]))
        with kernel.work(house(town.bureau_id), at) as work:
            owed = select(Obligation.id).where(
                Obligation.subject_id == town.outlets[outlet], Obligation.met_by.is_(None)
            )
            world.obligations.append(work.session.scalars(owed.order_by(Obligation.last_day.desc())).all()[0])
        if who == "li" and town is world.town:
            edit = {**record, "edit_id": str(uuid.uuid4()), "narrative": "改写"}
            push_at(kernel, town, who, at + timedelta(hours=2), edit, {**record, "kind": "no kind"})
    with kernel.sessions() as session:
        world.conflict_id = session.scalars(select(push_log.c.seq).where(push_log.c.contested)).one()
        world.kept_id = session.scalars(select(quarantine.c.id)).one()
    return world


def problem_of(response: Any, *, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    """The answer's problem, checked to be one as documented."""
    from server.kernel.problems import CATALOGUE

    assert response.mimetype == "application/problem+json", (response.status_code, response.data[:300])
    body: dict[str, Any] = response.get_json()
    assert CATALOGUE[body["code"]].status == body["status"] == response.status_code
    assert {"type", "title", "title_en", "status", "code", "detail"} <= set(body)
    assert all({"path", "code", "detail"} <= set(fault) for fault in body.get("errors", [])), body
    assert status is None or response.status_code == status, body
    assert code is None or body["code"] == code, body
    return body
