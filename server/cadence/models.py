"""Tables of cadence. Facts carry ``known_at`` and are never overwritten, so any past moment can be asked for."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned

TIERS = "tier in ('WEEKLY', 'MONTHLY', 'QUARTERLY')"


class Policy(Owned, Base):
    """A version of the bureau's re-inspection rules, with its dates and its legal basis."""

    __tablename__ = "policy"
    __table_args__ = (
        UniqueConstraint("bureau_id", "code", "version"),
        CheckConstraint("state in ('draft', 'active', 'retired')", name="state"),
    )

    code: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    legal_basis: Mapped[str]
    state: Mapped[str]
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    edit_id: Mapped[uuid.UUID]


class PolicyTier(Owned, Base):
    """One tier of a policy: what meets it and what it forgives."""

    __tablename__ = "policy_tier"
    __table_args__ = (UniqueConstraint("policy_id", "tier"), CheckConstraint(TIERS, name="tier"))

    policy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy.id"))
    tier: Mapped[str]
    form_code: Mapped[str]
    satisfies: Mapped[list[str]] = mapped_column(ARRAY(Text))
    grace_working_days: Mapped[int]
    min_gap_days: Mapped[int]
    due_soon_working_days: Mapped[int]
    min_workdays: Mapped[int]
    min_officers: Mapped[int]
    radius_m: Mapped[int]
    max_accuracy_m: Mapped[int]
    min_duration_s: Mapped[int]
    counts_to_cap: Mapped[bool]


class Obligation(Owned, Base):
    """What is owed (应查): unique on subject, rule and key, such as ``2026-W08``.

    ``met_by`` and ``met_at`` are kept from the facts by upkeep; the state is derived, never stored.
    """

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("subject_kind", "subject_id", "rule", "key"),
        CheckConstraint("last_day >= first_day", name="days"),
        CheckConstraint(TIERS, name="tier"),
        Index("ix_obligation_bureau_id_tier_last_day", "bureau_id", "tier", "last_day"),
        Index("ix_obligation_cell_id", "cell_id"),
    )

    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    rule: Mapped[str]
    key: Mapped[str]
    tier: Mapped[str]
    policy_tier_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy_tier.id"))
    first_day: Mapped[date]
    last_day: Mapped[date]
    grace_last_day: Mapped[date]
    provisional: Mapped[bool] = mapped_column(Boolean)
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    met_by: Mapped[uuid.UUID | None]
    met_at: Mapped[datetime | None]
    attempt_count: Mapped[int] = mapped_column(default=0)
    edit_id: Mapped[uuid.UUID]


class VisitFact(Base):
    """That a record did, or did not validly, perform a tier's check at a subject; a later judgement is a later row."""

    __tablename__ = "visit_fact"
    __table_args__ = (
        CheckConstraint(TIERS, name="tier"),
        Index("ix_visit_fact_subject_id_performed_at", "subject_id", "performed_at"),
        Index("ix_visit_fact_ahead", "bureau_id", "performed_at", postgresql_where="performed_at > known_at"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tier: Mapped[str] = mapped_column(primary_key=True)
    known_at: Mapped[datetime] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    performed_at: Mapped[datetime]
    valid: Mapped[bool]
    makes_up: Mapped[str | None]


class AttemptFact(Base):
    """That officers came and could not check (到店未查成): an attempt, not a visit."""

    __tablename__ = "attempt_fact"
    __table_args__ = (
        Index("ix_attempt_fact_subject_id_attempted_at", "subject_id", "attempted_at"),
        Index(
            "ix_attempt_fact_ahead", "bureau_id", "attempted_at", postgresql_where="attempted_at > known_at"
        ),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    known_at: Mapped[datetime]
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    attempted_at: Mapped[datetime]


class Waiver(Owned, Base):
    """A leader's decision that an obligation need not be done (经批准免查), with reason; withdrawn by date."""

    __tablename__ = "waiver"

    obligation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("obligation.id"), index=True)
    reason: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
