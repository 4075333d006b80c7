"""What a seal is over. Pure, so that the sealing, the proof and a stranger who reads docs/audit.md do the same."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from server.audit.canonical import digest_of, utc_text

VERSION = 1
# What the first seal of a chain says of the one before it.
NOTHING_BEFORE = bytes(32)


class EventLike(Protocol):
    """A row of ``event``, as far as its digest is over it. Its transaction id stands in the seal."""

    seq: Any
    bureau_id: Any
    at: Any
    name: Any
    account_id: Any
    device_id: Any
    subject_ids: Any
    facts: Any


def event_digest(event: EventLike) -> bytes:
    """The digest of an event: all its columns but the transaction id, which a restore changes."""
    return digest_of(
        {
            "account_id": _id(event.account_id),
            "at": utc_text(event.at),
            "bureau_id": _id(event.bureau_id),
            "device_id": _id(event.device_id),
            "facts": event.facts,
            "name": event.name,
            "seq": str(event.seq),
            "subject_ids": event.subject_ids,
            "version": VERSION,
        }
    )


def seal_digest(
    *,
    bureau_id: uuid.UUID,
    position: int,
    seq: int,
    xid: int,
    epoch: uuid.UUID,
    sealed_at: datetime,
    event: bytes,
    contents: Mapping[str, Any] | None,
    previous: bytes,
) -> bytes:
    """The digest of a seal: its own columns, the digest of its event and that of the seal before."""
    return digest_of(
        {
            "bureau_id": str(bureau_id),
            "contents": contents,
            "epoch": str(epoch),
            "event": event.hex(),
            "position": str(position),
            "previous": previous.hex(),
            "sealed_at": utc_text(sealed_at),
            "seq": str(seq),
            "version": VERSION,
            "xid": str(xid),
        }
    )


def row_digest(fields: Mapping[str, Any]) -> str:
    """The digest of a row that an event speaks of, in hexadecimal digits; ids and moments are written as texts."""
    written = {
        name: utc_text(value)
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, uuid.UUID)
        else value
        for name, value in fields.items()
    }
    return digest_of({**written, "version": VERSION}).hex()


def ids_of(subject_ids: object) -> list[uuid.UUID]:
    """The ids among an event's subjects; what somebody has made of them since may be anything."""
    found: list[uuid.UUID] = []
    for one in subject_ids if isinstance(subject_ids, list) else ():
        with suppress(ValueError):
            found.append(uuid.UUID(str(one)))
    return found


def _id(value: uuid.UUID | None) -> str | None:
    return str(value) if value else None
