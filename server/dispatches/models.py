"""Tables of dispatches. All are append-only: a correction is a row of its own, and so is a withdrawal."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Dispatch(Owned, Base):
    """One going out (出动). It belongs to the day of the bureau on which it starts.

    ``source``: ``form`` (a record of kind dispatch), ``road_check`` (a session that names no dispatch is one of its own),
    ``patrol`` (the record with which a team ended its patrol) or ``desk``. One from a record has the record's id in both
    columns and stands as long as the record does; one of the desk stands until another ``replaces`` it. ``withdrawn`` says
    that what it replaces never was.

    Of a patrol the first one has the patrol's own id, by which records made on the way name it before it is here; all of
    them have it in ``patrol_id``, and of those that stand the one that began first counts.
    """

    __tablename__ = "dispatch"
    __table_args__ = (
        CheckConstraint("source in ('form', 'road_check', 'patrol', 'desk')", name="source"),
        CheckConstraint("(source = 'desk') = (record_id is null)", name="record"),
        CheckConstraint("source = 'patrol' or patrol_id is null", name="patrol"),
        CheckConstraint("joint_mode in ('regular', 'mobile')", name="joint_mode"),
        Index("ix_dispatch_started_at", "bureau_id", "started_at"),
        Index("ix_dispatch_patrol_id", "patrol_id", postgresql_where="patrol_id is not null"),
        # Each version of the desk is replaced once: whoever corrects second reads the first correction first.
        Index(
            "uq_dispatch_replaces_id", "replaces_id", unique=True, postgresql_where="replaces_id is not null"
        ),
    )

    source: Mapped[str]
    record_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("record.id"))
    # No foreign key: the record may name a patrol that is not known here.
    patrol_id: Mapped[uuid.UUID | None]
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    task: Mapped[str | None]
    joint_mode: Mapped[str | None]
    known_at: Mapped[datetime]
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("dispatch.id"))
    withdrawn: Mapped[bool]
    reason: Mapped[str | None]


class DispatchPerson(Base):
    """Somebody of the bureau who was out; each once a dispatch.

    ``kind`` is what the register said when the dispatch became known. Somebody it does not know is ``unknown``.
    """

    __tablename__ = "dispatch_person"
    __table_args__ = (
        UniqueConstraint("dispatch_id", "person_id"),
        CheckConstraint("kind in ('officer', 'auxiliary', 'staff', 'unknown')", name="kind"),
        CheckConstraint("(kind = 'unknown') = (person_id is null)", name="unknown"),
        Index("ix_dispatch_person_person_id", "person_id"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    dispatch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dispatch.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str]


class DispatchVehicle(Base):
    """A vehicle that was used; each once a dispatch. One that is told by number only has neither id nor plate."""

    __tablename__ = "dispatch_vehicle"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    dispatch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dispatch.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("vehicle.id"))
    plate: Mapped[str | None]


class DispatchPartner(Base):
    """A unit that came along, and how many people of it, where that was told; they are none of the bureau's."""

    __tablename__ = "dispatch_partner"
    __table_args__ = (CheckConstraint("people >= 0", name="people"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    dispatch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dispatch.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[str]
    people: Mapped[int | None]
