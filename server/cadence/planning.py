"""What a version of the policy would do, before it does it: obligations added and voided, visits against the cap."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.cadence.cap_policies import cap_on
from server.cadence.caps import least_visits
from server.cadence.histories import Loaded, load_subjects
from server.cadence.models import Obligation, PolicyTier
from server.cadence.owing import draw_samples, load_members, owed
from server.cadence.periods import Period
from server.cadence.population import GRADES, UNGRADED
from server.cadence.timeline import Edition, Timeline, load_timeline, timeline_with
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import Outlet

# A year without the day on which it returns, so that no weekday is counted once more than the others but one.
HORIZON = timedelta(days=364)

OwedBy = dict[tuple[CadenceTier, str], tuple[PolicyTier, Period]]


@dataclass(slots=True)
class GradeLoad:
    """Visits a year and outlet of one credit grade that count to the cap: at least, for the outlet with the most."""

    grade: str
    outlets: int = 0
    visits_now: int = 0
    visits_planned: int = 0
    cap: int | None = None

    @property
    def over(self) -> bool:
        """Whether the version asks more than the cap allows."""
        return self.cap is not None and self.visits_planned > self.cap


@dataclass(slots=True)
class Plan:
    """What a version would change among the periods that begin from ``effective_from`` to ``until``."""

    effective_from: date
    until: date
    cap_version: int | None
    added: Counter[CadenceTier] = field(default_factory=Counter)
    voided: Counter[CadenceTier] = field(default_factory=Counter)
    kept: Counter[CadenceTier] = field(default_factory=Counter)
    grades: list[GradeLoad] = field(default_factory=list)

    @property
    def above_cap(self) -> bool:
        """Whether some grade would be visited more often than its cap."""
        return any(load.over for load in self.grades)

    def to_json(self) -> dict[str, Any]:
        """The figures as they are answered and kept."""
        return {
            "effective_from": self.effective_from.isoformat(),
            "until": self.until.isoformat(),
            "cap_version": self.cap_version,
            "above_cap": self.above_cap,
            "tiers": [
                {
                    "tier": tier.value,
                    "added": self.added[tier],
                    "voided": self.voided[tier],
                    "kept": self.kept[tier],
                }
                for tier in CadenceTier
            ],
            "grades": [
                {
                    "grade": load.grade,
                    "outlets": load.outlets,
                    "visits_now": load.visits_now,
                    "visits_planned": load.visits_planned,
                    "cap": load.cap,
                    "over": load.over,
                }
                for load in self.grades
            ],
        }


def plan_change(work: Work, draft: Edition) -> Plan:
    """What would change with ``draft`` in force; nothing is written.

    Samples are drawn from today's register, and the findings that are open today are taken to stay open. What a
    version asks of an outlet is compared with the cap that holds for its credit grade on the version's first day.
    """
    first = draft.policy.effective_from
    plan = Plan(first, first + HORIZON, None)
    loaded = load_subjects(work, None, Obligation.first_day >= first)
    before = _owed_by_all(work, loaded, load_timeline(work), plan)
    after = _owed_by_all(work, loaded, timeline_with(work, draft), plan)
    cap = cap_on(work, first, work.now)
    plan.cap_version = cap.version if cap else None
    loads = {grade: GradeLoad(grade, cap=cap.limits.get(grade) if cap else None) for grade in GRADES}
    graded = select(Outlet.id, Outlet.credit_grade).where(among(Outlet.id, list(loaded)))
    for outlet_id, grade in work.session.execute(graded):
        now, then = before[outlet_id], after[outlet_id]
        plan.added.update(tier for tier, _ in then.keys() - now.keys())
        plan.voided.update(tier for tier, _ in now.keys() - then.keys())
        plan.kept.update(tier for tier, _ in then.keys() & now.keys())
        if now or then:
            load = loads[grade or UNGRADED]
            load.outlets += 1
            load.visits_now = max(load.visits_now, _visits(now))
            load.visits_planned = max(load.visits_planned, _visits(then))
    plan.grades = [load for load in loads.values() if load.outlets]
    return plan


def _owed_by_all(
    work: Work, loaded: Mapping[uuid.UUID, Loaded], timeline: Timeline, plan: Plan
) -> dict[uuid.UUID, OwedBy]:
    members = load_members(work, loaded, timeline, foreseeing=True)
    first, last = plan.effective_from, plan.until
    draw_samples(work, loaded, timeline, members, last, first)
    return {
        outlet_id: owed(outlet_id, one, timeline, members, last, first) for outlet_id, one in loaded.items()
    }


def _visits(periods: OwedBy) -> int:
    """The fewest counting visits of a year; where several editions hold in it, each is met by its own."""
    editions: dict[uuid.UUID, dict[CadenceTier, PolicyTier]] = defaultdict(dict)
    counts: dict[uuid.UUID, Counter[CadenceTier]] = defaultdict(Counter)
    for (tier, _), (row, _) in periods.items():
        editions[row.policy_id][tier] = row
        counts[row.policy_id][tier] += 1
    return sum(
        least_visits(
            counts[policy_id],
            {tier: frozenset(map(CadenceTier, row.satisfies)) for tier, row in tiers.items()},
            {tier: row.counts_to_cap for tier, row in tiers.items()},
        )
        for policy_id, tiers in editions.items()
    )
