"""Who was responsible for a cell on a day, as known by a moment: a hand-over splits history."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from server.grids.models import DutyFact
from server.kernel.work import Work


@dataclass(frozen=True, slots=True)
class Responsible:
    """The squad and the lead officer."""

    squad_id: uuid.UUID
    lead_person_id: uuid.UUID


def load_responsible(work: Work, as_of: datetime) -> Callable[[uuid.UUID | None, date], Responsible | None]:
    """A look-up of (cell, day). Of what had begun by the day, the word last said decides; nobody where duty had ended."""
    facts: dict[uuid.UUID, list[DutyFact]] = defaultdict(list)
    for fact in work.session.scalars(
        select(DutyFact)
        .where(DutyFact.bureau_id == work.bureau_id, DutyFact.known_at <= as_of)
        .order_by(DutyFact.known_at.desc(), DutyFact.seq.desc())
    ):
        facts[fact.cell_id].append(fact)

    def on(cell_id: uuid.UUID | None, day: date) -> Responsible | None:
        if cell_id is None:
            return None
        found = next((fact for fact in facts[cell_id] if fact.from_day <= day), None)
        if found is None or found.squad_id is None or found.lead_person_id is None:
            return None
        return Responsible(found.squad_id, found.lead_person_id)

    return on
