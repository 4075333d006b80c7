"""R7 as a sheet."""

from __future__ import annotations

from typing import Any

from schemas.reports import SquadsAnswer
from schemas.vocabulary import CadenceTier
from server.kernel.work import Work
from server.reports.heading import bureau_name, days_of, policies_between
from server.reports.sheets import NO_FIGURE, Bar, Chart, Column, Sheet
from server.reports.squads import Line, SquadReport

COLUMNS = (
    Column("squad", "中队", brief=True, text=True, width=2),
    Column("figure", "代码", printed=False, text=True),
    Column("figure_zh", "指标", brief=True, text=True, width=3),
    Column("value", "本周", brief=True),
    Column("before", "上周", brief=True),
    Column("mean", "前四周平均", brief=True, width=1.2),
)
NOTES = (
    "各中队只与本队此前各周对照，按名称排列，不排名次。应查任务归入其截止日所在的周，按责任网格计；检查、到店未查成和异常归入检查当天所在的周，"
    "按当天负责该网格的中队计；按期检查率＝按期完成÷应完成；覆盖率＝有有效检查的户数÷在业户数；异常发现率＝发现异常次数÷有效检查户次。",
    "前四周平均：次数、户数为四周平均；比率由四周合计后计算，不取各周比率的平均。“—”表示没有可计算的对象。合计按不同的户、任务、记录计，不重复。",
)


def squads_sheet(work: Work, report: SquadReport) -> Sheet:
    """The sheet of an R7."""
    rows, totals = [_row(line) for line in report.lines], [_row(line) for line in report.total]
    week = report.week
    policies = policies_between(work, week.first_day, week.last_day, report.as_of)
    body = {
        "period": week.key,
        "as_of": report.as_of,
        "policies": policies,
        "totals": totals,
        "rows": rows,
    }
    return Sheet(
        code="R7",
        stem=f"squads-{week.key}",
        tab="中队周报",
        title="各中队一周工作情况",
        bureau=bureau_name(work),
        period=days_of(week.key, week.first_day, week.last_day),
        as_of=report.as_of,
        columns=COLUMNS,
        rows=rows,
        answer=SquadsAnswer().dump(body),
        totals=totals,
        basis=[policy.line for policy in policies],
        notes=NOTES,
        chart=_chart(rows),
        portrait=True,
        grouped_by="squad",
    )


def _row(line: Line) -> dict[str, Any]:
    return {
        "squad_id": line.squad_id,
        "squad": line.squad,
        "figure": line.measure.name,
        "figure_zh": line.measure.heading,
        "value": line.value,
        "before": line.before,
        "mean": line.mean,
    }


def _chart(rows: list[dict[str, Any]]) -> Chart:
    """The week's own obligations of each squad, with the week before below it."""
    tier = CadenceTier.WEEKLY
    by_squad: dict[Any, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_squad.setdefault((row["squad_id"], row["squad"]), {})[row["figure"]] = row
    bars = [
        _bar(f"{squad}　{label}", figures, tier.lower(), column)
        for (_, squad), figures in by_squad.items()
        for label, column in (("本周", "value"), ("上周", "before"))
    ]
    return Chart(f"{tier.label_zh}完成情况", bars)


def _bar(label: str, figures: dict[str, dict[str, Any]], track: str, column: str) -> Bar:
    parts = {name: figures[f"{track}_{name}"][column] for name in ("on_time", "late", "missed", "pending")}
    rate = figures[f"{track}_on_time_rate"][column]
    told = NO_FIGURE if rate is None else f"{rate}%"
    return Bar(label, parts, f"应完成 {figures[f'{track}_due'][column]}，按期检查率 {told}")
