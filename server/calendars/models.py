"""The table of calendar tokens."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class CalendarToken(Owned, Base):
    """A secret address under which one account's calendar is read. Only its SHA-256 is kept; it ends by itself.

    ``due_counts`` says that the calendar also tells how many shops of the cells that its owner leads are still to be
    checked. ``last_used_on`` is the day on which it was read last, and no more than that.
    """

    __tablename__ = "calendar_token"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("expires_at > issued_at", name="term"),
        CheckConstraint("(revoked_by is null) or (revoked_at is not null)", name="revoked"),
    )

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    label: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    due_counts: Mapped[bool]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_on: Mapped[date | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
