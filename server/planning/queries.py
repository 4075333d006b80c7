"""Reads of plans, always from what the actor may see."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.vocabulary import PlanState
from server.approvals.models import InspectionApproval
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person, Squad, Vehicle
from server.patrols.models import (
    Patrol,
    PatrolCell,
    PatrolMember,
    PatrolPlan,
    PatrolStop,
    PlanSolving,
    PlanUnfitted,
    PlanWish,
)
from server.planning.subjects import Subject, load_subjects

Row = dict[str, Any]


def visible_to(actor: Actor) -> Select[PatrolPlan]:
    """The plans of the actor's squads, drafts too for who plans, and the published ones that he is on; all of them for who
    sees the bureau.
    """
    plans = select(PatrolPlan).where(PatrolPlan.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.PATROL_READ):
        return plans
    drafts = Permission.PATROL_PLAN in actor.permissions
    given_out = PatrolPlan.published_at.is_not(None)
    own = PatrolPlan.squad_id.in_(actor.squad_ids)
    on_it = (
        select(Patrol.plan_id)
        .join(PatrolMember, PatrolMember.patrol_id == Patrol.id)
        .where(PatrolMember.person_id == actor.person_id)
    )
    return plans.where(or_(own if drafts else own & given_out, given_out & PatrolPlan.id.in_(on_it)))


def find_plan(work: Work, plan_id: uuid.UUID, *, to_write: bool = False) -> PatrolPlan:
    """A plan that the actor sees, held against others who write to it if asked for.

    Raises:
        Problem: ``not_found``; to write, also for a plan of a squad that is not the actor's.
    """
    wanted = visible_to(work.actor).where(PatrolPlan.id == plan_id)
    plan = work.session.scalar(wanted.with_for_update() if to_write else wanted)
    if plan is None or (to_write and not may_plan_for(work.actor, plan.squad_id)):
        raise Problem("not_found")
    return plan


def may_plan_for(actor: Actor, squad_id: uuid.UUID) -> bool:
    """Whoever leads the bureau plans for every squad, others for their own."""
    return actor.reaches_bureau(Permission.PATROL_PLAN) or squad_id in actor.squad_ids


def heads(work: Work, plans: Sequence[PatrolPlan]) -> list[Row]:
    """Plans as schemas.plans.PlanHead shows them."""
    squads = dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )
    approvals = [plan.approval_id for plan in plans if plan.approval_id]
    numbers = dict(
        work.session.execute(
            select(InspectionApproval.id, InspectionApproval.approval_no).where(
                among(InspectionApproval.id, approvals)
            )
        ).all()
    )
    return [
        {
            **{name: getattr(plan, name) for name in _HEAD},
            "squad": squads[plan.squad_id],
            "approval_no": numbers.get(plan.approval_id) if plan.approval_id else None,
        }
        for plan in plans
    ]


_HEAD = (
    "id",
    "squad_id",
    "day",
    "state",
    "made_at",
    "solved_at",
    "published_at",
    "withdrawn_at",
    "withdraw_reason",
    "revises_id",
    "approval_id",
    "edit_id",
)


def described(work: Work, plans: Sequence[PatrolPlan]) -> list[Row]:
    """Plans as schemas.plans.PatrolPlanOut shows them, by day."""
    plans = sorted(plans, key=lambda plan: (plan.day, plan.id))
    ids = [plan.id for plan in plans]
    stops = list(
        work.session.execute(
            select(PatrolStop, func.ST_X(PatrolStop.place), func.ST_Y(PatrolStop.place))
            .where(among(PatrolStop.plan_id, ids))
            .order_by(PatrolStop.patrol_id, PatrolStop.ordinal)
        )
    )
    left = work.session.scalars(
        select(PlanUnfitted)
        .where(among(PlanUnfitted.plan_id, ids))
        .order_by(PlanUnfitted.plan_id, PlanUnfitted.ordinal)
    ).all()
    fixed = work.session.scalars(
        select(PlanWish).where(among(PlanWish.plan_id, ids)).order_by(PlanWish.known_at, PlanWish.id)
    ).all()
    named = load_subjects(work, {one.subject_id for one in (*(row[0] for row in stops), *left, *fixed)})
    patrols = _patrols(work, ids, stops, named)
    solvings = _newest_solvings(work, plans)
    return [
        {
            **head,
            "wishes": plan.wishes,
            "warnings": plan.warnings,
            "ways": plan.ways,
            "patrols": patrols[plan.id],
            "unfitted": [_named(one, _UNFITTED, named) for one in left if one.plan_id == plan.id],
            "fixed": [_named(one, _WISH, named) for one in fixed if one.plan_id == plan.id],
            "solving_id": solvings.get(str(plan.id)),
        }
        for head, plan in zip(heads(work, plans), plans, strict=True)
    ]


_UNFITTED = ("subject_kind", "subject_id", "cell_id", "code", "late_on", "obligation_ids", "reasons")
_WISH = ("subject_kind", "subject_id", "wish", "patrol_id", "not_before", "not_after", "note")
_STOP = (
    "id",
    "ordinal",
    "field_ordinal",
    "subject_kind",
    "subject_id",
    "cell_id",
    "arrives_at",
    "begins_at",
    "departs_at",
    "leg_metres",
    "leg_s",
    "leg_by_road",
    "visit_kind",
    "form_code",
    "obligation_ids",
    "reasons",
    "fixed",
    "status",
    "skip_reason",
    "note",
    "record_id",
)
_PATROL = (
    "id",
    "ordinal",
    "name",
    "mode",
    "vehicle_id",
    "starts_at",
    "ends_at",
    "most_stops",
    "leaves_at",
    "returns_at",
    "metres",
    "travel_s",
    "service_s",
    "waiting_s",
)


def _named(one: Any, columns: Iterable[str], named: dict[uuid.UUID, Subject]) -> Row:
    subject = named.get(one.subject_id)
    return {
        **{name: getattr(one, name) for name in columns},
        "name": subject.name if subject else "",
        "number": subject.number if subject else "",
    }


def _patrols(
    work: Work, plan_ids: Sequence[uuid.UUID], stops: Sequence[Any], named: dict[uuid.UUID, Subject]
) -> dict[uuid.UUID, list[Row]]:
    members: dict[uuid.UUID, list[Row]] = defaultdict(list)
    of_plans = select(Patrol.id).where(among(Patrol.plan_id, plan_ids))
    for patrol_id, person_id, part, name in work.session.execute(
        select(PatrolMember.patrol_id, PatrolMember.person_id, PatrolMember.part, Person.name)
        .join(Person, Person.id == PatrolMember.person_id)
        .where(PatrolMember.patrol_id.in_(of_plans))
        .order_by(PatrolMember.patrol_id, PatrolMember.ordinal)
    ):
        members[patrol_id].append({"person_id": person_id, "part": part, "name": name})
    cells: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for patrol_id, cell_id in work.session.execute(
        select(PatrolCell.patrol_id, PatrolCell.cell_id)
        .where(PatrolCell.patrol_id.in_(of_plans))
        .order_by(PatrolCell.cell_id)
    ):
        cells[patrol_id].append(cell_id)
    found: dict[uuid.UUID, list[Row]] = defaultdict(list)
    for patrol, plate, start_lon, start_lat, end_lon, end_lat, line in work.session.execute(
        select(
            Patrol,
            Vehicle.plate,
            func.ST_X(Patrol.start_place),
            func.ST_Y(Patrol.start_place),
            func.ST_X(Patrol.end_place),
            func.ST_Y(Patrol.end_place),
            func.ST_AsGeoJSON(Patrol.line, 6),
        )
        .outerjoin(Vehicle, Vehicle.id == Patrol.vehicle_id)
        .where(among(Patrol.plan_id, plan_ids))
        .order_by(Patrol.plan_id, Patrol.ordinal)
    ):
        found[patrol.plan_id].append(
            {
                **{name: getattr(patrol, name) for name in _PATROL},
                "plate": plate,
                "members": members[patrol.id],
                "cell_ids": cells[patrol.id],
                "start": {"name": patrol.start_name, "lon": start_lon, "lat": start_lat},
                "end": {"name": patrol.end_name, "lon": end_lon, "lat": end_lat},
                "line": json.loads(line) if line else None,
                "stops": [
                    {**_named(stop, _STOP, named), "lon": lon, "lat": lat}
                    for stop, lon, lat in stops
                    if stop.patrol_id == patrol.id
                ],
            }
        )
    return found


def _newest_solvings(work: Work, plans: Sequence[PatrolPlan]) -> dict[str, uuid.UUID]:
    runs = work.session.execute(
        select(PlanSolving.id, PlanSolving.plan_ids)
        .where(
            PlanSolving.bureau_id == work.bureau_id,
            PlanSolving.plan_ids.op("?|")(cast([str(plan.id) for plan in plans], ARRAY(Text))),
        )
        .order_by(PlanSolving.asked_at, PlanSolving.id)
    )
    return {plan_id: solving_id for solving_id, plan_ids in runs for plan_id in plan_ids}


def find_solving(work: Work, solving_id: uuid.UUID) -> PlanSolving:
    """A run of the solver over plans that the actor sees.

    Raises:
        Problem: ``not_found``.
    """
    found = work.session.scalar(
        select(PlanSolving).where(PlanSolving.id == solving_id, PlanSolving.bureau_id == work.bureau_id)
    )
    if found is None or not may_plan_for(work.actor, found.squad_id):
        raise Problem("not_found")
    return found


def published_on(work: Work, squad_id: uuid.UUID, day: Any) -> PatrolPlan | None:
    """The plan that a squad goes out by on a day."""
    return work.session.scalar(
        select(PatrolPlan).where(
            PatrolPlan.bureau_id == work.bureau_id,
            PatrolPlan.squad_id == squad_id,
            PatrolPlan.day == day,
            PatrolPlan.state == PlanState.PUBLISHED,
        )
    )
