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
from schemas.vocabulary import Deed, Performed
from server.cadence.rulebook import Rulebook
from server.cadence.timeline import load_timeline
from server.campaigns.queries import campaigns_on, subjects_of
from server.campaigns.tag_queries import tags_on
from server.kernel.bulk import among
from server.kernel.work import Work
from server.patrols.models import Patrol, PatrolCell, PatrolPlan, PatrolStop, PlanWish
from server.planning.ceiling import is_counting
from server.planning.doors import Crew, Doors
from server.planning.elsewhere import Elsewhere, load_elsewhere, visits_left
from server.planning.forms import performed_by
from server.planning.hours import Hours
from server.planning.numbers import numbers_on
from server.planning.priorities import OFF_PATTERN, WISHED, prize_of
from server.planning.subjects import Owing, Subject, cells_of, load_subjects, others_in, owing_in, owing_of
from server.planning.visits import Debt, Visit, Wanted, as_wanted, grouped, in_order, is_too_soon, with_kept


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
        if self.subject.place is None:
            raise ValueError("The subject has no position.")
        return self.subject.place

    def as_task(self, place: int) -> Task:
        """The visit as the solver takes it, at a row of its matrices."""
        return Task(self.key, place, self.service_s, self.prize, self.options, required=self.wish is not None)


@dataclass(slots=True)
class Ground:
    """Everything that solving needs and that was read in one transaction.

    ``subjects`` are those who owe something or whom the leader named, ``owing`` is what they owe. ``allowed`` is how many
    visits the year's cap still leaves each outlet that has one, other plans' visits taken off.
    """

    doors: Doors
    read_at: datetime
    rulebook: Rulebook
    subjects: Mapping[uuid.UUID, Subject] = field(default_factory=dict)
    owing: Mapping[uuid.UUID, Owing] = field(default_factory=dict)
    allowed: Mapping[uuid.UUID, int] = field(default_factory=dict)
    doings: dict[str, Doing] = field(default_factory=dict)

    @property
    def plans(self) -> Sequence[PatrolPlan]:
        """The drafts, by day."""
        return self.doors.plans

    @property
    def crews(self) -> Sequence[Crew]:
        """All their teams."""
        return self.doors.crews

    def moment(self, seconds: int) -> datetime:
        """The moment that a count of the solver means."""
        return self.doors.zero + timedelta(seconds=seconds)


def load_ground(work: Work, plans: Sequence[PatrolPlan]) -> Ground:
    """The ground of drafts of one squad, each of another day."""
    plans = sorted(plans, key=lambda plan: plan.day)
    filling = _Filling(work, plans, _crews(work, plans))
    filling.fill()
    return filling.ground


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
    """Fills a ground, step by step."""

    def __init__(self, work: Work, plans: Sequence[PatrolPlan], crews: Sequence[Crew]) -> None:
        self.work, self.first = work, plans[0].day
        numbers = numbers_on(work, self.first)
        self.doors = Doors(
            plans=plans,
            crews=crews,
            cells={plan.id: _cells(work, plan, crews) for plan in plans},
            wishes=_wishes(work, plans),
            dates=_dates(work, plans, crews),
            hours=Hours(numbers, {}, work.zone),
            numbers=numbers,
            zero=datetime.combine(self.first, time(), work.zone),
            zone=work.zone,
        )
        self.stops = _stops(work, plans)
        self.ground = Ground(self.doors, work.now, load_timeline(work).rulebook)
        self.tags = tags_on(work, self.first)
        self.campaigns = [
            (one.name, subjects_of(work, one, self.first)) for one in campaigns_on(work, self.first)
        ]

    def fill(self) -> None:
        dates, work, ground = self.doors.dates, self.work, self.ground
        everywhere = frozenset().union(*self.doors.cells.values())
        picked = {subject_id for _, subject_id in self.doors.wishes}
        owing = owing_in(work, everywhere, dates[0], dates[-1])
        ground.subjects = subjects = load_subjects(work, {*owing, *picked})
        elsewhere = load_elsewhere(work, self.doors.plans)
        ground.owing = owing_of(work, sorted(subjects), dates[0], dates[-1], elsewhere)
        ground.allowed = visits_left(work, list(subjects), elsewhere, self.first)
        self.doors.hours.note(work, list(subjects.values()))
        for subject in subjects.values():
            if subject.is_placed:
                found = ground.owing.get(subject.id)
                self._add(subject, found.debts if found is not None else ())
        self._off_pattern(set(subjects), elsewhere)

    def _add(self, subject: Subject, owed: Sequence[Debt]) -> None:
        """The visits to one subject for which there is a team, an open door and a visit left."""
        doors = self.doors
        kept = doors.kept(subject)
        turns = doors.turns(subject, kept)
        at_door = partial(self._is_open, subject, turns)
        wanted = [
            Wanted(plan.id, doors.days_out([plan]), partial(self._is_open, subject, self._of(turns, plan.id)))
            for plan in kept
            if doors.wanted(plan.id, subject)
        ]
        stays = [visit for want in wanted if (visit := self._as_before(subject, want, owed))]
        planned = {debt.id for visit in stays for debt in visit.debts}
        others = [debt for debt in owed if debt.id not in planned]
        drafts = grouped(subject.kind, others, doors.days_out(kept), at_door)
        for visit in stays:
            drafts = with_kept(drafts, visit)
        for want in wanted:
            if all(visit.wanted != want.plan for visit in stays):
                drafts = as_wanted(drafts, want) or [*drafts, *_alone(owed, want)]
        # Where the leader fixed a visit nobody comes for another one.
        free = [crew for crew in turns if all(crew.patrol.plan_id != want.plan for want in wanted)]
        drafts = [one for draft in drafts if (one := self._without_fixed(subject, draft, free)).days]
        used: set[uuid.UUID] = set()
        visits = in_order(self._within_the_cap(subject, drafts))
        for visit in sorted(visits, key=lambda one: one.wanted is None):
            # No team comes to one door twice, for a shift across midnight has two days.
            crews = self._of(turns, visit.wanted) if visit.wanted else free
            crews = [crew for crew in crews if crew.patrol.id not in used]
            if options := doors.options(subject, visit.performed, visit.days, crews):
                used.update(uuid.UUID(key) for option in options for key in option.turns or ())
                doing = self._doing(subject, visit, options)
                self.ground.doings[doing.key] = doing

    def _as_before(self, subject: Subject, want: Wanted, owed: Iterable[Debt]) -> Visit | None:
        """The visit that the plan has by now to somebody whom the leader wants in it, if it still can be made: a stop that
        is kept is kept for what it was for.
        """
        stop = self.stops.get((want.plan, subject.id))
        if stop is None:
            return None
        performed, meets = stop
        days = tuple(day for day in want.days if want.at_door(performed, day))
        debts = tuple(debt for debt in owed if debt.id in meets)
        return Visit(0, performed, days, debts, want.plan) if days else None

    @staticmethod
    def _of(turns: Iterable[Crew], plan_id: uuid.UUID) -> list[Crew]:
        return [crew for crew in turns if crew.patrol.plan_id == plan_id]

    def _is_open(self, subject: Subject, crews: Sequence[Crew], performed: Performed, day: date) -> bool:
        """Whether one of the teams can begin and end it on a day while the door is open."""
        return bool(self.doors.options(subject, performed, [day], crews))

    def _without_fixed(self, subject: Subject, draft: Visit, free: Sequence[Crew]) -> Visit:
        if draft.wanted:
            return draft
        days = (day for day in draft.days if self._is_open(subject, free, draft.performed, day))
        return replace(draft, days=tuple(days))

    def _within_the_cap(self, subject: Subject, drafts: Sequence[Visit]) -> list[Visit]:
        """Of the visits that count to a shop's cap only so many as it still allows, those first that the leader wants, then
        the oldest debts; what the legal office signed for may go beyond it.
        """
        left = self.ground.allowed.get(subject.id)
        if left is None:
            return list(drafts)
        counting = [
            draft
            for draft in sorted(drafts, key=lambda one: one.wanted is None)
            if is_counting(draft.performed, draft.debts) and not any(debt.above_cap for debt in draft.debts)
        ]
        return [draft for draft in drafts if draft not in counting[left:]]

    def _doing(self, subject: Subject, visit: Visit, options: tuple[Option, ...]) -> Doing:
        prize = prize_of(visit.debts, self.first, key_place=bool(self._tags(subject)))
        wish = self.doors.wanted(visit.wanted, subject) if visit.wanted else None
        return Doing(
            key=f"{subject.id}/{visit.number}",
            subject=subject,
            visit=visit,
            prize=prize + WISHED if wish else prize,
            options=options,
            service_s=self.doors.numbers.service_s(visit.performed),
            wish=wish,
            campaigns=tuple(name for name, subjects in self.campaigns if subject.id in subjects),
        )

    def _tags(self, subject: Subject) -> set[str]:
        """What makes a place a key place (重点场所): its own tags, and those of its cell."""
        of_cell = self.tags.get(subject.cell_id, set()) if subject.cell_id else set()
        return self.tags.get(subject.id, set()) | of_cell

    def _off_pattern(
        self, known: Collection[uuid.UUID], elsewhere: Mapping[uuid.UUID, Sequence[Elsewhere]]
    ) -> None:
        """So many shops as were asked for a day, drawn by the plan's seed from those where nothing is due."""
        drawn: set[uuid.UUID] = set()
        doors = self.doors
        for plan in doors.plans:
            wanted = int(plan.wishes["random_checks"])
            if not wanted:
                continue
            pool = [one for one in others_in(self.work, doors.cells[plan.id], known) if one not in drawn]
            seed = str(plan.wishes["seed"])
            Random(f"{seed}/{plan.day}").shuffle(pool)  # noqa: S311  A draw that anybody can repeat.
            # Some of them may have no visit left under their cap.
            pool = pool[: wanted * 5]
            left = visits_left(self.work, pool, elsewhere, plan.day)
            subjects = load_subjects(self.work, pool)
            doors.hours.note(self.work, list(subjects.values()))
            allowed = [one for one in pool if left.get(one, 1) > 0]
            for subject_id in allowed[:wanted]:
                drawn.add(subject_id)
                subject = subjects[subject_id]
                visit = Visit(1, Deed.INSPECTION, doors.days_out([plan]), ())
                turns = doors.turns(subject, [plan])
                if options := doors.options(subject, visit.performed, visit.days, turns):
                    doing = self._doing(subject, visit, options)
                    self.ground.doings[doing.key] = replace(doing, prize=OFF_PATTERN, seed=seed)


def _alone(owed: Iterable[Debt], want: Wanted) -> list[Visit]:
    """Where nothing is owed on the leader's days, it is an inspection for itself; a gap that is not over is not walked
    over.
    """
    days = tuple(day for day in want.days if want.at_door(Deed.INSPECTION, day))
    return (
        [Visit(0, Deed.INSPECTION, days, (), want.plan)] if days and not is_too_soon(owed, want.days) else []
    )


def _dates(work: Work, plans: Sequence[PatrolPlan], crews: Sequence[Crew]) -> list[date]:
    """Every day that a shift touches."""
    ends = [crew.patrol.ends_at.astimezone(work.zone).date() for crew in crews]
    return sorted({*(plan.day for plan in plans), *ends})


def _cells(work: Work, plan: PatrolPlan, crews: Sequence[Crew]) -> frozenset[uuid.UUID]:
    """The cells that a plan is about: the squad's own, and those that were assigned to a team beside them."""
    assigned = (crew.cells for crew in crews if crew.patrol.plan_id == plan.id)
    return frozenset(cells_of(work, plan.squad_id, plan.day).union(*assigned))


def _wishes(work: Work, plans: Sequence[PatrolPlan]) -> dict[tuple[uuid.UUID, uuid.UUID], PlanWish]:
    ids = [plan.id for plan in plans]
    found = work.session.scalars(select(PlanWish).where(among(PlanWish.plan_id, ids)))
    return {(wish.plan_id, wish.subject_id): wish for wish in found}


def _stops(
    work: Work, plans: Sequence[PatrolPlan]
) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[Performed, frozenset[uuid.UUID]]]:
    """What the plans have before they are solved anew, by plan and subject: what is performed, and the debts it meets."""
    stops = work.session.scalars(
        select(PatrolStop).where(among(PatrolStop.plan_id, [plan.id for plan in plans]))
    )
    performed = performed_by(work)
    return {
        (stop.plan_id, stop.subject_id): (
            performed[stop.form_code],
            frozenset(map(uuid.UUID, stop.obligation_ids)),
        )
        for stop in stops
        if stop.form_code in performed
    }
