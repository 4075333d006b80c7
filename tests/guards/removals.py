"""What is left where a guard is taken away: one small function or clause replaced while a test runs.

Nothing in the program knows of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import cast, false, select, true
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

import sync.api
import sync.documents
import sync.pull
import sync.push
import sync.receipts
import sync.reconcile
import sync.retention
import sync.settling
from server.cadence import queries as cadence_queries
from server.cadence.models import Obligation
from server.evidence import queries as evidence_queries
from server.evidence.models import Upload
from server.grids import queries as grids_queries
from server.grids.models import GridCell
from server.kernel.actor import Actor
from server.kernel.work import Kernel, Work, keep_up
from server.outlets import queries as outlets_queries
from server.outlets.models import Outlet
from server.records import ops as records_ops
from server.records import queries as records_queries
from server.records import storing
from server.records.models import Record, Rectification
from sync import feed
from sync.collection import Collection, Reader
from sync.envelope import BadEnvelope
from sync.tables import Xid8
from sync.tables import feed as feed_rows

Remove = Callable[[pytest.MonkeyPatch], None]


def forget_statements() -> None:
    """Statements are built once and remembered, so they are built anew where a guard goes or comes back."""
    for module in (sync.pull, sync.documents, sync.reconcile):
        for made in vars(module).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()


def instead(place: object, name: str, by: Any) -> Remove:
    """Replace one function or value of a module."""
    return lambda patch: patch.setattr(place, name, by)


def nothing(*_given: Any, **_named: Any) -> None:
    """What is left of a guard that was a step of its own."""


def current_rows(session: Session, bureau_id: uuid.UUID, grants: Iterable[tuple[str, uuid.UUID]]) -> None:
    """Touch what lies in the cells now, in place of what they ever fed."""
    tables = {
        "cells": (GridCell.id, GridCell.id),
        "outlets": (Outlet.id, Outlet.cell_id),
        "obligations": (Obligation.id, Obligation.cell_id),
        "records": (Record.id, Record.cell_id),
        "rectifications": (Rectification.id, Rectification.cell_id),
    }
    for principal, cell in sorted(set(grants)):
        for collection, (own, lies_in) in tables.items():
            found = session.scalars(select(own).where(lies_in == cell)).all()
            feed.touch(session, bureau_id, collection, [(principal, one) for one in found])


def only_current_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(feed, "touch_origins", current_rows)
    patch.setattr(feed, "pass_on", nothing)


def everything_seen(patch: pytest.MonkeyPatch) -> None:
    for module in (grids_queries, outlets_queries, cadence_queries, records_queries):
        patch.setattr(module, "scope_holds", lambda _person, _cell: true())


def refuse_all(body: bytes) -> Any:
    rows, malformed = read_rows(body)
    if malformed:
        raise BadEnvelope("a row of the body is malformed")
    return rows, malformed


read_rows = sync.push.read_rows


class _Overwriting(Insert):
    """An insert that lets the last word win where there is a record already."""

    inherit_cache = False

    def on_conflict_do_nothing(self, *_given: Any, **_named: Any) -> Any:
        stamps = ("edit_id", "flags", "findings", "valid")
        return self.on_conflict_do_update(
            index_elements=["id"], set_={name: self.excluded[name] for name in stamps}
        )


def records_overwritten(patch: pytest.MonkeyPatch) -> None:
    look_round = records_ops.look_round
    patch.setattr(storing, "upsert", _Overwriting)
    patch.setattr(storing, "_store_children", nothing)
    patch.setattr(
        records_ops,
        "look_round",
        lambda work, documents: [replace(one, known_edit_id=None) for one in look_round(work, documents)],
    )


@contextmanager
def answered_and_lost(kernel: Kernel, actor: Actor, now: datetime) -> Iterator[Work]:
    """A unit of work of a server that answers first and dies before it commits."""
    with kernel.sessions() as session:
        work = Work(session=session, actor=actor, now=now, settings=kernel.settings)
        yield work
        keep_up(work, kernel.upkeep)
        session.rollback()


def attest_all(_transaction: Any, _reader: Any, _files_of: Any, ids: Iterable[uuid.UUID]) -> list[Any]:
    return [
        {
            "id": one,
            "collection": "notes",
            "edit_id": one,
            "state": "stored",
            "received_at": None,
            "files": [],
            "missing_files": [],
        }
        for one in ids
    ]


def files_shown_to_all(patch: pytest.MonkeyPatch) -> None:
    opened = FlaskClient.open

    def read_whole(self: FlaskClient, *given: Any, **named: Any) -> Any:
        """A file that nobody expected to be served is not left open."""
        return opened(self, *given, **{**named, "buffered": True})

    patch.setattr(FlaskClient, "open", read_whole)
    patch.setattr(evidence_queries, "visible_record", lambda work, one: work.session.get(Record, one))


def as_one_who_may_pull(reader: Reader, **changes: Any) -> Reader:
    return replace(reader, **{**changes, "may_pull": True})


def all_that_is_old(
    session: Session, principal: str, _readers: Any, collection: Collection, below: str
) -> list[uuid.UUID]:
    """What a pruning takes that asks nobody what he sees."""
    old = (feed_rows.c.principal == principal, feed_rows.c.collection == collection.name)
    return list(session.scalars(select(feed_rows.c.id).where(*old, feed_rows.c.xid < cast(below, Xid8()))))


def never() -> Any:
    """In place of ``exists()``: whatever is asked for is not there."""
    return SimpleNamespace(where=lambda *_clauses: false())


def any_upload(work: Work, upload_id: uuid.UUID) -> Upload:
    """An upload, whosever it is."""
    return work.session.get_one(Upload, upload_id)
