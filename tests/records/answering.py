"""Answers that a form's schema lets through, drawn from the schema itself: the subset that forms are written in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas.record import DATE_PATTERN, SHA256_PATTERN, TIMESTAMP_PATTERN, UUID_PATTERN

# PostgreSQL keeps no NUL and UTF-8 has no lone surrogates; a row with one is kept raw, which is tested elsewhere.
_SIGNS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
_OF_PATTERN: Mapping[str, st.SearchStrategy[str]] = {
    DATE_PATTERN: st.dates(
        datetime(1970, 1, 1, tzinfo=UTC).date(), datetime(2099, 12, 31, tzinfo=UTC).date()
    ).map(str),
    TIMESTAMP_PATTERN: st.integers(0, 4_000_000_000).map(
        lambda s: datetime.fromtimestamp(s, UTC).isoformat()
    ),
    SHA256_PATTERN: st.integers(0, 2**256 - 1).map("{:064x}".format),
    UUID_PATTERN: st.uuids().map(str),
}
# Long lists and texts say no more than short ones, and take longer.
_MOST_ROWS, _MOST_SIGNS = 2, 12


def answers_of(schema: Mapping[str, Any], *, full: bool) -> st.SearchStrategy[Any]:
    """Whatever a node of a schema lets through, with optional items left out, null or given.

    With ``full`` every list has rows and every group is there, so that what stands in rows of rows is reached too.
    """
    drawn = _given(schema, full=full)
    if not _nullable(schema) or (full and _inner(schema)):
        return drawn
    return st.none() | drawn


def _nullable(node: Mapping[str, Any]) -> bool:
    return None in node["enum"] if "enum" in node else "null" in node["type"]


def _inner(node: Mapping[str, Any]) -> bool:
    """Whether a node holds others: a list or a group."""
    return "items" in node or "properties" in node


def _given(node: Mapping[str, Any], *, full: bool) -> st.SearchStrategy[Any]:
    if "enum" in node:
        return st.sampled_from([one for one in node["enum"] if one is not None])
    types = [node["type"]] if isinstance(node["type"], str) else node["type"]
    (kind,) = (one for one in types if one != "null")
    if kind == "object":
        required = node.get("required", ())
        parts = {name: answers_of(child, full=full) for name, child in node["properties"].items()}
        given = {name for name in parts if name in required or (full and _inner(node["properties"][name]))}
        return st.fixed_dictionaries(
            {name: part for name, part in parts.items() if name in given},
            optional={name: part for name, part in parts.items() if name not in given},
        )
    if kind == "array":
        most = min(node["maxItems"], _MOST_ROWS)
        least = max(node.get("minItems", 0), int(full))
        return st.lists(answers_of(node["items"], full=full), min_size=least, max_size=most)
    if kind == "string":
        pattern = node.get("pattern")
        if pattern is not None and pattern in _OF_PATTERN:
            return _OF_PATTERN[pattern]
        if pattern is not None:
            return st.from_regex(pattern, fullmatch=True).filter(lambda text: not text.endswith("\n"))
        return st.text(
            _SIGNS, min_size=node.get("minLength", 0), max_size=min(node["maxLength"], _MOST_SIGNS)
        )
    if kind == "integer":
        return st.integers(node["minimum"], node["maximum"])
    return st.booleans()
