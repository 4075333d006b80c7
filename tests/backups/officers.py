"""Officers with a handheld in the drill: they work, note what was acknowledged, and come back to a restored server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from server.kernel.work import Kernel
from sync.receipts import verify_receipt
from tests.evidence.conftest import Device as Uploader
from tests.evidence.conftest import sha256_of
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.oracle import COLLECTIONS


@dataclass(slots=True)
class Edit:
    """An edit that the officer made himself: the new state and the state that it was made from."""

    collection: str
    new: Document
    assumed: Document


@dataclass(slots=True)
class Officer:
    """Somebody in the field: the handheld, the records that the server took from it, and the edits made on it."""

    name: str
    secret: str
    device: Handheld
    pushed: dict[str, Document] = field(default_factory=dict)
    waiting: list[Document] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    # By SHA-256: the record and the bytes of each photo that is on the handheld, and when a receipt first named it.
    photos: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    receipted: dict[str, int] = field(default_factory=dict)

    def push(self, *records: Document) -> None:
        """Push records, and note that the server has answered."""
        self.device.push("records", *records)
        self.pushed.update((record["id"], record) for record in records)

    def photograph(self, record: Document, photo: bytes) -> Document:
        """Keep a photo, and name it in the record."""
        digest = sha256_of(photo)
        record["photos"][0]["sha256"] = digest
        self.photos[digest] = (record["id"], photo)
        return record

    def upload(self) -> None:
        """Upload every photo that no receipt has named."""
        uploader = Uploader(self.device.client)
        for digest, (record_id, photo) in self.photos.items():
            if digest not in self.receipted:
                assert uploader.upload(photo, record_id=record_id).status_code == 204

    def take_receipt(self) -> list[str]:
        """Ask for a receipt; the photos that are let go: named by a receipt before the last backup, so they are in it.

        A record that is not on the receipt is pushed again: after a restore a colleague may have brought it back.
        """
        receipt = self._receipt()
        unnamed = self.pushed.keys() - {row["id"] for row in receipt["rows"]}
        if unnamed:
            self.device.push("records", *(self.device.held["records"][one] for one in sorted(unnamed)))
            receipt = self._receipt()
        assert {row["id"] for row in receipt["rows"]} == self.pushed.keys()
        assert {row["state"] for row in receipt["rows"]} <= {"stored"}
        named = {digest for row in receipt["rows"] for digest in row["files"]}
        self.receipted = {one: self.receipted.get(one, receipt["iat"]) for one in self.photos if one in named}
        covered = receipt["backup_before"] and datetime.fromisoformat(receipt["backup_before"]).timestamp()
        safe = [one for one, issued_at in self.receipted.items() if covered and issued_at < covered]
        for digest in safe:
            del self.photos[digest], self.receipted[digest]
        return safe

    def _receipt(self) -> dict[str, Any]:
        keys = json.loads(self.device.client.get("/sync/v1/keys").data)
        answer = self.device.client.post("/sync/v1/receipts", json=list(self.pushed))
        return verify_receipt(answer.text, keys)

    def edit(self, rectification_id: str, **changes: Any) -> None:
        """Edit an order to rectify as it stands on the handheld, and push the edit."""
        assumed = self.device.held["rectifications"][rectification_id]
        made = Edit("rectifications", new_edit(assumed, **changes), assumed)
        assert self.device.push(made.collection, made.new, assumed=[made.assumed]) == []
        self.edits.append(made)

    def meets_another_epoch(self) -> bool:
        """Pull with the old checkpoint, look at nothing but the epoch, and forget the checkpoints if it is another."""
        known = self.device.checkpoints["records"]
        answer = self.device.client.get(
            "/sync/v1/records/pull", query_string={"limit": "1", "checkpoint": known}
        )
        assert answer.status_code == 200, answer.text
        if answer.get_json()["checkpoint"]["epoch"] == json.loads(known)["epoch"]:
            return False
        self.device.checkpoints.clear()
        return True

    def come_back(self) -> int:
        """What a client does under a new epoch; how many documents the server had lost.

        First what only the device knows: records that the server names, then edits, oldest first, in the order in
        which the device made them. Only then does it pull, for what it pulls would take the edits' place.
        """
        missing = self.device.reconcile("records")["push"]
        held = self.device.held["records"]
        again = [held[record_id] for record_id in missing] + self.waiting
        if again:
            self.device.push("records", *again)
        self.pushed.update((record["id"], record) for record in self.waiting)
        self.waiting.clear()
        for edit in self.edits:
            self.device.push(edit.collection, edit.new, assumed=[edit.assumed])
        # What the lost server had of photos, the new one may not have; what it has of them is on its receipt.
        self.take_receipt()
        self.upload()
        self.settle()
        return len(missing)

    def settle(self) -> None:
        """Pull to the end, reconcile, pull what that brought, until nothing differs."""
        for _pass in range(3):
            self.device.pull(*COLLECTIONS)
            told = [self.device.reconcile(collection) for collection in COLLECTIONS]
            if not any(one["touched"] or one["push"] for one in told):
                return
        raise AssertionError(f"{self.name} does not come to rest: {told}")


def signed_in(app: Flask, secret: str) -> FlaskClient:
    """A client that signs every request with a token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def moved_to(app: Flask, kernel: Kernel, officer: Officer) -> None:
    """The same handheld, whose requests from now on reach another server."""
    before = officer.device
    officer.device = Handheld(signed_in(app, officer.secret), kernel.sessions, before.limit)
    officer.device.held, officer.device.checkpoints = before.held, before.checkpoints
