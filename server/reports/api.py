"""Reports over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Response

from schemas.reports import (
    CadenceAnswer,
    CadenceObligations,
    CadenceQuery,
    CapAnswer,
    CapQuery,
    CustodyAnswer,
    CustodyItems,
    CustodyItemsQuery,
    CustodyQuery,
    DutyBoardAnswer,
    DutyBoardQuery,
    HealthAnswer,
    HealthItems,
    HealthItemsQuery,
    HealthQuery,
    ObligationsQuery,
    SquadItems,
    SquadItemsQuery,
    SquadsAnswer,
    SquadsQuery,
)
from schemas.vocabulary import ObligationState
from schemas.workload import WorkloadAnswer, WorkloadQuery
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.answering import answer
from server.reports.cadence import By, cadence_report
from server.reports.cadence_sheet import cadence_sheet
from server.reports.cap import cap_report, year_for
from server.reports.cap_sheet import cap_sheet
from server.reports.custody_report import custody_report
from server.reports.custody_report import items_behind as goods_behind
from server.reports.custody_sheet import custody_sheet
from server.reports.duty_board import duty_board
from server.reports.duty_sheet import duty_sheet
from server.reports.health_sheet import health_sheet
from server.reports.judged import judged
from server.reports.machine import machine_now
from server.reports.moment import moment_for, period_for
from server.reports.squads import measure_named, squad_report, things_behind, week_named
from server.reports.squads_sheet import squads_sheet
from server.reports.sync_health import Figure, items_behind, sync_health, week_for
from server.reports.workload import workload
from server.reports.workload_sheet import workload_sheet

blueprint = Noun("reports", "报表 Reports")
UNCOUNTED = frozenset({ObligationState.UPCOMING, ObligationState.VOID})


@blueprint.endpoint(
    "GET", "/reports/cadence", permission=Permission.REPORT_READ, takes=CadenceQuery, gives=CadenceAnswer
)
def cadence(work: Work, query: dict[str, Any]) -> Response:
    """R1: 周复查、月核查、季抽查 by squad, officer, cell or outlet, as JSON, CSV, XLSX or PDF."""
    as_of = moment_for(work, query["as_of"])
    period = period_for(work, query["period"], as_of)
    report = cadence_report(work, period, as_of, By(query["by"]), each_period=query["each_period"])
    return answer(cadence_sheet(work, report), query["format"])


@blueprint.endpoint(
    "GET",
    "/reports/cadence/obligations",
    permission=Permission.REPORT_READ,
    takes=ObligationsQuery,
    gives=CadenceObligations,
)
def cadence_obligations(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What stands behind a figure of R1: every obligation counted in it, with its state and its record.

    What has not begun and what became void is in no figure, and is told only when its state is asked for.
    """
    as_of = moment_for(work, query["as_of"])
    period = period_for(work, query["period"], as_of)
    wanted = {
        name: query[name] for name in ("tier", "state", "squad_id", "cell_id", "subject_id") if query[name]
    }
    items = []
    for item in judged(work, period, as_of):
        judgement, row = item.judgement, item.row
        entry = {
            "id": row.id,
            "subject_id": row.subject_id,
            "cell_id": judgement.cell_id,
            "squad_id": item.responsible.squad_id if item.responsible else None,
            "tier": row.tier,
            "key": row.key,
            "first_day": row.first_day,
            "last_day": row.last_day,
            "grace_last_day": row.grace_last_day,
            "state": judgement.state.value,
            "unknown": item.unknown,
            "record_id": judgement.met_by or judgement.made_up_by,
            "performed_at": judgement.performed_at,
            "days_late": judgement.days_late,
            "attempts": list(judgement.attempts),
        }
        counted = judgement.state not in UNCOUNTED or query["state"]
        if counted and all(entry[name] == value for name, value in wanted.items()):
            items.append(entry)
    items.sort(key=lambda entry: (entry["last_day"], str(entry["subject_id"]), entry["tier"]))
    return {"as_of": as_of, "items": items}


@blueprint.endpoint("GET", "/reports/cap", permission=Permission.REPORT_READ, takes=CapQuery, gives=CapAnswer)
def cap(work: Work, query: dict[str, Any]) -> Response:
    """R10: inspections of each outlet beside the annual cap of its credit grade; by default those over it."""
    as_of = moment_for(work, query["as_of"])
    report = cap_report(work, year_for(work, query["year"], as_of), as_of)
    return answer(cap_sheet(work, report, query["which"]), query["format"])


@blueprint.endpoint(
    "GET", "/reports/sync-health", permission=Permission.REPORT_READ, takes=HealthQuery, gives=HealthAnswer
)
def health(work: Work, query: dict[str, Any]) -> Response:
    """R11: devices, queues, clocks, late and flagged records, conflicts and quarantine, by squad or device."""
    as_of = moment_for(work, query["as_of"])
    report = sync_health(work, week_for(work, query["period"], as_of), as_of, query["by"])
    told = query["as_of"] is None and work.actor.reaches_bureau(Permission.REPORT_READ)
    machine = machine_now(work.session) if told else None
    return answer(health_sheet(work, report, machine), query["format"])


@blueprint.endpoint(
    "GET",
    "/reports/sync-health/items",
    permission=Permission.REPORT_READ,
    takes=HealthItemsQuery,
    gives=HealthItems,
)
def health_items(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What stands behind a figure of R11: every record, losing edit, quarantined row or missing file counted in it."""
    as_of = moment_for(work, query["as_of"])
    items = items_behind(
        work,
        week_for(work, query["period"], as_of),
        as_of,
        Figure(query["figure"]),
        squad_id=query["squad_id"],
        device_id=query["device_id"],
        flag=query["flag"],
    )
    return {"as_of": as_of, "items": items}


@blueprint.endpoint(
    "GET",
    "/reports/duty-board",
    permission=Permission.REPORT_READ,
    takes=DutyBoardQuery,
    gives=DutyBoardAnswer,
)
def board(work: Work, query: dict[str, Any]) -> Response:
    """R12: 职责公示, which squad and which officer answer for each cell of the bureau on a day."""
    as_of = moment_for(work, query["as_of"])
    day = query["day"] or as_of.date()
    return answer(duty_sheet(work, duty_board(work, day, as_of)), query["format"])


@blueprint.endpoint(
    "GET",
    "/reports/workload",
    permission=Permission.REPORT_READ,
    takes=WorkloadQuery,
    gives=WorkloadAnswer,
)
def load(work: Work, query: dict[str, Any]) -> Response:
    """What lies in the cells that each squad or lead officer answers for today: outlets, obligations, kilometres."""
    return answer(workload_sheet(work, workload(work, query["days"]), query["by"]), query["format"])


@blueprint.endpoint(
    "GET", "/reports/squads", permission=Permission.REPORT_READ, takes=SquadsQuery, gives=SquadsAnswer
)
def squads(work: Work, query: dict[str, Any]) -> Response:
    """R7: each squad's week beside its own week before and the mean of its four weeks before."""
    as_of = moment_for(work, query["as_of"])
    report = squad_report(work, week_named(work, query["period"], as_of), as_of)
    return answer(squads_sheet(work, report), query["format"])


@blueprint.endpoint(
    "GET",
    "/reports/squads/items",
    permission=Permission.REPORT_READ,
    takes=SquadItemsQuery,
    gives=SquadItems,
)
def squad_items(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What stands behind a figure of R7's week, by id."""
    as_of = moment_for(work, query["as_of"])
    week, measure = week_named(work, query["period"], as_of), measure_named(query["figure"])
    return {"as_of": as_of, "items": things_behind(work, week, as_of, measure, query["squad_id"])}


@blueprint.endpoint(
    "GET", "/reports/custody", permission=Permission.CUSTODY_READ, takes=CustodyQuery, gives=CustodyAnswer
)
def custody(work: Work, query: dict[str, Any]) -> Response:
    """R9: registered goods held, nearing the seven working days, overdue, decided and destroyed, by squad or keeper."""
    report = custody_report(work, moment_for(work, query["as_of"]), query["by"])
    return answer(custody_sheet(work, report), query["format"])


@blueprint.endpoint(
    "GET",
    "/reports/custody/items",
    permission=Permission.CUSTODY_READ,
    takes=CustodyItemsQuery,
    gives=CustodyItems,
)
def custody_items(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What stands behind a figure of R9: each line counted in it, by the id of its list and record."""
    as_of = moment_for(work, query["as_of"])
    items = goods_behind(work, as_of, query["figure"], query["squad_id"], query["category"])
    return {"as_of": as_of, "items": list(items)}
