"""Which word about a device's clock counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access.clocks import Clock, Measured, settle_clock

seconds = st.integers(-(2**31), 2**31)


@pytest.mark.parametrize(
    ("claimed_s", "measured", "expected"),
    [
        # What this push measures, where the record says nothing or the same.
        (None, Measured(now_s=7, last_s=90), Clock(7)),
        (12, Measured(now_s=7), Clock(12)),
        # The clock was measured so when the visit was made, and has been set right since.
        (200, Measured(now_s=0, last_s=0, confirmed=frozenset({200})), Clock(200)),
        (200, Measured(now_s=0, last_s=200), Clock(0, ("clock_disputed",))),
        (13, Measured(now_s=7), Clock(7, ("clock_disputed",))),
        # Without a word at this push the last contact decides.
        (None, Measured(last_s=90), Clock(90)),
        (0, Measured(last_s=90), Clock(90, ("clock_disputed",))),
        (90, Measured(last_s=90, confirmed=frozenset({90})), Clock(90)),
        # Nothing was ever measured.
        (None, Measured(), Clock(0, ("clock_unmeasured",))),
        (40, Measured(), Clock(40, ("clock_unmeasured",))),
        (None, Measured(unread=True), Clock(0, ("clock_unread", "clock_unmeasured"))),
        (None, Measured(last_s=5, unread=True), Clock(5, ("clock_unread",))),
        # Five minutes are let pass.
        (None, Measured(now_s=300), Clock(300)),
        (None, Measured(now_s=-301), Clock(-301, ("clock_skewed",))),
        (540, Measured(now_s=540), Clock(540, ("clock_skewed",))),
    ],
)
def test_which_word_counts(claimed_s: int | None, measured: Measured, expected: Clock) -> None:
    assert settle_clock(claimed_s, measured) == expected


@given(st.none() | seconds, st.none() | seconds, st.none() | seconds, st.booleans())
def test_a_claim_is_never_believed_against_every_measurement(
    claimed_s: int | None, now_s: int | None, last_s: int | None, unread: bool
) -> None:
    clock = settle_clock(claimed_s, Measured(now_s, last_s, unread=unread))
    found = now_s if now_s is not None else last_s
    if found is None:
        assert clock.offset_s == (claimed_s or 0)
        assert "clock_unmeasured" in clock.flags
    elif clock.offset_s != found:
        assert claimed_s == clock.offset_s
        assert now_s is not None
        assert abs(claimed_s - now_s) <= 5
