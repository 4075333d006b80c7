"""Compliance calendars over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import or_, select

from schemas.calendars import CalendarAnswer, CalendarPage, CalendarPageQuery, CalendarQuery
from schemas.vocabulary import LicenceScope
from server.cadence.models import Obligation
from server.grids.models import Duty
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.outlets.queries import visible_to
from server.reports.calendar import calendars, legend, weeks_of, weeks_until
from server.reports.moment import moment_for

blueprint = Noun("calendars", "复查日历 Calendars")


@blueprint.endpoint(
    "GET",
    "/outlets/<uuid:outlet_id>/calendar",
    permission=Permission.OBLIGATION_READ,
    takes=CalendarQuery,
    gives=CalendarAnswer,
)
def one_calendar(work: Work, query: dict[str, Any], outlet_id: uuid.UUID) -> dict[str, Any]:
    """An outlet's weeks as cells, with its months, quarters and triggered duties beside them."""
    outlet = work.session.scalar(visible_to(work.actor).where(Outlet.id == outlet_id))
    if outlet is None:
        raise Problem("not_found")
    return _answer(work, query, [outlet])


@blueprint.endpoint(
    "GET",
    "/outlets/calendars",
    permission=Permission.OBLIGATION_READ,
    takes=CalendarPageQuery,
    gives=CalendarPage,
)
def page_of_calendars(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The calendars of a page of outlets that are or were to be re-inspected, by licence number."""
    owing = select(Obligation.id).where(
        Obligation.subject_kind == "outlet", Obligation.subject_id == Outlet.id
    )
    outlets = visible_to(work.actor).where(
        or_(Outlet.licence_scope.contains([LicenceScope.ECIG.value]), owing.exists())
    )
    if query["cell_id"]:
        outlets = outlets.where(Outlet.cell_id == query["cell_id"])
    if query["squad_id"]:
        today = moment_for(work, query["as_of"]).date()
        cells = select(Duty.cell_id).where(Duty.squad_id == query["squad_id"], Duty.valid.op("@>")(today))
        outlets = outlets.where(Outlet.cell_id.in_(cells))
    page = page_of(work.session, outlets, [Outlet.licence_no, Outlet.id], query["after"], query["limit"])
    return _answer(work, query, page["items"]) | {"after": page["after"]}


def _answer(work: Work, query: dict[str, Any], outlets: list[Outlet]) -> dict[str, Any]:
    as_of = moment_for(work, query["as_of"])
    weeks = weeks_of(query["year"]) if query["year"] else weeks_until(work, as_of, query["weeks"])
    return {"as_of": as_of, "legend": legend(), "items": calendars(work, outlets, weeks, as_of)}
