"""Tables of notices: what somebody was told, and what goes out by mail and webhook."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned

KINDS = "('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing', 'incident', 'goods_undecided', 'briefing')"


class Notice(Owned, Base):
    """One digest of one kind for one recipient on one day: a person of the field, or an account that is none.

    An incident is told of at once, each by a notice of its own.
    ``role`` is what the recipient is told as. ``content`` is {"counts": {"total", …}, "cells": […], "items": […]} as
    it was known then. ``retired_at`` is when it left the handhelds; the account's list keeps it.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index(
            "uq_notice_digest",
            "bureau_id",
            "person_id",
            "account_id",
            "kind",
            "day",
            unique=True,
            postgresql_where=text("kind <> 'incident'"),
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint("num_nonnulls(person_id, account_id) = 1", name="to_whom"),
        Index("ix_notice_person_id_day", "person_id", "day"),
        Index("ix_notice_account_id_day", "account_id", "day"),
    )

    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    role: Mapped[str]
    kind: Mapped[str]
    day: Mapped[date]
    made_at: Mapped[datetime]
    content: Mapped[dict[str, Any]]
    read_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    edit_id: Mapped[uuid.UUID]


class NoticeItem(Base):
    """One thing that a notice told of, so that nobody is told of it twice in one kind: see rules.Telling.about."""

    __tablename__ = "notice_item"
    __table_args__ = (Index("ix_notice_item_about", "about"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    notice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notice.id"), primary_key=True)
    about: Mapped[str] = mapped_column(primary_key=True)


class Webhook(Owned, Base):
    """An address of the bureau that is sent every notice of some kinds; no kinds means all of them.

    ``secret`` is sealed (see sealing.py) and forgotten with the removal.
    """

    __tablename__ = "webhook"

    name: Mapped[str]
    url: Mapped[str]
    secret: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    disabled_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class Delivery(Owned, Base):
    """One message in the outbox: a notice, or a test without one, to an account's mail or to a webhook.

    It is written with the notice and sent after commit. ``waiting`` until it is sent, has failed for good, or is
    cancelled because nobody wants it any more. ``claimed_until`` is a sender's lease: one that died is replaced.
    No address stands here: it is looked up when it is sent. ``error`` is a short code.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("channel in ('email', 'webhook')", name="channel"),
        CheckConstraint("state in ('waiting', 'sent', 'failed', 'cancelled')", name="state"),
        CheckConstraint("(channel = 'email') = (account_id is not null)", name="account"),
        CheckConstraint("(channel = 'webhook') = (webhook_id is not null)", name="webhook"),
        # Tests carry no notice, and there may be any number of them.
        UniqueConstraint("notice_id", "account_id"),
        UniqueConstraint("notice_id", "webhook_id"),
        Index("ix_delivery_waiting", "next_at", postgresql_where="state = 'waiting'"),
    )

    notice_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notice.id"))
    channel: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    webhook_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("webhook.id"))
    state: Mapped[str]
    made_at: Mapped[datetime]
    next_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    ended_at: Mapped[datetime | None]
