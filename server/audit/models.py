"""The chain: one seal an event, each over the one before."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base


class EventSeal(Base):
    """The seal of one event, in the bureau's chain at ``position``; docs/audit.md says what its digests are over.

    ``xid`` is the event's transaction when it was sealed, in the history of transactions that ``epoch`` names;
    ``contents`` are the digests of the rows that the event speaks of, by id.
    """

    __tablename__ = "event_seal"
    __table_args__ = (UniqueConstraint("seq"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    xid: Mapped[int]
    epoch: Mapped[uuid.UUID]
    sealed_at: Mapped[datetime]
    event_digest: Mapped[bytes]
    contents: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    previous: Mapped[bytes]
    digest: Mapped[bytes]
