"""A house as small as the engine allows: one table of notes, everybody reads what is not hidden."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Engine,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import Session, sessionmaker

import sync.api
from sync import feed, tables
from sync.collection import Collection, Outcome, Reader, Result, Row
from sync.keys import KeyRing
from sync.receipts import Receipts

BUREAU = uuid.UUID(int=1)
READER = uuid.UUID(int=2)
DEVICE = uuid.UUID(int=3)
EVERYBODY = "bureau:toy"
MYSELF = "officer:toy"
NOW = datetime(2026, 7, 6, 9, 0, tzinfo=UTC)
STATUS = {
    "bad_envelope": 400,
    "body_too_large": 413,
    "device_revoked": 403,
    "not_found": 404,
    "unsupported_media_type": 415,
}

metadata = MetaData()
note = Table(
    "note",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("edit_id", UUID(as_uuid=True), nullable=False),
    Column("text", Text, nullable=False),
    Column("weight", Integer),
    Column("more", JSONB),
    Column("hidden", Boolean, nullable=False, default=False),
)


@dataclass(frozen=True, slots=True)
class ToyWork:
    """The unit of work of the toy."""

    session: Session
    now: datetime = NOW


class ToyProblem(Exception):
    """The toy's problems: a code, a status, a sentence."""

    def __init__(
        self, code: str, *, detail: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.detail, self.headers = code, detail, headers


def every_id(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """A ``visible`` that shows every id, for tests of the feed alone."""
    document = func.concat('{"id":"', cast(ids, Text), '","_deleted":false}')
    return select(document.label("document"), ids.label("edit_id"))


def held_notes(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The notes as they stand, hidden ones too."""
    fields = func.json_build_object(
        "id", note.c.id,
        "edit_id", note.c.edit_id,
        "_deleted", note.c.hidden,
        "text", note.c.text,
        "weight", note.c.weight,
        "more", note.c.more,
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), note.c.edit_id).where(note.c.id == ids)


def visible_notes(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The notes that are not hidden."""
    return held_notes(ids).where(~note.c.hidden)


def stored_notes(ids: ColumnElement[uuid.UUID]) -> Select[uuid.UUID]:
    """The notes that there are, hidden ones too."""
    return select(note.c.id).where(note.c.id == ids)


def write_notes(work: Any, _reader: Reader, rows: Sequence[Row]) -> list[Result]:
    """Insert what is new, edit where the device knew the present state, hide what is deleted."""
    return [_write_note(work.session, row) for row in rows]


def _write_note(session: Session, row: Row) -> Result:
    present = session.execute(select(note.c.edit_id).where(note.c.id == row.id).with_for_update()).scalar()
    if present == row.edit_id:
        return Result(Outcome.REPLAYED)
    if present != row.assumed_edit_id:
        return Result(Outcome.CONFLICT)
    values = {
        "edit_id": row.edit_id,
        "text": row.document["text"],
        "weight": row.document.get("weight"),
        "more": row.document.get("more"),
        "hidden": row.document.get("_deleted", False),
    }
    if present is None:
        session.execute(insert(note).values(id=row.id, **values))
    else:
        session.execute(update(note).where(note.c.id == row.id).values(**values))
    feed.touch(session, BUREAU, "notes", [(EVERYBODY, row.id)])
    return Result(Outcome.ACCEPTED if present is None else Outcome.APPLIED)


COLLECTIONS = {
    "notes": Collection("notes", visible_notes, write_notes, stored_notes, held_notes, frozenset({"stamp"})),
    "posters": Collection("posters", visible_notes),
}


def create_tables(owner: Engine) -> None:
    """The engine's tables and the toy's, in a database that holds nothing else."""
    tables.metadata.create_all(owner)
    metadata.create_all(owner)


def empty_tables(owner: Engine) -> None:
    """Take away what an earlier test wrote, and begin a new epoch."""
    with owner.begin() as connection:
        for table in (*reversed(tables.metadata.sorted_tables), note):
            connection.execute(delete(table))
        connection.execute(insert(tables.epoch).values(epoch=uuid.uuid4()))


def reader_of(principals: tuple[str, ...] = (EVERYBODY, MYSELF), *, may_pull: bool = True) -> Reader:
    """The one reader of the toy."""
    return Reader(BUREAU, READER, DEVICE, principals, {}, may_pull)


def toy_app(sessions: sessionmaker[Session], reader: Reader, receipts: Receipts | None = None) -> Flask:
    """The engine mounted on the toy."""

    @contextmanager
    def session() -> Iterator[ToyWork]:
        with sessions.begin() as opened:
            yield ToyWork(opened)

    app = Flask("toy")
    app.register_blueprint(
        sync.api.mount(
            session=session,
            actor=lambda _work: reader,
            problem=ToyProblem,
            collections=COLLECTIONS,
            receipts=receipts or Receipts(KeyRing(Path("no keys"))),
        )
    )

    @app.errorhandler(ToyProblem)
    def answer(problem: ToyProblem) -> tuple[Response, int]:
        return jsonify({"code": problem.code, "detail": problem.detail}), STATUS[problem.code]

    return app
