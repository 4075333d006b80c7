"""The numbers that a bureau plans by: minutes at a door, opening hours, the usual shift. Pure.

They are the project's own proposal until a bureau publishes its own; no source names any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from schemas.vocabulary import BusinessKind, CadenceTier, Deed, Performed, SubjectKind

Span = tuple[time, time]
DAY = timedelta(days=1)

DEFAULTS: Mapping[str, Any] = {
    "service_minutes": {
        CadenceTier.WEEKLY: 15,
        CadenceTier.MONTHLY: 25,
        CadenceTier.QUARTERLY: 40,
        Deed.INSPECTION: 20,
        Deed.SERVICE: 10,
        Deed.DEPOT_CHECK: 30,
        Deed.DOOR_CALLBACK: 20,
    },
    "opening_hours": {
        BusinessKind.GROCERY: [["07:30", "21:00"]],
        BusinessKind.CONVENIENCE: [["07:00", "23:00"]],
        BusinessKind.SUPERMARKET: [["08:30", "21:30"]],
        BusinessKind.MALL: [["10:00", "21:30"]],
        BusinessKind.TOBACCO_AND_LIQUOR: [["09:00", "20:30"]],
        BusinessKind.ENTERTAINMENT: [["13:00", "02:00"]],
        BusinessKind.OTHER: [["09:00", "20:00"]],
        SubjectKind.DEPOT: [["08:00", "20:00"]],
    },
    "shift": ["08:30", "17:30"],
    "longest_shift_hours": 14,
}


@dataclass(frozen=True, slots=True)
class PlanningNumbers:
    """A version of the numbers. ``service_minutes`` go by what is performed, ``opening_hours`` by the letter of the business
    kind or the kind of subject; what is not named is open all day. A span that ends before it begins crosses midnight.
    """

    service_minutes: Mapping[str, int]
    opening_hours: Mapping[str, Sequence[Span]]
    shift: Span
    longest_shift: timedelta

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> PlanningNumbers:
        """The numbers that a bureau gave, and the defaults for the rest."""
        merged = completed(given)
        begins, ends = merged["shift"]
        return cls(
            service_minutes=merged["service_minutes"],
            opening_hours={
                kind: [span_of(*span) for span in spans] for kind, spans in merged["opening_hours"].items()
            },
            shift=span_of(begins, ends),
            longest_shift=timedelta(hours=merged["longest_shift_hours"]),
        )

    def service_s(self, performed: Performed) -> int:
        """How long a visit takes at the door, in seconds."""
        return self.service_minutes.get(performed.value, 20) * 60

    def open_on(self, kind: str, day: date, zone: tzinfo) -> list[tuple[datetime, datetime]]:
        """When subjects of a kind are open on a day, as far as the usual hours tell; a night's rest of the day before
        included, cut at midnight.
        """
        spans = self.opening_hours.get(kind, [(time(0), time(0))])
        return spans_on(dict.fromkeys(range(1, 8), spans), day, zone)


def completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a bureau gave as it is stored, with the defaults for the rest."""
    return {
        **DEFAULTS,
        **given,
        **{name: {**DEFAULTS[name], **given.get(name, {})} for name in ("service_minutes", "opening_hours")},
    }


def span_of(begins: str, ends: str) -> Span:
    """A span of hours as it is written, HH:MM."""
    return time.fromisoformat(begins), time.fromisoformat(ends)


def spans_on(week: Mapping[int, Sequence[Span]], day: date, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    """The spans of a day by ISO weekday, in order, cut at the day's two midnights; hours past midnight belong to the day
    before.
    """
    midnight = datetime.combine(day, time(0), zone)
    found = []
    for begun in (day - DAY, day):
        for begins, ends in week.get(begun.isoweekday(), ()):
            opens = datetime.combine(begun, begins, zone)
            closes = datetime.combine(begun if begins < ends else begun + DAY, ends, zone)
            opens, closes = max(opens, midnight), min(closes, midnight + DAY)
            if opens < closes:
                found.append((opens, closes))
    return sorted(found)
