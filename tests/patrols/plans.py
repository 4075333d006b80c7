"""Plans of the small town, written straight into the tables: published, withdrawn or as drafts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from geoalchemy2.shape import from_shape
from shapely.geometry import LineString, Point

from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Work
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolStop
from server.patrols.syncing import announce_plan
from tests.town import ZONE, Town

BASE = (84.05, 39.02)
PARTS = ("lead", "second")


@dataclass(frozen=True, slots=True)
class Team:
    """Who goes together, and to which of the town's outlets in their order."""

    people: tuple[str, ...]
    outlets: tuple[int, ...]
    vehicle_id: uuid.UUID | None = None
    metres: int = 20_000


@dataclass(slots=True)
class Planned:
    """Ids of a plan: its patrols in the order of the teams, and the stops of each by outlet."""

    id: uuid.UUID
    patrols: list[uuid.UUID] = field(default_factory=list)
    stops: list[dict[int, uuid.UUID]] = field(default_factory=list)

    @property
    def documents(self) -> set[uuid.UUID]:
        """The stops of all teams."""
        return {stop for stops in self.stops for stop in stops.values()}


def a_plan(
    work: Work,
    town: Town,
    day: date,
    *teams: Team,
    squad: int = 0,
    approval_id: uuid.UUID | None = None,
    published: bool = True,
) -> Planned:
    """A plan of a squad's day from half past eight to half past five: half an hour a stop and a quarter between them.

    ``published`` says that it is given out, as the publisher does.
    """
    plan = PatrolPlan(
        id=new_id(work.now),
        bureau_id=town.bureau_id,
        squad_id=town.squads[squad],
        day=day,
        state="draft",
        wishes={},
        warnings=[],
        ways={"road": 7, "great_circle": 2},
        made_at=work.now,
        approval_id=approval_id,
        edit_id=new_edit_id(),
    )
    work.session.add(plan)
    work.session.flush()
    planned = Planned(plan.id)
    for ordinal, team in enumerate(teams, start=1):
        _add_team(work, town, plan, planned, ordinal, team)
    if published:
        publish(work, planned)
    return planned


def publish(work: Work, planned: Planned) -> None:
    """Give a plan out."""
    plan = work.session.get_one(PatrolPlan, planned.id)
    plan.state, plan.published_at = "published", work.now
    work.session.flush()
    announce_plan(work, planned.id)


def withdraw(work: Work, planned: Planned) -> None:
    """Take a plan back, the plan's row first."""
    plan = work.session.get_one(PatrolPlan, planned.id, with_for_update=True)
    plan.state, plan.withdrawn_at = "withdrawn", work.now
    work.session.flush()
    announce_plan(work, planned.id)


def _add_team(work: Work, town: Town, plan: PatrolPlan, planned: Planned, ordinal: int, team: Team) -> None:
    begins = datetime.combine(plan.day, time(8, 30), ZONE)
    places = [town.positions[outlet] for outlet in team.outlets]
    patrol = Patrol(
        id=new_id(work.now),
        bureau_id=town.bureau_id,
        plan_id=plan.id,
        squad_id=plan.squad_id,
        day=plan.day,
        ordinal=ordinal,
        name=f"第{ordinal}组",
        mode="car",
        vehicle_id=team.vehicle_id,
        starts_at=begins,
        ends_at=begins + timedelta(hours=9),
        start_name="驻地",
        start_place=from_shape(Point(*BASE), srid=4326),
        end_name="驻地",
        end_place=from_shape(Point(*BASE), srid=4326),
        leaves_at=begins,
        returns_at=begins + timedelta(hours=8),
        metres=team.metres,
        travel_s=900 * (len(places) + 1),
        service_s=1800 * len(places),
        waiting_s=0,
        line=from_shape(LineString([BASE, *places, BASE]), srid=4326),
        edit_id=new_edit_id(),
    )
    work.session.add(patrol)
    work.session.flush()
    planned.patrols.append(patrol.id)
    for number, name in enumerate(team.people, start=1):
        part = PARTS[number - 1] if number <= len(PARTS) else "extra"
        work.session.add(
            PatrolMember(
                bureau_id=town.bureau_id,
                patrol_id=patrol.id,
                ordinal=number,
                person_id=town.people[name],
                part=part,
            )
        )
    planned.stops.append(_add_stops(work, town, patrol, team.outlets))


def _add_stops(work: Work, town: Town, patrol: Patrol, outlets: Sequence[int]) -> dict[int, uuid.UUID]:
    stops: dict[int, uuid.UUID] = {}
    for place, outlet in enumerate(outlets, start=1):
        arrives = patrol.starts_at + timedelta(minutes=45 * place - 30)
        stop = PatrolStop(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            plan_id=patrol.plan_id,
            patrol_id=patrol.id,
            ordinal=place,
            field_ordinal=place,
            subject_kind="outlet",
            subject_id=town.outlets[outlet],
            cell_id=town.cells[outlet % 4],
            place=from_shape(Point(*town.positions[outlet]), srid=4326),
            arrives_at=arrives,
            begins_at=arrives,
            departs_at=arrives + timedelta(minutes=30),
            leg_metres=4_000,
            leg_s=900,
            leg_by_road=True,
            visit_kind="routine",
            form_code="ecig_weekly",
            obligation_ids=[],
            reasons=[{"code": "duty"}],
            status="planned",
            edit_id=new_edit_id(),
        )
        work.session.add(stop)
        stops[outlet] = stop.id
    work.session.flush()
    return stops
