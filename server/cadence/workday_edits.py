"""Editing the workday table: a year's notice, single days, and what of the obligations moves with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import delete, func, insert, select, update

from schemas.vocabulary import CadenceTier
from server.cadence.models import Obligation
from server.cadence.rulebook import Rulebook
from server.cadence.timeline import load_timeline
from server.kernel.calendar import Workday, WorkdayYear, import_workdays, load_workdays
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.kernel.workdays import Workdays
from sync.feed import touch

Kind = Literal["off", "make_up", "ordinary"]
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """How many obligations of the tiers have other days now, and the keys of their periods that were over already."""

    obligations: int
    past_periods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Year:
    """A year of the table; a year that is not loaded counts Monday to Friday, provisionally."""

    year: int
    loaded: bool
    source: str | None
    working_days: int


def load_notice(
    work: Work, off: set[date], make_up: set[date], sources: dict[int, str]
) -> tuple[list[int], Moved]:
    """Like ``import_workdays``, and tell what moved: the years that changed, and the obligations."""
    before = load_workdays(work.session, work.bureau_id)
    changed = import_workdays(work, off, make_up, sources)
    return changed, _moved(work, before)


def set_day(work: Work, day: date, kind: Kind, source: str) -> Moved:
    """Make one day of a loaded year off (放假), worked (调休上班) or as its weekday has it, by a notice.

    Raises:
        Problem: ``workdays_missing`` for a year that is not loaded; ``invalid`` where the weekday says so already.
    """
    year = work.session.scalar(
        select(WorkdayYear)
        .where(WorkdayYear.bureau_id == work.bureau_id, WorkdayYear.year == day.year)
        .with_for_update()
    )
    if year is None:
        raise Problem("workdays_missing")
    weekend = day.weekday() >= _SATURDAY
    if (kind == "off" and weekend) or (kind == "make_up" and not weekend):
        said = "周末本来休息" if weekend else "周一至周五本来上班"
        detail = f"{day} {said}，请核对。{day} is as its weekday has it already."
        raise invalid("/kind", "weekday_already", detail)
    before = load_workdays(work.session, work.bureau_id)
    was = "off" if day in before.off else "make_up" if day in before.make_up else "ordinary"
    if was == kind:
        return Moved(0, ())
    work.session.execute(delete(Workday).where(Workday.bureau_id == work.bureau_id, Workday.day == day))
    if kind != "ordinary":
        work.session.execute(insert(Workday), [{"bureau_id": work.bureau_id, "day": day, "kind": kind}])
    work.session.execute(
        update(WorkdayYear)
        .where(WorkdayYear.document_id == year.document_id)
        .values(source=f"{year.source}；{day}：{source}", edit_id=new_edit_id())
    )
    touch(work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", year.document_id)])
    record_event(work, "workday.set", [], day=day.isoformat(), before=was, after=kind, source=source)
    work.wrote("workday_year", [year.document_id])
    return _moved(work, before)


def years(work: Work) -> list[Year]:
    """Each year from the first that is loaded or owed in to the next one, whether its notice is loaded or not."""
    workdays = load_workdays(work.session, work.bureau_id)
    sources: dict[int, str] = dict(
        work.session.execute(
            select(WorkdayYear.year, WorkdayYear.source).where(WorkdayYear.bureau_id == work.bureau_id)
        ).all()
    )
    this_year = work.now.astimezone(work.zone).year
    owed = work.session.scalar(
        select(func.min(Obligation.first_day)).where(Obligation.bureau_id == work.bureau_id)
    )
    first = min([this_year, *sources, *((owed.year,) if owed else ())])
    return [
        Year(
            year,
            year in workdays.years,
            sources.get(year),
            workdays.count(date(year, 1, 1), date(year, 12, 31)),
        )
        for year in range(first, max([this_year + 1, *sources]) + 1)
    ]


def _moved(work: Work, before: Workdays) -> Moved:
    """What has another window by the table as it stands now than it had before; upkeep writes it down."""
    after = load_workdays(work.session, work.bureau_id)
    if after == before:
        return Moved(0, ())
    versions = load_timeline(work).rulebook.versions
    old, new = (Rulebook(versions, workdays, work.zone) for workdays in (before, after))
    days = (Obligation.tier, Obligation.key, Obligation.first_day, Obligation.last_day)
    owed = select(
        Obligation.tier, Obligation.key, Obligation.first_day, Obligation.last_day, func.count()
    ).where(
        Obligation.bureau_id == work.bureau_id, Obligation.tier.is_not(None), Obligation.voided_at.is_(None)
    )
    today = work.now.astimezone(work.zone).date()
    count, past = 0, []
    for tier, key, first, last, how_many in work.session.execute(owed.group_by(*days)):
        was, now = (book.window(CadenceTier(tier or ""), first, last) for book in (old, new))
        if was != now:
            count += how_many
            if last < today:
                past.append(key)
    return Moved(count, tuple(sorted(past)))
