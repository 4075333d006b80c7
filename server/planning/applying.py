"""Writing what the solver found into the drafts: stops in their order with times and reasons, and what did not fit."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select

from gis.routing.days import Round, Solution
from schemas.vocabulary import Deed, StopStatus
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Work
from server.patrols.models import Patrol, PatrolPlan, PatrolStop, PlanUnfitted
from server.planning import reasons
from server.planning.doors import Crew
from server.planning.forms import form_of
from server.planning.ground import Doing, Ground
from server.planning.left_over import Unfit, left_over
from server.planning.meeting import Meeting
from server.planning.visits import Debt
from server.planning.ways import Ways

Row = dict[str, Any]


def apply(
    work: Work,
    ground: Ground,
    ways: Ways,
    solution: Solution,
    meeting: Meeting,
) -> None:
    """Replace the stops of the drafts by those of a solution, with what they meet; the caller holds the plans' rows."""
    ids = [plan.id for plan in ground.plans]
    work.session.execute(delete(PatrolStop).where(PatrolStop.plan_id.in_(ids)))
    work.session.execute(delete(PlanUnfitted).where(PlanUnfitted.plan_id.in_(ids)))
    rounds = {one.turn: one for one in solution.rounds}
    for crew in ground.crews:
        _write_round(work, ground, ways, crew, rounds.get(str(crew.patrol.id)), meeting)
    _write_unfitted(work, left_over(ground, ways, meeting))
    for plan in work.session.scalars(select(PatrolPlan).where(PatrolPlan.id.in_(ids))):
        plan.objective, plan.solved_at = solution.objective, work.now
        plan.ways, plan.edit_id = ways.told, new_edit_id()


def _write_round(
    work: Work, ground: Ground, ways: Ways, crew: Crew, found: Round | None, meeting: Meeting
) -> None:
    patrol = work.session.get_one(Patrol, crew.patrol.id)
    patrol.edit_id = new_edit_id()
    if found is None or not found.halts:
        patrol.leaves_at = patrol.returns_at = patrol.line = None
        patrol.metres = patrol.travel_s = patrol.service_s = patrol.waiting_s = 0
        return
    doings = [ground.doings[halt.task] for halt in found.halts]
    patrol.leaves_at, patrol.returns_at = ground.moment(found.leaves), ground.moment(found.returns)
    patrol.metres, patrol.travel_s = found.metres, found.travel_s
    patrol.service_s, patrol.waiting_s = found.service_s, found.waiting_s
    patrol.line = func.ST_GeomFromText(ways.line(crew, doings), 4326)
    legs = ways.legs(crew, doings)
    rows = []
    for ordinal, (halt, doing, leg) in enumerate(zip(found.halts, doings, legs, strict=True), start=1):
        rows.append(
            {
                **_about(work, doing, meeting),
                "id": new_id(work.now),
                "bureau_id": work.bureau_id,
                "plan_id": patrol.plan_id,
                "patrol_id": patrol.id,
                "ordinal": ordinal,
                "field_ordinal": ordinal,
                "arrives_at": ground.moment(halt.arrives),
                "begins_at": ground.moment(halt.begins),
                "departs_at": ground.moment(halt.departs),
                "leg_metres": leg.metres,
                "leg_s": leg.seconds,
                "leg_by_road": leg.by_road,
                "status": StopStatus.PLANNED.value,
                "edit_id": new_edit_id(),
            }
        )
    work.session.execute(insert(PatrolStop), rows)


def _about(work: Work, doing: Doing, meeting: Meeting) -> Row:
    """What a stop is for, apart from its times."""
    subject, wish = doing.subject, doing.wish
    day = meeting.begins[doing.key].astimezone(work.zone).date()
    debts = meeting.debts[doing.key]
    told = [reasons.wished(wish.note)] if wish else []
    told += reasons.reasons_of(debts, day)
    if doing.seed is not None:
        told.append(reasons.off_pattern(doing.seed))
    told += [reasons.campaign(name) for name in doing.campaigns]
    if doing.key in meeting.above_cap:
        told.append(reasons.above_cap())
    timed = wish is not None and (wish.not_before or wish.not_after)
    return {
        "subject_kind": subject.kind.value,
        "subject_id": subject.id,
        "cell_id": subject.cell_id,
        "place": f"SRID=4326;POINT({subject.lon} {subject.lat})",
        "visit_kind": "service" if doing.visit.performed is Deed.SERVICE else "routine",
        "form_code": form_of(work, subject.kind, doing.visit.performed, day),
        "obligation_ids": [str(debt.id) for debt in debts],
        "reasons": told,
        "fixed": None if wish is None else "time" if timed else "team" if wish.patrol_id else None,
    }


def _write_unfitted(work: Work, left: Sequence[Unfit]) -> None:
    by_plan: dict[uuid.UUID, list[Row]] = defaultdict(list)
    for one in left:
        by_plan[one.plan.id].append(
            {
                "bureau_id": work.bureau_id,
                "plan_id": one.plan.id,
                "subject_kind": one.subject.kind.value,
                "subject_id": one.subject.id,
                "cell_id": one.subject.cell_id,
                "code": one.code.value,
                "late_on": _late_on(one.debts, one.plan.day),
                "obligation_ids": [str(debt.id) for debt in one.debts],
                "reasons": reasons.unfitted(one.code, one.debts),
            }
        )
    rows = [
        {**row, "ordinal": ordinal}
        for of_plan in by_plan.values()
        for ordinal, row in enumerate(sorted(of_plan, key=_soonest), start=1)
    ]
    if rows:
        work.session.execute(insert(PlanUnfitted), rows)


def _late_on(debts: Sequence[Debt], day: date) -> date | None:
    """The first day on which something of it becomes late, or, of what is late already, is missed."""
    days = [debt.late_on if debt.late_on > day else debt.grace_last_day + timedelta(days=1) for debt in debts]
    return min(days, default=None)


def _soonest(row: Row) -> tuple[date, str]:
    return (row["late_on"] or date.max, str(row["subject_id"]))
