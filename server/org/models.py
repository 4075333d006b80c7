"""Tables of the organisation."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Bureau(Base):
    """One monopoly bureau; provinces hold prefectures, prefectures hold counties."""

    __tablename__ = "bureau"
    __table_args__ = (CheckConstraint("level in ('province', 'prefecture', 'county')", name="level"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bureau.id"), index=True)
    name: Mapped[str]
    level: Mapped[str]
    region_code: Mapped[str]
    population: Mapped[int | None]


class Squad(Owned, Base):
    """A squad (中队), with the place (EPSG:4326) where its patrols begin and end unless a plan says otherwise."""

    __tablename__ = "squad"
    __table_args__ = (
        UniqueConstraint("bureau_id", "name"),
        CheckConstraint("num_nonnulls(base_name, base_place) <> 1", name="base"),
    )

    name: Mapped[str]
    base_name: Mapped[str | None]
    base_place: Mapped[WKBElement | None] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    edit_id: Mapped[uuid.UUID]


class Person(Owned, Base):
    """Somebody who works in the field. Auxiliaries are not officers and may not inspect."""

    __tablename__ = "person"
    __table_args__ = (
        CheckConstraint("kind in ('officer', 'auxiliary', 'staff')", name="kind"),
        UniqueConstraint("bureau_id", "staff_no"),
    )

    name: Mapped[str]
    staff_no: Mapped[str]
    kind: Mapped[str]
    phone: Mapped[str | None]
    edit_id: Mapped[uuid.UUID]


class Certificate(Owned, Base):
    """An enforcement certificate (执法证), valid on the days it says. Never overwritten: a new one is a new row."""

    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("bureau_id", "cert_no", "valid_from"),
        CheckConstraint("valid_to >= valid_from", name="days"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), index=True)
    cert_no: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    known_at: Mapped[datetime]


class SquadMember(Owned, Base):
    """Who is in which squad, and when; nobody is in two squads on one day."""

    __tablename__ = "squad_member"
    __table_args__ = (
        ExcludeConstraint(
            ("person_id", "="), ("valid", "&&"), name="ex_squad_member_person_id_valid", using="gist"
        ),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), index=True)
    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"), index=True)
    leads: Mapped[bool]
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    known_at: Mapped[datetime]


class Secondment(Owned, Base):
    """Who works with another squad than his own (借调), and on which days; nobody with two on one day.

    He stays a member of his own squad. Like ``squad_member`` this is the present view, which scope is carried out from;
    what was entered and withdrawn when is kept by the roster.
    """

    __tablename__ = "secondment"
    __table_args__ = (
        ExcludeConstraint(
            ("person_id", "="), ("valid", "&&"), name="ex_secondment_person_id_valid", using="gist"
        ),
        CheckConstraint(
            "not isempty(valid) and lower(valid) is not null and upper(valid) is not null", name="days"
        ),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"), index=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    known_at: Mapped[datetime]


class Vehicle(Owned, Base):
    """A patrol vehicle."""

    __tablename__ = "vehicle"
    __table_args__ = (UniqueConstraint("bureau_id", "plate"),)

    plate: Mapped[str]
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))


class PartnerUnit(Owned, Base):
    """A unit that joins an action or takes a hand-over: police, market supervision, post, transport."""

    __tablename__ = "partner_unit"
    __table_args__ = (UniqueConstraint("bureau_id", "name"),)

    name: Mapped[str]
    kind: Mapped[str]
    contacts: Mapped[list[Any]]
