"""Reading a push body: every row is either well formed or kept raw, and one bad row never blocks the others."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any, Never

import orjson

from sync.collection import Row

MAX_DOCUMENT_BYTES = 256 * 1024
_LENIENT = json.JSONDecoder()


class BadEnvelope(ValueError):
    """The body is no JSON array of rows; nothing in it can be told apart, so nothing is processed."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that cannot be taken: its bytes as sent, what could be read of it, and what is wrong."""

    ordinal: int
    raw: bytes
    id: uuid.UUID | None
    state: dict[str, Any] | None
    review: list[dict[str, str]]


def read_rows(body: bytes) -> tuple[list[Row], list[Malformed]]:
    """Split a push body into rows and malformed rows.

    Raises:
        BadEnvelope: when the body is not a JSON array.
    """
    strict = _strict(body)
    values: list[Any] = strict if strict is not None else _lenient(body)
    # Escapes that PostgreSQL's text cannot hold are rare; their absence from the bytes spares walking documents.
    suspicious = strict is None or b"\\u0000" in body
    rows: list[Row] = []
    faults: list[tuple[int, list[dict[str, str]]]] = []
    for ordinal, value in enumerate(values):
        review = _review(value, suspicious)
        if review:
            faults.append((ordinal, review))
            continue
        new = value["newDocumentState"]
        assumed = value.get("assumedMasterState")
        rows.append(
            Row(
                id=uuid.UUID(new["id"]),
                edit_id=uuid.UUID(new["edit_id"]),
                assumed_edit_id=_uuid(assumed.get("edit_id")) if assumed else None,
                document=new,
                ordinal=ordinal,
            )
        )
    slices = _slices(body) if faults else []
    return rows, [_malformed(ordinal, slices[ordinal], values[ordinal], review) for ordinal, review in faults]


def _strict(body: bytes) -> list[Any] | None:
    """The body by the fast parser, or ``None`` where it refuses what a lenient one may still read."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, list):
        raise BadEnvelope("a push body is an array of rows")
    return value


def _lenient(body: bytes) -> list[Any]:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadEnvelope(f"the body is not JSON: {error}") from error
    if not isinstance(value, list):
        raise BadEnvelope("a push body is an array of rows")
    return value


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _review(value: Any, suspicious: bool) -> list[dict[str, str]]:
    """What is wrong with one row, as codes and JSON pointers; empty when it is well formed."""
    if not isinstance(value, dict) or not isinstance(value.get("newDocumentState"), dict):
        return [{"code": "row_malformed", "path": ""}]
    new = value["newDocumentState"]
    review: list[dict[str, str]] = []
    if _uuid(new.get("id")) is None:
        review.append({"code": "id_malformed", "path": "/id"})
    if _uuid(new.get("edit_id")) is None:
        review.append({"code": "edit_id_malformed", "path": "/edit_id"})
    if not isinstance(new.get("_deleted", False), bool):
        review.append({"code": "deleted_malformed", "path": "/_deleted"})
    assumed = value.get("assumedMasterState")
    if assumed is not None and not isinstance(assumed, dict):
        review.append({"code": "assumed_malformed", "path": "/assumedMasterState"})
    if suspicious and (path := _unstorable(new, "")) is not None:
        review.append({"code": "text_not_storable", "path": path})
    if not review and len(orjson.dumps(new)) > MAX_DOCUMENT_BYTES:
        review.append({"code": "document_too_large", "path": ""})
    return review


def _unstorable(value: Any, path: str) -> str | None:
    """The pointer of the first string with a NUL or a lone surrogate, which PostgreSQL's text cannot hold."""
    if isinstance(value, str):
        return path if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value) else None
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        here = f"{path}/{key}".encode("utf-8", "replace").decode().replace("\0", "?")
        found = here if isinstance(key, str) and _unstorable(key, here) is not None else _unstorable(child, here)
        if found is not None:
            return found
    return None


def _uuid(value: Any) -> uuid.UUID | None:
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def _slices(body: bytes) -> list[bytes]:
    """The bytes of each element of the array, as they were sent."""
    text = body.decode("utf-8")
    position = text.index("[") + 1
    slices: list[bytes] = []
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return slices
        _, end = _LENIENT.raw_decode(text, position)
        slices.append(text[position:end].encode("utf-8"))
        position = end


def _malformed(ordinal: int, raw: bytes, value: Any, review: list[dict[str, str]]) -> Malformed:
    state = value.get("newDocumentState") if isinstance(value, dict) else None
    state = state if isinstance(state, dict) else None
    return Malformed(ordinal, raw, _uuid(state.get("id")) if state else None, state, review)
