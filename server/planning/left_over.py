"""What is not in plans once they are solved, each with a code that is true then: judged by what the plans came to be."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gis.routing.places import Mode
from schemas.vocabulary import Deed, Performed, SubjectKind, UnfittedCode
from server.patrols.models import PatrolPlan
from server.planning.ceiling import is_counting
from server.planning.doors import Crew
from server.planning.ground import Ground
from server.planning.meeting import Meeting
from server.planning.subjects import Owing, Subject, as_fact
from server.planning.visits import Debt, is_too_soon, performed_for
from server.planning.ways import Ways

_NOON = time(12)


@dataclass(frozen=True, slots=True)
class Unfit:
    """What did not fit, and the plan that tells of it; without debts it is somebody whom the leader wants in vain."""

    subject: Subject
    code: UnfittedCode
    debts: tuple[Debt, ...]
    plan: PatrolPlan


def left_over(ground: Ground, ways: Ways, meeting: Meeting) -> list[Unfit]:
    """What no stop meets, of all that somebody could go for on these days, and what the leader wants in vain."""
    return [
        unfit
        for subject in ground.subjects.values()
        for unfit in _Case(ground, ways, meeting, subject).left()
    ]


class _Case:
    """One subject, as it stands once the plans are solved."""

    def __init__(self, ground: Ground, ways: Ways, meeting: Meeting, subject: Subject) -> None:
        self.ground, self.ways, self.meeting, self.subject = ground, ways, meeting, subject
        self.doors = ground.doors
        self.owing = ground.owing.get(subject.id)
        self.concerned, self.kept = self.doors.concerned(subject), self.doors.kept(subject)
        self.turns = self.doors.turns(subject, self.kept)
        self.made = meeting.at.get(subject.id, [])
        self.days_there = {begins.astimezone(self.doors.zone).date() for begins, _, _ in self.made}
        self.crews_there = {turn for _, _, turn in self.made}

    def left(self) -> list[Unfit]:
        """What is left of it, by the plan that tells of it and the code."""
        found: dict[tuple[uuid.UUID, UnfittedCode], list[Debt]] = defaultdict(list)
        for debt, code in self._debts():
            found[self._told_by(debt).id, code].append(debt)
        told_by = {plan_id for plan_id, _ in found}
        for plan in self.kept:
            if plan.id not in told_by and self._is_wanted_in_vain(plan):
                found[plan.id, self._why_in_vain(plan)] = []
        plans = {plan.id: plan for plan in self.concerned}
        return [
            Unfit(self.subject, code, tuple(debts), plans[plan_id])
            for (plan_id, code), debts in found.items()
        ]

    def _debts(self) -> Iterator[tuple[Debt, UnfittedCode]]:
        if self.owing is None:
            return
        out = self.doors.days_out(self.concerned)
        for debt in self.owing.taken:
            if any(map(debt.takes, out)):
                yield debt, UnfittedCode.PLANNED
        for debt in self.owing.debts:
            if debt.id not in self.meeting.met and any(map(debt.takes, out)):
                yield debt, self._why(debt, self.owing)

    def _told_by(self, debt: Debt) -> PatrolPlan:
        """The plan of the last day on which it could have been done."""
        for plans in (self.kept, self.concerned):
            fitting = [plan for plan in plans if any(map(debt.takes, self.doors.days_out([plan])))]
            if fitting:
                return fitting[-1]
        return self.concerned[-1]

    def _why(self, debt: Debt, owing: Owing) -> UnfittedCode:
        if not any(map(debt.takes, self.doors.days_out(self.kept))):
            return UnfittedCode.EXCLUDED
        performed = performed_for(self.subject.kind, debt.checklists)
        days = [day for day in self.doors.dates if debt.takes(day)]
        useful = {day for day in days if self._would_be_met(debt, owing, performed, day)}
        reason = self._blocked(performed, days, self.turns, useful)
        return reason or self._within_the_numbers(performed, (debt,))

    def _is_wanted_in_vain(self, plan: PatrolPlan) -> bool:
        crews = {str(crew.patrol.id) for crew in self.doors.crews_of(plan.id)}
        return self.doors.wanted(plan.id, self.subject) is not None and not crews & self.crews_there

    def _why_in_vain(self, plan: PatrolPlan) -> UnfittedCode:
        days = self.doors.days_out([plan])
        owed = self.owing.debts if self.owing is not None else ()
        free = () if is_too_soon(owed, days) else days
        crews = [crew for crew in self.turns if crew.patrol.plan_id == plan.id]
        reason = self._blocked(Deed.INSPECTION, days, crews, free)
        return reason or self._within_the_numbers(Deed.INSPECTION, ())

    def _blocked(
        self, performed: Performed, days: Sequence[date], crews: Iterable[Crew], useful: Iterable[date]
    ) -> UnfittedCode | None:
        """What keeps every team from it on every day, whatever else they do; None where one of them could go.

        ``useful`` are the days on which a visit would come to something.
        """
        if not self.subject.is_placed:
            return UnfittedCode.NO_POSITION
        chances = [(crew, day) for crew in crews for day in days if self.doors.is_out(crew, day)]
        if not chances:
            return UnfittedCode.NO_TEAM
        useful = set(useful) - self.days_there
        reasons: Counter[UnfittedCode] = Counter()
        for crew, day in chances:
            reason = self._out_of_reach(performed, crew, day)
            if reason is None and (day not in useful or str(crew.patrol.id) in self.crews_there):
                reason = UnfittedCode.GAP
            if reason is None:
                return None
            reasons[reason] += 1
        return reasons.most_common(1)[0][0]

    def _out_of_reach(self, performed: Performed, crew: Crew, day: date) -> UnfittedCode | None:
        """Why a team that does nothing else cannot make a visit on a day, the way there and back reckoned with."""
        lasts, patrol = self.doors.lasts(performed), crew.patrol
        there, back = self._ways(crew)
        if there + lasts + back > patrol.ends_at - patrol.starts_at:
            return UnfittedCode.TOO_FAR
        for opens, latest in self.doors.begins(self.subject, crew, day, lasts):
            if max(opens, patrol.starts_at + there) <= min(latest, patrol.ends_at - back - lasts):
                return None
        return UnfittedCode.CLOSED

    def _ways(self, crew: Crew) -> tuple[timedelta, timedelta]:
        """How long a team needs from where it begins and to where it ends; nothing for whom nobody could go to at all, whose
        ways were not asked for.
        """
        place = self.subject.place
        row = self.ways.rows.get(place) if place is not None else None
        if row is None:
            return timedelta(0), timedelta(0)
        seconds = self.ways.matrices[Mode(crew.patrol.mode)].seconds
        start, end = self.ways.rows[crew.start], self.ways.rows[crew.end]
        return timedelta(seconds=int(seconds[start, row])), timedelta(seconds=int(seconds[row, end]))

    def _would_be_met(self, debt: Debt, owing: Owing, performed: Performed, day: date) -> bool:
        """Whether it would be met, were one more visit made on a day beside all that is planned."""
        noon = datetime.combine(day, _NOON, self.doors.zone)
        performed_at = [(doing.visit.performed, begins) for begins, doing, _ in self.made]
        facts = [
            as_fact(uuid.UUID(int=number), what, at, self.ground.read_at)
            for number, (what, at) in enumerate([*performed_at, (performed, noon)], start=1)
        ]
        return debt.id in owing.met_with(facts, self.ground.rulebook)

    def _within_the_numbers(self, performed: Performed, debts: tuple[Debt, ...]) -> UnfittedCode:
        """That the year's cap leaves no visit beside those that are planned; else there was no time."""
        allowed = self.ground.allowed.get(self.subject.id)
        signed = any(debt.above_cap for debt in debts)
        if allowed is None or self.subject.kind is not SubjectKind.OUTLET or signed:
            return UnfittedCode.NO_TIME
        planned = sum(
            is_counting(doing.visit.performed, self.meeting.debts[doing.key]) for _, doing, _ in self.made
        )
        is_used_up = is_counting(performed, debts) and planned >= allowed
        return UnfittedCode.CAP if is_used_up else UnfittedCode.NO_TIME
