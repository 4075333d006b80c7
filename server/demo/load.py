"""Loading the demo city: its registers, then its past, pushed batch by batch as devices push.

Every step has the time at which it happened, so that known_at, obligations and reports of past moments are true.
A run that broke off is taken up by the next one, and a finished city is only brought up to today.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any

from sqlalchemy import select, update

from server.access.models import Account, DeviceContact
from server.access.ops import hash_password
from server.cadence.models import Obligation, Waiver
from server.cadence.ops import materialise, waive
from server.demo import documents
from server.demo.approvals import approve_weeks
from server.demo.city import City, build_city
from server.demo.daybook import PlannedVisit
from server.demo.desk_work import work_at_desks
from server.demo.history import PlannedWaiver, closed_quarter, current_period_visits
from server.demo.planning import settle_planning
from server.demo.settling_in import (
    found_bureaus,
    settle_duties,
    settle_land,
    settle_outlets,
    settle_people,
    settle_rules,
)
from server.demo.staff import KNOWN_AT, ZONE
from server.kernel.actor import Actor, Told, house
from server.kernel.calendar import load_workdays
from server.kernel.events import Event, record_event
from server.kernel.ids import new_id
from server.kernel.packaged_workdays import Calendar
from server.kernel.permissions import Role
from server.kernel.work import Kernel, Work
from server.org.models import Bureau
from server.records.models import Record
from server.replication import COLLECTIONS, reader_of
from sync.push import push

# Before this moment the bureau worked on paper; Xunge's own figures begin with the third quarter.
IN_USE_FROM = datetime(2026, 6, 26, 9, 0, tzinfo=ZONE)
# The first working day after the National Day holiday: every handheld is back in the office and synced.
AFTER_HOLIDAY = datetime(2026, 10, 8, 9, 0, tzinfo=ZONE)
PAPER = "系统启用前，检查见纸质台账"
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a run did."""

    new_city: bool
    records: int


def load_demo(
    kernel: Kernel,
    now: datetime,
    password: str,
    calendar: Calendar,
    advance: Advance = lambda _done, _of: None,
) -> Loaded:
    """Load the demo city, or bring a loaded one up to ``now``. ``advance(done, of)`` tells how far it is."""
    city = build_city()

    def open_work(at: datetime) -> AbstractContextManager[Work]:
        return kernel.work(house(city.bureau.id), at)

    new_city = not _is_settled(kernel, city)
    if new_city:
        with open_work(KNOWN_AT) as work:
            found_bureaus(work, city)
            settle_people(work, city, hash_password(password))
            settle_rules(work, calendar)
            settle_land(work, city)
            settle_outlets(work, city)
            record_event(work, "demo.settled", [])
    with open_work(now) as work:
        settle_planning(work, city)
    if not _has_event(kernel, city, "demo.past"):
        settle_duties(open_work, city)
        with open_work(IN_USE_FROM) as work:
            materialise(work)
            _waive_paper_time(work)
        past = closed_quarter(city)
        records = _live_through(kernel, city, past.visits, past.waivers, advance)
        with open_work(AFTER_HOLIDAY) as work:
            _hear_from_all(work, city)
        with open_work(now) as work:
            record_event(work, "demo.past", [])
    else:
        records = 0
    if not _has_event(kernel, city, "demo.desks"):
        work_at_desks(kernel, city)
        with open_work(now) as work:
            record_event(work, "demo.desks", [])
    with open_work(now) as work:
        workdays = load_workdays(work.session, work.bureau_id)
    today = now.astimezone(ZONE).date()
    present = [visit for visit in current_period_visits(city, today, workdays) if visit.received_at < now]
    records += _live_through(kernel, city, _unknown(kernel, present), (), advance)
    with open_work(now) as work:
        materialise(work)
        approve_weeks(work, city, IN_USE_FROM.date())
        _hear_from_all(work, city)
    return Loaded(new_city, records)


def _hear_from_all(work: Work, city: City) -> None:
    """Every device in use tells that nothing is left in its queue."""
    for device in city.devices:
        work.session.add(_contact(work, device.id, device.clock_offset_s))


def _contact(work: Work, device_id: uuid.UUID, clock_offset_s: int) -> DeviceContact:
    return DeviceContact(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        device_id=device_id,
        heard_at=work.now,
        queue_length=0,
        clock_offset_s=clock_offset_s,
    )


def _is_settled(kernel: Kernel, city: City) -> bool:
    with kernel.sessions() as session:
        return session.get(Bureau, city.bureau.id) is not None


def _has_event(kernel: Kernel, city: City, name: str) -> bool:
    with kernel.sessions() as session:
        query = select(Event.seq).where(Event.bureau_id == city.bureau.id, Event.name == name).limit(1)
        return session.scalar(query) is not None


def _unknown(kernel: Kernel, visits: Sequence[PlannedVisit]) -> list[PlannedVisit]:
    """The visits whose records are not stored yet."""
    with kernel.sessions() as session:
        known = set(
            session.scalars(select(Record.id).where(Record.id.in_([visit.record_id for visit in visits])))
        )
    return [visit for visit in visits if visit.record_id not in known]


def _waive_paper_time(work: Work) -> None:
    """What fell due before the system was in use is excused with its reason; 2026-W08 needs none, for no day of it
    was a working day.
    """
    waived = select(Waiver.obligation_id)
    ids = work.session.scalars(
        select(Obligation.id).where(
            Obligation.bureau_id == work.bureau_id,
            Obligation.last_day < datetime(2026, 7, 1, tzinfo=ZONE).date(),
            Obligation.key != "2026-W08",
            Obligation.id.not_in(waived),
        )
    ).all()
    if ids:
        waive(work, ids, PAPER)


def _live_through(
    kernel: Kernel,
    city: City,
    visits: Sequence[PlannedVisit],
    waivers: Sequence[PlannedWaiver],
    advance: Advance,
) -> int:
    """Push the visits as their devices did and waive as the leaders did, in the order in which it happened.

    What is owed is written down each new day, as the nightly job does.
    """
    happenings: list[tuple[datetime, Callable[[], None]]] = [
        (waiver.at, lambda waiver=waiver: _waive(kernel, city, waiver))  # type: ignore[misc]
        for waiver in waivers
    ]
    for (received_at, _), batch in groupby(visits, key=lambda visit: (visit.received_at, visit.device_id)):
        rows = list(batch)
        happenings.append((received_at, lambda rows=rows: _push(kernel, city, rows)))  # type: ignore[misc]
    night: object = None
    happenings.sort(key=lambda happening: happening[0])
    for number, (at, act) in enumerate(happenings, start=1):
        if (day := at.astimezone(ZONE).date()) != night:
            night = day
            with kernel.work(house(city.bureau.id), at) as work:
                materialise(work)
        act()
        advance(number, len(happenings))
    return len(visits)


def _push(kernel: Kernel, city: City, batch: Sequence[PlannedVisit]) -> None:
    """One device's batch, through the same push that devices call; then its word that nothing is left to send."""
    first = batch[0]
    device = next(device for device in city.devices if device.id == first.device_id)
    body = json.dumps(
        [{"newDocumentState": document_of(city, visit)} for visit in batch], ensure_ascii=False
    ).encode()
    shown = first.received_at + timedelta(seconds=device.clock_offset_s)
    actor = replace(_actor_of(city, device.person_id, device.id), told=Told(device_time=shown))
    with kernel.work(actor, first.received_at) as work:
        push(work, reader_of(work), COLLECTIONS["records"], body)
        work.session.add(_contact(work, device.id, device.clock_offset_s))


def _waive(kernel: Kernel, city: City, waiver: PlannedWaiver) -> None:
    account = next(account for account in city.accounts if account.username == waiver.by)
    actor = Actor(bureau_id=city.bureau.id, account_id=account.id, roles=frozenset(account.roles))
    with kernel.work(actor, waiver.at) as work:
        ids = work.session.scalars(
            select(Obligation.id)
            .where(Obligation.subject_id == waiver.outlet_id, Obligation.tier == waiver.tier)
            .where(Obligation.key == waiver.key)
        ).all()
        waive(work, ids, waiver.reason)


def _actor_of(city: City, person_id: uuid.UUID, device_id: uuid.UUID) -> Actor:
    person = next(person for person in city.people if person.id == person_id)
    account = next(account for account in city.accounts if account.person_id == person_id)
    return Actor(
        bureau_id=city.bureau.id,
        account_id=account.id,
        roles=frozenset({Role.OFFICER}),
        person_id=person_id,
        squad_ids=(person.squad_id,),
        device_id=device_id,
    )


def document_of(city: City, visit: PlannedVisit) -> dict[str, Any]:
    """The document that the visit's device pushes; the same visit gives the same document every time."""
    numbers = {held.person_id: held.cert_no for held in city.certificates}
    rng = Random(str(visit.record_id))  # noqa: S311  Invented photos need no secrecy.
    given = documents.Visit(
        record_id=visit.record_id,
        edit_id=visit.edit_id,
        signers=[documents.Signer(person_id=p, cert_no=numbers.get(p)) for p in visit.person_ids],
        started_at=visit.started_at,
        ended_at=visit.ended_at,
        lon=visit.lon,
        lat=visit.lat,
        subject_id=visit.subject_id,
        subject_kind=visit.subject_kind,
        licence_no=next((shop.licence_no for shop in city.outlets if shop.id == visit.subject_id), None),
        accuracy_m=visit.accuracy_m,
        device_id=visit.device_id,
        squad_id=visit.squad_id,
        cell_id=visit.cell_id,
        clock_offset_s=visit.clock_offset_s,
        visit_kind=visit.visit_kind,
        makes_up=visit.makes_up,
    )
    if visit.kind == "ecig_check":
        return documents.ecig_check(visit.tier, given, rng, cause=visit.cause)  # type: ignore[arg-type]
    if visit.kind == "road_check":
        return documents.road_check(
            given, rng, stops=[(stop.stopped_at, stop.goods_found) for stop in visit.stops]
        )
    if visit.kind == "depot_check":
        return documents.depot_check(given, rng, abnormal=visit.cause is not None)
    if visit.kind == "attempt":
        return documents.attempt(given, rng)
    return documents.site_visit(given, rng, cause=visit.cause)


def usernames(kernel: Kernel, city: City) -> list[tuple[str, list[str]]]:
    """The demo's accounts with their roles."""
    with kernel.sessions() as session:
        return [
            (username, roles)
            for username, roles in session.execute(
                select(Account.username, Account.roles)
                .where(Account.bureau_id == city.bureau.id)
                .order_by(Account.username)
            )
        ]


def reset_passwords(kernel: Kernel, city: City, password_hash: str, now: datetime) -> None:
    """Give every account of the demo one new password."""
    with kernel.work(house(city.bureau.id), now) as work:
        work.session.execute(
            update(Account).where(Account.bureau_id == work.bureau_id).values(password_hash=password_hash)
        )
        record_event(work, "demo.passwords_reset", [])
