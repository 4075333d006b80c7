"""When subjects are open: as somebody noted it, else as is usual for their kind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from server.kernel.work import Work
from server.patrols.opening import last_words
from server.patrols.opening_week import Week
from server.planning.rulebook import Moments, PlanningNumbers, cut_on
from server.planning.subjects import Subject


@dataclass(frozen=True, slots=True)
class Hours:
    """The opening hours of subjects; ``noted`` are those that somebody noted of them."""

    usual: PlanningNumbers
    noted: dict[uuid.UUID, Week]
    zone: tzinfo

    def note(self, work: Work, subjects: Sequence[Subject]) -> None:
        """Look up what is known now of these subjects."""
        words = last_words(work, sorted(subject.id for subject in subjects))
        self.noted.update({subject_id: one.week for subject_id, one in words.items() if one.week is not None})

    def on(self, subject: Subject, day: date) -> Moments:
        """The spans of a day in which a subject is open, in order, cut at midnight."""
        week = self.noted.get(subject.id)
        if week is not None:
            return cut_on(week, day, self.zone)
        return self.usual.open_on(subject.hours_kind, day, self.zone)
