"""The 32 characters printed on a carton of cigarettes (条盒32位码): whose licence they name, worked out without a network.

Two rows of 16 (https://www.0832.org.cn/html/news/ycxf/646910.shtml, 东方烟草报 2023-03-23). The first: the day of
sorting as one digit of the year, two of the month, two of the day; nine of the case; two of the carton in it, 01 to 50.
The second: four letters of the wholesaler and the 12 digits of the retail licence that the carton was sold to. They are
printed and no barcode: an officer takes a photo and types the last 12 digits, once for all cartons that show the same.

``web/shell/goods/cartonCodes.ts`` is the same for the handheld; tests/vectors/goods holds both to one answer.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypedDict

from server.records.goods import rows_of
from server.records.hints import Hint
from server.records.units import whole

OWN, OTHER, UNREADABLE, MALFORMED, NONE = "own", "other", "unreadable", "malformed", "none"
OFF_CHANNEL, DIVERTED = "off_channel", "diverted"

LOCAL_DIGITS: Final = 4
"""Leading digits of a licence that tell the prefecture: its wholesaler is the one at which a shop must buy."""
MOST_CARTONS: Final = 100_000
CARTONS_PER_CASE: Final = 50
PURCHASE: Final = "烟草专卖法实施条例第二十三条"

_UNREADABLE: Final = re.compile("[?？*＊□]")
_BLANKS: Final = re.compile(r"[\s\-.·/|]+")
_FIRST_ROW: Final = re.compile("[0-9]{16}")
_SECOND_ROW: Final = re.compile("[A-Z]{4}[0-9]{12}")
_LICENCE: Final = re.compile("[0-9]{12}")
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CartonCode(NamedTuple):
    """What a code says: the last digit of the year, month and day of sorting, the case, the carton in it, the
    wholesaler's letters, the licence. Where only the licence was typed, or only the second row, the rest is ``None``.
    """

    year_digit: int | None
    month: int | None
    day: int | None
    case_serial: str | None
    carton: int | None
    wholesaler: str | None
    licence_no: str


class Verdict(NamedTuple):
    """What a typed code means at a shop.

    ``found``: ``own`` (本店), ``other`` (another licence), ``unreadable``, ``malformed`` (not such a code at all).
    ``flag``: ``diverted`` (串码: sold to another shop of the same prefecture), ``off_channel`` (非渠道: by the
    wholesaler of another one), else ``None``.
    """

    found: str
    licence_no: str | None
    flag: str | None


class ScanRow(TypedDict):
    """A row of ``carton_scan``: ``claimed`` is the device's word, ``found`` and ``flag`` are worked out from the code."""

    ordinal: int
    stop_ordinal: int | None
    licence_no: str | None
    code: str | None
    cartons: int
    claimed: str | None
    found: str
    flag: str | None


class Registered(NamedTuple):
    """An outlet of the register by its licence."""

    outlet_id: uuid.UUID
    name: str


def read_code(text: str) -> CartonCode | None:
    """A code as it was typed: 32 characters, the second row of 16, or the last 12 digits; ``None`` where it is none.

    Blanks, hyphens, full-width and small letters are as good as what is printed. A day that is in no calendar and a
    carton beyond the 50 of a case make it no code: nothing genuine is printed so.
    """
    plain = _plain(text)
    if _LICENCE.fullmatch(plain):
        return CartonCode(None, None, None, None, None, None, plain)
    first, second = plain[:-16], plain[-16:]
    if not _SECOND_ROW.fullmatch(second):
        return None
    if not first:
        return CartonCode(None, None, None, None, None, second[:4], second[4:])
    if not _FIRST_ROW.fullmatch(first):
        return None
    month, day, carton = int(first[1:3]), int(first[3:5]), int(first[14:])
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and 1 <= carton <= CARTONS_PER_CASE):
        return None
    return CartonCode(int(first[0]), month, day, first[5:14], carton, second[:4], second[4:])


def judge_code(text: str, own_licence_no: str | None) -> Verdict:
    """Whose a code is, at the shop with this licence; ``None`` for a vehicle or a seller without one: then nothing is
    flagged, and the licence is told.
    """
    if _UNREADABLE.search(text):
        return Verdict(UNREADABLE, None, None)
    code = read_code(text)
    if code is None:
        return Verdict(MALFORMED, None, None)
    if code.licence_no == own_licence_no:
        return Verdict(OWN, code.licence_no, None)
    if own_licence_no is None:
        return Verdict(OTHER, code.licence_no, None)
    near = code.licence_no[:LOCAL_DIGITS] == own_licence_no[:LOCAL_DIGITS]
    return Verdict(OTHER, code.licence_no, DIVERTED if near else OFF_CHANNEL)


def scan_rows(answers: Mapping[str, Any], own_licence_no: str | None) -> list[ScanRow]:
    """The scanned cartons of a record, of a shop or of stopped vehicles, in the order of the form."""
    rows: list[ScanRow] = []
    for stop, scan in _placed(answers):
        claimed = scan.get("match")
        typed = next(
            (one for one in (scan.get("code"), scan.get("licence_no")) if isinstance(one, str) and one), None
        )
        if typed is not None:
            verdict = judge_code(typed, None if stop else own_licence_no)
        else:
            # Without a code the device's own word is all there is; that it is of this shop would be no word at all.
            verdict = Verdict(claimed if claimed in (UNREADABLE, MALFORMED, NONE) else UNREADABLE, None, None)
        rows.append(
            ScanRow(
                ordinal=len(rows) + 1,
                stop_ordinal=stop,
                licence_no=verdict.licence_no,
                code=typed,
                cartons=whole(scan.get("cartons"), MOST_CARTONS) or 1,
                claimed=claimed if isinstance(claimed, str) else None,
                found=verdict.found,
                flag=verdict.flag,
            )
        )
    return rows


def scan_flags(rows: list[ScanRow]) -> list[str]:
    """The record's flags by its scans; ``scan_contradicted`` where the device took another's carton for the shop's own
    or the other way round.
    """
    flags = {row["flag"] for row in rows if row["flag"]}
    contradicted = any(
        {row["claimed"], row["found"]} == {OWN, OTHER} and not row["stop_ordinal"] for row in rows
    )
    return sorted({*flags, *(["scan_contradicted"] if contradicted else [])})


def scan_hints(rows: list[ScanRow], register: Mapping[str, Registered]) -> list[Hint]:
    """A hint for each licence other than the shop's, with whose it is where the register knows it, and for each code
    that is none.
    """
    hints = []
    for row in rows:
        path = f"/answers/stops/{row['stop_ordinal'] - 1}" if row["stop_ordinal"] else "/answers/carton_scans"
        if row["found"] == MALFORMED:
            detail = f"{row['cartons']}条卷烟的32位码不合编码规则，请核对是否误录，或是否伪造。"
            hints.append(Hint("carton_code_malformed", PURCHASE, detail, row["cartons"], 0, "carton", path))
        if row["found"] != OTHER or row["licence_no"] is None:
            continue
        named = register.get(row["licence_no"])
        whose = f"为“{named.name}”的许可证号" if named else "不在本局许可证登记库中"
        said = {DIVERTED: "非本店许可证，疑似串码", OFF_CHANNEL: "属外地许可证，疑似非渠道进货"}
        meaning = f"，{said[row['flag']]}" if row["flag"] else ""
        detail = f"{row['cartons']}条卷烟的32位码末12位{row['licence_no']}{whose}{meaning}，请核对进货来源。"
        hints.append(
            Hint(row["flag"] or "carton_licence", PURCHASE, detail, row["cartons"], 0, "carton", path)
        )
    return hints


def _plain(text: str) -> str:
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text)).upper()


def _placed(answers: Mapping[str, Any]) -> Iterator[tuple[int | None, dict[str, Any]]]:
    for scan in rows_of(answers, "carton_scans"):
        yield None, scan
    for number, stop in enumerate(rows_of(answers, "stops"), start=1):
        for scan in rows_of(stop, "carton_scans"):
            yield number, scan
