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


def parse_id(text: object) -> uuid.UUID | None:
    """The UUID that a wire value spells in its canonical form, or ``None``."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
