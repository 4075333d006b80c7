"""R1 as rows: one table of columns for JSON, CSV and XLSX, so that the three never tell different figures."""

from __future__ import annotations

from typing import Any

from server.reports.cadence import CadenceReport, Line
from server.reports.sheets import csv_of, xlsx_of

# Field, Chinese heading. The order is that of the sheet.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("group", "对象"),
    ("tier", "层级"),
    ("tier_zh", "制度"),
    ("period", "周期"),
    ("obligations", "应查"),
    ("waived", "免查"),
    ("due", "应完成"),
    ("on_time", "按期完成"),
    ("late", "逾期完成"),
    ("missed", "漏查"),
    ("made_up", "其中补查"),
    ("pending", "待查"),
    ("unknown", "其中待同步"),
    ("on_time_rate", "按期检查率%"),
    ("on_time_rate_to_date", "截至当前按期检查率%"),
    ("completion_rate", "完成率%"),
    ("waived_share", "免查占比%"),
    ("mean_days_late", "平均逾期天数"),
    ("attempts", "到店未查成次数"),
)


def as_row(line: Line) -> dict[str, Any]:
    """One line by field name; a rate of nothing is ``None``."""
    counts = line.counts
    return {
        "group_id": line.group_id,
        "group": line.group,
        "tier": line.tier.value,
        "tier_zh": line.tier.label_zh,
        "period": line.period,
        "obligations": counts.obligations,
        "waived": counts.waived,
        "due": counts.due,
        "on_time": counts.on_time,
        "late": counts.late,
        "missed": counts.missed,
        "made_up": counts.made_up,
        "pending": counts.pending,
        "unknown": line.unknown,
        "on_time_rate": counts.on_time_rate,
        "on_time_rate_to_date": counts.on_time_rate_to_date,
        "completion_rate": counts.completion_rate,
        "waived_share": counts.waived_share,
        "mean_days_late": line.mean_days_late,
        "attempts": line.attempts,
    }


def as_csv(report: CadenceReport) -> str:
    """The report as CSV with field names in the first row."""
    return csv_of(COLUMNS, map(as_row, report.lines))


def as_xlsx(report: CadenceReport) -> bytes:
    """The report as a workbook: title, moment, Chinese headings, rows."""
    note = f"数据截至 {report.as_of.isoformat(timespec='minutes')}"
    return xlsx_of(
        "复查执行情况",
        f"周复查、月核查、季抽查执行情况（{report.period.key}）",
        note + ("；含未公布工作日的年度，期限为暂定" if report.provisional else ""),
        COLUMNS,
        map(as_row, report.lines),
    )
