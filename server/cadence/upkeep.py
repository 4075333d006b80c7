"""What is kept of cadence: which record met what. The rules decide; this writes down what changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    cast,
    column,
    func,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import UUID

from server.cadence import rules
from server.cadence.histories import (
    Loaded,
    Owed,
    hold_subjects,
    load_ends,
    load_histories,
    load_subjects,
    load_triggered,
)
from server.cadence.models import AttemptFact, Obligation, VisitFact
from server.cadence.ops import materialise
from server.cadence.tally import PENDING
from server.cadence.timeline import load_timeline
from server.grids.ops import announce
from server.kernel.bulk import among, as_rows, recordset
from server.kernel.db import table_of
from server.kernel.ids import new_edit_id
from server.kernel.work import Work

_UUID = UUID(as_uuid=True)
_CHANGED = recordset(
    "changed",
    [
        column("id", _UUID),
        column("met_by", _UUID),
        column("met_at", DateTime(timezone=True)),
        column("attempt_count", Integer),
        column("cell_id", _UUID),
        column("edit_id", _UUID),
    ],
)
_OBLIGATION = table_of(Obligation)
_WRITE = (
    update(_OBLIGATION)
    .where(_OBLIGATION.c.id == _CHANGED.c.id)
    .values({name: _CHANGED.c[name] for name in ("met_by", "met_at", "attempt_count", "cell_id", "edit_id")})
)


def settle_subjects(work: Work, subject_ids: Sequence[uuid.UUID]) -> None:
    """Match all the subjects' facts again and write ``met_by``, ``met_at``, attempts and cell where they moved."""
    rulebook = load_timeline(work).rulebook
    hold_subjects(work, subject_ids)
    changes: list[tuple[Owed, rules.Judgement, int]] = []
    for loaded in load_histories(work, subject_ids).values():
        changes += [(owed, found, len(found.attempts)) for owed, found in _judged(work, loaded, rulebook)]
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
    changes: list[tuple[Owed, rules.Judgement, int]] = []
    rest = [subject_id for subject_id, _, wholly in news if not wholly]
    ends = load_ends(work, rest, since, rulebook)
    for loaded in ends.values():
        changes += [(owed, found, owed.attempt_count) for owed, found in _judged(work, loaded, rulebook)]
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


def settle_dated_ahead(work: Work) -> int:
    """Settle the subjects of facts that a fast clock dated ahead of their arrival, once their time has come.

    When such a fact arrives it has not happened yet, so it meets nothing, and nothing is written when its time comes.
    Returns how many subjects were looked at: few, for clocks are corrected by their measured offset.
    """
    ahead = union(
        select(VisitFact.subject_id).where(
            VisitFact.bureau_id == work.bureau_id,
            VisitFact.performed_at > VisitFact.known_at,
            VisitFact.performed_at <= work.now,
        ),
        select(AttemptFact.subject_id).where(
            AttemptFact.bureau_id == work.bureau_id,
            AttemptFact.attempted_at > AttemptFact.known_at,
            AttemptFact.attempted_at <= work.now,
        ),
    )
    subjects = sorted(work.session.scalars(ahead))
    if subjects:
        settle_subjects(work, subjects)
    return len(subjects)


def _judged(work: Work, loaded: Loaded, rulebook: rules.Rulebook) -> Iterable[tuple[Owed, rules.Judgement]]:
    for judgement in rules.judge(loaded.history, rulebook, work.now, loaded.last_met):
        owed = loaded.owed[judgement.obligation.id]
        if not loaded.placements:
            # Where such a subject lay is not told by facts: what is closed stays where it was settled last.
            closed = judgement.state not in PENDING
            judgement = replace(judgement, cell_id=owed.cell_id if closed else loaded.cell_id)
        yield owed, judgement


def _write(work: Work, changes: Iterable[tuple[Owed, rules.Judgement, int]]) -> None:
    """Write what moved, by one statement, and tell the cells' squads."""
    moved: list[dict[str, Any]] = []
    placed: list[tuple[uuid.UUID, uuid.UUID | None]] = []
    for owed, judgement, attempts in changes:
        met_by = judgement.met_by or judgement.made_up_by
        kept = (owed.met_by, owed.met_at, owed.attempt_count, owed.cell_id)
        if (met_by, judgement.performed_at, attempts, judgement.cell_id) == kept:
            continue
        moved.append(
            {
                "id": owed.id,
                "met_by": met_by,
                "met_at": judgement.performed_at,
                "attempt_count": attempts,
                "cell_id": judgement.cell_id,
                "edit_id": new_edit_id(),
            }
        )
        placed += [(owed.id, owed.cell_id), (owed.id, judgement.cell_id)]
    if moved:
        work.session.execute(_WRITE, {"changed_rows": as_rows(moved)})
        announce(work, "obligations", placed)


def sync_subjects(work: Work, outlet_ids: Sequence[uuid.UUID]) -> None:
    """A licence, status or place that changed: owe what is new, and what is still open goes along to the new cell."""
    subjects = list(load_subjects(work, outlet_ids))
    if subjects:
        materialise(work, subjects)
    owing = {*subjects, *load_triggered(work, outlet_ids)}
    if owing:
        settle_subjects(work, sorted(owing))
