"""Append-only events: the audit trail and the outbox. Sealing them into a chain is done after commit, by a job."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, insert, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from sync.tables import Xid8

if TYPE_CHECKING:
    from server.kernel.work import Work


class Event(Base):
    """What was done, by whom, to which rows, when. Never updated, never deleted."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_subject_ids", "subject_ids", postgresql_using="gin"),
        Index("ix_event_bureau_id_xid", "bureau_id", "xid", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    xid: Mapped[str] = mapped_column(Xid8(), server_default=text("pg_current_xact_id()"))
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    at: Mapped[datetime]
    name: Mapped[str]
    account_id: Mapped[uuid.UUID | None]
    device_id: Mapped[uuid.UUID | None]
    subject_ids: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]


def record_event(work: Work, name: str, subject_ids: Sequence[uuid.UUID], /, **facts: Any) -> None:
    """Append one event about ``subject_ids`` (of one operation) to the trail, in this transaction."""
    work.session.execute(
        insert(Event).values(
            bureau_id=work.actor.bureau_id,
            at=work.now,
            name=name,
            account_id=work.actor.account_id,
            device_id=work.actor.device_id,
            subject_ids=[str(subject) for subject in subject_ids],
            facts=facts,
        )
    )
