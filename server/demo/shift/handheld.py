"""A handheld in short: documents taken along, a queue of records, and the replication protocol."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from server.demo.shift.camera import Photo
from server.demo.shift.link import Link, LinkDown

COLLECTIONS = ("cells", "outlets", "sites", "obligations", "records", "rectifications", "people", "reference")
PAGE = 200
BATCH = 3
TRIES = 40
TUS = {"Tus-Resumable": "1.0.0"}

Document = dict[str, Any]


class SyncFailed(Exception):
    """The server answered with an error that trying again does not cure, or never answered."""


@dataclass(slots=True)
class Handheld:
    """What the device holds. A record leaves the queue only when the server has answered for it."""

    link: Link
    documents: dict[str, dict[str, Document]] = field(
        default_factory=lambda: {name: {} for name in COLLECTIONS}
    )
    checkpoints: dict[str, Any] = field(default_factory=dict)
    queue: list[Document] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)
    retries: int = 0

    def record(self, document: Document, photos: Sequence[Photo]) -> None:
        """Finish a record: it and its photos are on the device now, whatever the network does."""
        self.photos += photos
        self.documents["records"][document["id"]] = document
        self.queue.append(document)

    def pull(self) -> int:
        """Pull every collection to its end; the number of documents received."""
        return sum(self._pull(name) for name in COLLECTIONS)

    def push(self) -> None:
        """Send the queue in batches, each again and again until the server has answered for it."""
        while self.queue:
            batch = self.queue[:BATCH]
            conflicts = self._again(
                lambda batch=batch: self.link.post(
                    "/sync/v1/records/push",
                    [{"newDocumentState": document} for document in batch],
                    {
                        "Xunge-Device-Time": datetime.now(UTC).isoformat(),
                        "Xunge-Queue-Length": str(len(self.queue) - len(batch)),
                    },
                )
            )
            for master in conflicts:
                self._take(master, "records")
            del self.queue[: len(batch)]

    def send_photos(self) -> int:
        """Send every photo by tus, each on from where the server has it; how often one was resumed."""
        return sum(self._send_photo(photo) for photo in self.photos)

    def _send_photo(self, photo: Photo) -> int:
        claim = {
            "sha256": photo.sha256,
            "record_id": photo.record_id,
            "taken_at": photo.taken_at,
            "kind": photo.kind,
        }
        pairs = (f"{name} {b64encode(value.encode()).decode()}" for name, value in claim.items())
        headers = {**TUS, "Upload-Length": str(len(photo.content)), "Upload-Metadata": ",".join(pairs)}
        address = self._answer(lambda: self.link.send("POST", "/files", headers)).headers["Location"]
        offset, resumed = 0, -1
        while offset < len(photo.content):
            resumed += 1
            part = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            with suppress(LinkDown):
                self.link.send("PATCH", address, part, photo.content[offset:])
            told = self._answer(lambda: self.link.send("HEAD", address, TUS))
            offset = int(told.headers["Upload-Offset"])
        return resumed

    def report_itself(self) -> None:
        """Tell the server how many records wait here and what time it is here."""
        self._again(
            lambda: self.link.post(
                "/api/v1/devices/contact",
                {"queue_length": len(self.queue), "device_time": datetime.now(UTC).isoformat()},
            )
        )

    def _pull(self, name: str) -> int:
        received = 0
        while True:
            checkpoint = json.dumps(self.checkpoints.get(name))
            page = self._again(
                lambda checkpoint=checkpoint: self.link.get(
                    f"/sync/v1/{name}/pull", checkpoint=checkpoint, limit=PAGE
                )
            )
            for document in page["documents"]:
                self._take(document, name)
            self.checkpoints[name] = page["checkpoint"]
            received += len(page["documents"])
            if len(page["documents"]) < PAGE:
                return received

    def _take(self, document: Document, name: str) -> None:
        if document.get("_deleted"):
            self.documents[name].pop(document["id"], None)
        else:
            self.documents[name][document["id"]] = document

    def _again(self, send: Any) -> Any:
        """The JSON of the answer, as for ``_answer``."""
        return self._answer(send).json()

    def _answer(self, send: Any) -> httpx.Response:
        """Send until an answer comes; a refused request is not tried again.

        Raises:
            SyncFailed: after the last try, or on an answer that is an error.
        """
        for attempt in range(TRIES):
            try:
                response: httpx.Response = send()
            except LinkDown:
                self.retries += 1
                time.sleep(min(0.02 * 2**attempt, 0.5))
                continue
            if response.status_code >= 500:
                self.retries += 1
                time.sleep(0.2)
                continue
            if response.is_error:
                raise SyncFailed(f"{response.status_code} {response.text[:300]}")
            return response
        raise SyncFailed("没有网络 · no network")
