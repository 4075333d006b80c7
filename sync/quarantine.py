"""Rows that cannot be taken: kept byte for byte, once, and answered so that the device can show them and go on."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from sync.collection import Collection, Outcome, Reader, Result, Row, Transaction
from sync.conflicts import ENVELOPE, same
from sync.envelope import Malformed, pushed_value, readable_id, slices_of
from sync.tables import quarantine

RETRIED, DISMISSED = "retried", "dismissed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row in quarantine: where it is kept, and under which edit the device is told of it.

    ``is_news`` is false where the device only sent back what it had been answered.
    """

    row: Malformed
    quarantine_id: uuid.UUID
    edit_id: uuid.UUID
    resolution: str | None
    is_news: bool

    def answer(self) -> dict[str, Any] | None:
        """The row as it was sent, with what is wrong and the edit of the quarantine, so that the device goes on.

        ``None`` where the device could not find it (its id is no UUID), holds it already, or gets the master.
        """
        if self.row.id is None or self.row.state is None or not self.is_news or self.resolution == RETRIED:
            return None
        return {**self.row.state, "_deleted": False, "edit_id": str(self.edit_id), "review": self.row.review}


def begin_from_masters(
    transaction: Transaction, reader: Reader, collection: Collection, rows: Sequence[Row]
) -> None:
    """Put right what rows began from, where that is our answer to a row in quarantine.

    The device takes such an answer for the master, which it never was: what it then puts right began where the row
    began that was kept. Without this, putting right an edit would always be a conflict.
    """
    pending = [row for row in rows if _is_our_answer(row.assumed)]
    while pending:
        asked = {(row.id, row.assumed_edit_id) for row in pending}
        found = {
            (document_id, edit_id): assumed_of(bytes(raw))
            for document_id, edit_id, raw in transaction.session.execute(
                select(quarantine.c.document_id, quarantine.c.edit_id, quarantine.c.raw).where(
                    quarantine.c.bureau_id == reader.bureau_id,
                    quarantine.c.collection == collection.name,
                    tuple_(quarantine.c.document_id, quarantine.c.edit_id).in_(list(asked)),
                )
            )
        }
        known = [row for row in pending if (row.id, row.assumed_edit_id) in found]
        for row in known:
            row.assumed = found[row.id, row.assumed_edit_id]
            row.assumed_edit_id = readable_id(row.assumed.get("edit_id")) if row.assumed else None
        pending = [row for row in known if _is_our_answer(row.assumed)]


def _is_our_answer(assumed: dict[str, Any] | None) -> bool:
    return assumed is not None and "review" in assumed


def assumed_of(raw: bytes) -> dict[str, Any] | None:
    """The state that a kept row says it began from."""
    value = pushed_value(raw)
    assumed = value.get("assumedMasterState") if isinstance(value, dict) else None
    return assumed if isinstance(assumed, dict) else None


def malformed_by(body: bytes, results: Sequence[tuple[Row, Result]]) -> list[Malformed]:
    """The well-formed rows that the operation or the database would not take, with their bytes as sent."""
    refused = [(row, result) for row, result in results if result.outcome is Outcome.QUARANTINED]
    slices = slices_of(body) if refused else []
    return [
        Malformed(row.ordinal, slices[row.ordinal], row.id, row.edit_id, row.document, result.review)
        for row, result in refused
    ]


def keep_rows(
    transaction: Transaction, reader: Reader, collection: Collection, rows: Sequence[Malformed]
) -> list[Kept]:
    """Keep each row once, however often it is sent; where and as what it is kept, in their order."""
    if not rows:
        return []
    returned = _returned(transaction, reader, collection, rows)
    digests = {row.ordinal: hashlib.sha256(row.raw).digest() for row in rows}
    fresh = {digests[row.ordinal]: row for row in rows if row.ordinal not in returned}
    kept = _insert(transaction, reader, collection, fresh)
    return [
        returned[row.ordinal] if row.ordinal in returned else Kept(row, *kept[digests[row.ordinal]], True)
        for row in rows
    ]


def _insert(
    transaction: Transaction, reader: Reader, collection: Collection, fresh: dict[bytes, Malformed]
) -> dict[bytes, tuple[uuid.UUID, uuid.UUID, str | None]]:
    if not fresh:
        return {}
    statement = upsert(quarantine)
    # The same bytes sent again are the same row: the device gets the answer it got before.
    found = transaction.session.execute(
        statement.on_conflict_do_update(
            constraint="uq_quarantine_row", set_={"collection": statement.excluded.collection}
        ).returning(quarantine.c.sha256, quarantine.c.id, quarantine.c.edit_id, quarantine.c.resolution),
        [
            {
                "id": uuid.uuid4(),
                "bureau_id": reader.bureau_id,
                "at": transaction.now,
                "collection": collection.name,
                "document_id": row.id,
                "edit_id": uuid.uuid4(),
                "reader_id": reader.reader_id,
                "device_id": reader.device_id,
                "sha256": digest,
                "raw": row.raw,
                "review": row.review,
            }
            # In one order, so that two requests that bring the same rows wait and do not deadlock.
            for digest, row in sorted(fresh.items())
        ],
    )
    return {bytes(digest): (kept, edit, resolution) for digest, kept, edit, resolution in found}


def _returned(
    transaction: Transaction, reader: Reader, collection: Collection, rows: Sequence[Malformed]
) -> dict[int, Kept]:
    """The rows that are our own answers come back unchanged, as a device sends them that was told to send again.

    Kept anew, each would be answered under another edit, and would come back once more.
    """
    asked = {(row.id, row.edit_id): row for row in rows if row.id is not None and row.edit_id is not None}
    if not asked:
        return {}
    found = transaction.session.execute(
        select(
            quarantine.c.document_id,
            quarantine.c.edit_id,
            quarantine.c.id,
            quarantine.c.raw,
            quarantine.c.resolution,
        ).where(
            quarantine.c.bureau_id == reader.bureau_id,
            quarantine.c.collection == collection.name,
            tuple_(quarantine.c.document_id, quarantine.c.edit_id).in_(list(asked)),
        )
    )
    returned: dict[int, Kept] = {}
    for document_id, edit_id, quarantine_id, raw, resolution in found:
        row = asked[(document_id, edit_id)]
        if _says_the_same(row, bytes(raw)):
            returned[row.ordinal] = Kept(row, quarantine_id, edit_id, resolution, False)
    return returned


def _says_the_same(row: Malformed, raw: bytes) -> bool:
    value = pushed_value(raw)
    before = value.get("newDocumentState") if isinstance(value, dict) else None
    if not isinstance(before, dict) or row.state is None:
        return False
    told = ENVELOPE | {"_deleted"}
    return same(
        {name: inner for name, inner in before.items() if name not in told},
        {name: inner for name, inner in row.state.items() if name not in told},
    )
