"""Noting when a subject is open, and reading it: the last word holds, and all of them stay."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from server.access.models import Account
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.work import Work
from server.org.models import Person
from server.patrols.models import OpeningHours
from server.patrols.opening_week import Week, read_week, spans_on

# What an answer tells of former words; all of them stay in the table.
SHOWN = 50


def hours_on(
    work: Work, subject_ids: Sequence[uuid.UUID], day: date
) -> dict[uuid.UUID, list[tuple[datetime, datetime]]]:
    """When each of these subjects is open on a day, as aware instants in order; without those of which nobody noted it.

    An empty list is a day on which it is closed. A span that began the day before and lasts past midnight is among them,
    whole, and the last one may end on the next day. What holds is the last word by ``work.now``, for days to come too.
    """
    return {
        subject_id: spans_on(noted.week, day, work.zone)
        for subject_id, noted in last_words(work, subject_ids).items()
        if noted.week is not None
    }


def last_words(work: Work, subject_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, OpeningHours]:
    """What was said last of each of these subjects of the bureau, which may be that it is not known (no week)."""
    last = (
        _words(work, subject_ids)
        .ext(distinct_on(OpeningHours.subject_id))
        .order_by(OpeningHours.subject_id, OpeningHours.known_at.desc(), OpeningHours.id.desc())
    )
    return {one.subject_id: one for one in work.session.scalars(last)}


def _words(work: Work, subject_ids: Sequence[uuid.UUID]) -> Select[OpeningHours]:
    return select(OpeningHours).where(
        OpeningHours.bureau_id == work.bureau_id, among(OpeningHours.subject_id, subject_ids)
    )


def note_hours(
    work: Work, kind: str, subject_id: uuid.UUID, week: Mapping[str, Any] | None, note: str | None
) -> None:
    """Note when a subject is open, or with no week that it is not known any more. The same said again is not noted twice.

    Raises:
        Problem: ``invalid``, see opening_week.read_week.
    """
    read = None if week is None else read_week(week)
    last = last_words(work, [subject_id]).get(subject_id)
    if last is None and read is None:
        return
    if last is not None and (last.week, last.note) == (read, note):
        return
    row = word(work, kind, subject_id, read, note)
    work.session.add(row)
    work.session.flush()
    record_event(work, "opening_hours.noted", [subject_id, row.id], known=read is not None)


def word(work: Work, kind: str, subject_id: uuid.UUID, week: Week | None, note: str | None) -> OpeningHours:
    """A row that says it, not written yet."""
    return OpeningHours(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        subject_kind=kind,
        subject_id=subject_id,
        week=None if week is None else dict(week),
        note=note,
        account_id=work.actor.account_id,
        known_at=work.now,
    )


def described(work: Work, kind: str, subject_id: uuid.UUID) -> dict[str, Any]:
    """What is known of one subject's hours as schemas.opening.OpeningHoursOut shows it, with the words before it."""
    said = (
        select(OpeningHours, func.coalesce(Person.name, Account.username))
        .outerjoin(Account, Account.id == OpeningHours.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .where(OpeningHours.bureau_id == work.bureau_id, OpeningHours.subject_id == subject_id)
        .order_by(OpeningHours.known_at.desc(), OpeningHours.id.desc())
        .limit(SHOWN)
    )
    words = [
        {
            "week": one.week,
            "note": one.note,
            "by": by,
            "known_at": one.known_at.astimezone(work.zone),
        }
        for one, by in work.session.execute(said)
    ]
    nothing = {"week": None, "note": None, "by": None, "known_at": None}
    return {
        "subject_kind": kind,
        "subject_id": subject_id,
        **(words[0] if words else nothing),
        "history": words[1:],
    }
