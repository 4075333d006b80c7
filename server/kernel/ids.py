"""Identities: UUIDv7 for rows (ordered by time, which halves write-ahead log), UUIDv4 for edits."""

from __future__ import annotations

import uuid
from datetime import datetime

import uuid_utils


def new_id(at: datetime) -> uuid.UUID:
    """A fresh UUIDv7 carrying ``at`` (aware) to the millisecond."""
    made = uuid_utils.uuid7(nanoseconds=int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000)
    return uuid.UUID(bytes=made.bytes)


def new_edit_id() -> uuid.UUID:
    """A fresh identity for one edit of a document; conflicts are found by comparing these, never by number."""
    return uuid.uuid4()


def part_id(whole: uuid.UUID, ordinal: int) -> uuid.UUID:
    """The UUIDv7 of the ``ordinal``-th part of a document, always the same, with the document's time.

    A record that is pushed again to a server which was restored from a backup makes the same parts again, and what
    devices hold and edited of them still fits.
    """
    drawn = uuid.uuid5(whole, str(ordinal)).bytes
    bits = bytearray(whole.bytes[:6] + drawn[6:])
    bits[6] = bits[6] & 0x0F | 0x70
    return uuid.UUID(bytes=bytes(bits))


def part_edit_id(part: uuid.UUID) -> uuid.UUID:
    """The first edit of a part, always the same for the same reason."""
    return uuid.uuid5(part, "first edit")


def parse_id(text: object) -> uuid.UUID | None:
    """The UUID that a wire value spells in its canonical form, or ``None``."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        found = uuid.UUID(text)
    except ValueError:
        return None
    # Python takes hyphens anywhere, and two spellings of one id would be two of it to whoever compares texts.
    return found if str(found) == text.lower() else None
