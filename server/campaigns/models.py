"""Tables of tags and campaigns. Facts: that a tag ended, or that a campaign was withdrawn, is another one beside it."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class TagKind(Owned, Base):
    """A tag that the bureau defined for itself, beside those of schemas.vocabulary.PlaceTagKind."""

    __tablename__ = "tag_kind"
    __table_args__ = (
        UniqueConstraint("bureau_id", "code"),
        CheckConstraint("code ~ '^[a-z][a-z0-9_]{1,39}$'", name="code"),
    )

    code: Mapped[str]
    name: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class PlaceTag(Owned, Base):
    """That a place is listed as something from a day on, up to a last day or until the tag is ended. Append-only.

    A tag on a cell holds for whatever lies in it. ``ground`` says why, or by which paper.
    """

    __tablename__ = "place_tag"
    __table_args__ = (
        CheckConstraint("subject_kind in ('outlet', 'site', 'unlicensed', 'cell')", name="subject_kind"),
        CheckConstraint("from_day <= to_day", name="days"),
        Index("ix_place_tag_subject_id", "subject_id"),
        Index("ix_place_tag_tag", "bureau_id", "tag"),
    )

    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    tag: Mapped[str]
    from_day: Mapped[date]
    to_day: Mapped[date | None]
    ground: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class PlaceTagEnd(Base):
    """That a tag holds no more after ``last_day``, or, without one, that it never held. Append-only."""

    __tablename__ = "place_tag_end"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    tag_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("place_tag.id"), primary_key=True)
    last_day: Mapped[date | None]
    reason: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class Campaign(Owned, Base):
    """A campaign (专项行动): the special checks of some days at the places in its scope.

    In scope is what holds one of ``tags``, lies in one of ``cell_ids`` (of any level, with all cells below) or is named in
    ``subject_ids``. ``record_kinds`` are the kinds of record that count, all where empty. The days are the bureau's. No
    record is written to: what belongs follows from these facts (rules.belongs). ``basis`` is the paper (文号、依据).
    """

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("bureau_id", "number"),
        CheckConstraint("first_day <= last_day", name="days"),
    )

    number: Mapped[str]
    name: Mapped[str]
    basis: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    tags: Mapped[list[Any]]
    cell_ids: Mapped[list[Any]]
    subject_ids: Mapped[list[Any]]
    record_kinds: Mapped[list[Any]]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
    edit_id: Mapped[uuid.UUID]


class CampaignWithdrawal(Base):
    """That a campaign is over from a moment on, before its last day, and why; what was checked before it still counts."""

    __tablename__ = "campaign_withdrawal"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    withdrawn_at: Mapped[datetime]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str]
