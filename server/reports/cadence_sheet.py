"""R1 as a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.reports import CadenceAnswer
from schemas.vocabulary import CadenceTier
from server.cadence.tally import Tally, tenths
from server.kernel.work import Work
from server.reports.cadence import By, CadenceReport, Line
from server.reports.heading import bureau_name, days_of
from server.reports.outlet_figures import outlet_figures
from server.reports.sheets import NO_FIGURE, Bar, Chart, Column, Sheet

COLUMNS: tuple[Column, ...] = (
    Column("group", "对象", brief=True, text=True, width=2.6),
    Column("tier", "层级", printed=False, text=True),
    Column("tier_zh", "制度", brief=True, text=True, width=1.2),
    Column("period", "周期", brief=True, text=True, width=1.5),
    Column("obligations", "应查", brief=True),
    Column("waived", "免查", brief=True),
    Column("due", "应完成", brief=True),
    Column("on_time", "按期完成", brief=True),
    Column("late", "逾期完成", brief=True),
    Column("missed", "漏查", brief=True),
    Column("made_up", "其中补查"),
    Column("pending", "待查", brief=True),
    Column("unknown", "其中待同步", brief=True),
    Column("on_time_rate", "按期检查率%", brief=True, width=1.3),
    Column("on_time_rate_to_date", "截至当前按期检查率%", width=1.5),
    Column("completion_rate", "完成率%", brief=True, width=1.2),
    Column("waived_share", "免查占比%", width=1.2),
    Column("mean_days_late", "平均逾期天数"),
    Column("attempts", "到店未查成次数", width=1.1),
)
OF_OUTLETS = (
    *COLUMNS,
    Column("consecutive_misses", "连续漏查次数"),
    Column("findings", "该户发现异常"),
    Column("follow_ups", "该户补查复查"),
    Column("cap_used", "该户年内检查"),
    Column("cap", "该户年度上限"),
)
# More bars than this say less than the sums of the tiers.
MOST_BARS = 16
NOTES = (
    "应完成＝应查－免查＝按期完成＋逾期完成＋漏查＋待查；按期检查率＝按期完成÷应完成；截至当前按期检查率＝按期完成÷（应完成－待查）；"
    "完成率＝（按期完成＋逾期完成）÷应完成；免查占比＝免查÷应查。合计由各项相加后计算，不取各行比率的平均。“—”表示没有应完成的任务。",
    "其中补查已计入漏查；其中待同步指责任中队的手持机可能尚有未上传的记录，已计入漏查或待查。周按其星期四归入月、季、年。",
)
PROVISIONAL = "暂定：含尚未公布工作日安排的年度，有关期限按周一至周五推算，待公布后重新计算"


def cadence_sheet(work: Work, report: CadenceReport) -> Sheet:
    """The sheet of an R1."""
    columns, rows = COLUMNS, [as_row(line) for line in report.lines]
    if report.by is By.OUTLET:
        columns, rows = OF_OUTLETS, _with_outlet_figures(work, report, rows)
    totals = [] if report.by is By.TOTAL else _totals(report)
    body = {
        "period": report.period.key,
        "as_of": report.as_of,
        "by": report.by,
        "provisional": report.provisional,
        "policies": report.policies,
        "totals": totals,
        "rows": rows,
    }
    return Sheet(
        code="R1",
        stem=f"cadence-{report.period.key}",
        tab="复查执行情况",
        title="周复查、月核查、季抽查执行情况",
        bureau=bureau_name(work),
        period=days_of(report.period.key, report.period.first_day, report.period.last_day),
        as_of=report.as_of,
        columns=columns,
        rows=rows,
        answer=CadenceAnswer().dump(body),
        # What is told of one outlet has no sum over tiers.
        totals=[dict.fromkeys((column.name for column in columns), "") | total for total in totals],
        marks=[PROVISIONAL] if report.provisional else [],
        basis=[policy.line for policy in report.policies],
        notes=NOTES,
        chart=chart_of(rows, totals),
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
        "mean_days_late": tenths(line.days_late, counts.late),
        "attempts": line.attempts,
    }


def _with_outlet_figures(
    work: Work, report: CadenceReport, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is told of an outlet stands on each of its rows; the misses in a row are the row's own tier's."""
    figures = outlet_figures(work, report)
    more = []
    for row in rows:
        of = figures[row["group_id"]]
        more.append(
            row
            | {
                "consecutive_misses": of.misses[CadenceTier(row["tier"])],
                "findings": of.findings,
                "follow_ups": of.follow_ups,
                "cap_used": of.cap_used,
                "cap": of.cap,
            }
        )
    return more


def _totals(report: CadenceReport) -> list[dict[str, Any]]:
    """A row of each tier, with the sums of its lines."""
    sums: dict[CadenceTier, Line] = {}
    for line in report.lines:
        nothing = Line(None, "合计", line.tier, report.period.key, Tally(), 0, 0, 0)
        so_far = sums.get(line.tier, nothing)
        sums[line.tier] = replace(
            so_far,
            counts=so_far.counts + line.counts,
            unknown=so_far.unknown + line.unknown,
            attempts=so_far.attempts + line.attempts,
            days_late=so_far.days_late + line.days_late,
        )
    return [as_row(sums[tier]) for tier in sorted(sums, key=lambda tier: tier.depth)]


def chart_of(rows: Sequence[Mapping[str, Any]], totals: Sequence[Mapping[str, Any]]) -> Chart:
    """A bar a row, or a bar a tier where those are too many."""
    shown = rows if len(rows) <= MOST_BARS else totals
    return Chart("应查任务完成情况", [_bar(row) for row in shown])


def _bar(row: Mapping[str, Any]) -> Bar:
    parts = {name: row[name] for name in ("on_time", "late", "missed", "pending", "waived")}
    told = f"应查 {row['obligations']}，按期检查率 "
    rate = NO_FIGURE if row["on_time_rate"] is None else f"{row['on_time_rate']}%"
    return Bar(f"{row['group']}　{row['tier_zh']}", parts, told + rate)
