"""Who is handed which file, and how."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from server.kernel.events import Event
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.evidence.conftest import Device, MakeDevice, a_record_with, sha256_of
from tests.evidence.pictures import a_photo
from tests.town import Town, client_of

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"


def address_of(content: bytes, record_id: str, more: str = "") -> str:
    return f"/api/v1/files/{sha256_of(content)}{more}?record={record_id}"


@pytest.fixture
def wang(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """Somebody of the squad, at a desk."""
    return client_of(app, kernel, town, "wang")


def test_the_original_is_served_byte_for_byte_and_each_look_is_noted(
    kernel: Kernel, town: Town, device: MakeDevice, wang: FlaskClient, photo: bytes
) -> None:
    record = a_record_with(kernel, town, photo)
    assert device("li").upload(photo, record_id=record["id"]).status_code == 204
    url = address_of(photo, record["id"])
    answer = wang.get(url, buffered=True)
    assert (answer.status_code, answer.mimetype, answer.get_data()) == (200, "image/jpeg", photo)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Content-Disposition"].startswith("inline; filename=photo-")
    part = wang.get(url, headers={"Range": "bytes=100-199"}, buffered=True)
    assert (part.status_code, part.get_data()) == (206, photo[100:200])
    same = wang.get(url, headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
    assert (same.status_code, same.get_data()) == (304, b"")
    with kernel.sessions() as session:
        looks = session.execute(
            select(Event.subject_ids, Event.account_id).where(Event.name == "file.read")
        ).all()
    assert [tuple(look) for look in looks] == [([record["id"]], town.accounts["wang"])] * 3


@pytest.mark.parametrize(
    "content", [SVG, HTML, b"MZ" + bytes(200), b"%PDF-1.4\n"], ids=["svg", "html", "exe", "pdf"]
)
def test_guard_what_might_run_is_served_as_mere_bytes(
    kernel: Kernel, town: Town, device: MakeDevice, wang: FlaskClient, content: bytes
) -> None:
    record = a_record_with(kernel, town, content)
    li = device("li")
    assert li.upload(content, record_id=record["id"], filetype="image/png").status_code == 204
    answer = wang.get(address_of(content, record["id"]), buffered=True)
    assert (answer.mimetype, answer.get_data()) == ("application/octet-stream", content)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=photo-")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    problem_of(wang.get(address_of(content, record["id"], "/thumbnail")), code="thumbnail_unavailable")


def test_guard_a_file_is_served_to_whoever_may_see_its_record_only(
    app: Flask, kernel: Kernel, town: Town, elsewhere: Town, device: MakeDevice
) -> None:
    photo = a_photo(11)
    record = a_record_with(kernel, town, photo)
    device("li").upload(photo, record_id=record["id"])
    for more in ("", "/thumbnail"):
        url = address_of(photo, record["id"], more)
        for name, of in (("zhao", town), ("qian", town), ("li", elsewhere), ("ju", elsewhere)):
            problem_of(client_of(app, kernel, of, name).get(url), status=404, code="not_found")
        problem_of(app.test_client().get(url), status=401)
        problem_of(client_of(app, kernel, town, "admin").get(url), status=403)
    for name in ("li", "wang", "ju", "fa"):
        assert (
            client_of(app, kernel, town, name).get(address_of(photo, record["id"]), buffered=True).data
            == photo
        )


@pytest.mark.parametrize("more", ["", "/thumbnail"])
def test_guard_what_is_no_hash_is_no_file(
    kernel: Kernel, town: Town, wang: FlaskClient, photo: bytes, more: str
) -> None:
    record = a_record_with(kernel, town, photo)
    for name in ("%00", "%FF", "a" * 63 + "%0A", "..%2F..%2Fetc"):
        problem_of(
            wang.get(f"/api/v1/files/{name}{more}?record={record['id']}"), status=404, code="not_found"
        )


def test_guard_knowing_a_hash_or_naming_an_own_record_opens_nothing(
    app: Flask, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    """Whoever wants a file by way of a record of his own has to show that he has its bytes."""
    photo, other = a_photo(12), a_photo(13)
    hers = a_record_with(kernel, town, photo)
    his = a_record_with(kernel, town, photo, outlet=2, name="zhao")
    device("li").upload(photo, record_id=hers["id"])
    zhao, device_of_zhao = client_of(app, kernel, town, "zhao"), device("zhao")
    problem_of(zhao.get(address_of(photo, his["id"])), status=404)
    assert zhao.get(f"/api/v1/records/{his['id']}/files").get_json()["received"] == 0
    # Announcing bytes that the server has is answered as for any other, and all of them are asked for.
    known, unknown = (device_of_zhao.create(one, record_id=his["id"]) for one in (photo, other))
    assert [
        (answer.status_code, answer.headers["Upload-Offset"], sorted(answer.headers.keys()))
        for answer in (known, unknown)
    ] == [(201, "0", sorted(known.headers.keys()))] * 2
    wrong = device_of_zhao.send(known.headers["Location"], 0, bytes(len(photo)))
    problem_of(wrong, status=422, code="file_mismatch")
    problem_of(zhao.get(address_of(photo, his["id"])), status=404)
    device_of_zhao.upload(photo, record_id=his["id"])
    assert zhao.get(address_of(photo, his["id"]), buffered=True).data == photo


def test_guard_a_file_given_for_a_record_of_others_shows_nothing_of_it(
    app: Flask, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    """The answer is alike for a record that is there and out of scope, and for one that is nowhere."""
    photo = a_photo(14)
    hers = a_record_with(kernel, town, a_photo(15))
    answers = [
        device("zhao").upload(photo, record_id=one).status_code for one in (hers["id"], str(uuid.uuid4()))
    ]
    assert answers == [204, 204]
    zhao = client_of(app, kernel, town, "zhao")
    problem_of(zhao.get(address_of(photo, hers["id"])), status=404)
    problem_of(zhao.get(f"/api/v1/records/{hers['id']}/files"), status=404)
    listed = client_of(app, kernel, town, "li").get(f"/api/v1/records/{hers['id']}/files").get_json()
    assert [(item["declared"], item["state"]) for item in listed["items"]] == [
        (True, "missing"),
        (False, "received"),
    ]
    assert listed["items"][1]["person_id"] == str(town.people["zhao"])
    assert (listed["declared"], listed["received"], listed["evidence_complete"]) == (1, 0, False)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..", "0" * 64, "x", "%2e%2e%2fpartial"])
def test_no_name_leads_out_of_the_folder(kernel: Kernel, town: Town, wang: FlaskClient, name: str) -> None:
    record = a_record_with(kernel, town)
    for more in ("", "/thumbnail"):
        answer = wang.get(f"/api/v1/files/{name}{more}?record={record['id']}")
        assert answer.status_code in (404, 422), answer.status


def test_a_revoked_device_uploads_and_looks_at_nothing(
    app: Flask, kernel: Kernel, town: Town, device: MakeDevice, revoke: Callable[[], None]
) -> None:
    photo = a_photo(16)
    record = a_record_with(kernel, town, photo)
    li: Device = device("li")
    address = li.begin(photo, record_id=record["id"])
    revoke()
    assert li.send(address, 0, photo).status_code == 204
    assert li.upload(a_photo(17), record_id=record["id"]).status_code == 204
    problem_of(li.client.get(address_of(photo, record["id"])), status=403, code="device_revoked")
    listed = client_of(app, kernel, town, "wang").get(f"/api/v1/records/{record['id']}/files").get_json()
    assert listed["evidence_complete"]
