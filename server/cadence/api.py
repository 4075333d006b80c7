"""Obligations, waivers and workdays over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from schemas.cadence import (
    MakeUpAnswer,
    MakeUpIn,
    MakeUpUndo,
    ObligationPage,
    ObligationQuery,
    WaiverAnswer,
    WaiverIn,
    WaiverPage,
    WaiverQuery,
    WithdrawalAnswer,
    WithdrawalIn,
    WorkdayChange,
    WorkdayImport,
    WorkdayIn,
    WorkdayList,
    WorkdayYears,
)
from schemas.vocabulary import CadenceTier
from server.cadence import making_up, ops, waivers, workday_edits
from server.cadence.models import Obligation, Waiver
from server.cadence.queries import standing, visible_to, waived
from server.kernel.calendar import WorkdayYear, load_workdays
from server.kernel.http import Noun
from server.kernel.paging import page_of, page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("cadence", "复查制度 Cadence")


@blueprint.endpoint(
    "GET", "/obligations", permission=Permission.OBLIGATION_READ, takes=ObligationQuery, gives=ObligationPage
)
def list_obligations(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What is owed in scope, by its last day."""
    owed = visible_to(work.actor)
    if query["subject_id"]:
        owed = owed.where(Obligation.subject_id == query["subject_id"])
    if query["tier"]:
        owed = owed.where(Obligation.tier == query["tier"])
    if query["rule"]:
        owed = owed.where(Obligation.rule == query["rule"])
    if query["subject_kind"]:
        owed = owed.where(Obligation.subject_kind == query["subject_kind"])
    if query["open_on"] or query["overdue_on"]:
        owed = owed.where(Obligation.met_by.is_(None), standing(work.zone.key))
    if query["open_on"]:
        owed = owed.where(
            Obligation.first_day <= query["open_on"], Obligation.grace_last_day >= query["open_on"]
        )
    if query["overdue_on"]:
        owed = owed.where(Obligation.last_day < query["overdue_on"], ~waived())
    return page_of(work.session, owed, [Obligation.last_day, Obligation.id], query["after"], query["limit"])


@blueprint.endpoint(
    "POST", "/waivers", permission=Permission.CADENCE_WAIVE, takes=WaiverIn, gives=WaiverAnswer, status=201
)
def waive(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Excuse obligations with a reason: those named, or what is not met of some shops in a period."""
    ids = given["obligation_ids"]
    if ids is None:
        tier = CadenceTier(given["tier"]) if given["tier"] else None
        ids = waivers.chosen(work, given["licence_nos"], given["period"], tier)
    return {"waived": ops.waive(work, ids, given["reason"])}


@blueprint.endpoint(
    "GET", "/waivers", permission=Permission.OBLIGATION_READ, takes=WaiverQuery, gives=WaiverPage
)
def list_waivers(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The waivers in scope with author and reason, the earliest first."""
    found = waivers.list_waivers(work)
    if query["obligation_id"]:
        found = found.where(Waiver.obligation_id == query["obligation_id"])
    if query["subject_id"]:
        found = found.where(Obligation.subject_id == query["subject_id"])
    if query["current"]:
        found = found.where(Waiver.revoked_at.is_(None))
    return page_of_rows(work.session, found, [Waiver.known_at, Waiver.id], query["after"], query["limit"])


@blueprint.endpoint(
    "POST",
    "/waivers/withdraw",
    permission=Permission.CADENCE_WAIVE,
    takes=WithdrawalIn,
    gives=WithdrawalAnswer,
)
def withdraw_waivers(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Withdraw waivers with a reason: the checks are owed again from now on."""
    return {"withdrawn": waivers.withdraw(work, given["waiver_ids"], given["reason"])}


@blueprint.endpoint(
    "POST",
    "/make-ups",
    permission=Permission.CADENCE_MAKE_UP,
    takes=MakeUpIn,
    gives=MakeUpAnswer,
    status=201,
)
def link_make_up(work: Work, given: dict[str, Any]) -> dict[str, uuid.UUID]:
    """Have a late visit make up a missed check after the fact."""
    return {"obligation_id": making_up.link(work, given["record_id"], given["key"], given["reason"])}


@blueprint.endpoint("POST", "/make-ups/undo", permission=Permission.CADENCE_MAKE_UP, takes=MakeUpUndo)
def undo_make_up(work: Work, given: dict[str, Any]) -> None:
    """Undo such a link."""
    making_up.unlink(work, given["record_id"], given["reason"])


@blueprint.endpoint("GET", "/workdays", permission=Permission.WORKDAY_READ, gives=WorkdayList)
def list_workdays(work: Work) -> dict[str, Any]:
    """The workday table: days off, days made up, and the years that are loaded with their notice."""
    return _calendar(work)


def _calendar(work: Work) -> dict[str, Any]:
    workdays = load_workdays(work.session, work.bureau_id)
    years = work.session.scalars(
        select(WorkdayYear).where(WorkdayYear.bureau_id == work.bureau_id).order_by(WorkdayYear.year)
    ).all()
    return {"off": sorted(workdays.off), "make_up": sorted(workdays.make_up), "years": years}


@blueprint.endpoint("GET", "/workdays/years", permission=Permission.WORKDAY_READ, gives=WorkdayYears)
def list_workday_years(work: Work) -> dict[str, Any]:
    """Which years are loaded, missing and provisional, and how many working days each has."""
    return {"items": workday_edits.years(work)}


@blueprint.endpoint(
    "POST", "/workdays", permission=Permission.WORKDAY_MANAGE, takes=WorkdayImport, gives=WorkdayChange
)
def load_year(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Replace the workdays of one year by those of its notice."""
    sources = {given["year"]: given["source"]}
    _, moved = workday_edits.load_notice(work, set(given["off"]), set(given["make_up"]), sources)
    return _changed(work, moved)


@blueprint.endpoint(
    "POST", "/workdays/days", permission=Permission.WORKDAY_MANAGE, takes=WorkdayIn, gives=WorkdayChange
)
def set_workday(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Make one day of a loaded year off, worked, or as its weekday has it."""
    return _changed(work, workday_edits.set_day(work, given["day"], given["kind"], given["source"]))


def _changed(work: Work, moved: workday_edits.Moved) -> dict[str, Any]:
    return {**_calendar(work), "moved": moved.obligations, "past_periods": moved.past_periods}
