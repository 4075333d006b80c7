"""Coordinate systems: known offsets, exact ways back, and where nothing is shifted."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from gis.crs import Crs, crs_named_in, from_wgs84, geometry_to_wgs84, to_wgs84

GEOD = Geod(ellps="WGS84")
SHIFTED = (Crs.GCJ02, Crs.BD09)
# A kilometre inside the box: at its very edge the shift leads out of it.
INLAND = st.tuples(st.floats(72.1, 137.7), st.floats(0.9, 55.7))


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(GEOD.inv(*a, *b)[2])


@pytest.mark.parametrize(
    ("place", "offset_m"), [((108.49, 34.30), 458), ((84.0, 39.0), 233), ((116.404, 39.915), 556)]
)
def test_the_gcj02_offset_is_the_published_one(place: tuple[float, float], offset_m: int) -> None:
    assert metres(place, from_wgs84(*place, Crs.GCJ02)) == pytest.approx(offset_m, abs=0.5)


def test_bd09_of_a_known_place() -> None:
    """Baidu's own published pair for its documentation's example in Beijing."""
    assert from_wgs84(116.404, 39.915, Crs.BD09) == pytest.approx((116.416627, 39.922700), abs=1e-6)


@pytest.mark.parametrize("crs", SHIFTED)
@given(place=INLAND)
def test_there_and_back_is_the_same_place(crs: Crs, place: tuple[float, float]) -> None:
    assert to_wgs84(*from_wgs84(*place, crs), crs) == pytest.approx(place, abs=1e-9)
    assert from_wgs84(*to_wgs84(*place, crs), crs) == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize("crs", SHIFTED)
def test_the_way_back_holds_where_the_formula_has_a_kink(crs: Crs) -> None:
    for lon in (105.0, 105.0 + 1e-12, 105.0 - 1e-9):
        assert from_wgs84(*to_wgs84(lon, 35.0, crs), crs) == pytest.approx((lon, 35.0), abs=1e-9)


@pytest.mark.parametrize("crs", list(Crs))
def test_nothing_is_shifted_abroad(crs: Crs) -> None:
    for place in ((24.94, 60.17), (-0.1, 51.5), (151.2, -33.9)):
        assert from_wgs84(*place, crs) == place
        assert to_wgs84(*place, crs) == place


@pytest.mark.parametrize("crs", [Crs.WGS84, Crs.CGCS2000])
def test_the_datums_of_the_earth_are_taken_as_equal(crs: Crs) -> None:
    assert to_wgs84(108.49, 34.3, crs) == (108.49, 34.3)


@pytest.mark.parametrize("crs", list(Crs))
def test_arrays_agree_with_single_positions_and_are_not_changed(crs: Crs) -> None:
    lon, lat = np.array([84.0, 2.3, np.nan, 120.1]), np.array([39.0, 48.9, 39.0, 30.2])
    before = lon.copy(), lat.copy()
    out_lon, out_lat = to_wgs84(lon, lat, crs)
    np.testing.assert_array_equal((lon, lat), before)
    for index in (0, 1, 3):
        expected = to_wgs84(float(lon[index]), float(lat[index]), crs)
        assert (out_lon[index], out_lat[index]) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(out_lon[2])


def test_no_positions_give_no_positions() -> None:
    lon, lat = to_wgs84(np.array([]), np.array([]), Crs.GCJ02)
    assert lon.shape == lat.shape == (0,)


def test_arrays_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        to_wgs84(np.zeros(2), np.zeros(3), Crs.GCJ02)


def test_a_geometry_moves_vertex_by_vertex_and_loses_its_heights() -> None:
    drawn = shapely.from_wkt("POLYGON Z ((84 39 5, 84.1 39 5, 84.1 39.1 5, 84 39 5))")
    moved = geometry_to_wgs84(drawn, Crs.GCJ02)
    assert not moved.has_z
    assert shapely.get_coordinates(moved)[0] == pytest.approx(to_wgs84(84.0, 39.0, Crs.GCJ02), abs=1e-12)
    assert geometry_to_wgs84(drawn, Crs.WGS84).equals(shapely.force_2d(drawn))


@pytest.mark.parametrize(
    ("lines", "crs"),
    [
        (["台账", "坐标系：高德"], Crs.GCJ02),
        (["坐标来源 百度地图"], Crs.BD09),
        (["坐标：CGCS2000"], Crs.CGCS2000),
        (["坐标系: WGS 84"], Crs.WGS84),
        (["坐标系：高德或百度"], None),
        (["零售户台账"], None),
    ],
)
def test_the_text_above_a_table_may_name_the_system(lines: list[str], crs: Crs | None) -> None:
    assert crs_named_in(lines) == crs
