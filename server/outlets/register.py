"""Rules of the outlet register: what a row of a bureau's list must look like, and what is repaired in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from unicodedata import normalize

import numpy as np
from shapely.geometry import MultiPoint, Point
from shapely.geometry.base import BaseGeometry

from gis.crs import Crs, is_in_shifted_area, to_wgs84
from gis.exchange.coded import Coded
from gis.exchange.judging import BadRow, Findings, Judged, Remark, read_date
from gis.exchange.rows import SheetRow
from gis.exchange.values import folded, identifier_of, number_of, text_of, was_trimmed
from schemas.vocabulary import BusinessKind, CreditGrade, LicenceScope, OutletStatus
from server.outlets.spellings import HEADINGS, KINDS, POSITION, REQUIRED, SCOPES, STATUSES

__all__ = ["HEADINGS", "POSITION", "REQUIRED", "OutletCandidate", "OutletCode", "read_register", "read_row"]
_LICENCE_DIGITS = 12
# Where the subject kind sits: after six digits of the region.
_SUBJECT = 6
_SUBJECTS = "12"
_LONGEST_TERM_YEARS = 5
_TEXTS = ("name", "holder_name", "address", "phone", "squad_name", "note")


class OutletCode(Coded):
    """Why a row is bad, or what was repaired or is doubtful in a good one."""

    LICENCE_MISSING = "licence_missing", "没有许可证号，请补填 12 位许可证号"
    LICENCE_MALFORMED = "licence_malformed", "许可证号“{value}”含有数字以外的字符，请核对原证"
    LICENCE_LENGTH = "licence_length", "许可证号“{value}”是 {count} 位，应为 12 位，请核对原证"
    LICENCE_KIND = (
        "licence_kind",
        "许可证号“{value}”第 7 位是 {digit}，应为 1（个体）或 2（企业），请核对原证",
    )
    LICENCE_DUPLICATE = "licence_duplicate", "许可证号“{value}”与第 {first} 行重复，请删去其中一行"
    NAME_MISSING = "name_missing", "没有店名，请补填"
    BUSINESS_KIND_UNKNOWN = "business_kind_unknown", "业态“{value}”不在目录内，请改为：{known}"
    CREDIT_GRADE_UNKNOWN = "credit_grade_unknown", "信用等级“{value}”不在目录内，请改为：{known}"
    LICENCE_SCOPE_UNKNOWN = "licence_scope_unknown", "许可范围“{value}”无法识别，请写卷烟、电子烟或两者"
    STATUS_UNKNOWN = "status_unknown", "状态“{value}”不在目录内，请改为：{known}"
    DATE_MISSING = "date_missing", "没有{heading}，请补填"
    DATE_MALFORMED = "date_malformed", "{heading}“{value}”不是有效日期，请写成 2024-05-01 的样子"
    DATES_REVERSED = "dates_reversed", "有效期止 {to} 早于有效期起 {since}，请核对"
    POSITION_MISSING = "position_missing", "没有经纬度，请补填，或允许导入未定位的零售户"
    POSITION_MALFORMED = (
        "position_malformed",
        "位置“{value}”不是一对十进制度数，请写成 84.020083 和 38.942549 的样子",
    )
    POSITION_OUT_OF_RANGE = "position_out_of_range", "位置 {value} 超出经纬度范围，可能是平面坐标，请转为度"
    OUTSIDE_CELLS = "outside_cells", "位置 {value} 不在任何末级单元格内，请核对位置、坐标系或网格"

    LICENCE_FROM_NUMBER = "licence_from_number", "许可证号存成了数字，已按 {value} 读取"
    LICENCE_REPAIRED = "licence_repaired", "许可证号“{value}”已按 {licence} 读取"
    BUSINESS_KIND_REPAIRED = "business_kind_repaired", "业态“{value}”已按{label}读取"
    CREDIT_GRADE_REPAIRED = "credit_grade_repaired", "信用等级“{value}”已按 {grade} 读取"
    SCOPE_ASSUMED = "scope_assumed", "没有许可范围，已按卷烟读取"
    STATUS_ASSUMED = "status_assumed", "没有状态，已按正常读取"
    DATE_REPAIRED = "date_repaired", "{heading}“{value}”已按 {day} 读取"
    TERM_TOO_LONG = "term_too_long", "有效期 {since} 至 {to} 超过五年，请核对"
    POSITION_SWAPPED = "position_swapped", "经度和纬度写反，已对调为 {value}"
    POSITION_FROM_TEXT = "position_from_text", "经纬度存成了文字，已按 {value} 读取"
    POSITION_ZERO = "position_zero", "位置是 0,0，已按没有位置读取"
    UNLOCATED = "unlocated", "没有经纬度，作为未定位的零售户导入"


@dataclass(frozen=True, slots=True)
class OutletCandidate:
    """A row that can become an outlet once the database agrees.

    ``lon`` and ``lat`` are EPSG:4326 degrees, both None without a position; ``given_lon`` and ``given_lat``
    are what the file says, in ``crs``, in the right order. ``warnings`` tells what was repaired,
    ``trimmed`` whether blanks round a text were removed.
    """

    row: int
    licence_no: str
    name: str
    holder_name: str | None
    address: str | None
    business_kind: BusinessKind
    credit_grade: CreditGrade | None
    licence_scope: frozenset[LicenceScope]
    licence_from: date
    licence_to: date
    status: OutletStatus
    phone: str | None
    squad_name: str | None
    note: str | None
    crs: Crs
    given_lon: float | None
    given_lat: float | None
    lon: float | None
    lat: float | None
    warnings: tuple[Remark, ...] = ()
    trimmed: bool = False

    def outside_cells(self) -> BadRow:
        """The bad row that this one is when no leaf cell holds its position."""
        place = f"{self.lon:.6f},{self.lat:.6f}" if self.lon is not None and self.lat is not None else ""
        return BadRow(self.row, str(OutletCode.OUTSIDE_CELLS), OutletCode.OUTSIDE_CELLS.say(value=place))


_BETWEEN_SCOPES = re.compile(r"[、,;/+|和及\s]+")
_DATE_FIELDS = {"licence_from": "有效期起", "licence_to": "有效期止"}


def read_row(
    row: SheetRow,
    *,
    crs: Crs = Crs.WGS84,
    allow_unlocated: bool = False,
    first_rows: dict[str, int] | None = None,
) -> OutletCandidate | BadRow:
    """Judge one row, its position given in ``crs``.

    ``first_rows`` maps each licence seen so far to the row that carried it first, and is added to: the first
    row that carries a licence keeps it, even when that row is bad for another reason, since nobody can tell
    which of the two the licence belongs to. Whether a position lies in a cell is for the caller to ask the
    database; see ``OutletCandidate.outside_cells``.
    """
    candidate = _examined(row, crs, allow_unlocated, {} if first_rows is None else first_rows)
    if isinstance(candidate, BadRow) or candidate.given_lon is None or candidate.given_lat is None:
        return candidate
    lon, lat = to_wgs84(candidate.given_lon, candidate.given_lat, crs)
    return replace(candidate, lon=lon, lat=lat)


def read_register(
    rows: Iterable[SheetRow], *, crs: Crs = Crs.WGS84, allow_unlocated: bool = False
) -> Judged[OutletCandidate]:
    """Judge all rows of a register, in one pass and with one conversion of all positions."""
    judged: Judged[OutletCandidate] = Judged()
    first_rows: dict[str, int] = {}
    for row in rows:
        judged.take(_examined(row, crs, allow_unlocated, first_rows))
    judged.good = list(_located(judged.good, crs))
    return judged


def _located(candidates: list[OutletCandidate], crs: Crs) -> Iterator[OutletCandidate]:
    given = np.array(
        [(candidate.given_lon, candidate.given_lat) for candidate in candidates], dtype=np.float64
    ).reshape(-1, 2)
    lons, lats = to_wgs84(given[:, 0], given[:, 1], crs)
    for candidate, lon, lat in zip(candidates, lons.tolist(), lats.tolist(), strict=True):
        yield candidate if candidate.given_lon is None else replace(candidate, lon=lon, lat=lat)


def _examined(
    row: SheetRow, crs: Crs, allow_unlocated: bool, first_rows: dict[str, int]
) -> OutletCandidate | BadRow:
    """The row judged, its position not yet converted. Faults are found in the order of the usual columns."""
    found = Findings(row.number)
    licence_no = _licence_no(row, found, first_rows)
    texts = {name: text_of(row.values.get(name)) for name in _TEXTS}
    found.trimmed = any(was_trimmed(row.values.get(name)) for name in _TEXTS)
    if not texts["name"]:
        found.fault(OutletCode.NAME_MISSING)
    business_kind = _business_kind(row, found)
    credit_grade = _credit_grade(row, found)
    licence_scope = _licence_scope(row, found)
    since, to = _term(row, found)
    status = _status(row, found)
    position = _position(row, found, allow_unlocated)
    bad = found.bad
    if bad is not None:
        return bad
    # Each of these is None only beside a fault, which has just been ruled out.
    assert business_kind is not None
    assert status is not None
    assert since is not None
    assert to is not None
    return OutletCandidate(
        row=row.number,
        licence_no=licence_no,
        name=texts["name"],
        holder_name=texts["holder_name"] or None,
        address=texts["address"] or None,
        business_kind=business_kind,
        credit_grade=credit_grade,
        licence_scope=licence_scope,
        licence_from=since,
        licence_to=to,
        status=status,
        phone=identifier_of(texts["phone"])[0] or None,
        squad_name=texts["squad_name"] or None,
        note=texts["note"] or None,
        crs=crs,
        given_lon=position[0] if position else None,
        given_lat=position[1] if position else None,
        lon=None,
        lat=None,
        warnings=found.warnings,
        trimmed=found.trimmed,
    )


def _licence_no(row: SheetRow, found: Findings, first_rows: dict[str, int]) -> str:
    value = row.values.get("licence_no")
    licence, repaired = identifier_of(value)
    if not licence:
        found.fault(OutletCode.LICENCE_MISSING)
    elif not (licence.isascii() and licence.isdigit()):
        found.fault(OutletCode.LICENCE_MALFORMED, value=text_of(value))
    elif len(licence) != _LICENCE_DIGITS:
        found.fault(OutletCode.LICENCE_LENGTH, value=licence, count=len(licence))
    else:
        first = first_rows.setdefault(licence, row.number)
        if first != row.number:
            found.fault(OutletCode.LICENCE_DUPLICATE, value=licence, first=first)
        if licence[_SUBJECT] not in _SUBJECTS:
            found.fault(OutletCode.LICENCE_KIND, value=licence, digit=licence[_SUBJECT])
        if repaired and isinstance(value, int | float):
            found.warn(OutletCode.LICENCE_FROM_NUMBER, value=licence)
        elif repaired:
            found.warn(OutletCode.LICENCE_REPAIRED, value=text_of(value), licence=licence)
    return licence


def _business_kind(row: SheetRow, found: Findings) -> BusinessKind | None:
    text = text_of(row.values.get("business_kind"))
    kind = KINDS.get(text)
    if kind is None:
        kind = KINDS.get(re.sub(r"[\W_]", "", folded(text)).upper().removesuffix("类"))
        if kind is None:
            known = "、".join(kind.label_zh for kind in BusinessKind)
            found.fault(OutletCode.BUSINESS_KIND_UNKNOWN, value=text, known=known)
        else:
            found.warn(OutletCode.BUSINESS_KIND_REPAIRED, value=text, label=kind.label_zh)
    return kind


def _credit_grade(row: SheetRow, found: Findings) -> CreditGrade | None:
    value = row.values.get("credit_grade")
    text = text_of(value)
    if not text:
        return None
    plain = re.sub(r"(等?级|等)$", "", folded(value).upper())
    if plain not in CreditGrade.__members__:
        found.fault(OutletCode.CREDIT_GRADE_UNKNOWN, value=text, known="、".join(CreditGrade))
        return None
    if value != plain:
        found.warn(OutletCode.CREDIT_GRADE_REPAIRED, value=value, grade=plain)
    return CreditGrade(plain)


def _licence_scope(row: SheetRow, found: Findings) -> frozenset[LicenceScope]:
    text = text_of(row.values.get("licence_scope"))
    if not text:
        # A list without this column is one of cigarette licences; an empty cell in it is a gap.
        if "licence_scope" in row.values:
            found.warn(OutletCode.SCOPE_ASSUMED)
        return frozenset((LicenceScope.CIGARETTE,))
    parts = [part for part in _BETWEEN_SCOPES.split(normalize("NFKC", text).casefold()) if part]
    scopes = [SCOPES.get(part.removesuffix("零售")) for part in parts]
    if not scopes or None in scopes:
        found.fault(OutletCode.LICENCE_SCOPE_UNKNOWN, value=text)
    return frozenset(scope for scope in scopes if scope is not None)


def _status(row: SheetRow, found: Findings) -> OutletStatus | None:
    text = text_of(row.values.get("status"))
    if not text:
        if "status" in row.values:
            found.warn(OutletCode.STATUS_ASSUMED)
        return OutletStatus.ACTIVE
    status = STATUSES.get(folded(text).casefold())
    if status is None:
        known = "、".join(status.label_zh for status in OutletStatus)
        found.fault(OutletCode.STATUS_UNKNOWN, value=text, known=known)
    return status


def _term(row: SheetRow, found: Findings) -> tuple[date | None, date | None]:
    since, to = (
        read_date(
            row,
            name,
            heading,
            found,
            malformed=OutletCode.DATE_MALFORMED,
            repaired=OutletCode.DATE_REPAIRED,
            missing=OutletCode.DATE_MISSING,
        )
        for name, heading in _DATE_FIELDS.items()
    )
    if since is None or to is None:
        return since, to
    if to < since:
        found.fault(OutletCode.DATES_REVERSED, since=since, to=to)
    elif to > _years_after(since, _LONGEST_TERM_YEARS) + timedelta(days=1):
        found.warn(OutletCode.TERM_TOO_LONG, since=since, to=to)
    return since, to


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        # 29 February has no namesake in a common year.
        return date(day.year + years, 3, 1)


def _position(row: SheetRow, found: Findings, allow_unlocated: bool) -> tuple[float, float] | None:
    """Longitude and latitude as the file means them, None without a position or beside a fault."""
    try:
        given = _given_position(row, found)
    except ValueError as error:
        found.fault(OutletCode.POSITION_MALFORMED, value=error)
        return None
    if given == (0.0, 0.0):
        # Programs write zero where nobody measured; the Gulf of Guinea has no outlets.
        found.warn(OutletCode.POSITION_ZERO)
        given = None
    if given is None:
        if allow_unlocated:
            found.warn(OutletCode.UNLOCATED)
        else:
            found.fault(OutletCode.POSITION_MISSING)
        return None
    lon, lat = given
    if not is_in_shifted_area(lon, lat) and is_in_shifted_area(lat, lon):
        # The box round mainland China does not overlap its mirror image, so this is no guess.
        lon, lat = lat, lon
        found.warn(OutletCode.POSITION_SWAPPED, value=f"{lon},{lat}")
    if abs(lon) > 180 or abs(lat) > 90:
        found.fault(OutletCode.POSITION_OUT_OF_RANGE, value=f"{lon},{lat}")
        return None
    return lon, lat


def _given_position(row: SheetRow, found: Findings) -> tuple[float, float] | None:
    """The position as given, from the geometry or the two columns. Raises ValueError naming what is wrong."""
    if row.geometry is not None and not row.geometry.is_empty:
        return _point(row.geometry)
    values = row.values.get("lon"), row.values.get("lat")
    shown = ",".join(text_of(value) for value in values)
    try:
        lon, lat = (number_of(value) for value in values)
    except ValueError as error:
        raise ValueError(shown) from error
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        raise ValueError(shown)
    if lon[1] or lat[1]:
        found.warn(OutletCode.POSITION_FROM_TEXT, value=f"{lon[0]},{lat[0]}")
    return lon[0], lat[0]


def _point(geometry: BaseGeometry) -> tuple[float, float]:
    if isinstance(geometry, MultiPoint) and len(geometry.geoms) == 1:
        geometry = geometry.geoms[0]
    if not isinstance(geometry, Point):
        raise ValueError(geometry.geom_type)
    return float(geometry.x), float(geometry.y)
