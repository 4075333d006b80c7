"""Deciding what was left to a person: an edit that lost, and a row in quarantine."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import insert, update

from sync import feed
from sync.collection import Collection, Outcome, Reader, Row, Transaction
from sync.conflicts import ENVELOPE, Document, compare, same, weigh
from sync.documents import held
from sync.envelope import BadEnvelope, Malformed, Review, read_rows, readable_id
from sync.log import write_log
from sync.push import take
from sync.quarantine import DISMISSED, RETRIED, assumed_of, begin_from_masters
from sync.tables import push_log, push_settlement, quarantine


class Choice(StrEnum):
    """Whose word stands: the master's, that of the edit that lost, or a person's, field by field."""

    THEIRS = "theirs"
    OURS = "ours"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, and on what master: ``master_edit_id`` is the edit that he looked at (``None``: gone)."""

    choice: Choice
    fields: Mapping[str, Any]
    reason: str
    master_edit_id: uuid.UUID | None
    settled_by: uuid.UUID | None


class MasterMoved(Exception):
    """The master is another one than the person looked at; ``fields`` differ from the one that the edit lost against."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__("the master moved on")
        self.fields = list(fields)


class NotTaken(Exception):
    """The operation does not take the decision: ``fields`` cannot be changed so, ``review`` says what else is wrong."""

    def __init__(self, fields: Sequence[str], review: Review | None = None) -> None:
        super().__init__("the operation does not take it")
        self.fields = list(fields)
        self.review = review or []


class AlreadyResolved(Exception):
    """The kept row was stored, or put aside, before; or what the lost edit said is no longer kept."""


# ── an edit that lost ─────────────────────────────────────────────────────────────────────────────


def master_of(
    transaction: Transaction, reader: Reader, collection: Collection, line: Any
) -> dict[str, Any] | None:
    """The document of a lost edit as it stands now, or ``None`` where there is none.

    Of a collection that devices only read, the house tells the desk no more than what the edit lost against.
    """
    if collection.held is None:
        theirs: dict[str, Any] | None = line.theirs
        return theirs
    text = held(transaction, reader, collection, [line.document_id])[line.document_id]
    document: dict[str, Any] | None = orjson.loads(text) if text is not None else None
    return document


def settle(
    transaction: Transaction, reader: Reader, collection: Collection, line: Any, decision: Decision
) -> uuid.UUID | None:
    """Carry a decision out on the line of an edit that lost, and keep it; the edit that it made, if any.

    ``ours`` puts what the edit had changed from its base on the present master, so that what only others changed
    since stays; ``merged`` puts the given fields on it; ``theirs`` changes nothing. What is put on the master goes
    through the collection's own operation, as a new edit. A line may be settled again: each decision is kept, and
    the last one counts. The caller holds the line's row.

    Raises:
        AlreadyResolved: ``ours``, and what the edit said is no longer kept.
        MasterMoved: nothing was changed; look again.
        NotTaken: the operation refuses it; the caller rolls back.
    """
    now = master_of(transaction, reader, collection, line)
    wanted = _wanted(line, now, decision, collection.stamps)
    if not _looked_at(now, decision):
        raise MasterMoved(_moved(line, now, collection.stamps))
    edit_id = _put(transaction, reader, collection, line, now, wanted) if wanted else None
    transaction.session.execute(
        insert(push_settlement).values(
            id=uuid.uuid4(),
            bureau_id=reader.bureau_id,
            at=transaction.now,
            push_seq=line.seq,
            settled_by=decision.settled_by,
            choice=decision.choice,
            fields=wanted,
            reason=decision.reason,
            edit_id=edit_id,
        )
    )
    transaction.session.execute(
        update(push_log).where(push_log.c.seq == line.seq).values(resolved_at=transaction.now)
    )
    return edit_id


def _wanted(line: Any, now: Document | None, decision: Decision, stamps: frozenset[str]) -> dict[str, Any]:
    """The values that the decision puts on the present master, those left out that it has already."""
    ours: Document = line.state or {}
    if decision.choice is Choice.THEIRS:
        return {}
    if decision.choice is Choice.OURS:
        if line.state is None:
            raise AlreadyResolved
        differing = compare(line.base, ours, now, stamps)
        wanted = {one.name: one.ours for one in differing if one.changed_by != "theirs"}
        # Whoever edits a document says that it is there, although that is no change from where he began.
        return wanted | ({"_deleted": False} if _is_gone(now) and not _is_gone(ours) else {})
    known = {*ours, *(now or {}), *(line.base or {})} - ENVELOPE - stamps
    if unknown := [name for name in decision.fields if name not in known]:
        raise NotTaken(unknown)
    return {
        name: value
        for name, value in decision.fields.items()
        if now is None or not same(now.get(name), value)
    }


def _looked_at(now: Document | None, decision: Decision) -> bool:
    """Whether the master is still the one that the person looked at when he decided."""
    return _edit_of(now) == decision.master_edit_id


def _edit_of(document: Document | None) -> uuid.UUID | None:
    return readable_id(document.get("edit_id")) if document is not None else None


def _moved(line: Any, now: Document | None, stamps: frozenset[str]) -> list[str]:
    before = line.theirs
    if before is None or now is None:
        return ["_deleted"] if before is not now else []
    return [one.name for one in compare(None, before, now, stamps)]


def _put(
    transaction: Transaction,
    reader: Reader,
    collection: Collection,
    line: Any,
    now: Document | None,
    wanted: Mapping[str, Any],
) -> uuid.UUID:
    edit_id = uuid.uuid4()
    start = {**line.state} if now is None else {k: v for k, v in now.items() if k not in collection.stamps}
    row = Row(
        id=line.document_id,
        edit_id=edit_id,
        assumed_edit_id=_edit_of(now),
        document={**start, **wanted, "id": str(line.document_id), "edit_id": str(edit_id)},
        ordinal=0,
        assumed=dict(now) if now is not None else None,
    )
    ((_, result),) = take(transaction, reader, collection, [row])
    after = master_of(transaction, reader, collection, line)
    if result.outcome is Outcome.QUARANTINED:
        raise NotTaken([], result.review)
    if result.outcome not in (Outcome.ACCEPTED, Outcome.APPLIED):
        if _edit_of(after) != _edit_of(now):
            raise MasterMoved(_moved(line, after, collection.stamps))
        raise NotTaken(sorted(wanted))
    # The operation passes over what may not be edited; a decision that was carried out in part would not be one.
    passed_over = [name for name, value in wanted.items() if not _stands(after, name, value)]
    if passed_over:
        raise NotTaken(sorted(passed_over))
    return edit_id


def _stands(after: Document | None, name: str, value: Any) -> bool:
    if name == "_deleted":
        return _is_gone(after) is bool(value)
    return after is None or same(after.get(name), value)


def _is_gone(document: Document | None) -> bool:
    return document is None or bool(document.get("_deleted"))


# ── a row in quarantine ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a kept row that was tried again; ``review`` where it still cannot be taken."""

    outcome: Outcome
    document_id: uuid.UUID | None
    review: Review = field(default_factory=list)


def retry(
    transaction: Transaction,
    reader: Reader,
    collection: Collection,
    kept: Any,
    *,
    corrected: Mapping[str, Any] | None,
    reason: str,
    resolved_by: uuid.UUID | None,
) -> Tried:
    """Try a kept row again, as ``reader``, who sent it: as it was sent, or as somebody put it right.

    A corrected document gets a new edit, so that no device takes it for the one that it sent. Where the row is taken
    now, even as an edit that lost, it is resolved, and the sender's own feed is touched: his device holds the row as
    quarantine had answered it. Its bytes stay as they are. The caller holds the row.

    Raises:
        AlreadyResolved: when it was stored by an earlier retry.
    """
    if kept.resolution == RETRIED:
        raise AlreadyResolved
    rows, malformed = _again(kept, corrected)
    if malformed:
        return Tried(Outcome.QUARANTINED, kept.document_id, malformed[0].review)
    begin_from_masters(transaction, reader, collection, rows)
    results, lost = weigh(transaction, reader, collection, take(transaction, reader, collection, rows))
    ((row, result),) = results
    if result.outcome is Outcome.QUARANTINED:
        return Tried(result.outcome, row.id, result.review)
    write_log(transaction, reader, collection, results, lost, [], tried=kept.id)
    _resolve(transaction, kept, RETRIED, reason, resolved_by)
    feed.touch(transaction.session, reader.bureau_id, collection.name, [(reader.own_principal, row.id)])
    return Tried(result.outcome, row.id)


def _again(kept: Any, corrected: Mapping[str, Any] | None) -> tuple[list[Row], list[Malformed]]:
    raw = bytes(kept.raw)
    if corrected is not None:
        document = {"_deleted": False, **corrected, "edit_id": str(uuid.uuid4())}
        row = {"newDocumentState": document}
        if (assumed := assumed_of(raw)) is not None:
            row["assumedMasterState"] = assumed
        raw = json.dumps(row).encode()
    try:
        return read_rows(b"[" + raw + b"]")
    except BadEnvelope:
        return [], [Malformed(0, raw, None, None, None, [{"code": "row_malformed", "path": ""}])]


def dismiss(transaction: Transaction, kept: Any, *, reason: str, resolved_by: uuid.UUID | None) -> None:
    """Put a kept row aside. Its bytes stay, and it may still be tried again.

    Raises:
        AlreadyResolved: when it was stored or put aside before.
    """
    if kept.resolution is not None:
        raise AlreadyResolved
    _resolve(transaction, kept, DISMISSED, reason, resolved_by)


def _resolve(
    transaction: Transaction, kept: Any, resolution: str, reason: str, resolved_by: uuid.UUID | None
) -> None:
    transaction.session.execute(
        update(quarantine)
        .where(quarantine.c.id == kept.id)
        .values(resolved_at=transaction.now, resolved_by=resolved_by, resolution=resolution, reason=reason)
    )
