"""A device's clock: how far it is off, and which of several words about that counts.

The offset is device minus true, in whole seconds (the time of a visit is what the device says, less the offset).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# Two measurements that differ by no more than this are the same clock: the network's way is in both.
SAME_CLOCK_S = 5
MAX_SKEW_S = 300


@dataclass(frozen=True, slots=True)
class Measured:
    """What the server knows of a device's clock.

    ``now_s`` is what this request's own header tells, ``last_s`` what the last contact told, ``confirmed`` those of
    the offsets asked about that an earlier contact had measured. ``unread`` says that the header could not be read.
    """

    now_s: int | None = None
    last_s: int | None = None
    confirmed: frozenset[int] = frozenset()
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """The offset that counts for one record, and what the desk should know of it."""

    offset_s: int
    flags: tuple[str, ...] = ()


def offset_of(device_time: datetime, now: datetime) -> int:
    """How far a clock is off that says ``device_time`` at ``now``."""
    return round((device_time - now).total_seconds())


def settle_clock(claimed_s: int | None, measured: Measured) -> Clock:
    """Which offset counts for a record that claims ``claimed_s`` (``None``: it says nothing).

    The claim, where the server has measured about that: a clock may have been set right since the visit. Else what
    this push measures, else what the last contact did. A claim that nothing ever measured is believed for want of
    better, and flagged.
    """
    flags: list[str] = ["clock_unread"] if measured.unread else []
    offset = claimed_s or 0
    found = measured.now_s if measured.now_s is not None else measured.last_s
    if found is None:
        flags.append("clock_unmeasured")
    elif claimed_s is None:
        offset = found
    elif claimed_s not in measured.confirmed and (
        measured.now_s is None or abs(claimed_s - measured.now_s) > SAME_CLOCK_S
    ):
        offset = found
        flags.append("clock_disputed")
    if abs(offset) > MAX_SKEW_S:
        flags.append("clock_skewed")
    return Clock(offset, tuple(flags))
