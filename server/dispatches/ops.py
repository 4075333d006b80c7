"""Writing dispatches down: drawn out of records before commit, and registered, corrected or withdrawn at the desk."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, insert, select

from server.dispatches.drawing import Drawn, drawn
from server.dispatches.models import Dispatch, DispatchPartner, DispatchPerson, DispatchVehicle
from server.dispatches.queries import standing_at_desk
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person, Squad, Vehicle
from server.patrols.models import Patrol
from server.records.head_counts import plate_of
from server.records.models import Record
from server.records.rules import MAX_FUTURE

Row = dict[str, Any]


def draw_out_dispatches(work: Work, record_ids: Sequence[uuid.UUID]) -> None:
    """Upkeep of ``record.dispatch``, ``record.road_check`` and ``record.patrol``: the dispatches that these tell of."""
    records = select(Record).where(among(Record.id, record_ids)).order_by(Record.performed_at, Record.id)
    told = [
        (record, found)
        for record in work.session.scalars(records)
        if (found := drawn(record.document)) is not None
    ]
    patrols = _patrols(work, {found.patrol_id for _, found in told if found.patrol_id})
    taken = set(work.session.scalars(select(Dispatch.id).where(among(Dispatch.id, [*record_ids, *patrols]))))
    rows: list[Row] = []
    lists: dict[uuid.UUID, Drawn] = {}
    for record, found in told:
        patrol = patrols.get(found.patrol_id) if found.patrol_id else None
        # Records made on the way name the patrol; of several records about it the first to come gets its id.
        dispatch_id = patrol.id if patrol is not None and patrol.id not in taken else record.id
        # A record that has the id of a dispatch of the desk is kept, and is not a second dispatch of that id.
        if dispatch_id in taken:
            continue
        taken.add(dispatch_id)
        lists[dispatch_id] = found
        rows.append(
            {
                "id": dispatch_id,
                "source": "form" if record.kind == "dispatch" else record.kind,
                "record_id": record.id,
                "patrol_id": found.patrol_id,
                "squad_id": record.squad_id or (patrol.squad_id if patrol else None),
                "started_at": record.performed_at,
                "ended_at": record.ended_at - timedelta(seconds=record.clock_offset_s),
                "task": found.task or (f"巡查：{patrol.name}" if patrol else None),
                "joint_mode": found.joint_mode,
                "known_at": record.received_at,
                "replaces_id": None,
                "withdrawn": False,
                "reason": None,
            }
        )
    _write(work, rows, lists)


def _patrols(work: Work, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Patrol]:
    own = select(Patrol).where(among(Patrol.id, sorted(ids)), Patrol.bureau_id == work.bureau_id)
    return {patrol.id: patrol for patrol in work.session.scalars(own)} if ids else {}


def register(work: Work, given: Mapping[str, Any]) -> Dispatch:
    """A dispatch written down at the desk, for one that no handheld told of; ``given`` as schemas.dispatches.DispatchIn.

    Raises:
        Problem: ``forbidden`` for another squad's; ``invalid`` for somebody or something that is not in the register, times
            in the wrong order or to come, and for a typed number (``people_told``, ``vehicles_told``) that differs.
    """
    return _register(work, given, replaces=None, reason=None)


def correct(work: Work, dispatch_id: uuid.UUID, given: Mapping[str, Any]) -> Dispatch:
    """Another version of a dispatch of the desk, with the reason; the one before stays as it is and no longer counts.

    Raises:
        Problem: ``not_found``; ``dispatch_of_record`` for one that a record told of, which is amended instead;
            ``conflict`` for one that was replaced already; as ``register``.
    """
    before = _to_replace(work, dispatch_id)
    return _register(work, given, replaces=before.id, reason=given["reason"])


def withdraw(work: Work, dispatch_id: uuid.UUID, reason: str) -> Dispatch:
    """Note that a dispatch of the desk never was; it stays to be read and no longer counts.

    Raises:
        Problem: as ``correct``.
    """
    before = _to_replace(work, dispatch_id)
    row = {
        **{
            name: getattr(before, name)
            for name in ("squad_id", "started_at", "ended_at", "task", "joint_mode")
        },
        "id": new_id(work.now),
        "source": "desk",
        "record_id": None,
        "patrol_id": None,
        "known_at": work.now,
        "replaces_id": before.id,
        "withdrawn": True,
        "reason": reason,
    }
    _write(work, [row], {})
    record_event(work, "dispatch.withdrawn", [row["id"], before.id], reason=reason)
    return work.session.get_one(Dispatch, row["id"])


def _to_replace(work: Work, dispatch_id: uuid.UUID) -> Dispatch:
    found = work.session.scalar(
        select(Dispatch).where(Dispatch.id == dispatch_id, Dispatch.bureau_id == work.bureau_id)
    )
    if found is None or not _may_write_for(work, found.squad_id):
        raise Problem("not_found")
    if found.record_id is not None:
        raise Problem("dispatch_of_record")
    standing = select(exists().where(Dispatch.id == found.id, standing_at_desk(work.now)))
    if found.withdrawn or not work.session.scalar(standing):
        detail = (
            "这次出动已被更正或撤销，请以最新的为准。It was corrected or withdrawn already; take the newest."
        )
        raise Problem("conflict", detail=detail)
    return found


def _may_write_for(work: Work, squad_id: uuid.UUID | None) -> bool:
    """Whoever leads the bureau writes for every squad, others for their own."""
    return work.actor.reaches_bureau(Permission.DISPATCH_WRITE) or squad_id in work.actor.squad_ids


def _register(
    work: Work, given: Mapping[str, Any], *, replaces: uuid.UUID | None, reason: str | None
) -> Dispatch:
    if not _may_write_for(work, given["squad_id"]):
        detail = "只能登记本中队的出动。Only dispatches of your own squad."
        raise Problem("forbidden", detail=detail)
    if given["ended_at"] < given["started_at"]:
        raise invalid("/ended_at", "ends_before_it_begins", "结束时间早于开始时间。It ends before it starts.")
    if given["started_at"] > work.now + MAX_FUTURE:
        raise invalid("/started_at", "in_future", "出动时间还没有到。The moment is still to come.")
    if (
        given["squad_id"] is not None
        and work.session.scalar(
            select(Squad.id).where(Squad.id == given["squad_id"], Squad.bureau_id == work.bureau_id)
        )
        is None
    ):
        raise invalid("/squad_id", "unknown", "没有这个中队。There is no such squad.")
    people = list(dict.fromkeys(given["people"]))
    _must_know_people(work, given["people"])
    plates = [plate_of(one) for one in given["vehicles"]]
    _must_know_vehicles(work, plates)
    _must_agree("/people_told", given["people_told"], len(people), "人", "人次")
    _must_agree("/vehicles_told", given["vehicles_told"], len(set(plates)), "辆", "辆次")
    row = {
        "id": new_id(work.now),
        "source": "desk",
        "record_id": None,
        "patrol_id": None,
        "squad_id": given["squad_id"],
        "started_at": given["started_at"],
        "ended_at": given["ended_at"],
        "task": given["task"],
        "joint_mode": given["joint_mode"],
        "known_at": work.now,
        "replaces_id": replaces,
        "withdrawn": False,
        "reason": reason,
    }
    partners = [(one["unit"], one["people"]) for one in given["partner_units"]]
    found = Drawn(row["task"], row["joint_mode"], [*people], list(dict.fromkeys(plates)), 0, partners)
    _write(work, [row], {row["id"]: found})
    act = "dispatch.corrected" if replaces else "dispatch.registered"
    record_event(work, act, [row["id"], *([replaces] if replaces else [])], reason=reason)
    return work.session.get_one(Dispatch, row["id"])


def _must_know_people(work: Work, people: Sequence[uuid.UUID]) -> None:
    known = _kinds_of(work, people)
    for place, one in enumerate(people):
        if one not in known:
            raise invalid(f"/people/{place}", "unknown", "人员档案里没有这个人。Nobody of that id is known.")


def _must_know_vehicles(work: Work, plates: Sequence[str]) -> None:
    known = _vehicles(work)
    for place, plate in enumerate(plates):
        if plate not in known:
            detail = f"本单位没有车牌为 {plate or '（空）'} 的车辆。The bureau has no such vehicle."
            raise invalid(f"/vehicles/{place}", "unknown", detail)


def _must_agree(path: str, told: int | None, listed: int, unit: str, counted: str) -> None:
    if told is not None and told != listed:
        detail = (
            f"自报{told}{unit}，列明{listed}{unit}；{counted}按列明的计，请核对。"
            f"{told} were typed and {listed} are listed; those listed count."
        )
        raise invalid(path, "count_differs", detail)


def _write(work: Work, rows: Sequence[Row], told: Mapping[uuid.UUID, Drawn]) -> None:
    """Insert dispatches with who and what was out; people and vehicles are looked up in the register."""
    if not rows:
        return
    kinds = _kinds_of(work, [one for found in told.values() for one in found.people if one])
    vehicles = _vehicles(work)
    people: list[Row] = []
    used: list[Row] = []
    partners: list[Row] = []
    for dispatch_id, found in told.items():
        own = {"bureau_id": work.bureau_id, "dispatch_id": dispatch_id}
        for ordinal, one in enumerate(found.people, start=1):
            known = one if one in kinds else None
            kind = kinds[known] if known else "unknown"
            people.append({**own, "ordinal": ordinal, "person_id": known, "kind": kind})
        plates: list[str | None] = [*found.plates, *[None] * found.unnamed]
        for ordinal, plate in enumerate(plates, start=1):
            vehicle = vehicles.get(plate) if plate else None
            used.append({**own, "ordinal": ordinal, "vehicle_id": vehicle, "plate": plate})
        for ordinal, (unit, count) in enumerate(found.partners, start=1):
            partners.append({**own, "ordinal": ordinal, "unit": unit, "people": count})
    for table, lines in (
        (Dispatch, [{**row, "bureau_id": work.bureau_id} for row in rows]),
        (DispatchPerson, people),
        (DispatchVehicle, used),
        (DispatchPartner, partners),
    ):
        if lines:
            work.session.execute(insert(table_of(table)), lines)


def _kinds_of(work: Work, people: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    known = select(Person.id, Person.kind).where(Person.bureau_id == work.bureau_id, among(Person.id, people))
    return dict(work.session.execute(known).all())


def _vehicles(work: Work) -> dict[str, uuid.UUID]:
    """The bureau's vehicles by plate, written in the one way."""
    own = select(Vehicle.plate, Vehicle.id).where(Vehicle.bureau_id == work.bureau_id)
    return {plate_of(plate): vehicle_id for plate, vehicle_id in work.session.execute(own)}
