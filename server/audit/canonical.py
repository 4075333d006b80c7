"""One text for one value, so that whoever computes a digest gets the same: JSON as RFC 8785 (JCS) writes it.

It differs in one thing: a whole number is written with all its digits, where RFC 8785 knows no number beyond 2^53.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def canonical(value: Any) -> bytes:
    """The canonical UTF-8 text of a JSON value: no white space, members in the order of their UTF-16 code units.

    Raises:
        ValueError: for what JSON has no word for, such as infinity, or a member's name that is no text.
    """
    return _text(value).encode()


def digest_of(value: Any) -> bytes:
    """The SHA-256 of a value's canonical text."""
    return hashlib.sha256(canonical(value)).digest()


def utc_text(moment: datetime) -> str:
    """An aware moment as the seals write it: UTC, always six digits of microseconds, ``2026-07-06T01:00:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        names = sorted(value, key=_utf16)
        return "{" + ",".join(f"{_text(name)}:{_text(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    raise ValueError(f"{type(value).__name__} is no JSON")


def _utf16(name: object) -> bytes:
    if not isinstance(name, str):
        raise ValueError("a member's name is a text")
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """A number as ECMAScript writes it (ECMA-262, Number::toString): the shortest digits that read back the same."""
    if not math.isfinite(value):
        raise ValueError("JSON has no such number")
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    # The decimal point stands after so many digits.
    point = len(text) + exponent
    if len(text) <= point <= 21:
        written = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        written = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        written = "0." + "0" * -point + text
    else:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        written = f"{text[0]}{fraction}e{point - 1:+d}"
    return f"-{written}" if sign else written
