"""R9 as a sheet."""

from __future__ import annotations

from typing import Any

from schemas.reports import CustodyAnswer, CustodyLists
from server.kernel.work import Work
from server.records.units import CATEGORY_NAMES, UNIT_NAMES
from server.reports.custody_report import CustodyReport, Row
from server.reports.heading import bureau_name
from server.reports.sheets import Bar, Chart, Column, Sheet

COLUMNS = (
    Column("group", "中队或库房", brief=True, text=True, width=2.4),
    Column("category_zh", "品类", brief=True, text=True),
    Column("unit_zh", "单位", brief=True, text=True, width=0.7),
    Column("lists", "清单份数"),
    Column("registered", "登记数量", brief=True),
    Column("not_in", "未入库"),
    Column("taken_in", "入库", brief=True),
    Column("handed_back", "退还"),
    Column("transferred", "移送"),
    Column("destroyed", "销毁", brief=True),
    Column("used_up", "检验损耗"),
    Column("out", "出库合计", brief=True),
    Column("held", "在库", brief=True),
    Column("undecided", "未作决定", brief=True),
    Column("nearing", "临近期限", brief=True),
    Column("overdue", "逾期未决定", brief=True, width=1.2),
    Column("decided", "已作决定", brief=True),
)
# What a store is told of; the rest is of squads.
_OF_STORES = frozenset({"taken_in", "out", "held"})
STATES = ("decided", "undecided", "nearing", "overdue")
BY = {"squad": "按中队", "keeper": "按库房和保管员"}
NOTES = (
    "在库＝入库－出库合计；出库合计＝退还＋移送＋销毁＋检验损耗；送检未归的仍计在原库。数量为基本单位：卷烟按支，烟叶烟丝按克，其他按个、毫升等，"
    "不同单位不相加。先行登记保存的证据须在七个工作日内作出处理决定（行政处罚法第五十六条、第八十五条）；"
    "临近期限指剩余不超过两个工作日。未作决定、临近期限、逾期未决定、已作决定按登记数量计；未作决定中含临近期限和逾期的。",
)


def custody_sheet(work: Work, report: CustodyReport) -> Sheet:
    """The sheet of an R9."""
    rows, totals = [_row(row) for row in report.rows], [_row(row) for row in report.totals]
    lists = {name: report.lists[name] for name in CustodyLists().fields}
    body = {"as_of": report.as_of, "by": report.by, "lists": lists, "totals": totals, "rows": rows}
    marks = []
    if lists["provisional"]:
        marks.append(f"暂定：{lists['provisional']} 份清单的期限所在年度工作日表未载入")
    if lists["overdue"]:
        marks.append(f"逾期未决定 {lists['overdue']} 份")
    return Sheet(
        code="R9",
        stem=f"custody-{report.as_of:%Y-%m-%d}",
        tab="证物保管",
        title="先行登记与证物保管情况",
        bureau=bureau_name(work),
        period=f"{report.as_of:%Y-%m-%d}，{BY[report.by]}",
        as_of=report.as_of,
        columns=COLUMNS,
        rows=rows,
        answer=CustodyAnswer().dump(body),
        totals=totals,
        marks=marks,
        basis=[
            f"先行登记清单 {lists['total']} 份：已作决定 {lists['decided']}，未作决定 {lists['undecided']}"
            f"（临近期限 {lists['nearing']}，逾期 {lists['overdue']}）；有物品在库 {lists['holding']} 份；"
            f"审批逾期未补办 {lists['write_up_overdue']} 份"
        ],
        notes=NOTES,
        chart=Chart("各中队清单", [_bar(name, states) for name, states in report.by_squad], shares=False),
    )


def _row(row: Row) -> dict[str, Any]:
    category, unit = row.unit
    figures = {
        column.name: None if row.is_store and column.name not in _OF_STORES else row.figures[column.name]
        for column in COLUMNS[4:]
    }
    return {
        "group_id": row.group_id,
        "group": row.group,
        "keeper_id": row.keeper_id,
        "category": category,
        "category_zh": CATEGORY_NAMES.get(category, category),
        "unit": unit,
        "unit_zh": UNIT_NAMES.get(unit, unit),
        "lists": len(row.lists),
        **figures,
    }


def _bar(name: str, states: Any) -> Bar:
    parts = {state: states[state] for state in STATES}
    return Bar(name, parts, f"{sum(parts.values())} 份，逾期 {parts['overdue']} 份")
