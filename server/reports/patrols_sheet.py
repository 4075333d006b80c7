"""Plan and deed of patrols as a sheet."""

from __future__ import annotations

from schemas.patrol_deeds import PatrolsAnswer
from server.kernel.work import Work
from server.patrols.deed_showing import skipped_shown
from server.reports.heading import bureau_name, days_of
from server.reports.patrols import PatrolReport, PatrolsBy
from server.reports.sheets import Column, Sheet

COLUMNS = (
    Column("group", "分组", brief=True, text=True, width=2.4),
    Column("patrols", "巡查次数", brief=True),
    Column("started", "其中已出发"),
    Column("planned", "计划站点", brief=True),
    Column("done", "完成", brief=True),
    Column("done_rate", "完成率%", brief=True),
    Column("attempted", "到店未查成", width=1.2),
    Column("skipped", "未去", brief=True),
    Column("unproved", "报完成无记录", width=1.2),
    Column("not_reached", "未到", brief=True),
    Column("added", "计划外", brief=True),
    Column("kilometres_planned", "计划里程（公里）", brief=True, width=1.3),
    Column("kilometres_done", "实际里程（公里）", brief=True, width=1.3),
    Column("measured", "其中手持机测得（次）", width=1.3),
    Column("inspections_minutes", "检查（分）", brief=True),
    Column("road_checks_minutes", "路检（分）"),
    Column("depot_checks_minutes", "寄递（分）"),
    Column("other_minutes", "走访等（分）"),
    Column("way_minutes", "途中及其他（分）", brief=True, width=1.2),
    Column("run_minutes", "出动时长（分）", width=1.2),
)
_BY = {PatrolsBy.SQUAD: "中队", PatrolsBy.DAY: "日期", PatrolsBy.PATROL: "巡查"}
NOTES = (
    "各行只与本行的计划对照，按名称或日期排列，不排名次，不统计个人。巡查归入计划当天，跨零点的只计一次。"
    "完成＝小组在出动期间于该处有记录（有更正的按最后一次更正），或站点写明了记录；到店未查成＝只有未查成记录；未去＝写明原因跳过；"
    "报完成无记录＝只报完成而没有记录；未到＝没有记录也没有说明；计划外＝出动期间到过而不在计划中的对象数。",
    "实际里程以手持机在开始与结束之间测得的为准；没有测得的，按各记录位置间的直线距离×1.35 估算，没有两处位置的不计。"
    "在门店的时间按记录的起止计，重叠的不重复计；途中及其他＝出动时长－在门店的时间，只计已知结束时间的巡查。分钟、公里四舍五入，各项之和可能与合计差一。",
)


def patrols_sheet(work: Work, report: PatrolReport) -> Sheet:
    """The sheet of plan and deed."""
    period = report.period
    columns = (Column("group", _BY[report.by], brief=True, text=True, width=2.4), *COLUMNS[1:])
    reasons = skipped_shown(report.sums)
    body = {
        "period": period.key,
        "as_of": report.as_of,
        "by": report.by.value,
        "skipped_for": reasons,
        "rows": report.rows,
        "total": report.total,
    }
    told = "、".join(f"{one['reason_zh']} {one['count']}" for one in reasons)
    return Sheet(
        code="R13",
        stem=f"patrols-{period.key}-{report.by.value}",
        tab="巡查",
        title="巡查计划与实绩",
        bureau=bureau_name(work),
        period=days_of(period.key, period.first_day, period.last_day),
        as_of=report.as_of,
        columns=columns,
        rows=report.rows,
        answer=PatrolsAnswer().dump(body),
        totals=[report.total],
        basis=[f"未去的原因：{told}"] if told else [],
        notes=NOTES,
    )
