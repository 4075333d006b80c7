"""What each stop of a solution really meets: the rules of the cadence decide, once all that is planned is done.

The solver leaves out what does not fit, so a stop may come to meet an older debt than the one for which it was asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gis.routing.days import Solution
from schemas.vocabulary import SubjectKind
from server.planning.ceiling import is_counting
from server.planning.ground import Doing, Ground
from server.planning.subjects import as_fact
from server.planning.visits import Debt


@dataclass(slots=True)
class Meeting:
    """What the stops meet, and which of them go beyond the year's cap, signed for (``above_cap``) or not (``beyond_cap``);
    all by the key of the doing.

    ``at`` are the visits to each subject in their order: when they begin, what for, and the turn that makes them.
    """

    debts: dict[str, tuple[Debt, ...]] = field(default_factory=dict)
    above_cap: set[str] = field(default_factory=set)
    beyond_cap: set[str] = field(default_factory=set)
    begins: dict[str, datetime] = field(default_factory=dict)
    at: dict[uuid.UUID, list[tuple[datetime, Doing, str]]] = field(default_factory=dict)

    @property
    def met(self) -> set[uuid.UUID]:
        """The ids of all that is met."""
        return {debt.id for debts in self.debts.values() for debt in debts}


def meeting_of(ground: Ground, solution: Solution) -> Meeting:
    """What a solution comes to."""
    meeting = Meeting()
    for one in solution.rounds:
        for halt in one.halts:
            doing, begins = ground.doings[halt.task], ground.moment(halt.begins)
            meeting.begins[doing.key] = begins
            meeting.at.setdefault(doing.subject.id, []).append((begins, doing, one.turn))
    for subject_id, visits in meeting.at.items():
        visits.sort(key=lambda visit: visit[0])
        of_subject = [(begins, doing) for begins, doing, _ in visits]
        meeting.debts |= _met(ground, subject_id, of_subject)
        signed, unsigned = _beyond(ground, subject_id, of_subject, meeting.debts)
        meeting.above_cap |= signed
        meeting.beyond_cap |= unsigned
    return meeting


def _met(
    ground: Ground, subject_id: uuid.UUID, visits: list[tuple[datetime, Doing]]
) -> dict[str, tuple[Debt, ...]]:
    owing = ground.owing.get(subject_id)
    if owing is None:
        return {doing.key: () for _, doing in visits}
    # One after the other of one instant they are as the ids of records would be.
    records = {uuid.UUID(int=number): doing.key for number, (_, doing) in enumerate(visits, start=1)}
    facts = [
        as_fact(record, doing.visit.performed, begins, ground.read_at)
        for record, (begins, doing) in zip(records, visits, strict=True)
    ]
    met = owing.met_with(facts, ground.rulebook)
    found: dict[str, list[Debt]] = {doing.key: [] for _, doing in visits}
    for debt in owing.debts:
        record = met.get(debt.id)
        if record in records:
            found[records[record]].append(debt)
    return {key: tuple(debts) for key, debts in found.items()}


def _beyond(
    ground: Ground,
    subject_id: uuid.UUID,
    visits: list[tuple[datetime, Doing]],
    met: Mapping[str, tuple[Debt, ...]],
) -> tuple[set[str], set[str]]:
    """So many of the counting visits as are beyond the cap: the last of those that the legal office signed for, and where
    these are not enough, the last of the others.
    """
    allowed = ground.allowed.get(subject_id)
    if allowed is None or any(doing.subject.kind is not SubjectKind.OUTLET for _, doing in visits):
        return set(), set()
    counting = [doing.key for _, doing in visits if is_counting(doing.visit.performed, met[doing.key])]
    signed = [key for key in counting if any(debt.above_cap for debt in met[key])]
    unsigned = [key for key in counting if key not in signed]
    beyond = max(0, len(counting) - allowed)
    return _last(signed, beyond), _last(unsigned, beyond - len(signed))


def _last(keys: list[str], number: int) -> set[str]:
    return set(keys[max(0, len(keys) - number) :]) if number > 0 else set()
