"""When subjects are open: as somebody noted it, else as is usual for their kind."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from server.kernel.bulk import among
from server.kernel.work import Work
from server.patrols.models import OpeningHours
from server.planning.rulebook import PlanningNumbers, Span, span_of, spans_on
from server.planning.subjects import Subject

Spans = list[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class Hours:
    """The opening hours of subjects."""

    usual: PlanningNumbers
    noted: Mapping[uuid.UUID, Mapping[int, Sequence[Span]]]
    zone: tzinfo

    def on(self, subject: Subject, day: date) -> Spans:
        """The spans of a day in which a subject is open, in order, cut at midnight."""
        week = self.noted.get(subject.id)
        if week is not None:
            return spans_on(week, day, self.zone)
        return self.usual.open_on(subject.hours_kind, day, self.zone)


def load_hours(
    work: Work, usual: PlanningNumbers, subjects: Sequence[Subject], days: Sequence[date]
) -> Hours:
    """The hours of these subjects on these days, as known now."""
    last_words = (
        select(OpeningHours.subject_id, OpeningHours.week)
        .where(
            OpeningHours.bureau_id == work.bureau_id,
            among(OpeningHours.subject_id, sorted(one.id for one in subjects)),
        )
        .ext(distinct_on(OpeningHours.subject_id))
        .order_by(OpeningHours.subject_id, OpeningHours.known_at.desc(), OpeningHours.id.desc())
    )
    noted = {
        subject_id: {int(day): [span_of(*span) for span in spans] for day, spans in week.items()}
        for subject_id, week in work.session.execute(last_words)
        if week is not None
    }
    return Hours(usual, noted, work.zone)


__all__ = ["Hours", "Spans", "load_hours", "time", "timedelta"]
