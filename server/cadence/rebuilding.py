"""Keeping the roll-ups by night and on demand: what was never counted, and what differs from what the facts say."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from server.cadence.models import Obligation
from server.cadence.roll_ups import answer_anew, differing, not_counted, recount
from server.cadence.upkeep import BATCH, resettle
from server.grids.models import DutyFact
from server.kernel.bulk import among
from server.kernel.work import Work


@dataclass(slots=True)
class Differences:
    """What was not as the facts have it: obligations settled otherwise, counted under others, and sums."""

    settled: int = 0
    answered: int = 0
    sums: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was."""
        return bool(self.settled or self.answered or self.sums)


def subjects_counted(work: Work) -> list[uuid.UUID]:
    """Every subject that owes something of a tier."""
    owing = select(Obligation.subject_id).where(
        Obligation.bureau_id == work.bureau_id, Obligation.tier.is_not(None)
    )
    return sorted(work.session.scalars(owing.distinct()))


def cells_counted(work: Work) -> list[uuid.UUID]:
    """Every cell that somebody answers or answered for."""
    return sorted(
        work.session.scalars(select(DutyFact.cell_id).where(DutyFact.bureau_id == work.bureau_id).distinct())
    )


def settle_again(work: Work, subject_ids: Sequence[uuid.UUID], found: Differences, *, write: bool) -> None:
    """Judge the subjects' whole histories again and keep what they say."""
    found.settled += resettle(work, subject_ids, write=write)


def answer_again(work: Work, cell_ids: Sequence[uuid.UUID], found: Differences, *, write: bool) -> None:
    """Look up again who answers for what lies in the cells."""
    found.answered += answer_anew(work, cell_ids, write=write)


def sum_again(work: Work, found: Differences, *, write: bool) -> None:
    """Compare the roll-ups with the obligations, and count them anew where they differ."""
    found.sums = differing(work)
    if found.sums and write:
        recount(work)


def count_waiting(work: Work) -> int:
    """Count a batch of what was never counted; returns of how many subjects that was, 0 when none is left."""
    waiting = sorted(work.session.scalars(not_counted(work).distinct().limit(BATCH)))
    if not waiting:
        return 0
    resettle(work, waiting)
    still = not_counted(work).where(among(Obligation.subject_id, waiting)).distinct()
    return len(waiting) - len(work.session.scalars(still).all())
