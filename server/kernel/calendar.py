"""The workday table: an editable copy of the State Council's yearly holiday notices."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kernel.db import Base
from server.kernel.workdays import Workdays


class Workday(Base):
    """One day that differs from Monday–Friday: ``off`` (放假) or ``make_up`` (调休上班)."""

    __tablename__ = "workday"
    __table_args__ = (CheckConstraint("kind in ('off', 'make_up')", name="kind"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str]


class WorkdayYear(Base):
    """A year whose notice is loaded, with the notice; other years are provisional."""

    __tablename__ = "workday_year"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]


def load_workdays(session: Session, bureau_id: uuid.UUID) -> Workdays:
    """The bureau's calendar as a pure value for rules."""
    days = session.execute(select(Workday.day, Workday.kind).where(Workday.bureau_id == bureau_id)).all()
    years = session.scalars(select(WorkdayYear.year).where(WorkdayYear.bureau_id == bureau_id)).all()
    return Workdays(
        off=frozenset(day for day, kind in days if kind == "off"),
        make_up=frozenset(day for day, kind in days if kind == "make_up"),
        years=frozenset(years),
    )
