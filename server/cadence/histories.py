"""Loading whole histories of subjects for the rules, in a handful of set-based queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from schemas.vocabulary import CadenceTier
from server.cadence import rules
from server.cadence.models import AttemptFact, Obligation, Policy, PolicyTier, VisitFact, Waiver
from server.kernel.calendar import load_workdays
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.outlets.models import Outlet, OutletStatus

R = TypeVar("R", Obligation, VisitFact, AttemptFact, OutletStatus)


@dataclass(slots=True)
class Loaded:
    """One subject's history, the rows of its obligations by id, and when it began to be a subject."""

    active_from: date
    history: rules.History
    rows: dict[uuid.UUID, Obligation] = field(default_factory=dict)
    cell_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy of a day: its rulebook, and its tiers' rows."""

    policy: Policy
    tiers: dict[CadenceTier, PolicyTier]
    rulebook: rules.Rulebook


def policy_in_force(work: Work, day: date) -> InForce | None:
    """The active policy whose dates hold ``day``, newest version first; ``None`` where there is none."""
    policy = work.session.scalar(
        select(Policy)
        .where(
            Policy.bureau_id == work.bureau_id,
            Policy.state == "active",
            Policy.effective_from <= day,
            or_(Policy.effective_to.is_(None), Policy.effective_to >= day),
        )
        .order_by(Policy.version.desc())
        .limit(1)
    )
    if policy is None:
        return None
    tiers = {
        CadenceTier(tier.tier): tier
        for tier in work.session.scalars(select(PolicyTier).where(PolicyTier.policy_id == policy.id))
    }
    policies = {
        tier: rules.TierPolicy(
            grace_working_days=row.grace_working_days,
            min_gap_days=row.min_gap_days,
            due_soon_working_days=row.due_soon_working_days,
            satisfies=frozenset(CadenceTier(other) for other in row.satisfies),
            min_workdays=row.min_workdays,
        )
        for tier, row in tiers.items()
    }
    workdays = load_workdays(work.session, work.bureau_id)
    return InForce(policy, tiers, rules.Rulebook(policies, workdays, work.zone))


def need_policy(work: Work, day: date) -> InForce:
    """The policy in force on ``day``.

    Raises:
        Problem: ``not_found`` where the bureau has none.
    """
    found = policy_in_force(work, day)
    if found is None:
        raise Problem("not_found", detail=f"{day} 没有生效的复查制度。No re-inspection policy is in force then.")
    return found


def load_histories(work: Work, outlet_ids: Sequence[uuid.UUID] | None) -> dict[uuid.UUID, Loaded]:
    """The histories of e-cigarette outlets of the bureau: those named, or all of them.

    An outlet is a subject if its licence covers e-cigarettes, or if it has owed something before.
    """
    session = work.session
    owed = select(Obligation.subject_id).where(
        Obligation.bureau_id == work.bureau_id, Obligation.subject_kind == "outlet"
    )
    subjects = select(Outlet.id, Outlet.licence_from, Outlet.licence_to, Outlet.cell_id).where(
        Outlet.bureau_id == work.bureau_id,
        or_(Outlet.licence_scope.any("ecig"), Outlet.id.in_(owed)),
    )
    if outlet_ids is not None:
        subjects = subjects.where(Outlet.id.in_(outlet_ids))
    rows = session.execute(subjects).all()
    ids = [row.id for row in rows]
    obligations = _by_subject(session, select(Obligation).where(Obligation.subject_id.in_(ids)), "subject_id")
    facts = _by_subject(session, select(VisitFact).where(VisitFact.subject_id.in_(ids)), "subject_id")
    attempts = _by_subject(session, select(AttemptFact).where(AttemptFact.subject_id.in_(ids)), "subject_id")
    statuses = _by_subject(session, select(OutletStatus).where(OutletStatus.outlet_id.in_(ids)), "outlet_id")
    waivers: dict[uuid.UUID, list[Waiver]] = defaultdict(list)
    for waiver, subject_id in session.execute(
        select(Waiver, Obligation.subject_id)
        .join(Obligation, Obligation.id == Waiver.obligation_id)
        .where(Obligation.subject_id.in_(ids))
    ):
        waivers[subject_id].append(waiver)
    return {
        row.id: Loaded(
            active_from=row.licence_from,
            history=rules.History(
                obligations=[_obligation(one) for one in obligations[row.id]],
                facts=[_fact(one) for one in facts[row.id]],
                attempts=[rules.Attempt(one.record_id, one.attempted_at, one.known_at) for one in attempts[row.id]],
                waivers=[
                    rules.Waiver(one.obligation_id, one.reason, one.known_at, revoked_at=one.revoked_at)
                    for one in waivers[row.id]
                ],
                changes=_changes(statuses[row.id], row.licence_to, work),
            ),
            rows={one.id: one for one in obligations[row.id]},
            cell_id=row.cell_id,
        )
        for row in rows
    }


def _by_subject(session: Session, query: Select[tuple[R]], column: str) -> dict[uuid.UUID, list[R]]:
    grouped: dict[uuid.UUID, list[R]] = defaultdict(list)
    for row in session.scalars(query):
        grouped[getattr(row, column)].append(row)
    return grouped


def _obligation(row: Obligation) -> rules.Obligation:
    return rules.Obligation(row.id, CadenceTier(row.tier), row.key, row.first_day, row.last_day)


def _fact(row: VisitFact) -> rules.Fact:
    return rules.Fact(
        row.record_id, CadenceTier(row.tier), row.performed_at, row.known_at, row.valid, row.makes_up
    )


def _changes(statuses: Sequence[OutletStatus], licence_to: date, work: Work) -> list[rules.StatusChange]:
    """Status rows, and the day after the licence's last as an end that was known from the start."""
    changes = [rules.StatusChange(row.from_day, row.status == "active", row.known_at) for row in statuses]
    earliest = min((change.known_at for change in changes), default=work.now)
    changes.append(rules.StatusChange(licence_to + timedelta(days=1), False, earliest))
    return changes
