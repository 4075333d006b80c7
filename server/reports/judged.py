"""Every obligation of a period in the reader's scope, judged, with whom it is counted under."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence import rules
from server.cadence.histories import Owed, load_histories
from server.cadence.periods import ReportingPeriod
from server.cadence.tally import PENDING
from server.cadence.timeline import need_rulebook
from server.grids.queries import cells_in_scope
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.responsible import Responsible, load_responsible
from server.reports.unknown import Silence, load_silence


@dataclass(frozen=True, slots=True)
class Item:
    """One judged obligation with whom it is counted under."""

    judgement: rules.Judgement
    tier: CadenceTier
    row: Owed
    responsible: Responsible | None
    unknown: bool


def judged(work: Work, period: ReportingPeriod, as_of: datetime) -> list[Item]:
    """Every obligation of the period in the actor's scope, judged; upcoming and void ones included."""
    rulebook = need_rulebook(work, as_of.astimezone(work.zone).date())
    seen = None
    if not work.actor.reaches_bureau(Permission.REPORT_READ):
        seen = set(work.session.scalars(cells_in_scope(work.actor, Permission.REPORT_READ)))
    responsible_for = load_responsible(work, as_of)
    silence = load_silence(work, as_of)
    items: list[Item] = []
    for loaded in load_histories(work, None).values():
        for judgement in rules.judge(loaded.history, rulebook, as_of):
            owed = judgement.obligation
            if owed.tier is None or owed.key not in period.keys[owed.tier]:
                continue
            row = loaded.owed[owed.id]
            if seen is not None and judgement.cell_id not in seen:
                continue
            responsible = responsible_for(
                judgement.cell_id, min(owed.last_day, as_of.astimezone(work.zone).date())
            )
            items.append(
                Item(judgement, owed.tier, row, responsible, _unknown(judgement, responsible, silence))
            )
    return items


def _unknown(judgement: rules.Judgement, responsible: Responsible | None, silence: Silence) -> bool:
    """待同步: the answer may still lie on a device of the responsible squad. An overlay inside P and M."""
    if responsible is None:
        return False
    if judgement.state in PENDING or judgement.state in (ObligationState.MISSED, ObligationState.MADE_UP):
        return silence.of(responsible.squad_id, judgement.obligation.last_day)
    return False
