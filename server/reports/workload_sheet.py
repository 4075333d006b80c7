"""Workload as a sheet."""

from __future__ import annotations

from typing import Any

from schemas.workload import WorkloadAnswer
from server.kernel.work import Work
from server.reports.heading import bureau_name
from server.reports.sheets import Column, Sheet
from server.reports.workload import Line, Load, Workload

NOBODY = "（未落实）"
_FIGURES = (
    Column("cells", "网格", brief=True),
    Column("outlets", "在业户", brief=True),
    Column("ecig_outlets", "其中电子烟", brief=True, width=1.2),
    Column("weekly", "周复查待办", brief=True, width=1.2),
    Column("monthly", "月核查待办", brief=True, width=1.2),
    Column("quarterly", "季抽查待办", brief=True, width=1.2),
    Column("triggered", "触发任务待办", brief=True, width=1.3),
    Column("per_year", "折合全年应查", brief=True, width=1.3),
    Column("km", "走一遍约（公里）", brief=True, width=1.4),
)
_SQUAD = Column("squad", "责任中队", brief=True, text=True, width=2)
_LEAD = Column("lead", "责任人", brief=True, text=True, width=1.4)
ESTIMATE = (
    "“走一遍约”为估算：每个网格内在业零售户走一圈的大圆距离乘以绕行系数 1.35，不含网格之间的路程，"
    "只供比较分工，不是行车里程。"
)
TRAVEL = (
    f"{ESTIMATE}An estimate: round the outlets in business of each cell once by great circles, times 1.35 for detours,"
    " without the ways between cells."
)
NOTES = (
    ESTIMATE,
    "待办为从今天起所列天数内可以办理、尚未完成也未免查的应查任务，含宽限期内的；“折合全年应查”按当前各周期推算，一次检查可以同时完成几项。",
    "按中队、姓名排列，不排名次，与考勤无关。",
)
REASONS = {
    "outlet_without_position": "户没有位置",
    "outlet_outside_cells": "户不在任何网格内",
}


def workload_sheet(work: Work, report: Workload, by: str) -> Sheet:
    """The sheet of a workload, ``by`` squad or lead."""
    lines = report.squads if by == "squad" else report.leads
    rows = [row_of(line) for line in lines]
    total = {"squad": "合计", "lead": None, **figures_of(report.total)}
    unplaced = {code: count for code, count in report.unplaced.items() if count}
    body = {
        "day": report.day,
        "until": report.until,
        "as_of": report.as_of,
        "by": by,
        "rows": [row_of(line, nobody=None) for line in lines],
        "total": figures_of(report.total),
        "unplaced": [{"code": code, "outlets": count} for code, count in unplaced.items()],
        "travel": TRAVEL,
    }
    return Sheet(
        code="R14",
        stem=f"workload-{report.day}",
        tab="工作量",
        title="片区责任工作量",
        bureau=bureau_name(work),
        period=f"{report.day}，待办至 {report.until}",
        as_of=report.as_of,
        columns=(_SQUAD, *((_LEAD,) if by == "lead" else ()), *_FIGURES),
        rows=rows,
        answer=WorkloadAnswer().dump(body),
        totals=[total],
        marks=[f"另有 {count} {REASONS[code]}，没有计入" for code, count in unplaced.items()],
        notes=NOTES,
    )


def row_of(line: Line, nobody: str | None = NOBODY) -> dict[str, Any]:
    """A line with the names and ids of whom it is."""
    return {
        "squad_id": line.squad_id,
        "squad": line.squad or nobody,
        "lead_person_id": line.lead_person_id,
        "lead": line.lead,
        **figures_of(line.load),
    }


def figures_of(load: Load) -> dict[str, Any]:
    """The figures; ``km`` has one decimal, and counts of nothing are none."""
    told = {column.name: getattr(load, column.name) for column in _FIGURES if column.name != "km"}
    return {**told, "km": f"{load.travel_m / 1000:.1f}"}
