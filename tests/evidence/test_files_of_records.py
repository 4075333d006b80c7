"""What a record declares, what came for it, and what is told of the difference."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from server.evidence.models import EvidenceFile
from server.evidence.queries import files_of
from server.kernel.actor import house
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from sync.receipts import verify_receipt
from tests.api.conftest import problem_of
from tests.evidence.conftest import TUS, MakeDevice, a_record_with, sha256_of
from tests.evidence.pictures import a_photo
from tests.fieldwork import attempt_at, push_at
from tests.town import Town, client_of


@pytest.fixture
def leader(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """The leader of the squad, at a desk."""
    return client_of(app, kernel, town, "li")


def files_at(client: FlaskClient, record_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/api/v1/records/{record_id}/files").get_json()
    return answer


def test_three_of_five_photos(kernel: Kernel, town: Town, device: MakeDevice, leader: FlaskClient) -> None:
    photos = [a_photo(seed) for seed in range(5)]
    record = a_record_with(kernel, town, *photos)
    li = device("li")
    for photo in photos[:3]:
        li.upload(photo, record_id=record["id"])
    listed = files_at(leader, record["id"])
    assert {name: listed[name] for name in ("declared", "received", "missing", "evidence_complete")} == {
        "declared": 5,
        "received": 3,
        "missing": 2,
        "evidence_complete": False,
    }
    assert [(item["sha256"], item["state"]) for item in listed["items"]] == [
        (sha256_of(photo), "received" if number < 3 else "missing") for number, photo in enumerate(photos)
    ]
    first = listed["items"][0]
    assert (first["size"], first["media_type"], first["person_id"]) == (
        len(photos[0]),
        "image/jpeg",
        str(town.people["li"]),
    )
    for photo in photos[3:]:
        li.upload(photo, record_id=record["id"])
    assert files_at(leader, record["id"])["evidence_complete"]


def test_files_may_come_before_their_record(
    kernel: Kernel, town: Town, device: MakeDevice, leader: FlaskClient
) -> None:
    photo, record_id = a_photo(20), str(uuid.uuid4())
    assert device("li").upload(photo, record_id=record_id).status_code == 204
    problem_of(leader.get(f"/api/v1/records/{record_id}/files"), status=404)
    at = datetime.now(UTC)
    record = attempt_at(town, 0, at - timedelta(hours=1), record_id=uuid.UUID(record_id))
    push_at(kernel, town, "li", at, {**record, "photos": [{"sha256": sha256_of(photo)}]})
    assert files_at(leader, record_id)["evidence_complete"]


def test_the_same_bytes_are_stored_once(
    settings: Settings, kernel: Kernel, town: Town, device: MakeDevice, leader: FlaskClient
) -> None:
    photo = a_photo(21)
    records = [a_record_with(kernel, town, photo) for _ in range(2)]
    for record in records:
        for _ in range(2):
            assert device("li").upload(photo, record_id=record["id"]).status_code == 204
    assert len(list(settings.files_dir.rglob(sha256_of(photo)))) == 1
    with kernel.sessions() as session:
        assert len(session.scalars(select(EvidenceFile).filter_by(sha256=sha256_of(photo))).all()) == 1
    assert all(files_at(leader, record["id"])["evidence_complete"] for record in records)


def test_guard_other_bytes_than_claimed_are_quarantined_and_kept(
    app: Flask, settings: Settings, kernel: Kernel, town: Town, device: MakeDevice, leader: FlaskClient
) -> None:
    photo = a_photo(22)
    spoilt = photo[:-1] + bytes([photo[-1] ^ 1])
    record = a_record_with(kernel, town, photo)
    li = device("li")
    address = li.begin(photo, record_id=record["id"])
    problem_of(li.send(address, 0, spoilt), status=422, code="file_mismatch")
    # Told alike whenever it is asked: a device whose answer was lost begins anew.
    for _ in range(2):
        assert li.client.head(address, headers=TUS).status_code == 410
        problem_of(li.send(address, len(photo), b""), status=410, code="upload_gone")
    assert (
        settings.files_dir / "originals" / sha256_of(spoilt)[:2] / sha256_of(spoilt)
    ).read_bytes() == spoilt
    listed = files_at(leader, record["id"])
    assert [item["state"] for item in listed["items"]] == ["mismatch"]
    assert (listed["received"], listed["missing"]) == (0, 1)
    problem_of(leader.get(f"/api/v1/files/{sha256_of(spoilt)}?record={record['id']}"), status=404)
    (kept,) = [
        item
        for item in leader.get("/api/v1/files/quarantine").get_json()["items"]
        if item["record_id"] == record["id"]
    ]
    assert (kept["state"], kept["sha256"], kept["found_sha256"]) == (
        "mismatch",
        sha256_of(photo),
        sha256_of(spoilt),
    )
    # The right bytes are taken when they come, and what was wrong stays listed.
    assert li.upload(photo, record_id=record["id"]).status_code == 204
    assert files_at(leader, record["id"])["evidence_complete"]
    assert kept in leader.get("/api/v1/files/quarantine").get_json()["items"]


@pytest.mark.parametrize(
    ("kind", "content", "media_type", "listed"),
    [
        ("photo", a_photo(form="PNG"), "image/png", False),
        ("photo", a_photo(form="WEBP"), "image/webp", False),
        ("signature", a_photo(form="PNG"), "image/png", False),
        (
            "track",
            json.dumps({"type": "FeatureCollection", "features": []}).encode(),
            "application/json",
            False,
        ),
        ("track", b"[[84.0, 39.0]]", "application/json", False),
        ("track", gzip.compress(b"[[84.0, 39.0]]", mtime=0), "application/gzip", False),
        ("track", b'<?xml version="1.0"?><gpx version="1.1"><trk/></gpx>', "application/gpx+xml", False),
        ("video", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(300), "video/mp4", False),
        ("photo", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", True),
        ("photo", b"GIF89a" + bytes(20), "image/gif", True),
        ("signature", b"[[84.0, 39.0]]", "application/json", True),
        ("track", a_photo(), "image/jpeg", True),
        ("video", b"MZ" + bytes(300), "application/octet-stream", True),
        ("photo", b"no picture at all", "application/octet-stream", True),
    ],
)
def test_the_type_is_told_by_the_bytes_and_another_than_the_kind_has_is_listed(
    kernel: Kernel,
    town: Town,
    device: MakeDevice,
    leader: FlaskClient,
    kind: str,
    content: bytes,
    media_type: str,
    listed: bool,
) -> None:
    # A pair of bytes of its own for each case: the type of known bytes is not asked again.
    record = a_record_with(kernel, town, content)
    answer = device("li").upload(content, record_id=record["id"], kind=kind, filetype="image/jpeg")
    assert answer.status_code == 204
    (item,) = files_at(leader, record["id"])["items"]
    assert (item["state"], item["media_type"]) == ("received", media_type)
    kept = [
        one["state"]
        for one in leader.get("/api/v1/files/quarantine").get_json()["items"]
        if one["record_id"] == record["id"]
    ]
    assert kept == (["unfit"] if listed else [])


def test_guard_the_quarantine_shows_the_scope_only(
    app: Flask, kernel: Kernel, town: Town, elsewhere: Town, device: MakeDevice
) -> None:
    photo = a_photo(24)
    known = a_record_with(kernel, town, photo)
    unknown = str(uuid.uuid4())
    for record_id in (known["id"], unknown):
        answer = device("wang").upload(bytes(10), record_id=record_id, sha256=sha256_of(photo))
        assert answer.status_code == 422
    seen = {
        (of.bureau_id == town.bureau_id, name): {
            item["record_id"]
            for item in client_of(app, kernel, of, name).get("/api/v1/files/quarantine").get_json()["items"]
        }
        & {known["id"], unknown}
        for of, name in ((town, "li"), (town, "zhao"), (town, "ju"), (elsewhere, "li"), (elsewhere, "ju"))
    }
    both = {known["id"], unknown}
    assert seen == {
        (True, "li"): both,
        (True, "zhao"): set(),
        (True, "ju"): both,
        (False, "li"): set(),
        (False, "ju"): set(),
    }


def test_what_has_not_come_after_a_week_goes_to_review(
    app: Flask, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    old, older, new = (a_photo(seed) for seed in (25, 26, 27))
    late = a_record_with(kernel, town, old, older, ago=timedelta(days=7, minutes=1))
    a_record_with(kernel, town, new, ago=timedelta(days=6, hours=23))
    device("li").upload(older, record_id=late["id"])
    leader, other = (client_of(app, kernel, town, name) for name in ("li", "zhao"))
    items = leader.get("/api/v1/files/missing").get_json()["items"]
    assert [(item["record_id"], item["sha256"]) for item in items] == [(late["id"], sha256_of(old))]
    assert other.get("/api/v1/files/missing").get_json()["items"] == []
    page = leader.get("/api/v1/files/missing?days=0&limit=1").get_json()
    everything = [*page["items"]]
    while page["after"]:
        page = leader.get(f"/api/v1/files/missing?days=0&limit=1&after={page['after']}").get_json()
        everything += page["items"]
    whole = leader.get("/api/v1/files/missing?days=0&limit=1000").get_json()
    assert (everything, whole["after"]) == (whole["items"], None)
    assert {sha256_of(old), sha256_of(new)} <= {item["sha256"] for item in everything}


def test_signatures_and_photos_of_the_answers_are_declared_too(
    kernel: Kernel, town: Town, leader: FlaskClient
) -> None:
    photo, signature = sha256_of(b"photo"), sha256_of(b"signature")
    at = datetime.now(UTC)
    record = attempt_at(town, 0, at - timedelta(hours=1))
    record["photos"] = [{"sha256": photo}]
    record["narrative"] = f"照片 {sha256_of(b'narrative')}"
    record["answers"]["signatures"] = [{"role": "party", "sha256": signature}]
    push_at(kernel, town, "li", at, record)
    listed = files_at(leader, record["id"])["items"]
    assert [(item["sha256"], item["kind"]) for item in listed] == [(photo, "photo"), (signature, "signature")]


def test_a_receipt_names_what_came_and_what_is_missing(
    app: Flask, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    came, missing = a_photo(28), a_photo(29)
    li = device("li")
    record = attempt_at(town, 0, datetime.now(UTC) - timedelta(hours=1))
    record["photos"] = [{"sha256": sha256_of(one)} for one in (came, missing)]
    assert li.client.post("/sync/v1/records/push", json=[{"newDocumentState": record}]).get_json() == []
    li.upload(came, record_id=record["id"])
    keys = json.loads(app.test_client().get("/sync/v1/keys").data)
    signed = li.client.post("/sync/v1/receipts", json=[record["id"]]).text
    (row,) = verify_receipt(signed, keys)["rows"]
    assert (row["files"], row["missing_files"]) == ([sha256_of(came)], [sha256_of(missing)])


def test_files_of_many_records_at_once(kernel: Kernel, town: Town, device: MakeDevice) -> None:
    photos = [a_photo(seed) for seed in range(30, 33)]
    records = [uuid.UUID(a_record_with(kernel, town, *photos[:count])["id"]) for count in range(3)]
    device("li").upload(photos[0], record_id=str(records[2]))
    nowhere = uuid.uuid4()
    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        told = files_of(work, [*records, nowhere])
    first, second = (sha256_of(photo) for photo in photos[:2])
    assert told == {
        records[0]: ([], []),
        records[1]: ([], [first]),
        records[2]: ([first], [second]),
        nowhere: ([], []),
    }
