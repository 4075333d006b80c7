"""R6 as a sheet."""

from __future__ import annotations

from schemas.field_reports import RoadAnswer
from server.kernel.work import Work
from server.reports.heading import bureau_name, days_of
from server.reports.road import RoadBy, RoadReport
from server.reports.sheets import Column, Sheet

COLUMNS = (
    Column("group", "分组", brief=True, text=True, width=2),
    Column("road_sessions", "路检场次", brief=True),
    Column("road_not_valid", "其中未达有效条件", width=1.2),
    Column("road_stops", "拦检车次", brief=True),
    Column("road_hits", "查获车次", brief=True),
    Column("hit_rate", "查获率%", brief=True),
    Column("road_sticks", "查获卷烟（支）", brief=True, width=1.4),
    Column("sticks_per_stop", "每车次支数", width=1.2),
    Column("depot_checks", "寄递检查次", brief=True),
    Column("depot_not_valid", "其中未达有效条件", width=1.2),
    Column("depot_findings", "发现异常", brief=True),
    Column("letters", "函告"),
    Column("hand_overs", "移交"),
    Column("rechecks_open", "待复查", brief=True),
    Column("rechecks_overdue", "其中逾期", brief=True),
)
_BY = {
    RoadBy.TOTAL: "合计",
    RoadBy.SQUAD: "中队",
    RoadBy.CHECKPOINT: "卡点",
    RoadBy.DEPOT: "网点",
    RoadBy.MONTH: "月份",
}
NOTES = (
    "场次、检查次归入开始当天，跨零点的只计一次，按开展检查的中队计。已提交的记录都计入，其中未达有效检查条件的另列；有更正的按最后一次更正计。"
    "查获率＝查获车次÷拦检车次；每车次支数＝查获卷烟支数÷拦检车次，只含卷烟。",
    "寄递网点的整改由邮政管理部门责令，本表所列为本单位的函告、移交。待复查＝本期函告、移交中截至上述时刻尚未复查的，截止日次日起计为逾期。“—”表示没有可计算的对象。",
)


def road_sheet(work: Work, report: RoadReport) -> Sheet:
    """The sheet of an R6."""
    period = report.period
    columns = (Column("group", _BY[report.by], brief=True, text=True, width=2), *COLUMNS[1:])
    body = {
        "period": period.key,
        "as_of": report.as_of,
        "by": report.by.value,
        "rows": report.rows,
        "total": report.total,
    }
    return Sheet(
        code="R6",
        stem=f"road-{period.key}-{report.by.value}",
        tab="路检与寄递",
        title="路检路查与寄递网点检查情况",
        bureau=bureau_name(work),
        period=days_of(period.key, period.first_day, period.last_day),
        as_of=report.as_of,
        columns=columns,
        rows=report.rows,
        answer=RoadAnswer().dump(body),
        totals=[] if report.by is RoadBy.TOTAL else [report.total],
        notes=NOTES,
    )
