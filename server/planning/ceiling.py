"""What counts to the year's cap of inspections (decisions.md 13), and what the legal office let go beyond it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from schemas.vocabulary import Deed, Performed
from server.cadence.duty_editions import load_duty_rules
from server.cadence.models import PolicySignOff, PolicyTier
from server.kernel.work import Work
from server.planning.visits import Debt


def is_counting(performed: Performed | None, debts: Sequence[Debt]) -> bool:
    """Whether a visit counts: every inspection, unless all that it meets is exempt by rule."""
    if performed is Deed.SERVICE:
        return False
    return not debts or any(debt.counts_to_cap for debt in debts)


def counting_of(work: Work) -> dict[uuid.UUID, bool]:
    """Whether what a tier or a version of a duty rule asks for counts."""
    tiers = select(PolicyTier.id, PolicyTier.counts_to_cap).where(PolicyTier.bureau_id == work.bureau_id)
    counting = dict(work.session.execute(tiers).all())
    return counting | {version.id: version.counts_to_cap for version in load_duty_rules(work).versions}


def signed_off(work: Work) -> set[uuid.UUID]:
    """The tiers of policies that the legal office let ask for more than the cap."""
    signed = (
        select(PolicyTier.id)
        .join(PolicySignOff, PolicySignOff.policy_id == PolicyTier.policy_id)
        .where(PolicyTier.bureau_id == work.bureau_id)
    )
    return set(work.session.scalars(signed))
