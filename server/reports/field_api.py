"""R3, R6 and R13 over HTTP: what the field produced, and what was planned beside it."""

from __future__ import annotations

from typing import Any

from flask import Response

from schemas.field_reports import (
    FieldItems,
    MonthlyAnswer,
    MonthlyItemsQuery,
    MonthlyQuery,
    RoadAnswer,
    RoadItemsQuery,
    RoadQuery,
)
from schemas.patrol_deeds import PatrolsAnswer, PatrolsQuery
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.answering import answer
from server.reports.moment import moment_for, period_for
from server.reports.monthly import month_for, monthly_items, monthly_report
from server.reports.monthly_sheet import monthly_sheet
from server.reports.patrols import PatrolsBy, patrol_report
from server.reports.patrols_sheet import patrols_sheet
from server.reports.road import RoadBy, road_items, road_report
from server.reports.road_sheet import road_sheet

blueprint = Noun("field_reports", "现场报表 Reports of the field")


@blueprint.endpoint(
    "GET", "/reports/road", permission=Permission.REPORT_READ, takes=RoadQuery, gives=RoadAnswer
)
def road(work: Work, query: dict[str, Any]) -> Response:
    """R6: road checks and depots by squad, checkpoint, depot or month, as JSON, CSV, XLSX or PDF."""
    as_of = moment_for(work, query["as_of"])
    period = period_for(work, query["period"], as_of)
    return answer(road_sheet(work, road_report(work, period, as_of, RoadBy(query["by"]))), query["format"])


@blueprint.endpoint(
    "GET", "/reports/road/items", permission=Permission.REPORT_READ, takes=RoadItemsQuery, gives=FieldItems
)
def items_of_road(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What stands behind a figure of R6, by record."""
    as_of = moment_for(work, query["as_of"])
    period = period_for(work, query["period"], as_of)
    given = {name: query[name] for name in ("squad_id", "site_id")}
    return {"as_of": as_of, "items": road_items(work, period, as_of, query["figure"], **given)}


@blueprint.endpoint(
    "GET", "/reports/monthly", permission=Permission.REPORT_READ, takes=MonthlyQuery, gives=MonthlyAnswer
)
def monthly(work: Work, query: dict[str, Any]) -> Response:
    """R3, the field's part: the month, the year to date and the same month of last year."""
    as_of = moment_for(work, query["as_of"])
    report = monthly_report(work, month_for(work, query["period"], as_of), as_of)
    return answer(monthly_sheet(work, report), query["format"])


@blueprint.endpoint(
    "GET",
    "/reports/monthly/items",
    permission=Permission.REPORT_READ,
    takes=MonthlyItemsQuery,
    gives=FieldItems,
)
def items_of_month(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What stands behind a figure of R3 in one of its columns."""
    as_of = moment_for(work, query["as_of"])
    report = monthly_report(work, month_for(work, query["period"], as_of), as_of)
    return {"as_of": as_of, "items": monthly_items(report, query["figure"], query["column"])}


@blueprint.endpoint(
    "GET", "/reports/patrols", permission=Permission.REPORT_READ, takes=PatrolsQuery, gives=PatrolsAnswer
)
def patrols(work: Work, query: dict[str, Any]) -> Response:
    """R13: plan and deed of patrols by squad, day or patrol, as JSON, CSV, XLSX or PDF; never of people."""
    as_of = moment_for(work, query["as_of"])
    period = period_for(work, query["period"], as_of)
    report = patrol_report(work, period, as_of, PatrolsBy(query["by"]), query["squad_id"])
    return answer(patrols_sheet(work, report), query["format"])
