"""Photos that are none, or too much: taken, kept apart with the reason, and no hindrance to what else a handheld sends."""

from __future__ import annotations

import os

import pytest
from flask import Flask

from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.evidence.conftest import MakeDevice, a_record_with, sha256_of
from tests.evidence.pictures import a_photo
from tests.town import Town, client_of

HUNDRED_MB = 100 << 20


def too_large() -> bytes:
    """A real photo with a tail, one byte more than a photo may have."""
    photo = a_photo(70)
    return photo + bytes((20 << 20) + 1 - len(photo))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (too_large(), "too_large"), (b"%PDF-1.7\n1 0 obj\n", "other_type")],
    ids=["empty", "large", "lying"],
)
def test_what_is_no_photo_is_kept_apart_with_its_reason(
    app: Flask,
    settings: Settings,
    kernel: Kernel,
    town: Town,
    device: MakeDevice,
    content: bytes,
    reason: str,
) -> None:
    record = a_record_with(kernel, town, content)
    li = device("li")
    address = li.begin(content, record_id=record["id"])
    if content:
        assert li.send(address, 0, content).status_code == 204
    assert li.offset(address) == len(content)
    desk = client_of(app, kernel, town, "li")
    listed = desk.get("/api/v1/files/quarantine?limit=200").get_json()["items"]
    (found,) = [item for item in listed if item["record_id"] == record["id"]]
    assert (found["state"], found["reason"], found["length"]) == ("unfit", reason, len(content))
    # The handheld is told that it has come, so that it lets it go; the bytes are there as they came.
    files = desk.get(f"/api/v1/records/{record['id']}/files").get_json()
    assert [(item["sha256"], item["state"]) for item in files["items"]] == [(sha256_of(content), "received")]
    sha256 = sha256_of(content)
    assert os.path.getsize(settings.files_dir / "originals" / sha256[:2] / sha256) == len(content)


def test_a_photo_of_a_hundred_megabytes_may_begin(device: MakeDevice) -> None:
    assert device("li").create(b"x", length=HUNDRED_MB).status_code == 201


def test_an_empty_file_that_is_claimed_to_be_another_is_a_mismatch(device: MakeDevice) -> None:
    problem_of(device("li").create(a_photo(71), length=0), status=422, code="file_mismatch")
