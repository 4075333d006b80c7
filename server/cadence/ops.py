"""Writing cadence: policies, what is owed, waivers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Boolean, DateTime, Text, column, insert, select
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import CadenceTier
from server.cadence import rules
from server.cadence.histories import InForce, Loaded, hold_subjects, load_subjects, policy_in_force
from server.cadence.models import AttemptFact, Obligation, Policy, PolicyTier, VisitFact, Waiver
from server.cadence.queries import visible_to
from server.grids.ops import announce
from server.kernel.bulk import as_rows, recordset
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem
from server.kernel.work import Work
from sync.feed import touch

# What opens within this many days is owed already, so that a handheld that goes offline takes it along.
AHEAD = timedelta(days=14)

_VISITS = recordset(
    "given",
    [
        column("bureau_id", UUID(as_uuid=True)),
        column("record_id", UUID(as_uuid=True)),
        column("tier", Text),
        column("known_at", DateTime(timezone=True)),
        column("subject_kind", Text),
        column("subject_id", UUID(as_uuid=True)),
        column("performed_at", DateTime(timezone=True)),
        column("valid", Boolean),
        column("makes_up", Text),
    ],
)
_INSERT_VISITS = insert(table_of(VisitFact)).from_select(list(_VISITS.c.keys()), select(_VISITS))

FORMS = {
    CadenceTier.WEEKLY: "ecig_weekly",
    CadenceTier.MONTHLY: "ecig_monthly",
    CadenceTier.QUARTERLY: "ecig_quarterly",
}


def publish_default_policy(work: Work, effective_from: date) -> Policy:
    """The bureau's first policy: 周复查、月核查、季抽查 for every e-cigarette outlet, with the default figures."""
    policy = Policy(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        code="ecig_cadence",
        version=1,
        name="电子烟零售户周复查、月核查、季抽查制度",
        legal_basis="《电子烟管理办法》；本局周复查、月核查、季抽查制度",
        state="active",
        effective_from=effective_from,
        effective_to=None,
        edit_id=new_edit_id(),
    )
    work.session.add(policy)
    work.session.flush()
    for tier, default in rules.DEFAULT_POLICIES.items():
        work.session.add(
            PolicyTier(
                id=new_id(work.now),
                bureau_id=work.bureau_id,
                policy_id=policy.id,
                tier=tier.value,
                form_code=FORMS[tier],
                satisfies=sorted(other.value for other in default.satisfies),
                grace_working_days=default.grace_working_days,
                min_gap_days=default.min_gap_days,
                due_soon_working_days=default.due_soon_working_days,
                min_workdays=default.min_workdays,
                min_officers=2,
                radius_m=100,
                max_accuracy_m=100,
                min_duration_s=180,
                counts_to_cap=True,
            )
        )
    work.session.flush()
    touch(work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", policy.id)])
    record_event(work, "policy.activated", [policy.id], version=policy.version)
    return policy


def materialise(work: Work, outlet_ids: Sequence[uuid.UUID] | None = None) -> int:
    """Write down what is owed, from the policy's first day to two weeks ahead; a second run adds nothing.

    Returns the number of new obligations.
    """
    today = work.now.astimezone(work.zone).date()
    in_force = policy_in_force(work, today)
    if in_force is None:
        return 0
    last = today + AHEAD
    owed: list[dict[str, Any]] = []
    for outlet_id, loaded in load_subjects(work, outlet_ids).items():
        owed += _missing(work, outlet_id, loaded, in_force, last)
    if not owed:
        return 0
    created = set(_insert(work, owed))
    fresh = [row for row in owed if row["id"] in created]
    announce(work, "obligations", [(row["id"], row["cell_id"]) for row in fresh])
    if created:
        # A visit may have come before what it meets was written down.
        work.wrote("obligation", {row["subject_id"] for row in fresh})
        record_event(work, "obligations.materialised", [], count=len(created), until=last.isoformat())
    return len(created)


def _missing(
    work: Work, outlet_id: uuid.UUID, loaded: Loaded, in_force: InForce, last: date
) -> list[dict[str, Any]]:
    """The rows of what an outlet owes and what is not written down yet."""
    have = {(row.tier, row.key) for row in loaded.owed.values()}
    periods = rules.owed_periods(
        loaded.active_from,
        loaded.changes,
        in_force.tiers,
        in_force.policy.effective_from,
        last,
        loaded.scopes,
    )
    today = work.now.astimezone(work.zone).date()
    rows: list[dict[str, Any]] = []
    for period in periods:
        # A policy is not owed for a period that had begun before it was in force.
        if (period.tier.value, period.key) in have or period.first_day < in_force.policy.effective_from:
            continue
        window = in_force.rulebook.window(period.tier, period.first_day, period.last_day)
        rows.append(
            {
                "id": new_id(work.now),
                "bureau_id": work.bureau_id,
                "subject_kind": "outlet",
                "subject_id": outlet_id,
                "rule": in_force.policy.code,
                "key": period.key,
                "tier": period.tier.value,
                "policy_tier_id": in_force.tiers[period.tier].id,
                "first_day": period.first_day,
                "last_day": period.last_day,
                "grace_last_day": window.grace_last_day,
                "provisional": window.provisional,
                "cell_id": rules.cell_on(loaded.placements, min(window.grace_last_day, today), work.now),
                "attempt_count": 0,
                "edit_id": new_edit_id(),
            }
        )
    return rows


def _insert(work: Work, rows: list[dict[str, Any]]) -> list[uuid.UUID]:
    """Insert in bulk; what another run wrote meanwhile stays as it is."""
    created: list[uuid.UUID] = []
    for start in range(0, len(rows), 2000):
        statement = (
            upsert(Obligation)
            .on_conflict_do_nothing(index_elements=["subject_kind", "subject_id", "rule", "key"])
            .returning(Obligation.id)
        )
        created += work.session.scalars(statement, rows[start : start + 2000]).all()
    return created


def waive(work: Work, obligation_ids: Sequence[uuid.UUID], reason: str) -> int:
    """Excuse obligations with a reason (经批准免查). Waived is not done: it leaves the denominator, visibly.

    Raises:
        Problem: ``not_found`` out of scope; ``obligation_closed`` for one that was met already.
    """
    wanted = visible_to(work.actor).where(Obligation.id.in_(obligation_ids))
    hold_subjects(work, work.session.scalars(wanted.with_only_columns(Obligation.subject_id)).all())
    found = work.session.scalars(wanted.order_by(Obligation.id)).all()
    if len(found) != len(set(obligation_ids)):
        raise Problem("not_found")
    if any(obligation.met_by is not None for obligation in found):
        raise Problem("obligation_closed")
    waived = set(
        work.session.scalars(
            select(Waiver.obligation_id).where(
                Waiver.obligation_id.in_([one.id for one in found]), Waiver.revoked_at.is_(None)
            )
        )
    )
    fresh = [obligation for obligation in found if obligation.id not in waived]
    for obligation in fresh:
        work.session.add(
            Waiver(
                id=new_id(work.now),
                bureau_id=work.bureau_id,
                obligation_id=obligation.id,
                reason=reason,
                account_id=work.actor.account_id,
                known_at=work.now,
            )
        )
        obligation.edit_id = new_edit_id()
    work.session.flush()
    if fresh:
        announce(work, "obligations", [(one.id, one.cell_id) for one in fresh])
        record_event(work, "obligation.waived", [one.id for one in fresh], reason=reason)
        work.wrote("waiver", {one.subject_id for one in fresh})
    return len(fresh)


def note_facts(work: Work, visits: Sequence[dict[str, Any]], attempts: Sequence[dict[str, Any]]) -> None:
    """Append facts drawn from records, known from now on, and have what they meet settled before commit.

    ``visits`` have record_id, subject_kind, subject_id, tier, performed_at, valid and makes_up; ``attempts``
    record_id, subject_kind, subject_id and attempted_at.
    """
    own = {"bureau_id": work.bureau_id, "known_at": work.now}
    if visits:
        work.session.execute(_INSERT_VISITS, {"given_rows": as_rows([{**fact, **own} for fact in visits])})
        work.wrote("visit_fact", {fact["subject_id"] for fact in visits})
    if attempts:
        work.session.execute(insert(AttemptFact), [{**fact, **own} for fact in attempts])
        work.wrote("attempt_fact", {fact["subject_id"] for fact in attempts})
