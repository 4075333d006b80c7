"""Stable identities of the demo city: building it twice gives the same rows, so it may be loaded again."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from random import Random

NAMESPACE = uuid.UUID("8f5b1d3a-7c52-5e0e-9a41-990181990181")


def stable_id(kind: str, key: object) -> uuid.UUID:
    """The identity of one row of the demo city, told by its kind and a key that is unique in the kind."""
    return uuid.uuid5(NAMESPACE, f"{kind}:{key}")


def stable_record_id(at: datetime, key: str) -> uuid.UUID:
    """An identity in the shape of UUIDv7: the milliseconds of ``at``, then bits drawn from ``key``.

    Records are ordered and stored by the time inside their identity, so these must carry a true one.
    """
    milliseconds = int(at.timestamp() * 1000)
    drawn = int.from_bytes(hashlib.sha256(f"{NAMESPACE}:{key}".encode()).digest()[:10], "big")
    low = drawn & ((1 << 62) - 1)
    high = (drawn >> 62) & 0xFFF
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)


def seeded(name: str) -> Random:
    """The dice of one part of the demo, so that a change in one part does not move the others."""
    return Random(name)  # noqa: S311 - The demo wants the same throws every time, not secrets.
