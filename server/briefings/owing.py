"""What the squads owe on a day: due, due soon, chains of re-checks under way, and what was missed since the last meeting."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from schemas.vocabulary import DutyRule, ObligationState
from server.briefings.ground import Ground
from server.briefings.routes import Routes
from server.briefings.rules import STILL_TO_DO, Due, due_on, is_due_soon, newly_missed
from server.cadence.models import Obligation
from server.kernel.bulk import among
from server.kernel.work import Work
from server.reports.owed import Called, Unsettled, called, duty_label, unsettled

Row = dict[str, Any]

_ORDER = list(Due)
_UNDER_WAY = STILL_TO_DO | {ObligationState.UPCOMING}
# A chain that something triggered today begins tomorrow.
_AHEAD = timedelta(days=1)


@dataclass(slots=True)
class Owing:
    """What one squad owes, each list in the order in which a pack has it."""

    due: list[Row] = field(default_factory=list)
    due_soon: list[Row] = field(default_factory=list)
    chains: list[Row] = field(default_factory=list)
    missed: list[Row] = field(default_factory=list)


def load_owing(work: Work, ground: Ground, routes: Routes) -> dict[uuid.UUID | None, Owing]:
    """By squad; what lies in a cell that no squad answers for is under ``None``."""
    since = ground.workdays.shift(ground.day, -1)
    found = list(unsettled(work, ground.judged_at, since=since, begins_by=ground.day + _AHEAD))
    subjects = called(work, sorted({one.subject_id for one in found}))
    owing: dict[uuid.UUID | None, Owing] = defaultdict(Owing)
    chains: dict[uuid.UUID, list[Unsettled]] = defaultdict(list)
    for one in found:
        squad_id = ground.squad_of(one.cell_id)
        due = due_on(one.state, one.last_day, one.grace_last_day, ground.day, ground.workdays)
        row = _row(one, subjects[one.subject_id], ground, squad_id, routes)
        if due is not None:
            owing[squad_id].due.append({"due": due.value, **row})
        elif is_due_soon(one.state, one.last_day, due, ground.day):
            owing[squad_id].due_soon.append(row)
        elif newly_missed(one.state, one.grace_last_day, ground.day, ground.workdays):
            owing[squad_id].missed.append(row)
        if one.duty == DutyRule.TRIPLE_RECHECK and one.trigger_id and one.state in _UNDER_WAY:
            chains[one.trigger_id].append(one)
    for squad_id, chain in _chains(work, chains, subjects, ground):
        owing[squad_id].chains.append(chain)
    for lists in owing.values():
        lists.due.sort(key=lambda row: (_ORDER.index(Due(row["due"])), *_place(row)))
        lists.due_soon.sort(key=lambda row: (row["last_day"], *_place(row)))
        lists.chains.sort(key=lambda row: (row["last_day"], *_place(row)))
        lists.missed.sort(key=_place)
    return owing


def _place(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["cell"], row["name"], row["number"], str(row["last_day"]), row.get("duty", ""), str(row["id"])


def _row(one: Unsettled, subject: Called, ground: Ground, squad_id: uuid.UUID | None, routes: Routes) -> Row:
    code, name = ground.cell(one.cell_id)
    owed = str(one.obligation_id)
    return {
        "id": one.obligation_id,
        "subject_kind": one.subject_kind,
        "subject_id": one.subject_id,
        "name": subject.name,
        "number": subject.number,
        "address": subject.address,
        "cell_id": one.cell_id,
        "cell": code,
        "cell_name": name,
        "duty": one.duty,
        "duty_zh": duty_label(one.duty),
        "key": one.key,
        "first_day": one.first_day,
        "last_day": one.last_day,
        "grace_last_day": one.grace_last_day,
        "state": one.state.value,
        "state_zh": one.state.label_zh,
        "attempts": one.attempts,
        "unknown": squad_id is not None and ground.silence.hides(squad_id, one.last_day, one.state),
        "provisional": one.provisional,
        "planned": routes.planned.get(owed),
        "left_out_zh": None if owed in routes.planned else routes.left_out.get(owed),
    }


def _chains(
    work: Work,
    chains: Mapping[uuid.UUID, Sequence[Unsettled]],
    subjects: Mapping[uuid.UUID, Called],
    ground: Ground,
) -> Iterable[tuple[uuid.UUID | None, Row]]:
    """Each chain of 查一补三 with something left to do: how many checks it asks for, and how many are done."""
    counts = {
        trigger_id: (triggered_at, checks, met)
        for trigger_id, triggered_at, checks, met in work.session.execute(
            select(
                Obligation.trigger_id,
                func.min(Obligation.triggered_at),
                func.count(),
                func.count(Obligation.met_by),
            )
            .where(among(Obligation.trigger_id, list(chains)))
            .group_by(Obligation.trigger_id)
        )
    }
    for trigger_id, left in chains.items():
        triggered_at, checks, met = counts[trigger_id]
        first = min(left, key=lambda one: (one.last_day, one.obligation_id))
        subject = subjects[first.subject_id]
        code, name = ground.cell(first.cell_id)
        yield (
            ground.squad_of(first.cell_id),
            {
                "id": trigger_id,
                "subject_kind": first.subject_kind,
                "subject_id": first.subject_id,
                "name": subject.name,
                "number": subject.number,
                "address": subject.address,
                "cell_id": first.cell_id,
                "cell": code,
                "cell_name": name,
                "found_on": triggered_at.astimezone(work.zone).date() if triggered_at else None,
                "first_day": first.first_day,
                "last_day": first.last_day,
                "checks": checks,
                "done": met,
                "left": len(left),
                "obligation_ids": [str(one.obligation_id) for one in left],
            },
        )
