"""A hand-over sheet as a paper: the cells first, what goes along with them below, lines to sign on at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from schemas.handovers import HandoverOut
from server.handovers.queries import Standing, content_now, described
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.reports.heading import bureau_name
from server.reports.sheets import Column, Sheet

CELLS = (
    Column("code", "网格编码", brief=True, text=True, width=1.8),
    Column("name", "网格名称", brief=True, text=True, width=2.4),
    Column("outlets", "零售户（户）", brief=True),
)
_SUBJECT = (
    Column("cell_code", "网格编码", text=True, width=1.7),
    Column("name", "对象", text=True, width=2.4),
    Column("number", "证号或编号", text=True, width=1.7),
)
OBLIGATIONS = (
    *_SUBJECT,
    Column("duty_zh", "应查", text=True),
    Column("key", "周期", text=True, width=1.2),
    Column("last_day", "到期日", text=True, width=1.3),
    Column("grace_last_day", "宽限至", text=True, width=1.3),
    Column("state_zh", "状态", text=True, width=1.2),
)
CHAINS = (
    *_SUBJECT,
    Column("rule_zh", "事由", text=True, width=1.6),
    Column("triggered_on", "起因日期", text=True, width=1.3),
    Column("last_day", "下一次到期", text=True, width=1.3),
    Column("told", "应查／尚缺", text=True, width=1.4),
)
ORDERS = (
    *_SUBJECT,
    Column("demand", "整改要求", text=True, width=3.2),
    Column("due_on", "限期", text=True, width=1.3),
    Column("state_zh", "状态", text=True, width=1.5),
)
GOODS = (
    Column("number", "清单编号", text=True, width=2.2),
    Column("cell_code", "网格编码", text=True, width=1.7),
    Column("name", "当事人店名", text=True, width=2.2),
    Column("registered_on", "登记日期", text=True, width=1.3),
    Column("decide_by", "处理期限", text=True, width=1.3),
    Column("told", "未决定／共（行）", text=True, width=1.2),
    Column("kept_zh", "在库", text=True, width=0.7),
    Column("giver_zh", "交出人经办", text=True, width=0.9),
)
CLUES = (
    Column("number", "线索编号", text=True, width=2),
    Column("cell_code", "网格编码", text=True, width=1.7),
    Column("matter_zh", "事项", text=True, width=1.6),
    Column("found_on", "发现日期", text=True, width=1.3),
    Column("status_zh", "办理情况", text=True, width=1.6),
)
STEPS = (
    Column("act_zh", "办理", text=True),
    Column("person", "人员", text=True),
    Column("at", "时间", text=True, moment=True, width=1.4),
    Column("note", "说明", text=True, width=3),
    Column("sha256", "内容 SHA-256", text=True, width=3),
)
NOTES = ("到期日、状态按数据截至时刻；接收后由接收方责任人负责。清单编号为空的，正式编号尚未生成。",)


def told(work: Work, standing: Standing) -> dict[str, Any]:
    """A sheet as schemas.handovers.HandoverOut shows it."""
    content = content_now(work, standing)
    frozen = content is not None and standing.is_frozen
    return {**described(work, [standing])[0], "frozen": frozen, "content": content}


def paper_of(work: Work, standing: Standing) -> Sheet:
    """The sheet on paper, as signed over or, while it waits to be, as it is now.

    Raises:
        Problem: ``not_found`` for one that ended before anybody signed it, which says nothing.
    """
    answer = told(work, standing)
    content = answer["content"]
    if content is None:
        detail = "该交接单未交出即已结束，没有内容。It ended before anybody signed it over and says nothing."
        raise Problem("not_found", detail=detail)
    giving, taking = answer["giving"], answer["taking"]
    part = partial(
        Sheet,
        code="交接单",
        stem=f"handover-{answer['from_day']}-{str(answer['id'])[-6:]}",
        bureau=bureau_name(work),
        period=f"{answer['from_day']} 起",
        as_of=datetime.fromisoformat(content["as_of"]),
        portrait=True,
    )
    unsigned = [] if answer["frozen"] else [f"{answer['state_zh']}，内容为当前情况，尚未交出"]
    sums = (
        f"网格 {len(content['cells'])} 个，零售户 {content['outlets']} 户；待查 {len(content['obligations'])} 项，"
        f"触发任务 {len(content['chains'])} 项，整改令 {len(content['rectifications'])} 件，"
        f"登记保存清单 {len(content['goods'])} 份，线索 {len(content['clues'])} 条"
    )
    basis = [
        f"交出：{giving['squad']}　{giving['lead']}",
        f"接收：{taking['squad']}　{taking['lead']}",
        *([f"事由：{answer['reason']}"] if answer["reason"] else []),
        sums,
        *([f"SHA-256 {answer['sha256']}"] if answer["frozen"] else []),
    ]
    annexes = [
        part(tab=title, title=title, columns=columns, rows=rows, answer={})
        for title, columns, rows in (
            ("待查任务", OBLIGATIONS, content["obligations"]),
            ("触发任务（查一补三等）", CHAINS, [_of_chain(one) for one in content["chains"]]),
            ("责令改正", ORDERS, content["rectifications"]),
            ("先行登记保存的物品", GOODS, [_of_goods(one) for one in content["goods"]]),
            ("线索", CLUES, content["clues"]),
            ("办理记录", STEPS, [_of_step(one) for one in answer["steps"]]),
        )
        if rows
    ]
    return part(
        tab="交接单",
        title="网格交接单",
        columns=CELLS,
        rows=content["cells"],
        answer=HandoverOut().dump(answer),
        marks=unsigned,
        basis=basis,
        notes=NOTES,
        annexes=annexes,
        flowing=True,
        signers=("交出人", "接收人", "监交人"),
    )


def _of_chain(one: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, "told": f"{one['checks']}／{one['left']}{'（逾期）' if one['overdue'] else ''}"}


def _of_goods(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "told": f"{one['undecided']}／{one['lines']}",
        "kept_zh": "是" if one["kept"] else "否",
        "giver_zh": "是" if one["of_giver"] else "否",
    }


def _of_step(step: Mapping[str, Any]) -> dict[str, Any]:
    return {**step, "at": step["at"].isoformat()}


def summary_rows(content: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    """How much of what goes along, for a terminal."""
    names = (
        ("cells", "网格"),
        ("obligations", "待查任务"),
        ("chains", "触发任务"),
        ("rectifications", "责令改正"),
        ("goods", "登记保存清单"),
        ("clues", "线索"),
    )
    return [("零售户", content["outlets"]), *((label, len(content[name])) for name, label in names)]
