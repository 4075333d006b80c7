"""What a notice says, in Chinese and English: its title, what to do, and the plain text of a mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from typing import Any

from schemas.vocabulary import CadenceTier, DutyRule, NoticeKind, ObligationState
from server.reports.heading import day_text
from server.reports.owed import duty_label

_ADVICE = {
    NoticeKind.DUE_SOON: (
        "请安排检查；到店未能检查的，记一次“到店未查成”。",
        "Plan the visits; where nobody lets you in, record an attempt.",
    ),
    NoticeKind.DUE_TODAY: (
        "请督促责任人完成；确有理由免查的，按规定办理免查。",
        "See that they are done; where there is good reason, waive them.",
    ),
    NoticeKind.MISSED: (
        "请了解原因，安排补查；见“按期检查率”报表。",
        "Find out why and have them made up; see the cadence report.",
    ),
    NoticeKind.UNSYNCED: (
        "锁定前请让这些手持机联网同步，否则迟到的记录将作为更正列出。",
        "Have these handhelds sync before the figures are locked, or late records will stand as restatements.",
    ),
    NoticeKind.WORKDAYS_MISSING: (
        "请用 xunge workdays import 导入国务院办公厅通知；此前该年度期限均为暂定。",
        "Load the notice with xunge workdays import; until then due dates in that year are provisional.",
    ),
    NoticeKind.GOODS_UNDECIDED: (
        "先行登记保存的物品须在七个工作日内作出处理决定（行政处罚法第五十六条），请尽快决定并登记。",
        "Goods registered in advance must be decided on within seven working days; decide, and write it down.",
    ),
    NoticeKind.INCIDENT: (
        "请立即联系现场人员，核实人员安全，按应急预案处置并按规定上报。",
        "Call the people on the spot at once, see that they are safe, and act by the emergency plan.",
    ),
    NoticeKind.BRIEFING: (
        "请在例会上使用；材料已冻结，需要更新时可另做一版。",
        "Use it at the meeting; it is frozen, and another version can be made.",
    ),
}


def title(kind: NoticeKind, day: date, counts: dict[str, int]) -> tuple[str, str]:
    """One line in Chinese and in English, the count first."""
    n = counts["total"]
    when = day_text(day)
    return {
        NoticeKind.DUE_SOON: (f"{n} 项应查即将到期（{when}）", f"{n} checks are due soon ({day})"),
        NoticeKind.DUE_TODAY: (f"{n} 项应查到期未完成（{when}）", f"{n} checks are due and not done ({day})"),
        NoticeKind.MISSED: (f"{n} 项应查宽限期满未完成（{when}）", f"{n} checks were missed ({day})"),
        NoticeKind.UNSYNCED: (f"{n} 台手持机尚未同步（{when}）", f"{n} handhelds have not synced ({day})"),
        NoticeKind.WORKDAYS_MISSING: (
            f"{n} 个年度的工作日表未载入（{when}）",
            f"Working days are not loaded for {n} year(s) ({day})",
        ),
        NoticeKind.GOODS_UNDECIDED: (
            f"{n} 份登记保存清单待作出处理决定（{when}）",
            f"{n} registration list(s) wait for a decision ({day})",
        ),
        NoticeKind.INCIDENT: (f"突发情况报告（{when}）", f"An incident was reported ({day})"),
        NoticeKind.BRIEFING: (f"例会材料已生成（{when}）", f"The briefing pack is ready ({day})"),
    }[kind]


def advice(kind: NoticeKind) -> tuple[str, str]:
    """What to do about it."""
    return _ADVICE[kind]


def body(kind: NoticeKind, day: date, content: dict[str, Any]) -> str:
    """The plain text of the mail: counts, what to do, and everything it is about, grouped."""
    zh, en = title(kind, day, content["counts"])
    do_zh, do_en = advice(kind)
    lines = [zh, en, ""]
    duties = [duty for duty in (*CadenceTier, *DutyRule) if duty in content["counts"]]
    if duties:
        lines += ["，".join(f"{duty.label_zh} {content['counts'][duty]} 项" for duty in duties), ""]
    lines += ["怎么办 What to do:", do_zh, do_en, "", *_listed(kind, content)]
    lines += ["", "本邮件由巡格自动发出，请勿回复；不想再收，请在个人设置中关闭。"]
    lines += ["Sent by Xunge; do not reply. To stop these mails, switch them off in your own settings."]
    return "\n".join(lines) + "\n"


def _listed(kind: NoticeKind, content: dict[str, Any]) -> Iterator[str]:
    items: list[dict[str, Any]] = content["items"]
    if kind is NoticeKind.WORKDAYS_MISSING:
        yield from (f"· {item['year']} 年" for item in items)
    elif kind is NoticeKind.INCIDENT:
        for item in items:
            help_needed = "，需要增援 · help is needed" if item["help_needed"] else ""
            yield f"· {item['nature_zh']}，{item['started_at']}{help_needed}，记录 {item['record_id']}"
    elif kind is NoticeKind.BRIEFING:
        for item in items:
            told = f"今日应完成 {item['due']} 项，未排入 {item['not_planned']} 项，提醒 {item['alerts']} 条"
            yield f"· {item['squad']} 第 {item['version']} 版：{told}，材料 {item['briefing_id']}"
    elif kind is NoticeKind.GOODS_UNDECIDED:
        for item in items:
            which = item["number"] or f"清单 {item['list_id']}"
            late = "已逾期 · overdue，" if item["overdue"] else ""
            last = day_text(date.fromisoformat(item["decide_by"])) + (
                "（暂定）" if item["provisional"] else ""
            )
            shop = f"，{item['name']}" if item["name"] else ""
            yield f"· {which}{shop}：{late}决定期限 {last}，{item['undecided']} 行物品未决定"
    elif kind is NoticeKind.UNSYNCED:
        for item in items:
            heard = item["last_heard_at"] or "从未联系 · never"
            yield f"· {item['label']}：待传 {item['queue_length']}，最近联系 {heard}"
    else:
        places = {cell["cell_id"]: cell for cell in content["cells"]}
        for cell_id, in_cell in groupby(items, key=lambda item: item["cell_id"]):
            cell = places[cell_id]
            yield f"【{' '.join(part for part in (cell['code'], cell['name']) if part)}】{cell['count']} 项"
            yield from _shops(in_cell)


def _shops(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for _, of_shop in groupby(items, key=lambda item: item["subject_id"]):
        owed = list(of_shop)
        checks = "；".join(_check(item) for item in owed)
        yield f"· {owed[0]['name']}（{owed[0]['number']}）：{checks}"


def _check(item: dict[str, Any]) -> str:
    last = day_text(date.fromisoformat(item["last_day"]))
    state = ObligationState(item["state"]).label_zh
    firm = "（暂定）" if item["provisional"] else ""
    which = " ".join(part for part in (duty_label(item["duty"]), item["key"]) if part)
    return f"{which}，截至 {last}{firm}，{state}"
