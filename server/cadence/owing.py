"""Who owes which periods under which edition of the policy, and the samples drawn for them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.cadence import rules
from server.cadence.histories import Loaded
from server.cadence.models import FindingFact, PolicyTier, PopulationDraw
from server.cadence.periods import Period
from server.cadence.population import (
    UNGRADED,
    Finding,
    Population,
    PopulationKind,
    draw,
    has_open_finding,
)
from server.cadence.timeline import Stretch, Timeline
from server.kernel.bulk import among
from server.kernel.ids import new_id
from server.kernel.work import Work
from server.outlets.models import Outlet

DrawKey = tuple[uuid.UUID, str]
Candidate = tuple[Stretch, PolicyTier, Period]


@dataclass(slots=True)
class Members:
    """What decides whom a tier is about: the samples drawn, and what findings were open."""

    today: date
    zone: tzinfo
    licences: dict[uuid.UUID, tuple[str, str]] = field(default_factory=dict)
    draws: dict[DrawKey, frozenset[str]] = field(default_factory=dict)
    findings: dict[uuid.UUID, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    # A plan takes the findings that are open today to stay so.
    foreseeing: bool = False

    def hold(self, outlet_id: uuid.UUID, row: PolicyTier, period: Period) -> bool:
        """Whether the tier is about the outlet in that period.

        Which findings are open is known on the period's first day only, so nobody owes it before; what becomes known
        of them later changes nothing.
        """
        match PopulationKind(row.population["kind"]):
            case PopulationKind.ALL:
                return True
            case PopulationKind.OPEN_FINDINGS:
                day = self.today if self.foreseeing else period.first_day
                begins = datetime.combine(day, time(), self.zone)
                return day <= self.today and has_open_finding(self.findings[outlet_id], day, begins)
            case PopulationKind.SAMPLE:
                drawn = self.draws.get((row.id, period.key), frozenset())
                return self.licences[outlet_id][0] in drawn


def candidates(one: Loaded, timeline: Timeline, last: date, first: date = date.min) -> Iterator[Candidate]:
    """The periods that a subject would owe if every tier were about all, oldest edition first.

    They begin on ``first`` or later and have a day up to ``last``.

    A period belongs to the edition in force on its first day; one that had begun before any was, to none.
    """
    for stretch in timeline.stretches(last):
        since = max(stretch.first, first)
        periods = rules.owed_periods(
            one.active_from, one.changes, stretch.edition.tiers, since, stretch.last, one.scopes
        )
        for period in periods:
            if period.first_day >= since:
                yield stretch, stretch.edition.tiers[period.tier], period


def owed(
    outlet_id: uuid.UUID,
    one: Loaded,
    timeline: Timeline,
    members: Members,
    last: date,
    first: date = date.min,
) -> dict[tuple[CadenceTier, str], tuple[PolicyTier, Period]]:
    """What a subject owes of the periods from ``first`` to ``last``, by tier and key."""
    return {
        (period.tier, period.key): (row, period)
        for _, row, period in candidates(one, timeline, last, first)
        if members.hold(outlet_id, row, period)
    }


def samples_in(timeline: Timeline) -> bool:
    """Whether any tier of any edition is about a sample of the outlets."""
    return PopulationKind.SAMPLE in _kinds(timeline)


def load_members(
    work: Work, loaded: Mapping[uuid.UUID, Loaded], timeline: Timeline, *, foreseeing: bool = False
) -> Members:
    """The samples drawn so far and the findings of these subjects, where a tier asks for them."""
    members = Members(work.now.astimezone(work.zone).date(), work.zone, foreseeing=foreseeing)
    rows = [row for edition in timeline.editions for row in edition.tiers.values()]
    if samples_in(timeline):
        outlets = select(Outlet.id, Outlet.licence_no, Outlet.credit_grade)
        for outlet_id, licence_no, grade in work.session.execute(
            outlets.where(among(Outlet.id, list(loaded)))
        ):
            members.licences[outlet_id] = (licence_no, grade or UNGRADED)
        drawn = select(PopulationDraw).where(
            PopulationDraw.bureau_id == work.bureau_id,
            PopulationDraw.policy_tier_id.in_([row.id for row in rows]),
        )
        for made in work.session.scalars(drawn):
            members.draws[(made.policy_tier_id, made.key)] = frozenset(made.drawn)
    if PopulationKind.OPEN_FINDINGS in _kinds(timeline):
        facts = select(FindingFact).where(among(FindingFact.subject_id, list(loaded)))
        for fact in work.session.scalars(facts.order_by(FindingFact.seq)):
            members.findings[fact.subject_id].append(
                Finding(fact.finding_id, fact.from_day, fact.is_open, fact.known_at)
            )
    return members


def draw_samples(
    work: Work,
    loaded: Mapping[uuid.UUID, Loaded],
    timeline: Timeline,
    members: Members,
    last: date,
    first: date = date.min,
) -> list[PopulationDraw]:
    """Draw every sample from ``first`` to ``last`` that is not drawn yet, from all of ``loaded``; nothing is written.

    The pool of a draw is frozen with it: whoever owes that period when it is drawn, with the credit grade held then.
    What a policy leaves to a draw is drawn here for a plan only, of which the number counts.
    """
    if not samples_in(timeline):
        return []
    pools: dict[DrawKey, dict[str, str]] = defaultdict(dict)
    rows: dict[uuid.UUID, PolicyTier] = {}
    for outlet_id, one in loaded.items():
        for _, row, period in candidates(one, timeline, last, first):
            if (row.id, period.key) not in members.draws and _is_drawn_here(row, members):
                rows[row.id] = row
                licence_no, grade = members.licences[outlet_id]
                pools[(row.id, period.key)][licence_no] = grade
    made: list[PopulationDraw] = []
    for (row_id, key), pool in sorted(pools.items(), key=lambda entry: (entry[0][1], str(entry[0][0]))):
        population = Population.from_json(rows[row_id].population)
        drawn = draw(population, key, pool)
        members.draws[(row_id, key)] = frozenset(drawn)
        made.append(
            PopulationDraw(
                id=new_id(work.now),
                bureau_id=work.bureau_id,
                policy_tier_id=row_id,
                key=key,
                seed=population.seed,
                percent=dict(population.percent),
                pool=dict(sorted(pool.items())),
                drawn=list(drawn),
                known_at=work.now,
            )
        )
    return made


def _kinds(timeline: Timeline) -> set[str]:
    return {row.population["kind"] for edition in timeline.editions for row in edition.tiers.values()}


def _is_drawn_here(row: PolicyTier, members: Members) -> bool:
    population = Population.from_json(row.population)
    return population.kind is PopulationKind.SAMPLE and (members.foreseeing or not population.by_draw)
