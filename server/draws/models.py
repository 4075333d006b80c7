"""Tables of draws. All of them are append-only facts: what was drawn is replaced or cancelled, never rewritten."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Draw(Owned, Base):
    """A draw whose pool is frozen: ``frozen`` is its one canonical text, ``pool_sha256`` of that text.

    ``identities`` tell which outlet and which person the numbers in it were then, and the tier whose sample it draws;
    they are not published. Both are as large as the pool, and read where one draw is looked at.
    """

    __tablename__ = "draw"
    __table_args__ = (
        CheckConstraint("purpose in ('spot_check', 'special')", name="purpose"),
        CheckConstraint("(purpose = 'spot_check') = (tier is not null)", name="tier"),
        CheckConstraint("to_day >= from_day", name="days"),
    )

    name: Mapped[str]
    purpose: Mapped[str]
    tier: Mapped[str | None]
    key: Mapped[str]
    from_day: Mapped[date]
    to_day: Mapped[date]
    frozen: Mapped[str] = mapped_column(deferred=True)
    pool_sha256: Mapped[str]
    identities: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class DrawRound(Owned, Base):
    """A seed and what it was used for: round 0 is the draw, each later one replaces an officer who dropped out.

    ``seed_at`` is when a seed that was given became public, as told. ``left_out`` are recusals as rules.py writes
    them; ``teams`` what the round drew.
    """

    __tablename__ = "draw_round"
    __table_args__ = (
        UniqueConstraint("draw_id", "number"),
        CheckConstraint("(number = 0) = (cert_no_out is null)", name="replaced"),
    )

    draw_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("draw.id"))
    number: Mapped[int]
    seed: Mapped[str]
    seed_source: Mapped[str]
    seed_at: Mapped[datetime]
    cert_no_out: Mapped[str | None]
    licences: Mapped[list[Any]]
    left_out: Mapped[list[Any]]
    reason: Mapped[str | None]
    teams: Mapped[list[Any]]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class DrawPlace(Base):
    """One officer at one outlet, as a round drew him; the last round of an outlet holds.

    ``ordinal`` is the outlet's place in the draw, ``place`` the officer's in the team, both from 1.
    """

    __tablename__ = "draw_place"
    __table_args__ = (
        UniqueConstraint("draw_id", "round", "ordinal", "place"),
        Index("ix_draw_place_person_id", "person_id", "draw_id"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    draw_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("draw.id"))
    round: Mapped[int]
    ordinal: Mapped[int]
    place: Mapped[int]
    outlet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outlet.id"))
    licence_no: Mapped[str]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    cert_no: Mapped[str]


class DrawStep(Owned, Base):
    """That a draw was published, or cancelled for a reason; each once."""

    __tablename__ = "draw_step"
    __table_args__ = (
        UniqueConstraint("draw_id", "step"),
        CheckConstraint("step in ('published', 'cancelled')", name="step"),
        CheckConstraint("(step = 'cancelled') = (reason is not null)", name="reason"),
    )

    draw_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("draw.id"))
    step: Mapped[str]
    reason: Mapped[str | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class DrawGrant(Base):
    """Which temporary scope was given for a draw."""

    __tablename__ = "draw_grant"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    draw_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("draw.id"), index=True)
    grant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scope_grant.id"), primary_key=True)


class Recusal(Owned, Base):
    """That somebody may not go to an outlet, or to none at all, on these days (回避), and why.

    ``to_day`` null: until it is ended. An end is a fact of its own.
    """

    __tablename__ = "recusal"
    __table_args__ = (CheckConstraint("to_day >= from_day", name="days"),)

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), index=True)
    outlet_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("outlet.id"))
    from_day: Mapped[date]
    to_day: Mapped[date | None]
    reason: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class RecusalEnd(Owned, Base):
    """That a recusal holds no more, and why."""

    __tablename__ = "recusal_end"
    __table_args__ = (UniqueConstraint("recusal_id"),)

    recusal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("recusal.id"))
    reason: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
