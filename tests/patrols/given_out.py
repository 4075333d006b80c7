"""Plans of the small town as a leader gives them out, written down without the solver."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import LineString, Point
from sqlalchemy import select

from server.cadence.models import Obligation
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Work
from server.org.models import Vehicle
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolStop, PlanUnfitted
from tests.town import ZONE, Town

BASE = "试样中队驻地"


@dataclass(frozen=True, slots=True)
class Team:
    """A team: its people by name (the first two inspect), the outlets it goes to in order, and its vehicle's plate."""

    people: Sequence[str]
    outlets: Sequence[int]
    plate: str | None = None
    begins: time = time(8, 30)
    hours: int = 9
    obligations: dict[int, list[uuid.UUID]] = field(default_factory=dict)


def owed_of(work: Work, town: Town, outlet: int, key: str) -> uuid.UUID:
    """What an outlet owes for a period."""
    owed = select(Obligation.id).where(Obligation.subject_id == town.outlets[outlet], Obligation.key == key)
    return work.session.scalars(owed).one()


def give_out(
    work: Work,
    town: Town,
    squad: int,
    day: date,
    *teams: Team,
    approval_id: uuid.UUID | None = None,
    warnings: Sequence[dict[str, Any]] = (),
    unfitted: Sequence[tuple[int, str, Sequence[uuid.UUID]]] = (),
) -> PatrolPlan:
    """A published plan; ``unfitted`` are outlets with why they are left out and what they owe."""
    plan = PatrolPlan(
        id=new_id(work.now),
        bureau_id=town.bureau_id,
        squad_id=town.squads[squad],
        day=day,
        state="published",
        wishes={},
        warnings=list(warnings),
        made_at=work.now,
        solved_at=work.now,
        approval_id=approval_id,
        published_at=work.now,
        edit_id=new_edit_id(),
    )
    work.session.add(plan)
    work.session.flush()
    for ordinal, team in enumerate(teams, start=1):
        _send_out(work, town, plan, ordinal, team)
    for ordinal, (outlet, code, owed) in enumerate(unfitted, start=1):
        work.session.add(
            PlanUnfitted(
                bureau_id=town.bureau_id,
                plan_id=plan.id,
                ordinal=ordinal,
                subject_kind="outlet",
                subject_id=town.outlets[outlet],
                cell_id=town.cells[outlet % 4],
                code=code,
                late_on=day + timedelta(days=1),
                obligation_ids=[str(one) for one in owed],
                reasons=[{"code": code, "zh": "各组时间已排满", "en": "no time"}],
            )
        )
    record_event(work, "plan.published", [plan.id])
    work.session.flush()
    return plan


def _send_out(work: Work, town: Town, plan: PatrolPlan, ordinal: int, team: Team) -> None:
    begins = datetime.combine(plan.day, team.begins, ZONE)
    base = Point(84.0 + 0.2 * (town.squads.index(plan.squad_id)) + 0.1, 39.02)
    places = [Point(*town.positions[outlet]) for outlet in team.outlets]
    patrol = Patrol(
        id=new_id(work.now),
        bureau_id=town.bureau_id,
        plan_id=plan.id,
        squad_id=plan.squad_id,
        day=plan.day,
        ordinal=ordinal,
        name=f"{'、'.join(team.people[:2])} 组",
        mode="car" if team.plate else "foot",
        vehicle_id=_vehicle(work, town, team.plate) if team.plate else None,
        starts_at=begins,
        ends_at=begins + timedelta(hours=team.hours),
        start_name=BASE,
        start_place=from_shape(base, srid=4326),
        end_name=BASE,
        end_place=from_shape(base, srid=4326),
        leaves_at=begins + timedelta(minutes=10),
        returns_at=begins + timedelta(hours=team.hours - 1),
        metres=12_345,
        travel_s=1_800,
        service_s=900 * len(places),
        waiting_s=0,
        line=from_shape(LineString([base, *places, base]), srid=4326),
        edit_id=new_edit_id(),
    )
    work.session.add(patrol)
    work.session.flush()
    for place, name in enumerate(team.people, start=1):
        work.session.add(
            PatrolMember(
                bureau_id=town.bureau_id,
                patrol_id=patrol.id,
                ordinal=place,
                person_id=town.people[name],
                part=("lead", "second")[place - 1] if place < 3 else "extra",
            )
        )
    for place, outlet in enumerate(team.outlets, start=1):
        at = begins + timedelta(minutes=30 * place)
        work.session.add(
            PatrolStop(
                id=new_id(work.now),
                bureau_id=town.bureau_id,
                plan_id=plan.id,
                patrol_id=patrol.id,
                ordinal=place,
                field_ordinal=place,
                subject_kind="outlet",
                subject_id=town.outlets[outlet],
                cell_id=town.cells[outlet % 4],
                place=from_shape(places[place - 1], srid=4326),
                arrives_at=at,
                begins_at=at,
                departs_at=at + timedelta(minutes=15),
                leg_metres=1_000,
                leg_s=120,
                leg_by_road=False,
                visit_kind="routine",
                form_code="ecig_weekly",
                obligation_ids=[str(one) for one in team.obligations.get(outlet, [])],
                reasons=[{"code": "duty", "zh": "周复查，7月12日（周日）截止", "en": "weekly"}],
                status="planned",
                edit_id=new_edit_id(),
            )
        )
    work.session.flush()


def _vehicle(work: Work, town: Town, plate: str) -> uuid.UUID:
    known = work.session.scalar(
        select(Vehicle.id).where(Vehicle.bureau_id == town.bureau_id, Vehicle.plate == plate)
    )
    if known is not None:
        return known
    vehicle = Vehicle(id=new_id(work.now), bureau_id=town.bureau_id, plate=plate, squad_id=town.squads[0])
    work.session.add(vehicle)
    work.session.flush()
    return vehicle.id
