"""R11 as rows: one table of columns for JSON, CSV and XLSX, so that the three never tell different figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.cadence.tally import percent
from server.reports.sheets import csv_of, xlsx_of
from server.reports.sync_health import Line, SyncHealth

COLUMNS: tuple[tuple[str, str], ...] = (
    ("group", "对象"),
    ("squad", "中队"),
    ("devices_in_use", "在用设备"),
    ("devices_ended", "停用或过期设备"),
    ("devices_silent", "超过24小时未联系"),
    ("never_heard", "其中从未联系"),
    ("last_heard_at", "最久未联系者上次联系"),
    ("last_empty_at", "最久未清空者上次清空"),
    ("never_empty", "从未清空设备"),
    ("queue_length", "设备自报待传条数"),
    ("queue_oldest_at", "最早一条待传的时间"),
    ("queue_age_h", "最早一条已等小时"),
    ("clock_offset_s", "最大时钟偏差秒"),
    ("app_versions", "应用版本"),
    ("records", "收到记录"),
    ("late", "迟报"),
    ("late_share", "迟报占比%"),
    ("flagged", "有提示"),
    ("flagged_share", "有提示占比%"),
    ("flags_text", "各类提示"),
    ("evidence_missing", "已申报未收到的文件"),
    ("conflicts_open", "待处理冲突"),
    ("quarantine_open", "待处理隔离行"),
)


def as_row(line: Line, as_of: datetime) -> dict[str, Any]:
    """One line by field name; a share of nothing is ``None``, moments are in the bureau's time."""
    oldest = line.queue_oldest_at
    flags = dict(sorted(line.flags.items()))
    return {
        "group_id": line.group_id,
        "group": line.group,
        "squad": line.squad,
        "devices_in_use": line.devices_in_use,
        "devices_ended": line.devices_ended,
        "devices_silent": line.devices_silent,
        "never_heard": line.never_heard,
        "last_heard_at": _moment(line.last_heard_at, as_of),
        "last_empty_at": _moment(line.last_empty_at, as_of),
        "never_empty": line.never_empty,
        "queue_length": line.queue_length,
        "queue_oldest_at": _moment(oldest, as_of),
        # A device whose clock is not known yet may name a moment to come; nothing has waited less than no time.
        "queue_age_h": None if oldest is None else max(0, int((as_of - oldest).total_seconds() // 3600)),
        "clock_offset_s": line.clock_offset_s,
        "app_versions": "、".join(sorted(line.app_versions)) or None,
        "records": line.records,
        "late": line.late,
        "late_share": percent(line.late, line.records),
        "flagged": line.flagged,
        "flagged_share": percent(line.flagged, line.records),
        "flags": flags,
        "flags_text": "；".join(f"{code} {count}" for code, count in flags.items()) or None,
        "evidence_missing": line.evidence_missing,
        "conflicts_open": line.conflicts_open,
        "quarantine_open": line.quarantine_open,
    }


def _moment(moment: datetime | None, as_of: datetime) -> str | None:
    return moment.astimezone(as_of.tzinfo).isoformat(timespec="seconds") if moment else None


def rows_of(report: SyncHealth) -> list[dict[str, Any]]:
    """Every line as a row."""
    return [as_row(line, report.as_of) for line in report.lines]


def as_csv(report: SyncHealth) -> str:
    """The report as CSV with field names in the first row."""
    return csv_of(COLUMNS, rows_of(report))


def as_xlsx(report: SyncHealth) -> bytes:
    """The report as a workbook."""
    return xlsx_of(
        "同步情况",
        f"手持设备同步情况（{report.period.key}）",
        f"数据截至 {report.as_of.isoformat(timespec='minutes')}",
        COLUMNS,
        rows_of(report),
    )
