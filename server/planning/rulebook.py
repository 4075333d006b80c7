"""The numbers that a bureau plans by: minutes at a door, opening hours, the usual shift. Pure.

They are the project's own proposal until a bureau publishes its own; no source names any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from schemas.vocabulary import BusinessKind, CadenceTier, Deed, Performed, SubjectKind
from server.patrols.opening_week import WEEKDAYS, Week, spans_on

Shift = tuple[time, time]
Moments = list[tuple[datetime, datetime]]
_DAY = timedelta(days=1)
_ALL_DAY = (("00:00", "24:00"),)

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
    opening_hours: Mapping[str, Sequence[Sequence[str]]]
    shift: Shift
    longest_shift: timedelta

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> PlanningNumbers:
        """The numbers that a bureau gave, and the defaults for the rest."""
        merged = completed(given)
        begins, ends = merged["shift"]
        return cls(
            service_minutes=merged["service_minutes"],
            opening_hours=merged["opening_hours"],
            shift=(time.fromisoformat(begins), time.fromisoformat(ends)),
            longest_shift=timedelta(hours=merged["longest_shift_hours"]),
        )

    def service_s(self, performed: Performed) -> int:
        """How long a visit takes at the door, in seconds."""
        return self.service_minutes.get(performed.value, 20) * 60

    def open_on(self, kind: str, day: date, zone: tzinfo) -> Moments:
        """When subjects of a kind are open on a day, as far as the usual hours tell."""
        spans = self.opening_hours.get(kind, _ALL_DAY)
        return cut_on(dict.fromkeys(WEEKDAYS, spans), day, zone)


def completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a bureau gave as it is stored, with the defaults for the rest."""
    return {
        **DEFAULTS,
        **given,
        **{name: {**DEFAULTS[name], **given.get(name, {})} for name in ("service_minutes", "opening_hours")},
    }


def cut_on(week: Week, day: date, zone: tzinfo) -> Moments:
    """The spans of a week that lie on a day, in order, cut at its two midnights: what is open into the night belongs to
    both days, each with its part.
    """
    midnight = datetime.combine(day, time(), zone)
    cut = [
        (max(opens, midnight), min(closes, midnight + _DAY)) for opens, closes in spans_on(week, day, zone)
    ]
    return [(opens, closes) for opens, closes in cut if opens < closes]
