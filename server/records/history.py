"""What became of a record: its amendments in their order, in what each differs, and what was done about it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select

from server.access.models import Account
from server.kernel.bulk import among
from server.kernel.events import Event
from server.kernel.work import Work
from server.org.models import Person
from server.privacy.readings import CONFIDENTIAL, READINGS
from server.records.amended import differences, value_at_pointer
from server.records.models import Amendment, DeclaredFile, Record
from server.records.reading import masked_document, visible_record


def original_of(work: Work, record_id: uuid.UUID) -> uuid.UUID:
    """The first record of all that this one amends, or the record itself, also while it waits for what it amends."""
    linked = select(Amendment.original_id).where(Amendment.record_id == record_id)
    return work.session.scalar(linked) or record_id


def amended_by(work: Work, original_id: uuid.UUID) -> uuid.UUID | None:
    """The amendment that says what the record says now, ``None`` where none stands."""
    return work.session.scalar(
        select(Amendment.record_id)
        .where(Amendment.original_id == original_id, Amendment.stands)
        .order_by(Amendment.ordinal.desc())
        .limit(1)
    )


def history_of(work: Work, record_id: uuid.UUID) -> dict[str, Any]:
    """The history of a record, by its own id or that of any of its amendments; see schemas.records.RecordHistory.

    Raises:
        Problem: ``not_found``, alike for a record that is not there and for one out of scope.
    """
    original_id = original_of(work, visible_record(work, record_id).id)
    words = work.session.execute(
        select(Record, Amendment, Person.name)
        .outerjoin(Amendment, Amendment.record_id == Record.id)
        .outerjoin(Person, Person.id == Record.pushed_by)
        .where(
            Record.bureau_id == work.bureau_id,
            or_(Record.id == original_id, Amendment.original_id == original_id),
        )
        .order_by(Amendment.ordinal.nulls_first())
    ).all()
    records = {record.id: record for record, _, _ in words}
    masked = {one: masked_document(work, record) for one, record in records.items()}
    return {
        "original_id": original_id,
        "standing_id": amended_by(work, original_id) or original_id,
        # An amendment whose original has not come yet is the first word for the time being.
        "waits_for": records[original_id].amends_id,
        "words": [
            _word(record, linked, name, records, masked, original_id) for record, linked, name in words
        ],
        "files": _files(work, sorted(records)),
        "acts": _acts(work, sorted(records)),
    }


def _word(
    record: Record,
    linked: Amendment | None,
    author: str | None,
    records: Mapping[uuid.UUID, Record],
    masked: Mapping[uuid.UUID, Any],
    original_id: uuid.UUID,
) -> dict[str, Any]:
    before = records.get(record.amends_id or original_id) if linked else None
    return {
        "record_id": record.id,
        "ordinal": linked.ordinal if linked else 0,
        "amends_id": record.amends_id,
        "received_at": record.received_at,
        "author_id": record.pushed_by,
        "author": author,
        "reason": masked[record.id].get("amend_reason"),
        "valid": record.valid,
        "stands": linked.stands if linked else record.amends_id is None,
        "contested": linked.contested if linked else False,
        # They are found in what was sent and shown masked: two names may look alike once they are.
        "differences": [
            {
                "path": one.path,
                "old": value_at_pointer(masked[before.id], one.path),
                "new": value_at_pointer(masked[record.id], one.path),
            }
            for one in differences(before.document, record.document)
        ]
        if before is not None
        else [],
    }


def _files(work: Work, record_ids: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
    declared = work.session.scalars(
        select(DeclaredFile)
        .where(among(DeclaredFile.record_id, record_ids))
        .order_by(DeclaredFile.record_id, DeclaredFile.ordinal)
    )
    return [{"record_id": one.record_id, "sha256": one.sha256, "kind": one.kind} for one in declared]


def _acts(work: Work, record_ids: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
    """What the trail tells of the record and its amendments: received, amended, settled, files that came. Readings are
    told to those who may know of them (reading.readings).
    """
    rows = work.session.execute(
        select(Event, Account.username)
        .outerjoin(Account, Account.id == Event.account_id)
        .where(
            Event.bureau_id == work.bureau_id,
            Event.name.not_in((*READINGS, *CONFIDENTIAL)),
            or_(*(Event.subject_ids.contains([str(one)]) for one in record_ids)),
        )
        .order_by(Event.seq)
    )
    return [
        {
            "seq": event.seq,
            "at": event.at,
            "name": event.name,
            "account_id": event.account_id,
            "username": username,
            "record_ids": [one for one in record_ids if str(one) in event.subject_ids],
            "facts": event.facts,
        }
        for event, username in rows
    ]
