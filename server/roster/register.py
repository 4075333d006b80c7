"""Rules of a month's roster as a sheet: what a row must look like, and what is repaired in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gis.exchange.coded import Coded
from gis.exchange.judging import BadRow, Findings, Judged, Remark, read_date
from gis.exchange.rows import SheetRow, by_alias
from gis.exchange.values import folded, identifier_of, text_of, was_trimmed
from schemas.vocabulary import RosterKind
from server.roster.rules import NOON, Days

HEADINGS = by_alias(
    {
        "staff_no": ("工号", "人员编号", "职工编号", "staff number", "staff id"),
        "name": ("姓名", "人员姓名", "person"),
        "kind": ("类别", "排班类别", "事项", "类型"),
        "first_day": ("开始日期", "起始日期", "起日", "自", "from", "from_day", "first day"),
        "last_day": ("结束日期", "截止日期", "止日", "至", "to", "to_day", "last day"),
        "half": ("时段", "半天", "half day"),
        "place": ("借调到", "借调单位", "借调中队", "去向", "squad", "unit"),
        "note": ("备注", "事由", "说明"),
    }
)
REQUIRED = ("kind", "first_day")

_KINDS = by_alias(
    {
        RosterKind.LEAVE: ("休假", "请假", "年休假", "年假", "病假", "事假", "调休"),
        RosterKind.TRAINING: ("培训", "学习", "进修"),
        RosterKind.SECONDMENT: ("借调", "抽调"),
        RosterKind.OTHER_DUTY: ("其他公务", "公务", "出差", "值班", "其他"),
    }
)
_HALVES = {"": None, "全天": None, "上午": "morning", "下午": "afternoon", "am": "morning", "pm": "afternoon"}


class RosterCode(Coded):
    """Why a row is bad, or what was repaired in a good one."""

    PERSON_MISSING = "person_missing", "没有工号，也没有姓名，请补填其一"
    KIND_UNKNOWN = "kind_unknown", "类别“{value}”不在目录内，请改为：{known}"
    DATE_MISSING = "date_missing", "没有{heading}，请补填"
    DATE_MALFORMED = "date_malformed", "{heading}“{value}”不是有效日期，请写成 2024-05-01 的样子"
    DATES_REVERSED = "dates_reversed", "结束日期 {to} 早于开始日期 {since}，请核对"
    HALF_UNKNOWN = "half_unknown", "时段“{value}”无法识别，请写全天、上午或下午"
    HALF_OF_DAYS = "half_of_days", "只有一天的排班才能写上午或下午，请分行填写"

    DATE_REPAIRED = "date_repaired", "{heading}“{value}”已按 {day} 读取"


@dataclass(frozen=True, slots=True)
class RosterCandidate:
    """A row that can become an entry once the database agrees; at least one of number and name is given."""

    row: int
    staff_no: str | None
    name: str | None
    kind: RosterKind
    days: Days
    place: str | None
    note: str | None
    warnings: tuple[Remark, ...] = ()
    trimmed: bool = False


def read_row(row: SheetRow) -> RosterCandidate | BadRow:
    """Judge one row. Without a last day it is one day."""
    found = Findings(row.number)
    texts = {name: text_of(row.values.get(name)) for name in ("name", "place", "note")}
    found.trimmed = any(was_trimmed(row.values.get(name)) for name in texts)
    staff_no, _ = identifier_of(row.values.get("staff_no"))
    if not staff_no and not texts["name"]:
        found.fault(RosterCode.PERSON_MISSING)
    kind_text = text_of(row.values.get("kind"))
    kind = _KINDS.get(folded(kind_text).casefold())
    if kind is None:
        known = "、".join(one.label_zh for one in RosterKind)
        found.fault(RosterCode.KIND_UNKNOWN, value=kind_text, known=known)
    first = _day(row, "first_day", "开始日期", found, RosterCode.DATE_MISSING)
    last = _day(row, "last_day", "结束日期", found, None) or first
    half = folded(row.values.get("half")).casefold()
    if half not in _HALVES:
        found.fault(RosterCode.HALF_UNKNOWN, value=half)
    if first and last and last < first:
        found.fault(RosterCode.DATES_REVERSED, since=first, to=last)
    elif _HALVES.get(half) and first != last:
        found.fault(RosterCode.HALF_OF_DAYS)
    bad = found.bad
    if bad is not None:
        return bad
    # None only beside a fault, which has just been ruled out.
    assert kind is not None
    assert first is not None
    assert last is not None
    return RosterCandidate(
        row=row.number,
        staff_no=staff_no or None,
        name=texts["name"] or None,
        kind=kind,
        days=Days(
            first,
            last,
            from_time=NOON if _HALVES[half] == "afternoon" else None,
            to_time=NOON if _HALVES[half] == "morning" else None,
        ),
        place=texts["place"] or None,
        # 病假 is leave to everybody, and why it is leave is for the note.
        note="；".join(one for one in (kind_text if kind_text != kind.label_zh else "", texts["note"]) if one)
        or None,
        warnings=found.warnings,
        trimmed=found.trimmed,
    )


def read_register(rows: Iterable[SheetRow]) -> Judged[RosterCandidate]:
    """Judge all rows of a roster."""
    judged: Judged[RosterCandidate] = Judged()
    for row in rows:
        judged.take(read_row(row))
    return judged


def _day(row: SheetRow, name: str, heading: str, found: Findings, missing: Coded | None) -> date | None:
    return read_date(
        row,
        name,
        heading,
        found,
        malformed=RosterCode.DATE_MALFORMED,
        repaired=RosterCode.DATE_REPAIRED,
        missing=missing,
    )
