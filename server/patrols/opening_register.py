"""Rules of a sheet of opening hours: what a row must look like. Nothing is guessed: a day off is written as one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gis.exchange.coded import Coded
from gis.exchange.judging import BadRow, Findings, Judged, Remark
from gis.exchange.rows import SheetRow, by_alias
from gis.exchange.values import folded, identifier_of, text_of, was_trimmed
from server.kernel.problems import Problem
from server.patrols.opening_week import NAMES, WEEKDAYS, read_week

_ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HEADINGS = by_alias(
    {
        "licence_no": (
            "许可证号",
            "许可证号码",
            "零售许可证号",
            "烟草专卖零售许可证号",
            "证号",
            "licence",
            "license no",
        ),
        "daily": ("营业时间", "每日", "每天", "营业时段", "hours", "daily"),
        **{
            day: (f"周{NAMES[day]}", f"星期{NAMES[day]}", f"礼拜{NAMES[day]}", word, word[:3])
            for day, word in zip(WEEKDAYS, _ENGLISH, strict=True)
        },
        "note": ("备注", "说明"),
    }
)
REQUIRED = ("licence_no",)

_BETWEEN_SPANS = re.compile(r"[;,、/]+")
_SPAN = re.compile(r"(?P<opens>[^-~—–至到]+)(?:-+|~|—+|–|至|到)(?:次日|第二天|翌日)?(?P<closes>[^-~—–至到]+)")
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2})|[点时](?:([0-9]{1,2})分?)?)")
_CLOSED = frozenset({"休息", "休", "不营业", "不开门", "关门", "歇业", "closed", "-", "无"})
_ALL_DAY = frozenset({"全天", "全天营业", "24小时", "24小时营业", "24h", "allday"})
_MOST_NOTE = 500


class OpeningCode(Coded):
    """Why a row is bad."""

    LICENCE_MISSING = "licence_missing", "没有许可证号，请补填"
    LICENCE_DUPLICATE = "licence_duplicate", "许可证号 {value} 与第 {first} 行重复，请核对"
    HOURS_MISSING = "hours_missing", "没有{days}的营业时间；当天不营业的请写“休息”"
    HOURS_UNREADABLE = "hours_unreadable", "{day}“{value}”无法识别，请写成 08:00-12:00，14:00-18:00 的样子"
    HOURS_WRONG = "hours_wrong", "{fault}"
    NOTE_TOO_LONG = "note_too_long", "备注超过 {most} 字，请缩短"


@dataclass(frozen=True, slots=True)
class OpeningCandidate:
    """A row that can be noted once its licence is found; ``week`` as opening_week.read_week gives it."""

    row: int
    licence_no: str
    week: dict[str, list[list[str]]]
    note: str | None
    warnings: tuple[Remark, ...] = ()
    trimmed: bool = False


def read_register(rows: Iterable[SheetRow]) -> Judged[OpeningCandidate]:
    """Judge all rows of a sheet; the first row of a licence counts."""
    judged: Judged[OpeningCandidate] = Judged()
    first_rows: dict[str, int] = {}
    for row in rows:
        judged.take(_examined(row, first_rows))
    return judged


def _examined(row: SheetRow, first_rows: dict[str, int]) -> OpeningCandidate | BadRow:
    """The row judged. What is written for a weekday counts for it, else what is written for every day."""
    found = Findings(row.number)
    found.trimmed = any(was_trimmed(value) for value in row.values.values())
    licence_no, _ = identifier_of(row.values.get("licence_no"))
    if not licence_no:
        found.fault(OpeningCode.LICENCE_MISSING)
    elif (first := first_rows.setdefault(licence_no, row.number)) != row.number:
        found.fault(OpeningCode.LICENCE_DUPLICATE, value=licence_no, first=first)
    note = text_of(row.values.get("note")) or None
    if note and len(note) > _MOST_NOTE:
        found.fault(OpeningCode.NOTE_TOO_LONG, most=_MOST_NOTE)
    week = _week(row, found)
    return found.bad or OpeningCandidate(
        row.number, licence_no, week, note, warnings=found.warnings, trimmed=found.trimmed
    )


def _week(row: SheetRow, found: Findings) -> dict[str, list[list[str]]]:
    given: dict[str, list[list[str]]] = {}
    missing: list[str] = []
    for day in WEEKDAYS:
        own = text_of(row.values.get(day))
        text = own or text_of(row.values.get("daily"))
        if not text:
            missing.append(f"周{NAMES[day]}")
            continue
        try:
            given[day] = spans_of(text)
        except ValueError:
            # What stands for every day is told once.
            if own or day == WEEKDAYS[0]:
                where = f"周{NAMES[day]}" if own else "营业时间"
                found.fault(OpeningCode.HOURS_UNREADABLE, day=where, value=text)
    if missing:
        days = "任何一天" if len(missing) == len(WEEKDAYS) else "、".join(missing)
        found.fault(OpeningCode.HOURS_MISSING, days=days)
    if found.bad is not None:
        return {}
    try:
        return read_week(given)
    except Problem as wrong:
        found.fault(OpeningCode.HOURS_WRONG, fault=wrong.errors[0]["detail"])
        return {}


def spans_of(text: str) -> list[list[str]]:
    """What a cell says of a day: ``8:00-12:00，14:00-18:00``, ``9点至次日2点``, 全天, 休息.

    Raises ValueError for anything else.
    """
    plain = folded(text).casefold()
    if plain in _CLOSED:
        return []
    if plain in _ALL_DAY:
        return [["00:00", "24:00"]]
    spans = []
    for part in filter(None, _BETWEEN_SPANS.split(plain)):
        matched = _SPAN.fullmatch(part)
        if matched is None:
            raise ValueError(f"{part!r} is no span")
        spans.append([_time(matched["opens"]), _time(matched["closes"])])
    if not spans:
        raise ValueError("nothing is told")
    return spans


def _time(text: str) -> str:
    matched = _TIME.fullmatch(text)
    if matched is None:
        raise ValueError(f"{text!r} is no time")
    hour, minute = int(matched[1]), int(matched[2] or matched[3] or 0)
    return f"{hour:02}:{minute:02}"
