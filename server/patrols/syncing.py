"""Patrols on handhelds: the documents of a published plan, who sees them, and telling them to look again.

A patrol belongs to its squad and not to a cell, so it is told to the squad by itself; its stops' subjects come with their
cells. What is not published, or has left the record window, reaches a handheld as a tombstone.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    SQLColumnExpression,
    Text,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from schemas.vocabulary import PlanState
from server.approvals.models import InspectionApproval
from server.cadence.duty_models import DutySubject
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.work import Work
from server.org.models import Person, SquadMember, Vehicle
from server.outlets.models import Outlet, Site
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolStop
from sync.feed import touch

PUBLISHED = PlanState.PUBLISHED.value


# ── documents ─────────────────────────────────────────────────────────────────────────────────────


def synced_patrols(
    ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID], today: ColumnElement[Any]
) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``patrols``: of a published plan, for its team and for the squad of the day."""
    return _patrols(ids).where(*_on_handhelds(person_id, today))


def synced_stops(
    ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID], today: ColumnElement[Any]
) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``stops``: those of the patrols that the reader sees."""
    return _stops(ids).where(*_on_handhelds(person_id, today))


def held_patrols(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """The bureau's patrols as they stand, for the desk."""
    return _patrols(ids).where(Patrol.bureau_id == bureau_id)


def held_stops(ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The bureau's stops as they stand, for the desk."""
    return _stops(ids).where(PatrolStop.bureau_id == bureau_id)


def _on_handhelds(
    person_id: ColumnElement[uuid.UUID], today: ColumnElement[Any]
) -> tuple[ColumnElement[bool], ...]:
    """Conditions on ``Patrol`` and ``PatrolPlan``: published, not retired, and the reader's own or his squad's today."""
    on_team = select(PatrolMember.person_id).where(
        PatrolMember.patrol_id == Patrol.id, PatrolMember.person_id == person_id
    )
    in_squad = select(SquadMember.id).where(
        SquadMember.person_id == person_id,
        SquadMember.squad_id == Patrol.squad_id,
        SquadMember.valid.op("@>")(today),
    )
    return (
        PatrolPlan.state == PUBLISHED,
        PatrolPlan.retired_at.is_(None),
        or_(on_team.exists(), in_squad.exists()),
    )


def _patrols(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    vehicle = func.json_build_object("id", Vehicle.id, "plate", Vehicle.plate)
    member = func.json_build_object(
        "person_id", PatrolMember.person_id, "name", Person.name, "part", PatrolMember.part
    )
    members = (
        select(func.json_agg(aggregate_order_by(member, PatrolMember.ordinal)))
        .join(Person, Person.id == PatrolMember.person_id)
        .where(PatrolMember.patrol_id == Patrol.id)
    )
    approval_no = select(InspectionApproval.approval_no).where(
        InspectionApproval.id == PatrolPlan.approval_id
    )
    fields = func.json_build_object(
        "id", Patrol.id,
        "edit_id", Patrol.edit_id,
        "_deleted", False,
        "plan_id", Patrol.plan_id,
        "squad_id", Patrol.squad_id,
        "day", Patrol.day,
        "name", Patrol.name,
        "mode", Patrol.mode,
        "vehicle", select(vehicle).where(Vehicle.id == Patrol.vehicle_id).scalar_subquery(),
        "starts_at", Patrol.starts_at,
        "ends_at", Patrol.ends_at,
        "start", _place(Patrol.start_name, Patrol.start_place),
        "end", _place(Patrol.end_name, Patrol.end_place),
        "leaves_at", Patrol.leaves_at,
        "returns_at", Patrol.returns_at,
        "metres", Patrol.metres,
        "travel_s", Patrol.travel_s,
        "service_s", Patrol.service_s,
        "line", cast(func.ST_AsGeoJSON(Patrol.line, 6), JSON),
        "members", func.coalesce(members.scalar_subquery(), func.json_build_array()),
        "approval_no", approval_no.scalar_subquery(),
        "ways", PatrolPlan.ways,
    )  # fmt: skip
    return (
        select(cast(fields, Text).label("document"), Patrol.edit_id)
        .join(PatrolPlan, PatrolPlan.id == Patrol.plan_id)
        .where(Patrol.id == ids)
    )


def _place(name: SQLColumnExpression[str], place: SQLColumnExpression[WKBElement]) -> ColumnElement[Any]:
    return func.json_build_object("name", name, "lon", func.ST_X(place), "lat", func.ST_Y(place))


def subject_name(subject_id: SQLColumnExpression[uuid.UUID]) -> ColumnElement[str | None]:
    """What a subject is called in whichever register holds it, null where none does."""
    return func.coalesce(
        *(
            select(table.name).where(table.id == subject_id).scalar_subquery()
            for table in (Outlet, Site, DutySubject)
        )
    )


def _stops(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    fields = func.json_build_object(
        "id", PatrolStop.id,
        "edit_id", PatrolStop.edit_id,
        "_deleted", False,
        "patrol_id", PatrolStop.patrol_id,
        "plan_id", PatrolStop.plan_id,
        "day", Patrol.day,
        "ordinal", PatrolStop.ordinal,
        "field_ordinal", PatrolStop.field_ordinal,
        "subject_kind", PatrolStop.subject_kind,
        "subject_id", PatrolStop.subject_id,
        "name", subject_name(PatrolStop.subject_id),
        "lon", func.ST_X(PatrolStop.place),
        "lat", func.ST_Y(PatrolStop.place),
        "arrives_at", PatrolStop.arrives_at,
        "begins_at", PatrolStop.begins_at,
        "departs_at", PatrolStop.departs_at,
        "leg_metres", PatrolStop.leg_metres,
        "leg_s", PatrolStop.leg_s,
        "leg_by_road", PatrolStop.leg_by_road,
        "visit_kind", PatrolStop.visit_kind,
        "form_code", PatrolStop.form_code,
        "obligation_ids", PatrolStop.obligation_ids,
        "reasons", PatrolStop.reasons,
        "fixed", PatrolStop.fixed,
        "status", PatrolStop.status,
        "skip_reason", PatrolStop.skip_reason,
        "note", PatrolStop.note,
        "record_id", PatrolStop.record_id,
    )  # fmt: skip
    return (
        select(cast(fields, Text).label("document"), PatrolStop.edit_id)
        .join(Patrol, Patrol.id == PatrolStop.patrol_id)
        .join(PatrolPlan, PatrolPlan.id == PatrolStop.plan_id)
        .where(PatrolStop.id == ids)
    )


# ── telling ───────────────────────────────────────────────────────────────────────────────────────


def announce_plan(
    work: Work,
    plan_id: uuid.UUID,
    *,
    changed: Collection[uuid.UUID] | None = None,
    former: Iterable[uuid.UUID] = (),
) -> None:
    """Tell whoever sees a plan's patrols and stops to look at them again.

    Call it in the unit of work that publishes or withdraws the plan, and in each that changes what stands in a document of
    a published one: its rows, its teams, its approval, its ways. Whoever withdraws it holds the plan's row first.

    ``changed`` are the ids of the patrols and stops that say something else than before (all where it is None): these get
    a new edit. One that says the same keeps its edit, or an officer's offline word on it would conflict for nothing.
    ``former`` are people who were on a team and are not any more; they are told to let go.
    """
    patrols, stops = _documents(work, [plan_id])
    for table, ids in ((Patrol, patrols), (PatrolStop, stops)):
        work.session.execute(
            update(table)
            .where(among(table.id, sorted(one for one in ids if changed is None or one in changed)))
            .values(edit_id=func.gen_random_uuid())
            .execution_options(synchronize_session="fetch")
        )
    tell(work, patrols=patrols, stops=stops, former=former)


def tell(
    work: Work,
    *,
    patrols: Mapping[uuid.UUID, uuid.UUID] | None = None,
    stops: Mapping[uuid.UUID, uuid.UUID] | None = None,
    former: Iterable[uuid.UUID] = (),
) -> None:
    """Touch documents for the squad of their patrol and for each of its team, whatever squad he is in.

    Documents are given with the id of their patrol (a patrol with its own). A member hears of them by name even where his
    squad's feed tells him too: he may be leaving it at this moment in another transaction.
    """
    given = {"patrols": patrols or {}, "stops": stops or {}}
    readers = _readers(work, {patrol for documents in given.values() for patrol in documents.values()})
    also = [f"officer:{person}" for person in former]
    for collection, documents in given.items():
        pairs = [
            (principal, document)
            for document, patrol in documents.items()
            for principal in (*readers[patrol], *also)
        ]
        touch(work.session, work.bureau_id, collection, pairs)


def _readers(work: Work, patrol_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, set[str]]:
    """By patrol, the principals whose feeds tell of it."""
    readers: dict[uuid.UUID, set[str]] = defaultdict(set)
    wanted = sorted(patrol_ids)
    squads = select(Patrol.id, Patrol.squad_id).where(among(Patrol.id, wanted))
    for patrol_id, squad_id in work.session.execute(squads):
        readers[patrol_id].add(f"squad:{squad_id}")
    team = select(PatrolMember.patrol_id, PatrolMember.person_id).where(among(PatrolMember.patrol_id, wanted))
    for patrol_id, person_id in work.session.execute(team):
        readers[patrol_id].add(f"officer:{person_id}")
    return readers


def _documents(
    work: Work, plan_ids: Collection[uuid.UUID]
) -> tuple[dict[uuid.UUID, uuid.UUID], dict[uuid.UUID, uuid.UUID]]:
    """The patrols and the stops of plans, each with its patrol."""
    plans = sorted(plan_ids)
    patrols = select(Patrol.id, Patrol.id).where(
        among(Patrol.plan_id, plans), Patrol.bureau_id == work.bureau_id
    )
    stops = select(PatrolStop.id, PatrolStop.patrol_id).where(
        among(PatrolStop.plan_id, plans), PatrolStop.bureau_id == work.bureau_id
    )
    return dict(work.session.execute(patrols).all()), dict(work.session.execute(stops).all())


def retire_plans(work: Work) -> int:
    """Let published plans whose day has left the record window leave the handhelds; how many.

    A second run finds none. Until the nightly run a plan stays: nothing leaves a handheld that is not told to let it go.
    """
    today = work.now.astimezone(work.zone).date()
    gone = work.session.scalars(
        update(PatrolPlan)
        .where(
            PatrolPlan.bureau_id == work.bureau_id,
            PatrolPlan.state == PUBLISHED,
            PatrolPlan.retired_at.is_(None),
            PatrolPlan.day < today - timedelta(days=work.settings.record_window_days),
        )
        .values(retired_at=work.now)
        .returning(PatrolPlan.id)
        .execution_options(synchronize_session=False)
    ).all()
    if gone:
        patrols, stops = _documents(work, gone)
        tell(work, patrols=patrols, stops=stops)
        record_event(work, "plans.retired", gone)
    return len(gone)
