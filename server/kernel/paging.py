"""Keyset paging: a page starts after the last row of the one before, so rows that come or go shift nothing."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.elements import KeyedColumnElement

from server.kernel.problems import Problem, invalid


def encode_after(values: Sequence[Any]) -> str:
    """The opaque ``after`` of a next link."""
    return (
        base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode().rstrip("=")
    )


def decode_after(text: str, kinds: Sequence[type[Any]]) -> list[Any]:
    """Read ``after`` back, as values of these types.

    Raises:
        Problem: ``invalid`` when it is not one that was given out.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("another width")
        return [_read(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, RecursionError) as error:
        raise _bad_after() from error


def _read(value: Any, kind: type[Any]) -> Any:
    """One value of a key as ``str()`` wrote it. Raises ValueError when it is none of that type."""
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("not a text that was given out")
    if kind is datetime and (moment := datetime.fromisoformat(value)).tzinfo is None:
        raise ValueError(f"{moment} has no zone")
    return _READERS.get(kind, str)(value)


def _bigint(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError("beyond 64 bits")
    return value


_READERS: dict[type[Any], Callable[[str], Any]] = {
    int: _bigint,
    uuid.UUID: uuid.UUID,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


def _bad_after() -> Problem:
    return invalid("/after", "invalid", "翻页位置无效，请从头查起。")


Key = InstrumentedAttribute[Any] | Column[Any] | KeyedColumnElement[Any]


def page_of(
    session: Session,
    query: Select[Any],
    keys: Sequence[Key],
    after: str | None,
    limit: int,
    *,
    newest_first: bool = False,
) -> dict[str, Any]:
    """``{"items": […], "after": text or null}`` of an entity query ordered by ``keys``, the last of them unique.

    ``newest_first`` turns the order of all keys round.
    """
    return _page(lambda page: session.scalars(page), query, keys, after, limit, newest_first)


def page_of_rows(
    session: Session,
    query: Select[Any],
    keys: Sequence[Key],
    after: str | None,
    limit: int,
    newest_first: bool = False,
) -> dict[str, Any]:
    """The same of a query of columns, which has the keys among them by their names."""
    return _page(lambda page: session.execute(page), query, keys, after, limit, newest_first)


def _page(
    run: Callable[[Select[Any]], Iterable[Any]],
    query: Select[Any],
    keys: Sequence[Key],
    after: str | None,
    limit: int,
    descending: bool = False,
) -> dict[str, Any]:
    if after:
        values = decode_after(after, [key.type.python_type for key in keys])
        typed = tuple_(*(literal(value, key.type) for key, value in zip(keys, values, strict=True)))
        query = query.where(tuple_(*keys) < typed if descending else tuple_(*keys) > typed)
    order = [key.desc() for key in keys] if descending else keys
    rows = list(run(query.order_by(*order).limit(limit + 1)))
    items, more = rows[:limit], len(rows) > limit
    following = encode_after([getattr(items[-1], str(key.key)) for key in keys]) if more else None
    return {"items": items, "after": following}
