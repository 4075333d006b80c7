"""What the solver is given for the plans of one or more days: teams, visits that are possible, and what is not."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from random import Random

from sqlalchemy import func, select

from gis.routing.days import Option, Task
from gis.routing.places import Place
from schemas.vocabulary import Deed, Performed, UnfittedCode
from server.cadence.rulebook import Rulebook
from server.cadence.timeline import load_timeline
from server.campaigns.queries import campaigns_on, subjects_of
from server.campaigns.tag_queries import tags_on
from server.kernel.bulk import among
from server.kernel.work import Work
from server.patrols.models import Patrol, PatrolCell, PatrolPlan, PlanWish
from server.planning.ceiling import is_counting
from server.planning.elsewhere import Elsewhere, load_elsewhere, visits_left
from server.planning.hours import load_hours
from server.planning.numbers import numbers_on
from server.planning.priorities import OFF_PATTERN, WISHED, prize_of
from server.planning.subjects import Owing, Subject, cells_of, load_subjects, others_in, owing_in, owing_of
from server.planning.visits import Debt, Visit, grouped, in_order

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
class Doing:
    """A visit that the plan may hold: ``key`` names it for the solver, ``seed`` the draw by which it is off the pattern.

    ``campaigns`` are the names of those in whose scope the subject lies.
    """

    key: str
    subject: Subject
    visit: Visit
    prize: int
    options: tuple[Option, ...]
    service_s: int
    wish: PlanWish | None = None
    seed: str | None = None
    campaigns: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        """Where it is. Raises ValueError for a subject without a position."""
        if self.subject.lon is None or self.subject.lat is None:
            raise ValueError("The subject has no position.")
        return Place(self.subject.lon, self.subject.lat)

    def as_task(self, place: int) -> Task:
        """The visit as the solver takes it, at a row of its matrices."""
        return Task(self.key, place, self.service_s, self.prize, self.options, required=self.wish is not None)


@dataclass(frozen=True, slots=True)
class Unfit:
    """What cannot be in the plan, whatever the solver does; ``days`` are those on which it could have been done.

    On ``free`` it still could, should other visits to the same door not come to be.
    """

    subject: Subject
    code: UnfittedCode
    debts: tuple[Debt, ...]
    days: tuple[date, ...]
    free: tuple[date, ...] = ()


@dataclass(slots=True)
class Ground:
    """Everything that solving needs and that was read in one transaction.

    ``allowed`` is how many visits the year's cap still leaves each outlet that has one, other plans' visits taken off.
    """

    plans: list[PatrolPlan]
    crews: list[Crew]
    zero: datetime
    read_at: datetime
    rulebook: Rulebook
    owing: Mapping[uuid.UUID, Owing] = field(default_factory=dict)
    allowed: Mapping[uuid.UUID, int] = field(default_factory=dict)
    doings: dict[str, Doing] = field(default_factory=dict)
    unfit: list[Unfit] = field(default_factory=list)

    def seconds(self, moment: datetime) -> int:
        """A moment as the solver counts time."""
        return int((moment - self.zero).total_seconds())

    def moment(self, seconds: int) -> datetime:
        """The moment that a count of the solver means."""
        return self.zero + timedelta(seconds=seconds)


def load_ground(work: Work, plans: Sequence[PatrolPlan]) -> Ground:
    """The ground of drafts of one squad, each of another day."""
    plans = sorted(plans, key=lambda plan: plan.day)
    crews = _crews(work, plans)
    zero = datetime.combine(plans[0].day, time(), work.zone)
    ground = Ground(plans, crews, zero, work.now, load_timeline(work).rulebook)
    _Filling(work, ground).fill()
    return ground


def _crews(work: Work, plans: Sequence[PatrolPlan]) -> list[Crew]:
    ids = [plan.id for plan in plans]
    cells: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for patrol_id, cell_id in work.session.execute(
        select(PatrolCell.patrol_id, PatrolCell.cell_id)
        .join(Patrol, Patrol.id == PatrolCell.patrol_id)
        .where(among(Patrol.plan_id, ids))
    ):
        cells[patrol_id].add(cell_id)
    places = (Patrol.start_place, Patrol.end_place)
    rows = work.session.execute(
        select(Patrol, *(of(place) for place in places for of in (func.ST_X, func.ST_Y)))
        .where(among(Patrol.plan_id, ids))
        .order_by(Patrol.day, Patrol.ordinal)
    )
    return [
        Crew(
            patrol, Place(start_lon, start_lat), Place(end_lon, end_lat), frozenset(cells.get(patrol.id, ()))
        )
        for patrol, start_lon, start_lat, end_lon, end_lat in rows
    ]


class _Filling:
    """Fills a ground, step by step; what a step finds impossible goes into ``unfit`` with its code."""

    def __init__(self, work: Work, ground: Ground) -> None:
        self.work, self.ground = work, ground
        self.first = ground.plans[0].day
        self.dates = self._dates()
        self.cells = {plan.id: self._cells(plan) for plan in ground.plans}
        self.assigned = {
            plan.id: {cell for crew in self._of(plan) for cell in crew.cells} for plan in ground.plans
        }
        self.wishes = self._wishes()
        self.numbers = numbers_on(work, self.first)
        self.tags = tags_on(work, self.first)
        self.campaigns = [
            (one.name, subjects_of(work, one, self.first)) for one in campaigns_on(work, self.first)
        ]

    def fill(self) -> None:
        everywhere = set().union(*self.cells.values())
        picked = {subject_id for _, subject_id in self.wishes}
        owing = owing_in(self.work, everywhere, self.dates[0], self.dates[-1])
        subjects = load_subjects(self.work, {*owing, *picked})
        elsewhere = load_elsewhere(self.work, self.ground.plans)
        owed = owing_of(self.work, sorted(subjects), self.dates[0], self.dates[-1], elsewhere)
        self.ground.owing = owed
        self.ground.allowed = visits_left(self.work, list(subjects), elsewhere, self.first)
        self.hours = load_hours(self.work, self.numbers, list(subjects.values()))
        for subject in subjects.values():
            found = owed.get(subject.id)
            if found is not None and found.taken:
                self._leave(subject, UnfittedCode.PLANNED, found.taken, self.dates)
            self._add(subject, found.debts if found is not None else ())
        self._off_pattern(set(subjects), elsewhere)

    def _dates(self) -> list[date]:
        """Every day that a shift touches."""
        zone = self.work.zone
        ends = [crew.patrol.ends_at.astimezone(zone).date() for crew in self.ground.crews]
        last = max(ends, default=self.ground.plans[-1].day)
        days = {plan.day for plan in self.ground.plans}
        return [
            day
            for day in (self.first + _DAY * number for number in range((last - self.first).days + 1))
            if day in days or day in ends
        ]

    def _of(self, plan: PatrolPlan) -> list[Crew]:
        return [crew for crew in self.ground.crews if crew.patrol.plan_id == plan.id]

    def _cells(self, plan: PatrolPlan) -> set[uuid.UUID]:
        """The cells that a plan is about: the squad's own, and those that were assigned to a team beside them."""
        return cells_of(self.work, plan.squad_id, plan.day).union(
            *(crew.cells for crew in self.ground.crews if crew.patrol.plan_id == plan.id)
        )

    def _wishes(self) -> dict[tuple[uuid.UUID, uuid.UUID], PlanWish]:
        ids = [plan.id for plan in self.ground.plans]
        found = self.work.session.scalars(select(PlanWish).where(among(PlanWish.plan_id, ids)))
        return {(wish.plan_id, wish.subject_id): wish for wish in found}

    def _leave(
        self,
        subject: Subject,
        code: UnfittedCode,
        debts: Iterable[Debt],
        days: Iterable[date],
        free: tuple[date, ...] = (),
    ) -> None:
        self.ground.unfit.append(Unfit(subject, code, tuple(debts), tuple(days), free))

    def _add(self, subject: Subject, owed: Sequence[Debt]) -> None:
        """The visits to one subject for which there is a team, an open door, a visit left and a place to go to."""
        plans = [plan for plan in self.ground.plans if self._concerns(plan, subject)]
        included = next((wish for plan in plans if (wish := self._wish(plan, subject, "include"))), None)
        kept = [plan for plan in plans if self._wish(plan, subject, "exclude") is None]
        dates = self._days_out(kept)
        owed = self._without_excluded(subject, owed, plans, dates)
        if not kept or not (owed or included):
            return
        if not subject.is_placed:
            self._leave(subject, UnfittedCode.NO_POSITION, owed, dates)
            return
        turns = self._turns(subject, kept)
        if not turns:
            self._leave(subject, UnfittedCode.NO_TEAM, owed, dates)
            return
        drafts, left = grouped(subject.kind, owed, dates, partial(self._is_open, subject, turns))
        wanted = self._days_out([plan for plan in kept if included and plan.id == included.plan_id])
        has_its_day = any(day in wanted for draft in drafts for day in draft.days)
        # A gap that is not over is not walked over; where nothing is owed, it is an inspection for itself.
        if included is not None and not has_its_day and all(one.code != UnfittedCode.GAP for one in left):
            drafts.append(Visit(0, Deed.INSPECTION, wanted, ()))
        for one in left:
            self._leave(subject, one.code, (one.debt,), dates)
        visits, without = in_order(self._within_the_cap(subject, drafts), wanted)
        for one in without:
            self._leave(subject, one.code, (one.debt,), dates, one.days)
        self._add_visits(subject, visits, turns, included)

    def _without_excluded(
        self, subject: Subject, owed: Sequence[Debt], plans: Sequence[PatrolPlan], dates: Collection[date]
    ) -> list[Debt]:
        """What is owed, but for what could be met only on days on which the leader keeps the subject out."""
        out = self._days_out(plans)
        possible = []
        for debt in owed:
            if any(debt.first_day <= day <= debt.grace_last_day for day in dates):
                possible.append(debt)
            elif any(debt.first_day <= day <= debt.grace_last_day for day in out):
                self._leave(subject, UnfittedCode.EXCLUDED, (debt,), out)
        return possible

    def _add_visits(
        self, subject: Subject, visits: Sequence[Visit], turns: Sequence[Crew], included: PlanWish | None
    ) -> None:
        """The visits in their order; no team comes to one door twice, for a shift across midnight has two days."""
        used: set[uuid.UUID] = set()
        for visit in sorted(visits, key=lambda one: not one.wanted):
            wish = included if visit.wanted else None
            may = [crew for crew in turns if self._may(crew, wish)]
            free = [crew for crew in may if crew.patrol.id not in used]
            options = self._options(subject, visit, free, wish)
            if options:
                used.update(uuid.UUID(key) for option in options for key in option.turns or ())
                doing = self._doing(subject, visit, options, wish)
                self.ground.doings[doing.key] = doing
            elif self._options(subject, visit, may, wish):
                self._leave(subject, UnfittedCode.GAP, visit.debts, visit.days, visit.days)
            else:
                self._leave(subject, UnfittedCode.CLOSED, visit.debts, visit.days)

    def _concerns(self, plan: PatrolPlan, subject: Subject) -> bool:
        return subject.cell_id in self.cells[plan.id] or (plan.id, subject.id) in self.wishes

    def _wish(self, plan: PatrolPlan, subject: Subject, which: str) -> PlanWish | None:
        wish = self.wishes.get((plan.id, subject.id))
        return wish if wish is not None and wish.wish == which else None

    def _days_out(self, plans: Sequence[PatrolPlan]) -> tuple[date, ...]:
        """The days on which a team of these plans is out."""
        crews = [crew for plan in plans for crew in self._of(plan)]
        return tuple(day for day in self.dates if any(crew.is_out(*self._day(day)) for crew in crews))

    def _day(self, day: date) -> tuple[datetime, datetime]:
        begins = datetime.combine(day, time(), self.work.zone)
        return begins, begins + _DAY

    def _turns(self, subject: Subject, plans: Sequence[PatrolPlan]) -> list[Crew]:
        """The teams that may go there: in each plan those to which its cell is assigned, or that on which the leader fixed
        it, or all.
        """
        found: list[Crew] = []
        for plan in plans:
            wish = self._wish(plan, subject, "include")
            if wish is not None and wish.patrol_id is not None:
                found += [crew for crew in self._of(plan) if crew.patrol.id == wish.patrol_id]
            elif subject.cell_id in self.assigned[plan.id]:
                found += [crew for crew in self._of(plan) if subject.cell_id in crew.cells]
            else:
                found += self._of(plan)
        return found

    @staticmethod
    def _may(crew: Crew, wish: PlanWish | None) -> bool:
        return wish is None or wish.plan_id == crew.patrol.plan_id

    def _is_open(self, subject: Subject, turns: Sequence[Crew], performed: Performed, day: date) -> bool:
        """Whether one of the teams can begin and end it on a day while the door is open."""
        return bool(self._options(subject, Visit(0, performed, (day,), ()), turns, None))

    def _options(
        self, subject: Subject, visit: Visit, crews: Sequence[Crew], wish: PlanWish | None
    ) -> tuple[Option, ...]:
        """When and by whom it may be begun: within opening hours, early enough to be done before they end."""
        ground, lasts = self.ground, timedelta(seconds=self.numbers.service_s(visit.performed))
        found: dict[tuple[int, int], set[str]] = defaultdict(set)
        for day in visit.days:
            for opens, closes in self.hours.on(subject, day):
                latest = closes - lasts
                if wish is not None:
                    opens = max(opens, wish.not_before or opens)
                    latest = min(latest, wish.not_after or latest)
                for crew in crews:
                    if max(opens, crew.patrol.starts_at) <= min(latest, crew.patrol.ends_at - lasts):
                        span = (ground.seconds(opens), ground.seconds(latest))
                        found[span].add(str(crew.patrol.id))
        return tuple(
            Option(opens, closes, frozenset(keys)) for (opens, closes), keys in sorted(found.items())
        )

    def _doing(
        self, subject: Subject, visit: Visit, options: tuple[Option, ...], wish: PlanWish | None
    ) -> Doing:
        prize = prize_of(visit.debts, self.first, key_place=bool(self._tags(subject)))
        return Doing(
            key=f"{subject.id}/{visit.number}",
            subject=subject,
            visit=visit,
            prize=prize + WISHED if wish else prize,
            options=options,
            service_s=self.numbers.service_s(visit.performed),
            wish=wish,
            campaigns=tuple(name for name, subjects in self.campaigns if subject.id in subjects),
        )

    def _tags(self, subject: Subject) -> set[str]:
        """What makes a place a key place (重点场所): its own tags, and those of its cell."""
        of_cell = self.tags.get(subject.cell_id, set()) if subject.cell_id else set()
        return self.tags.get(subject.id, set()) | of_cell

    def _within_the_cap(self, subject: Subject, drafts: Sequence[Visit]) -> list[Visit]:
        """Of the visits that count to a shop's cap only so many as it still allows, the oldest debts first; beyond it only
        what the legal office signed for.
        """
        left = self.ground.allowed.get(subject.id)
        if left is None:
            return list(drafts)
        possible = []
        for draft in drafts:
            if is_counting(draft.performed, draft.debts):
                if left <= 0 and not any(debt.above_cap for debt in draft.debts):
                    self._leave(subject, UnfittedCode.CAP, draft.debts, draft.days)
                    continue
                left -= 1
            possible.append(draft)
        return possible

    def _off_pattern(
        self, known: Collection[uuid.UUID], elsewhere: Mapping[uuid.UUID, Sequence[Elsewhere]]
    ) -> None:
        """So many shops as were asked for a day, drawn by the plan's seed from those where nothing is due."""
        drawn: set[uuid.UUID] = set()
        for plan in self.ground.plans:
            wanted = int(plan.wishes["random_checks"])
            if not wanted:
                continue
            pool = [one for one in others_in(self.work, self.cells[plan.id], known) if one not in drawn]
            seed = str(plan.wishes["seed"])
            Random(f"{seed}/{plan.day}").shuffle(pool)  # noqa: S311  A draw that anybody can repeat.
            # Some of them may have no visit left under their cap.
            pool = pool[: wanted * 5]
            left = visits_left(self.work, pool, elsewhere, plan.day)
            subjects = load_subjects(self.work, pool)
            self.hours = load_hours(self.work, self.numbers, list(subjects.values()))
            allowed = [one for one in pool if left.get(one, 1) > 0]
            for subject_id in allowed[:wanted]:
                drawn.add(subject_id)
                subject = subjects[subject_id]
                visit = Visit(1, Deed.INSPECTION, self._days_out([plan]), ())
                if options := self._options(subject, visit, self._turns(subject, [plan]), None):
                    doing = self._doing(subject, visit, options, None)
                    self.ground.doings[doing.key] = replace(doing, prize=OFF_PATTERN, seed=seed)
