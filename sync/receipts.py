"""Receipts: the server's signed word on what it has of a device's rows and files, to be verified without the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ARRAY, Select, Text, and_, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import UUID, distinct_on

from sync.collection import Outcome, Reader, Transaction
from sync.envelope import is_canonical, read_array
from sync.keys import KeyRing
from sync.signed import BadSignature, read_signed, sign
from sync.tables import push_log, quarantine

TYPE = "xunge-receipt+jwt"
MAX_IDS = 1000

# By id of a document: the sha256 of its files that are there and were verified, and of those that are not there.
Files = Mapping[uuid.UUID, tuple[Sequence[str], Sequence[str]]]
FilesOf = Callable[[Any, Sequence[uuid.UUID]], Files]
SafeBefore = Callable[[Any], datetime | None]

_STATES = {
    Outcome.ACCEPTED: "stored",
    Outcome.APPLIED: "stored",
    Outcome.REPLAYED: "stored",
    Outcome.CONFLICT: "lost_edit",
}


class BadReceipt(ValueError):
    """The text is no receipt that one of the keys signed."""


def no_files(_transaction: Any, _ids: Sequence[uuid.UUID]) -> Files:
    """The hook of a house whose documents have no files."""
    return {}


def nothing_backed_up(_transaction: Any) -> datetime | None:
    """The hook of a house that knows of no backup."""
    return None


@dataclass(frozen=True, slots=True)
class Receipts:
    """What the engine needs to give receipts.

    ``files_of(transaction, ids)`` tells of each document the sha256 of the files received and verified, and of those
    declared and not there. ``safe_before(transaction)`` is the instant before which everything received is inside a
    completed backup.
    """

    keys: KeyRing
    files_of: FilesOf = no_files
    safe_before: SafeBefore = nothing_backed_up


def receipt(transaction: Transaction, reader: Reader, receipts: Receipts, body: bytes) -> str:
    """The receipt for the ids of a body, ``[id, …]``: a compact JWS (RFC 7515, EdDSA over Ed25519).

    It speaks of ids of which the server has something that this reader pushed, committed before this transaction
    began to read; other ids, and what is no UUID, are not on it.

    Raises:
        BadEnvelope: when the body is no array, or longer than ``MAX_IDS``.
        sync.keys.KeysUnusable: when there is no key to sign with.
    """
    key = receipts.keys.signing()
    ids = _ids(body)
    claims = {
        "iss": str(reader.bureau_id),
        "sub": str(reader.reader_id),
        "device": str(reader.device_id) if reader.device_id else None,
        "iat": int(transaction.now.timestamp()),
        "backup_before": receipts.safe_before(transaction),
        "rows": _rows(transaction, reader, receipts.files_of, ids),
    }
    return sign(orjson.dumps(claims), TYPE, key)


def verify_receipt(text: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a receipt, with nothing but the public JWK set.

    Raises:
        BadReceipt: when none of the keys signed it, or it is something else.
    """
    try:
        claims: dict[str, Any] = orjson.loads(read_signed(text, TYPE, keys))
    except BadSignature as error:
        raise BadReceipt(str(error)) from error
    return claims


def _ids(body: bytes) -> list[uuid.UUID]:
    given = read_array(body, "ids", MAX_IDS)
    return [uuid.UUID(one) for one in dict.fromkeys(filter(is_canonical, given))]


def _rows(
    transaction: Transaction, reader: Reader, files_of: FilesOf, ids: Sequence[uuid.UUID]
) -> list[dict[str, Any]]:
    """A row for each document that this reader pushed: the newest of his edits that the server keeps."""
    newest: dict[tuple[uuid.UUID, str], tuple[datetime, dict[str, Any]]] = {}
    for statement in (_in_quarantine(reader, ids), _in_log(reader, ids)):
        for document_id, collection, edit_id, outcome, received_at, at in transaction.session.execute(
            statement
        ):
            before = newest.get((document_id, collection))
            if before is None or before[0] <= at:
                row = {
                    "id": document_id,
                    "collection": collection,
                    "edit_id": edit_id,
                    "state": _STATES.get(outcome, "quarantined"),
                    "received_at": received_at,
                }
                newest[document_id, collection] = (at, row)
    files = files_of(transaction, [document_id for document_id, _ in newest]) if newest else {}
    return [
        row | dict(zip(("files", "missing_files"), map(sorted, files.get(row["id"], ((), ()))), strict=True))
        for _, row in newest.values()
    ]


def _in_log(reader: Reader, ids: Sequence[uuid.UUID]) -> Select[Any]:
    """The last edit of each document that was taken from this reader, and when it first came."""
    again = push_log.alias("again")
    taken = and_(
        push_log.c.reader_id == reader.reader_id,
        push_log.c.outcome != Outcome.QUARANTINED.value,
        # A tombstone that came back is no edit.
        push_log.c.edit_id.is_not(None),
    )
    first = (
        select(func.min(again.c.at))
        .where(
            again.c.document_id == push_log.c.document_id,
            again.c.edit_id == push_log.c.edit_id,
            again.c.reader_id == push_log.c.reader_id,
        )
        .scalar_subquery()
    )
    return (
        select(
            push_log.c.document_id,
            push_log.c.collection,
            push_log.c.edit_id,
            push_log.c.outcome,
            first,
            push_log.c.at,
        )
        .ext(distinct_on(push_log.c.document_id, push_log.c.collection))
        .where(push_log.c.document_id == any_(cast(list(ids), ARRAY(UUID(as_uuid=True)))), taken)
        .order_by(push_log.c.document_id, push_log.c.collection, push_log.c.seq.desc())
    )


def _in_quarantine(reader: Reader, ids: Sequence[uuid.UUID]) -> Select[Any]:
    """The last row of each document that was kept raw, under the edit that the device was answered with."""
    return (
        select(
            quarantine.c.document_id,
            quarantine.c.collection,
            quarantine.c.edit_id,
            literal(Outcome.QUARANTINED.value, Text),
            quarantine.c.at,
            quarantine.c.at,
        )
        .ext(distinct_on(quarantine.c.document_id, quarantine.c.collection))
        .where(
            quarantine.c.document_id == any_(cast(list(ids), ARRAY(UUID(as_uuid=True)))),
            quarantine.c.reader_id == reader.reader_id,
        )
        .order_by(quarantine.c.document_id, quarantine.c.collection, quarantine.c.at.desc())
    )
