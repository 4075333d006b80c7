"""Which version of the policy holds when, read for the rules."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.cadence.models import Policy, PolicyTier
from server.cadence.rulebook import Rulebook, TierPolicy, Version
from server.kernel.calendar import load_workdays
from server.kernel.problems import Problem
from server.kernel.work import Work

_RECALLED = "policy_timeline"


@dataclass(frozen=True, slots=True)
class Edition:
    """A version of the policy with its tiers' rows."""

    policy: Policy
    tiers: Mapping[CadenceTier, PolicyTier]

    @property
    def version(self) -> Version:
        """What the rules read of it."""
        return Version(
            self.policy.effective_from, {tier: _tier_policy(row) for tier, row in self.tiers.items()}
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days on which a period must begin to be owed under an edition; both are included."""

    edition: Edition
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Timeline:
    """The editions that came or will come into force, in the order in which they do, and the rulebook of them all."""

    editions: tuple[Edition, ...]
    rulebook: Rulebook

    def on(self, day: date) -> Edition | None:
        """The edition in force on ``day``: the last that has begun, if it has not ended."""
        return next(
            (stretch.edition for stretch in self.stretches(day) if stretch.first <= day <= stretch.last), None
        )

    def stretches(self, last: date) -> Iterator[Stretch]:
        """The days of each edition up to ``last``; an edition ends where the next one begins."""
        for number, edition in enumerate(self.editions):
            ends = [last, edition.policy.effective_to or last]
            ends += [later.policy.effective_from - timedelta(days=1) for later in self.editions[number + 1 :]]
            if min(ends) >= edition.policy.effective_from:
                yield Stretch(edition, edition.policy.effective_from, min(ends))


def load_timeline(work: Work) -> Timeline:
    """The bureau's timeline, looked up once a unit of work."""
    if _RECALLED not in work.recalled:
        work.recalled[_RECALLED] = timeline_with(work, None)
    found: Timeline = work.recalled[_RECALLED]
    return found


def forget_timeline(work: Work) -> None:
    """After a change to a policy in this unit of work."""
    work.recalled.pop(_RECALLED, None)


def timeline_with(work: Work, draft: Edition | None) -> Timeline:
    """The timeline as it is, or as it would be with ``draft`` in force."""
    policies = work.session.scalars(
        select(Policy).where(Policy.bureau_id == work.bureau_id, Policy.state.in_(("active", "retired")))
    ).all()
    tiers = tiers_of(work, [policy.id for policy in policies])
    editions = [Edition(policy, tiers[policy.id]) for policy in policies if not _withdrawn(policy)]
    if draft is not None:
        editions.append(draft)
    editions.sort(key=lambda edition: (edition.policy.effective_from, edition.policy.version))
    workdays = load_workdays(work.session, work.bureau_id)
    rulebook = Rulebook(tuple(edition.version for edition in editions), workdays, work.zone)
    return Timeline(tuple(editions), rulebook)


def tiers_of(work: Work, policy_ids: list[uuid.UUID]) -> dict[uuid.UUID, dict[CadenceTier, PolicyTier]]:
    """The tiers' rows of the policies, by policy."""
    found: dict[uuid.UUID, dict[CadenceTier, PolicyTier]] = {policy_id: {} for policy_id in policy_ids}
    for row in work.session.scalars(select(PolicyTier).where(PolicyTier.policy_id.in_(policy_ids))):
        found[row.policy_id][CadenceTier(row.tier)] = row
    return found


def edition_on(work: Work, day: date) -> Edition | None:
    """The edition in force on ``day``; ``None`` where there is none."""
    return load_timeline(work).on(day)


def need_rulebook(work: Work, day: date) -> Rulebook:
    """The rulebook to judge with on ``day``.

    Raises:
        Problem: ``not_found`` where no policy had begun by then.
    """
    timeline = load_timeline(work)
    if not any(edition.policy.effective_from <= day for edition in timeline.editions):
        raise Problem(
            "not_found", detail=f"{day} 没有生效的复查制度。No re-inspection policy is in force then."
        )
    return timeline.rulebook


def _withdrawn(policy: Policy) -> bool:
    """Whether it was retired before its first day, so that it never held."""
    return policy.effective_to is not None and policy.effective_to < policy.effective_from


def _tier_policy(row: PolicyTier) -> TierPolicy:
    return TierPolicy(
        grace_working_days=row.grace_working_days,
        min_gap_days=row.min_gap_days,
        due_soon_working_days=row.due_soon_working_days,
        satisfies=frozenset(CadenceTier(other) for other in row.satisfies),
        min_workdays=row.min_workdays,
    )
