"""Tables of cadence. Facts carry ``known_at`` and are never overwritten, so any past moment can be asked for."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from schemas.vocabulary import CadenceTier, Deed
from server.kernel.db import Base, Owned

TIERS = "tier in ('WEEKLY', 'MONTHLY', 'QUARTERLY')"
PERFORMED = "tier in ({})".format(", ".join(f"'{code}'" for code in (*CadenceTier, *Deed)))
# What a triggered duty carries itself, and an obligation of a tier does not have.
CARRIED = ("triggered_at", "rule_version_id", "due_from", "accepts", "min_gap_days", "known_at")
TRIGGERED = (
    f"(tier is not null and policy_tier_id is not null and num_nonnulls(trigger_id, {', '.join(CARRIED)}) = 0)"
    f" or (tier is null and policy_tier_id is null and num_nulls(trigger_id, {', '.join(CARRIED)}) = 0)"
)


class Policy(Owned, Base):
    """A version of the bureau's re-inspection rules, with its dates and its legal basis.

    It holds for periods that begin on ``effective_from`` or later, up to ``effective_to`` or until a later version
    begins. ``plan`` are the figures that were worked out last, see planning.Plan.
    """

    __tablename__ = "policy"
    __table_args__ = (
        UniqueConstraint("bureau_id", "code", "version"),
        CheckConstraint("state in ('draft', 'planned', 'active', 'retired')", name="state"),
    )

    code: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    legal_basis: Mapped[str]
    state: Mapped[str]
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    drafted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    drafted_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    plan: Mapped[dict[str, Any] | None]
    edit_id: Mapped[uuid.UUID]


class PolicyTier(Owned, Base):
    """One tier of a policy: whom it is about, what meets it and what it forgives.

    ``population`` is as population.Population writes it; ``form_code`` and ``form_version`` name the checklist.
    """

    __tablename__ = "policy_tier"
    __table_args__ = (UniqueConstraint("policy_id", "tier"), CheckConstraint(TIERS, name="tier"))

    policy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy.id"))
    tier: Mapped[str]
    population: Mapped[dict[str, Any]]
    form_code: Mapped[str]
    form_version: Mapped[int]
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

    ``met_by`` and ``met_at`` are kept from the facts by upkeep; the state is derived, never stored. ``voided_at`` is
    when a change of policy, known before the period began, took it away again.

    One that something triggered has no tier: it carries its window (``due_from``, ``accepts`` what was performed,
    ``min_gap_days``), its trigger and the version of the rule, counts from ``known_at`` on, and from ``withdrawn_at``
    on no more. Its key is ``<trigger>/<n>``, or a period.

    What the roll-ups count of it is kept here too: ``squad_id`` and ``officer_id``, who answer for it today or did on its
    last day; ``outcome``, see tally.Outcome, null until it is counted; ``days_late`` of the visit that met it late or
    made it up.
    """

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("subject_kind", "subject_id", "rule", "key"),
        CheckConstraint("last_day >= first_day", name="days"),
        CheckConstraint(TIERS, name="tier"),
        CheckConstraint(TRIGGERED, name="triggered"),
        Index("ix_obligation_bureau_id_tier_last_day", "bureau_id", "tier", "last_day"),
        Index("ix_obligation_cell_id", "cell_id"),
        Index(
            "ix_obligation_triggered",
            "subject_id",
            "grace_last_day",
            postgresql_where="trigger_id is not null",
        ),
        Index("ix_obligation_trigger_id", "trigger_id", postgresql_where="trigger_id is not null"),
        CheckConstraint(
            "outcome in ('open', 'met', 'met_late', 'made_up', 'waived', 'void')", name="outcome"
        ),
        Index(
            "ix_obligation_not_counted", "bureau_id", postgresql_where="outcome is null and tier is not null"
        ),
    )

    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    rule: Mapped[str]
    key: Mapped[str]
    tier: Mapped[str | None]
    policy_tier_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("policy_tier.id"))
    trigger_id: Mapped[uuid.UUID | None]
    triggered_at: Mapped[datetime | None]
    rule_version_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("duty_rule_version.id"))
    due_from: Mapped[date | None]
    accepts: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    min_gap_days: Mapped[int | None]
    known_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    first_day: Mapped[date]
    last_day: Mapped[date]
    grace_last_day: Mapped[date]
    provisional: Mapped[bool] = mapped_column(Boolean)
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    met_by: Mapped[uuid.UUID | None]
    met_at: Mapped[datetime | None]
    attempt_count: Mapped[int] = mapped_column(default=0)
    voided_at: Mapped[datetime | None]
    squad_id: Mapped[uuid.UUID | None]
    officer_id: Mapped[uuid.UUID | None]
    outcome: Mapped[str | None]
    days_late: Mapped[int | None]
    edit_id: Mapped[uuid.UUID]


class VisitFact(Base):
    """That a record did, or did not validly, perform a tier's check or another deed at a subject; a later judgement is a
    later row.
    """

    __tablename__ = "visit_fact"
    __table_args__ = (
        CheckConstraint(PERFORMED, name="tier"),
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
    """A leader's decision that an obligation need not be done (经批准免查), with reason; withdrawn with reason by date.

    Nothing else of it ever changes: what it said before its withdrawal is what reports of that time show.
    """

    __tablename__ = "waiver"

    obligation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("obligation.id"), index=True)
    reason: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    revoke_reason: Mapped[str | None]


class FindingFact(Base):
    """That a finding at a subject is open from a day on, or is not any more. Append-only, filled by records."""

    __tablename__ = "finding_fact"
    __table_args__ = (Index("ix_finding_fact_subject_id", "subject_id", "from_day"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    finding_id: Mapped[uuid.UUID]
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    from_day: Mapped[date]
    is_open: Mapped[bool]
    known_at: Mapped[datetime]


class PopulationDraw(Owned, Base):
    """The sample of a tier for one period: the frozen pool (licence number → credit grade), the seed and who was drawn.

    Append-only. Anyone can draw again and get the same, see population.draw.
    """

    __tablename__ = "population_draw"
    __table_args__ = (UniqueConstraint("policy_tier_id", "key"),)

    policy_tier_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy_tier.id"))
    key: Mapped[str]
    seed: Mapped[str]
    percent: Mapped[dict[str, Any]]
    pool: Mapped[dict[str, Any]]
    drawn: Mapped[list[Any]]
    known_at: Mapped[datetime]


class PolicySignOff(Owned, Base):
    """That somebody of the legal office lets a version ask more than the cap, and on what ground. Append-only.

    ``content_sha256`` is of the version as it was signed, ``plan`` its figures then.
    """

    __tablename__ = "policy_sign_off"

    policy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy.id"), index=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    ground: Mapped[str]
    content_sha256: Mapped[str]
    plan: Mapped[dict[str, Any]]
    known_at: Mapped[datetime]


class CapPolicy(Owned, Base):
    """How often a licensee of a credit grade may be inspected in a calendar year, from a day on. Append-only.

    ``limits`` go by credit grade (``ungraded`` for those without), in visits; a grade that is not named has no cap.
    ``exemptions`` are ``{"code", "ground", "visit_kinds", "automatic"}``. Records of one outlet that lie less than
    ``same_visit_minutes`` apart are one visit.
    """

    __tablename__ = "cap_policy"
    __table_args__ = (UniqueConstraint("bureau_id", "version"),)

    version: Mapped[int]
    name: Mapped[str]
    legal_basis: Mapped[str]
    effective_from: Mapped[date]
    limits: Mapped[dict[str, Any]]
    exemptions: Mapped[list[Any]]
    same_visit_minutes: Mapped[int]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class CapExemption(Base):
    """That a recorded visit does not count to the cap, by an exemption of the caps; ``code`` is null when that is
    taken back. Append-only; the last word on a record holds.
    """

    __tablename__ = "cap_exemption"
    __table_args__ = (Index("ix_cap_exemption_record_id", "record_id", "seq"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID]
    code: Mapped[str | None]
    reference: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


COUNTS = ("obligations", "waived", "on_time", "late", "made_up", "days_late", "attempts")
"""What a roll-up holds, all of it unmoved by any clock; ``days_late`` are those of the late ones."""


def _roll_up(name: str, *grain: str) -> Table:
    """A table of counts that are summed when they are read: see roll_ups. No two of its rows need differ."""
    return Table(
        name,
        Base.metadata,
        Column("bureau_id", UUID(as_uuid=True), ForeignKey("bureau.id"), nullable=False),
        *(Column(column, UUID(as_uuid=True)) for column in grain),
        Column("tier", Text, nullable=False),
        Column("key", Text, nullable=False),
        *(Column(count, Integer, nullable=False) for count in COUNTS),
        Index(f"ix_{name}_bureau_id_tier_key", "bureau_id", "tier", "key"),
    )


CADENCE_ROLL_UP = _roll_up("cadence_roll_up", "squad_id", "officer_id", "cell_id")
SQUAD_ROLL_UP = _roll_up("squad_roll_up", "squad_id")


class RollUpKept(Base):
    """Up to which moment what time alone changes has been carried out into the roll-ups."""

    __tablename__ = "roll_up_kept"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    at: Mapped[datetime]
