"""Rule 4: two certified officers go first, auxiliaries only come along, and nobody and nothing is at two places at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import combinations

from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Plan, Team
from tests.planning.checker.world import Out, World

PARTS = ("lead", "second")


def check_crews(world: World, plans: Sequence[Plan]) -> Iterable[Objection]:
    """What is wrong with who goes."""
    teams = [(plan, team) for plan in plans for team in plan.teams]
    for plan, team in teams:
        yield from _of_pair(world, plan.day, team)
        if plan.state == "published":
            yield from _of_others(world, plan, team)
    for (_, one), (_, other) in combinations(teams, 2):
        if one.starts_at < other.ends_at and other.starts_at < one.ends_at:
            yield from _of_both(one, other)


def _of_pair(world: World, day: date, team: Team) -> Iterable[Objection]:
    parts = [part for _, part in team.members]
    if tuple(parts[:2]) != PARTS or set(parts[2:]) - {"extra"}:
        yield Objection(Rule.PAIR, f"{day} {team.name}: {parts}")
    for person_id, part in team.members:
        if part in PARTS and not _may_inspect(world, person_id, day):
            yield Objection(Rule.PAIR, f"{day} {team.name}: {person_id} may not inspect")
        if part not in PARTS and person_id not in world.people:
            yield Objection(Rule.EXTRA, f"{day} {team.name}: nobody is {person_id}")
    if len({person_id for person_id, _ in team.members}) < len(team.members):
        yield Objection(Rule.PERSON_TWICE, f"{day} {team.name}")


def _may_inspect(world: World, person_id: str, day: date) -> bool:
    known = world.people.get(person_id)
    return (
        known is not None
        and known.kind == "officer"
        and any(begins <= day <= ends for begins, ends in known.certified)
    )


def _of_both(one: Team, other: Team) -> Iterable[Objection]:
    if {person for person, _ in one.members} & {person for person, _ in other.members}:
        yield Objection(Rule.PERSON_TWICE, f"{one.name} and {other.name} from {other.starts_at}")
    if one.vehicle_id is not None and one.vehicle_id == other.vehicle_id:
        yield Objection(Rule.VEHICLE_TWICE, f"{one.name} and {other.name} from {other.starts_at}")


def _of_others(world: World, plan: Plan, team: Team) -> Iterable[Objection]:
    def met(out: Out) -> bool:
        return out.plan_id != plan.id and out.starts_at < team.ends_at and team.starts_at < out.ends_at

    if {out.who for out in world.people_out if met(out)} & {person for person, _ in team.members}:
        yield Objection(Rule.PERSON_TWICE, f"{plan.day} {team.name}: out with another plan")
    if team.vehicle_id in {out.who for out in world.vehicles_out if met(out)}:
        yield Objection(Rule.VEHICLE_TWICE, f"{plan.day} {team.name}: its vehicle is out with another plan")
