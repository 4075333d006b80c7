"""Making plans: the days, their teams, and what the leader fixes before and between solvings."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from schemas.vocabulary import PlanState, TeamPart
from server.grids.queries import cells_in_scope
from server.kernel.calendar import load_workdays
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Squad
from server.patrols.models import (
    Patrol,
    PatrolCell,
    PatrolMember,
    PatrolPlan,
    PatrolStop,
    PlanUnfitted,
    PlanWish,
)
from server.planning.numbers import numbers_on
from server.planning.queries import find_plan, may_plan_for
from server.planning.staffing import Base, base_of, leaf_cells, load_staff, shift_on, vehicles_of
from server.planning.subjects import load_subjects, outlets_by_cell
from server.planning.teams import PAIR, Team, faults_of, pairs_of

Row = dict[str, Any]
_DAY = timedelta(days=1)
FURTHEST = timedelta(days=366)
# So far from its time may a stop move that the leader keeps as it is.
KEPT_WITHIN = timedelta(minutes=10)
_ORDINALS = "一二三四五六七八九十"


def make_plans(work: Work, given: Mapping[str, Any]) -> list[PatrolPlan]:
    """Drafts for a squad's day or days, as schemas.plans.PlanIn reads them; nothing is solved yet.

    Raises:
        Problem: ``not_found`` for another squad's; ``invalid`` for a day that is over or more than a year ahead, teams at
            fault (each with its field and code), or where no team can be proposed.
    """
    _must_lead(work, given["squad_id"])
    first: date = given["first_day"]
    today = work.now.astimezone(work.zone).date()
    if first < today:
        raise invalid("/first_day", "in_past", "日期已过。The day is over.")
    if first - today > FURTHEST:
        detail = "最多提前一年编排。Plans are made a year ahead at most."
        raise invalid("/first_day", "too_far_ahead", detail)
    days = [first + _DAY * number for number in range(given["days"])]
    if len(days) > 1 and not given["every_day"]:
        workdays = load_workdays(work.session, work.bureau_id)
        days = [day for day in days if workdays.is_workday(day)]
        if not days:
            raise invalid("/days", "no_workday", "其中没有工作日。None of these days is worked.")
    plans = []
    for day in days:
        teams = given["teams"]
        if teams is None:
            teams = propose_teams(work, given["squad_id"], day)
        elif day != first:
            teams = [_moved(team, day - first) for team in teams]
        plans.append(_draft(work, given, day, teams))
    record_event(
        work, "plan.drafted", [plan.id for plan in plans], days=[plan.day.isoformat() for plan in plans]
    )
    return plans


def _must_lead(work: Work, squad_id: uuid.UUID) -> None:
    known = work.session.scalar(
        select(Squad.id).where(Squad.id == squad_id, Squad.bureau_id == work.bureau_id)
    )
    if known is None or not may_plan_for(work.actor, squad_id):
        raise Problem("not_found", detail="没有这个中队。No such squad.")


def propose_teams(work: Work, squad_id: uuid.UUID, day: date) -> list[Row]:
    """Pairs of the squad's officers who may inspect that day and are not away, each with a vehicle of the squad and the
    usual shift; one pair on foot where the squad has no vehicle.

    Raises:
        Problem: ``invalid`` where no pair can be made.
    """
    begins, ends = shift_on(work, day, numbers_on(work, day).shift)
    vehicles = list(vehicles_of(work, squad_id))
    pairs = pairs_of(day, begins, ends, load_staff(work, day, squad_id), squad_id, most=max(1, len(vehicles)))
    if not pairs:
        detail = (
            f"{day.isoformat()}当天本中队没有两名可出勤的持证执法人员。"
            "The squad has no two certified officers who are there that day."
        )
        raise invalid("/teams", "no_pair", detail)
    return [
        {
            "name": None,
            "people": list(pair),
            "vehicle_id": vehicles[place] if vehicles else None,
            "mode": "car" if vehicles else "foot",
            "starts_at": begins,
            "ends_at": ends,
            "start": None,
            "end": None,
            "cell_ids": [],
            "most_stops": None,
        }
        for place, pair in enumerate(pairs)
    ]


def _moved(team: Mapping[str, Any], by: timedelta) -> Row:
    return {**team, "starts_at": team["starts_at"] + by, "ends_at": team["ends_at"] + by}


def _draft(work: Work, given: Mapping[str, Any], day: date, teams: Sequence[Mapping[str, Any]]) -> PatrolPlan:
    plan = PatrolPlan(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        squad_id=given["squad_id"],
        day=day,
        state=PlanState.DRAFT,
        wishes={
            "random_checks": given["random_checks"],
            "even": given["even"],
            "seed": given["seed"] or secrets.token_hex(8),
        },
        warnings=[],
        made_by=work.actor.account_id,
        made_at=work.now,
        edit_id=new_edit_id(),
    )
    work.session.add(plan)
    work.session.flush()
    plan.warnings = _write_teams(work, plan, teams)
    return plan


def set_teams(work: Work, plan_id: uuid.UUID, teams: Sequence[Mapping[str, Any]]) -> PatrolPlan:
    """Other teams for a draft; its stops are taken out, and what was fixed on a team stays on the one in its place.

    Raises:
        Problem: ``not_found``; ``plan_state`` unless it is a draft; ``invalid`` with each fault of the teams.
    """
    plan = _draft_to_change(work, plan_id)
    places = dict(
        work.session.execute(select(Patrol.id, Patrol.ordinal).where(Patrol.plan_id == plan.id)).all()
    )
    fixed = {
        wish.id: places[wish.patrol_id]
        for wish in work.session.scalars(
            select(PlanWish).where(PlanWish.plan_id == plan.id, PlanWish.patrol_id.is_not(None))
        )
        if wish.patrol_id
    }
    work.session.execute(update(PlanWish).where(PlanWish.plan_id == plan.id).values(patrol_id=None))
    _clear(work, plan)
    plan.warnings = _write_teams(work, plan, teams)
    now = dict(work.session.execute(select(Patrol.ordinal, Patrol.id).where(Patrol.plan_id == plan.id)).all())
    for wish_id, ordinal in fixed.items():
        work.session.execute(
            update(PlanWish).where(PlanWish.id == wish_id).values(patrol_id=now.get(ordinal))
        )
    return plan


def _clear(work: Work, plan: PatrolPlan) -> None:
    """Take teams and stops out of a draft."""
    patrols = select(Patrol.id).where(Patrol.plan_id == plan.id)
    work.session.execute(delete(PatrolStop).where(PatrolStop.plan_id == plan.id))
    work.session.execute(delete(PlanUnfitted).where(PlanUnfitted.plan_id == plan.id))
    for part in (PatrolMember, PatrolCell):
        work.session.execute(delete(part).where(part.patrol_id.in_(patrols)))
    work.session.execute(delete(Patrol).where(Patrol.plan_id == plan.id))
    plan.objective = plan.solved_at = plan.ways = None
    plan.edit_id = new_edit_id()


def _write_teams(work: Work, plan: PatrolPlan, teams: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Write the teams of a draft; the warnings that they give."""
    staff = load_staff(work, plan.day, plan.squad_id)
    plates = vehicles_of(work)
    cells = leaf_cells(work, {cell for team in teams for cell in team["cell_ids"]})
    checked = [as_checked(team) for team in teams]
    longest = numbers_on(work, plan.day).longest_shift
    if faults := faults_of(checked, plan.day, staff, plates, cells, longest, work.zone):
        raise Problem("invalid", errors=[fault.as_error() for fault in faults])
    base = None
    if any(team["start"] is None or team["end"] is None for team in teams):
        base = base_of(work, plan.squad_id, plan.day)
        if base is None:
            detail = (
                "本中队没有登记驻地，也没有网格，请写明出发和结束地点。Name where the teams begin and end."
            )
            raise invalid("/teams", "no_base", detail)
    members: list[Row] = []
    assigned: list[Row] = []
    for ordinal, team in enumerate(teams, start=1):
        patrol = _patrol(work, plan, ordinal, team, base)
        work.session.add(patrol)
        own = {"bureau_id": work.bureau_id, "patrol_id": patrol.id}
        for place, person in enumerate(team["people"]):
            part = (TeamPart.LEAD, TeamPart.SECOND)[place] if place < PAIR else TeamPart.EXTRA
            members.append({**own, "ordinal": place + 1, "person_id": person, "part": part.value})
        assigned.extend({**own, "cell_id": cell} for cell in sorted(set(team["cell_ids"])))
    work.session.flush()
    work.session.execute(insert(PatrolMember), members)
    if assigned:
        work.session.execute(insert(PatrolCell), assigned)
    return _warnings(work, plan, checked, cells)


def as_checked(team: Mapping[str, Any]) -> Team:
    """A team of the wire as the rules look at it."""
    return Team(
        people=tuple(team["people"]),
        vehicle_id=team["vehicle_id"],
        starts_at=team["starts_at"],
        ends_at=team["ends_at"],
        cells=frozenset(team["cell_ids"]),
    )


def _patrol(work: Work, plan: PatrolPlan, ordinal: int, team: Mapping[str, Any], base: Base | None) -> Patrol:
    places = {}
    for which in ("start", "end"):
        place = team[which] or (base._asdict() if base else {})
        places[f"{which}_name"] = place["name"]
        places[f"{which}_place"] = func.ST_SetSRID(func.ST_MakePoint(place["lon"], place["lat"]), 4326)
    return Patrol(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        plan_id=plan.id,
        squad_id=plan.squad_id,
        day=plan.day,
        ordinal=ordinal,
        name=team["name"] or f"第{_ORDINALS[ordinal - 1] if ordinal <= len(_ORDINALS) else ordinal}组",
        mode=team["mode"],
        vehicle_id=team["vehicle_id"],
        starts_at=team["starts_at"],
        ends_at=team["ends_at"],
        most_stops=team["most_stops"],
        edit_id=new_edit_id(),
        **places,
    )


def _warnings(
    work: Work, plan: PatrolPlan, teams: Sequence[Team], cells: Mapping[uuid.UUID, str]
) -> list[Row]:
    """What the leader should know of the teams; each with a stable code."""
    warnings: list[Row] = []
    outlets = outlets_by_cell(work, cells)
    for cell_id, code in sorted(cells.items(), key=lambda item: item[1]):
        if not outlets[cell_id]:
            zh, en = f"网格 {code} 没有零售户", f"cell {code} has no outlet"
            warnings.append({"code": "cell_without_outlets", "cell_id": str(cell_id), "zh": zh, "en": en})
    for place, team in enumerate(teams):
        if team.ends_at.astimezone(work.zone).date() != plan.day:
            zh, en = (
                "班次跨午夜，属于开始的那天",
                "the shift crosses midnight and belongs to the day it begins",
            )
            warnings.append({"code": "shift_crosses_midnight", "path": f"/teams/{place}", "zh": zh, "en": en})
    return warnings


def wish(work: Work, plan_id: uuid.UUID, given: Mapping[str, Any]) -> PatrolPlan:
    """Note what the leader fixes about a subject in a draft; what was fixed about it before is replaced.

    The draft is to be solved again before it can be published.

    Raises:
        Problem: ``not_found``; ``plan_state``; ``invalid`` for a subject that is not in scope, a team of another plan, or
            times outside every shift.
    """
    plan = _draft_to_change(work, plan_id)
    subject = load_subjects(work, [given["subject_id"]]).get(given["subject_id"])
    in_scope = subject is not None and (
        work.actor.reaches_bureau(Permission.PATROL_PLAN)
        or subject.cell_id in set(work.session.scalars(cells_in_scope(work.actor)))
    )
    if subject is None or not in_scope:
        raise invalid("/subject_id", "unknown", "没有这个检查对象。There is no such subject.")
    patrols = work.session.scalars(select(Patrol).where(Patrol.plan_id == plan.id)).all()
    on_team = [one for one in patrols if given["patrol_id"] in (None, one.id)]
    if not on_team:
        raise invalid("/patrol_id", "unknown", "本计划没有这个小组。The plan has no such team.")
    begins, ends = given["not_before"], given["not_after"]
    fits = any(
        (begins is None or begins < one.ends_at) and (ends is None or ends >= one.starts_at)
        for one in on_team
    )
    if not fits:
        detail = "指定时间不在班次内。The time lies outside the shift."
        raise invalid("/not_before" if begins else "/not_after", "outside_shift", detail)
    work.session.execute(
        delete(PlanWish).where(PlanWish.plan_id == plan.id, PlanWish.subject_id == subject.id)
    )
    work.session.add(
        PlanWish(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            plan_id=plan.id,
            subject_kind=subject.kind,
            account_id=work.actor.account_id,
            known_at=work.now,
            **{
                name: given[name]
                for name in ("subject_id", "wish", "patrol_id", "not_before", "not_after", "note")
            },
        )
    )
    plan.edit_id, plan.solved_at = new_edit_id(), None
    work.session.flush()
    record_event(work, "plan.wished", [plan.id, subject.id], wish=given["wish"])
    return plan


def unwish(work: Work, plan_id: uuid.UUID, subject_id: uuid.UUID) -> PatrolPlan:
    """Take back what was fixed about a subject.

    Raises:
        Problem: ``not_found``, also where nothing was fixed; ``plan_state``.
    """
    plan = _draft_to_change(work, plan_id)
    fixed = delete(PlanWish).where(PlanWish.plan_id == plan.id, PlanWish.subject_id == subject_id)
    if not work.session.execute(fixed.returning(PlanWish.id)).all():
        raise Problem("not_found")
    plan.edit_id, plan.solved_at = new_edit_id(), None
    record_event(work, "plan.unwished", [plan.id, subject_id])
    return plan


def keep(work: Work, plan_id: uuid.UUID, stop_ids: Sequence[uuid.UUID]) -> PatrolPlan:
    """Fix stops of a solved draft as they are: on their team, and no more than ten minutes from their time.

    Raises:
        Problem: ``not_found`` for a stop that the plan does not have; ``plan_state``.
    """
    plan = _draft_to_change(work, plan_id)
    stops = work.session.scalars(
        select(PatrolStop).where(PatrolStop.plan_id == plan.id, PatrolStop.id.in_(stop_ids))
    ).all()
    if len(stops) != len(set(stop_ids)):
        raise Problem("not_found")
    solved_at = plan.solved_at
    for stop in stops:
        wish(
            work,
            plan.id,
            {
                "subject_id": stop.subject_id,
                "wish": "include",
                "patrol_id": stop.patrol_id,
                "not_before": stop.begins_at - KEPT_WITHIN,
                "not_after": stop.begins_at + KEPT_WITHIN,
                "note": None,
            },
        )
        stop.fixed = "time"
    # Nothing of the plan has moved by this.
    plan.solved_at = solved_at
    return plan


def _draft_to_change(work: Work, plan_id: uuid.UUID) -> PatrolPlan:
    plan = find_plan(work, plan_id, to_write=True)
    if plan.state != PlanState.DRAFT:
        raise Problem("plan_state")
    return plan
