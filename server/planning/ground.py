"""What the solver is given for the plans of one or more days: teams, visits that are possible, and what is not."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from random import Random

from sqlalchemy import func, select

from gis.routing.days import Option, Task
from gis.routing.places import Place
from schemas.vocabulary import Deed, PlanState, StopStatus, SubjectKind, UnfittedCode
from server.campaigns.queries import campaigns_on, subjects_of
from server.campaigns.tags import tags_on
from server.kernel.bulk import among
from server.kernel.work import Work
from server.patrols.models import Patrol, PatrolCell, PatrolPlan, PatrolStop, PlanWish
from server.planning.hours import load_hours
from server.planning.numbers import numbers_on
from server.planning.priorities import OFF_PATTERN, WISHED, prize_of
from server.planning.subjects import Subject, cells_of, debts_of, load_subjects, others_in, owing_in
from server.planning.visits import Debt, Visit, visits_of
from server.reports.cap import remaining_of

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
    """A visit that the plan may hold: ``key`` names it for the solver. ``above_cap`` says that the year's cap is used up and
    the legal office let its policy go beyond, ``campaigns`` are the names of those in whose scope the subject lies.
    """

    key: str
    subject: Subject
    visit: Visit
    prize: int
    options: tuple[Option, ...]
    service_s: int
    wish: PlanWish | None = None
    off_pattern: bool = False
    above_cap: bool = False
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
    """What cannot be in the plan, whatever the solver does; ``days`` are those on which it could have been done."""

    subject: Subject
    code: UnfittedCode
    debts: tuple[Debt, ...]
    days: tuple[date, ...]


@dataclass(slots=True)
class Ground:
    """Everything that solving needs and that was read in one transaction."""

    plans: list[PatrolPlan]
    crews: list[Crew]
    zero: datetime
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
    ground = Ground(plans, crews, datetime.combine(plans[0].day, time(), work.zone))
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
        debts = debts_of(self.work, sorted(subjects), self.dates[0], self.dates[-1])
        elsewhere = self._planned_elsewhere()
        self.hours = load_hours(self.work, self.numbers, list(subjects.values()))
        possible: list[Doing] = []
        for subject in subjects.values():
            owed = debts.get(subject.id, [])
            taken = tuple(debt for debt in owed if str(debt.id) in elsewhere)
            if taken:
                self._leave(subject, UnfittedCode.PLANNED, taken, self.dates)
            possible += self._doings(subject, [debt for debt in owed if debt not in taken])
        self._within_the_cap(possible)
        self._off_pattern(set(subjects))

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

    def _planned_elsewhere(self) -> set[str]:
        """The obligations that a published plan of another day or squad has, from today on."""
        today = self.work.now.astimezone(self.work.zone).date()
        own = [one for plan in self.ground.plans for one in (plan.id, plan.revises_id) if one]
        stops = (
            select(PatrolStop.obligation_ids)
            .join(PatrolPlan, PatrolPlan.id == PatrolStop.plan_id)
            .where(
                PatrolPlan.bureau_id == self.work.bureau_id,
                PatrolPlan.state == PlanState.PUBLISHED,
                PatrolPlan.day >= today,
                PatrolPlan.id.not_in(own),
                PatrolStop.status == StopStatus.PLANNED,
            )
        )
        return {one for ids in self.work.session.scalars(stops) for one in ids}

    def _leave(
        self, subject: Subject, code: UnfittedCode, debts: Iterable[Debt], days: Iterable[date]
    ) -> None:
        self.ground.unfit.append(Unfit(subject, code, tuple(debts), tuple(days)))

    def _doings(self, subject: Subject, owed: Sequence[Debt]) -> Iterable[Doing]:
        """The visits to one subject for which there is a team, an open door and a place to go to."""
        plans = [plan for plan in self.ground.plans if self._concerns(plan, subject)]
        included = next((plan for plan in plans if self._wish(plan, subject) == "include"), None)
        kept = [plan for plan in plans if self._wish(plan, subject) != "exclude"]
        if not kept:
            if owed:
                self._leave(subject, UnfittedCode.EXCLUDED, owed, [plan.day for plan in plans])
            return
        dates = [day for day in self.dates if any(self._is_out(plan, day) for plan in kept)]
        visits, left = visits_of(subject.kind, owed, dates)
        for one in left:
            self._leave(subject, one.code, (one.debt,), dates)
        if included is not None:
            visits = self._with_wish(included, visits, any(one.code is UnfittedCode.GAP for one in left))
        for visit in visits:
            doing = self._doing(subject, visit, kept, included)
            if doing is not None:
                yield doing

    def _concerns(self, plan: PatrolPlan, subject: Subject) -> bool:
        return subject.cell_id in self.cells[plan.id] or (plan.id, subject.id) in self.wishes

    def _wish(self, plan: PatrolPlan, subject: Subject) -> str | None:
        wish = self.wishes.get((plan.id, subject.id))
        return wish.wish if wish else None

    def _is_out(self, plan: PatrolPlan, day: date) -> bool:
        begins = datetime.combine(day, time(), self.work.zone)
        return any(crew.is_out(begins, begins + _DAY) for crew in self._of(plan))

    def _with_wish(self, plan: PatrolPlan, visits: Sequence[Visit], gap: bool) -> tuple[Visit, ...]:
        """The visits with the one that the leader wants on his day; a gap that is not over is not walked over.

        Where nothing is owed that the visit could meet, it is an inspection for itself.
        """
        days = tuple(day for day in self.dates if self._is_out(plan, day))
        for place, visit in enumerate(visits):
            common = tuple(day for day in visit.days if day in days)
            if common:
                wanted = replace(visit, days=common)
                return (*visits[:place], wanted, *visits[place + 1 :])
        if gap:
            return tuple(visits)
        return (*visits, Visit(len(visits) + 1, Deed.INSPECTION, days, ()))

    def _doing(
        self, subject: Subject, visit: Visit, plans: Sequence[PatrolPlan], included: PatrolPlan | None
    ) -> Doing | None:
        if not subject.is_placed:
            self._leave(subject, UnfittedCode.NO_POSITION, visit.debts, visit.days)
            return None
        wish = self.wishes.get((included.id, subject.id)) if included else None
        if wish is not None and not any(self._is_out(included, day) for day in visit.days if included):
            wish = None
        service_s = self.numbers.service_s(visit.performed)
        turns = self._turns(subject, plans, wish)
        if not any(turns.values()):
            self._leave(subject, UnfittedCode.NO_TEAM, visit.debts, visit.days)
            return None
        options = self._options(subject, visit, turns, service_s, wish)
        if not options:
            self._leave(subject, UnfittedCode.CLOSED, visit.debts, visit.days)
            return None
        prize = prize_of(visit.debts, self.first, key_place=bool(self._tags(subject)))
        return Doing(
            key=f"{subject.id}/{visit.number}",
            subject=subject,
            visit=visit,
            prize=prize + WISHED if wish else prize,
            options=options,
            service_s=service_s,
            wish=wish,
            campaigns=tuple(name for name, subjects in self.campaigns if subject.id in subjects),
        )

    def _tags(self, subject: Subject) -> set[str]:
        """What makes a place a key place (重点场所): its own tags, and those of its cell."""
        of_cell = self.tags.get(subject.cell_id, set()) if subject.cell_id else set()
        return self.tags.get(subject.id, set()) | of_cell

    def _turns(
        self, subject: Subject, plans: Sequence[PatrolPlan], wish: PlanWish | None
    ) -> dict[uuid.UUID, list[Crew]]:
        """The teams that may go there, by plan: the one on which it is fixed, the one to which its cell is assigned, or
        all.
        """
        found: dict[uuid.UUID, list[Crew]] = {}
        for plan in plans:
            crews = self._of(plan)
            if wish is not None and wish.plan_id != plan.id:
                continue
            if wish is not None and wish.patrol_id is not None:
                crews = [crew for crew in crews if crew.patrol.id == wish.patrol_id]
            elif subject.cell_id in self.assigned[plan.id]:
                crews = [crew for crew in crews if subject.cell_id in crew.cells]
            found[plan.id] = crews
        return found

    def _options(
        self,
        subject: Subject,
        visit: Visit,
        turns: Mapping[uuid.UUID, Sequence[Crew]],
        service_s: int,
        wish: PlanWish | None,
    ) -> tuple[Option, ...]:
        """When and by whom it may be begun: within opening hours, early enough to be done before they end."""
        ground = self.ground
        crews = [crew for of_plan in turns.values() for crew in of_plan]
        found: dict[tuple[int, int], set[str]] = defaultdict(set)
        for day in visit.days:
            for opens, closes in self.hours.on(subject, day):
                latest = closes - timedelta(seconds=service_s)
                if wish is not None:
                    opens = max(opens, wish.not_before or opens)
                    latest = min(latest, wish.not_after or latest)
                if latest < opens:
                    continue
                for crew in crews:
                    if crew.is_out(opens, latest + timedelta(seconds=service_s)):
                        span = (ground.seconds(opens), ground.seconds(latest))
                        found[span].add(str(crew.patrol.id))
        return tuple(
            Option(opens, closes, frozenset(keys)) for (opens, closes), keys in sorted(found.items())
        )

    def _within_the_cap(self, doings: Sequence[Doing]) -> None:
        """Of the visits that count to a shop's cap only so many as it still allows, the first ones first; beyond it only
        what the legal office signed for.
        """
        outlets = sorted({one.subject.id for one in doings if one.subject.kind is SubjectKind.OUTLET})
        remaining = remaining_of(self.work, outlets, self.first)
        for doing in doings:
            left = remaining.get(doing.subject.id)
            if left is not None and _counts(doing.visit):
                if left <= 0 and not any(debt.above_cap for debt in doing.visit.debts):
                    self._leave(doing.subject, UnfittedCode.CAP, doing.visit.debts, doing.visit.days)
                    continue
                remaining[doing.subject.id] = left - 1
                doing = replace(doing, above_cap=left <= 0)
            self.ground.doings[doing.key] = doing

    def _off_pattern(self, known: Collection[uuid.UUID]) -> None:
        """So many shops as were asked for a day, drawn by the plan's seed from those where nothing is due."""
        drawn: set[uuid.UUID] = set()
        for plan in self.ground.plans:
            wanted = int(plan.wishes["random_checks"])
            if not wanted:
                continue
            pool = [one for one in others_in(self.work, self.cells[plan.id], known) if one not in drawn]
            rng = Random(f"{plan.wishes['seed']}/{plan.day}")  # noqa: S311  A draw that anybody can repeat.
            rng.shuffle(pool)
            # Some of them may have no visit left under their cap.
            pool = pool[: wanted * 5]
            remaining = remaining_of(self.work, pool, plan.day)
            subjects = load_subjects(self.work, pool)
            self.hours = load_hours(self.work, self.numbers, list(subjects.values()))
            allowed = [one for one in pool if (left := remaining.get(one)) is None or left > 0]
            for subject_id in allowed[:wanted]:
                drawn.add(subject_id)
                days = tuple(day for day in self.dates if self._is_out(plan, day))
                visit = Visit(1, Deed.INSPECTION, days, ())
                doing = self._doing(subjects[subject_id], visit, [plan], None)
                if doing is not None:
                    self.ground.doings[doing.key] = replace(doing, prize=OFF_PATTERN, off_pattern=True)


def _counts(visit: Visit) -> bool:
    """Whether a visit counts to the cap (decisions.md 13): every inspection, unless all that it meets is exempt by rule."""
    if visit.performed is Deed.SERVICE:
        return False
    return not visit.debts or any(debt.counts_to_cap for debt in visit.debts)
