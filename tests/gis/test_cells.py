"""Polygons of cells: what is put right, what is told, what is refused."""

import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gis.cells import GeometryChange, UnusableGeometry, cell_shape
from gis.crs import Crs, from_wgs84

SQUARE = box(84.0, 39.0, 84.01, 39.01)


def changes(shape: object) -> list[str]:
    return [str(code) for code, _ in shape.changes]  # type: ignore[attr-defined]


def test_a_sound_polygon_becomes_a_multipolygon_and_nothing_is_told() -> None:
    shape = cell_shape(SQUARE)
    assert isinstance(shape.geometry, MultiPolygon)
    assert shape.geometry.equals(SQUARE)
    assert shape.changes == ()


def test_an_open_ring_is_closed() -> None:
    ring = [[84.0, 39.0], [84.01, 39.0], [84.01, 39.01], [84.0, 39.01]]
    shape = cell_shape({"type": "Polygon", "coordinates": [ring]})
    assert changes(shape) == [GeometryChange.RING_CLOSED]
    assert shape.geometry.equals(SQUARE)
    both = cell_shape({"type": "MultiPolygon", "coordinates": [[ring], [[[x + 1, y] for x, y in ring]]]})
    assert changes(both) == [GeometryChange.RING_CLOSED]
    assert len(both.geometry.geoms) == 2


def test_a_ring_that_crosses_itself_keeps_both_halves_and_the_place_is_shown() -> None:
    bow_tie = Polygon([(84.0, 39.0), (84.02, 39.02), (84.02, 39.0), (84.0, 39.02)])
    shape = cell_shape(bow_tie)
    assert shape.geometry.is_valid
    assert len(shape.geometry.geoms) == 2
    told = dict(shape.changes)
    assert told[GeometryChange.MADE_VALID] == "边界自相交（84.010000,39.010000），已修复"
    assert GeometryChange.AREA_CHANGED in told


def test_parts_that_are_no_polygons_are_dropped_and_counted() -> None:
    mixed = shapely.GeometryCollection([SQUARE, Point(84.5, 39.5), LineString([(84, 39), (85, 40)])])
    shape = cell_shape(mixed)
    assert shape.geometry.equals(SQUARE)
    assert dict(shape.changes)[GeometryChange.PARTS_DROPPED] == (
        "已去掉 2 个不是面的部分（84.500000,39.500000）"
    )


def test_a_closed_line_is_taken_for_its_area() -> None:
    shape = cell_shape(LineString(SQUARE.exterior.coords))
    assert changes(shape) == [GeometryChange.LINE_TO_AREA]
    assert shape.geometry.equals(SQUARE)


def test_swapped_axes_are_put_right() -> None:
    shape = cell_shape(shapely.transform(SQUARE, lambda xy: xy[:, ::-1]))
    assert changes(shape) == [GeometryChange.AXES_SWAPPED]
    assert shape.geometry.equals(SQUARE)


def test_heights_are_dropped() -> None:
    shape = cell_shape(shapely.force_3d(SQUARE, 5.0))
    assert changes(shape) == [GeometryChange.HEIGHT_DROPPED]
    assert not shape.geometry.has_z


def test_coordinates_are_converted() -> None:
    shape = cell_shape(Polygon([from_wgs84(x, y, Crs.GCJ02) for x, y in SQUARE.exterior.coords]), Crs.GCJ02)
    assert shape.geometry.equals_exact(MultiPolygon([SQUARE]), 1e-9)
    assert shape.changes == ()


@pytest.mark.parametrize(
    ("geometry", "code", "said"),
    [
        (None, "geometry_empty", "没有图形"),
        (Polygon(), "geometry_empty", "没有图形"),
        ({"type": "Polygon", "coordinates": []}, "geometry_empty", "没有图形"),
        (Point(84.1, 39.2), "geometry_not_polygon", "图形是点，不是面（84.100000,39.200000）"),
        (LineString([(84, 39), (84.5, 39)]), "geometry_not_polygon", "图形是线"),
        (Polygon([(84, 39), (84.1, 39), (84.2, 39), (84, 39)]), "geometry_no_area", "84.000000,39.000000"),
        (box(500000, 4310000, 501000, 4311000), "geometry_out_of_range", "不是经纬度"),
        (
            {"type": "Polygon", "coordinates": [[[84, 39], [float("nan"), 39], [84, 40], [84, 39]]]},
            "geometry_out_of_range",
            "不是经纬度",
        ),
        ({"type": "Polygon", "coordinates": [[["a", 1], [2, 3]]]}, "geometry_malformed", "无法读取"),
        ({"type": "Nonsense", "coordinates": [1]}, "geometry_malformed", "无法读取"),
    ],
)
def test_what_cannot_be_a_cell_is_refused_with_its_place(geometry: object, code: str, said: str) -> None:
    with pytest.raises(UnusableGeometry) as refused:
        cell_shape(geometry)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert said in refused.value.sentence


def test_repair_is_stable() -> None:
    bow_tie = Polygon([(84.0, 39.0), (84.02, 39.02), (84.02, 39.0), (84.0, 39.02)])
    once = cell_shape(bow_tie)
    again = cell_shape(once.geometry)
    assert again.changes == ()
    assert again.geometry == once.geometry
