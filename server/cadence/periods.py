"""Calendar periods of the three tiers: ISO week (Monday–Sunday), month and quarter, in the bureau's days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from schemas.vocabulary import CadenceTier

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""The years that a key may name: outside them it is a slip of the keyboard, not a period."""

_DAY = timedelta(days=1)
_THURSDAY = timedelta(days=3)
_MONTHS_OF_A_QUARTER = 3
_KEY = re.compile(r"(?P<year>[0-9]{4})-(?:W(?P<week>[0-9]{2})|Q(?P<quarter>[1-4])|(?P<month>[0-9]{2}))")
_REPORTED = re.compile(r"(?P<year>[0-9]{4})(?:-?(?P<coded>W[0-9]{2}|Q[1-4])|-(?P<month>[0-9]{2}))?")


class BadPeriod(ValueError):
    """A text that names no period, or a period that lies in none of a tier; the message says why."""


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a tier; ``key`` is ``2026-W08``, ``2026-02`` or ``2026-Q1``; both days are in it."""

    tier: CadenceTier
    key: str
    first_day: date
    last_day: date

    def next(self) -> Period:
        """The period of the same tier that begins on the day after this one."""
        return period_of(self.tier, self.last_day + _DAY)

    def previous(self) -> Period:
        """The period of the same tier that ends on the day before this one."""
        return period_of(self.tier, self.first_day - _DAY)

    def within(self, tier: CadenceTier) -> Period:
        """The period of an equal or deeper tier in which this one is reported.

        A week belongs to the month and the quarter of its Thursday, so that every week is reported exactly
        once. Raises BadPeriod if ``tier`` is shallower: a quarter lies in no single week.
        """
        if tier.depth < self.tier.depth:
            raise BadPeriod(f"{self.key} is longer than a {tier.lower()} period and lies in none.")
        anchor = self.first_day + _THURSDAY if self.tier is CadenceTier.WEEKLY else self.first_day
        return period_of(tier, anchor)


def period_of(tier: CadenceTier, day: date) -> Period:
    """The period of ``tier`` that holds ``day``, a date in the bureau's own zone."""
    if tier is CadenceTier.WEEKLY:
        year, week, weekday = day.isocalendar()
        monday = day - timedelta(days=weekday - 1)
        return Period(tier, f"{year:04}-W{week:02}", monday, monday + 6 * _DAY)
    if tier is CadenceTier.MONTHLY:
        return Period(
            tier, f"{day.year:04}-{day.month:02}", day.replace(day=1), _month_end(day.year, day.month)
        )
    quarter = (day.month - 1) // _MONTHS_OF_A_QUARTER + 1
    last_month = quarter * _MONTHS_OF_A_QUARTER
    first = date(day.year, last_month - _MONTHS_OF_A_QUARTER + 1, 1)
    return Period(tier, f"{day.year:04}-Q{quarter}", first, _month_end(day.year, last_month))


def parse_period(key: str) -> Period:
    """The period that ``key`` names: ``2026-W08``, ``2026-02`` or ``2026-Q1``, exactly so.

    Raises BadPeriod for any other text, for a year outside 2000–2199, and for a week or month that the year
    does not have.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise BadPeriod(
            f"{key!r} is no period: write a week as 2026-W08, a month as 2026-02, a quarter as 2026-Q1."
        )
    year = _year(key, found["year"])
    try:
        if found["week"]:
            return period_of(CadenceTier.WEEKLY, date.fromisocalendar(year, int(found["week"]), 1))
        if found["month"]:
            return period_of(CadenceTier.MONTHLY, date(year, int(found["month"]), 1))
    except ValueError as error:
        unit = f"week {found['week']}" if found["week"] else f"month {found['month']}"
        raise BadPeriod(f"{key!r} is no period: the year {year} has no {unit}.") from error
    return period_of(CadenceTier.QUARTERLY, date(year, int(found["quarter"]) * _MONTHS_OF_A_QUARTER, 1))


def periods_between(tier: CadenceTier, first: date, last: date) -> tuple[Period, ...]:
    """Every period of ``tier`` with at least one day from ``first`` to ``last`` (both included), in order."""
    found = []
    if first <= last:
        period = period_of(tier, first)
        found.append(period)
        while period.last_day < last:
            period = period.next()
            found.append(period)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ReportingPeriod:
    """What one report covers: its days, and per tier the keys of the periods reported in it.

    A tier whose periods are longer than the report has no keys: a quarter is not reported by month.
    """

    key: str
    first_day: date
    last_day: date
    keys: Mapping[CadenceTier, tuple[str, ...]]


def reporting_period(text: str) -> ReportingPeriod:
    """The reporting period of ``2026Q3``, ``2026-Q3``, ``2026-07``, ``2026-W31`` or ``2026``.

    A week belongs to the month, quarter and year of its Thursday, so a quarter's weeks may begin before its
    first day or end after its last. Raises BadPeriod for any other text.
    """
    found = _REPORTED.fullmatch(text)
    if found is None:
        raise BadPeriod(
            f"“{text}”不是报表周期，请写 2026、2026-Q3、2026-07 或 2026-W31。"
            "No reporting period: write 2026, 2026-Q3, 2026-07 or 2026-W31."
        )
    part = found["coded"] or found["month"]
    if part is None:
        year = _year(text, found["year"])
        key, first, last = found["year"], date(year, 1, 1), date(year, 12, 31)
        depth = CadenceTier.QUARTERLY.depth
    else:
        period = parse_period(f"{found['year']}-{part}")
        key, first, last = period.key, period.first_day, period.last_day
        depth = period.tier.depth
    keys = {tier: _reported(tier, first, last) if tier.depth <= depth else () for tier in CadenceTier}
    return ReportingPeriod(key, first, last, MappingProxyType(keys))


def _reported(tier: CadenceTier, first: date, last: date) -> tuple[str, ...]:
    """The keys reported in these days: a week by its Thursday, a month or quarter as it stands."""
    anchor = _THURSDAY if tier is CadenceTier.WEEKLY else timedelta(0)
    periods = periods_between(tier, first, last)
    return tuple(period.key for period in periods if first <= period.first_day + anchor <= last)


def _year(text: str, digits: str) -> int:
    year = int(digits)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadPeriod(f"{text!r} is no period: the year must lie between {FIRST_YEAR} and {LAST_YEAR}.")
    return year


def _month_end(year: int, month: int) -> date:
    first_of_next = date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)
    return first_of_next - _DAY
