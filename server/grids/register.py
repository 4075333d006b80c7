"""Rules of the cell register: what a row or a drawn cell must look like, and what is repaired in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import shapely
from shapely.geometry import MultiPolygon
from shapely.geometry.base import BaseGeometry

from gis.cells import UnusableGeometry, cell_shape
from gis.crs import Crs
from gis.exchange.coded import Coded
from gis.exchange.judging import BadRow, Findings, Judged, Remark
from gis.exchange.rows import SheetRow, by_alias, is_blank
from gis.exchange.values import folded, identifier_of, text_of, was_trimmed, whole_number_of
from schemas.vocabulary import CellPurpose, CellType, ControlMode, Labelled

L = TypeVar("L", bound=Labelled)

HEADINGS = by_alias(
    {
        "code": (
            *("网格编号", "网格编码", "网格代码", "单元格编号", "单元格编码", "编号", "编码"),
            *("cell_code", "cell code", "grid code"),
        ),
        "name": ("网格名称", "单元格名称", "名称", "cell_name", "cell name", "grid name"),
        "cell_level": ("级别", "层级", "网格级别", "单元格级别", "level"),
        "cell_type": ("类型", "网格类型", "单元格类型", "type"),
        "control_mode": ("控制模式", "布局模式", "管控模式", "control", "mode"),
        "planned_count": ("规划数量", "规划数", "规划户数", "planned", "planned count"),
        "parent_code": ("上级编号", "上级编码", "上级网格编号", "上级网格", "上级", "parent"),
        "purpose": ("用途", "网格用途"),
        "geometry": ("图形", "边界", "几何", "wkt", "geom"),
    }
)
REQUIRED = ("code", "name", "cell_level")
# A table needs this in place of the geometry of a map layer: the boundary as WKT, longitude first.
POSITION = ("geometry",)

_LEVELS = by_alias(
    {
        "1": ("1级", "一级", "一", "L1"),
        "2": ("2级", "二级", "二", "L2"),
        "3": ("3级", "三级", "三", "L3"),
        "4": ("4级", "四级", "四", "L4"),
    }
)
_LEAF_LEVEL = 4
_TYPES = by_alias(
    {
        CellType.CITY_STREET: ("城市街道", "城区街道", "城市", "citystreet"),
        CellType.TOWNSHIP_STREET: ("乡镇街道", "乡镇", "townshipstreet"),
        CellType.ROAD_CORRIDOR: ("公路沿线", "公路", "roadcorridor"),
        CellType.RURAL: ("农村", "乡村"),
    }
)
_MODES = by_alias(
    {
        ControlMode.DISTANCE: ("距离模式", "距离", "间距"),
        ControlMode.AREA: ("区域模式", "区域"),
        ControlMode.BOTH: ("距离加区域模式", "距离加区域", "距离+区域", "两者"),
    }
)
_PURPOSES = by_alias(
    {
        CellPurpose.DUTY: ("责任网格", "责任", "监管"),
        CellPurpose.LAYOUT: ("布局单元", "布局"),
        CellPurpose.BOTH: ("责任与布局", "两者"),
    }
)


class CellCode(Coded):
    """Why a row is bad, or what was repaired in a good one."""

    CODE_MISSING = "code_missing", "没有网格编号，请补填"
    CODE_DUPLICATE = "code_duplicate", "网格编号“{value}”与第 {first} 行重复，请删去其中一行"
    NAME_MISSING = "name_missing", "没有网格名称，请补填"
    LEVEL_UNKNOWN = "level_unknown", "级别“{value}”不是 1 至 4，请改正"
    TYPE_UNKNOWN = "type_unknown", "类型“{value}”不在目录内，请改为：{known}"
    CONTROL_MODE_UNKNOWN = "control_mode_unknown", "控制模式“{value}”不在目录内，请改为：{known}"
    PURPOSE_UNKNOWN = "purpose_unknown", "用途“{value}”不在目录内，请改为：{known}"
    PLANNED_COUNT_MALFORMED = "planned_count_malformed", "规划数量“{value}”不是非负整数，请改正"
    PARENT_IS_SELF = "parent_is_self", "上级编号“{value}”就是本网格，请改正"
    GEOMETRY_UNUSABLE = "geometry_unusable", "{reason}，请重新绘制"

    CODE_REPAIRED = "code_repaired", "网格编号“{value}”已按 {plain} 读取"
    GEOMETRY_REPAIRED = "geometry_repaired", "{change}"


@dataclass(frozen=True, slots=True)
class CellCandidate:
    """A row that can become a grid cell once the database agrees.

    ``geometry`` is valid and EPSG:4326. ``parent_code`` is None when the list does not say: a known
    cell then keeps its parent, and a new one has none. ``planned_count``
    counts outlets. ``cell_type`` is None only above the leaf level.
    """

    row: int
    code: str
    name: str
    cell_level: int
    cell_type: CellType | None
    control_mode: ControlMode
    purpose: CellPurpose
    planned_count: int | None
    parent_code: str | None
    crs: Crs
    geometry: MultiPolygon
    warnings: tuple[Remark, ...] = ()
    trimmed: bool = False


def read_row(
    row: SheetRow, *, crs: Crs = Crs.WGS84, first_rows: dict[str, int] | None = None
) -> CellCandidate | BadRow:
    """Judge one row, its geometry given in ``crs``.

    The control mode is both, and the purpose is both, where the list does not say. ``first_rows`` maps each
    code seen so far to the row that carried it first, and is added to: the first row keeps the code.
    """
    found = Findings(row.number)
    code = _code(row, found, {} if first_rows is None else first_rows)
    name = text_of(row.values.get("name"))
    found.trimmed = was_trimmed(row.values.get("name"))
    if not name:
        found.fault(CellCode.NAME_MISSING)
    level = _level(row, found)
    cell_type = _known(row, found, "cell_type", _TYPES, CellType, CellCode.TYPE_UNKNOWN)
    if level == _LEAF_LEVEL and is_blank(row.values.get("cell_type")):
        found.fault(CellCode.TYPE_UNKNOWN, value="", known=_labels(CellType))
    mode = _known(row, found, "control_mode", _MODES, ControlMode, CellCode.CONTROL_MODE_UNKNOWN)
    purpose = _known(row, found, "purpose", _PURPOSES, CellPurpose, CellCode.PURPOSE_UNKNOWN)
    planned_count = _planned_count(row, found)
    parent_code, _ = identifier_of(row.values.get("parent_code"))
    if parent_code and parent_code == code:
        found.fault(CellCode.PARENT_IS_SELF, value=parent_code)
    geometry = _geometry(row, found, crs)
    bad = found.bad
    if bad is not None:
        return bad
    # Both are None only beside a fault, which has just been ruled out.
    assert level is not None
    assert geometry is not None
    return CellCandidate(
        row=row.number,
        code=code,
        name=name,
        cell_level=level,
        cell_type=cell_type,
        control_mode=mode or ControlMode.BOTH,
        purpose=purpose or CellPurpose.BOTH,
        planned_count=planned_count,
        parent_code=parent_code or None,
        crs=crs,
        geometry=geometry,
        warnings=found.warnings,
        trimmed=found.trimmed,
    )


def read_register(rows: Iterable[SheetRow], *, crs: Crs = Crs.WGS84) -> Judged[CellCandidate]:
    """Judge all rows of a register. Whether parents exist and leaves overlap is for the caller to see."""
    judged: Judged[CellCandidate] = Judged()
    first_rows: dict[str, int] = {}
    for row in rows:
        judged.take(read_row(row, crs=crs, first_rows=first_rows))
    return judged


def _code(row: SheetRow, found: Findings, first_rows: dict[str, int]) -> str:
    value = row.values.get("code")
    code, repaired = identifier_of(value)
    if not code:
        found.fault(CellCode.CODE_MISSING)
        return code
    first = first_rows.setdefault(code, row.number)
    if first != row.number:
        found.fault(CellCode.CODE_DUPLICATE, value=code, first=first)
    # Cell codes are ours to choose, so one that is stored as a number is no repair.
    if repaired and isinstance(value, str):
        found.warn(CellCode.CODE_REPAIRED, value=text_of(value), plain=code)
    return code


def _level(row: SheetRow, found: Findings) -> int | None:
    value = row.values.get("cell_level")
    level = _LEVELS.get(folded(value).upper())
    if level is None:
        found.fault(CellCode.LEVEL_UNKNOWN, value=text_of(value))
        return None
    return int(level)


def _known(
    row: SheetRow, found: Findings, field: str, spellings: dict[str, L], words: type[L], unknown: Coded
) -> L | None:
    """The word that a field means; None when blank or beside a fault."""
    text = text_of(row.values.get(field))
    if not text:
        return None
    word = spellings.get(folded(text).casefold())
    if word is None:
        found.fault(unknown, value=text, known=_labels(words))
    return word


def _labels(words: type[Labelled]) -> str:
    return "、".join(word.label_zh for word in words)


def _planned_count(row: SheetRow, found: Findings) -> int | None:
    value = row.values.get("planned_count")
    try:
        count = whole_number_of(value)
    except ValueError:
        count = -1
    if count is not None and count < 0:
        found.fault(CellCode.PLANNED_COUNT_MALFORMED, value=text_of(value))
    return count


def _geometry(row: SheetRow, found: Findings, crs: Crs) -> MultiPolygon | None:
    try:
        shape = cell_shape(row.geometry if row.geometry is not None else _from_wkt(row), crs)
    except (UnusableGeometry, shapely.GEOSException) as error:
        reason = error.sentence if isinstance(error, UnusableGeometry) else "边界不是可读的 WKT"
        found.fault(CellCode.GEOMETRY_UNUSABLE, reason=reason)
        return None
    for _, sentence in shape.changes:
        found.warn(CellCode.GEOMETRY_REPAIRED, change=sentence)
    return shape.geometry


def _from_wkt(row: SheetRow) -> BaseGeometry | None:
    text = text_of(row.values.get("geometry"))
    return shapely.from_wkt(text) if text else None
