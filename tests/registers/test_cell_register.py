"""The cell register: rows of tables and layers, and the polygons that come with them."""

import json
from pathlib import Path

import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs import Crs, from_wgs84
from gis.exchange.files import read_file
from gis.exchange.judging import BadRow
from gis.exchange.rows import CellValue, SheetRow
from schemas.vocabulary import CellPurpose, CellType, ControlMode
from server.grids.register import (
    HEADINGS,
    POSITION,
    REQUIRED,
    CellCandidate,
    CellCode,
    read_register,
    read_row,
)

SQUARE = shapely.box(84.0, 39.0, 84.01, 39.01)
GOOD: dict[str, CellValue] = {
    "code": "99020001",
    "name": "试样01格",
    "cell_level": 4,
    "cell_type": "乡镇街道",
    "planned_count": 21,
}


def good(geometry: BaseGeometry | None = SQUARE, /, **changed: CellValue) -> CellCandidate:
    candidate = read_row(SheetRow(1, {**GOOD, **changed}, geometry))
    assert isinstance(candidate, CellCandidate), candidate
    return candidate


def bad(geometry: BaseGeometry | None = SQUARE, /, **changed: CellValue) -> BadRow:
    row = read_row(SheetRow(1, {**GOOD, **changed}, geometry))
    assert isinstance(row, BadRow), row
    return row


def test_a_sound_row_with_what_follows_where_the_list_is_silent() -> None:
    candidate = good()
    assert candidate.code == "99020001"
    assert candidate.cell_level == 4
    assert candidate.cell_type is CellType.TOWNSHIP_STREET
    assert candidate.control_mode is ControlMode.BOTH
    assert candidate.purpose is CellPurpose.BOTH
    assert candidate.planned_count == 21
    assert candidate.parent_code is None
    assert candidate.geometry.equals(SQUARE)
    assert candidate.warnings == ()


def test_words_and_numbers_spelled_otherwise() -> None:
    candidate = good(
        code=99020001,
        cell_level="四级",
        cell_type="city_street",
        control_mode="距离模式",
        purpose="duty",
        planned_count="２１",
        parent_code=990200,
    )
    assert candidate.code == "99020001"
    assert candidate.cell_level == 4
    assert candidate.control_mode is ControlMode.DISTANCE
    assert candidate.purpose is CellPurpose.DUTY
    assert candidate.planned_count == 21
    assert candidate.parent_code == "990200"
    assert good(code="９９０２").warnings[0].code == "code_repaired"


@pytest.mark.parametrize("cell", [1, "2", "３级", "三级", 4.0])
def test_levels(cell: CellValue) -> None:
    assert 1 <= good(cell_level=cell).cell_level <= 4


def test_only_leaves_need_a_type() -> None:
    assert good(cell_level=2, cell_type=None).cell_type is None
    assert bad(cell_type=None).code == "type_unknown"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"code": None}, "code_missing"),
        ({"name": "\u3000"}, "name_missing"),
        ({"cell_level": 5}, "level_unknown"),
        ({"cell_level": None}, "level_unknown"),
        ({"cell_type": "海上"}, "type_unknown"),
        ({"control_mode": "随意"}, "control_mode_unknown"),
        ({"purpose": "其他"}, "purpose_unknown"),
        ({"planned_count": -1}, "planned_count_malformed"),
        ({"planned_count": "二十"}, "planned_count_malformed"),
        ({"planned_count": 2.5}, "planned_count_malformed"),
        ({"parent_code": "99020001"}, "parent_is_self"),
    ],
)
def test_what_is_refused(changed: dict[str, CellValue], code: str) -> None:
    row = bad(SQUARE, **changed)
    assert row.code == code
    assert "；" not in row.detail


def test_geometry_is_repaired_with_a_word_or_refused_with_its_place() -> None:
    bow_tie = shapely.Polygon([(84.0, 39.0), (84.02, 39.02), (84.02, 39.0), (84.0, 39.02)])
    candidate = good(bow_tie)
    assert candidate.geometry.is_valid
    (warning,) = candidate.warnings
    assert warning.code == "geometry_repaired"
    assert "84.010000,39.010000" in warning.detail
    row = bad(shapely.Point(84.1, 39.2))
    assert row.code == "geometry_unusable"
    assert "84.100000,39.200000" in row.detail
    assert bad(None).code == "geometry_unusable"


def test_geometry_may_be_text_in_a_table_and_is_converted() -> None:
    moved = shapely.Polygon([from_wgs84(x, y, Crs.GCJ02) for x, y in SQUARE.exterior.coords])
    candidate = read_row(SheetRow(1, {**GOOD, "geometry": moved.wkt}), crs=Crs.GCJ02)
    assert isinstance(candidate, CellCandidate)
    assert candidate.crs is Crs.GCJ02
    assert candidate.geometry.equals_exact(shapely.MultiPolygon([SQUARE]), 1e-9)
    assert bad(None, geometry="POLYGON((84 39").code == "geometry_unusable"


def test_of_two_rows_with_one_code_the_later_is_bad() -> None:
    judged = read_register([SheetRow(n, GOOD, SQUARE) for n in (1, 2)])
    assert [candidate.row for candidate in judged.good] == [1]
    assert [(row.row, row.code) for row in judged.bad] == [(2, "code_duplicate")]


def test_every_code_can_be_said() -> None:
    values = dict.fromkeys(("value", "first", "known", "reason", "plain", "change"), "x")
    for code in CellCode:
        assert code.say(**values)


def test_from_a_layer_as_bureaus_keep_it(tmp_path: Path) -> None:
    properties = {"网格编号": "99020001", "网格名称": "试样01格", "级别": 4, "类型": "农村", "规划数量": 21}
    feature = {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(SQUARE)}
    path = tmp_path / "cells.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    table = read_file(path, HEADINGS, REQUIRED, position=POSITION)
    (candidate,) = read_register(table).good
    assert candidate.cell_type is CellType.RURAL
    assert candidate.geometry.equals(SQUARE)
