"""Person-times and vehicle-times (人次、辆次): counted from dispatches, and told apart where only records tell of one."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from server.dispatches.models import Dispatch, DispatchPartner, DispatchPerson, DispatchVehicle
from server.dispatches.queries import counting, of_standing_records
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.models import Person
from server.records.models import Record, RecordOfficer
from server.reports.field_facts import FINDING_KINDS, Fact, Span, standing_records

# What somebody goes out for; a call by telephone or a paper written at the desk is none of it. Sessions tell of themselves.
_OUTDOORS = (*(kind for kind in FINDING_KINDS if kind != "road_check"), "attempt", "household_visit")
# A dispatch of the evening before may still be under way on the first day.
_LONGEST = timedelta(days=3)


def dispatch_facts(work: Work, span: Span) -> Iterator[Fact]:
    """Dispatches by the day on which they start, with their officers, others, vehicles and partners' people.

    ``partners/<unit>`` are people of another unit: never among ours (C30 of the domain).
    """
    found = select(Dispatch.id, Dispatch.started_at, Dispatch.squad_id).where(
        Dispatch.bureau_id == work.bureau_id,
        counting(work, span.as_of),
        span.holds(work, Dispatch.started_at),
        _in_scope(work),
    )
    days: dict[uuid.UUID, tuple[date, uuid.UUID | None]] = {}
    for row in work.session.execute(found):
        day = row.started_at.astimezone(work.zone).date()
        days[row.id] = (day, row.squad_id)
        yield Fact("dispatches", row.id, "dispatch", 1, day, row.squad_id)
    wanted = found.with_only_columns(Dispatch.id)

    def of(figure: str, dispatch_id: uuid.UUID, amount: int) -> Fact:
        day, squad_id = days[dispatch_id]
        return Fact(figure, dispatch_id, "dispatch", amount, day, squad_id)

    people = select(DispatchPerson.dispatch_id, DispatchPerson.kind)
    for dispatch_id, kind in work.session.execute(people.where(DispatchPerson.dispatch_id.in_(wanted))):
        yield of("person_times" if kind == "officer" else "other_person_times", dispatch_id, 1)
    used = select(DispatchVehicle.dispatch_id, DispatchVehicle.plate)
    for dispatch_id, plate in work.session.execute(used.where(DispatchVehicle.dispatch_id.in_(wanted))):
        yield of("vehicle_times", dispatch_id, 1)
        if plate is None:
            yield of("vehicles_unnamed", dispatch_id, 1)
    partners = select(DispatchPartner.dispatch_id, DispatchPartner.unit, DispatchPartner.people)
    for dispatch_id, unit, count in work.session.execute(
        partners.where(DispatchPartner.dispatch_id.in_(wanted), DispatchPartner.people > 0)
    ):
        yield of("partner_person_times", dispatch_id, count or 0)
        yield of(f"partners/{unit}", dispatch_id, count or 0)


def derived_facts(work: Work, span: Span) -> Iterator[Fact]:
    """Dispatches that nobody told of (按记录推算), from records that name none: one a team and day, without vehicles.

    A team is whoever signed with one another on that day. A record made while somebody of it was out on a dispatch or a
    patrol that is told of belongs to that one. Each fact has the id of the team's first record.
    """
    out = _out(work, span)
    # Records made on a patrol name the patrol, whichever record of it counts as its dispatch.
    known = select(func.coalesce(Dispatch.patrol_id, Dispatch.id)).where(
        Dispatch.bureau_id == work.bureau_id, counting(work, span.as_of)
    )
    rows = (
        select(Record.id, Record.performed_at, Record.squad_id, RecordOfficer.person_id)
        .join(RecordOfficer, RecordOfficer.record_id == Record.id)
        .join(Person, and_(Person.id == RecordOfficer.person_id, Person.kind == "officer"))
        .where(
            or_(
                and_(
                    standing_records(work, span, _OUTDOORS),
                    or_(Record.dispatch_id.is_(None), Record.dispatch_id.not_in(known)),
                ),
                # A session that names none is a dispatch by itself.
                and_(standing_records(work, span, ("road_check",)), Record.dispatch_id.not_in(known)),
            ),
        )
        .order_by(Record.performed_at, Record.id, RecordOfficer.ordinal)
    )
    signed: dict[uuid.UUID, tuple[datetime, uuid.UUID | None, set[uuid.UUID]]] = {}
    for record_id, at, squad_id, person_id in work.session.execute(rows):
        if person_id is not None:
            signed.setdefault(record_id, (at, squad_id, set()))[2].add(person_id)
    # By day, the teams so far: their people and the fact of their first record.
    teams: dict[date, list[tuple[set[uuid.UUID], Fact]]] = defaultdict(list)
    for record_id, (at, squad_id, people) in signed.items():
        if any(begin <= at <= end for person in people for begin, end in out.get(person, ())):
            continue
        day = at.astimezone(work.zone).date()
        met = [team for team in teams[day] if team[0] & people]
        first = met[0][1] if met else Fact("derived_dispatches", record_id, "record", 1, day, squad_id)
        teams[day] = [team for team in teams[day] if team not in met]
        teams[day].append((people.union(*(team[0] for team in met)), first))
    for found in teams.values():
        for people, first in found:
            yield first
            yield first._replace(figure="derived_person_times", amount=len(people))


def _out(work: Work, span: Span) -> dict[uuid.UUID, list[tuple[datetime, datetime]]]:
    """By person, from when to when they were out on dispatches that are told of.

    Of a patrol that several of its team ended every record counts here: whoever only a second one names was out as well.
    """
    wider = replace(span, first=span.first - _LONGEST)
    standing = of_standing_records(work, span.as_of)
    query = (
        select(DispatchPerson.person_id, Dispatch.started_at, Dispatch.ended_at)
        .join(Dispatch, Dispatch.id == DispatchPerson.dispatch_id)
        .where(
            Dispatch.bureau_id == work.bureau_id,
            or_(counting(work, span.as_of), and_(Dispatch.patrol_id.is_not(None), standing(Dispatch))),
            wider.holds(work, Dispatch.started_at),
            DispatchPerson.person_id.is_not(None),
        )
    )
    out: dict[uuid.UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    for person_id, begin, end in work.session.execute(query):
        if person_id is not None:
            out[person_id].append((begin, end))
    return out


def _in_scope(work: Work) -> ColumnElement[bool]:
    if work.actor.reaches_bureau(Permission.REPORT_READ):
        return true()
    return Dispatch.squad_id.in_(work.actor.squad_ids)
