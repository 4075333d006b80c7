"""R11 as a sheet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.reports import HealthAnswer
from server.cadence.tally import percent
from server.kernel.work import Work
from server.reports.heading import bureau_name, days_of
from server.reports.machine import Machine
from server.reports.sheets import NO_FIGURE, Bar, Chart, Column, Sheet
from server.reports.sync_health import Line, SyncHealth

COLUMNS = (
    Column("group", "对象", brief=True, text=True, width=2.2),
    Column("squad", "中队", text=True, width=1.6),
    Column("devices_in_use", "在用设备", brief=True),
    Column("devices_ended", "停用或过期设备"),
    Column("devices_silent", "超过24小时未联系", brief=True, width=1.1),
    Column("never_heard", "其中从未联系"),
    Column("last_heard_at", "最久未联系者上次联系", text=True, moment=True, width=1.4),
    Column("last_empty_at", "最久未清空者上次清空", text=True, moment=True, width=1.4),
    Column("never_empty", "从未清空设备"),
    Column("queue_length", "设备自报待传条数", brief=True, width=1.1),
    Column("queue_oldest_at", "最早一条待传的时间", printed=False, text=True),
    Column("queue_age_h", "最早一条已等小时", brief=True, width=1.1),
    Column("clock_offset_s", "最大时钟偏差秒"),
    Column("app_versions", "应用版本", text=True, width=1.2),
    Column("records", "收到记录", brief=True),
    Column("late", "迟报"),
    Column("late_share", "迟报占比%", brief=True, width=1.1),
    Column("flagged", "有提示"),
    Column("flagged_share", "有提示占比%", brief=True, width=1.1),
    Column("flags_text", "各类提示", printed=False, text=True),
    Column("evidence_missing", "已申报未收到的文件", brief=True, width=1.1),
    Column("conflicts_open", "待处理冲突", brief=True),
    Column("quarantine_open", "待处理隔离行", brief=True),
)
# More bars than this say less than the table.
MOST_BARS = 16
SUMMED = (
    *("devices_in_use", "devices_ended", "devices_silent", "never_heard", "never_empty", "queue_length"),
    *("records", "late", "flagged", "evidence_missing", "conflicts_open", "quarantine_open"),
)
NOTES = (
    "记录按收到的日期归入周期，不论检查在何时；迟报占比＝迟报÷收到记录；有提示占比＝有提示÷收到记录；“—”表示没有收到记录或没有设备报过。"
    "设备、冲突和隔离行按截至时刻的情况。各中队、各设备按名称排列，不排名次。",
)


def health_sheet(work: Work, report: SyncHealth, machine: Machine | None = None) -> Sheet:
    """The sheet of an R11; ``machine`` is told in JSON only."""
    rows = [as_row(line, report.as_of) for line in report.lines]
    bars = [_bar(row) for row in rows]
    body = {
        "period": report.period.key,
        "as_of": report.as_of,
        "by": report.by,
        "rows": rows,
        "machine": machine,
    }
    return Sheet(
        code="R11",
        stem=f"sync-health-{report.period.key}",
        tab="同步情况",
        title="手持设备同步情况",
        bureau=bureau_name(work),
        period=days_of(report.period.key, report.period.first_day, report.period.last_day),
        as_of=report.as_of,
        columns=COLUMNS,
        rows=rows,
        answer=HealthAnswer().dump(body),
        totals=[_total(rows)] if rows else [],
        notes=NOTES,
        chart=Chart("收到的记录", bars, shares=False) if len(bars) <= MOST_BARS else None,
    )


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    sums: dict[str, Any] = {name: sum(row[name] for row in rows) for name in SUMMED}
    shares = {f"{name}_share": percent(sums[name], sums["records"]) for name in ("late", "flagged")}
    return dict.fromkeys((column.name for column in COLUMNS), "") | {"group": "合计"} | sums | shares


def _bar(row: dict[str, Any]) -> Bar:
    parts = {"prompt": row["records"] - row["late"], "delayed": row["late"]}
    return Bar(row["group"], parts, f"收到 {row['records']} 条，迟报 {row['late_share'] or NO_FIGURE}%")


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
