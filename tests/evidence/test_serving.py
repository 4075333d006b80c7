"""Who is handed which file, and how."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import select

from server.demo.documents import Document
from server.kernel.events import Event
from server.kernel.work import Kernel
from tests.evidence.conftest import MakeDevice, sha256_of
from tests.fieldwork import check_of, push_at
from tests.town import Town, client_of


def a_record_with(
    kernel: Kernel, town: Town, *contents: bytes, outlet: int = 0, name: str = "li"
) -> Document:
    """A check that declares these photos, pushed by somebody of the town an hour ago."""
    now = datetime.now(UTC)
    mate = {"li": "wang", "zhao": "qian"}[name]
    record = check_of(town, outlet, now, by=(name, mate))
    record["photos"] = [
        {"sha256": sha256_of(content), "taken_at": None, "position": None} for content in contents
    ]
    assert push_at(kernel, town, name, now, record) == []
    return record


def test_the_original_is_served_byte_for_byte(
    app: Flask, kernel: Kernel, town: Town, device: MakeDevice, photo: bytes
) -> None:
    record = a_record_with(kernel, town, photo)
    assert device("li").upload(photo, record_id=record["id"]).status_code == 204
    url = f"/api/v1/files/{sha256_of(photo)}?record={record['id']}"
    client = client_of(app, kernel, town, "wang")
    answer = client.get(url, buffered=True)
    assert (answer.status_code, answer.mimetype, answer.get_data()) == (200, "image/jpeg", photo)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    part = client.get(url, headers={"Range": "bytes=100-199"}, buffered=True)
    assert (part.status_code, part.get_data()) == (206, photo[100:200])
    with kernel.sessions() as session:
        reads = session.scalars(select(Event).where(Event.name == "file.read")).all()
    assert [(event.subject_ids, event.account_id) for event in reads] == [
        ([record["id"]], town.accounts["wang"])
    ] * 2
