"""What every part of a pack rests on: the day, as of when it is judged, since when it is news, and who answers for what."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import or_, select

from server.grids.models import Duty, GridCell
from server.kernel.calendar import load_workdays
from server.kernel.work import Work
from server.kernel.workdays import Workdays
from server.org.models import Squad, SquadMember
from server.reports.responsible import Responsible, load_responsible
from server.reports.unknown import Silence, load_silence


@dataclass(frozen=True, slots=True)
class Ground:
    """The day of a bureau.

    ``judged_at`` is now, or the day's meeting where the pack is made on a day before: what will be due then if nothing more
    is done. ``since`` is the meeting of the working day before: what became known after it is news. A handheld is expected
    to have been heard since ``heard_since``, when the working day before began, counted from now where the day is ahead.
    """

    day: date
    judged_at: datetime
    since: datetime
    heard_since: datetime
    workdays: Workdays
    squads: dict[uuid.UUID, str]
    cells: dict[uuid.UUID, tuple[str, str]]
    silence: Silence
    responsible: Callable[[uuid.UUID | None, date], Responsible | None]

    @property
    def provisional(self) -> bool:
        """Whether the holidays of the day's year are not loaded, so that working days are a guess."""
        return self.workdays.provisional(self.day, self.day)

    def squad_of(self, cell_id: uuid.UUID | None) -> uuid.UUID | None:
        """The squad that answers for a cell on the day."""
        found = self.responsible(cell_id, self.day)
        return found.squad_id if found else None

    def cell(self, cell_id: uuid.UUID | None) -> tuple[str, str]:
        """Code and name of a cell, blank for none."""
        return self.cells.get(cell_id, ("", "")) if cell_id else ("", "")


def load_ground(work: Work, day: date) -> Ground:
    """The ground of a day of the actor's bureau; ``squads`` are those that have people or cells on it."""
    workdays = load_workdays(work.session, work.bureau_id)
    cells = select(GridCell.id, GridCell.code, GridCell.name).where(
        GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4
    )
    today = work.now.astimezone(work.zone).date()
    return Ground(
        day=day,
        judged_at=work.now if day <= today else meeting_of(work, day),
        since=meeting_of(work, workdays.shift(day, -1)),
        heard_since=datetime.combine(workdays.shift(min(day, today), -1), time(), work.zone),
        workdays=workdays,
        squads=working_squads(work, day),
        cells={cell_id: (code, name) for cell_id, code, name in work.session.execute(cells)},
        silence=load_silence(work, work.now),
        responsible=load_responsible(work, work.now),
    )


def meeting_of(work: Work, day: date) -> datetime:
    """When the morning's meeting of a day begins."""
    return datetime.combine(day, work.settings.briefing_time, work.zone)


def working_squads(work: Work, day: date) -> dict[uuid.UUID, str]:
    """The squads that somebody belongs to, or that answer for a cell, on the day, with their names, by name."""
    with_people = select(SquadMember.squad_id).where(SquadMember.valid.op("@>")(day))
    with_cells = select(Duty.squad_id).where(Duty.valid.op("@>")(day))
    squads = (
        select(Squad.id, Squad.name)
        .where(Squad.bureau_id == work.bureau_id, or_(Squad.id.in_(with_people), Squad.id.in_(with_cells)))
        .order_by(Squad.name, Squad.id)
    )
    return dict(work.session.execute(squads).all())
