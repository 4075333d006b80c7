"""The table of briefing packs. Append-only: what was told at the meeting is never rewritten."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Briefing(Owned, Base):
    """A version of the pack of one squad and day: canonical JSON and the SHA-256 of exactly these bytes.

    ``scheduled`` says that the morning's job made it, which it does once a squad and day; whoever asks for another gets
    another version. ``summary`` repeats the counts that lists show.
    """

    __tablename__ = "briefing"
    __table_args__ = (
        UniqueConstraint("squad_id", "day", "version"),
        CheckConstraint("sha256 = encode(sha256(content), 'hex')", name="sha256"),
        CheckConstraint("not scheduled or made_by is null", name="scheduled"),
        Index(
            "uq_briefing_scheduled",
            "squad_id",
            "day",
            unique=True,
            postgresql_where="scheduled",
        ),
        Index("ix_briefing_bureau_id_day", "bureau_id", "day"),
    )

    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"))
    day: Mapped[date]
    version: Mapped[int]
    scheduled: Mapped[bool]
    made_at: Mapped[datetime]
    made_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    sha256: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    summary: Mapped[dict[str, Any]]
