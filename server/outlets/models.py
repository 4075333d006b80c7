"""Tables of outlets and sites."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Outlet(Owned, Base):
    """A licensed outlet (零售户). ``licence_scope`` holds ``cigarette`` and ``ecig``; e-cigarettes are a scope
    of the licence, not a licence of their own (电子烟管理办法).

    ``geom`` is EPSG:4326; ``crs_of_origin`` and ``location_source`` tell where it came from. An outlet without
    a position has no cell until it is located. ``tags`` are kept from facts: ``{"tag", "from_day", "to_day"}``.
    """

    __tablename__ = "outlet"
    __table_args__ = (
        UniqueConstraint("bureau_id", "licence_no"),
        CheckConstraint("licence_no ~ '^[0-9]{12}$'", name="licence_no"),
        CheckConstraint("licence_to >= licence_from", name="licence_days"),
        CheckConstraint("status in ('active', 'suspended', 'closed', 'cancelled', 'expired')", name="status"),
        Index("ix_outlet_ecig", "bureau_id", "id", postgresql_where="'ecig' = any(licence_scope)"),
    )

    licence_no: Mapped[str]
    name: Mapped[str]
    name_pinyin: Mapped[str]
    holder_name: Mapped[str | None]
    address: Mapped[str | None]
    phone: Mapped[str | None]
    business_kind: Mapped[str]
    credit_grade: Mapped[str | None]
    licence_scope: Mapped[list[str]] = mapped_column(ARRAY(Text))
    licence_from: Mapped[date]
    licence_to: Mapped[date]
    status: Mapped[str]
    note: Mapped[str | None]
    geom: Mapped[WKBElement | None] = mapped_column(Geometry("POINT", srid=4326))
    location_source: Mapped[str | None]
    location_accuracy_m: Mapped[float | None]
    crs_of_origin: Mapped[str | None]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"), index=True)
    tags: Mapped[list[Any]] = mapped_column(server_default="[]")
    edit_id: Mapped[uuid.UUID]


class OutletStatus(Owned, Base):
    """A status from a day on, and when it became known. Never overwritten: reports of past moments read it."""

    __tablename__ = "outlet_status"
    __table_args__ = (Index("ix_outlet_status_outlet_id", "outlet_id", "from_day"),)

    outlet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outlet.id"))
    from_day: Mapped[date]
    status: Mapped[str]
    known_at: Mapped[datetime]


class Registration(Base):
    """What the register said of an outlet from a day on, and when it became known: its cell, the scope of its licence
    and its credit grade. Never overwritten: what is owed, where it is counted and which cap holds follow from it.

    A register gives no days of its own for these, so the first one holds from the licence's first day and a later one
    from the day on which it became known. ``seq`` tells apart what was noted at one moment.
    """

    __tablename__ = "outlet_registration"
    __table_args__ = (Index("ix_outlet_registration_outlet_id", "outlet_id", "seq"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    outlet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outlet.id"))
    from_day: Mapped[date]
    known_at: Mapped[datetime]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    licence_scope: Mapped[list[str]] = mapped_column(ARRAY(Text))
    credit_grade: Mapped[str | None]


class Site(Owned, Base):
    """A place that is no outlet: depot, checkpoint, school, manufacturer. ``tags`` as an outlet's."""

    __tablename__ = "site"
    __table_args__ = (
        UniqueConstraint("bureau_id", "kind", "code"),
        CheckConstraint(
            "kind in ('depot', 'checkpoint', 'school', 'kindergarten', 'manufacturer')", name="kind"
        ),
    )

    kind: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    subkind: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    geom: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326))
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"), index=True)
    tags: Mapped[list[Any]] = mapped_column(server_default="[]")
    edit_id: Mapped[uuid.UUID]
