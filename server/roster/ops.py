"""Writing the roster: entries, their withdrawal, and what a secondment gives to see."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import Range

from server.grids.ops import apply_due_scope, await_turn
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person, Secondment, Squad, SquadMember
from server.roster.models import RosterEntry
from server.roster.queries import holding, visible_to, writable_people
from server.roster.rules import Days, check_days, days_of, moments_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry to write: whose, why, when; of a secondment the squad or, outside the bureau, the unit."""

    person_id: uuid.UUID
    kind: str
    days: Days
    squad_id: uuid.UUID | None = None
    unit: str | None = None
    note: str | None = None


def enter(work: Work, given: Mapping[str, Any]) -> RosterEntry:
    """Write down that somebody is away; ``given`` as schemas.roster.RosterEntryIn.

    A secondment to a squad of the bureau gives the person what that squad sees, on those days and from today at the
    earliest; it is entered by whoever does so for the whole bureau, for a squad leader would open another's cells.

    Raises:
        Problem: ``not_found`` for somebody for whom the actor may not write; ``forbidden`` for such a secondment;
            ``roster_overlap`` with the entry in the way; ``invalid`` for days and places that cannot be.
    """
    since, until = (
        time.fromisoformat(given[name]) if given[name] else None for name in ("from_time", "to_time")
    )
    days = Days(given["first_day"], given["last_day"], since, until)
    wanted = Wanted(
        given["person_id"], given["kind"], days, given["squad_id"], given["unit"], given["note"] or None
    )
    known = select(Person.id).where(
        Person.id == wanted.person_id,
        Person.bureau_id == work.bureau_id,
        Person.id.in_(writable_people(work)),
    )
    if work.session.scalar(known) is None:
        detail = "没有这名人员，或不在您可排班的范围内。Nobody of that id, or not one whose roster you write."
        raise Problem("not_found", detail=detail)
    check(work, wanted)
    (entry,) = write(work, [wanted])
    return entry


def check(work: Work, wanted: Wanted) -> None:
    """Whether an entry can be written; the person is one for whom the actor may write.

    Raises:
        Problem: as ``enter``, but for ``not_found``.
    """
    seconded = wanted.kind == "secondment"
    if not seconded and (wanted.squad_id or wanted.unit):
        path = "/squad_id" if wanted.squad_id else "/unit"
        raise invalid(path, "secondment_only", "只有借调才填去向。Only a secondment goes somewhere.")
    if wanted.squad_id and wanted.unit:
        detail = "借调到本局中队或外单位，只填其一。A squad of the bureau or a unit outside, not both."
        raise invalid("/unit", "not_exactly_one", detail)
    check_days(wanted.days, work.now.astimezone(work.zone).date(), whole=seconded)
    if wanted.squad_id:
        _check_squad(work, wanted, wanted.squad_id)
    in_the_way = overlapping(work, wanted)
    if in_the_way is not None:
        raise _overlap(work, in_the_way)


def _check_squad(work: Work, wanted: Wanted, squad_id: uuid.UUID) -> None:
    _must_reach_bureau(work)
    squad = select(Squad.id).where(Squad.id == squad_id, Squad.bureau_id == work.bureau_id)
    if work.session.scalar(squad) is None:
        raise invalid("/squad_id", "unknown", "没有这个中队。There is no such squad.")
    member = select(SquadMember.id).where(
        SquadMember.person_id == wanted.person_id,
        SquadMember.squad_id == squad_id,
        SquadMember.valid.op("&&")(_range(wanted.days)),
    )
    if work.session.scalar(member.limit(1)) is not None:
        detail = "该人员在这些日子本就属于该中队。He is of that squad on those days anyway."
        raise invalid("/squad_id", "own_squad", detail)


def _must_reach_bureau(work: Work) -> None:
    if not work.actor.reaches_bureau(Permission.ROSTER_WRITE):
        detail = (
            "借调到本局中队由局领导或管理员登记。"
            "A secondment to a squad of the bureau is entered by a bureau leader or an administrator."
        )
        raise Problem("forbidden", detail=detail)


def overlapping(work: Work, wanted: Wanted) -> RosterEntry | None:
    """The first entry that holds and is in the way: of absences another absence, of secondments another secondment."""
    begins, ends = moments_of(wanted.days, work.zone)
    seconded = wanted.kind == "secondment"
    of_a_kind = RosterEntry.kind == "secondment" if seconded else RosterEntry.kind != "secondment"
    return work.session.scalar(
        holding(work.bureau_id)
        .where(RosterEntry.person_id == wanted.person_id, of_a_kind)
        .where(RosterEntry.begins < ends, RosterEntry.ends > begins)
        .order_by(RosterEntry.begins)
        .limit(1)
    )


def _overlap(work: Work, entry: RosterEntry) -> Problem:
    days = days_of(entry.begins, entry.ends, work.zone)
    detail = (
        f"与该人员 {days.first_day} 至 {days.last_day} 的排班重叠（{entry.id}）。"
        f"It overlaps the entry from {days.first_day} to {days.last_day} of this person."
    )
    return Problem("roster_overlap", detail=detail)


def write(work: Work, wanted: Sequence[Wanted], replaces: uuid.UUID | None = None) -> list[RosterEntry]:
    """Write checked entries down, and carry out what secondments among them give to see, once."""
    seconded = [one for one in wanted if one.kind == "secondment" and one.squad_id]
    if seconded:
        # Before any row is held, like whoever carries out a day.
        await_turn(work)
    entries = []
    for one in wanted:
        begins, ends = moments_of(one.days, work.zone)
        entry = RosterEntry(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            person_id=one.person_id,
            kind=one.kind,
            begins=begins,
            ends=ends,
            squad_id=one.squad_id,
            unit=one.unit,
            note=one.note,
            replaces_id=replaces,
            known_at=work.now,
            entered_by=work.actor.account_id,
        )
        entries.append(entry)
        if one.squad_id:
            work.session.add(
                Secondment(
                    id=entry.id,
                    bureau_id=work.bureau_id,
                    person_id=one.person_id,
                    squad_id=one.squad_id,
                    valid=_range(one.days),
                    known_at=work.now,
                )
            )
    work.session.add_all(entries)
    work.session.flush()
    for entry, one in zip(entries, wanted, strict=True):
        # The note is nobody's business who reads the trail.
        record_event(
            work,
            "roster.entered",
            [entry.id, entry.person_id],
            kind=entry.kind,
            squad_id=str(entry.squad_id) if entry.squad_id else None,
            first_day=one.days.first_day.isoformat(),
            last_day=one.days.last_day.isoformat(),
        )
    if seconded:
        apply_due_scope(work, changed=True)
    return entries


def withdraw(work: Work, entry_id: uuid.UUID, reason: str, last_day: date | None = None) -> RosterEntry:
    """Take an entry back, or with ``last_day`` let it end after that day; the entry that was stays to be read.

    What a secondment gave to see is taken back now, if no other ground gives it. Returns the entry that holds instead, or
    else the one that was withdrawn.

    Raises:
        Problem: ``not_found``; ``forbidden`` for a secondment to a squad, unless for the whole bureau;
            ``roster_withdrawn``; ``invalid`` for a last day that is not before its own.
    """
    entry = work.session.scalar(
        visible_to(work)
        .where(RosterEntry.id == entry_id, RosterEntry.person_id.in_(writable_people(work)))
        .with_for_update()
    )
    if entry is None:
        raise Problem("not_found")
    if entry.squad_id is not None:
        _must_reach_bureau(work)
    if entry.withdrawn_at is not None:
        raise Problem("roster_withdrawn")
    days = days_of(entry.begins, entry.ends, work.zone)
    if last_day is not None and not days.first_day <= last_day < days.last_day:
        detail = (
            "提前结束的日期须在原起止日之内。It has to lie between the first day and before the last one."
        )
        raise invalid("/last_day", "day_out_of_range", detail)
    if entry.squad_id is not None:
        await_turn(work)
        work.session.execute(delete(Secondment).where(Secondment.id == entry.id))
    entry.withdrawn_at, entry.withdrawn_by, entry.withdraw_reason = work.now, work.actor.account_id, reason
    work.session.flush()
    record_event(
        work,
        "roster.withdrawn",
        [entry.id, entry.person_id],
        last_day=last_day.isoformat() if last_day else None,
    )
    if last_day is None:
        if entry.squad_id is not None:
            apply_due_scope(work, changed=True)
        return entry
    shorter = Wanted(
        person_id=entry.person_id,
        kind=entry.kind,
        days=replace(days, last_day=last_day, to_time=None),
        squad_id=entry.squad_id,
        unit=entry.unit,
        note=entry.note,
    )
    (left,) = write(work, [shorter], replaces=entry.id)
    return left


def _range(days: Days) -> Range[date]:
    return Range(days.first_day, days.last_day, bounds="[]")
