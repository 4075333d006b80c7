"""Rules 2 and 3: visits lie in open hours, and what the leader fixed holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tests.planning.checker.days import open_around
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Plan, Stop, Team, Wish
from tests.planning.checker.world import World

KEPT_WITHIN = timedelta(minutes=10)


def cells_of(world: World, plan: Plan) -> set[str]:
    """The cells that a plan is about: those the squad answers for on its day, and those assigned to its teams."""
    held = {
        one.cell_id
        for one in world.duty
        if one.squad_id == plan.squad_id
        and one.since <= plan.day
        and (one.until is None or plan.day < one.until)
    }
    return held.union(*(team.cell_ids for team in plan.teams))


def check_doors(world: World, plans: Sequence[Plan]) -> Iterable[Objection]:
    """What is wrong with whom the teams visit when."""
    first = min(plan.day for plan in plans)
    for plan in plans:
        cells = cells_of(world, plan)
        for team, stop in plan.stops:
            yield from _of_subject(world, stop)
            yield from _of_hours(world, stop, first)
            wish = plan.wish_for(stop.subject_id)
            if wish is None and stop.cell_id not in cells:
                yield Objection(Rule.SCOPE, f"{plan.day}: {stop} lies in no cell of the plan")
            yield from _of_wish(wish, plan, team, stop)
        yield from _of_included(plan, plans)


def _of_subject(world: World, stop: Stop) -> Iterable[Objection]:
    subject = world.subjects.get(stop.subject_id)
    if subject is None:
        yield Objection(Rule.SUBJECT, f"{stop}: nobody has this id")
        return
    told = (stop.subject_kind, stop.name, stop.number, stop.cell_id, stop.place)
    if told != (subject.kind, subject.name, subject.number, subject.cell_id, subject.place):
        yield Objection(Rule.SUBJECT, f"{stop}: {told}, and the register has {subject}")


def _of_hours(world: World, stop: Stop, first: date) -> Iterable[Objection]:
    subject = world.subjects.get(stop.subject_id)
    if subject is None:
        return
    spans = open_around(world, subject, world.day(stop.begins_at), first)
    if not any(opens <= stop.begins_at and stop.departs_at <= closes for opens, closes in spans):
        yield Objection(Rule.HOURS, f"{stop} to {stop.departs_at}: open {spans}")


def _of_wish(wish: Wish | None, plan: Plan, team: Team, stop: Stop) -> Iterable[Objection]:
    about = f"{plan.day} {team.name}, {stop}"
    timed = wish is not None and (wish.not_before or wish.not_after)
    fixed = None
    if wish is not None and wish.wish == "include":
        fixed = "time" if timed else "team" if wish.patrol_id else None
    if stop.fixed != fixed:
        yield Objection(Rule.FIXED, f"{about}: {stop.fixed}, not {fixed}")
    if wish is None or wish.patrol_id is None:
        assigned = {one.id for one in plan.teams if stop.cell_id in one.cell_ids}
        if assigned and team.id not in assigned:
            yield Objection(Rule.ASSIGNED, f"{about}: its cell is another team's")
    if wish is None:
        return
    if wish.wish == "exclude":
        yield Objection(Rule.EXCLUDED, about)
        return
    if wish.patrol_id not in (None, team.id):
        yield Objection(Rule.PINNED, about)
    if wish.not_before is not None and stop.begins_at < wish.not_before:
        yield Objection(Rule.NOT_BEFORE, f"{about}: {wish.not_before}")
    if wish.not_after is not None and stop.begins_at > wish.not_after:
        yield Objection(Rule.NOT_AFTER, f"{about}: {wish.not_after}")


def _of_included(plan: Plan, plans: Sequence[Plan]) -> Iterable[Objection]:
    """Whom the leader wants is visited, or he is told why not."""
    visited = {stop.subject_id for _, stop in plan.stops}
    left = {one.subject_id for other in plans for one in other.left}
    for wish in plan.fixed:
        if wish.wish == "include" and wish.subject_id not in visited | left:
            yield Objection(Rule.INCLUDED, f"{plan.day}: {wish.subject_id} is neither visited nor told of")


def check_kept(before: Plan, after: Plan, stop_ids: Iterable[str]) -> Iterable[Objection]:
    """Stops that the leader kept are still there: with their team, and at most ten minutes from their time."""
    now = {stop.subject_id: (team, stop) for team, stop in after.stops}
    for team, stop in before.stops:
        if stop.id not in set(stop_ids):
            continue
        found = now.get(stop.subject_id)
        if found is None:
            yield Objection(Rule.KEPT, f"{stop} is gone")
        elif found[0].id != team.id or abs(found[1].begins_at - stop.begins_at) > KEPT_WITHIN:
            yield Objection(Rule.KEPT, f"{stop} is now {found[1]} with {found[0].name}")
