"""The canonical text: what RFC 8785 says, and one text for one value."""

from __future__ import annotations

import json
import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.audit.canonical import canonical, utc_text

# RFC 8785, appendix B: IEEE 754 bits and their text.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
# A double beyond 2^53 is written as a whole number, and reads back as one that is exact.
DOUBLES = st.floats(min_value=-(2**53), max_value=2**53)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | DOUBLES | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize(("bits", "written"), NUMBERS.items())
def test_numbers_are_written_as_ecmascript_writes_them(bits: str, written: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number).decode() == written


def test_members_go_by_their_utf_16_code_units() -> None:
    # RFC 8785, 3.2.3: the smiley comes before the Hebrew letter with dagesh, though its code point is higher.
    given_ = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    names = list(json.loads(canonical(given_)))
    assert names == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(JSON)
def test_the_text_reads_back_as_the_value(value: Any) -> None:
    again = json.loads(canonical(value))
    assert canonical(again) == canonical(value)
    assert again == value


@given(st.dictionaries(st.text(), JSON, min_size=2, max_size=5))
def test_the_order_of_members_is_nothing(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_whole_numbers_keep_all_their_digits() -> None:
    assert canonical(2**64 + 1) == b"18446744073709551617"


@pytest.mark.parametrize("value", [math.inf, math.nan, b"bytes", {1: 2}, object()])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|text"):
        canonical(value)


def test_moments_are_in_utc_to_the_microsecond() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert utc_text(datetime(2026, 7, 6, 9, tzinfo=shanghai)) == "2026-07-06T01:00:00.000000Z"
    assert utc_text(datetime(2026, 7, 6, 9, 0, 0, 7, tzinfo=UTC)) == "2026-07-06T09:00:00.000007Z"
