"""Reads of the roster: for people, always from what the actor may see; for planners, who is away and who works where.

Nothing here counts anybody's days: the roster is for planning, and no figure is made of people.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, Select, or_, select
from sqlalchemy.dialects.postgresql import Range

from schemas.vocabulary import RosterKind
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.models import Person, Secondment, Squad, SquadMember
from server.roster.models import RosterEntry
from server.roster.rules import days_of


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away from ``begins`` to before ``ends``; ``squad_id`` is the squad of the bureau he is seconded to."""

    kind: RosterKind
    begins: datetime
    ends: datetime
    squad_id: uuid.UUID | None

    def is_from(self, squad_id: uuid.UUID) -> bool:
        """Whether he is away from this squad too: seconded to it he is there."""
        return self.squad_id != squad_id


def holding(bureau_id: uuid.UUID) -> Select[RosterEntry]:
    """The entries of a bureau that were not withdrawn."""
    return select(RosterEntry).where(RosterEntry.bureau_id == bureau_id, RosterEntry.withdrawn_at.is_(None))


def absences(work: Work, first_day: date, last_day: date) -> dict[uuid.UUID, list[Absence]]:
    """Who of the bureau is away at any moment of these days (both included), and from when to when, in order.

    Spans are told whole, also beyond these days. Leave may fall into a secondment, so two of one person may overlap. For
    planners, who are given no reasons; it is not narrowed to what the actor may see.
    """
    since = datetime.combine(first_day, time.min, work.zone)
    until = datetime.combine(last_day + timedelta(days=1), time.min, work.zone)
    found: dict[uuid.UUID, list[Absence]] = defaultdict(list)
    for entry in work.session.scalars(
        holding(work.bureau_id)
        .where(RosterEntry.begins < until, RosterEntry.ends > since)
        .order_by(RosterEntry.begins, RosterEntry.id)
    ):
        kind = RosterKind(entry.kind)
        found[entry.person_id].append(Absence(kind, entry.begins, entry.ends, entry.squad_id))
    return dict(found)


def squad_on(work: Work, day: date) -> dict[uuid.UUID, uuid.UUID]:
    """The squad that each person of the bureau works with on a day: his own, or the one that he is seconded to.

    Whoever is in no squad, or seconded to a unit outside, is not in it.
    """
    members = select(SquadMember.person_id, SquadMember.squad_id).where(
        SquadMember.bureau_id == work.bureau_id, SquadMember.valid.op("@>")(day)
    )
    squads: dict[uuid.UUID, uuid.UUID] = dict(work.session.execute(members).all())
    noon = datetime.combine(day, time(12), work.zone)
    for person_id, squad_id in work.session.execute(
        holding(work.bureau_id)
        .where(RosterEntry.kind == "secondment", RosterEntry.begins <= noon, RosterEntry.ends > noon)
        .with_only_columns(RosterEntry.person_id, RosterEntry.squad_id)
    ):
        if squad_id is None:
            squads.pop(person_id, None)
        else:
            squads[person_id] = squad_id
    return squads


def visible_to(work: Work) -> Select[RosterEntry]:
    """The entries that the actor may see, withdrawn ones too: his own; those of the people who are in his squads today or
    later, or seconded to them, for whoever writes rosters; of the whole bureau for whoever does so for all of it.
    """
    actor = work.actor
    entries = select(RosterEntry).where(RosterEntry.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.ROSTER_READ):
        return entries
    own = RosterEntry.person_id == actor.person_id
    if Permission.ROSTER_WRITE not in actor.permissions:
        return entries.where(own)
    with_him = RosterEntry.person_id.in_(_people_of(actor.squad_ids, _from_today(work)))
    return entries.where(or_(own, with_him))


def writable_people(work: Work) -> Select[uuid.UUID]:
    """The ids of the people for whom the actor may write: who are in his squads today or later, or in the bureau."""
    if work.actor.reaches_bureau(Permission.ROSTER_WRITE):
        return select(Person.id).where(Person.bureau_id == work.bureau_id)
    may = Permission.ROSTER_WRITE in work.actor.permissions
    return _members(work.actor.squad_ids if may else (), _from_today(work))


def entries_of(work: Work, query: Mapping[str, Any]) -> Select[RosterEntry]:
    """The entries in scope that a query asks for, as schemas.roster.RosterQuery has it; no page yet."""
    wanted = visible_to(work)
    if not query["all"]:
        wanted = wanted.where(RosterEntry.withdrawn_at.is_(None))
    if query["kind"]:
        wanted = wanted.where(RosterEntry.kind == query["kind"])
    if query["person_id"]:
        wanted = wanted.where(RosterEntry.person_id == query["person_id"])
    if query["squad_id"]:
        days = Range(query["from_day"], query["to_day"], bounds="[]")
        wanted = wanted.where(RosterEntry.person_id.in_(_people_of([query["squad_id"]], days)))
    if query["from_day"]:
        wanted = wanted.where(RosterEntry.ends > datetime.combine(query["from_day"], time.min, work.zone))
    if query["to_day"]:
        until = datetime.combine(query["to_day"] + timedelta(days=1), time.min, work.zone)
        wanted = wanted.where(RosterEntry.begins < until)
    return wanted


def _from_today(work: Work) -> Range[date]:
    return Range(work.now.astimezone(work.zone).date(), None)


def _members(squad_ids: Sequence[uuid.UUID], days: Range[date]) -> Select[uuid.UUID]:
    return select(SquadMember.person_id).where(
        SquadMember.squad_id.in_(squad_ids), SquadMember.valid.op("&&")(days)
    )


def _people_of(squad_ids: Sequence[uuid.UUID], days: Range[date]) -> CompoundSelect[uuid.UUID]:
    """Whoever is in one of the squads on one of the days, or is seconded to it."""
    seconded = select(Secondment.person_id).where(
        Secondment.squad_id.in_(squad_ids), Secondment.valid.op("&&")(days)
    )
    return _members(squad_ids, days).union(seconded)


def described(work: Work, entries: Sequence[RosterEntry]) -> list[dict[str, Any]]:
    """Entries as schemas.roster.RosterEntryOut shows them.

    Why somebody is on leave is private: the note and why it was withdrawn are shown to himself and to whoever may write
    his roster, and to others kind and days alone.
    """
    people = {
        person.id: person
        for person in work.session.scalars(
            select(Person).where(among(Person.id, [one.person_id for one in entries]))
        )
    }
    squads = dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )
    writable = set(work.session.scalars(writable_people(work)))
    told = []
    for one in entries:
        days = days_of(one.begins, one.ends, work.zone)
        open_to = one.person_id in writable or one.person_id == work.actor.person_id
        told.append(
            {
                "id": one.id,
                "person_id": one.person_id,
                "person": people[one.person_id].name,
                "kind": one.kind,
                "kind_zh": RosterKind(one.kind).label_zh,
                "first_day": days.first_day,
                "last_day": days.last_day,
                "from_time": f"{days.from_time:%H:%M}" if days.from_time else None,
                "to_time": f"{days.to_time:%H:%M}" if days.to_time else None,
                "begins": one.begins.astimezone(work.zone),
                "ends": one.ends.astimezone(work.zone),
                "squad_id": one.squad_id,
                "squad": squads.get(one.squad_id) if one.squad_id else None,
                "unit": one.unit,
                "note": one.note if open_to else None,
                "replaces_id": one.replaces_id,
                "known_at": one.known_at.astimezone(work.zone),
                "withdrawn_at": one.withdrawn_at.astimezone(work.zone) if one.withdrawn_at else None,
                "withdraw_reason": one.withdraw_reason if open_to else None,
            }
        )
    return told
