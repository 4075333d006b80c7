"""A pack on paper, set from the frozen bytes alone: the same bytes give the same pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader

from server.briefings.models import Briefing
from server.briefings.queries import content_of
from server.briefings.rules import LABELS, Due
from server.briefings.sketch import Stop, svg_of
from server.kernel.problems import Problem
from server.reports.heading import day_text
from server.reports.pdf import typeset
from server.reports.sheets import NO_FIGURE

Row = Mapping[str, Any]

_LISTS = ("due", "due_soon", "chains", "missed")
_COLUMNS = 6
_MODES = {"car": "乘车", "foot": "步行"}


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("server.briefings"), autoescape=True, trim_blocks=True)


def pdf_of(pack: Briefing, *, most_cells: int | None = None) -> bytes:
    """The pack as PDF on A4; no clock is asked.

    Raises:
        Problem: ``report_too_long`` for more than ``most_cells`` cells; ``unavailable`` where the machine lacks Pango.
    """
    content = content_of(pack)
    rows = pack.summary["stops"] + sum(len(content[name]) for name in _LISTS)
    if most_cells is not None and rows * _COLUMNS > most_cells:
        detail = (
            f"共 {rows} 行，太长，不能即时排成 PDF，请用 xunge briefing show --format pdf。"
            f"{rows} rows are too many to set as PDF at once: use the command xunge briefing show --format pdf."
        )
        raise Problem("report_too_long", detail=detail)
    return typeset(html_of(content, pack.sha256))


def html_of(content: Row, sha256: str) -> str:
    """The pack as HTML that needs no other file; what people wrote is escaped."""
    day = date.fromisoformat(content["day"])
    plan = content["plan"] or {"patrols": [], "unfitted": [], "approval_no": None, "published_at": None}
    due = content["due"]
    return (
        _templates()
        .get_template("briefing.html")
        .render(
            pack=content,
            sha256=sha256,
            title=f"{content['squad']}　工作例会材料",
            day=day_text(day),
            made=_minute(content["made_at"]),
            marks=list(_marks(content)),
            tiles=_tiles(content),
            plan=plan,
            due=[
                (f"{LABELS[Due(kind)]}　{len(rows)} 项", [_owed(row, content) for row in rows])
                for kind, rows in (
                    (kind, list(rows)) for kind, rows in groupby(due, key=lambda row: row["due"])
                )
            ],
            due_soon=[_owed(row, content) for row in content["due_soon"]],
            missed=[_owed(row, content) for row in content["missed"]],
            chains=content["chains"],
            patrols=[_patrol(patrol, content["day"]) for patrol in plan["patrols"]],
            unfitted=plan["unfitted"],
            nothing=NO_FIGURE,
        )
    )


def _marks(content: Row) -> Iterator[str]:
    """What must not be overlooked."""
    if content["judged_at"] != content["made_at"]:
        at = _minute(content["judged_at"])
        yield f"提前制作：所列状态为此后不再检查时 {at} 的状态。"
    if not content["is_workday"]:
        yield "本日不是工作日。"
    if content["provisional"]:
        yield "暂定：本年度工作日表未载入。"


def _tiles(content: Row) -> list[tuple[str, str, str]]:
    """The figures at the top: what is counted, how many, and what of them."""
    due = content["due"]
    kinds = Counter(row["due"] for row in due)
    planned = sum(row["planned"] is not None for row in due)
    plan = content["plan"]
    patrols = plan["patrols"] if plan else []
    stops = sum(len(patrol["stops"]) for patrol in patrols)
    overdue = kinds[Due.GRACE.value]
    return [
        ("今日应完成", str(len(due)), f"其中已逾期 {overdue}" if overdue else "没有逾期的"),
        ("已排入线路", str(planned), f"未排入 {len(due) - planned}"),
        ("临期", str(len(content["due_soon"])), "可提前安排"),
        ("查一补三", str(len(content["chains"])), "未补查完"),
        ("巡查小组", str(len(patrols)), f"共 {stops} 站" if patrols else "没有已下发的计划"),
        ("提醒", str(len(content["alerts"])), "见下"),
    ]


def _owed(row: Row, content: Row) -> Row:
    """A line of a list of what is owed, in words."""
    planned = row["planned"]
    if planned is None:
        arranged = f"未排入：{row['left_out_zh']}" if row["left_out_zh"] else "未排入"
    elif planned["squad"] == content["squad"]:
        arranged = f"第 {planned['ordinal']} 组"
    else:
        arranged = f"{planned['squad']} 第 {planned['ordinal']} 组"
    state = row["state_zh"]
    if row["attempts"]:
        state += f"，到店未查成 {row['attempts']} 次"
    if row["unknown"]:
        state += "（待同步）"
    last = _month_day(row["last_day"]) + ("（暂定）" if row["provisional"] else "")
    if row["last_day"] < content["day"]:
        last += f"，宽限至 {_month_day(row['grace_last_day'])}"
    return {**row, "arranged": arranged, "told": state, "last": last, "is_planned": planned is not None}


def _patrol(patrol: Row, day: str) -> Row:
    """A team's page: who, with what, from when to when, the sketch and the stops."""
    stops = [_stop(stop, day) for stop in patrol["stops"]]
    facts = [
        ("人员", "；".join(_member(member) for member in patrol["members"]) or NO_FIGURE),
        ("车辆", patrol["vehicle"] or _MODES.get(patrol["mode"], patrol["mode"])),
        ("班次", f"{_clock(patrol['starts_at'], day)} 至 {_clock(patrol['ends_at'], day)}"),
        ("起止", _ends(patrol)),
    ]
    if patrol["leaves_at"] and patrol["returns_at"]:
        facts.append(
            (
                "行程",
                f"{_clock(patrol['leaves_at'], day)} 出发，{_clock(patrol['returns_at'], day)} 返回{_lengths(patrol)}",
            )
        )
    return {
        **patrol,
        "stops": stops,
        "facts": facts,
        "sketch": _sketch(patrol),
        "crew": "、".join(member["name"] for member in patrol["members"]) or NO_FIGURE,
        "shift": facts[2][1],
        "km": _kilometres(patrol["metres"]),
    }


def _member(member: Row) -> str:
    cert = f"（{member['cert_no']}）" if member["cert_no"] else ""
    return f"{member['part_zh']} {member['name']}{cert}"


def _ends(patrol: Row) -> str:
    start, end = patrol["start"]["name"], patrol["end"]["name"]
    return f"自{start}出发并返回" if start == end else f"自{start}出发，至{end}结束"


def _lengths(patrol: Row) -> str:
    told = ""
    if patrol["metres"] is not None:
        told += f"，{_kilometres(patrol['metres'])}"
    for name, word in (("travel_s", "路上"), ("service_s", "检查"), ("waiting_s", "等候")):
        if patrol[name]:
            told += f"，{word} {_duration(patrol[name])}"
    return told


def _sketch(patrol: Row) -> str | None:
    stops = [Stop(stop["ordinal"], stop["place"]) for stop in patrol["stops"]]
    start, end = patrol["start"]["place"], patrol["end"]["place"]
    return svg_of(f"{patrol['name']} 线路示意", start, end, stops, patrol["line"])


def _stop(stop: Row, day: str) -> Row:
    # The plan may say so itself, with who let that be.
    is_told = any(reason["code"] == "above_cap" for reason in stop["reasons"])
    marks: Sequence[str] = [
        *(["已达年度检查频次上限"] if stop["at_cap"] and not is_told else []),
        *([stop["skip_reason_zh"]] if stop["skip_reason_zh"] else []),
        *(["已完成"] if stop["status"] == "done" else []),
        *(["已撤回"] if stop["status"] == "withdrawn" else []),
    ]
    return {
        **stop,
        "begins": _clock(stop["begins_at"], day),
        "departs": _clock(stop["departs_at"], day),
        "why": "；".join(reason["zh"] for reason in stop["reasons"]) or NO_FIGURE,
        "marks": marks,
    }


def _clock(moment: str, day: str) -> str:
    """Hour and minute, told as of the next day where it is."""
    return moment[11:16] if moment[:10] == day else f"{_month_day(moment[:10])} {moment[11:16]}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _month_day(day: str) -> str:
    return f"{int(day[5:7])}月{int(day[8:10])}日"


def _kilometres(metres: int | None) -> str:
    return NO_FIGURE if metres is None else f"{metres / 1000:.1f} 公里"


def _duration(seconds: int) -> str:
    minutes = (seconds + 30) // 60
    hours, rest = divmod(minutes, 60)
    return f"{hours} 小时 {rest} 分" if hours else f"{rest} 分"
