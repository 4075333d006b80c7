"""Fixtures of the tests of files: the town, and devices that speak tus over HTTP to a real application."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from server.access.models import Device as Handheld
from server.demo.documents import Document
from server.kernel.actor import house
from server.kernel.work import Kernel
from tests.evidence.pictures import a_photo
from tests.fieldwork import attempt_at, push_at
from tests.one_house import app, kernel, settings
from tests.town import Town, client_of, settle_town

__all__ = ["app", "kernel", "settings"]

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def town(kernel: Kernel) -> Town:
    """The town, as it is today."""
    return settle_town(kernel, datetime.now(UTC))


@pytest.fixture(scope="module")
def elsewhere(kernel: Kernel) -> Town:
    """A town of another bureau on the same server."""
    return settle_town(kernel, datetime.now(UTC), bureau="他样局")


def sha256_of(content: bytes) -> str:
    """As the device names a file."""
    return hashlib.sha256(content).hexdigest()


def claim_of(content: bytes, **given: Any) -> dict[str, str]:
    """What a device says of a photo; ``None`` leaves a pair out."""
    claim = {
        "sha256": sha256_of(content),
        "record_id": str(uuid.uuid4()),
        "taken_at": "2026-07-06T09:31:00+08:00",
        "kind": "photo",
        "filename": "现场.jpg",
        "filetype": "image/jpeg",
        **given,
    }
    return {name: str(value) for name, value in claim.items() if value is not None}


def metadata_of(claim: dict[str, str]) -> str:
    """The header Upload-Metadata."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in claim.items())


def a_record_with(
    kernel: Kernel,
    town: Town,
    *contents: bytes,
    outlet: int = 0,
    name: str = "li",
    ago: timedelta = timedelta(),
) -> Document:
    """An attempt that declares these photos and nothing else, pushed by somebody of the town."""
    at = datetime.now(UTC) - ago
    record = attempt_at(
        town, outlet, at - timedelta(hours=1), by=(name, {"li": "wang", "zhao": "qian"}[name])
    )
    record["photos"] = [{"sha256": sha256_of(content)} for content in contents]
    assert push_at(kernel, town, name, at, record) == []
    return record


class Device:
    """A device that uploads by tus, one request at a time."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def create(self, content: bytes, **given: Any) -> TestResponse:
        """Announce a file; ``length`` and ``metadata`` replace what would be sent."""
        headers = {"Upload-Length": str(given.pop("length", len(content)))}
        headers["Upload-Metadata"] = given.pop("metadata", None) or metadata_of(claim_of(content, **given))
        return self.client.post("/files", headers={**TUS, **headers})

    def begin(self, content: bytes, **given: Any) -> str:
        """Announce a file; the address to which its bytes go."""
        answer = self.create(content, **given)
        assert answer.status_code == 201, answer.get_data()
        return answer.headers["Location"]

    def send(self, address: str, offset: int, part: bytes, **headers: str) -> TestResponse:
        """Send bytes from an offset on."""
        return self.client.patch(
            address, headers={**TUS, **BYTES, "Upload-Offset": str(offset), **headers}, data=part
        )

    def offset(self, address: str) -> int:
        """Where the server says the upload ends."""
        answer = self.client.head(address, headers=TUS)
        assert answer.status_code == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def upload(self, content: bytes, **given: Any) -> TestResponse:
        """Send a whole file; the last answer."""
        return self.send(self.begin(content, **given), 0, content)


MakeDevice = Callable[..., Device]


@pytest.fixture
def device(app: Flask, kernel: Kernel, town: Town) -> MakeDevice:
    """Makes a device of somebody of the town, or of another town."""

    def make(name: str = "li", of: Town | None = None) -> Device:
        return Device(client_of(app, kernel, of or town, name, device=True))

    return make


@pytest.fixture
def photo() -> bytes:
    """A real JPEG."""
    return a_photo()


@pytest.fixture
def revoke(kernel: Kernel, town: Town) -> Callable[[], None]:
    """Revokes the device of Li."""

    def act() -> None:
        with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
            work.session.execute(
                update(Handheld).where(Handheld.id == town.devices["li"]).values(state="push_only")
            )

    return act
