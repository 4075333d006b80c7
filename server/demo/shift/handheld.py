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
from sync.receipts import verify_receipt

COLLECTIONS = (
    *("cells", "outlets", "sites", "obligations", "patrols", "stops"),
    *("records", "rectifications", "people", "reference"),
)
PAGE = 200
BATCH = 3
TRIES = 40
PASSES = 5
TUS = {"Tus-Resumable": "1.0.0"}

Document = dict[str, Any]


class SyncFailed(Exception):
    """The server answered with an error that trying again does not cure, or never answered."""


class _AnotherEpoch(Exception):
    """A page came under another epoch than the one in which this device began."""


@dataclass(slots=True)
class Handheld:
    """What the device holds. A record leaves the queue only when the server has answered for it."""

    link: Link
    documents: dict[str, dict[str, Document]] = field(
        default_factory=lambda: {name: {} for name in COLLECTIONS}
    )
    checkpoints: dict[str, Any] = field(default_factory=dict)
    queue: list[Document] = field(default_factory=list)
    pushed: dict[str, Document] = field(default_factory=dict)
    photos: list[Photo] = field(default_factory=list)
    epoch: str = ""
    retries: int = 0

    def begin(self) -> int:
        """Sign in: ask for the epoch, take everything along, and compare; the number of documents received."""
        self.epoch = self._again(lambda: self.link.get("/sync/v1/epoch"))["epoch"]
        return self.pull() + self.reconcile()

    def record(self, document: Document, photos: Sequence[Photo]) -> None:
        """Finish a record: it and its photos are on the device now, whatever the network does."""
        self.photos += photos
        self.documents["records"][document["id"]] = document
        self.queue.append(document)

    def pull(self) -> int:
        """Pull every collection to its end; the number of documents received.

        Under another epoch the server is told first what only this device may still know; then all begins anew.
        """
        try:
            return sum(self._pull(name) for name in COLLECTIONS)
        except _AnotherEpoch:
            self._compare("records")
            text, keys = self._ask_receipt()
            self.queue += [self.pushed[one] for one in self._uncovered(verify_receipt(text, keys))]
            self.push()
            self.send_photos()
            self.checkpoints.clear()
            return self.begin()

    def reconcile(self) -> int:
        """Compare every collection with the server and pull, until nothing differs; the number of documents received.

        Raises:
            SyncFailed: when documents still differ after some passes.
        """
        received = 0
        for number in range(PASSES):
            # What another writer holds back for a moment comes with a later pull.
            time.sleep(min(number, 1))
            differing = sum(self._compare(name) for name in COLLECTIONS)
            received += self.pull()
            if not differing:
                return received
        raise SyncFailed(
            f"对账后仍有 {differing} 份资料不一致 · {differing} documents still differ after reconciling"
        )

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
            self.pushed.update((document["id"], document) for document in batch)
            for master in conflicts:
                self._take(master, "records")
            del self.queue[: len(batch)]

    def tell_stops(self, rows: Sequence[dict[str, Document]]) -> None:
        """Push what the team says of its stops; what the server answers otherwise is taken over.

        Raises:
            SyncFailed: when it takes none of it, for nobody else has changed them.
        """
        if not rows:
            return
        conflicts = self._again(lambda: self.link.post("/sync/v1/stops/push", list(rows)))
        for row in rows:
            self._take(row["newDocumentState"], "stops")
        for master in conflicts:
            self._take(master, "stops")
        said = {row["newDocumentState"]["id"]: row["newDocumentState"]["status"] for row in rows}
        if any(self.documents["stops"][stop]["status"] != status for stop, status in said.items()):
            raise SyncFailed("站点的执行情况没有被接受 · what was said of the stops was not taken")

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

    def take_receipt(self) -> tuple[str, dict[str, Any]]:
        """The server's signed word on all that was pushed, and what it says, verified with the public keys alone.

        Raises:
            BadReceipt: when none of the server's keys signed it.
            SyncFailed: when it does not cover a record that was pushed, or one of its photos.
        """
        text, keys = self._ask_receipt()
        claims = verify_receipt(text, keys)
        if uncovered := self._uncovered(claims):
            raise SyncFailed(
                f"回执没有覆盖这些记录或其照片 · not covered by the receipt: {', '.join(uncovered)}"
            )
        return text, claims

    def report_itself(self) -> None:
        """Tell the server how many records wait here and what time it is here."""
        self._again(
            lambda: self.link.post(
                "/api/v1/devices/contact",
                {"queue_length": len(self.queue), "device_time": datetime.now(UTC).isoformat()},
            )
        )

    def _ask_receipt(self) -> tuple[str, dict[str, Any]]:
        text = self._answer(lambda: self.link.post("/sync/v1/receipts", list(self.pushed))).text
        return text, self._again(lambda: self.link.get("/sync/v1/keys"))

    def _uncovered(self, claims: dict[str, Any]) -> list[str]:
        """The pushed records that are not stored as they were pushed, with every photo of theirs."""
        photos: dict[str, set[str]] = {record_id: set() for record_id in self.pushed}
        for photo in self.photos:
            photos.setdefault(photo.record_id, set()).add(photo.sha256)
        covered = {
            row["id"]
            for row in claims["rows"]
            if row["collection"] == "records"
            and row["state"] == "stored"
            and row["edit_id"] == self.pushed[row["id"]]["edit_id"]
            and not row["missing_files"]
            and photos[row["id"]] <= set(row["files"])
        }
        return [record_id for record_id in self.pushed if record_id not in covered]

    def _compare(self, name: str) -> int:
        """Tell the server what is held of a collection and push what it lacks; how many documents were not equal."""
        held = self.documents[name]
        pairs = [[document["id"], document["edit_id"]] for document in held.values()]
        told = self._again(lambda: self.link.post(f"/sync/v1/{name}/reconcile", pairs))
        self.queue += [held[record_id] for record_id in told["push"]]
        self.push()
        return int(told["touched"]) + len(told["push"])

    def _pull(self, name: str) -> int:
        received = 0
        while True:
            checkpoint = json.dumps(self.checkpoints.get(name))
            page = self._again(
                lambda checkpoint=checkpoint: self.link.get(
                    f"/sync/v1/{name}/pull", checkpoint=checkpoint, limit=PAGE
                )
            )
            if page["checkpoint"]["epoch"] != self.epoch:
                raise _AnotherEpoch
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
