"""Samples that a draw makes (双随机): whose pool is frozen before there is a seed, where a policy asks for that."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.cadence.histories import load_subjects
from server.cadence.models import Obligation, Policy, PolicyTier, PopulationDraw
from server.cadence.ops import AHEAD, materialise
from server.cadence.owing import candidates
from server.cadence.periods import Period, period_of, periods_between
from server.cadence.population import Population
from server.cadence.timeline import load_timeline
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import problem_at
from server.kernel.work import Work


@dataclass(frozen=True, slots=True)
class AwaitedSample:
    """A period of a tier for which nobody owes anything until its sample is drawn."""

    policy: Policy
    row: PolicyTier
    period: Period

    @property
    def percent(self) -> Mapping[str, int]:
        """By credit grade, the percentage to be drawn."""
        return Population.from_json(self.row.population).percent


def awaited_sample(work: Work, period: Period) -> AwaitedSample | None:
    """The sample of the period that its policy leaves to a draw and that is not drawn yet."""
    edition = load_timeline(work).on(period.first_day)
    row = edition.tiers.get(period.tier) if edition else None
    if edition is None or row is None or not Population.from_json(row.population).by_draw:
        return None
    drawn = select(PopulationDraw.id).where(
        PopulationDraw.policy_tier_id == row.id, PopulationDraw.key == period.key
    )
    return None if work.session.scalar(drawn) else AwaitedSample(edition.policy, row, period)


def awaited_samples(work: Work) -> list[AwaitedSample]:
    """Those of the periods that run now or begin within the days that are written down ahead, the earliest first.

    One that has begun without a draw stays empty, and is told so that nobody takes it for done.
    """
    today = work.now.astimezone(work.zone).date()
    found = (awaited_sample(work, period) for period in _near(today, today + AHEAD))
    return [one for one in found if one is not None]


def _near(today: date, last: date) -> Iterator[Period]:
    periods = [
        one for tier in CadenceTier for one in periods_between(tier, period_of(tier, today).first_day, last)
    ]
    yield from sorted(periods, key=lambda period: (period.first_day, period.tier.depth))


def subjects_owing(work: Work, period: Period) -> Sequence[uuid.UUID]:
    """The outlets that would owe the period if its tier were about all."""
    timeline = load_timeline(work)
    return [
        outlet_id
        for outlet_id, one in load_subjects(work, None, Obligation.first_day == period.first_day).items()
        if any(
            (owed.tier, owed.key) == (period.tier, period.key)
            for _, _, owed in candidates(one, timeline, period.first_day, period.first_day)
        )
    ]


def check_ahead(work: Work, period: Period) -> None:
    """Whether a period's sample may still be drawn.

    Raises:
        Problem: ``policy_backdated`` once the period has begun: what is owed in it may not change any more.
    """
    if period.first_day <= work.now.astimezone(work.zone).date():
        detail = f"{period.key} 已于 {period.first_day} 开始，不能再抽样。The period has begun."
        raise problem_at("/outlets/period", "policy_backdated", detail)


def keep_sample(
    work: Work, awaited: AwaitedSample, seed: str, pool: Mapping[str, str], drawn: Sequence[str]
) -> PopulationDraw:
    """Write down what was drawn as the sample of the period, and what is owed by it. The period must lie ahead.

    ``pool`` is licence number → credit grade, ``drawn`` what population.draw gives for it.
    """
    made = PopulationDraw(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        policy_tier_id=awaited.row.id,
        key=awaited.period.key,
        seed=seed,
        percent=dict(awaited.percent),
        pool=dict(sorted(pool.items())),
        drawn=sorted(drawn),
        known_at=work.now,
    )
    work.session.add(made)
    work.session.flush()
    counts = {"pool": len(pool), "drawn": len(drawn)}
    record_event(work, "policy.sample_drawn", [awaited.row.id], key=made.key, seed=seed, **counts)
    materialise(work)
    return made
