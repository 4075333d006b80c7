"""Handhelds: enrolled for a person, revoked in two ways, heard from with their queue and clock."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from server.access.models import Account, Device, DeviceContact
from server.kernel.actor import house
from server.kernel.events import Event
from server.kernel.work import Kernel
from server.records.models import Record
from tests.api.conftest import problem_of
from tests.fieldwork import check_of
from tests.town import MONDAY, Town, client_of


def enrol(app: Flask, kernel: Kernel, town: Town, name: str = "li") -> tuple[FlaskClient, uuid.UUID]:
    """A client that signs as a freshly enrolled handheld, and the handheld's id."""
    answer = client_of(app, kernel, town, name).post("/api/v1/devices", json={"label": f"{name} 的手持机"})
    assert answer.status_code == 201, answer.get_json()
    given = answer.get_json()
    handheld = app.test_client()
    handheld.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {given['token']}"
    return handheld, uuid.UUID(given["device_id"])


def test_a_handheld_is_enrolled_for_its_person(app: Flask, kernel: Kernel, town: Town) -> None:
    handheld, device_id = enrol(app, kernel, town)
    me = handheld.get("/api/v1/me").get_json()
    assert (me["device_id"], me["person_id"]) == (str(device_id), str(town.people["li"]))
    assert handheld.get("/sync/v1/outlets/pull").status_code == 200
    with kernel.sessions() as session:
        device = session.get_one(Device, device_id)
        assert (device.state, device.person_id, device.label) == ("active", town.people["li"], "li 的手持机")
        assert device.expires_at - device.enrolled_at == timedelta(days=90)
        event = session.scalars(select(Event).where(Event.name == "device.enrolled")).one()
        assert event.subject_ids == [str(device_id)]


def test_an_account_that_is_no_field_person_enrols_none(app: Flask, kernel: Kernel, town: Town) -> None:
    answer = client_of(app, kernel, town, "admin").post("/api/v1/devices", json={"label": "试样手持机"})
    problem_of(answer, status=403, code="forbidden")


def test_a_revoked_handheld_lands_what_it_recorded_and_gets_nothing(
    app: Flask, kernel: Kernel, town: Town
) -> None:
    handheld, device_id = enrol(app, kernel, town)
    admin = client_of(app, kernel, town, "admin")
    answer = admin.post(f"/api/v1/devices/{device_id}/revocation", json={})
    assert answer.get_json()["state"] == "push_only"
    problem_of(handheld.get("/sync/v1/outlets/pull"), status=403, code="device_revoked")
    for path in ("me", "outlets", "records", "people"):
        answer = handheld.get(f"/api/v1/{path}")
        assert answer.status_code in (403, 404), path
    problem_of(handheld.post("/api/v1/devices", json={"label": "另一台"}), status=403, code="device_revoked")
    record = check_of(town, 0, MONDAY + timedelta(hours=1), device_id=device_id)
    assert handheld.post("/sync/v1/records/push", json=[{"newDocumentState": record}]).get_json() == []
    with kernel.sessions() as session:
        assert "device_revoked" in session.get_one(Record, uuid.UUID(record["id"])).flags
    # Revoking it twice keeps the first moment, and at once makes it dead.
    first = admin.get("/api/v1/devices").get_json()["items"][0]["revoked_at"]
    answer = admin.post(f"/api/v1/devices/{device_id}/revocation", json={"at_once": True})
    assert (answer.get_json()["state"], answer.get_json()["revoked_at"]) == ("dead", first)


def test_a_stolen_handheld_may_nothing(app: Flask, kernel: Kernel, town: Town) -> None:
    handheld, device_id = enrol(app, kernel, town)
    admin = client_of(app, kernel, town, "admin")
    admin.post(f"/api/v1/devices/{device_id}/revocation", json={"at_once": True})
    record = check_of(town, 0, MONDAY + timedelta(hours=1))
    push = handheld.post("/sync/v1/records/push", json=[{"newDocumentState": record}])
    problem_of(push, status=401, code="sign_in_needed")
    problem_of(handheld.get("/api/v1/me"), status=401, code="sign_in_needed")
    with kernel.sessions() as session:
        assert session.scalars(select(Record)).all() == []


def test_a_dead_handheld_stays_dead(app: Flask, kernel: Kernel, town: Town) -> None:
    _, device_id = enrol(app, kernel, town)
    admin = client_of(app, kernel, town, "admin")
    admin.post(f"/api/v1/devices/{device_id}/revocation", json={"at_once": True})
    answer = admin.post(f"/api/v1/devices/{device_id}/revocation", json={"at_once": False})
    assert answer.get_json()["state"] == "dead"


def test_an_expired_handheld_is_like_a_revoked_one(app: Flask, kernel: Kernel, town: Town) -> None:
    handheld, device_id = enrol(app, kernel, town)
    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        past = datetime.now(UTC) - timedelta(seconds=1)
        work.session.execute(update(Device).where(Device.id == device_id).values(expires_at=past))
    problem_of(handheld.get("/sync/v1/outlets/pull"), status=403, code="device_revoked")
    assert handheld.post("/sync/v1/records/push", json=[]).get_json() == []


def test_a_handheld_of_a_disabled_account_is_like_a_revoked_one(
    app: Flask, kernel: Kernel, town: Town
) -> None:
    handheld, device_id = enrol(app, kernel, town)
    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        owner = select(Device.person_id).where(Device.id == device_id).scalar_subquery()
        work.session.execute(
            update(Account).where(Account.person_id == owner).values(disabled_at=datetime.now(UTC))
        )
    problem_of(handheld.get("/sync/v1/outlets/pull"), status=403, code="device_revoked")
    problem_of(handheld.get("/api/v1/me"), status=403, code="device_revoked")
    assert handheld.post("/sync/v1/records/push", json=[]).get_json() == []


def test_only_administrators_see_and_revoke(app: Flask, kernel: Kernel, town: Town) -> None:
    handheld, device_id = enrol(app, kernel, town)
    for name in ("li", "ju", "gis"):
        client = client_of(app, kernel, town, name)
        problem_of(client.get("/api/v1/devices"), status=403)
        problem_of(client.post(f"/api/v1/devices/{device_id}/revocation", json={}), status=403)
    assert handheld.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("offset", [0, 540, -7200, 10_000_000])
def test_a_contact_tells_queue_and_clock(app: Flask, kernel: Kernel, town: Town, offset: int) -> None:
    handheld, device_id = enrol(app, kernel, town)
    device_time = datetime.now(UTC) + timedelta(seconds=offset)
    answer = handheld.post(
        "/api/v1/devices/contact", json={"queue_length": 7, "device_time": device_time.isoformat()}
    ).get_json()
    assert abs(answer["clock_offset_s"] - offset) <= 2
    assert abs(datetime.fromisoformat(answer["server_time"]) - datetime.now(UTC)) < timedelta(seconds=10)
    with kernel.sessions() as session:
        contact = session.scalars(select(DeviceContact)).one()
        assert (contact.device_id, contact.queue_length) == (device_id, 7)
        assert session.get_one(Device, device_id).clock_offset_s == contact.clock_offset_s


def test_contacts_are_kept_one_by_one(app: Flask, kernel: Kernel, town: Town) -> None:
    handheld, _ = enrol(app, kernel, town)
    for queue in (3, 1, 0):
        told = {"queue_length": queue, "device_time": datetime.now(UTC).isoformat()}
        assert handheld.post("/api/v1/devices/contact", json=told).status_code == 200
    with kernel.sessions() as session:
        order = select(DeviceContact.queue_length).order_by(DeviceContact.heard_at)
        assert session.scalars(order).all() == [3, 1, 0]


def test_a_browser_is_no_handheld(app: Flask, kernel: Kernel, town: Town) -> None:
    told = {"queue_length": 0, "device_time": datetime.now(UTC).isoformat()}
    answer = client_of(app, kernel, town, "li").post("/api/v1/devices/contact", json=told)
    problem_of(answer, status=422, code="invalid")


@pytest.mark.parametrize(
    "told",
    [
        {"queue_length": -1, "device_time": "2026-07-06T09:00:00Z"},
        {"queue_length": 0, "device_time": "2026-07-06T09:00:00"},
        {"queue_length": 0, "device_time": "0001-01-01T00:00:00Z"},
        {"queue_length": 0},
    ],
)
def test_a_contact_that_makes_no_sense(
    app: Flask, kernel: Kernel, town: Town, told: dict[str, object]
) -> None:
    handheld, _ = enrol(app, kernel, town)
    problem_of(handheld.post("/api/v1/devices/contact", json=told), status=422, code="invalid")
