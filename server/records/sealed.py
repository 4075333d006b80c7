"""What of a record the audit chain covers: the document as it was sent, and when and from whom it came.

These columns never change. What the server keeps up on a record (its cell, its validity) does, and each change has its
own event.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import Text, cast, func, select
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Session

from server.audit.seals import row_digest
from server.kernel.bulk import among
from server.kernel.events import Event
from server.records.models import Record

_SHA256 = func.encode(func.sha256(func.convert_to(cast(Record.document, Text), "UTF8")), "hex")


def digests_of_records(session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    """The digests of those of the records that exist; ``document`` in them is the SHA-256 of the stored text."""
    covered = select(
        Record.id,
        Record.clock_offset_s,
        _SHA256.label("document"),
        Record.performed_at,
        Record.pushed_by,
        Record.received_at,
    ).where(among(Record.id, ids))
    return {row.id: row_digest(dict(row._mapping)) for row in session.execute(covered)}


def unnamed_records(session: Session, bureau_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """The bureau's records that no event tells of: nobody sent them."""
    told = (
        select(cast(func.jsonb_array_elements_text(Event.subject_ids), UUID(as_uuid=True)).label("id"))
        .where(Event.bureau_id == bureau_id, Event.name == "records.received")
        .subquery()
    )
    strangers = select(Record.id).outerjoin(told, told.c.id == Record.id)
    return session.scalars(
        strangers.where(Record.bureau_id == bureau_id, told.c.id.is_(None)).order_by(Record.id)
    ).all()
