"""The floor beside the ceiling: policies that ask for more visits than the annual cap, and who let that be."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.access.models import Account
from server.cadence.caps import least_visits
from server.cadence.models import CapPolicy, PolicySignOff
from server.cadence.periods import reporting_period
from server.cadence.timeline import Edition, load_timeline
from server.kernel.work import Work
from server.org.models import Person


@dataclass(frozen=True, slots=True)
class Floor:
    """A policy in force whose fewest visits a year are more than the cap of some credit grades.

    ``over`` are those grades' caps. ``sign_offs`` have id, ground, signer, signed_at and content_sha256.
    """

    policy_id: uuid.UUID
    version: int
    name: str
    effective_from: date
    visits_a_year: int
    over: Mapping[str, int]
    sign_offs: list[dict[str, Any]]


def floors_above(work: Work, cap: CapPolicy, first: date, last: date, as_of: datetime) -> list[Floor]:
    """The policies activated by ``as_of`` that hold on a day from ``first`` to ``last`` and ask more than the cap."""
    found = []
    for stretch in load_timeline(work).stretches(last):
        policy = stretch.edition.policy
        if stretch.last < first or (policy.activated_at is not None and policy.activated_at > as_of):
            continue
        visits = _visits_a_year(stretch.edition, max(first, stretch.first).year)
        over = {grade: limit for grade, limit in cap.limits.items() if visits > limit}
        if over:
            signed = _sign_offs(work, stretch.edition, as_of)
            found.append(
                Floor(policy.id, policy.version, policy.name, policy.effective_from, visits, over, signed)
            )
    return found


def _visits_a_year(edition: Edition, year: int) -> int:
    """The fewest visits that count to the cap with which an outlet in every tier can be met for a year."""
    keys = reporting_period(str(year)).keys
    tiers: Mapping[CadenceTier, Any] = edition.tiers
    return least_visits(
        {tier: len(keys[tier]) for tier in tiers},
        {tier: frozenset(map(CadenceTier, row.satisfies)) for tier, row in tiers.items()},
        {tier: row.counts_to_cap for tier, row in tiers.items()},
    )


def _sign_offs(work: Work, edition: Edition, as_of: datetime) -> list[dict[str, Any]]:
    rows = work.session.execute(
        select(PolicySignOff, Account.username, Person.name)
        .join(Account, Account.id == PolicySignOff.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .where(PolicySignOff.policy_id == edition.policy.id, PolicySignOff.known_at <= as_of)
        .order_by(PolicySignOff.known_at, PolicySignOff.id)
    )
    return [
        {
            "id": signed.id,
            "ground": signed.ground,
            "signer": name or username,
            "signed_at": signed.known_at.astimezone(work.zone),
            "content_sha256": signed.content_sha256,
        }
        for signed, username, name in rows
    ]
