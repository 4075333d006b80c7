"""Tables of duties that something triggers: their rules, subjects without a register, and what was done by act."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class DutyRuleVersion(Owned, Base):
    """A version of a duty rule: what its triggers ask for, from a day on. Append-only.

    ``days`` are calendar or working days, as ``day_kind`` says; ``checks`` how many are owed. ``accepts`` are the kinds
    of what is performed that meet it; ``threshold`` holds the numbers of rules that count something first.
    """

    __tablename__ = "duty_rule_version"
    __table_args__ = (
        UniqueConstraint("bureau_id", "code", "version"),
        CheckConstraint("day_kind in ('calendar', 'working')", name="day_kind"),
        CheckConstraint("checks >= 1 and days >= 1 and grace_working_days >= 0", name="numbers"),
    )

    code: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    legal_basis: Mapped[str]
    effective_from: Mapped[date]
    checks: Mapped[int]
    days: Mapped[int]
    day_kind: Mapped[str]
    grace_working_days: Mapped[int]
    due_soon_working_days: Mapped[int]
    accepts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    threshold: Mapped[dict[str, Any]]
    counts_to_cap: Mapped[bool]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class DutySubject(Owned, Base):
    """Whom a duty is about where no register holds it: a household, a complaint, a clue, a case, an unlicensed seller.

    ``number`` is the one by which it is known outside; the same number twice is one. No informant and no private person
    stands here. ``closed_on`` and ``major`` matter for cases and complaints.
    """

    __tablename__ = "duty_subject"
    __table_args__ = (
        UniqueConstraint("bureau_id", "kind", "number"),
        CheckConstraint("kind in ('unlicensed', 'household', 'complaint', 'clue', 'case')", name="kind"),
        Index("ix_duty_subject_cell_id", "cell_id"),
    )

    kind: Mapped[str]
    number: Mapped[str]
    name: Mapped[str]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    closed_on: Mapped[date | None]
    major: Mapped[bool] = mapped_column(default=False)
    known_at: Mapped[datetime]


class DutyAct(Owned, Base):
    """That somebody did what is owed where no field form exists: a call, a notice sent. Append-only.

    Its id stands in the facts where a record's would.
    """

    __tablename__ = "duty_act"

    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    deed: Mapped[str]
    performed_at: Mapped[datetime]
    note: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class DutyWithdrawal(Owned, Base):
    """That a trigger asks for nothing any more, and why. Append-only; ``account_id`` is null where a rule said so."""

    __tablename__ = "duty_withdrawal"
    __table_args__ = (UniqueConstraint("trigger_id", "known_at"),)

    trigger_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
