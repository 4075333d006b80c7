"""What is owed round a day and not settled, by tier and by trigger, judged: for whoever tells people of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, DutyRule, ObligationState, SubjectKind
from server.cadence.histories import LONGEST_GRACE, load_histories
from server.cadence.judging import judged_rows
from server.cadence.models import Obligation
from server.cadence.periods import periods_between
from server.cadence.queries import names_of
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import Outlet

# The others are done, excused or void.
UNSETTLED = frozenset(
    {
        ObligationState.UPCOMING,
        ObligationState.OPEN,
        ObligationState.ATTEMPTED,
        ObligationState.DUE,
        ObligationState.MISSED,
    }
)


class Unsettled(NamedTuple):
    """A judged obligation; ``duty`` is its tier or the rule of its trigger, ``key`` its period or None.

    ``trigger_id`` is null for what a tier asks for, ``attempts`` how often officers stood before a closed door.
    """

    obligation_id: uuid.UUID
    subject_kind: str
    subject_id: uuid.UUID
    cell_id: uuid.UUID | None
    duty: str
    key: str | None
    trigger_id: uuid.UUID | None
    first_day: date
    last_day: date
    grace_last_day: date
    state: ObligationState
    attempts: int
    provisional: bool


class Called(NamedTuple):
    """What a subject is called, the number by which it is known, and where it is, as far as its register says so."""

    name: str
    number: str
    address: str | None


def unsettled(
    work: Work, as_of: datetime, *, since: date, begins_by: date, ends_by: date = date.max
) -> Iterator[Unsettled]:
    """What is not settled at ``as_of`` of all that begins and ends by these days, and whose grace lasted to ``since``.

    Nobody's scope is looked at. ``as_of`` is now or later: what is owed then if nothing more is done.
    """
    yield from _of_tiers(work, as_of, since, begins_by, ends_by)
    yield from _triggered(work, as_of, since, begins_by, ends_by)


def _of_tiers(
    work: Work, as_of: datetime, since: date, begins_by: date, ends_by: date
) -> Iterable[Unsettled]:
    """What tiers ask for, judged in the database."""
    keys = {
        tier: [period.key for period in periods_between(tier, since - LONGEST_GRACE, min(begins_by, ends_by))]
        for tier in CadenceTier
    }
    with judged_rows(work, as_of, keys) as rows:
        near = select(rows).where(
            rows.c.state.in_(UNSETTLED),
            rows.c.first_day <= begins_by,
            rows.c.last_day <= ends_by,
            rows.c.grace_last_day >= since,
        )
        found = work.session.execute(near).all()
    for row in found:
        yield Unsettled(
            row.obligation_id,
            SubjectKind.OUTLET,
            row.subject_id,
            row.cell_id,
            row.tier,
            row.key,
            None,
            row.first_day,
            row.last_day,
            row.grace_last_day,
            ObligationState(row.state),
            len(row.attempts),
            row.provisional,
        )


def _triggered(
    work: Work, as_of: datetime, since: date, begins_by: date, ends_by: date
) -> Iterable[Unsettled]:
    """What something triggered, judged by the rules: few, and each carries its own window."""
    near = (
        Obligation.bureau_id == work.bureau_id,
        Obligation.trigger_id.is_not(None),
        Obligation.met_by.is_(None),
        Obligation.first_day <= begins_by,
        Obligation.last_day <= ends_by,
        Obligation.grace_last_day >= since,
    )
    wanted = set(work.session.scalars(select(Obligation.id).where(*near)))
    if not wanted:
        return
    subjects = work.session.scalars(select(Obligation.subject_id).where(*near).distinct()).all()
    rulebook = load_timeline(work).rulebook
    for loaded in load_histories(work, subjects).values():
        for judgement in judge(loaded.history, rulebook, as_of, loaded.last_met):
            row = loaded.owed[judgement.obligation.id]
            if row.id in wanted and judgement.state in UNSETTLED:
                yield Unsettled(
                    row.id,
                    row.subject_kind,
                    row.subject_id,
                    judgement.cell_id or loaded.cell_id,
                    row.rule,
                    None,
                    row.trigger_id,
                    row.first_day,
                    row.last_day,
                    row.grace_last_day,
                    judgement.state,
                    len(judgement.attempts),
                    judgement.provisional,
                )


def called(work: Work, subject_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Called]:
    """What the subjects are called, by id; those that no register holds are left out."""
    placed = select(Outlet.id, Outlet.address).where(among(Outlet.id, subject_ids))
    addresses: dict[uuid.UUID, str | None] = dict(work.session.execute(placed).all())
    return {
        subject_id: Called(name, number, addresses.get(subject_id))
        for subject_id, (name, number) in names_of(work, subject_ids).items()
    }


def duty_label(duty: str) -> str:
    """The Chinese name of a tier or of the rule of a triggered duty."""
    return CadenceTier(duty).label_zh if duty in list(CadenceTier) else DutyRule(duty).label_zh
