"""Reads of records, always from what the actor may see."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    SQLColumnExpression,
    Text,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from server.grids.queries import cells_in_scope, scope_holds
from server.kernel.actor import Actor
from server.kernel.permissions import Permission
from server.records.models import Form, Record, RecordOfficer, Rectification

_NULL = literal_column("'null'::json", JSON)


def window_start(today: date, days: int, zone: ZoneInfo) -> datetime:
    """Records performed before this moment have left the handhelds (the record window).

    It moves at midnight and not by the clock: what leaves is told once a day, and until then nothing may leave.
    """
    return datetime.combine(today, datetime.min.time(), zone) - timedelta(days=days)


def visible_to(actor: Actor) -> Select[Record]:
    """The records of the actor's cells, and those that the actor was on."""
    records = select(Record).where(Record.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.RECORD_READ):
        return records
    own = Record.cell_id.in_(cells_in_scope(actor, Permission.RECORD_READ))
    # Whoever is nobody in the field was on no record: a signer whom the bureau does not know has no id either.
    if actor.person_id is None:
        return records.where(own)
    return records.where(or_(own, _on_it(actor.person_id), Record.pushed_by == actor.person_id))


def _on_it(person_id: ColumnElement[uuid.UUID] | uuid.UUID | None) -> ColumnElement[bool]:
    return (
        select(RecordOfficer.record_id)
        .where(RecordOfficer.record_id == Record.id, RecordOfficer.person_id == person_id)
        .exists()
    )


def document() -> ColumnElement[str]:
    """A record as it was sent, with the server's edit and stamp put before it.

    The text is passed through unparsed: it is written by us as one object without ``edit_id``, ``_deleted`` and
    ``stamp``, so its first character is the brace that is cut off here.
    """
    stamp = _written(
        received_at=Record.received_at,
        performed_at=Record.performed_at,
        clock_offset_s=Record.clock_offset_s,
        valid=Record.valid,
        findings=Record.findings,
        flags=Record.flags,
        hints=Record.hints,
        cell_id=Record.cell_id,
        distance_m=Record.distance_m,
        numbers=Record.numbers,
    )
    # Cutting off the first brace is cheap; cutting off the last would count every character of the document.
    return func.concat(
        '{"edit_id":"', Record.edit_id, '","_deleted":false,"stamp":{', *stamp, "},",
        func.right(cast(Record.document, Text), -1),
    )  # fmt: skip


def _written(**fields: SQLColumnExpression[Any]) -> list[Any]:
    """The members of a JSON object as parts of a text: json_build_object costs twice as much, for it finds out the
    type of each of its arguments again for each row.
    """
    parts: list[Any] = []
    for name, value in fields.items():
        parts += [f'{"," if parts else ""}"{name}":', func.coalesce(func.to_json(value), _NULL)]
    return parts


def synced(
    ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID], since: ColumnElement[datetime]
) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``records``: in scope or on it, within the record window."""
    return select(document().label("document"), Record.edit_id).where(
        Record.id == ids,
        Record.performed_at >= since,
        or_(scope_holds(person_id, Record.cell_id), _on_it(person_id), Record.pushed_by == person_id),
    )


def held(ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The bureau's records as they stand, for the desk."""
    return select(document().label("document"), Record.edit_id).where(
        Record.id == ids, Record.bureau_id == bureau_id
    )


def stored(ids: ColumnElement[uuid.UUID]) -> Select[uuid.UUID]:
    """Those of the ids that the server has as records, whoever may see them."""
    return select(Record.id).where(Record.id == ids)


def held_rectifications(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """The bureau's rectifications as they stand, for the desk."""
    return _rectifications(ids).where(Rectification.bureau_id == bureau_id)


def synced_rectifications(
    ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``rectifications``."""
    return _rectifications(ids).where(scope_holds(person_id, Rectification.cell_id))


def _rectifications(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    fields = func.json_build_object(
        "id", Rectification.id,
        "edit_id", Rectification.edit_id,
        "_deleted", False,
        "record_id", Rectification.record_id,
        "subject_kind", Rectification.subject_kind,
        "subject_id", Rectification.subject_id,
        "cell_id", Rectification.cell_id,
        "demand", Rectification.demand,
        "due_on", Rectification.due_on,
        "status", Rectification.status,
        "done_on", Rectification.done_on,
        "proof_record_id", Rectification.proof_record_id,
        "note", Rectification.note,
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Rectification.edit_id).where(Rectification.id == ids)


def synced_forms(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """Published forms as documents of the collection ``reference``; a retired one stays, so that old records can be read.

    A new record is begun on the version with the highest number that is in force: ``effective_from`` is over (or null),
    and ``retired_at`` is null.
    """
    fields = func.json_build_object(
        "id", Form.id,
        "edit_id", Form.edit_id,
        "_deleted", False,
        "kind", "form",
        "form_code", Form.form_code,
        "version", Form.version,
        "record_kind", Form.kind,
        "tier", Form.tier,
        "title", Form.title,
        "demands", Form.demands,
        "answers_schema", Form.answers_schema,
        "state", Form.state,
        "effective_from", Form.effective_from,
        "retired_at", Form.retired_at,
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Form.edit_id).where(
        Form.id == ids, Form.bureau_id == bureau_id, Form.state != "draft"
    )


def form_of(session: Session, record: Record) -> Form | None:
    """The version with which the record was written, ``None`` where the server has no such form."""
    return session.scalar(
        select(Form).filter_by(
            bureau_id=record.bureau_id, form_code=record.form_code, version=record.form_version
        )
    )
