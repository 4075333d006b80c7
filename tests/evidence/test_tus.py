"""The tus protocol from outside: every word of it that a client may rely on."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from server.evidence.models import Upload
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.evidence.conftest import BYTES, TUS, MakeDevice, claim_of, metadata_of
from tests.town import Town


def count_uploads(kernel: Kernel) -> int:
    with kernel.sessions() as session:
        return session.scalars(select(func.count()).select_from(Upload)).one()


def test_a_file_sent_in_parts_is_received(device: MakeDevice, photo: bytes) -> None:
    li = device()
    address = li.begin(photo)
    half = len(photo) // 2
    first = li.send(address, 0, photo[:half])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(half))
    assert first.headers["Upload-Expires"].endswith("GMT")
    assert li.offset(address) == half
    last = li.send(address, half, photo[half:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(photo)))
    assert "Upload-Expires" not in last.headers
    assert li.offset(address) == len(photo)


def test_what_the_server_speaks_may_be_asked_by_anybody(app: Flask) -> None:
    for path in ("/files", f"/files/{uuid.uuid4()}"):
        answer = app.test_client().options(path)
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "expiration",
            "checksum",
            "termination",
        }
        assert int(answer.headers["Tus-Max-Size"]) == 500 * 1024 * 1024
        assert answer.headers["Tus-Checksum-Algorithm"].split(",")[0] == "sha1"


def test_every_answer_names_the_protocol_errors_too(device: MakeDevice, photo: bytes) -> None:
    li = device()
    for answer in (li.create(photo), li.create(photo, kind="poem"), li.client.patch("/files/x", headers=TUS)):
        assert answer.status_code == 404 or answer.headers["Tus-Resumable"] == "1.0.0"


def test_the_first_bytes_may_come_with_the_creation(device: MakeDevice, photo: bytes) -> None:
    li = device()
    headers = {**TUS, "Upload-Length": str(len(photo)), "Upload-Metadata": metadata_of(claim_of(photo))}
    whole = li.client.post("/files", headers={**headers, **BYTES}, data=photo)
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, str(len(photo)))
    part = li.client.post("/files", headers={**headers, **BYTES}, data=photo[:100])
    assert (part.status_code, part.headers["Upload-Offset"]) == (201, "100")
    address = part.headers["Location"]
    assert li.send(address, 100, photo[100:]).status_code == 204
    too_much = li.client.post("/files", headers={**headers, **BYTES}, data=photo + b"!")
    problem_of(too_much, status=413, code="body_too_large")


@pytest.mark.parametrize("method", ["PATCH", "HEAD", "DELETE"])
def test_the_method_may_be_named_in_a_header(device: MakeDevice, photo: bytes, method: str) -> None:
    li = device()
    address = li.begin(photo)
    headers = {**TUS, **BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": method}
    answer = li.client.post(address, headers=headers, data=photo if method == "PATCH" else b"")
    assert answer.status_code == {"PATCH": 204, "HEAD": 200, "DELETE": 204}[method]


def test_a_wrong_offset_writes_nothing_and_names_the_right_one(device: MakeDevice, photo: bytes) -> None:
    li = device()
    address = li.begin(photo)
    li.send(address, 0, photo[:10])
    for offset in (0, 9, 11, len(photo)):
        answer = li.send(address, offset, photo[offset:])
        problem_of(answer, status=409, code="upload_offset_wrong")
        assert answer.headers["Upload-Offset"] == "10"
    assert li.offset(address) == 10


@pytest.mark.parametrize("offset", ["", "-1", "1.0", "ten", "１", "9" * 30])
def test_an_offset_that_is_no_number_is_told(device: MakeDevice, photo: bytes, offset: str) -> None:
    li = device()
    address = li.begin(photo)
    answer = li.client.patch(
        address, headers={**TUS, **BYTES, "Upload-Offset": offset.encode().decode("latin-1")}, data=photo
    )
    problem_of(answer, status=400, code="bad_request")
    assert li.offset(address) == 0


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0", "2.0.0"])
def test_another_version_of_the_protocol_is_refused(
    device: MakeDevice, photo: bytes, version: str | None
) -> None:
    li = device()
    address = li.begin(photo)
    headers = {
        "Upload-Offset": "0",
        "Upload-Length": "1",
        **BYTES,
        **({"Tus-Resumable": version} if version else {}),
    }
    for answer in (
        li.client.post("/files", headers=headers),
        li.client.patch(address, headers=headers, data=photo),
        li.client.delete(address, headers=headers),
    ):
        problem_of(answer, status=412, code="tus_version_unsupported")
        assert answer.headers["Tus-Version"] == "1.0.0"
    assert li.offset(address) == 0


def test_another_content_type_writes_nothing(device: MakeDevice, photo: bytes) -> None:
    li = device()
    address = li.begin(photo)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "image/jpeg"}
    problem_of(li.client.patch(address, headers=headers, data=photo), code="unsupported_media_type")
    assert li.offset(address) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_body_with_a_wrong_checksum_is_not_written(
    device: MakeDevice, photo: bytes, algorithm: str
) -> None:
    li = device()
    address = li.begin(photo)
    half = len(photo) // 2

    def checksum(part: bytes) -> str:
        return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, part).digest()).decode()}"

    right = {"Upload-Checksum": checksum(photo[:half])}
    spoilt = bytes([photo[0] ^ 1]) + photo[1:half]
    problem_of(li.send(address, 0, spoilt, **right), status=460, code="checksum_mismatch")
    assert li.offset(address) == 0
    assert li.send(address, 0, photo[:half], **right).status_code == 204
    rest = {"Upload-Checksum": checksum(photo[half:])}
    assert li.send(address, half, photo[half:], **rest).headers["Upload-Offset"] == str(len(photo))


@pytest.mark.parametrize("header", ["crc32 AAAA", "sha1", "sha1 not-base64!", "sha1 ####"])
def test_a_checksum_that_cannot_be_checked_is_told(device: MakeDevice, photo: bytes, header: str) -> None:
    li = device()
    address = li.begin(photo)
    answer = li.send(address, 0, photo, **{"Upload-Checksum": header})
    assert answer.status_code in (400, 460)
    problem_of(answer)
    assert li.offset(address) == 0


def test_an_upload_given_up_is_gone_and_its_bytes_with_it(
    device: MakeDevice, photo: bytes, app: Flask
) -> None:
    li = device()
    address = li.begin(photo)
    li.send(address, 0, photo[:100])
    assert li.client.delete(address, headers=TUS).status_code == 204
    assert li.client.head(address, headers=TUS).status_code == 410
    problem_of(li.send(address, 100, photo[100:]), status=410, code="upload_gone")
    files = app.extensions["xunge"].settings.files_dir
    assert not (files / "partial" / address.rpartition("/")[2]).exists()


def test_guard_what_has_been_received_cannot_be_withdrawn(device: MakeDevice, photo: bytes) -> None:
    li = device()
    address = li.begin(photo)
    li.send(address, 0, photo)
    problem_of(li.client.delete(address, headers=TUS), status=409, code="upload_settled")
    assert li.offset(address) == len(photo)


@pytest.mark.parametrize("missing", ["sha256", "record_id", "taken_at", "kind"])
def test_a_claim_that_is_not_complete_is_told_before_any_byte(
    device: MakeDevice, kernel: Kernel, photo: bytes, missing: str
) -> None:
    li, before = device(), count_uploads(kernel)
    body = problem_of(li.create(photo, **{missing: None}), status=422, code="invalid")
    assert [(fault["path"], fault["code"]) for fault in body["errors"]] == [(f"/{missing}", "required")]
    assert count_uploads(kernel) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256", "abc"),
        ("sha256", "A" * 64),
        ("record_id", "one"),
        ("taken_at", "2026-07-06T09:31:00"),
        ("kind", "poem"),
        ("filename", "x" * 256),
        ("filetype", "x" * 128),
    ],
)
def test_a_claim_that_is_wrong_is_told(device: MakeDevice, photo: bytes, name: str, value: str) -> None:
    body = problem_of(device().create(photo, **{name: value}), status=422, code="invalid")
    assert [fault["path"] for fault in body["errors"]] == [f"/{name}"]


@pytest.mark.parametrize(
    "header", ["sha256 !!!", "sha256 /w==", "a YQ==,a YQ==", ", ,", "kind cGhvdG8=,,", "文件"]
)
def test_metadata_that_cannot_be_read_are_told(device: MakeDevice, photo: bytes, header: str) -> None:
    answer = device().create(photo, metadata=header.encode().decode("latin-1"))
    problem_of(answer)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("character", ["\0", "\x7f", "\t", "\xe9"], ids=["nul", "delete", "tab", "latin"])
def test_guard_metadata_that_could_not_be_sent_back_are_refused(
    device: MakeDevice, photo: bytes, character: str
) -> None:
    """They go out again with every HEAD, and a server that would send such a header breaks off instead."""
    metadata = f"{metadata_of(claim_of(photo))},a{character}b QQ=="
    problem_of(device().create(photo, metadata=metadata), status=400, code="bad_request")


def test_text_that_no_table_holds_is_told(device: MakeDevice, photo: bytes) -> None:
    problem_of(device().create(photo, filename="a\0b"), status=422, code="invalid")


@pytest.mark.parametrize("given", [{"length": ""}, {"length": "-5"}, {"length": "5e3"}])
def test_a_length_is_needed(device: MakeDevice, photo: bytes, given: dict[str, Any]) -> None:
    answer = device().create(photo, **given)
    assert problem_of(answer)["status"] in (400, 422)


def test_a_deferred_length_is_refused(device: MakeDevice, photo: bytes) -> None:
    headers = {**TUS, "Upload-Defer-Length": "1", "Upload-Metadata": metadata_of(claim_of(photo))}
    problem_of(device().client.post("/files", headers=headers), status=400, code="bad_request")


@pytest.mark.parametrize(
    ("kind", "most"),
    [("photo", 20 << 20), ("signature", 1 << 20), ("track", 5 << 20), ("video", 500 << 20)],
)
def test_guard_a_claim_beyond_the_limit_of_every_kind_is_refused(
    device: MakeDevice, kernel: Kernel, kind: str, most: int
) -> None:
    """Up to it a file of any kind is taken; one beyond its own kind's is settled as unfit, see test_bad_files."""
    li, before = device(), count_uploads(kernel)
    for length in ((500 << 20) + 1, 2 << 30, 10**18 - 1):
        problem_of(li.create(b"", kind=kind, length=length), status=413, code="file_too_large")
    assert count_uploads(kernel) == before
    assert li.create(b"", kind=kind, length=most + (kind != "video")).status_code == 201


def test_guard_nobody_writes_more_than_was_announced(device: MakeDevice, photo: bytes) -> None:
    li = device()
    address = li.begin(photo, length=100)
    problem_of(li.send(address, 0, photo), status=413, code="body_too_large")
    assert li.offset(address) == 0


def test_guard_an_upload_is_of_one_account_on_one_device(
    elsewhere: Town, device: MakeDevice, photo: bytes
) -> None:
    address = device("li").begin(photo)
    others = [
        device("li"),
        device("wang"),
        device("zhao"),
        device("li", elsewhere),
    ]
    for other in others:
        assert other.client.head(address, headers=TUS).status_code == 404
        problem_of(other.send(address, 0, photo), status=404, code="not_found")
        problem_of(other.client.delete(address, headers=TUS), status=404, code="not_found")


def test_guard_unfinished_uploads_are_bounded(
    device: MakeDevice, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.evidence.ops.OPEN_UPLOADS", 3)
    li = device()
    addresses = [li.begin(photo) for _ in range(3)]
    answer = li.create(photo)
    problem_of(answer, status=429, code="too_many_uploads")
    assert "Retry-After" in answer.headers
    li.send(addresses[0], 0, photo)
    assert li.create(photo).status_code == 201
    assert device("wang").create(photo).status_code == 201


def test_guard_files_of_a_record_are_bounded(
    device: MakeDevice, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.evidence.ops.UPLOADS_OF_A_RECORD", 3)
    record_id = str(uuid.uuid4())
    li = device("li")
    for _ in range(3):
        assert li.upload(photo, record_id=record_id).status_code == 204
    problem_of(li.create(photo, record_id=record_id), status=429, code="too_many_uploads")
    # What one account sends for a record keeps nobody else from sending for it.
    assert device("wang").create(photo, record_id=record_id).status_code == 201
    assert li.create(photo).status_code == 201


def test_two_writers_of_one_upload_spoil_nothing(device: MakeDevice, photo: bytes) -> None:
    """A connection hangs, the device comes again by another: whoever writes second is told the offset."""
    li = device()
    address = li.begin(photo)
    third = len(photo) // 3

    class Hanging:
        """A body whose first part comes, and whose second only after another connection has gone on."""

        def __init__(self) -> None:
            self.parts = [photo[:third], photo[third : 2 * third]]

        def read(self, _size: int = -1) -> bytes:
            if len(self.parts) == 1:
                assert li.offset(address) == third
                assert li.send(address, third, photo[third:]).status_code == 204
            return self.parts.pop(0) if self.parts else b""

    answer = li.client.patch(
        address,
        headers={**TUS, **BYTES, "Upload-Offset": "0"},
        environ_overrides={"wsgi.input": Hanging(), "CONTENT_LENGTH": str(2 * third)},
    )
    assert problem_of(answer)["code"] in ("upload_offset_wrong", "upload_gone")
    assert li.offset(address) == len(photo)


def test_a_device_that_is_nobody_in_the_field_uploads_nothing(app: Flask) -> None:
    problem_of(app.test_client().post("/files", headers=TUS), status=401, code="sign_in_needed")
