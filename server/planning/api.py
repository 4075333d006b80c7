"""Plans of patrols over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.plans import (
    KeepIn,
    NumbersIn,
    NumbersOut,
    PatrolPlanOut,
    PlanIn,
    PlanPage,
    PlanQuery,
    PlanReasonIn,
    PlansMade,
    PublishIn,
    SolveIn,
    SolvingOut,
    SquadBaseIn,
    TeamsIn,
    WishIn,
)
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.patrols.models import PatrolPlan
from server.planning import bases, drafting, numbers, publishing, solving
from server.planning.queries import described, find_plan, find_solving, heads, visible_to

blueprint = Noun("plans", "巡查计划 Plans of patrols")


def _told(work: Work, plan: PatrolPlan) -> dict[str, Any]:
    work.session.flush()
    return described(work, [plan])[0]


@blueprint.endpoint("GET", "/plans", permission=Permission.PATROL_READ, takes=PlanQuery, gives=PlanPage)
def list_plans(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The plans in scope, the latest day first."""
    wanted = visible_to(work.actor)
    for name in ("squad_id", "state"):
        if query[name]:
            wanted = wanted.where(getattr(PatrolPlan, name) == query[name])
    if query["from_day"]:
        wanted = wanted.where(PatrolPlan.day >= query["from_day"])
    if query["to_day"]:
        wanted = wanted.where(PatrolPlan.day <= query["to_day"])
    keys = [PatrolPlan.day, PatrolPlan.id]
    page = page_of(work.session, wanted, keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": heads(work, page["items"])}


@blueprint.endpoint(
    "POST", "/plans", permission=Permission.PATROL_PLAN, takes=PlanIn, gives=PlansMade, status=201
)
def make_plans(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Draft a squad's day, or several days that know one another; teams are proposed where none are given."""
    return {"items": described(work, drafting.make_plans(work, given))}


@blueprint.endpoint("GET", "/plans/<uuid:plan_id>", permission=Permission.PATROL_READ, gives=PatrolPlanOut)
def get_plan(work: Work, plan_id: uuid.UUID) -> dict[str, Any]:
    """One plan with its teams, stops, reasons, and what did not fit."""
    return _told(work, find_plan(work, plan_id))


@blueprint.endpoint(
    "PUT",
    "/plans/<uuid:plan_id>/teams",
    permission=Permission.PATROL_PLAN,
    takes=TeamsIn,
    gives=PatrolPlanOut,
)
def set_teams(work: Work, given: dict[str, Any], plan_id: uuid.UUID) -> dict[str, Any]:
    """Other teams for a draft; it is to be solved again."""
    return _told(work, drafting.set_teams(work, plan_id, given["teams"]))


@blueprint.endpoint(
    "POST",
    "/plans/<uuid:plan_id>/wishes",
    permission=Permission.PATROL_PLAN,
    takes=WishIn,
    gives=PatrolPlanOut,
)
def add_wish(work: Work, given: dict[str, Any], plan_id: uuid.UUID) -> dict[str, Any]:
    """Fix a subject in a draft: in it, on a team, at a time; or out of it."""
    return _told(work, drafting.wish(work, plan_id, given))


@blueprint.endpoint(
    "DELETE",
    "/plans/<uuid:plan_id>/wishes/<uuid:subject_id>",
    permission=Permission.PATROL_PLAN,
    gives=PatrolPlanOut,
)
def remove_wish(work: Work, plan_id: uuid.UUID, subject_id: uuid.UUID) -> dict[str, Any]:
    """Take back what was fixed about a subject."""
    return _told(work, drafting.unwish(work, plan_id, subject_id))


@blueprint.endpoint(
    "POST", "/plans/<uuid:plan_id>/kept", permission=Permission.PATROL_PLAN, takes=KeepIn, gives=PatrolPlanOut
)
def keep_stops(work: Work, given: dict[str, Any], plan_id: uuid.UUID) -> dict[str, Any]:
    """Keep stops of a solved draft on their team and near their time, whatever is solved next."""
    return _told(work, drafting.keep(work, plan_id, given["stop_ids"]))


@blueprint.endpoint(
    "POST",
    "/plans/<uuid:plan_id>/solving",
    permission=Permission.PATROL_PLAN,
    takes=SolveIn,
    gives=SolvingOut,
    status=202,
)
def solve_plan(work: Work, given: dict[str, Any], plan_id: uuid.UUID) -> Any:
    """Let the solver order the draft, together with those of other days; a worker takes it up."""
    return solving.ask(work, [plan_id, *given["plan_ids"]], given["limit_s"])


@blueprint.endpoint("GET", "/solvings/<uuid:solving_id>", permission=Permission.PATROL_PLAN, gives=SolvingOut)
def get_solving(work: Work, solving_id: uuid.UUID) -> Any:
    """How far a run of the solver is."""
    return find_solving(work, solving_id)


@blueprint.endpoint(
    "POST", "/solvings/<uuid:solving_id>/cancellation", permission=Permission.PATROL_PLAN, gives=SolvingOut
)
def cancel_solving(work: Work, solving_id: uuid.UUID) -> Any:
    """End a run with what it has so far."""
    return solving.cancel(work, solving_id)


@blueprint.endpoint(
    "POST",
    "/plans/<uuid:plan_id>/publication",
    permission=Permission.PATROL_PLAN,
    takes=PublishIn,
    gives=PatrolPlanOut,
)
def publish_plan(work: Work, given: dict[str, Any], plan_id: uuid.UUID) -> dict[str, Any]:
    """Give a solved draft out to the handhelds of its teams."""
    return _told(work, publishing.publish(work, plan_id, given["approval_id"]))


@blueprint.endpoint(
    "POST",
    "/plans/<uuid:plan_id>/withdrawal",
    permission=Permission.PATROL_PLAN,
    takes=PlanReasonIn,
    gives=PatrolPlanOut,
)
def withdraw_plan(work: Work, given: dict[str, Any], plan_id: uuid.UUID) -> dict[str, Any]:
    """Take a plan back; it stays to be read."""
    return _told(work, publishing.withdraw(work, plan_id, given["reason"]))


@blueprint.endpoint("GET", "/planning-numbers", permission=Permission.PATROL_READ, gives=NumbersOut)
def get_numbers(work: Work) -> dict[str, Any]:
    """The numbers that plans of today go by: minutes at the door, opening hours, shift; defaults filled in."""
    return numbers.told_on(work, work.now.astimezone(work.zone).date())


@blueprint.endpoint(
    "POST",
    "/planning-numbers",
    permission=Permission.POLICY_MANAGE,
    takes=NumbersIn,
    gives=NumbersOut,
    status=201,
)
def publish_numbers(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Publish other numbers from a day on; plans that were solved stay as they are."""
    numbers.publish_numbers(work, given.pop("effective_from"), given)
    return numbers.told_on(work, work.now.astimezone(work.zone).date())


@blueprint.endpoint(
    "PUT",
    "/squads/<uuid:squad_id>/base",
    permission=Permission.PATROL_PLAN,
    takes=SquadBaseIn,
    gives=SquadBaseIn,
)
def set_base(work: Work, given: dict[str, Any], squad_id: uuid.UUID) -> dict[str, Any]:
    """Where the squad's patrols begin and end unless a plan says otherwise."""
    return bases.set_base(work, squad_id, given)
