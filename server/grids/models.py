"""Tables of the grid."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class GridCell(Owned, Base):
    """A grid cell (单元格) of the four-level tree; leaves are what duty and outlets hang on.

    ``existing_count`` is kept from the outlets; the difference is planned minus existing and may be negative. ``tags`` are
    kept from the facts of the tags: ``{"tag", "from_day", "to_day"}``.
    """

    __tablename__ = "grid_cell"
    __table_args__ = (
        UniqueConstraint("bureau_id", "code"),
        CheckConstraint("cell_level between 1 and 4", name="cell_level"),
        CheckConstraint(
            "cell_type in ('city_street', 'township_street', 'road_corridor', 'rural')", name="cell_type"
        ),
        CheckConstraint("control_mode in ('distance', 'area', 'both')", name="control_mode"),
        CheckConstraint("purpose in ('duty', 'layout', 'both')", name="purpose"),
    )

    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"), index=True)
    code: Mapped[str]
    name: Mapped[str]
    cell_level: Mapped[int]
    cell_type: Mapped[str | None]
    control_mode: Mapped[str]
    purpose: Mapped[str]
    planned_count: Mapped[int | None]
    existing_count: Mapped[int] = mapped_column(default=0)
    geom: Mapped[WKBElement] = mapped_column(Geometry("MULTIPOLYGON", srid=4326))
    tags: Mapped[list[Any]] = mapped_column(server_default="[]")
    edit_id: Mapped[uuid.UUID]


class Duty(Owned, Base):
    """One squad and one lead officer for one cell, with dates (片区明确、责任到人)."""

    __tablename__ = "duty"
    __table_args__ = (
        ExcludeConstraint(("cell_id", "="), ("valid", "&&"), name="ex_duty_cell_id_valid", using="gist"),
    )

    cell_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("grid_cell.id"))
    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"), index=True)
    lead_person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), index=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    known_at: Mapped[datetime]


class DutyChange(Owned, Base):
    """What somebody decided about duty in one act: cells given to squads, or left vacant; or that such an act, which had
    not begun, was a mistake (``withdraws_id``). The facts that it said name it. Never overwritten.
    """

    __tablename__ = "duty_change"
    __table_args__ = (UniqueConstraint("withdraws_id"),)

    reason: Mapped[str | None]
    made_at: Mapped[datetime]
    made_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    withdraws_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("duty_change.id"))


class DutyFact(Owned, Base):
    """That duty for a cell was given from a day on, or ended without a successor, and when that became known. Never
    overwritten. Of several that became known at one moment the one with the greatest ``seq`` was said last.

    ``duty`` is the present view of these facts; reports of past moments read the facts.
    """

    __tablename__ = "duty_fact"
    __table_args__ = (
        Index("ix_duty_fact_cell_id_known_at", "cell_id", "known_at"),
        CheckConstraint("num_nulls(squad_id, lead_person_id) in (0, 2)", name="holder"),
    )

    cell_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("grid_cell.id"))
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    lead_person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    from_day: Mapped[date]
    known_at: Mapped[datetime]
    change_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("duty_change.id"), index=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))


class ScopeGrant(Owned, Base):
    """A cell given to a person or a squad for some days beside duty: secondment, patrol, campaign or cover.

    Never changed; ending it early is noted on it.
    """

    __tablename__ = "scope_grant"
    __table_args__ = (
        CheckConstraint("ground in ('secondment', 'patrol', 'campaign', 'cover')", name="ground"),
        CheckConstraint("num_nonnulls(person_id, squad_id) = 1", name="to_whom"),
        CheckConstraint(
            "not isempty(valid) and lower(valid) is not null and upper(valid) is not null", name="days"
        ),
    )

    cell_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("grid_cell.id"), index=True)
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    ground: Mapped[str]
    reason: Mapped[str]
    granted_at: Mapped[datetime]
    granted_by: Mapped[uuid.UUID | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None]
    revoke_reason: Mapped[str | None]


class Scope(Base):
    """Who sees which cell today, and through which squad; ``squad_id`` is null for what is granted to the person alone.

    Dates are carried out into this table, not evaluated when reading.
    """

    __tablename__ = "scope"
    __table_args__ = (
        UniqueConstraint("person_id", "squad_id", "cell_id", postgresql_nulls_not_distinct=True),
        Index("ix_scope_cell_id_person_id", "cell_id", "person_id"),
    )
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    cell_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("grid_cell.id"))
    # The three together are unique; the table has no primary key, for one of them may be null.
    __mapper_args__ = {"primary_key": [person_id, squad_id, cell_id]}  # noqa: RUF012


class ScopeApplied(Base):
    """The day whose duty and membership the scope table carries, so that "nothing is due" is one look-up."""

    __tablename__ = "scope_applied"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    day: Mapped[date]
