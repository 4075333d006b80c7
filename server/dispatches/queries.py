"""Reads of dispatches, always from what the actor may see."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_
from sqlalchemy.orm import aliased

from server.dispatches.models import Dispatch, DispatchPartner, DispatchPerson, DispatchVehicle
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.privacy.masking import mask_plate
from server.records.models import Record
from server.records.superseding import stands

TELLING = ("dispatch", "road_check", "patrol")
"""The kinds of record that tell of dispatches."""


def visible_to(actor: Actor, permission: Permission = Permission.RECORD_READ) -> Select[Dispatch]:
    """The dispatches of the actor's squads, and those that the actor was on; all of them for who sees the bureau."""
    dispatches = select(Dispatch).where(Dispatch.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(permission):
        return dispatches
    own = Dispatch.squad_id.in_(actor.squad_ids)
    if actor.person_id is None:
        return dispatches.where(own)
    on_it = select(DispatchPerson.dispatch_id).where(DispatchPerson.person_id == actor.person_id)
    return dispatches.where(or_(own, Dispatch.id.in_(on_it)))


def standing_at_desk(as_of: datetime) -> ColumnElement[bool]:
    """A condition on ``Dispatch``: known by ``as_of``, not withdrawn, and not replaced by then."""
    later = aliased(Dispatch)
    replaced = select(later.id).where(later.replaces_id == Dispatch.id, later.known_at <= as_of).exists()
    return and_(Dispatch.known_at <= as_of, ~Dispatch.withdrawn, ~replaced)


def counting(work: Work, as_of: datetime) -> ColumnElement[bool]:
    """A condition on ``Dispatch``: it counts as known by ``as_of``.

    One from a record counts while the record is the last word: an amendment of a session tells of its own. Of a patrol
    that several of its team ended, the one that began first counts.
    """
    standing = of_standing_records(work, as_of)
    earlier = aliased(Dispatch)
    before = (
        select(earlier.id)
        .where(
            earlier.bureau_id == Dispatch.bureau_id,
            earlier.patrol_id == Dispatch.patrol_id,
            standing(earlier),
            tuple_(earlier.started_at, earlier.record_id) < tuple_(Dispatch.started_at, Dispatch.record_id),
        )
        .exists()
    )
    return or_(and_(standing(Dispatch), ~before), and_(Dispatch.record_id.is_(None), standing_at_desk(as_of)))


def of_standing_records(work: Work, as_of: datetime) -> Callable[[Any], ColumnElement[bool]]:
    """A condition on ``Dispatch`` or an alias of it: a record tells of it that stood by ``as_of``."""
    records = select(Record.id).where(stands(work, as_of), Record.kind.in_(TELLING))
    return lambda dispatch: and_(dispatch.record_id.is_not(None), dispatch.record_id.in_(records))


def described(work: Work, dispatches: Sequence[Dispatch]) -> list[dict[str, Any]]:
    """Dispatches as schemas.dispatches.DispatchOut shows them: with names, plates, and what they count for."""
    ids = [one.id for one in dispatches]
    people: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for person, name in work.session.execute(
        select(DispatchPerson, Person.name)
        .outerjoin(Person, Person.id == DispatchPerson.person_id)
        .where(among(DispatchPerson.dispatch_id, ids))
        .order_by(DispatchPerson.dispatch_id, DispatchPerson.ordinal)
    ):
        people[person.dispatch_id].append({"person_id": person.person_id, "name": name, "kind": person.kind})
    vehicles: dict[uuid.UUID, list[DispatchVehicle]] = defaultdict(list)
    for vehicle in work.session.scalars(
        select(DispatchVehicle)
        .where(among(DispatchVehicle.dispatch_id, ids))
        .order_by(DispatchVehicle.dispatch_id, DispatchVehicle.ordinal)
    ):
        vehicles[vehicle.dispatch_id].append(vehicle)
    partners: dict[uuid.UUID, list[DispatchPartner]] = defaultdict(list)
    for partner in work.session.scalars(
        select(DispatchPartner)
        .where(among(DispatchPartner.dispatch_id, ids))
        .order_by(DispatchPartner.dispatch_id, DispatchPartner.ordinal)
    ):
        partners[partner.dispatch_id].append(partner)
    squads = dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )
    return [
        {
            "id": one.id,
            "source": one.source,
            "record_id": one.record_id,
            "patrol_id": one.patrol_id,
            "squad_id": one.squad_id,
            "squad": squads.get(one.squad_id) if one.squad_id else None,
            "day": one.started_at.astimezone(work.zone).date(),
            "started_at": one.started_at.astimezone(work.zone),
            "ended_at": one.ended_at.astimezone(work.zone),
            "task": one.task,
            "joint_mode": one.joint_mode,
            "known_at": one.known_at.astimezone(work.zone),
            "replaces_id": one.replaces_id,
            "withdrawn": one.withdrawn,
            "reason": one.reason,
            "people": people[one.id],
            "vehicles": [_vehicle(vehicle) for vehicle in vehicles[one.id]],
            "partner_units": partners[one.id],
            "officers": sum(person["kind"] == "officer" for person in people[one.id]),
            "others": sum(person["kind"] != "officer" for person in people[one.id]),
            "vehicle_count": len(vehicles[one.id]),
            "partner_people": sum(partner.people or 0 for partner in partners[one.id]),
        }
        for one in dispatches
    ]


def _vehicle(used: DispatchVehicle) -> dict[str, Any]:
    """The bureau's own vehicles by their plates; one that its register does not know may be somebody's own."""
    known = used.vehicle_id is not None or used.plate is None
    return {"vehicle_id": used.vehicle_id, "plate": used.plate if known else mask_plate(str(used.plate))}
