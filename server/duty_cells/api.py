"""Duty over cells over HTTP: handing over in bulk, taking back, and what has to be looked after."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from schemas.duty_cells import (
    DayQuery,
    DutyChangeDetail,
    DutyChangeIn,
    DutyChangePage,
    DutyChangeQuery,
    DutyIn,
    DutyMoved,
    DutyPage,
    DutyQuery,
    DutyWithdrawal,
    UnfitPage,
    VacancyPage,
)
from server.duty_cells import ops
from server.duty_cells.answers import described, stages_of
from server.grids.duties import KEYS, duties_on, page_of_unfit, vacancies_on
from server.grids.duty_changes import find_change, visible_to
from server.grids.models import Duty, DutyChange, DutyFact
from server.kernel.http import Noun
from server.kernel.paging import page_of, page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("duty_cells", "片区责任 Duty over cells")


@blueprint.endpoint("GET", "/duties", permission=Permission.CELL_READ, takes=DutyQuery, gives=DutyPage)
def list_duties(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The cells in scope with who answers for each on a day, by code."""
    day = _day(work, query)
    duties = duties_on(work.actor, day)
    for name in ("squad_id", "lead_person_id"):
        if query[name]:
            duties = duties.where(getattr(Duty, name) == query[name])
    return {"day": day, **page_of_rows(work.session, duties, KEYS, query["after"], query["limit"])}


@blueprint.endpoint("POST", "/duties", permission=Permission.DUTY_ASSIGN, takes=DutyIn, gives=DutyMoved)
def assign_duty(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Make a squad and a lead officer responsible for cells from a day on, and tell what that does.

    It is undone by giving the cells back to whom the answer names, or before its day by withdrawing the change. With
    ``dry_run`` nothing is written.
    """
    return ops.change(
        work, [ops.line_of("", "", {"cell_ids": given["cell_ids"]}, given)], None, given["dry_run"]
    )


@blueprint.endpoint(
    "POST", "/duty-changes", permission=Permission.DUTY_ASSIGN, takes=DutyChangeIn, gives=DutyMoved
)
def make_change(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Hand over cells in bulk and leave cells vacant, all of it or nothing, and tell what that does. With ``dry_run``
    nothing is written.
    """
    return ops.change(work, ops.lines_of(given), given["reason"], given["dry_run"])


@blueprint.endpoint(
    "GET",
    "/duty-changes",
    permission=Permission.DUTY_ASSIGN,
    takes=DutyChangeQuery,
    gives=DutyChangePage,
)
def list_changes(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The changes of duty in scope, the newest first."""
    changes = visible_to(work.actor)
    if query["cell_id"]:
        about = select(DutyFact.change_id).where(DutyFact.cell_id == query["cell_id"])
        changes = changes.where(DutyChange.id.in_(about))
    keys = [DutyChange.made_at, DutyChange.id]
    page = page_of(work.session, changes, keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": described(work, page["items"])}


@blueprint.endpoint(
    "GET", "/duty-changes/<uuid:change_id>", permission=Permission.DUTY_ASSIGN, gives=DutyChangeDetail
)
def get_change(work: Work, change_id: uuid.UUID) -> dict[str, Any]:
    """A change of duty with what it said of each cell."""
    change = find_change(work, change_id)
    return {**described(work, [change])[0], "stages": stages_of(work, change)}


@blueprint.endpoint(
    "POST",
    "/duty-changes/<uuid:change_id>/withdrawal",
    permission=Permission.DUTY_ASSIGN,
    takes=DutyWithdrawal,
    gives=DutyMoved,
)
def withdraw(work: Work, given: dict[str, Any], change_id: uuid.UUID) -> dict[str, Any]:
    """Take back a change that has begun in no cell: what it replaced comes back. With ``dry_run`` nothing is written."""
    return ops.withdraw(work, change_id, given["reason"], given["dry_run"])


@blueprint.endpoint(
    "GET", "/duties/vacancies", permission=Permission.DUTY_ASSIGN, takes=DayQuery, gives=VacancyPage
)
def list_vacancies(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The leaf cells of the bureau that nobody answers for on a day, by code."""
    day = _day(work, query)
    vacant = vacancies_on(work.actor, day)
    return {"day": day, **page_of_rows(work.session, vacant, KEYS, query["after"], query["limit"])}


@blueprint.endpoint(
    "GET", "/duties/unfit", permission=Permission.DUTY_ASSIGN, takes=DayQuery, gives=UnfitPage
)
def list_unfit(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The cells whose lead officer cannot carry the duty on a day (left the squad, certificate over), by code."""
    day = _day(work, query)
    return {"day": day, **page_of_unfit(work, day, query["after"], query["limit"])}


def _day(work: Work, query: Mapping[str, Any]) -> date:
    day: date | None = query["day"]
    return day or work.now.astimezone(work.zone).date()
