"""Push: evidence is never refused. Every row gets an outcome of its own and a line in the log."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, Select, Text, bindparam, cast, column, func, insert, select, true
from sqlalchemy.dialects.postgresql import JSON, UUID
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DataError, IntegrityError

from sync.collection import Collection, Outcome, Reader, Result, Row, Transaction
from sync.envelope import Malformed, read_rows
from sync.tables import push_log, quarantine


def push(transaction: Transaction, reader: Reader, collection: Collection, body: bytes) -> str:
    """Take a push body; answer the JSON array of the states that the device must take over (``[]``: all is well).

    Raises:
        BadEnvelope: when the body is no JSON array; nothing was processed then.
    """
    rows, malformed = read_rows(body)
    results = _take(transaction, reader, collection, rows)
    quarantined = [
        _as_malformed(row, result) for row, result in results if result.outcome is Outcome.QUARANTINED
    ]
    _log(transaction, reader, collection, results)
    answers = _masters(transaction, reader, collection, results)
    answers += _keep_raw(transaction, reader, collection, [*malformed, *quarantined])
    return f"[{','.join(answers)}]"


def _take(
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
    transaction: Transaction, reader: Reader, collection: Collection, rows: list[Row]
) -> list[tuple[Row, Result]]:
    """Run the operation in a savepoint; on a data error one row at a time, and the row that fails is kept raw."""
    operation = collection.operation
    assert operation is not None
    try:
        with transaction.session.begin_nested():
            return list(zip(rows, operation(transaction, reader, rows), strict=True))
    except (DataError, IntegrityError) as error:
        if len(rows) == 1:
            return [
                (rows[0], Result(Outcome.QUARANTINED, [{"code": "not_storable", "path": _path_of(error)}]))
            ]
    return [pair for row in rows for pair in _operate(transaction, reader, collection, [row])]


def _path_of(error: DataError | IntegrityError) -> str:
    diagnostics = getattr(error.orig, "diag", None)
    column_name = getattr(diagnostics, "column_name", None)
    return f"/{column_name}" if column_name else ""


def _masters(
    transaction: Transaction, reader: Reader, collection: Collection, results: Sequence[tuple[Row, Result]]
) -> list[str]:
    """The states that this reader may see now of the conflicting ids; a tombstone where there is none.

    A replay is all well only where what the reader sees is still that edit; otherwise it is answered as well.
    """
    conflicting = {row.id for row, result in results if result.outcome is Outcome.CONFLICT}
    replayed = {row.id: row.edit_id for row, result in results if result.outcome is Outcome.REPLAYED}
    ids = [*dict.fromkeys(row.id for row, _ in results if row.id in conflicting or row.id in replayed)]
    if not ids:
        return []
    found = transaction.session.execute(masters_statement(collection), {"ids": ids, **reader.parameters})
    return [
        document or f'{{"id":"{document_id}","_deleted":true}}'
        for document_id, document in found
        if document_id in conflicting or not _is_edit(document, replayed[document_id])
    ]


def _is_edit(document: str | None, edit_id: uuid.UUID) -> bool:
    return document is not None and orjson.loads(document).get("edit_id") == str(edit_id)


def masters_statement(collection: Collection) -> Select[Any]:
    """The query of (id, document or null) for given ids, by the same visibility as pull."""
    wanted = (
        func.unnest(bindparam("ids", type_=ARRAY(UUID(as_uuid=True))))
        .table_valued(column("id", UUID(as_uuid=True)), name="wanted")
        .render_derived()
    )
    seen = collection.visible(wanted.c.id).correlate(wanted).lateral("seen")
    return select(wanted.c.id, seen.c.document).select_from(wanted.outerjoin(seen, true()))


def _log(
    transaction: Transaction, reader: Reader, collection: Collection, results: Sequence[tuple[Row, Result]]
) -> None:
    """One line a row; the state is kept only of an edit that lost."""
    if not results:
        return
    lines = [
        {
            "document_id": str(row.id),
            "edit_id": str(row.edit_id),
            "assumed_edit_id": str(row.assumed_edit_id) if row.assumed_edit_id else None,
            "outcome": result.outcome.value,
            "state": row.document if result.outcome is Outcome.CONFLICT else None,
        }
        for row, result in results
    ]
    given = func.json_to_recordset(cast(bindparam("lines", type_=Text), JSON)).table_valued(
        column("document_id", UUID(as_uuid=True)),
        column("edit_id", UUID(as_uuid=True)),
        column("assumed_edit_id", UUID(as_uuid=True)),
        column("outcome", Text),
        column("state", JSON),
        name="line",
    )
    transaction.session.execute(
        insert(push_log).from_select(
            [
                "bureau_id",
                "at",
                "collection",
                "reader_id",
                "device_id",
                "document_id",
                "edit_id",
                "assumed_edit_id",
                "outcome",
                "state",
            ],
            select(
                bindparam("bureau_id", reader.bureau_id, UUID(as_uuid=True)),
                bindparam("at", transaction.now, push_log.c.at.type),
                bindparam("collection", collection.name, Text),
                bindparam("reader_id", reader.reader_id, UUID(as_uuid=True)),
                bindparam("device_id", reader.device_id, UUID(as_uuid=True)),
                *given.render_derived(with_types=True).c,
            ),
        ),
        {"lines": json.dumps(lines)},
    )


def _as_malformed(row: Row, result: Result) -> Malformed:
    raw = json.dumps({"newDocumentState": row.document}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Malformed(row.ordinal, raw, row.id, row.document, result.review)


def _keep_raw(
    transaction: Transaction, reader: Reader, collection: Collection, rows: Sequence[Malformed]
) -> list[str]:
    """Keep each malformed row once; answer it as sent, with what is wrong and a new edit, so the device goes on.

    A row whose id is no UUID is kept as well, but cannot be answered: the device would not find it.
    """
    answers: list[str] = []
    for row in rows:
        statement = upsert(quarantine).values(
            id=uuid.uuid4(),
            bureau_id=reader.bureau_id,
            at=transaction.now,
            collection=collection.name,
            document_id=row.id,
            edit_id=uuid.uuid4(),
            reader_id=reader.reader_id,
            device_id=reader.device_id,
            sha256=hashlib.sha256(row.raw).digest(),
            raw=row.raw,
            review=row.review,
        )
        # The same bytes sent again are the same row: the device gets the answer it got before.
        kept = transaction.session.execute(
            statement.on_conflict_do_update(
                constraint="uq_quarantine_row", set_={"collection": statement.excluded.collection}
            ).returning(quarantine.c.edit_id)
        ).scalar_one()
        if row.id is not None and row.state is not None:
            answer = {**row.state, "_deleted": False, "edit_id": str(kept), "review": row.review}
            answers.append(json.dumps(answer))
    return answers
