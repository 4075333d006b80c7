"""Writing down what a trigger asks for, and taking it back."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, update

from schemas.vocabulary import DutyRule, SubjectKind
from server.cadence.duty_editions import load_duty_rules, terms_of
from server.cadence.duty_models import DutyRuleVersion, DutyWithdrawal
from server.cadence.duty_rules import DutyTerms, Span, season_weeks, span_after, span_of
from server.cadence.histories import hold_subjects
from server.cadence.models import Obligation
from server.cadence.ops import insert_obligations
from server.grids.ops import announce, hold_cells
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Work
from server.kernel.workdays import Workdays


@dataclass(frozen=True, slots=True)
class Call:
    """That a trigger asks for a duty at a subject: ``at`` is when it happened, ``days`` are its own where it says them.

    ``id`` is the trigger's: a record, an attempt, an order, or what an act was given.
    """

    rule: DutyRule
    id: uuid.UUID
    subject_kind: SubjectKind
    subject_id: uuid.UUID
    at: datetime
    cell_id: uuid.UUID | None
    days: tuple[date, date] | None = None


def open_duties(work: Work, calls: Sequence[Call]) -> list[uuid.UUID]:
    """Write down what the triggers ask for, by the versions that held on their days; the new obligations' ids.

    What stands already stays as it is, and a trigger whose rule the bureau did not have on its day asks for nothing.
    Where a trigger was withdrawn and came again, its checks are counted on.
    """
    if not calls:
        return []
    duty_rules = load_duty_rules(work)
    workdays = load_workdays(work.session, work.bureau_id)
    counted = _counted(work, [call.id for call in calls])
    rows: list[dict[str, Any]] = []
    for call in calls:
        version = duty_rules.on(call.rule, call.at.astimezone(work.zone).date())
        if version is None:
            continue
        live, used = counted.get((call.rule.value, call.subject_id, call.id), (0, 0))
        if live:
            continue
        spans = _spans(work, call, terms_of(version), workdays)
        rows += [_row(work, call, version, used + n, span) for n, span in enumerate(spans, start=1)]
    created = set(insert_obligations(work, rows)) if rows else set()
    fresh = [row for row in rows if row["id"] in created]
    if fresh:
        announce(work, "obligations", [(row["id"], row["cell_id"]) for row in fresh])
        # What meets it may have come before it was known to be owed.
        work.wrote("obligation", {row["subject_id"] for row in fresh})
        for rule in sorted({row["rule"] for row in fresh}):
            triggers = sorted({row["trigger_id"] for row in fresh if row["rule"] == rule})
            record_event(work, "duty.opened", triggers, rule=rule)
    return [row["id"] for row in fresh]


def withdraw_triggers(work: Work, trigger_ids: Collection[uuid.UUID], reason: str) -> int:
    """Take back what the triggers asked for, with a reason; it counts from now on. How many obligations were."""
    if not trigger_ids:
        return 0
    wanted = select(Obligation).where(
        Obligation.bureau_id == work.bureau_id,
        among(Obligation.trigger_id, sorted(trigger_ids)),
        Obligation.withdrawn_at.is_(None),
    )
    _hold(work, wanted)
    rows = work.session.execute(
        wanted.with_only_columns(
            Obligation.id, Obligation.cell_id, Obligation.subject_id, Obligation.trigger_id
        )
    ).all()
    if not rows:
        return 0
    work.session.execute(
        update(Obligation),
        [{"id": row.id, "withdrawn_at": work.now, "edit_id": new_edit_id()} for row in rows],
    )
    withdrawn = sorted({row.trigger_id for row in rows if row.trigger_id is not None})
    work.session.add_all(
        DutyWithdrawal(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            trigger_id=trigger_id,
            reason=reason,
            account_id=work.actor.account_id,
            known_at=work.now,
        )
        for trigger_id in withdrawn
    )
    work.session.flush()
    announce(work, "obligations", [(row.id, row.cell_id) for row in rows])
    work.wrote("obligation", {row.subject_id for row in rows})
    record_event(work, "duty.withdrawn", withdrawn, reason=reason)
    return len(rows)


def follow_causes(
    work: Work, rule: DutyRule, calls: Sequence[Call], considered: Iterable[uuid.UUID], reason: str
) -> None:
    """Bring what the ``considered`` triggers ask for to ``calls``: open what is missing, withdraw what no longer stands.

    A call whose trigger stands with another day is withdrawn and opened anew. The result does not depend on the order
    in which what is known arrived.
    """
    standing = dict(
        work.session.execute(
            select(Obligation.trigger_id, Obligation.triggered_at)
            .where(
                Obligation.bureau_id == work.bureau_id,
                Obligation.rule == rule.value,
                among(Obligation.trigger_id, sorted({*considered, *(call.id for call in calls)})),
                Obligation.withdrawn_at.is_(None),
            )
            .distinct()
        ).all()
    )
    wanted = {call.id: call.at for call in calls}
    stale = [trigger for trigger, at in standing.items() if trigger and wanted.get(trigger) != at]
    withdraw_triggers(work, stale, reason)
    open_duties(work, calls)


def _counted(
    work: Work, trigger_ids: Sequence[uuid.UUID]
) -> dict[tuple[str, uuid.UUID, uuid.UUID | None], tuple[int, int]]:
    """By rule, subject and trigger: how many checks stand, and how many were ever written down."""
    rows = work.session.execute(
        select(
            Obligation.rule,
            Obligation.subject_id,
            Obligation.trigger_id,
            func.count().filter(Obligation.withdrawn_at.is_(None)),
            func.count(),
        )
        .where(Obligation.bureau_id == work.bureau_id, among(Obligation.trigger_id, sorted(set(trigger_ids))))
        .group_by(Obligation.rule, Obligation.subject_id, Obligation.trigger_id)
    )
    return {(rule, subject_id, trigger_id): (live, all_) for rule, subject_id, trigger_id, live, all_ in rows}


def _spans(work: Work, call: Call, terms: DutyTerms, workdays: Workdays) -> list[Span]:
    if call.days is None:
        day = call.at.astimezone(work.zone).date()
        return [span_after(call.rule, terms, day, workdays)] * terms.checks
    if call.rule is DutyRule.HOUSEHOLD_VISIT:
        weeks = season_weeks(*call.days)
        return [span_of(terms, week.first_day, week.last_day, workdays) for week in weeks]
    return [span_of(terms, *call.days, workdays)] * terms.checks


def _row(work: Work, call: Call, version: DutyRuleVersion, number: int, span: Span) -> dict[str, Any]:
    return {
        "id": new_id(work.now),
        "bureau_id": work.bureau_id,
        "subject_kind": call.subject_kind.value,
        "subject_id": call.subject_id,
        "rule": call.rule.value,
        "key": f"{call.id}/{number}",
        "trigger_id": call.id,
        "triggered_at": call.at,
        "rule_version_id": version.id,
        "first_day": span.first_day,
        "last_day": span.last_day,
        "grace_last_day": span.window.grace_last_day,
        "due_from": span.window.due_from,
        "accepts": sorted(span.window.checklists),
        "min_gap_days": span.window.min_gap_days,
        "provisional": span.window.provisional,
        "cell_id": call.cell_id,
        "known_at": work.now,
        "attempt_count": 0,
        "edit_id": new_edit_id(),
    }


def move_with_workdays(work: Work, _documents: Sequence[uuid.UUID]) -> None:
    """A year of workdays that was loaded or changed: work out again what rested on a provisional year or is not over."""
    today = work.now.astimezone(work.zone).date()
    wanted = select(Obligation).where(
        Obligation.bureau_id == work.bureau_id,
        Obligation.trigger_id.is_not(None),
        or_(Obligation.provisional, Obligation.grace_last_day >= today),
        Obligation.withdrawn_at.is_(None),
    )
    _hold(work, wanted)
    workdays = load_workdays(work.session, work.bureau_id)
    versions = {one.id: one for one in load_duty_rules(work).versions}
    moved: list[dict[str, Any]] = []
    told: list[tuple[uuid.UUID, uuid.UUID | None]] = []
    subjects: set[uuid.UUID] = set()
    for row in work.session.scalars(wanted):
        if row.rule_version_id is None or row.triggered_at is None:
            continue
        terms, rule = terms_of(versions[row.rule_version_id]), DutyRule(row.rule)
        if rule.has_own_days:
            span = span_of(terms, row.first_day, row.last_day, workdays)
        else:
            span = span_after(rule, terms, row.triggered_at.astimezone(work.zone).date(), workdays)
        now = {
            "last_day": span.last_day,
            "grace_last_day": span.window.grace_last_day,
            "due_from": span.window.due_from,
            "provisional": span.window.provisional,
        }
        if any(getattr(row, name) != value for name, value in now.items()):
            moved.append({"id": row.id, "edit_id": new_edit_id(), **now})
            told.append((row.id, row.cell_id))
            subjects.add(row.subject_id)
    if moved:
        work.session.execute(update(Obligation), moved)
        announce(work, "obligations", told)
        work.wrote("obligation", subjects)


def _hold(work: Work, wanted: Select[Obligation]) -> None:
    """Hold whose obligations they are and where they lie, subjects before cells, as whoever settles them does."""
    rows = work.session.execute(
        wanted.with_only_columns(Obligation.subject_id, Obligation.cell_id).distinct()
    ).all()
    hold_subjects(work, sorted({subject_id for subject_id, _ in rows}))
    hold_cells(work.session, sorted({cell_id for _, cell_id in rows if cell_id}))
