"""Opening, settling and trying again. To look at what a device sent is an access to people's data, and is recorded."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from server.desk import queries
from server.kernel.events import record_event
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.replication import COLLECTIONS, desk_reader, field_reader
from sync.collection import Collection, Retry
from sync.conflicts import compare
from sync.settling import (
    AlreadyResolved,
    Decision,
    MasterMoved,
    NotTaken,
    dismiss,
    master_of,
    retry,
    settle,
)
from sync.tables import push_log, quarantine

NOT_EDITABLE = "这一项不能由裁定改动。This cannot be changed by a settlement."
MOVED_ON = "该项在此期间已改动。This was changed meanwhile."


def open_conflict(work: Work, conflict_id: int) -> dict[str, Any]:
    """A lost edit with its three sides, the document as it stands now, and the fields in which they differ.

    Raises:
        Problem: ``not_found``.
    """
    told, line = _line(work, conflict_id)
    record_event(work, "sync.conflict_opened", [line.document_id], conflict=conflict_id)
    return _whole(work, told, line)


def settle_conflict(work: Work, conflict_id: int, decision: Decision) -> dict[str, Any]:
    """Carry a leader's decision out on a lost edit, through the collection's own operation.

    Raises:
        Problem: ``not_found``; ``conflict`` where the document is another one than he looked at; ``invalid`` where the
            operation does not take it; ``already_resolved`` where what the edit said is no longer kept.
    """
    _, line = _line(work, conflict_id, hold=True)
    try:
        with _told_when_resolved():
            edit_id = settle(work, desk_reader(work), _collection(line), line, decision)
    except MasterMoved as moved:
        errors = [{"path": f"/now/{name}", "code": "moved_on", "detail": MOVED_ON} for name in moved.fields]
        raise Problem("conflict", errors=errors) from moved
    except NotTaken as refused:
        raise Problem("invalid", errors=_faults(refused)) from refused
    record_event(
        work,
        "sync.settled",
        [line.document_id],
        conflict=conflict_id,
        choice=decision.choice,
        reason=decision.reason,
        edit_id=str(edit_id) if edit_id else None,
    )
    told, line = _line(work, conflict_id)
    return _whole(work, told, line)


def _faults(refused: NotTaken) -> list[dict[str, str]]:
    fields = [
        {"path": f"/fields/{name}", "code": "not_editable", "detail": NOT_EDITABLE} for name in refused.fields
    ]
    return fields + _under("/fields", refused.review)


def _under(path: str, review: list[dict[str, str]]) -> list[dict[str, str]]:
    """Review codes as faults of a request; the codes' sentences stand in docs/errors.md."""
    return [
        {"path": path + one["path"], "code": one["code"], "detail": one.get("detail") or one["code"]}
        for one in review
    ]


def _line(work: Work, conflict_id: int, *, hold: bool = False) -> tuple[Any, Any]:
    """The conflict as it is listed, and its line in the log, if the actor may see it."""
    if not 0 < conflict_id < 2**63:
        raise Problem("not_found")
    told = work.session.execute(queries.conflicts(work).where(push_log.c.seq == conflict_id)).one_or_none()
    if told is None:
        raise Problem("not_found")
    line = select(push_log).where(push_log.c.seq == conflict_id)
    return told, work.session.execute(line.with_for_update() if hold else line).one()


def _whole(work: Work, told: Any, line: Any) -> dict[str, Any]:
    collection = _collection(line)
    now = master_of(work, desk_reader(work), collection, line)
    fields = compare(line.base, line.state, line.theirs, collection.stamps) if line.state is not None else []
    return {
        **told._mapping,
        "base": line.base,
        "ours": line.state,
        "theirs": line.theirs,
        "now": now,
        "master_edit_id": now.get("edit_id") if now else None,
        "differing": [
            {
                "name": one.name,
                "clash": one.clash,
                "changed_by": one.changed_by,
                "base": one.base,
                "ours": one.ours,
                "theirs": one.theirs,
                "now": (now or {}).get(one.name),
            }
            for one in fields
        ],
        "settlements": queries.settlements(work, line.seq),
    }


def _collection(row: Any) -> Collection:
    return COLLECTIONS[row.collection]


# ── rows in quarantine ────────────────────────────────────────────────────────────────────────────


def open_kept_row(work: Work, kept_id: uuid.UUID) -> dict[str, Any]:
    """A row in quarantine with its bytes as they came, and as text where they are text.

    Raises:
        Problem: ``not_found``.
    """
    told, kept = _kept(work, kept_id)
    record_event(work, "sync.quarantine_opened", _subjects(kept), quarantine=str(kept_id))
    raw = bytes(kept.raw)
    return {
        **told._mapping,
        "raw": base64.b64encode(raw).decode(),
        "text": _text(raw),
        "reason": kept.reason,
    }


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def retry_kept_row(
    work: Work, kept_id: uuid.UUID, corrected: dict[str, Any] | None, reason: str
) -> dict[str, Any]:
    """Try a kept row again as the one who sent it: as it was sent, or as the desk put it right.

    Raises:
        Problem: ``not_found``; ``already_resolved``; ``invalid`` where the row put right has another id.
    """
    _, kept = _kept(work, kept_id, hold=True)
    if (
        corrected is not None
        and kept.document_id is not None
        and corrected.get("id") != str(kept.document_id)
    ):
        detail = "更正后的文档编号须与原文档相同。The corrected document has to keep its id."
        raise invalid("/document/id", "id_differs", detail)
    as_sender = replace(work, actor=queries.sender(work, kept))
    reader = replace(
        field_reader(as_sender, kept.reader_id),
        retry=Retry(received_at=kept.at, corrected=corrected is not None),
    )
    with _told_when_resolved():
        tried = retry(
            as_sender,
            reader,
            _collection(kept),
            kept,
            corrected=corrected,
            reason=reason,
            resolved_by=work.actor.account_id,
        )
    record_event(
        work,
        "sync.quarantine_retried",
        [tried.document_id] if tried.document_id else [],
        quarantine=str(kept_id),
        outcome=tried.outcome,
        corrected=corrected is not None,
        reason=reason,
    )
    return {"outcome": tried.outcome, "document_id": tried.document_id, "review": tried.review}


def dismiss_kept_row(work: Work, kept_id: uuid.UUID, reason: str) -> dict[str, Any]:
    """Put a kept row aside, with a reason. It stays, and may be tried again.

    Raises:
        Problem: ``not_found``; ``already_resolved``.
    """
    _, kept = _kept(work, kept_id, hold=True)
    with _told_when_resolved():
        dismiss(work, kept, reason=reason, resolved_by=work.actor.account_id)
    record_event(work, "sync.quarantine_dismissed", _subjects(kept), quarantine=str(kept_id), reason=reason)
    told, _ = _kept(work, kept_id)
    return dict(told._mapping)


def _kept(work: Work, kept_id: uuid.UUID, *, hold: bool = False) -> tuple[Any, Any]:
    """The row as it is listed, and with its bytes, if the actor may see it."""
    told = work.session.execute(queries.kept_rows(work).where(quarantine.c.id == kept_id)).one_or_none()
    if told is None:
        raise Problem("not_found")
    row = select(quarantine).where(quarantine.c.id == kept_id)
    return told, work.session.execute(row.with_for_update() if hold else row).one()


def _subjects(kept: Any) -> list[uuid.UUID]:
    return [kept.document_id] if kept.document_id is not None else []


@contextmanager
def _told_when_resolved() -> Iterator[None]:
    try:
        yield
    except AlreadyResolved as resolved:
        raise Problem("already_resolved") from resolved
