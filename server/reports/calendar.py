"""An outlet's compliance calendar: a row of ISO weeks with what became of each, its months and quarters beside them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence import rules
from server.cadence.histories import Owed, load_histories
from server.cadence.periods import Period, period_of, periods_between
from server.cadence.timeline import need_rulebook
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.reports.look import MARKS, STATES
from server.reports.responsible import load_responsible
from server.reports.unknown import load_silence


@dataclass(frozen=True, slots=True)
class Due:
    """One obligation as a screen shows it: its state, and the records that made it so."""

    id: uuid.UUID
    rule: str
    tier: str | None
    key: str
    first_day: date
    last_day: date
    grace_last_day: date
    state: str
    unknown: bool
    provisional: bool
    record_id: uuid.UUID | None
    performed_at: datetime | None
    days_late: int
    attempts: tuple[uuid.UUID, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """One cell of the calendar; nothing was owed where ``due`` is ``None``.

    ``month`` and ``quarter`` are the keys of those in which the week is reported, by its Thursday.
    """

    key: str
    first_day: date
    last_day: date
    month: str
    quarter: str
    due: Due | None


@dataclass(slots=True)
class Calendar:
    """The weeks of one outlet, oldest first, and what was owed beside them: months, quarters, triggered duties."""

    outlet_id: uuid.UUID
    licence_no: str
    name: str
    status: str
    weeks: list[Week]
    months: list[Due] = field(default_factory=list)
    quarters: list[Due] = field(default_factory=list)
    triggered: list[Due] = field(default_factory=list)


def weeks_until(work: Work, as_of: datetime, number: int) -> list[Period]:
    """The ISO weeks up to the one that holds ``as_of``, oldest first; a year of 53 has all of them."""
    weeks = [period_of(CadenceTier.WEEKLY, as_of.astimezone(work.zone).date())]
    while len(weeks) < number:
        weeks.append(weeks[-1].previous())
    return weeks[::-1]


def weeks_of(year: int) -> list[Period]:
    """The 52 or 53 ISO weeks of a year: those whose Thursday lies in it."""
    first, last = (date(year, 1, 4), date(year, 12, 28))
    return list(periods_between(CadenceTier.WEEKLY, first, last))


def calendars(
    work: Work, outlets: Sequence[Outlet], weeks: Sequence[Period], as_of: datetime
) -> list[Calendar]:
    """A calendar for each outlet, in their order, as known by ``as_of`` and judged at it.

    The number of queries does not depend on the number of outlets.

    Raises:
        Problem: ``not_found`` where no policy had begun by then.
    """
    today = as_of.astimezone(work.zone).date()
    rulebook = need_rulebook(work, today)
    responsible, silence = load_responsible(work, as_of), load_silence(work, as_of)
    histories = load_histories(work, [outlet.id for outlet in outlets])

    def due(owed: Owed, judgement: rules.Judgement) -> Due:
        by = responsible(judgement.cell_id, min(owed.last_day, today))
        return Due(
            id=owed.id,
            rule=owed.rule,
            tier=owed.tier,
            key=owed.key,
            first_day=owed.first_day,
            last_day=owed.last_day,
            grace_last_day=owed.grace_last_day,
            state=judgement.state.value,
            unknown=by is not None and silence.hides(by.squad_id, owed.last_day, judgement.state),
            provisional=judgement.provisional,
            record_id=judgement.met_by or judgement.made_up_by,
            performed_at=judgement.performed_at,
            days_late=judgement.days_late,
            attempts=judgement.attempts,
        )

    found = []
    for outlet in outlets:
        loaded = histories.get(outlet.id)
        judged = rules.judge(loaded.history, rulebook, as_of) if loaded else ()
        dues = [due(loaded.owed[one.obligation.id], one) for one in judged] if loaded else []
        found.append(_calendar(outlet, weeks, dues))
    return found


def _calendar(outlet: Outlet, weeks: Sequence[Period], dues: Sequence[Due]) -> Calendar:
    by_key = {(due.tier, due.key): due for due in dues if due.tier}
    cells = [
        Week(
            week.key,
            week.first_day,
            week.last_day,
            week.within(CadenceTier.MONTHLY).key,
            week.within(CadenceTier.QUARTERLY).key,
            by_key.get((CadenceTier.WEEKLY.value, week.key)),
        )
        for week in weeks
    ]
    first, last = weeks[0].first_day, weeks[-1].last_day
    return Calendar(
        outlet.id,
        outlet.licence_no,
        outlet.name,
        outlet.status,
        cells,
        months=_beside(by_key, CadenceTier.MONTHLY, {cell.month for cell in cells}),
        quarters=_beside(by_key, CadenceTier.QUARTERLY, {cell.quarter for cell in cells}),
        triggered=[
            due for due in dues if due.tier is None and due.first_day <= last and due.last_day >= first
        ],
    )


def _beside(by_key: Mapping[tuple[str, str], Due], tier: CadenceTier, keys: set[str]) -> list[Due]:
    return [by_key[tier.value, key] for key in sorted(keys) if (tier.value, key) in by_key]


def legend() -> list[dict[str, Any]]:
    """Every state with its word and how it is drawn, then the overlay of what is not known yet."""
    states = [(state.value, state.label_zh, MARKS[STATES[state]]) for state in ObligationState]
    states.append(("unknown", MARKS["unknown"].word, MARKS["unknown"]))
    return [
        {"state": state, "word": word, "colour": mark.colour, "pattern": mark.pattern.value}
        for state, word, mark in states
    ]
