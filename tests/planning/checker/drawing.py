"""Off-pattern checks: whoever has the seed draws the same shops, from those where nothing is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from tests.planning.checker.ceiling import planned_before, remaining
from tests.planning.checker.days import days_of
from tests.planning.checker.doors import cells_of
from tests.planning.checker.duties import Standing
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Plan
from tests.planning.checker.world import World

# Of the shops in the order of the draw so many times the number wanted are looked at, for some have no visit left.
LOOKED_AT = 5


def check_drawn(
    world: World, plans: Sequence[Plan], standings: Mapping[str, Standing]
) -> Iterable[Objection]:
    """What is wrong with the stops that are said to be drawn."""
    owing = _owing(world, plans)
    taken: set[str] = set()
    for plan in sorted(plans, key=lambda one: one.day):
        drawn = _drawn(world, plans, plan, standings, owing | taken)
        taken |= set(drawn)
        for _, stop in plan.stops:
            told = [reason for reason in stop.reasons if reason.get("code") == "off_pattern"]
            if not told:
                continue
            if stop.subject_id not in drawn or stop.obligation_ids or len(stop.reasons) > 1:
                yield Objection(Rule.DRAWN, f"{plan.day}: {stop} is none of the {len(drawn)} that were drawn")
            if told[0].get("seed") != plan.seed:
                yield Objection(
                    Rule.DRAWN, f"{plan.day}: {stop} by seed {told[0].get('seed')}, not {plan.seed}"
                )


def _owing(world: World, plans: Sequence[Plan]) -> set[str]:
    """The subjects with something to be met on the days of the plans, let off or not, and whom the leader named."""
    days = days_of(world, plans)
    cells = set().union(*(cells_of(world, plan) for plan in plans))
    found = {wish.subject_id for plan in plans for wish in plan.fixed}
    for owed in world.owed.values():
        subject = world.subjects[owed.subject_id]
        closed = owed.met_by or owed.voided_at or owed.withdrawn_at
        if (
            subject.cell_id in cells
            and not closed
            and owed.first_day <= days[-1]
            and owed.grace_last_day >= days[0]
        ):
            found.add(owed.subject_id)
    return found


def _drawn(
    world: World, plans: Sequence[Plan], plan: Plan, standings: Mapping[str, Standing], without: set[str]
) -> list[str]:
    cells = cells_of(world, plan)
    pool = [
        subject
        for subject in sorted(world.subjects.values(), key=lambda one: one.number)
        if subject.kind == "outlet"
        and subject.cell_id in cells
        and subject.active
        and subject.place is not None
    ]
    ids = [subject.id for subject in pool if subject.id not in without]
    Random(f"{plan.seed}/{plan.day}").shuffle(ids)
    allowed = []
    for subject_id in ids[: plan.random_checks * LOOKED_AT]:
        left = remaining(world, subject_id, plan.day, standings.get(subject_id))
        planned = planned_before(world, plans, subject_id, plan.day.year)
        if left is None or left > planned:
            allowed.append(subject_id)
    return allowed[: plan.random_checks]
