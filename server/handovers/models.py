"""Tables of hand-over sheets. All are append-only: what was signed over, and who took or refused it, is never rewritten."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class HandoverSheet(Owned, Base):
    """Cells that one squad and lead officer hand over to another squad or lead, from a day on.

    ``origin``: ``duty``, made when duty moved, or ``desk``, written by hand with its reason. What has become of it
    follows from its last step, and from whether duty still goes that way (see queries.state_of_sheet).
    """

    __tablename__ = "handover_sheet"
    __table_args__ = (
        CheckConstraint("origin in ('duty', 'desk')", name="origin"),
        CheckConstraint("(origin = 'desk') = (reason is not null)", name="reason"),
        CheckConstraint(
            "(from_squad_id, from_lead_id) is distinct from (to_squad_id, to_lead_id)", name="two_sides"
        ),
        Index("ix_handover_sheet_from_day", "bureau_id", "from_day"),
    )

    origin: Mapped[str]
    from_squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"))
    from_lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    to_squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"))
    to_lead_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    from_day: Mapped[date]
    reason: Mapped[str | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class HandoverCell(Base):
    """A cell on a sheet. Of a sheet that duty made it counts while duty goes from its day on to whom the sheet names."""

    __tablename__ = "handover_cell"
    __table_args__ = (Index("ix_handover_cell_cell_id", "cell_id"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    sheet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("handover_sheet.id"), primary_key=True)
    cell_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("grid_cell.id"), primary_key=True)
    known_at: Mapped[datetime]


class HandoverContent(Owned, Base):
    """What was signed over: canonical JSON (RFC 8785) and the SHA-256 of exactly these bytes."""

    __tablename__ = "handover_content"
    __table_args__ = (CheckConstraint("sha256 = encode(sha256(content), 'hex')", name="sha256"),)

    sheet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("handover_sheet.id"), index=True)
    sha256: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime]


class HandoverStep(Owned, Base):
    """That somebody signed a sheet over, took it, objected to it or withdrew it. ``content_id`` is what he signed or saw."""

    __tablename__ = "handover_step"
    __table_args__ = (
        UniqueConstraint("sheet_id", "seq"),
        CheckConstraint("act in ('signed', 'acknowledged', 'objected', 'withdrawn')", name="act"),
        CheckConstraint("act = 'withdrawn' or content_id is not null", name="content"),
        CheckConstraint("act not in ('objected', 'withdrawn') or note is not null", name="note"),
    )

    sheet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("handover_sheet.id"))
    seq: Mapped[int]
    act: Mapped[str]
    content_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("handover_content.id"))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    note: Mapped[str | None]
    at: Mapped[datetime]
