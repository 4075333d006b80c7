"""Writing cadence: policies, what is owed, waivers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, DateTime, Text, column, false, insert, select, update
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import CadenceTier
from server.cadence import rules
from server.cadence.histories import Loaded, Owed, hold_subjects, load_subjects, load_triggered, subject_ids
from server.cadence.models import (
    AttemptFact,
    FindingFact,
    Obligation,
    PolicyTier,
    PopulationDraw,
    VisitFact,
    Waiver,
)
from server.cadence.owing import Members, draw_samples, load_members, owed, samples_in
from server.cadence.periods import Period
from server.cadence.queries import visible_to, waived
from server.cadence.timeline import Timeline, load_timeline
from server.cadence.upkeep import BATCH, settle_ahead, settle_subjects
from server.grids.granting import check_own
from server.grids.ops import announce, hold_cells
from server.kernel.bulk import as_rows, recordset
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work

# What opens within this many days is owed already, so that a handheld that goes offline takes it along.
AHEAD = timedelta(days=14)
RULE = "ecig_cadence"

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


def materialise(work: Work, outlet_ids: Sequence[uuid.UUID] | None = None) -> int:
    """Write down what is owed, from the policy's first day to two weeks ahead; a second run adds nothing.

    Samples are drawn when all outlets are looked at, for a draw is from all of them. Returns the number of new
    obligations.
    """
    timeline = load_timeline(work)
    if not timeline.editions:
        return 0
    last = work.now.astimezone(work.zone).date() + AHEAD
    if outlet_ids is None:
        if samples_in(timeline):
            everyone = load_subjects(work, None, false())
            members = load_members(work, everyone, timeline)
            _keep_draws(work, draw_samples(work, everyone, timeline, members, last))
        outlet_ids = subject_ids(work, None)
    # However many shops a bureau has, only so many of their obligations are in memory at once. Each batch holds its
    # subjects until commit, so that the order has to be one over all of them.
    in_order = sorted(outlet_ids)
    created = 0
    for start in range(0, len(in_order), BATCH):
        created += _materialise(work, in_order[start : start + BATCH], timeline, last)
    if created:
        record_event(work, "obligations.materialised", [], count=created, until=last.isoformat())
    return created


def _materialise(work: Work, outlet_ids: Sequence[uuid.UUID], timeline: Timeline, last: date) -> int:
    hold_subjects(work, outlet_ids)
    loaded = load_subjects(work, outlet_ids)
    members = load_members(work, loaded, timeline)
    rows: list[dict[str, Any]] = []
    voided: list[Owed] = []
    for outlet_id, one in loaded.items():
        owes = owed(outlet_id, one, timeline, members, last)
        rows += _missing(work, outlet_id, one, owes, timeline)
        # A policy about open findings owes only now what a policy about all had owed ahead.
        voided += [row for row in one.owed.values() if row.voided_at and (row.tier, row.key) in owes]
    _follow(work, voided, timeline, members)
    if not rows:
        return 0
    created = set(insert_obligations(work, rows))
    fresh = [row for row in rows if row["id"] in created]
    announce(work, "obligations", [(row["id"], row["cell_id"]) for row in fresh])
    # A visit may have come before what it meets was written down, but never before its day.
    today = work.now.astimezone(work.zone).date()
    begun = {row["subject_id"] for row in fresh if row["first_day"] <= today}
    work.wrote("obligation", begun)
    ahead = {row["id"]: row["subject_id"] for row in fresh if row["subject_id"] not in begun}
    if ahead:
        settle_ahead(work, ahead)
    return len(created)


def sync_subjects(work: Work, outlet_ids: Sequence[uuid.UUID]) -> None:
    """A licence, status or place that changed: owe what is new, and what is still open goes along to the new cell."""
    subjects = subject_ids(work, outlet_ids)
    if subjects:
        materialise(work, subjects)
    owing = {*subjects, *load_triggered(work, outlet_ids)}
    if owing:
        settle_subjects(work, sorted(owing))


def _keep_draws(work: Work, draws: Sequence[PopulationDraw]) -> None:
    work.session.add_all(draws)
    work.session.flush()
    for made in draws:
        record_event(
            work,
            "policy.sample_drawn",
            [made.policy_tier_id],
            key=made.key,
            seed=made.seed,
            pool=len(made.pool),
            drawn=len(made.drawn),
        )


def _missing(
    work: Work,
    outlet_id: uuid.UUID,
    one: Loaded,
    owes: dict[tuple[CadenceTier, str], tuple[PolicyTier, Period]],
    timeline: Timeline,
) -> list[dict[str, Any]]:
    """The rows of what an outlet owes and what is not written down yet."""
    have = {(row.of_tier, row.key) for row in one.owed.values()}
    today = work.now.astimezone(work.zone).date()
    rows: list[dict[str, Any]] = []
    for tier_key, (tier_row, period) in owes.items():
        if tier_key in have:
            continue
        window = timeline.rulebook.window(period.tier, period.first_day, period.last_day)
        rows.append(
            {
                "id": new_id(work.now),
                "bureau_id": work.bureau_id,
                "subject_kind": "outlet",
                "subject_id": outlet_id,
                "rule": RULE,
                "key": period.key,
                "tier": period.tier.value,
                "policy_tier_id": tier_row.id,
                "first_day": period.first_day,
                "last_day": period.last_day,
                "grace_last_day": window.grace_last_day,
                "provisional": window.provisional,
                "cell_id": rules.cell_on(one.placements, min(window.grace_last_day, today), work.now),
                "attempt_count": 0,
                "edit_id": new_edit_id(),
            }
        )
    return rows


def carry_out_policies(work: Work, first: date) -> int:
    """After a change of policy: what is written down and begins on ``first`` or later follows the policy that holds now.

    What the policy asks no more is void, what it asks again is not, and grace follows it; what it asks anew is
    written down. ``first`` must lie ahead, so that nothing that has begun is touched. Returns how many moved.
    """
    timeline = load_timeline(work)
    loaded = load_subjects(work, None, Obligation.first_day >= first)
    # Whoever settles a subject holds it first and then writes what it owes; in another order the two would deadlock.
    hold_subjects(work, sorted(loaded))
    members = load_members(work, loaded, timeline)
    last = max((row.first_day for one in loaded.values() for row in one.owed.values()), default=first)
    _keep_draws(work, draw_samples(work, loaded, timeline, members, last))
    moved = _follow(work, [row for one in loaded.values() for row in one.owed.values()], timeline, members)
    materialise(work)
    return moved


def _follow(work: Work, rows: Sequence[Owed], timeline: Timeline, members: Members) -> int:
    """Bring what is written down to what the policy has it be; returns how many rows moved."""
    moved: list[dict[str, Any]] = []
    followed: list[Owed] = []
    for row in rows:
        kept = (row.policy_tier_id, row.grace_last_day, row.provisional, row.voided_at)
        wanted = _wanted(work, row, timeline, members)
        if wanted != kept:
            names = ("policy_tier_id", "grace_last_day", "provisional", "voided_at")
            moved.append({"id": row.id, "edit_id": new_edit_id(), **dict(zip(names, wanted, strict=True))})
            followed.append(row)
    if moved:
        # Whoever hands a cell over holds it and then writes what lies in it.
        hold_cells(work.session, sorted({row.cell_id for row in followed if row.cell_id}))
        work.session.execute(update(Obligation), moved)
        announce(work, "obligations", [(row.id, row.cell_id) for row in followed])
        work.wrote("obligation", {row.subject_id for row in followed})
    return len(moved)


def _wanted(
    work: Work, row: Owed, timeline: Timeline, members: Members
) -> tuple[uuid.UUID | None, date, bool, datetime | None]:
    """Tier, grace, whether it is provisional, and since when it is void, as the policy has it now."""
    period = Period(row.of_tier, row.key, row.first_day, row.last_day)
    edition = timeline.on(period.first_day)
    tier_row = edition.tiers.get(period.tier) if edition else None
    if tier_row is None or not members.hold(row.subject_id, tier_row, period):
        return row.policy_tier_id, row.grace_last_day, row.provisional, row.voided_at or work.now
    window = timeline.rulebook.window(period.tier, period.first_day, period.last_day)
    return tier_row.id, window.grace_last_day, window.provisional, None


def insert_obligations(work: Work, rows: Sequence[dict[str, Any]]) -> list[uuid.UUID]:
    """Insert rows in bulk; what another run wrote meanwhile stays as it is. The ids that were new."""
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
        Problem: ``not_found`` out of scope; ``cell_lent``; ``obligation_closed`` for one that was met already.
    """
    wanted = visible_to(work.actor).where(Obligation.id.in_(obligation_ids))
    hold_subjects(work, work.session.scalars(wanted.with_only_columns(Obligation.subject_id)).all())
    found = work.session.scalars(wanted.order_by(Obligation.id)).all()
    if len(found) != len(set(obligation_ids)):
        raise Problem("not_found")
    check_own(work, Permission.CADENCE_WAIVE, (one.cell_id for one in found))
    if any(obligation.met_by is not None for obligation in found):
        raise Problem("obligation_closed")
    excused = set(work.session.scalars(wanted.with_only_columns(Obligation.id).where(waived())))
    fresh = [obligation for obligation in found if obligation.id not in excused]
    hold_cells(work.session, sorted({one.cell_id for one in fresh if one.cell_id}))
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
    record_id, subject_kind, subject_id and attempted_at. A visit may say of itself that it was ``known_at`` earlier.
    """
    own = {"bureau_id": work.bureau_id, "known_at": work.now}
    if visits:
        work.session.execute(_INSERT_VISITS, {"given_rows": as_rows([{**own, **fact} for fact in visits])})
        work.wrote("visit_fact", {fact["subject_id"] for fact in visits})
    if attempts:
        work.session.execute(insert(AttemptFact), [{**fact, **own} for fact in attempts])
        work.wrote("attempt_fact", {fact["subject_id"] for fact in attempts})


def note_findings(work: Work, findings: Sequence[dict[str, Any]]) -> None:
    """Append that findings are open from a day on, or are not any more.

    Each has finding_id, subject_kind, subject_id, from_day and is_open.
    """
    if findings:
        own = {"bureau_id": work.bureau_id, "known_at": work.now}
        work.session.execute(insert(FindingFact), [{**finding, **own} for finding in findings])
