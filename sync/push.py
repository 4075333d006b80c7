"""Push: evidence is never refused. Every row gets an outcome of its own and a line in the log."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

import orjson
from sqlalchemy.exc import DataError, IntegrityError

from sync.collection import Collection, Outcome, Reader, Result, Row, Transaction
from sync.conflicts import weigh
from sync.documents import seen_by
from sync.envelope import TOLD, read_rows
from sync.log import write_log
from sync.quarantine import RETRIED, Kept, begin_from_masters, keep_rows, malformed_by


def push(transaction: Transaction, reader: Reader, collection: Collection, body: bytes) -> str:
    """Take a push body; answer the JSON array of the states that the device must take over (``[]``: all is well).

    Raises:
        BadEnvelope: when the body is no JSON array; nothing was processed then.
    """
    rows, malformed = read_rows(body)
    told = [row for row in rows if row.edit_id == TOLD]
    rows = [row for row in rows if row.edit_id != TOLD]
    begin_from_masters(transaction, reader, collection, rows)
    results, lost = weigh(transaction, reader, collection, take(transaction, reader, collection, rows))
    # A tombstone of ours that comes back is nobody's edit: it is answered by what the reader sees now.
    results += [(row, Result(Outcome.REPLAYED)) for row in told]
    kept = keep_rows(transaction, reader, collection, [*malformed, *malformed_by(body, results)])
    write_log(transaction, reader, collection, results, lost, kept)
    answers = _masters(transaction, reader, collection, results, kept)
    answers += [json.dumps(answer) for one in kept if (answer := one.answer()) is not None]
    return f"[{','.join(answers)}]"


def take(
    transaction: Transaction, reader: Reader, collection: Collection, rows: Sequence[Row]
) -> list[tuple[Row, Result]]:
    """All ids in bulk first, then whatever repeats an id of this same batch, in the order it was sent."""
    if collection.operation is None:
        return [(row, Result(Outcome.CONFLICT)) for row in rows]
    results: list[tuple[Row, Result]] = []
    pending = list(rows)
    while pending:
        first: dict[uuid.UUID, Row] = {}
        repeated: list[Row] = []
        for row in pending:
            if row.id in first:
                repeated.append(row)
            else:
                first[row.id] = row
        results += _operate(transaction, reader, collection, list(first.values()))
        pending = repeated
    return results


def _operate(
    transaction: Transaction, reader: Reader, collection: Collection, rows: list[Row], *, again: bool = False
) -> list[tuple[Row, Result]]:
    """Run the operation in a savepoint; on a data error in halves, and the row that fails by itself is kept raw.

    Halving finds one bad row among n in about 2 log n savepoints, and the good ones go in bulk again. A row that
    breaks a constraint is tried once more, for another transaction may have stored the same row meanwhile.
    """
    operation = collection.operation
    assert operation is not None
    try:
        with transaction.session.begin_nested():
            return list(zip(rows, operation(transaction, reader, rows), strict=True))
    except (DataError, IntegrityError) as error:
        if len(rows) == 1 and (again or isinstance(error, DataError)):
            return [
                (rows[0], Result(Outcome.QUARANTINED, [{"code": "not_storable", "path": _path_of(error)}]))
            ]
    return [
        pair
        for part in _halves(rows)
        for pair in _operate(transaction, reader, collection, part, again=len(rows) == 1)
    ]


def _halves(rows: list[Row]) -> list[list[Row]]:
    """The rows in two parts, a single one by itself."""
    middle = len(rows) // 2
    return [part for part in (rows[:middle], rows[middle:]) if part]


def _path_of(error: DataError | IntegrityError) -> str:
    diagnostics = getattr(error.orig, "diag", None)
    column_name = getattr(diagnostics, "column_name", None)
    return f"/{column_name}" if column_name else ""


def _masters(
    transaction: Transaction,
    reader: Reader,
    collection: Collection,
    results: Sequence[tuple[Row, Result]],
    kept: Sequence[Kept],
) -> list[str]:
    """The states that this reader may see now of the conflicting ids; a tombstone where there is none.

    A kept row that was stored from the desk meanwhile is answered by what was stored.
    """
    if not _may_be_told(reader):
        return []
    conflicting = {row.id for row, result in results if result.outcome is Outcome.CONFLICT}
    conflicting |= {one.row.id for one in kept if one.resolution == RETRIED and one.row.id is not None}
    replayed = {row.id: row.edit_id for row, result in results if result.outcome is Outcome.REPLAYED}
    asked = [*(row.id for row, _ in results), *conflicting]
    ids = [*dict.fromkeys(one for one in asked if one in conflicting or one in replayed)]
    found = seen_by(transaction, reader, collection, ids)
    return [
        document or f'{{"id":"{document_id}","_deleted":true}}'
        for document_id, document in found.items()
        if document_id in conflicting or not _still_stands(document, replayed[document_id])
    ]


def _may_be_told(reader: Reader) -> bool:
    """A device that was taken back lands its rows and is told nothing of what became of the documents since."""
    return reader.may_pull


def _still_stands(document: str | None, edit_id: uuid.UUID) -> bool:
    """A replay is all well only where what the reader sees now is still that edit."""
    return document is not None and orjson.loads(document).get("edit_id") == str(edit_id)
