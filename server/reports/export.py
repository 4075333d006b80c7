"""R1 as rows: one table of columns for JSON, CSV and XLSX, so that the three never tell different figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import xlsxwriter

from server.reports.cadence import CadenceReport, Line

NO_FIGURE = "—"

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


def _cells(report: CadenceReport) -> Iterator[list[Any]]:
    for line in report.lines:
        row = as_row(line)
        yield [NO_FIGURE if row[name] is None else row[name] for name, _ in COLUMNS]


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is shown as text instead."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_csv(report: CadenceReport) -> str:
    """The report as CSV with field names in the first row and the moment it speaks of in the last."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([name for name, _ in COLUMNS])
    writer.writerows([_safe(value) for value in row] for row in _cells(report))
    return sheet.getvalue()


def as_xlsx(report: CadenceReport) -> bytes:
    """The report as a workbook: title, moment, Chinese headings, rows."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False}) as book:
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet("复查执行情况")
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, len(COLUMNS), 12)
        sheet.write_row(0, 0, [f"周复查、月核查、季抽查执行情况（{report.period.key}）"], bold)
        note = f"数据截至 {report.as_of.isoformat(timespec='minutes')}"
        sheet.write_row(1, 0, [note + ("；含未公布工作日的年度，期限为暂定" if report.provisional else "")])
        sheet.write_row(2, 0, [heading for _, heading in COLUMNS], bold)
        for number, row in enumerate(_cells(report), start=3):
            sheet.write_row(number, 0, row)
        sheet.freeze_panes(3, 1)
    return file.getvalue()
