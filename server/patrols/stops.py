"""Editing stops from the field: what the team says of a stop is applied where it knew the present state, else a conflict."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, true

from schemas.record import MAX_TEXT
from schemas.vocabulary import SkipReason, StopStatus
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import parse_id
from server.kernel.work import Work
from server.patrols.models import PatrolMember, PatrolPlan, PatrolStop, StopWord
from server.patrols.syncing import PUBLISHED, tell
from sync.collection import Outcome, Reader, Result, Row

MOST_STOPS = 10_000
"""The last place in its order that a team may give a stop."""
_SAID = (StopStatus.PLANNED, StopStatus.DONE, StopStatus.SKIPPED)
_WORDS = ("status", "skip_reason", "note", "record_id", "field_ordinal")

Review = list[dict[str, str]]


def edit_stops(work: Work, reader: Reader, rows: Sequence[Row]) -> list[Result]:
    """Apply edits by ``edit_id``. Officers change ``status``, ``skip_reason``, ``note``, ``record_id`` and
    ``field_ordinal``, the place in the order in which they take it; the rest is the plan's and is passed over.

    Only the team edits its stops. Anybody else's word on them, one on a stop or a plan that was withdrawn, and one that
    began from another state is a conflict: it stays in the push log and goes to the desk, where a leader may apply it.
    """
    held = _held(work, reader, [row.id for row in rows])
    results: list[Result] = []
    edited: list[PatrolStop] = []
    words: list[dict[str, Any]] = []
    for row in rows:
        stop = held.get(row.id)
        if stop is None:
            results.append(Result(Outcome.CONFLICT))
        elif stop.edit_id == row.edit_id:
            results.append(Result(Outcome.REPLAYED))
        elif not _may_follow(stop, row):
            results.append(Result(Outcome.CONFLICT))
        elif review := _review(row.document):
            results.append(Result(Outcome.QUARANTINED, review))
        else:
            # A client's touch, which says the same under a new edit, is nobody's word.
            if _apply(work, stop, row):
                words.append(_word(work, stop))
            edited.append(stop)
            results.append(Result(Outcome.APPLIED))
    if edited:
        work.session.flush()
        if words:
            work.session.execute(insert(table_of(StopWord)), words)
        record_event(work, "stop.edited", [stop.id for stop in edited])
        tell(work, stops={stop.id: stop.patrol_id for stop in edited})
    return results


def _held(work: Work, reader: Reader, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, PatrolStop]:
    """Those of the stops that this reader may edit: of published plans, of his own patrols, or any at the desk."""
    of_plans = select(PatrolStop.plan_id).where(
        among(PatrolStop.id, ids), PatrolStop.bureau_id == work.bureau_id
    )
    # The plans first, as whoever withdraws one takes it before its stops: what is withdrawn meanwhile is found so.
    plans = work.session.scalars(
        select(PatrolPlan.id)
        .where(PatrolPlan.id.in_(of_plans), PatrolPlan.state == PUBLISHED)
        .order_by(PatrolPlan.id)
        .with_for_update(read=True)
    ).all()
    on_team = select(PatrolMember.person_id).where(
        PatrolMember.patrol_id == PatrolStop.patrol_id, PatrolMember.person_id == work.actor.person_id
    )
    found = work.session.scalars(
        select(PatrolStop)
        .where(
            among(PatrolStop.id, ids),
            among(PatrolStop.plan_id, plans),
            true() if reader.is_desk else on_team.exists(),
        )
        .order_by(PatrolStop.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {stop.id: stop for stop in found}


def _may_follow(stop: PatrolStop, row: Row) -> bool:
    """Whether the edit began from the present state, of a stop that is still to be made, and does not delete it."""
    return (
        stop.edit_id == row.assumed_edit_id
        and stop.status != StopStatus.WITHDRAWN
        and not row.document.get("_deleted")
    )


def _review(document: dict[str, Any]) -> Review:
    """What keeps an edit from being applied, as codes and JSON pointers, with a sentence for the desk."""
    return [*_review_status(document), *_review_rest(document)]


def _review_status(document: dict[str, Any]) -> Review:
    status, reason = document.get("status"), document.get("skip_reason")
    if status not in _SAID:
        return [_fault("status_unknown", "/status", "状态不在目录内。There is no such status.")]
    if status != StopStatus.SKIPPED:
        if reason is None:
            return []
        detail = "没有跳过，不应填跳过原因。It was not skipped, so there is no reason for it."
        return [_fault("skip_reason_unasked", "/skip_reason", detail)]
    if reason is None:
        detail = "跳过须写明原因。A stop that is skipped needs a reason."
        return [_fault("skip_reason_missing", "/skip_reason", detail)]
    if reason not in list(SkipReason):
        detail = "跳过原因不在目录内。There is no such reason."
        return [_fault("skip_reason_unknown", "/skip_reason", detail)]
    note = document.get("note")
    if reason == SkipReason.OTHER and not (isinstance(note, str) and note.strip()):
        detail = "原因为“其他”时须写明情况。Another reason has to be told in the note."
        return [_fault("note_missing", "/note", detail)]
    return []


def _review_rest(document: dict[str, Any]) -> Review:
    review: Review = []
    note, record_id, ordinal = (document.get(name) for name in ("note", "record_id", "field_ordinal"))
    if note is not None and (not isinstance(note, str) or len(note) > MAX_TEXT):
        detail = "备注不是文字或过长。The note is no text, or too long."
        review.append(_fault("note_malformed", "/note", detail))
    if record_id is not None and parse_id(record_id) is None:
        review.append(_fault("id_malformed", "/record_id", "编号不是 UUID。The id is no UUID."))
    # True counts as 1 in Python, and is no place in an order.
    if not isinstance(ordinal, int) or isinstance(ordinal, bool) or not 1 <= ordinal <= MOST_STOPS:
        detail = f"顺序须为 1 至 {MOST_STOPS} 的整数。The place in the order is a whole number of at least 1."
        review.append(_fault("ordinal_malformed", "/field_ordinal", detail))
    return review


def _fault(code: str, path: str, detail: str) -> dict[str, str]:
    return {"code": code, "path": path, "detail": detail}


def _apply(work: Work, stop: PatrolStop, row: Row) -> bool:
    """Write an edit; whether it says something else than was said."""
    document = row.document
    before = _said(stop)
    stop.edit_id = row.edit_id
    stop.status = document["status"]
    stop.skip_reason = document.get("skip_reason")
    stop.note = document.get("note")
    stop.record_id = parse_id(document.get("record_id"))
    stop.field_ordinal = document["field_ordinal"]
    if _said(stop) == before:
        return False
    stop.told_at, stop.told_by = work.now, work.actor.person_id
    return True


def _said(stop: PatrolStop) -> dict[str, Any]:
    return {name: getattr(stop, name) for name in _WORDS}


def _word(work: Work, stop: PatrolStop) -> dict[str, Any]:
    return {
        "bureau_id": work.bureau_id,
        "stop_id": stop.id,
        "edit_id": stop.edit_id,
        "told_by": work.actor.person_id,
        "known_at": work.now,
        **_said(stop),
    }
