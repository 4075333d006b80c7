"""Rule 6: what a stop says that it meets is owed, and it will really meet it, whatever else is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.planning.checker.matching import (
    Coming,
    Term,
    met_by,
    open_terms,
    performed_by,
    planned_elsewhere,
    terms_of,
    visits_made,
)
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Plan, Stop, stops_of
from tests.planning.checker.world import Elsewhere, World


@dataclass(slots=True)
class Standing:
    """What one subject owes, and what meets it once all is done that is planned.

    ``visits`` are those that were made, those of other published plans and those of the plans themselves, whose keys are
    the ids of their stops.
    """

    terms: list[Term]
    open: dict[str, Term]
    visits: list[Coming]
    stops: list[Stop] = field(default_factory=list)
    elsewhere: frozenset[str] = frozenset()

    @property
    def met(self) -> dict[str, str]:
        """Which visit meets which obligation."""
        return met_by(self.terms, self.visits)

    def met_with(self, visit: Coming) -> dict[str, str]:
        """The same, were one visit more made."""
        return met_by(self.terms, [*self.visits, visit])


def others_of(world: World, plans: Sequence[Plan]) -> list[Elsewhere]:
    """The stops of published plans that stand beside these: not their own, and not of the plans that they replace."""
    own = {plan.id for plan in plans}
    replaced = {(plan.squad_id, plan.day) for plan in plans}
    return [
        stop
        for stop in world.elsewhere
        if stop.plan_id not in own and (stop.squad_id, stop.day) not in replaced
    ]


def standings_of(world: World, plans: Sequence[Plan]) -> dict[str, Standing]:
    """How each subject stands that owes something or is visited."""
    others = others_of(world, plans)
    planned: dict[str, list[Stop]] = {}
    for _, _, stop in stops_of(plans):
        planned.setdefault(stop.subject_id, []).append(stop)
    subjects = {one.subject_id for one in world.owed.values()} | planned.keys()
    found = {}
    for subject_id in sorted(subjects):
        theirs = [stop for stop in others if stop.subject_id == subject_id]
        stops = planned.get(subject_id, [])
        visits = [*visits_made(world, subject_id), *planned_elsewhere(world, theirs)]
        for stop in stops:
            performed = performed_by(world, stop.form_code)
            done = frozenset({performed} if performed else ())
            visits.append(Coming(stop.id, stop.begins_at, world.day(stop.begins_at), done))
        taken = frozenset(one for stop in theirs for one in stop.obligation_ids)
        terms = terms_of(world, subject_id)
        found[subject_id] = Standing(terms, open_terms(world, subject_id), visits, stops, taken)
    return found


def check_duties(
    world: World, plans: Sequence[Plan], standings: Mapping[str, Standing]
) -> Iterable[Objection]:
    """What is wrong with what the stops say they meet."""
    named = Counter(one for _, _, stop in stops_of(plans) for one in stop.obligation_ids)
    for obligation_id, times in named.items():
        if times > 1:
            yield Objection(Rule.TWICE, f"{_name(world, obligation_id)} in {times} stops")
    for plan, _, stop in stops_of(plans):
        standing = standings[stop.subject_id]
        met = standing.met
        for obligation_id in stop.obligation_ids:
            yield from _of_named(world, standing, met, stop, obligation_id)
        yield from _of_tracks(world, stop)
        meets = {one for one, key in met.items() if key == stop.id and one in standing.open}
        for one in sorted(meets - set(stop.obligation_ids)):
            yield Objection(Rule.UNNAMED, f"{stop} meets {standing.open[one]} as well")
        drawn = {"wished", "off_pattern"} & set(stop.codes())
        if not stop.obligation_ids and not drawn:
            yield Objection(Rule.NOTHING_OWED, f"{plan.day}: {stop}")
        service = performed_by(world, stop.form_code) == "SERVICE"
        if stop.visit_kind != ("service" if service else "routine"):
            yield Objection(Rule.VISIT_KIND, f"{stop}: {stop.visit_kind} with {stop.form_code}")


def _of_named(
    world: World, standing: Standing, met: Mapping[str, str], stop: Stop, obligation_id: str
) -> Iterable[Objection]:
    term = standing.open.get(obligation_id)
    if term is None:
        yield Objection(Rule.NOT_OWED, f"{stop}: {_name(world, obligation_id)}")
        return
    day, performed = world.day(stop.begins_at), performed_by(world, stop.form_code)
    about = f"{stop}: {term}"
    if obligation_id in standing.elsewhere:
        yield Objection(Rule.PLANNED_ELSEWHERE, about)
    if not term.takes(day):
        yield Objection(Rule.WRONG_DAY, about)
    elif performed not in term.accepts:
        yield Objection(Rule.WRONG_FORM, f"{about} by {stop.form_code}")
    elif met.get(obligation_id) != stop.id:
        other = [one for one, key in met.items() if key == stop.id]
        older = any(standing.open[one].owed.track == term.owed.track for one in other if one in standing.open)
        rule = Rule.OLDEST_FIRST if older else Rule.GAP
        yield Objection(rule, f"{about}, which is met by {met.get(obligation_id)}")


def _of_tracks(world: World, stop: Stop) -> Iterable[Objection]:
    tracks = Counter(world.owed[one].track for one in stop.obligation_ids if one in world.owed)
    for track, times in tracks.items():
        if times > 1:
            yield Objection(Rule.ONE_A_TRACK, f"{stop}: {times} of {track}")


def _name(world: World, obligation_id: str) -> str:
    owed = world.owed.get(obligation_id)
    return f"{owed.duty} {owed.key}" if owed else obligation_id
