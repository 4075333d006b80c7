"""Editing rectifications from the field: applied where the device knew the present state, else a conflict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from server.cadence.ops import note_findings
from server.grids.ops import announce
from server.grids.queries import cells_in_scope
from server.kernel.events import record_event
from server.kernel.ids import parse_id
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records.consequences import follow_orders
from server.records.models import Rectification
from sync.collection import Outcome, Reader, Result, Row

STATUSES = ("open", "done", "withdrawn")


def edit_rectifications(work: Work, _reader: Reader, rows: Sequence[Row]) -> list[Result]:
    """Apply edits by ``edit_id``. Officers change ``status``, ``done_on``, ``proof_record_id`` and ``note`` only.

    What lies out of scope, and what is not known, is a conflict: the losing edit stays in the push log.
    """
    wanted = [row.id for row in rows]
    found = {
        order.id: order
        for order in work.session.scalars(
            select(Rectification)
            .where(
                Rectification.id.in_(wanted),
                Rectification.bureau_id == work.bureau_id,
                Rectification.cell_id.in_(cells_in_scope(work.actor, Permission.SYNC_SETTLE)),
            )
            .order_by(Rectification.id)
            .with_for_update()
        )
    }
    results: list[Result] = []
    changed: list[Rectification] = []
    for row in rows:
        order = found.get(row.id)
        if order is None:
            results.append(Result(Outcome.CONFLICT))
        elif order.edit_id == row.edit_id:
            results.append(Result(Outcome.REPLAYED))
        elif _began_elsewhere(order, row) or row.document.get("_deleted"):
            results.append(Result(Outcome.CONFLICT))
        elif review := _review(row.document):
            results.append(Result(Outcome.QUARANTINED, review))
        else:
            _apply(order, row)
            changed.append(order)
            results.append(Result(Outcome.APPLIED))
    if changed:
        tell_edited(work, changed)
    return results


def tell_edited(work: Work, changed: Sequence[Rectification]) -> None:
    """After an edit, in the field or at the desk: what is open for cadence, the re-check, the trail, the handhelds."""
    work.session.flush()
    # A day that an officer gives may lie before the order's own; what is known now holds from today.
    note_findings(
        work,
        [
            {
                "finding_id": order.id,
                "subject_kind": order.subject_kind,
                "subject_id": order.subject_id,
                "from_day": work.now.astimezone(work.zone).date(),
                "is_open": order.status == "open",
            }
            for order in changed
        ],
    )
    follow_orders(work, changed)
    record_event(work, "rectification.edited", [order.id for order in changed])
    announce(work, "rectifications", [(order.id, order.cell_id) for order in changed])


def _began_elsewhere(order: Rectification, row: Row) -> bool:
    """Whether the edit began from another state than the present one."""
    return order.edit_id != row.assumed_edit_id


def _review(document: dict[str, Any]) -> list[dict[str, str]]:
    """What keeps an edit from being applied, as codes and JSON pointers."""
    review: list[dict[str, str]] = []
    if document.get("status") not in STATUSES:
        review.append({"code": "status_unknown", "path": "/status"})
    done_on = document.get("done_on")
    if done_on is not None and _day(done_on) is None:
        review.append({"code": "date_malformed", "path": "/done_on"})
    if document.get("status") == "done" and done_on is None:
        review.append({"code": "done_on_missing", "path": "/done_on"})
    proof = document.get("proof_record_id")
    if proof is not None and parse_id(proof) is None:
        review.append({"code": "id_malformed", "path": "/proof_record_id"})
    note = document.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > 4000):
        review.append({"code": "note_malformed", "path": "/note"})
    return review


def _apply(order: Rectification, row: Row) -> None:
    document = row.document
    order.edit_id = row.edit_id
    order.status = document["status"]
    order.done_on = _day(document.get("done_on"))
    order.proof_record_id = parse_id(document.get("proof_record_id"))
    order.note = document.get("note")


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None
