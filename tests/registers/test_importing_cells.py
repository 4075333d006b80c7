"""``xunge import cells``: layers of cells, and which one leaf cell each outlet is in."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import text

from server.grids.models import GridCell
from tests.registers.conftest import Registry
from tests.registers.files import cell_layer, cell_row, comma_separated, outlet_row, workbook

WEST = shapely.box(84.4, 39.0, 84.5, 39.1)
EAST = shapely.box(84.5, 39.0, 84.6, 39.1)


def cell(registry: Registry, code: str) -> GridCell:
    with registry.kernel.sessions() as session:
        return session.query(GridCell).filter_by(code=code).one()


def placed(registry: Registry) -> dict[str, str | None]:
    """Licence → code of the cell."""
    with registry.kernel.sessions() as session:
        rows = session.execute(
            text("select o.licence_no, c.code from outlet o left join grid_cell c on c.id = o.cell_id")
        )
        return {row.licence_no[-2:]: row.code for row in rows}


@pytest.mark.parametrize(
    ("name", "driver"), [("cells.geojson", "GeoJSON"), ("cells.gpkg", "GPKG"), ("cells.fgb", "FlatGeobuf")]
)
def test_layers(registry: Registry, tmp_path: Path, name: str, driver: str) -> None:
    file = cell_layer(tmp_path / name, [cell_row("C-1", WEST), cell_row("C-2", EAST)], driver)
    before = registry.state()
    told = registry.outcome("cells", file, "--dry-run")
    assert (told["new"], told["applied"]) == (2, False)
    assert registry.state() == before
    assert registry.outcome("cells", file)["new"] == 2
    west = cell(registry, "C-1")
    assert (west.name, west.cell_level, west.cell_type, west.planned_count) == ("试样C-1格", 4, "rural", 10)
    assert (west.control_mode, west.purpose, west.parent_id) == ("both", "both", None)
    before = registry.state()
    assert registry.outcome("cells", file)["unchanged"] == 2
    assert registry.state() == before


def test_a_sheet_with_borders_as_text(registry: Registry, tmp_path: Path) -> None:
    rows = [{"code": "C-1", "name": "试样格", "level": "四级", "type": "农村", "wkt": WEST.wkt}]
    headings = {"code": "cell code", "name": "cell name", "level": "Level", "type": "Type", "wkt": "WKT"}
    file = comma_separated(tmp_path / "cells.csv", rows, headings)
    assert registry.outcome("cells", file)["new"] == 1
    assert registry.outcome("cells", file)["unchanged"] == 1


def test_a_projected_layer_is_converted(registry: Registry, tmp_path: Path) -> None:
    forward = Transformer.from_crs("EPSG:4326", "EPSG:4537", always_xy=True)
    drawn = shapely.transform(
        WEST, lambda xy: shapely.get_coordinates(shapely.points(*forward.transform(*xy.T)))
    )
    file = cell_layer(tmp_path / "cells.gpkg", [cell_row("C-1", drawn)], "GPKG", "EPSG:4537")
    registry.outcome("cells", file)
    away = "select st_hausdorffdistance(geom, st_geomfromtext(:wkt, 4326)) from grid_cell where code = 'C-1'"
    assert registry.column(away, wkt=WEST.wkt)[0] < 1e-7
    assert registry.outcome("cells", file)["unchanged"] == 1


def test_a_border_that_crosses_itself_is_repaired(registry: Registry, tmp_path: Path) -> None:
    bow = shapely.Polygon([(84.4, 39.0), (84.5, 39.1), (84.5, 39.0), (84.4, 39.1)])
    told = registry.outcome("cells", cell_layer(tmp_path / "a.geojson", [cell_row("C-1", bow)], "GeoJSON"))
    assert {one["code"] for one in told["warnings"]} == {"geometry_repaired"}
    assert registry.column("select st_isvalid(geom) from grid_cell where code = 'C-1'") == [True]


def test_faults(registry: Registry, tmp_path: Path) -> None:
    rows = [
        cell_row("C-1", WEST),
        cell_row("C-1", EAST),
        cell_row("", EAST),
        cell_row("C-4", EAST, 网格名称=""),
        cell_row("C-5", EAST, 级别=7),
        cell_row("C-6", EAST, 类型="海洋"),
        cell_row("C-7", EAST, 类型=""),
        cell_row("C-8", EAST, 规划数量=-3),
        cell_row("C-9", EAST, 上级编号="C-9"),
        cell_row("C-10", EAST, 上级编号="没有"),
        cell_row("C-11", EAST, 用途="放牧"),
        cell_row("C-12", shapely.box(84.4, 39.0, 84.4, 39.0)),
        # Its parent is of its own level; the one after it hangs on a bad row.
        cell_row("C-13", EAST, 上级编号="C-1"),
        cell_row("C-14", EAST, 上级编号="C-10"),
    ]
    told = registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    assert {bad["row"]: bad["code"] for bad in told["bad"]} == {
        2: "code_duplicate",
        3: "code_missing",
        4: "name_missing",
        5: "level_unknown",
        6: "type_unknown",
        7: "type_unknown",
        8: "planned_count_malformed",
        9: "parent_is_self",
        10: "parent_unknown",
        11: "purpose_unknown",
        12: "geometry_unusable",
        13: "parent_level",
        14: "parent_unknown",
    }
    assert registry.column("select code from grid_cell where code like 'C%'") == ["C-1"]


def test_the_tree(registry: Registry, tmp_path: Path) -> None:
    both = WEST.union(EAST)
    rows = [
        cell_row("C-1", WEST, 上级编号="T-1"),
        cell_row("T-1", both, 级别=3, 类型="", 上级编号="D-1"),
        cell_row("D-1", both, 级别=2, 类型=""),
    ]
    assert registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))["new"] == 3
    assert cell(registry, "C-1").parent_id == cell(registry, "T-1").id
    assert cell(registry, "T-1").parent_id == cell(registry, "D-1").id
    # A parent that is registered need not be in the file, and a list without parents takes none away.
    later = [cell_row("C-2", EAST, 上级编号="T-1"), cell_row("C-1", WEST)]
    told = registry.outcome("cells", cell_layer(tmp_path / "b.geojson", later, "GeoJSON"))
    assert (told["new"], told["unchanged"]) == (1, 1)
    assert cell(registry, "C-2").parent_id == cell(registry, "T-1").id
    # An outlet hangs on a leaf, never on what holds it.
    registry.outcome("outlets", workbook(tmp_path / "o.xlsx", [outlet_row(1, lon=84.45, lat=39.05)]))
    assert placed(registry) == {"01": "C-1"}


def test_each_outlet_is_in_exactly_one_leaf_cell(registry: Registry, tmp_path: Path) -> None:
    road = shapely.box(84.4, 39.049, 84.6, 39.051)
    rows = [
        cell_row("C-1", WEST),
        cell_row("C-2", EAST),
        cell_row("R-1", road, 类型="公路沿线"),
        # Smaller than C-1 and C-2 and inside both; of two alike the lower code.
        cell_row("S-2", shapely.box(84.49, 39.08, 84.51, 39.09)),
        cell_row("S-1", shapely.box(84.49, 39.08, 84.51, 39.09)),
        # Drawn for the layout plan only: nobody's duty.
        cell_row("L-1", shapely.box(84.41, 39.01, 84.42, 39.02), 用途="布局单元"),
    ]
    registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    positions = {
        1: (84.45, 39.02),
        2: (84.55, 39.02),
        3: (84.45, 39.05),
        4: (84.5, 39.085),
        5: (84.415, 39.015),
        6: (84.5, 39.02),  # On the border of two alike: the lower code.
        7: (84.4, 39.0),  # A corner belongs to the cell.
        8: (84.39, 39.05),  # In a cell of the town.
    }
    outlets = [outlet_row(number, lon=lon, lat=lat) for number, (lon, lat) in positions.items()]
    registry.outcome("outlets", workbook(tmp_path / "o.xlsx", outlets))
    assert placed(registry) == {
        "01": "C-1",
        "02": "C-2",
        "03": "R-1",
        "04": "S-1",
        "05": "C-1",
        "06": "C-1",
        "07": "C-1",
        "08": "9902-3",
    }
    assert registry.column("select sum(existing_count) from grid_cell") == [8]


def test_a_border_that_moves_moves_outlets(registry: Registry, tmp_path: Path) -> None:
    outlets = [outlet_row(1, lon=84.09, lat=39.05), outlet_row(2, lon=84.15, lat=39.05)]
    registry.outcome("outlets", workbook(tmp_path / "o.xlsx", outlets))
    assert placed(registry) == {"01": "9902-0", "02": "9902-1"}
    moved, stayed = registry.outlet("990281100001"), registry.outlet("990281100002")
    top = registry.column("select max(seq) from feed")[0]
    # The first two cells of the town, with the border between them two kilometres further west.
    rows = [
        cell_row("9902-0", shapely.box(84.0, 39.0, 84.08, 39.1), 网格名称="试样0格", 类型="城市街道"),
        cell_row("9902-1", shapely.box(84.08, 39.0, 84.2, 39.1), 网格名称="试样1格", 类型="城市街道"),
    ]
    told = registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    assert told["changes"] == [{"key": code, "fields": ["wkb"]} for code in ("9902-0", "9902-1")]
    assert placed(registry) == {"01": "9902-1", "02": "9902-1"}
    assert registry.outlet("990281100001").edit_id != moved.edit_id
    assert registry.outlet("990281100002").edit_id == stayed.edit_id
    assert registry.column("select existing_count from grid_cell order by code") == [0, 2, 0, 0]
    told_to = "select id from feed where collection = 'outlets' and seq > :top"
    assert set(registry.column(told_to, top=top)) == {moved.id}
    before = registry.state()
    registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    assert registry.state() == before


def test_an_outlet_that_no_cell_holds_any_more_has_none(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("outlets", workbook(tmp_path / "o.xlsx", [outlet_row(1, lon=84.09, lat=39.05)]))
    rows = [cell_row("9902-0", shapely.box(84.0, 39.0, 84.08, 39.1), 网格名称="试样0格", 类型="城市街道")]
    registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    assert placed(registry) == {"01": None}
    squads = "select count(*) from feed where collection = 'outlets' and principal like 'squad:%'"
    assert registry.column(squads) == [1], "the squad that had it learns that it is gone"


def test_a_cell_that_becomes_a_corridor_takes_its_outlets(registry: Registry, tmp_path: Path) -> None:
    strip = shapely.box(84.0, 39.0, 84.4, 39.1)
    rows = [cell_row("R-1", strip)]
    registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    registry.outcome("outlets", workbook(tmp_path / "o.xlsx", [outlet_row(1)]))
    assert placed(registry) == {"01": "9902-0"}, "the smaller of two polygons"
    rows[0]["类型"] = "公路沿线"
    registry.outcome("cells", cell_layer(tmp_path / "b.geojson", rows, "GeoJSON"))
    assert placed(registry) == {"01": "R-1"}
    rows[0]["用途"] = "布局单元"
    registry.outcome("cells", cell_layer(tmp_path / "c.geojson", rows, "GeoJSON"))
    assert placed(registry) == {"01": "9902-0"}


def test_a_list_without_columns_leaves_what_is_known(registry: Registry, tmp_path: Path) -> None:
    rows = [cell_row("C-1", WEST, 用途="责任网格")]
    registry.outcome("cells", cell_layer(tmp_path / "a.geojson", rows, "GeoJSON"))
    short = [{"code": "C-1", "name": "试样C-1格", "level": 4, "type": "农村", "wkt": WEST.wkt}]
    headings = {"code": "网格编号", "name": "网格名称", "level": "级别", "type": "类型", "wkt": "图形"}
    before = registry.state()
    assert registry.outcome("cells", comma_separated(tmp_path / "b.csv", short, headings))["unchanged"] == 1
    assert registry.state() == before
