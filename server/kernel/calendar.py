"""The workday table: an editable copy of the State Council's yearly holiday notices."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kernel.db import Base
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import invalid
from server.kernel.work import Work
from server.kernel.workdays import Workdays
from sync.feed import touch


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
    document_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    edit_id: Mapped[uuid.UUID]


def load_workdays(session: Session, bureau_id: uuid.UUID) -> Workdays:
    """The bureau's calendar as a pure value for rules."""
    days = session.execute(select(Workday.day, Workday.kind).where(Workday.bureau_id == bureau_id)).all()
    years = session.scalars(select(WorkdayYear.year).where(WorkdayYear.bureau_id == bureau_id)).all()
    return Workdays(
        off=frozenset(day for day, kind in days if kind == "off"),
        make_up=frozenset(day for day, kind in days if kind == "make_up"),
        years=frozenset(years),
    )


def import_workdays(work: Work, off: set[date], make_up: set[date], sources: dict[int, str]) -> list[int]:
    """Replace the days of the years named in ``sources`` (year → the notice); returns the years that changed.

    Raises:
        Problem: ``invalid`` for a day of a year that no source is given for, or one that is both off and worked.
    """
    if both := sorted(off & make_up):
        raise invalid("/make_up", "day_twice", f"{both[0]} 既放假又上班，请核对。")
    stray = sorted(day for day in off | make_up if day.year not in sources)
    if stray:
        raise invalid("/off", "year_missing", f"{stray[0]} 的年度没有注明来源。")
    before = load_workdays(work.session, work.bureau_id)
    changed: list[int] = []
    for year, source in sorted(sources.items()):
        new_off = {day for day in off if day.year == year}
        new_make_up = {day for day in make_up if day.year == year}
        same = {day for day in before.off if day.year == year} == new_off
        if year in before.years and same and {d for d in before.make_up if d.year == year} == new_make_up:
            continue
        changed.append(year)
        first, last = date(year, 1, 1), date(year, 12, 31)
        work.session.execute(
            delete(Workday).where(Workday.bureau_id == work.bureau_id, Workday.day.between(first, last))
        )
        kinds = [(day, "off") for day in new_off] + [(day, "make_up") for day in new_make_up]
        if kinds:
            work.session.execute(
                insert(Workday),
                [{"bureau_id": work.bureau_id, "day": day, "kind": kind} for day, kind in sorted(kinds)],
            )
        document_id = new_id(work.now)
        statement = upsert(WorkdayYear).values(
            bureau_id=work.bureau_id, year=year, source=source, document_id=document_id, edit_id=new_edit_id()
        )
        kept = work.session.scalars(
            statement.on_conflict_do_update(
                index_elements=["bureau_id", "year"],
                set_={"source": statement.excluded.source, "edit_id": statement.excluded.edit_id},
            ).returning(WorkdayYear.document_id)
        ).one()
        touch(work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", kept)])
        work.wrote("workday_year", [kept])
    if changed:
        record_event(work, "workdays.imported", [], years=changed)
    return changed
