"""Tables of approvals. An approval is a fact: that it was written up or withdrawn is another one beside it."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class InspectionApproval(Owned, Base):
    """Leave to inspect (检查审批), of one subject or by a plan for many, over some days.

    It covers the kinds of record in ``record_kinds`` (all where empty) at the subjects or in the cells named, or in the
    whole bureau where neither is. ``known_at`` is when it was entered; ``write_up_due`` is there for one given by phone.
    """

    __tablename__ = "inspection_approval"
    __table_args__ = (
        UniqueConstraint("bureau_id", "approval_no"),
        CheckConstraint("kind in ('single', 'batch')", name="kind"),
        CheckConstraint("channel in ('desk', 'phone', 'urgent')", name="channel"),
        CheckConstraint("first_day <= last_day", name="days"),
        CheckConstraint("(channel = 'phone') = (write_up_due is not null)", name="write_up"),
    )

    approval_no: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    plan: Mapped[str]
    record_kinds: Mapped[list[Any]]
    subject_ids: Mapped[list[Any]]
    cell_ids: Mapped[list[Any]]
    first_day: Mapped[date]
    last_day: Mapped[date]
    channel: Mapped[str]
    approver_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    approved_at: Mapped[datetime]
    write_up_due: Mapped[datetime | None]
    known_at: Mapped[datetime]
    entered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    edit_id: Mapped[uuid.UUID]


class ApprovalWriteUp(Base):
    """That an approval by phone was confirmed in writing, by whoever gave it."""

    __tablename__ = "approval_write_up"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    approval_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inspection_approval.id"), primary_key=True)
    written_up_at: Mapped[datetime]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    note: Mapped[str]


class ApprovalWithdrawal(Base):
    """That an approval holds no more, from a moment on; what was inspected before it stays approved."""

    __tablename__ = "approval_withdrawal"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    approval_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inspection_approval.id"), primary_key=True)
    withdrawn_at: Mapped[datetime]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str]
