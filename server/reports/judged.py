"""Every obligation of a period in the reader's scope, judged, with whom it is counted under."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence import rules
from server.cadence.judging import judged_rows
from server.cadence.periods import ReportingPeriod
from server.cadence.timeline import need_rulebook
from server.grids.queries import cells_in_scope
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.responsible import Responsible
from server.reports.unknown import Silence, load_silence


class Owed(NamedTuple):
    """What the obligation is about, as a report tells it."""

    id: uuid.UUID
    subject_id: uuid.UUID
    tier: str
    key: str
    first_day: date
    last_day: date
    grace_last_day: date


@dataclass(frozen=True, slots=True)
class Item:
    """One judged obligation with whom it is counted under."""

    judgement: rules.Judgement
    tier: CadenceTier
    row: Owed
    responsible: Responsible | None
    unknown: bool


def judged(work: Work, period: ReportingPeriod, as_of: datetime) -> list[Item]:
    """Every obligation of the period in the actor's scope, judged; upcoming and void ones included.

    Raises:
        Problem: ``not_found`` where no policy had begun by then.
    """
    need_rulebook(work, as_of.astimezone(work.zone).date())
    with judged_rows(work, as_of, period.keys) as rows:
        wanted = select(rows).order_by(rows.c.subject_id, rows.c.first_day, rows.c.last_day, rows.c.key)
        if not work.actor.reaches_bureau(Permission.REPORT_READ):
            wanted = wanted.where(rows.c.cell_id.in_(cells_in_scope(work.actor, Permission.REPORT_READ)))
        found = work.session.execute(wanted)
    silence = load_silence(work, as_of)
    items: list[Item] = []
    for row in found:
        tier = CadenceTier(row.tier)
        judgement = rules.Judgement(
            obligation=rules.Obligation(row.obligation_id, tier, row.key, row.first_day, row.last_day),
            state=ObligationState(row.state),
            met_by=row.met_by,
            performed_at=row.performed_at,
            days_late=row.days_late,
            attempts=tuple(row.attempts),
            made_up_by=row.made_up_by,
            provisional=row.provisional,
            cell_id=row.cell_id,
        )
        responsible = Responsible(row.squad_id, row.officer_id) if row.squad_id else None
        owed = Owed(
            row.obligation_id, row.subject_id, tier, row.key, row.first_day, row.last_day, row.grace_last_day
        )
        items.append(Item(judgement, tier, owed, responsible, _unknown(judgement, responsible, silence)))
    return items


def _unknown(judgement: rules.Judgement, responsible: Responsible | None, silence: Silence) -> bool:
    """待同步: the answer may still lie on a device of the responsible squad. An overlay inside P and M."""
    return responsible is not None and silence.hides(
        responsible.squad_id, judgement.obligation.last_day, judgement.state
    )
