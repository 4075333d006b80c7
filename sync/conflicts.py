"""Edits that lost: their three sides, field by field, and which of them somebody has to decide."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ARRAY, and_, cast, column, func, select
from sqlalchemy.dialects.postgresql import UUID

from sync.collection import Collection, Outcome, Reader, Result, Row, Transaction
from sync.documents import held
from sync.envelope import readable_id, storable
from sync.tables import push_log

# Members of every document that tell one edit from another, and say nothing of what it is about.
ENVELOPE = frozenset({"id", "edit_id", "review"})

Document = Mapping[str, Any]


class Clash(StrEnum):
    """How two edits of one document differ in a field."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class Field:
    """A field in which the sides differ. ``changed_by`` is ``ours``, ``theirs`` or ``both``."""

    name: str
    clash: Clash
    changed_by: str
    base: Any
    ours: Any
    theirs: Any


def compare(
    base: Document | None, ours: Document, theirs: Document | None, stamps: frozenset[str] = frozenset()
) -> list[Field]:
    """The fields in which an edit that lost (``ours``) and the master (``theirs``) went apart, by name.

    Hard: both changed the field, to other values. Soft: only one side changed it. What both changed to the same
    value is no difference. A member that is absent says the same as null. Without ``base`` each side made the
    document by itself, so every difference is hard. A master that is gone (``None``) is the base, deleted.
    """
    gone = {**(base or ours), "_deleted": True}
    there = gone if theirs is None else theirs
    names = sorted({*(base or ()), *ours, *there} - ENVELOPE - stamps)
    fields: list[Field] = []
    for name in names:
        mine, other = _value(ours, name), _value(there, name)
        if same(mine, other):
            continue
        start = _value(base or {}, name)
        by_us = base is None or not same(mine, start)
        by_them = base is None or not same(other, start)
        fields.append(
            Field(
                name,
                Clash.HARD if by_us and by_them else Clash.SOFT,
                "both" if by_us and by_them else "ours" if by_us else "theirs",
                start,
                mine,
                other,
            )
        )
    return fields


def _value(document: Document, name: str) -> Any:
    value = document.get(name)
    # Whoever leaves it out means that the document is there.
    return bool(value) if name == "_deleted" else value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same: 1 is 1.0 and not true, and the order of members means nothing."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@dataclass(frozen=True, slots=True)
class Lost:
    """What the log keeps of an edit that lost."""

    row: Row
    base: Document | None
    theirs: Document | None
    contested: bool

    def columns(self) -> dict[str, Any]:
        """The line's columns of its own."""
        their_edit_id = readable_id(self.theirs.get("edit_id")) if self.theirs else None
        return {
            "state": self.row.document,
            "base": self.base,
            "theirs": self.theirs,
            "their_edit_id": their_edit_id,
            "contested": self.contested,
        }


def weigh(
    transaction: Transaction, reader: Reader, collection: Collection, results: Sequence[tuple[Row, Result]]
) -> tuple[list[tuple[Row, Result]], dict[int, Lost]]:
    """Look at the rows that lost: the results put right, and by ordinal what the log keeps of each.

    An edit that the log knows as taken is no loss: it came again after somebody built on it, and is a replay. An
    edit that says nothing else than the master, or that lost before with the same words, is kept and is nobody's
    case.
    """
    losers = [row for row, result in results if result.outcome is Outcome.CONFLICT]
    if not losers:
        return list(results), {}
    masters = held(transaction, reader, collection, list(dict.fromkeys(row.id for row in losers)))
    taken, told = _earlier(transaction, reader, collection, losers)
    lost: dict[int, Lost] = {}
    weighed: list[tuple[Row, Result]] = []
    for row, result in results:
        if result.outcome is not Outcome.CONFLICT:
            weighed.append((row, result))
            continue
        if (row.id, row.edit_id) in taken:
            weighed.append((row, Result(Outcome.REPLAYED)))
            continue
        master = masters.get(row.id)
        theirs = orjson.loads(master) if master is not None else None
        before = told.setdefault((row.id, row.edit_id), [])
        is_news = _says_else(row.document, theirs, collection.stamps) and not any(
            same(row.document, state) for state in before
        )
        before.append(row.document)
        lost[row.ordinal] = Lost(row, storable(row.assumed) if row.assumed else None, theirs, is_news)
        weighed.append((row, result))
    return weighed, lost


def _says_else(ours: Document, theirs: Document | None, stamps: frozenset[str]) -> bool:
    """Whether anything would be lost with this edit; a delete of what is gone says nothing new."""
    if theirs is None:
        return not ours.get("_deleted")
    return bool(compare(None, ours, theirs, stamps))


Key = tuple[uuid.UUID, uuid.UUID]


def _earlier(
    transaction: Transaction, reader: Reader, collection: Collection, rows: Sequence[Row]
) -> tuple[set[Key], dict[Key, list[Any]]]:
    """Of these edits: which were taken before, and the states under which they lost before."""
    wanted = (
        func.unnest(
            cast([row.id for row in rows], ARRAY(UUID(as_uuid=True))),
            cast([row.edit_id for row in rows], ARRAY(UUID(as_uuid=True))),
        )
        .table_valued(
            column("document_id", UUID(as_uuid=True)), column("edit_id", UUID(as_uuid=True)), name="wanted"
        )
        .render_derived()
    )
    lines = transaction.session.execute(
        select(push_log.c.document_id, push_log.c.edit_id, push_log.c.outcome, push_log.c.state)
        .join(
            wanted,
            and_(
                wanted.c.document_id == push_log.c.document_id,
                wanted.c.edit_id == push_log.c.edit_id,
            ),
        )
        .where(push_log.c.bureau_id == reader.bureau_id, push_log.c.collection == collection.name)
    )
    taken: set[Key] = set()
    told: dict[Key, list[Any]] = {}
    for document_id, edit_id, outcome, state in lines:
        if outcome in (Outcome.ACCEPTED, Outcome.APPLIED):
            taken.add((document_id, edit_id))
        elif outcome == Outcome.CONFLICT and state is not None:
            told.setdefault((document_id, edit_id), []).append(state)
    return taken, told
