"""Reading a push body: every row is either well formed or kept raw, and one bad row never blocks the others."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, Never

import orjson

from sync.collection import Row

MAX_DOCUMENT_BYTES = 256 * 1024
# Clients push some hundred at a time. A small body can inflate to millions that are no rows, and each would be kept.
MAX_ROWS = 10_000
# A string (in which brackets mean nothing) or one character that nests or separates. A string that never ends is one
# too: searched for anew behind each of its quotes, a small body that breaks off would take minutes.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_TOO_MANY = f"at most {MAX_ROWS} rows a push"
_BLANKS = b" \t\r\n"
_UNREADABLE = object()
# orjson writes 254 levels. Whoever stores a document wraps it in some more, so it may have fewer.
_ROOM = 16
_DEPTH = 254 - _ROOM

Review = list[dict[str, str]]

# The edit of a tombstone that the server gave, which carries none. A client that begins anew sends back all that it
# has, these too.
TOLD = uuid.UUID(int=0)


class BadEnvelope(ValueError):
    """The body is no array of rows; nothing in it can be told apart, so nothing is processed."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that cannot be taken: its bytes as sent, what could be read of it, and what is wrong.

    ``state`` is absent where the row cannot be answered: no document, or one that cannot be written as JSON again.
    """

    ordinal: int
    raw: bytes
    id: uuid.UUID | None
    edit_id: uuid.UUID | None
    state: dict[str, Any] | None
    review: Review


def read_rows(body: bytes) -> tuple[list[Row], list[Malformed]]:
    """Split a push body into rows and malformed rows.

    Raises:
        BadEnvelope: when the body is not an array, or one of more than ``MAX_ROWS``.
    """
    strict = _strict(body)
    slices = slices_of(body) if strict is None else []
    values: list[Any] = strict if strict is not None else [_lenient(element) for element in slices]
    # Escapes that PostgreSQL's text cannot hold are rare; their absence from the bytes spares walking documents.
    suspicious = strict is None or b"\\u0000" in body
    rows: list[Row] = []
    faults: list[tuple[int, Review]] = []
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
                edit_id=TOLD if _is_told_tombstone(new) else uuid.UUID(new["edit_id"]),
                assumed_edit_id=readable_id(assumed.get("edit_id")) if assumed else None,
                document=new,
                ordinal=ordinal,
                assumed=assumed,
            )
        )
    if faults and not slices:
        slices = slices_of(body)
    return rows, [_malformed(ordinal, slices[ordinal], values[ordinal], review) for ordinal, review in faults]


def read_array(body: bytes, what: str, most: int) -> list[Any]:
    """A body that is an array of ``what``, at most ``most`` of them.

    Raises:
        BadEnvelope: for anything else.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadEnvelope("the body is not JSON") from error
    if not isinstance(given, list):
        raise BadEnvelope(f"the body is an array of {what}")
    if len(given) > most:
        raise BadEnvelope(f"at most {most} {what} in one request")
    return given


def _strict(body: bytes) -> list[Any] | None:
    """The body by the fast parser, or ``None`` where it refuses what can still be told apart row by row."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, list):
        raise BadEnvelope("a push body is an array of rows")
    if len(value) > MAX_ROWS:
        raise BadEnvelope(_TOO_MANY)
    return value


def _lenient(element: bytes) -> Any:
    """One row by itself: what the fast parser refuses for its text is read; what is no JSON is unreadable."""
    try:
        return orjson.loads(element)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(element.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _refuse(text: str) -> Never:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    """The number, unless it is beyond every double: then no JSON could be written from it again."""
    value = float(text)
    return value if abs(value) != float("inf") else _refuse(text)


def _review(value: Any, suspicious: bool) -> Review:
    """What is wrong with one row, as codes and JSON pointers; empty when it is well formed."""
    if not isinstance(value, dict) or not isinstance(value.get("newDocumentState"), dict):
        return [{"code": "row_malformed", "path": ""}]
    new = value["newDocumentState"]
    review: Review = []
    if not is_canonical(new.get("id")):
        review.append({"code": "id_malformed", "path": "/id"})
    if not is_canonical(new.get("edit_id")) and not _is_told_tombstone(new):
        review.append({"code": "edit_id_malformed", "path": "/edit_id"})
    if not isinstance(new.get("_deleted", False), bool):
        review.append({"code": "deleted_malformed", "path": "/_deleted"})
    assumed = value.get("assumedMasterState")
    if assumed is not None and not isinstance(assumed, dict):
        review.append({"code": "assumed_malformed", "path": "/assumedMasterState"})
    return review + _unfit(new, suspicious)


def _is_told_tombstone(document: dict[str, Any]) -> bool:
    return document.get("_deleted") is True and document.get("edit_id") is None


def _unfit(document: dict[str, Any], suspicious: bool) -> Review:
    """Why a document cannot be stored or written again, whatever it says."""
    try:
        if suspicious and (path := _unstorable(document, "", _DEPTH)) is not None:
            return [{"code": "text_not_storable", "path": path}]
        too_large = len(orjson.dumps(_nested(document))) > MAX_DOCUMENT_BYTES + 2 * _ROOM
    except (RecursionError, orjson.JSONEncodeError):
        return [{"code": "document_too_deep", "path": ""}]
    return [{"code": "document_too_large", "path": ""}] if too_large else []


def _nested(document: dict[str, Any]) -> Any:
    """The document some levels down, for whoever stores it wraps it again before it is written."""
    value: Any = document
    for _ in range(_ROOM):
        value = [value]
    return value


def storable(document: dict[str, Any]) -> dict[str, Any] | None:
    """The document with every NUL and lone surrogate replaced by U+FFFD; ``None`` where it is too deep or too large.

    For what is kept beside a row to be read by people, such as the state that an edit began from: the row itself is
    never altered.
    """
    try:
        cleaned: dict[str, Any] = _cleaned(document)
    except RecursionError:
        return None
    return None if _unfit(cleaned, suspicious=False) else cleaned


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def _unstorable(value: Any, path: str, room: int) -> str | None:
    """The pointer of the first string with a NUL or a lone surrogate, which PostgreSQL's text cannot hold."""
    if isinstance(value, str):
        return path if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value) else None
    if room == 0:
        raise RecursionError("nested too deep")
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        here = f"{path}/{key}".encode("utf-8", "replace").decode().replace("\0", "?")
        of_key = _unstorable(key, here, room) if isinstance(key, str) else None
        found = here if of_key is not None else _unstorable(child, here, room - 1)
        if found is not None:
            return found
    return None


def readable_id(value: Any) -> uuid.UUID | None:
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def is_canonical(value: Any) -> bool:
    """Whether it is spelled as the database spells it: an answer in other letters is another id to the device."""
    parsed = readable_id(value)
    return parsed is not None and str(parsed) == value


def slices_of(body: bytes) -> list[bytes]:
    """The bytes of each element of the array, as they were sent, without reading them: depth is only counted.

    Raises:
        BadEnvelope: when this is not one array, or one of more than ``MAX_ROWS``.
    """
    text = body.strip(_BLANKS)
    if not text.startswith(b"["):
        raise BadEnvelope("a push body is an array of rows")
    slices: list[bytes] = []
    depth, start = 0, 1
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and mark == b",") or depth == 0:
            slices.append(text[start : token.start()].strip(_BLANKS))
            start = token.end()
            if len(slices) > MAX_ROWS:
                raise BadEnvelope(_TOO_MANY)
        if depth == 0:
            break
    if depth != 0 or start != len(text) or (len(slices) > 1 and b"" in slices):
        raise BadEnvelope("the body is not JSON")
    return [] if slices == [b""] else slices


def _malformed(ordinal: int, raw: bytes, value: Any, review: Review) -> Malformed:
    state = value.get("newDocumentState") if isinstance(value, dict) else None
    state = state if isinstance(state, dict) else None
    answerable = state is not None and all(fault["code"] != "document_too_deep" for fault in review)
    return Malformed(
        ordinal,
        raw,
        readable_id(state.get("id")) if state else None,
        readable_id(state.get("edit_id")) if state else None,
        state if answerable else None,
        review,
    )


def pushed_value(raw: bytes) -> Any:
    """What a row's bytes say, as far as they can be read; anything but an object where they are no row."""
    return _lenient(raw)
