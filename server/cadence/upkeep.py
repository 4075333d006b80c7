"""What is kept of cadence: which record met what. The rules decide; this writes down what changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Date, Text, cast, column, func, or_, select, union, update

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence import rules
from server.cadence.histories import (
    Loaded,
    Owed,
    hold_subjects,
    load_ends,
    load_histories,
    load_subjects,
)
from server.cadence.matching import waived_by
from server.cadence.models import AttemptFact, Obligation, VisitFact
from server.cadence.roll_ups import carry_out_day, keep
from server.cadence.tally import PENDING, Outcome, outcome_of
from server.cadence.timeline import forget_timeline, load_timeline
from server.grids.ops import announce, hold_cells
from server.kernel.bulk import among, as_rows, recordset
from server.kernel.db import table_of
from server.kernel.ids import new_edit_id
from server.kernel.work import Work

_WINDOW = recordset(
    "window",
    [
        column("tier", Text),
        column("key", Text),
        column("waived", Boolean),
        column("provisional", Boolean),
        column("grace_last_day", Date),
    ],
)

# Subjects whose whole histories are held in memory at once.
BATCH = 500

# A push that took longer would have been given up by its device long before.
SLOWEST_REQUEST = timedelta(days=1)

# An obligation, what the rules say of it, its attempts, and whether nobody need come.
Settled = tuple[Owed, rules.Judgement, int, bool]


def settle_subjects(work: Work, subject_ids: Sequence[uuid.UUID]) -> None:
    """Match all the subjects' facts again and write ``met_by``, ``met_at``, attempts and cell where they moved."""
    hold_subjects(work, subject_ids)
    for start in range(0, len(subject_ids), BATCH):
        resettle(work, subject_ids[start : start + BATCH])


def resettle(work: Work, subject_ids: Sequence[uuid.UUID], *, write: bool = True) -> int:
    """Like ``settle_subjects``; returns how many obligations were kept otherwise, or would be without ``write``."""
    rulebook = load_timeline(work).rulebook
    if write:
        hold_subjects(work, subject_ids)
    changes: list[Settled] = []
    for loaded in load_histories(work, subject_ids).values():
        changes += [change for change in _judged(work, loaded, rulebook) if _differs(*change)]
    if write:
        _write(work, changes)
    return len(changes)


def settle_ahead(work: Work, owed: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """Count new obligations, id → subject, that begin after today: nothing that was done can bear on them.

    The caller holds the subjects.
    """
    rulebook = load_timeline(work).rulebook
    changes: list[Settled] = []
    for loaded in load_subjects(work, sorted(set(owed.values())), among(Obligation.id, list(owed))).values():
        changes += _judged(work, loaded, rulebook)
    _write(work, changes)


def settle_visits(work: Work, subject_ids: Sequence[uuid.UUID]) -> None:
    """Settle visits that became known just now: what was met before the first of them cannot move.

    Where a record is judged again, its visit may have moved: then the first of all that was known of it counts, for
    what it met before is met no more. A visit that names a missed obligation may reach far back, and what something
    triggered hangs together with other triggers: such a subject is settled whole.
    """
    rulebook = load_timeline(work).rulebook
    hold_subjects(work, subject_ids)
    known_now = (
        select(VisitFact.record_id)
        .where(among(VisitFact.subject_id, subject_ids), VisitFact.known_at == work.now)
        .scalar_subquery()
    )
    news = work.session.execute(
        select(
            VisitFact.subject_id,
            func.min(VisitFact.performed_at),
            or_(func.count(VisitFact.makes_up) > 0, _something_triggered(work)),
        )
        .where(among(VisitFact.subject_id, subject_ids), VisitFact.record_id.in_(known_now))
        .group_by(VisitFact.subject_id)
    ).all()
    whole = [subject_id for subject_id, _, wholly in news if wholly]
    since: datetime | None = min((at for _, at, wholly in news if not wholly), default=None)
    if whole:
        settle_subjects(work, whole)
    if since is None:
        return
    changes: list[Settled] = []
    rest = [subject_id for subject_id, _, wholly in news if not wholly]
    ends = load_ends(work, rest, since, rulebook)
    for loaded in ends.values():
        changes += [
            (owed, found, owed.attempt_count, waived)
            for owed, found, _, waived in _judged(work, loaded, rulebook)
            if _differs(owed, found, owed.attempt_count, waived)
        ]
    _write(work, changes)


def _something_triggered(work: Work) -> ColumnElement[bool]:
    """Whether the subject of the visits owes what something triggered, and the first of them may still bear on it."""
    first_day = cast(func.timezone(work.zone.key, func.min(VisitFact.performed_at)), Date)
    return (
        select(Obligation.id)
        .where(
            Obligation.subject_id == VisitFact.subject_id,
            Obligation.trigger_id.is_not(None),
            Obligation.grace_last_day >= first_day,
        )
        .exists()
    )


def settle_dated_ahead(work: Work, since: datetime | None = None) -> int:
    """Settle the subjects of facts that a fast clock dated ahead of their arrival, once their time has come.

    When such a fact arrives it has not happened yet, so it meets nothing, and nothing is written when its time comes.
    With ``since`` only those whose time came after it. Returns how many subjects were looked at: few, for clocks are
    corrected by their measured offset.
    """
    visits = select(VisitFact.subject_id).where(
        VisitFact.bureau_id == work.bureau_id,
        VisitFact.performed_at > VisitFact.known_at,
        VisitFact.performed_at <= work.now,
    )
    attempts = select(AttemptFact.subject_id).where(
        AttemptFact.bureau_id == work.bureau_id,
        AttemptFact.attempted_at > AttemptFact.known_at,
        AttemptFact.attempted_at <= work.now,
    )
    if since is not None:
        visits = visits.where(VisitFact.performed_at > since)
        attempts = attempts.where(AttemptFact.attempted_at > since)
    subjects = sorted(work.session.scalars(union(visits, attempts)))
    if subjects:
        settle_subjects(work, subjects)
    return len(subjects)


def bring_up_to_date(work: Work) -> int:
    """Before the roll-ups are read: what only the passing of time changes. It nearly always costs two look-ups.

    Returns how many subjects were settled.
    """
    before = carry_out_day(work)
    return settle_dated_ahead(work, before - SLOWEST_REQUEST if before else None)


def follow_workdays(work: Work, _documents: Sequence[uuid.UUID]) -> None:
    """The holidays of a year became known: grace, and whether a period is waived by rule, as the days have it now."""
    forget_timeline(work)
    rulebook = load_timeline(work).rulebook
    own = table_of(Obligation).c
    of_tiers = (own.bureau_id == work.bureau_id, own.tier.is_not(None))
    windows = [
        {"tier": tier, "key": key, "waived": window.waived_by_rule, "provisional": window.provisional,
         "grace_last_day": window.grace_last_day}
        for tier, key, first_day, last_day in work.session.execute(
            select(own.tier, own.key, own.first_day, own.last_day).where(*of_tiers).distinct()
        )
        for window in [rulebook.window(CadenceTier(tier), first_day, last_day)]
    ]  # fmt: skip
    new, given = _WINDOW.c, {"window_rows": as_rows(windows)}
    other_days = or_(own.grace_last_day != new.grace_last_day, own.provisional != new.provisional)
    # By rule or by a leader: the rules tell which, so whoever may be let off by either is looked at.
    other_waiver = new.waived != (own.outcome == Outcome.WAIVED.value)
    moved = select(own.id, own.subject_id, own.cell_id, other_days.label("days")).where(
        *of_tiers, own.tier == new.tier, own.key == new.key, or_(other_days, other_waiver)
    )
    rows = work.session.execute(moved, given).all()
    hold_subjects(work, sorted({row.subject_id for row in rows}))
    hold_cells(work.session, sorted({row.cell_id for row in rows if row.cell_id}))
    told = [(row.id, row.cell_id) for row in rows if row.days]
    work.session.execute(
        update(table_of(Obligation))
        .where(among(own.id, [document for document, _ in told]), own.tier == new.tier, own.key == new.key)
        .values(
            grace_last_day=new.grace_last_day, provisional=new.provisional, edit_id=func.gen_random_uuid()
        ),
        given,
    )
    announce(work, "obligations", told)
    work.wrote("obligation", {row.subject_id for row in rows})


def _judged(work: Work, loaded: Loaded, rulebook: rules.Rulebook) -> Iterable[Settled]:
    waivers = waived_by(loaded.waivers, work.now)
    for judgement in rules.judge(loaded.history, rulebook, work.now, loaded.last_met):
        owed = loaded.owed[judgement.obligation.id]
        if not loaded.placements:
            # Where such a subject lay is not told by facts: what is closed stays where it was settled last.
            closed = judgement.state not in {*PENDING, ObligationState.UPCOMING}
            judgement = replace(judgement, cell_id=owed.cell_id if closed else loaded.cell_id)
        waived = owed.id in waivers
        if judgement.obligation.tier is not None:
            window = rulebook.window(judgement.obligation.tier, owed.first_day, owed.last_day)
            waived = waived or window.waived_by_rule
        yield owed, judgement, len(judgement.attempts), waived


def _documented(judgement: rules.Judgement, attempts: int) -> tuple[Any, ...]:
    """What devices hold of what became of an obligation."""
    return (
        judgement.met_by or judgement.made_up_by,
        judgement.performed_at,
        attempts,
        judgement.cell_id,
    )


def _counted(judgement: rules.Judgement, waived: bool) -> tuple[Outcome, int | None]:
    return outcome_of(judgement, waived=waived), judgement.days_late or None


def _held(owed: Owed) -> tuple[Any, ...]:
    return owed.met_by, owed.met_at, owed.attempt_count, owed.cell_id


def _differs(owed: Owed, judgement: rules.Judgement, attempts: int, waived: bool) -> bool:
    """Whether what is kept of an obligation is not what the rules say of it."""
    counted = (owed.outcome, owed.days_late)
    return _documented(judgement, attempts) != _held(owed) or _counted(judgement, waived) != counted


def _write(work: Work, changes: Iterable[Settled]) -> None:
    """Write what moved, count the differences, and tell the cells' squads what their devices hold otherwise."""
    moved: list[dict[str, Any]] = []
    told: list[tuple[uuid.UUID, uuid.UUID | None]] = []
    cells: set[uuid.UUID] = set()
    for owed, judgement, attempts, waived in changes:
        document = _documented(judgement, attempts)
        new = document != _held(owed)
        outcome, days_late = _counted(judgement, waived)
        met_by, met_at, _, cell_id = document
        moved.append(
            {
                "id": owed.id,
                "met_by": met_by,
                "met_at": met_at,
                "attempt_count": attempts,
                "cell_id": cell_id,
                "outcome": outcome,
                "days_late": days_late,
                "edit_id": new_edit_id() if new else None,
                "placed": owed.outcome is None or owed.cell_id != cell_id,
                "day": owed.last_day,
            }
        )
        cells.update(cell for cell in (owed.cell_id, cell_id) if cell)
        if new:
            told += [(owed.id, owed.cell_id), (owed.id, cell_id)]
    if moved:
        keep(work, moved, cells)
        announce(work, "obligations", told)
