"""Which records belong to a campaign, which tags hold on a day, and what held on some day of a window. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from schemas.vocabulary import CampaignState

SPECIAL = "special"
"""The kind of visit that a campaign marks (专项检查)."""

_DAY = timedelta(days=1)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign asks for. ``cells`` are leaf cells; ``ends`` is the moment from which it is over."""

    begins: datetime
    ends: datetime
    tags: frozenset[str]
    cells: frozenset[UUID]
    subjects: frozenset[UUID]
    record_kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Made:
    """What a record says of itself."""

    kind: str
    visit_kind: str
    performed_at: datetime
    subject_id: UUID | None
    cell_id: UUID | None


@dataclass(frozen=True, slots=True)
class Held:
    """A tag with its days, both included; without a last day it holds on."""

    tag: str
    from_day: date
    to_day: date | None

    def on(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)

    def between(self, first: date, last: date) -> bool:
        """Whether it holds on some day of these."""
        return self.from_day <= last and (self.to_day is None or first <= self.to_day)


def window_of(
    first_day: date, last_day: date, withdrawn_at: datetime | None, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """From when to before when a campaign lasts: 23:59 of its last day is in, 00:00 of the next is out."""
    ends = datetime.combine(last_day + _DAY, time(), zone)
    begins = datetime.combine(first_day, time(), zone)
    return begins, max(begins, min(ends, withdrawn_at)) if withdrawn_at else ends


def state_of(first_day: date, last_day: date, withdrawn: bool, today: date) -> CampaignState:
    """What has become of a campaign by a day."""
    if withdrawn:
        return CampaignState.WITHDRAWN
    if today < first_day:
        return CampaignState.UPCOMING
    return CampaignState.RUNNING if today <= last_day else CampaignState.OVER


def in_scope(terms: Terms, subject_id: UUID | None, cells: Collection[UUID], tags: Collection[str]) -> bool:
    """Whether a place is one of the campaign's: named, in one of its cells, or under one of its tags."""
    return (
        subject_id in terms.subjects or not terms.cells.isdisjoint(cells) or not terms.tags.isdisjoint(tags)
    )


def belongs(terms: Terms, made: Made, tags: Collection[str]) -> bool:
    """Whether a record belongs to a campaign; ``tags`` are those that its subject, or its cell, held on its day."""
    return (
        made.visit_kind == SPECIAL
        and (not terms.record_kinds or made.kind in terms.record_kinds)
        and terms.begins <= made.performed_at < terms.ends
        and in_scope(terms, made.subject_id, [made.cell_id] if made.cell_id else [], tags)
    )


def held_days(
    from_day: date, to_day: date | None, ended: bool, last_day: date | None
) -> tuple[date, date | None] | None:
    """The days of a tag with what ended it: the earlier last day counts; None where it never held."""
    if not ended:
        return from_day, to_day
    if last_day is None or last_day < from_day:
        return None
    return from_day, last_day if to_day is None else min(last_day, to_day)


def values_between(changes: Sequence[tuple[date, Value]], first: date, last: date) -> list[Value]:
    """What was so on some day from ``first`` to ``last``: of (from this day, value), in the order in which they hold.

    Of several from one day the last one counts.
    """
    by_day = dict(changes)
    days = sorted(by_day)
    before = [day for day in days if day <= first]
    within = [day for day in days if first < day <= last]
    return [by_day[day] for day in (*before[-1:], *within)]


def share(part: int, whole: int) -> float | None:
    """Part of whole to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None


def tags_at(held: Iterable[Held], day: date) -> frozenset[str]:
    """The tags among these that hold on a day."""
    return frozenset(one.tag for one in held if one.on(day))
