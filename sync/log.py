"""The push log: one line a row, for ever."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Boolean, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.dialects.postgresql import JSON, UUID

from sync.collection import Collection, Outcome, Reader, Result, Row, Transaction
from sync.conflicts import Lost
from sync.envelope import TOLD
from sync.quarantine import Kept
from sync.tables import push_log

_UUID = UUID(as_uuid=True)
_LINE: dict[str, Any] = {
    "document_id": _UUID,
    "edit_id": _UUID,
    "assumed_edit_id": _UUID,
    "outcome": Text,
    "base": JSON,
    "state": JSON,
    "theirs": JSON,
    "their_edit_id": _UUID,
    "contested": Boolean,
    "quarantine_id": _UUID,
}
_GIVEN = (
    func.json_to_recordset(cast(bindparam("lines", type_=Text), JSON))
    .table_valued(*(column(name, kind) for name, kind in _LINE.items()), name="line")
    .render_derived(with_types=True)
)
_INSERT = insert(push_log).from_select(
    ["bureau_id", "at", "collection", "reader_id", "device_id", *_LINE],
    select(
        bindparam("bureau_id", type_=_UUID),
        bindparam("at", type_=push_log.c.at.type),
        bindparam("collection", type_=Text),
        bindparam("reader_id", type_=_UUID),
        bindparam("device_id", type_=_UUID),
        *(func.coalesce(given, False) if given.name == "contested" else given for given in _GIVEN.c),
    ),
)


def write_log(
    transaction: Transaction,
    reader: Reader,
    collection: Collection,
    results: Sequence[tuple[Row, Result]],
    lost: dict[int, Lost],
    kept: Sequence[Kept],
    *,
    tried: uuid.UUID | None = None,
) -> None:
    """One line a row, by one statement; the state is kept only of an edit that lost, its three sides together.

    ``tried`` names the kept row that the rows were read from, where they did not come from a device now.
    """
    lines = [
        {
            "document_id": row.id,
            "edit_id": None if row.edit_id == TOLD else row.edit_id,
            "assumed_edit_id": row.assumed_edit_id,
            "outcome": result.outcome,
            "quarantine_id": tried,
            **(lost[row.ordinal].columns() if row.ordinal in lost else {}),
        }
        for row, result in results
        if result.outcome is not Outcome.QUARANTINED
    ]
    lines += [
        {
            "document_id": one.row.id,
            "edit_id": one.row.edit_id,
            "outcome": Outcome.QUARANTINED,
            "quarantine_id": one.quarantine_id,
        }
        for one in kept
    ]
    if not lines:
        return
    transaction.session.execute(
        _INSERT,
        {
            "bureau_id": reader.bureau_id,
            "at": transaction.now,
            "collection": collection.name,
            "reader_id": reader.reader_id,
            "device_id": reader.device_id,
            "lines": _text(lines),
        },
    )


def _text(lines: list[dict[str, Any]]) -> str:
    try:
        return orjson.dumps(lines).decode()
    except orjson.JSONEncodeError:
        # A number beyond 64 bits in a state that is kept.
        return json.dumps(lines, default=str)
