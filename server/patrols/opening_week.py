"""A week of opening hours: how it is written, what is wrong with one, and what it says of a day. Pure.

A week maps ISO weekdays ("1" is Monday) to lists of ``[opens, closes]`` as HH:MM. A day that is missing is closed. What
closes at or before it opens closes on the next day: ``["22:00", "02:00"]``. Midnight as an end is written 24:00.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from server.kernel.problems import Problem, invalid

Week = Mapping[str, Sequence[Sequence[str]]]

WEEKDAYS = ("1", "2", "3", "4", "5", "6", "7")
NAMES = dict(zip(WEEKDAYS, "一二三四五六日", strict=True))
MOST_SPANS = 8
"""Of one day: whoever opens more often has written something else down."""

_DAY = timedelta(days=1)
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MIDNIGHT = "24:00"


def read_week(given: Mapping[str, Any], path: str = "/week") -> dict[str, list[list[str]]]:
    """A week as it is kept: days in order, spans in order, closed days left out.

    Raises:
        Problem: ``invalid`` at ``path``, with the place in it: ``weekday_unknown``, ``hours_malformed``, ``hours_empty`` for
            what opens and closes at once, ``hours_too_many``, ``hours_overlap``, also with the night from the day before.
    """
    for day in given:
        if day not in NAMES:
            detail = f"星期应写 1 至 7（1 为周一），不能写“{str(day)[:20]}”。Days are 1 to 7, 1 is Monday."
            raise invalid(path, "weekday_unknown", detail)
    week: dict[str, list[list[str]]] = {}
    for day in WEEKDAYS:
        spans = _read_day(given.get(day) or [], f"{path}/{day}", NAMES[day])
        if spans:
            week[day] = spans
    if overlapping := _overlapping(week):
        first, second = overlapping
        detail = f"{first} 与 {second} 重叠。These hours overlap."
        raise invalid(path, "hours_overlap", detail)
    return week


def _read_day(spans: Any, path: str, name: str) -> list[list[str]]:
    if not isinstance(spans, list | tuple):
        raise _malformed(path)
    if len(spans) > MOST_SPANS:
        detail = f"周{name}最多写 {MOST_SPANS} 段。No more than {MOST_SPANS} spans a day."
        raise invalid(path, "hours_too_many", detail)
    return sorted(_read_span(span, f"{path}/{at}") for at, span in enumerate(spans))


def _read_span(span: Any, path: str) -> list[str]:
    if not isinstance(span, list | tuple) or len(span) != 2 or not all(isinstance(end, str) for end in span):
        raise _malformed(path)
    opens, closes = span
    if not _TIME.fullmatch(opens) or not (closes == _MIDNIGHT or _TIME.fullmatch(closes)):
        raise _malformed(path)
    if opens == closes:
        detail = f"{opens} 开门又 {closes} 关门；全天营业请写 00:00 至 24:00。All day is 00:00 to 24:00."
        raise invalid(path, "hours_empty", detail)
    return [opens, _MIDNIGHT if closes == "00:00" else closes]


def _malformed(path: str) -> Problem:
    detail = "每段写开门、关门两个时刻，如 08:00 和 21:30。A span is two times, such as 08:00 and 21:30."
    return invalid(path, "hours_malformed", detail)


def _overlapping(week: Week) -> tuple[str, str] | None:
    """Two spans of the week that overlap, as they are told, or None; the week begins anew after Sunday."""
    spans = sorted(
        (begins, begins + length, f"周{NAMES[day]} {opens}—{closes}")
        for day, of_day in week.items()
        for opens, closes in of_day
        for begins, length in [_minutes(int(day), opens, closes)]
    )
    if not spans:
        return None
    first_again = (spans[0][0] + _WEEK_MINUTES, spans[0][1] + _WEEK_MINUTES, spans[0][2])
    for one, other in zip(spans, [*spans[1:], first_again], strict=True):
        if other[0] < one[1]:
            return one[2], other[2]
    return None


def _minutes(weekday: int, opens: str, closes: str) -> tuple[int, int]:
    """When a span begins in the week and how long it lasts, in minutes."""
    begins, ends = _minute(opens), _minute(closes)
    return (weekday - 1) * _DAY_MINUTES + begins, (
        ends - begins if ends > begins else ends + _DAY_MINUTES - begins
    )


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def spans_on(week: Week, day: date, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    """When it is open on a day: every span that begins on it, and one of the day before that lasts past midnight.

    Spans are whole and in order: the one of the day before begins then, and the last one may end on the next day.
    """
    midnight = datetime.combine(day, time(), zone)
    found: list[tuple[datetime, datetime]] = []
    for begun in (day - _DAY, day):
        for opens, closes in week.get(str(begun.isoweekday()), ()):
            ends = begun if _minute(opens) < _minute(closes) < _DAY_MINUTES else begun + _DAY
            span = (_at(begun, opens, zone), _at(ends, "00:00" if closes == _MIDNIGHT else closes, zone))
            if span[1] > midnight:
                found.append(span)
    return sorted(found)


def _at(day: date, text: str, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(text), zone)


def told_zh(week: Week) -> list[tuple[str, str]]:
    """The week in Chinese, day by day: ``("周一", "08:00—12:00，14:00—18:00")``; closed days too."""
    return [
        (
            f"周{NAMES[day]}",
            "，".join(f"{opens}—{_next_day(opens, closes)}" for opens, closes in week.get(day, ())) or "休息",
        )
        for day in WEEKDAYS
    ]


def _next_day(opens: str, closes: str) -> str:
    return f"次日{closes}" if _minute(closes) <= _minute(opens) else closes
