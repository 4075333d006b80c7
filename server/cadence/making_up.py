"""Linking a late visit to the missed check that it makes up (逾期补查), after the fact, and undoing it.

The record stays as it was written: what is linked is a later version of its visit facts, known from now on, so reports as
of an earlier moment stay what they were.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import ObligationState, performed
from server.cadence import rules
from server.cadence.histories import Loaded, hold_subjects, load_histories
from server.cadence.models import Obligation, VisitFact
from server.cadence.ops import note_facts
from server.cadence.queries import visible_to
from server.cadence.timeline import load_timeline
from server.grids.granting import check_own
from server.kernel.events import record_event
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work


def link(work: Work, record_id: uuid.UUID, key: str, reason: str) -> uuid.UUID:
    """Have a visit that met nothing of its kind make up the missed check ``key`` of its subject; returns its id.

    Raises:
        Problem: ``not_found`` for a visit or a check out of scope; ``cell_lent``; ``obligation_not_missed``;
            ``visit_not_valid``; ``visit_used`` where it met or made up another already; ``visit_does_not_fit`` where the
            rules would not take it: made before grace ended, or with a checklist that does not meet it.
    """
    versions, owed, loaded = _found(work, record_id, key)
    check_own(work, Permission.CADENCE_MAKE_UP, [owed.cell_id])
    judged = rules.judge(loaded.history, load_timeline(work).rulebook, work.now)
    target = next(one for one in judged if one.obligation.id == owed.id)
    if target.state is not ObligationState.MISSED:
        raise Problem("obligation_not_missed")
    latest = _latest(versions)
    if not any(fact.valid for fact in latest):
        raise Problem("visit_not_valid")
    track = target.obligation.track
    if any(record_id in (one.met_by, one.made_up_by) for one in judged if one.obligation.track == track):
        raise Problem("visit_used")
    facts = [
        rules.Fact(record_id, performed(fact.tier), fact.performed_at, work.now, fact.valid, key)
        for fact in latest
    ]
    then = replace(loaded.history, facts=[*loaded.facts, *facts])
    after = rules.judge(then, load_timeline(work).rulebook, work.now)
    if next(one for one in after if one.obligation.id == owed.id).made_up_by != record_id:
        raise Problem("visit_does_not_fit")
    _note(work, latest, key)
    before = {fact.tier: fact.makes_up for fact in latest}
    record_event(
        work, "visit.linked", [record_id], obligation=str(owed.id), key=key, before=before, reason=reason
    )
    return owed.id


def unlink(work: Work, record_id: uuid.UUID, reason: str) -> None:
    """Undo a link: the visit names again what its record named, or nothing.

    Raises:
        Problem: ``not_found`` out of scope; ``cell_lent``; ``visit_not_linked`` where nothing was linked after the fact.
    """
    versions, seen, _ = _found(work, record_id, None)
    said = {fact.tier: fact.makes_up for fact in versions}
    latest = _latest(versions)
    linked = [fact for fact in latest if fact.makes_up != said[fact.tier]]
    if not linked:
        raise Problem("visit_not_linked")
    made_up = select(Obligation.cell_id).where(
        Obligation.subject_id == seen.subject_id, Obligation.key.in_({fact.makes_up for fact in linked})
    )
    check_own(work, Permission.CADENCE_MAKE_UP, work.session.scalars(made_up))
    for fact in linked:
        _note(work, [fact], said[fact.tier])
    before = {fact.tier: fact.makes_up for fact in linked}
    record_event(work, "visit.unlinked", [record_id], before=before, reason=reason)


def _found(
    work: Work, record_id: uuid.UUID, key: str | None
) -> tuple[Sequence[VisitFact], Obligation, Loaded]:
    """The versions of the visit's facts, the latest first, its subject's check and history; the subject is held."""
    by_record = select(VisitFact).where(
        VisitFact.record_id == record_id, VisitFact.bureau_id == work.bureau_id
    )
    subject_id = work.session.scalar(by_record.with_only_columns(VisitFact.subject_id).limit(1))
    if subject_id is None:
        raise Problem("not_found")
    hold_subjects(work, [subject_id])
    seen = visible_to(work.actor).where(Obligation.subject_id == subject_id)
    named = seen if key is None else seen.where(Obligation.key == key)
    owed = work.session.scalars(named.order_by(Obligation.id).limit(1)).first()
    if owed is None:
        raise Problem("not_found")
    versions = work.session.scalars(by_record.order_by(VisitFact.known_at.desc(), VisitFact.tier)).all()
    return versions, owed, load_histories(work, [subject_id])[subject_id]


def _latest(versions: Sequence[VisitFact]) -> list[VisitFact]:
    found: dict[str, VisitFact] = {}
    for fact in versions:
        found.setdefault(fact.tier, fact)
    return list(found.values())


def _note(work: Work, latest: Sequence[VisitFact], makes_up: str | None) -> None:
    same = ("record_id", "subject_kind", "subject_id", "tier", "performed_at", "valid")
    rows: list[dict[str, Any]] = [
        {**{name: getattr(fact, name) for name in same}, "makes_up": makes_up} for fact in latest
    ]
    note_facts(work, rows, [])
