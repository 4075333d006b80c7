"""What the checker objects to: the rules by name, and an objection with what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """What a plan must keep to; each value is the name by which an objection is known."""

    # Times.
    ORDER = "order"
    LEG = "leg"
    ARRIVAL = "arrival"
    SERVICE = "service"
    WAITING = "waiting"
    SHIFT = "shift"
    ENDS = "ends"
    TOTALS = "totals"
    MOST_STOPS = "most_stops"
    LINE = "line"
    SUBJECT = "subject"
    # Doors.
    HOURS = "hours"
    NOT_BEFORE = "not_before"
    NOT_AFTER = "not_after"
    # What the leader fixed.
    PINNED = "pinned"
    EXCLUDED = "excluded"
    INCLUDED = "included"
    ASSIGNED = "assigned"
    FIXED = "fixed"
    KEPT = "kept"
    SCOPE = "scope"
    # Who goes.
    PAIR = "pair"
    EXTRA = "extra"
    PERSON_TWICE = "person_twice"
    VEHICLE_TWICE = "vehicle_twice"
    # The ceiling.
    CAP = "cap"
    ABOVE_CAP = "above_cap"
    # What is owed.
    NOT_OWED = "not_owed"
    WRONG_DAY = "wrong_day"
    WRONG_FORM = "wrong_form"
    ONE_A_TRACK = "one_a_track"
    OLDEST_FIRST = "oldest_first"
    GAP = "gap"
    TWICE = "twice"
    PLANNED_ELSEWHERE = "planned_elsewhere"
    UNNAMED = "unnamed"
    NOTHING_OWED = "nothing_owed"
    VISIT_KIND = "visit_kind"
    # Why, in words.
    REASON_CODE = "reason_code"
    REASON_DUTY = "reason_duty"
    REASON_DAY = "reason_day"
    REASON_WORDS = "reason_words"
    REASON_ATTEMPTED = "reason_attempted"
    REASON_WISHED = "reason_wished"
    DRAWN = "drawn"
    # What is left out.
    MISSING = "missing"
    LEFT_TWICE = "left_twice"
    LEFT_UNTRUE = "left_untrue"
    LEFT_NOT_OWED = "left_not_owed"
    LATE_ON = "late_on"


@dataclass(frozen=True, slots=True)
class Objection:
    """That a rule is broken, and by what, in a sentence for whoever reads the failing test."""

    rule: Rule
    about: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.about}"
