"""R3 as a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.field_reports import MonthlyAnswer
from server.kernel.work import Work
from server.reports.heading import bureau_name, days_of
from server.reports.monthly import Line, MonthlyReport, checks_of, due_of
from server.reports.sheets import Column, Sheet

TITLE = "涉烟打假打私月度统计（现场部分）"
COLUMNS = (
    Column("figure", "代码", printed=False, text=True),
    Column("figure_zh", "指标", brief=True, text=True, width=3.4),
    Column("unit", "单位", brief=True, text=True, width=0.8),
    Column("month", "本月", brief=True),
    Column("to_date", "本年累计", brief=True),
    Column("last_year", "上年同月", brief=True),
    Column("change", "同比±%", brief=True),
    Column("base_unit", "基本单位", printed=False, text=True),
    Column("month_base", "本月（基本单位）", printed=False),
    Column("to_date_base", "本年累计（基本单位）", printed=False),
    Column("last_year_base", "上年同月（基本单位）", printed=False),
)
NOTES = (
    "人次、辆次由出动登记逐人逐车计得，每次出动每人每车只计一次，归入出动开始当天；未指明出动的路检场次自成一次出动。没有登记出动的现场记录，按同日同组人员推算，"
    "另列，不计入出动人次，也没有车辆。联合单位人员另列，不计入本单位人次。",
    "检查户次、户数只计有效检查（与 R2、R7 一致）；路检、寄递检查和查获物品按已提交的记录计，有更正的按最后一次更正计。"
    "违法情形以记录所写案由为准，不是立案数。"
    "登记保存清单所列与检查记录是同一批物品，不重复计。",
    "各数以支、克、分等整数相加，只在显示时四舍五入一次，各部分显示值之和可能与合计差 0.01。"
    "同比＝（本月－上年同月）÷上年同月；上年同月为零的记“—”。"
    "本表只含现场记录已有的内容；案件、罚没款、移送人员等由案件部分另报。",
)


def rows_of(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """A row a figure."""
    rows = []
    for line in lines:
        unit = line.measure.unit
        rows.append(
            {
                "figure": line.measure.name,
                "figure_zh": line.measure.heading,
                "unit": unit.shown,
                "part_of": line.measure.part_of,
                "month": unit.show(line.month),
                "to_date": unit.show(line.to_date),
                "last_year": unit.show(line.last_year),
                "change": line.change,
                "base_unit": unit.base,
                "month_base": line.month,
                "to_date_base": line.to_date,
                "last_year_base": line.last_year,
            }
        )
    return rows


def monthly_sheet(work: Work, report: MonthlyReport) -> Sheet:
    """The sheet of an R3."""
    period, rows, checks = report.period, rows_of(report.lines), checks_of(report.lines)
    due = due_of(period, work.zone)
    body = {"period": period.key, "as_of": report.as_of, "due_at": due, "checks": checks, "rows": rows}
    return Sheet(
        code="R3",
        stem=f"monthly-{period.key}",
        tab="月度统计",
        title=TITLE,
        bureau=bureau_name(work),
        period=days_of(period.key, period.first_day, period.last_day),
        as_of=report.as_of,
        columns=COLUMNS,
        rows=rows,
        answer=MonthlyAnswer().dump(body),
        basis=[
            f"次月1日零时锁定，{due:%Y-%m-%d %H:%M} 前报送",
            *(
                f"合计核对不符：{one['figure']} {one['column']} {one['total']} ≠ {one['parts']}"
                for one in checks
                if not one["agrees"]
            ),
        ],
        notes=NOTES,
        portrait=True,
    )
