"""Handhelds expire: what they recorded may still land for a while, nothing is sent to them, and they can be renewed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from server.access.models import Device
from server.kernel import http
from server.kernel.actor import house
from server.kernel.events import Event
from server.kernel.work import Kernel
from server.records.models import Record
from server.records.window import carry_out_dates
from tests.api.conftest import problem_of
from tests.fieldwork import check_of
from tests.sync.conftest import Clock, clock
from tests.town import Town, client_of

__all__ = ["clock"]


def enrol(app: Flask, kernel: Kernel, town: Town) -> tuple[FlaskClient, uuid.UUID]:
    """A handheld enrolled by now for Li."""
    answer = client_of(app, kernel, town, "li").post("/api/v1/devices", json={"label": "li 的手持机"})
    given = answer.get_json()
    handheld = app.test_client()
    handheld.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {given['token']}"
    return handheld, uuid.UUID(given["device_id"])


def push(handheld: FlaskClient, town: Town, at: datetime) -> str:
    """Push a fresh check; its id."""
    record = check_of(town, 0, at - timedelta(hours=1))
    answer = handheld.post("/sync/v1/records/push", json=[{"newDocumentState": record}])
    assert answer.status_code == 200, answer.text
    return str(record["id"])


def flags_of(kernel: Kernel, record_id: str) -> list[str]:
    with kernel.sessions() as session:
        return [
            one for one in session.get_one(Record, uuid.UUID(record_id)).flags if one.startswith("device")
        ]


def state_of(kernel: Kernel, device_id: uuid.UUID) -> str:
    with kernel.sessions() as session:
        return session.get_one(Device, device_id).state


def test_an_expired_handheld_lands_what_it_has_and_gets_nothing_down_guard(
    app: Flask, kernel: Kernel, town: Town, clock: Clock, settings: object
) -> None:
    handheld, device_id = enrol(app, kernel, town)
    admin = client_of(app, kernel, town, "admin")
    assert handheld.get("/sync/v1/outlets/pull").status_code == 200

    # The date itself is looked at, even before the night has carried it out.
    clock.pass_by(days=90)
    problem_of(handheld.get("/sync/v1/outlets/pull"), status=403, code="device_revoked")
    assert flags_of(kernel, push(handheld, town, clock.now)) == ["device_expired"]
    assert state_of(kernel, device_id) == "active"
    with kernel.work(house(town.bureau_id), clock.now) as work:
        carry_out_dates(work)
    assert state_of(kernel, device_id) == "push_only"
    problem_of(handheld.get("/sync/v1/outlets/pull"), status=403, code="device_revoked")
    # Even if its date were set forward in the table: what was carried out holds until it is renewed.
    with kernel.work(house(town.bureau_id), clock.now) as work:
        later = clock.now + timedelta(days=400)
        work.session.execute(update(Device).where(Device.id == device_id).values(expires_at=later))
    problem_of(handheld.get("/sync/v1/outlets/pull"), status=403, code="device_revoked")

    renewed = admin.post(f"/api/v1/devices/{device_id}/renewal").get_json()
    assert (renewed["state"], datetime.fromisoformat(renewed["expires_at"])) == (
        "active",
        clock.now.astimezone(UTC) + timedelta(days=90),
    )
    assert handheld.get("/sync/v1/outlets/pull").status_code == 200
    assert flags_of(kernel, push(handheld, town, clock.now)) == []
    named = admin.patch(f"/api/v1/devices/{device_id}", json={"label": "备用机"}).get_json()
    assert named["label"] == "备用机"

    # Nobody renews it: after its grace it is dead.
    clock.pass_by(days=90)
    with kernel.work(house(town.bureau_id), clock.now) as work:
        carry_out_dates(work)
    clock.pass_by(days=89)
    with kernel.work(house(town.bureau_id), clock.now) as work:
        carry_out_dates(work)
    assert flags_of(kernel, push(handheld, town, clock.now)) == ["device_expired"]
    clock.pass_by(days=1)
    with kernel.work(house(town.bureau_id), clock.now) as work:
        carry_out_dates(work)
    assert state_of(kernel, device_id) == "dead"
    problem_of(handheld.post("/sync/v1/records/push", json=[]), status=401, code="sign_in_needed")
    problem_of(admin.post(f"/api/v1/devices/{device_id}/renewal"), status=409, code="device_not_renewable")
    with kernel.sessions() as session:
        names = session.scalars(
            select(Event.name).where(Event.subject_ids.contains([str(device_id)])).order_by(Event.seq)
        ).all()
    assert names == [
        f"device.{what}" for what in ("enrolled", "expired", "renewed", "renamed", "expired", "died")
    ]


def test_a_revoked_handheld_is_not_renewed(app: Flask, kernel: Kernel, town: Town, clock: Clock) -> None:
    handheld, device_id = enrol(app, kernel, town)
    admin = client_of(app, kernel, town, "admin")
    admin.post(f"/api/v1/devices/{device_id}/revocation", json={})
    clock.pass_by(days=100)
    # It has expired since as well; that it was revoked is what the desk should know.
    assert flags_of(kernel, push(handheld, town, http.now())) == ["device_revoked"]
    problem_of(admin.post(f"/api/v1/devices/{device_id}/renewal"), status=409, code="device_not_renewable")
    with kernel.work(house(town.bureau_id), clock.now) as work:
        carry_out_dates(work)
    assert state_of(kernel, device_id) == "dead"
