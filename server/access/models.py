"""Tables of access. Secrets are kept hashed only."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Account(Owned, Base):
    """A sign-in. ``password_hash`` is argon2; ``roles`` are names of permissions.Role.

    Digests go to ``email`` where there is one, unless its owner wants none (``email_notices``).
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("username"),
        Index("uq_account_username_lower", func.lower(text("username")), unique=True),
    )

    username: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    disabled_at: Mapped[datetime | None]
    email: Mapped[str | None]
    email_notices: Mapped[bool] = mapped_column(default=True, server_default=text("true"))


class Device(Owned, Base):
    """A handheld enrolled for one person.

    ``active`` pulls and pushes; ``push_only`` (revoked) may still land its pending records; ``dead`` may nothing.
    """

    __tablename__ = "device"
    __table_args__ = (CheckConstraint("state in ('active', 'push_only', 'dead')", name="state"),)

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), index=True)
    label: Mapped[str]
    state: Mapped[str]
    enrolled_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    clock_offset_s: Mapped[int] = mapped_column(default=0)


class DeviceContact(Owned, Base):
    """What a device told at a contact: its queue, when the oldest change in it was made, how far its clock is off.

    What was not told is null; ``unread`` names the headers that were sent and could not be read. Never overwritten.
    """

    __tablename__ = "device_contact"
    __table_args__ = (
        Index("ix_device_contact_device_id_heard_at", "device_id", "heard_at"),
        Index("ix_device_contact_device_id_clock_offset_s", "device_id", "clock_offset_s"),
        CheckConstraint("queue_length >= 0", name="queue_length"),
    )

    device_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("device.id"))
    heard_at: Mapped[datetime]
    queue_length: Mapped[int | None]
    queue_oldest_at: Mapped[datetime | None]
    clock_offset_s: Mapped[int | None]
    app_version: Mapped[str | None]
    unread: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))


class Token(Owned, Base):
    """An opaque secret in use: a browser session or a device. Only its SHA-256 is kept; revocable."""

    __tablename__ = "token"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("kind in ('session', 'device')", name="kind"),
        CheckConstraint("(kind = 'device') = (device_id is not null)", name="device"),
    )

    kind: Mapped[str]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    device_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("device.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    csrf: Mapped[str | None]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
