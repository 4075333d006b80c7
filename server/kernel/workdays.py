"""Working days as the State Council's yearly holiday notices make them: a pure value, read by every clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Workdays:
    """The days unlike Monday–Friday, ``off`` (放假) and ``make_up`` (调休上班), and the ``years`` loaded.

    In a year that is not loaded Monday–Friday is used and the answer is provisional: no clock that rests on
    it may look firm. Single days that are given for such a year are not used either, because a year known
    in part would look firm without being so.

    Raises ValueError if one day is both off and worked.
    """

    off: frozenset[date]
    make_up: frozenset[date]
    years: frozenset[int]

    def __post_init__(self) -> None:
        if both := self.off & self.make_up:
            raise ValueError(f"{min(both)} cannot be a day off and a make-up working day at once")

    def is_workday(self, day: date) -> bool:
        """Whether people work on ``day``, as the notice of its year says, or provisionally Monday–Friday."""
        weekday = day.weekday() < _SATURDAY
        if day.year not in self.years:
            return weekday
        return day not in self.off if weekday else day in self.make_up

    def count(self, first: date, last: date) -> int:
        """The number of working days from ``first`` to ``last``, both included; 0 if ``last`` is earlier."""
        days = (last - first).days + 1
        return sum(self.is_workday(first + timedelta(days=n)) for n in range(days))

    def shift(self, day: date, n: int) -> date:
        """The ``n``-th working day after ``day``, or before it if ``n`` is negative; ``day`` itself if 0.

        The day itself never counts, so that "3个工作日内" from a Thursday ends on the next Tuesday. ``day``
        need not be a working day. Raises OverflowError past the calendar's end.
        """
        step = _DAY if n > 0 else -_DAY
        left = abs(n)
        while left:
            day += step
            left -= self.is_workday(day)
        return day

    def provisional(self, first: date, last: date) -> bool:
        """Whether a year that is not loaded lies between ``first`` and ``last``, both included."""
        return any(year not in self.years for year in range(first.year, last.year + 1))
