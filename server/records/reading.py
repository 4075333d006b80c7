"""Reading one record: with persons masked, or in full by whoever may and says what for."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Select, select

from server.access.models import Account
from server.kernel.events import Event
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.privacy.masking import masked, person_places
from server.privacy.readings import note_reading, readings_of
from server.records.models import Record, RecordOfficer
from server.records.queries import form_of, visible_to


def visible_record(work: Work, record_id: uuid.UUID) -> Record:
    """A record that the actor may see.

    Raises:
        Problem: ``not_found``, alike for a record that is not there and for one out of scope.
    """
    record = work.session.scalar(visible_to(work.actor).where(Record.id == record_id))
    if record is None:
        raise Problem("not_found")
    return record


def masked_document(work: Work, record: Record) -> Any:
    """The record's document with all that is of persons masked, as its form and the names of its fields say."""
    return masked(record.document, _schema(work, record))


def read_in_full(work: Work, record_id: uuid.UUID, purpose: str) -> Record:
    """A record with nothing masked; the reading is noted with its purpose.

    Whoever was on the record or sent it may read what he wrote; everybody else needs ``person_data.read``.

    Raises:
        Problem: ``not_found``; ``forbidden``.
    """
    record = visible_record(work, record_id)
    if not _is_own(work, record):
        work.actor.must(Permission.PERSON_DATA_READ)
    places = person_places(record.document, _schema(work, record))
    note_reading(work, record.id, purpose, [place.pointer for place in places])
    return record


def readings(work: Work, record: Record) -> Select[Any]:
    """Every reading of a record, its files and its papers, with the name of the account; unordered."""
    told = (Event.seq, Event.at, Event.name, Event.account_id, Event.facts, Account.username)
    return (
        readings_of(work, record.id)
        .with_only_columns(*told)
        .outerjoin(Account, Account.id == Event.account_id)
    )


def _is_own(work: Work, record: Record) -> bool:
    person = work.actor.person_id
    if person is None:
        return False
    signed = select(RecordOfficer.record_id).filter_by(record_id=record.id, person_id=person)
    return record.pushed_by == person or work.session.scalar(signed) is not None


def _schema(work: Work, record: Record) -> dict[str, Any] | None:
    """The schema of the record's answers, ``None`` where the server has no such form."""
    form = form_of(work.session, record)
    return form.answers_schema if form else None
