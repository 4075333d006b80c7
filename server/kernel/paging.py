"""Keyset paging: a page starts after the last row of the one before, so rows that come or go shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.kernel.problems import Problem


def encode_after(values: Sequence[Any]) -> str:
    """The opaque ``after`` of a next link."""
    return (
        base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode().rstrip("=")
    )


def decode_after(text: str, width: int) -> list[str]:
    """Read ``after`` back.

    Raises:
        Problem: ``invalid`` when it is not one that was given out.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error) as error:
        raise _bad_after() from error
    if not isinstance(values, list) or len(values) != width or not all(isinstance(v, str) for v in values):
        raise _bad_after()
    return values


def _bad_after() -> Problem:
    return Problem(
        "invalid", errors=[{"path": "/after", "code": "invalid", "detail": "翻页位置无效，请从头查起。"}]
    )


def page_of(
    session: Session,
    query: Select[Any],
    keys: Sequence[InstrumentedAttribute[Any]],
    after: str | None,
    limit: int,
) -> dict[str, Any]:
    """``{"items": […], "after": text or null}`` of an entity query ordered by ``keys``, the last of them unique."""
    if after:
        query = query.where(tuple_(*keys) > tuple_(*decode_after(after, len(keys))))
    rows = list(session.scalars(query.order_by(*keys).limit(limit + 1)))
    items, more = rows[:limit], len(rows) > limit
    following = encode_after([getattr(items[-1], key.key) for key in keys]) if more else None
    return {"items": items, "after": following}
