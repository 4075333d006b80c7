"""Who may go to whose door, and when: teams, their cells, what the leader fixed, opening hours and shifts."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from gis.routing.days import Option
from gis.routing.places import Place
from schemas.vocabulary import Performed
from server.patrols.models import Patrol, PatrolPlan, PlanWish
from server.planning.hours import Hours
from server.planning.rulebook import PlanningNumbers
from server.planning.subjects import Subject

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Crew:
    """A team as the solver sees it; places are EPSG:4326."""

    patrol: Patrol
    start: Place
    end: Place
    cells: frozenset[uuid.UUID]

    def is_out(self, begins: datetime, ends: datetime) -> bool:
        """Whether its shift has time in common with a stretch."""
        return self.patrol.starts_at < ends and begins < self.patrol.ends_at


@dataclass(frozen=True, slots=True)
class Doors:
    """The plans that are solved together, each of another day, in their order, with their teams and wishes.

    ``cells`` are those that each plan is about, ``dates`` every day that a shift touches, ``zero`` the moment from which the
    solver counts seconds.
    """

    plans: Sequence[PatrolPlan]
    crews: Sequence[Crew]
    cells: Mapping[uuid.UUID, frozenset[uuid.UUID]]
    wishes: Mapping[tuple[uuid.UUID, uuid.UUID], PlanWish]
    dates: Sequence[date]
    hours: Hours
    numbers: PlanningNumbers
    zero: datetime
    zone: tzinfo

    def seconds(self, moment: datetime) -> int:
        """A moment as the solver counts time."""
        return int((moment - self.zero).total_seconds())

    def crews_of(self, plan_id: uuid.UUID) -> list[Crew]:
        """The teams of a plan."""
        return [crew for crew in self.crews if crew.patrol.plan_id == plan_id]

    def concerned(self, subject: Subject) -> list[PatrolPlan]:
        """The plans that are about a subject: by its cell, or because the leader named it."""
        return [
            plan
            for plan in self.plans
            if subject.cell_id in self.cells[plan.id] or (plan.id, subject.id) in self.wishes
        ]

    def kept(self, subject: Subject) -> list[PatrolPlan]:
        """Those of them from which the leader does not keep it out."""
        return [plan for plan in self.concerned(subject) if not self._is_out(plan, subject)]

    def _is_out(self, plan: PatrolPlan, subject: Subject) -> bool:
        wish = self.wishes.get((plan.id, subject.id))
        return wish is not None and wish.wish == "exclude"

    def wanted(self, plan_id: uuid.UUID, subject: Subject) -> PlanWish | None:
        """What the leader fixed about somebody whom he wants in a plan; None where he does not."""
        wish = self.wishes.get((plan_id, subject.id))
        return wish if wish is not None and wish.wish == "include" else None

    def days_out(self, plans: Iterable[PatrolPlan]) -> tuple[date, ...]:
        """The days on which a team of these plans is out."""
        crews = [crew for plan in plans for crew in self.crews_of(plan.id)]
        return tuple(day for day in self.dates if any(self.is_out(crew, day) for crew in crews))

    def is_out(self, crew: Crew, day: date) -> bool:
        """Whether a team's shift has a part of a day."""
        begins = datetime.combine(day, time(), self.zone)
        return crew.is_out(begins, begins + _DAY)

    def turns(self, subject: Subject, plans: Iterable[PatrolPlan]) -> list[Crew]:
        """The teams that may go there: in each plan those to which its cell is assigned, or that on which the leader fixed
        it, or all.
        """
        found: list[Crew] = []
        for plan in plans:
            crews = self.crews_of(plan.id)
            wish = self.wanted(plan.id, subject)
            if wish is not None and wish.patrol_id is not None:
                found += [crew for crew in crews if crew.patrol.id == wish.patrol_id]
            else:
                found += [crew for crew in crews if subject.cell_id in crew.cells] or crews
        return found

    def begins(
        self, subject: Subject, crew: Crew, day: date, lasts: timedelta
    ) -> Iterable[tuple[datetime, datetime]]:
        """From when to when a team may begin a visit on a day: early enough to be done within opening hours, and when the
        leader wants it if he fixed that. It may be out of its shift then.
        """
        wish = self.wanted(crew.patrol.plan_id, subject)
        for opens, closes in self.hours.on(subject, day):
            latest = closes - lasts
            if wish is not None:
                opens = max(opens, wish.not_before or opens)
                latest = min(latest, wish.not_after or latest)
            if opens <= latest:
                yield opens, latest

    def lasts(self, performed: Performed) -> timedelta:
        """How long a visit takes."""
        return timedelta(seconds=self.numbers.service_s(performed))

    def options(
        self, subject: Subject, performed: Performed, days: Iterable[date], crews: Iterable[Crew]
    ) -> tuple[Option, ...]:
        """When and by which of these teams a visit may be begun, as the solver takes it."""
        lasts = self.lasts(performed)
        found: dict[tuple[int, int], set[str]] = defaultdict(set)
        for day in days:
            for crew in crews:
                patrol = crew.patrol
                for opens, latest in self.begins(subject, crew, day, lasts):
                    if max(opens, patrol.starts_at) <= min(latest, patrol.ends_at - lasts):
                        found[self.seconds(opens), self.seconds(latest)].add(str(patrol.id))
        return tuple(
            Option(opens, closes, frozenset(keys)) for (opens, closes), keys in sorted(found.items())
        )
