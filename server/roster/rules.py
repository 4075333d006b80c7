"""From days and times of day to moments and back, and which days an entry may have. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from server.kernel.problems import invalid

# A training or a secondment is planned a year ahead at most; what was forgotten is written down within a year.
LONGEST_AHEAD = timedelta(days=731)
LONGEST_BACK = timedelta(days=366)
NOON = time(12, 0)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of an entry, both included, with the times of day where it does not begin or end at midnight."""

    first_day: date
    last_day: date
    from_time: time | None = None
    to_time: time | None = None

    @property
    def whole(self) -> bool:
        """Whether it is whole days and nothing else."""
        return self.from_time is None and self.to_time is None


def moments_of(days: Days, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moment at which the entry begins and the one before which it ends."""
    begins = datetime.combine(days.first_day, days.from_time or time.min, zone)
    if days.to_time is None:
        return begins, datetime.combine(days.last_day + timedelta(days=1), time.min, zone)
    return begins, datetime.combine(days.last_day, days.to_time, zone)


def days_of(begins: datetime, ends: datetime, zone: ZoneInfo) -> Days:
    """The days and times of day of two moments; what ``moments_of`` takes."""
    first, last = begins.astimezone(zone), ends.astimezone(zone)
    to_time = last.time() if last.time() != time.min else None
    return Days(
        first_day=first.date(),
        last_day=last.date() if to_time else last.date() - timedelta(days=1),
        from_time=first.time() if first.time() != time.min else None,
        to_time=to_time,
    )


def check_days(days: Days, today: date, *, whole: bool) -> None:
    """Whether an entry may have these days; ``whole`` where it may not be a part of a day.

    Raises:
        Problem: ``invalid`` with ``dates_reversed``, ``ends_before_it_begins``, ``day_out_of_range`` or ``whole_days``.
    """
    if days.last_day < days.first_day:
        raise invalid("/last_day", "dates_reversed", "结束日早于开始日。It ends before it begins.")
    if not today - LONGEST_BACK <= days.first_day or not days.last_day <= today + LONGEST_AHEAD:
        path = "/last_day" if days.last_day > today + LONGEST_AHEAD else "/first_day"
        detail = "日期须在一年前至两年后之间。The days lie from a year back to two years ahead."
        raise invalid(path, "day_out_of_range", detail)
    if whole and not days.whole:
        path = "/from_time" if days.from_time else "/to_time"
        raise invalid(path, "whole_days", "借调按整日登记。A secondment is of whole days.")
    begins_at, ends_at = days.from_time or time.min, days.to_time
    if days.first_day == days.last_day and ends_at is not None and ends_at <= begins_at:
        raise invalid(
            "/to_time", "ends_before_it_begins", "结束时间不晚于开始时间。It ends before it begins."
        )
