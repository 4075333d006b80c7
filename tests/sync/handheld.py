"""A handheld reduced to what the protocol asks of it: checkpoints, pulls to the end, pushes, and what it holds."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session, sessionmaker

Document = dict[str, Any]


def wait_for_horizon(sessions: sessionmaker[Session], patience_s: float = 30.0) -> None:
    """Return when every transaction that writes now is over: the horizon is the whole cluster's, not ours alone."""
    snapshot = func.pg_current_snapshot()
    with sessions() as session:
        begun = int(session.scalar(select(cast(func.pg_snapshot_xmax(snapshot), Text))) or 0)
        session.rollback()
        until = time.monotonic() + patience_s
        while int(session.scalar(select(cast(func.pg_snapshot_xmin(snapshot), Text))) or 0) < begun:
            session.rollback()
            assert time.monotonic() < until, (
                "Another transaction of this cluster stays open; see pg_stat_activity."
            )
            time.sleep(0.002)


def device_time() -> datetime:
    """What the clock of a device shows that goes right."""
    return datetime.now(UTC)


class Handheld:
    """One device: ``held`` is what its database holds, by collection and id."""

    def __init__(self, client: FlaskClient, sessions: sessionmaker[Session], limit: int = 7) -> None:
        self.client = client
        self.limit = limit
        self.held: dict[str, dict[str, Document]] = {}
        self.checkpoints: dict[str, str] = {}
        self.received: list[Document] = []
        self.started_over: set[str] = set()
        self.clock_off = timedelta(0)
        self._wait: Callable[[], None] = lambda: wait_for_horizon(sessions)

    def pull(self, *collections: str) -> list[Document]:
        """Pull each collection until a page is short, as RxDB does; the documents that came, tombstones too."""
        self._wait()
        came: list[Document] = []
        for collection in collections:
            while True:
                page = self.pull_page(collection)
                came += page
                if len(page) < self.limit:
                    break
        self.received += came
        return came

    def glance(self, *collections: str) -> None:
        """Pull one page of each collection, with no wait for writers that are still open."""
        for collection in collections:
            self.pull_page(collection)

    def pull_page(self, collection: str) -> list[Document]:
        """Pull one page and go on from there; the documents that came, tombstones too."""
        query = {"limit": str(self.limit), "checkpoint": self.checkpoints.get(collection, "null")}
        answer = self.client.get(f"/sync/v1/{collection}/pull", query_string=query)
        assert answer.status_code == 200, answer.text
        body = answer.get_json()
        documents: list[Document] = body["documents"]
        assert len(documents) <= self.limit
        given = json.loads(query["checkpoint"])
        if given and given["epoch"] != body["checkpoint"]["epoch"]:
            self.started_over.add(collection)
        if documents:
            self.checkpoints[collection] = json.dumps(body["checkpoint"])
        held = self.held.setdefault(collection, {})
        for document in documents:
            if document["_deleted"]:
                held.pop(document["id"], None)
            else:
                held[document["id"]] = document
        return documents

    def push(
        self, collection: str, *documents: Document, assumed: Sequence[Document | None] = ()
    ) -> list[Document]:
        """Push documents in one batch and take over the states that are answered, which are returned."""
        masters = self.push_unheard(collection, *documents, assumed=assumed)
        held = self.held.setdefault(collection, {})
        held.update({document["id"]: document for document in documents})
        for master in masters:
            if master["_deleted"]:
                held.pop(master["id"], None)
            else:
                held[master["id"]] = master
        return masters

    def push_unheard(
        self, collection: str, *documents: Document, assumed: Sequence[Document | None] = ()
    ) -> list[Document]:
        """Push documents whose answer never reaches the device, so that it holds what it held before."""
        known = list(assumed) or [None] * len(documents)
        body = [
            {"newDocumentState": new} | ({"assumedMasterState": old} if old else {})
            for new, old in zip(documents, known, strict=True)
        ]
        # The device's clock goes right unless a test sets it wrong.
        told = {"Xunge-Device-Time": (device_time() + self.clock_off).isoformat()}
        answer = self.client.post(f"/sync/v1/{collection}/push", json=body, headers=told)
        assert answer.status_code == 200, answer.text
        masters: list[Document] = answer.get_json()
        return masters

    def reconcile(self, collection: str) -> dict[str, Any]:
        """Tell the server what is held of a collection; what it answers."""
        pairs = [[document["id"], document["edit_id"]] for document in self.held.get(collection, {}).values()]
        answer = self.client.post(f"/sync/v1/{collection}/reconcile", json=pairs)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.get_json()
        return told

    def ids(self, collection: str) -> set[uuid.UUID]:
        """The ids that it holds of a collection."""
        return {uuid.UUID(document_id) for document_id in self.held.get(collection, {})}


def new_edit(document: Document, **changes: Any) -> Document:
    """The document as somebody edits it on a device: changed, and under a new edit."""
    return {**document, **changes, "edit_id": str(uuid.uuid4())}
