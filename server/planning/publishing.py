"""Giving a plan out: the approval it goes by, the cells its teams need, the handhelds; and taking it back."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Boolean, cast, func, select, update

from schemas.vocabulary import PlanState, StopStatus
from server.approvals.models import ApprovalWithdrawal, InspectionApproval
from server.approvals.rules import covers
from server.grids.granting import grant_to_people, revoke_grants
from server.grids.models import ScopeGrant
from server.grids.ops import await_turn, grants_on
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id
from server.kernel.problems import Problem, problem_at
from server.kernel.work import Work
from server.patrols.models import Patrol, PatrolCell, PatrolMember, PatrolPlan, PatrolRun, PatrolStop
from server.patrols.syncing import announce_plan
from server.planning.numbers import numbers_on
from server.planning.queries import find_plan, published_on
from server.planning.staffing import load_staff, vehicles_of
from server.planning.teams import Fault, Team, faults_of
from server.records.models import Form

_DAY = timedelta(days=1)


def publish(work: Work, plan_id: uuid.UUID, approval_id: uuid.UUID | None = None) -> PatrolPlan:
    """Give a solved draft out: it goes to the handhelds of its teams, who see the cells of their stops on that day.

    The squad's plan of that day that is out already is withdrawn with it, unless somebody has set out by it.

    Raises:
        Problem: ``not_found``; ``plan_state`` unless it is a draft; ``plan_not_solved``; ``plan_day_over``;
            ``plan_under_way``; ``approval_missing`` where no approval covers every inspection; ``invalid`` with each
            fault of the teams, those shared with another squad's plan too.
    """
    # Whoever lends cells takes his turn before any row is held.
    await_turn(work)
    plan = find_plan(work, plan_id, to_write=True)
    if plan.state != PlanState.DRAFT:
        raise Problem("plan_state")
    if plan.solved_at is None:
        raise Problem("plan_not_solved")
    if plan.day < work.now.astimezone(work.zone).date():
        raise Problem("plan_day_over")
    patrols = work.session.scalars(
        select(Patrol).where(Patrol.plan_id == plan.id).order_by(Patrol.ordinal)
    ).all()
    stops = work.session.scalars(select(PatrolStop).where(PatrolStop.plan_id == plan.id)).all()
    before = published_on(work, plan.squad_id, plan.day)
    if before is not None:
        plan.revises_id = before.id
        _take_back(work, before, "由新计划代替 · replaced by another plan")
    _check_teams(work, plan, patrols)
    plan.approval_id = _approval(work, plan, stops, approval_id).id
    plan.state, plan.published_at, plan.published_by = (
        PlanState.PUBLISHED,
        work.now,
        work.actor.account_id,
    )
    plan.edit_id = new_edit_id()
    work.session.flush()
    plan.grant_ids = [str(one) for one in _lend_cells(work, plan, patrols, stops)]
    announce_plan(work, plan.id)
    record_event(work, "plan.published", [plan.id], day=plan.day.isoformat(), stops=len(stops))
    return plan


def withdraw(work: Work, plan_id: uuid.UUID, reason: str) -> PatrolPlan:
    """Take a plan back: a draft is put away, a published one leaves the handhelds and its cells return.

    Raises:
        Problem: ``not_found``; ``plan_state`` where it is withdrawn already; ``plan_under_way`` where somebody has set out.
    """
    await_turn(work)
    plan = find_plan(work, plan_id, to_write=True)
    if plan.state == PlanState.WITHDRAWN:
        raise Problem("plan_state")
    _take_back(work, plan, reason)
    return plan


def _take_back(work: Work, plan: PatrolPlan, reason: str) -> None:
    begun = (
        select(PatrolRun.record_id)
        .join(Patrol, Patrol.id == PatrolRun.patrol_id)
        .where(Patrol.plan_id == plan.id)
    )
    if work.session.scalar(begun.limit(1)) is not None:
        raise Problem("plan_under_way")
    was_out = plan.state == PlanState.PUBLISHED
    plan.state, plan.withdrawn_at, plan.withdrawn_by = PlanState.WITHDRAWN, work.now, work.actor.account_id
    plan.withdraw_reason, plan.edit_id = reason, new_edit_id()
    work.session.execute(
        update(PatrolStop)
        .where(PatrolStop.plan_id == plan.id, PatrolStop.status == StopStatus.PLANNED)
        .values(status=StopStatus.WITHDRAWN.value, edit_id=func.gen_random_uuid())
    )
    work.session.flush()
    if was_out:
        grants = work.session.scalars(
            select(ScopeGrant).where(
                among(ScopeGrant.id, [uuid.UUID(one) for one in plan.grant_ids]),
                ScopeGrant.revoked_at.is_(None),
            )
        ).all()
        revoke_grants(work, grants, reason)
        announce_plan(work, plan.id)
    record_event(work, "plan.withdrawn", [plan.id], reason=reason)


def _check_teams(work: Work, plan: PatrolPlan, patrols: Sequence[Patrol]) -> None:
    """Whether the teams can still go out as they are, and no other published plan has their people or vehicles then."""
    staff = load_staff(work, plan.day, plan.squad_id)
    teams = _teams(work, patrols)
    cells = frozenset().union(*(team.cells for team in teams))
    longest = numbers_on(work, plan.day).longest_shift
    faults = faults_of(teams, plan.day, staff, vehicles_of(work), cells, longest, work.zone)
    others = _teams(
        work,
        work.session.scalars(
            select(Patrol)
            .join(PatrolPlan, PatrolPlan.id == Patrol.plan_id)
            .where(
                Patrol.bureau_id == work.bureau_id,
                Patrol.day.between(plan.day - _DAY, plan.day + _DAY),
                PatrolPlan.state == PlanState.PUBLISHED,
                PatrolPlan.id != plan.id,
            )
        ).all(),
    )
    for place, team in enumerate(teams):
        faults += _taken(f"/teams/{place}", team, [other for other in others if team.meets(other)])
    if faults:
        raise Problem("invalid", errors=[fault.as_error() for fault in faults])


def _taken(path: str, team: Team, others: Sequence[Team]) -> list[Fault]:
    faults = []
    people = {person for other in others for person in other.people}
    for place, person in enumerate(team.people):
        if person in people:
            detail = "此人同一时间在另一已下发的计划中。Another published plan has this person at that time."
            faults.append(Fault(f"{path}/people/{place}", "person_twice", detail))
    if team.vehicle_id is not None and team.vehicle_id in {other.vehicle_id for other in others}:
        detail = "这辆车同一时间在另一已下发的计划中。Another published plan has this vehicle at that time."
        faults.append(Fault(f"{path}/vehicle_id", "vehicle_twice", detail))
    return faults


def _teams(work: Work, patrols: Sequence[Patrol]) -> list[Team]:
    ids = [patrol.id for patrol in patrols]
    people: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for patrol_id, person_id in work.session.execute(
        select(PatrolMember.patrol_id, PatrolMember.person_id)
        .where(among(PatrolMember.patrol_id, ids))
        .order_by(PatrolMember.patrol_id, PatrolMember.ordinal)
    ):
        people[patrol_id].append(person_id)
    cells: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for patrol_id, cell_id in work.session.execute(
        select(PatrolCell.patrol_id, PatrolCell.cell_id).where(among(PatrolCell.patrol_id, ids))
    ):
        cells[patrol_id].add(cell_id)
    return [
        Team(tuple(people[one.id]), one.vehicle_id, one.starts_at, one.ends_at, frozenset(cells[one.id]))
        for one in patrols
    ]


def _approval(
    work: Work, plan: PatrolPlan, stops: Sequence[PatrolStop], approval_id: uuid.UUID | None
) -> InspectionApproval:
    """The approval named, or the newest one that covers every inspection of the plan on its day (检查审批).

    Raises:
        Problem: ``approval_missing``.
    """
    kinds = _inspections(work)
    inspections = [
        (kinds[stop.form_code], str(stop.subject_id), str(stop.cell_id))
        for stop in stops
        if stop.form_code in kinds
    ]
    in_force = (
        select(InspectionApproval)
        .outerjoin(ApprovalWithdrawal, ApprovalWithdrawal.approval_id == InspectionApproval.id)
        .where(
            InspectionApproval.bureau_id == work.bureau_id,
            InspectionApproval.first_day <= plan.day,
            InspectionApproval.last_day >= plan.day,
            ApprovalWithdrawal.approval_id.is_(None),
        )
        .order_by(InspectionApproval.approved_at.desc(), InspectionApproval.id.desc())
    )
    if approval_id is not None:
        in_force = in_force.where(InspectionApproval.id == approval_id)
    for approval in work.session.scalars(in_force):
        if all(
            covers(
                approval.record_kinds,
                approval.subject_ids,
                approval.cell_ids,
                kind=kind,
                subject_id=subject,
                cell_id=cell,
            )
            for kind, subject, cell in inspections
        ):
            return approval
    detail = (
        f"没有覆盖{plan.day.isoformat()}全部检查的有效审批，请先办理检查审批。"
        "No approval in force covers every inspection of that day; have it approved first."
    )
    raise problem_at("/approval_id", "approval_missing", detail)


def _inspections(work: Work) -> dict[str | None, str]:
    """The forms whose records need an approval, with the kind of record."""
    needed = func.coalesce(cast(Form.demands["approval"], Boolean), True)
    forms = select(Form.form_code, Form.kind).where(Form.bureau_id == work.bureau_id, needed).distinct()
    return dict(work.session.execute(forms).all())


def _lend_cells(
    work: Work, plan: PatrolPlan, patrols: Sequence[Patrol], stops: Sequence[PatrolStop]
) -> list[uuid.UUID]:
    """Lend each member the cells of the team's stops that he does not see on those days anyway."""
    last = max((patrol.ends_at.astimezone(work.zone).date() for patrol in patrols), default=plan.day)
    seen = {
        day: {(person, cell) for person, _, cell in work.session.execute(grants_on(work.bureau_id, day))}
        for day in {plan.day, last}
    }
    needed: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    members = work.session.execute(
        select(PatrolMember.patrol_id, PatrolMember.person_id).where(
            among(PatrolMember.patrol_id, [patrol.id for patrol in patrols])
        )
    ).all()
    for patrol_id, person_id in members:
        for stop in stops:
            if stop.patrol_id != patrol_id or stop.cell_id is None:
                continue
            if any((person_id, stop.cell_id) not in of_day for of_day in seen.values()):
                needed[person_id].add(stop.cell_id)
    if not needed:
        return []
    reason = f"巡查计划 {plan.day.isoformat()}"
    grants = grant_to_people(work, needed, from_day=plan.day, to_day=last, ground="patrol", reason=reason)
    return [grant.id for grant in grants]
