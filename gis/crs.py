"""Positions between EPSG:4326 and the coordinate systems that Chinese registers and maps use.

GCJ-02 (高德, 腾讯) and BD-09 (百度) are published shifts of a WGS 84 position; the formula below is the
one in general circulation. CGCS2000 (EPSG:4490) is the national datum: at its epoch it agrees with WGS 84
within centimetres, and plate motion since then keeps the difference under a metre. PROJ treats the two as
equal ("ballpark" null shift), and so do we: a CGCS2000 longitude and latitude is stored as it is given.

Every function takes and returns longitude first, in degrees.
"""

import math
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import overload

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Degrees = NDArray[np.float64]

# The published formula works on the Krassovsky 1940 ellipsoid: semi-major axis, square of the eccentricity.
_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323

# Outside this box neither shift is applied, by the map vendors or by us.
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271

_BD_LON, _BD_LAT = 0.0065, 0.006
_BD_WAVE = math.pi * 3000.0 / 180.0

# The shifts change by less than 3 % over their own length, so each round gains more than a decimal and a
# half; five rounds reach 1e-9 degrees (0.1 mm) and the rest is margin.
_ROUNDS = 20
_TOLERANCE_DEG = 1e-11


class Crs(StrEnum):
    """The coordinate systems that ``--crs`` names."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


_CRS_NAMES = (
    (Crs.BD09, re.compile(r"百度|bd-?09", re.IGNORECASE)),
    (Crs.GCJ02, re.compile(r"高德|腾讯|火星|gcj-?02|amap", re.IGNORECASE)),
    (Crs.CGCS2000, re.compile(r"cgcs\s*2000|国家\s*2000|2000\s*国家|天地图|epsg:?4490", re.IGNORECASE)),
    (Crs.WGS84, re.compile(r"wgs[\s-]*(19)?84|gps|epsg:?4326", re.IGNORECASE)),
)


def crs_named_in(lines: Iterable[str]) -> Crs | None:
    """The coordinate system that the text above a table names, such as "坐标系：高德".

    Returns None when the text names none, or names two that differ.
    """
    text = "\n".join(lines)
    named = {crs for crs, pattern in _CRS_NAMES if pattern.search(text)}
    return named.pop() if len(named) == 1 else None


def in_shifted_area(lon: Degrees, lat: Degrees) -> NDArray[np.bool_]:
    """Where GCJ-02 and BD-09 apply: the box round mainland China, as a mask of the shape of ``lon``."""
    inside: NDArray[np.bool_] = (lon >= WEST) & (lon <= EAST) & (lat >= SOUTH) & (lat <= NORTH)
    return inside


def is_in_shifted_area(lon: float, lat: float) -> bool:
    """Whether one position lies in the box round mainland China."""
    return WEST <= lon <= EAST and SOUTH <= lat <= NORTH


def _waves(value: Degrees, *terms: tuple[float, float]) -> Degrees:
    """The sum of amplitude × sin(frequency × π × value), in the metres of the published formula."""
    total = np.zeros_like(value)
    for amplitude, frequency in terms:
        total += amplitude * np.sin(frequency * math.pi * value)
    return total * (2.0 / 3.0)


def _gcj_shift(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """What GCJ-02 adds to a WGS 84 position, in degrees."""
    x, y = lon - 105.0, lat - 35.0
    ripple = _waves(x, (20.0, 6.0), (20.0, 2.0))
    root = np.sqrt(np.abs(x))
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east_m += _waves(x, (20.0, 1.0), (40.0, 1.0 / 3.0), (150.0, 1.0 / 12.0), (300.0, 1.0 / 30.0))
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north_m += _waves(y, (20.0, 1.0), (40.0, 1.0 / 3.0), (160.0, 1.0 / 12.0), (320.0, 1.0 / 30.0))
    phi = np.radians(lat)
    squash = 1.0 - _ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    meridian_m = _AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / (squash * np.sqrt(squash))
    parallel_m = _AXIS_M / np.sqrt(squash) * np.cos(phi)
    return np.degrees(east_m / parallel_m), np.degrees(north_m / meridian_m)


def _gcj_from_wgs(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    shift_lon, shift_lat = _gcj_shift(lon, lat)
    return lon + shift_lon, lat + shift_lat


def _bd_from_gcj(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + _BD_LON, radius * np.sin(angle) + _BD_LAT


def _bd_from_wgs(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    return _bd_from_gcj(*_gcj_from_wgs(lon, lat))


_Forward = Callable[[Degrees, Degrees], tuple[Degrees, Degrees]]
_FORWARD: dict[Crs, _Forward] = {Crs.GCJ02: _gcj_from_wgs, Crs.BD09: _bd_from_wgs}


def _undo(forward: _Forward, lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """The position that ``forward`` takes to (lon, lat), by repeated correction of the remaining error."""
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(_ROUNDS):
        there_lon, there_lat = forward(guess_lon, guess_lat)
        error_lon, error_lat = lon - there_lon, lat - there_lat
        guess_lon += error_lon
        guess_lat += error_lat
        if max(np.max(np.abs(error_lon)), np.max(np.abs(error_lat))) < _TOLERANCE_DEG:
            break
    return guess_lon, guess_lat


def _convert(lon: Degrees, lat: Degrees, crs: Crs, *, inverse: bool) -> tuple[Degrees, Degrees]:
    out_lon, out_lat = np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    if out_lon.shape != out_lat.shape:
        raise ValueError(f"lon {out_lon.shape} and lat {out_lat.shape} differ in shape")
    forward = _FORWARD.get(crs)
    if forward is None:
        return out_lon, out_lat
    # A NaN compares false, so a missing position stays a NaN.
    inside = in_shifted_area(out_lon, out_lat)
    if inside.any():
        some = out_lon[inside], out_lat[inside]
        out_lon[inside], out_lat[inside] = _undo(forward, *some) if inverse else forward(*some)
    return out_lon, out_lat


@overload
def to_wgs84(lon: float, lat: float, crs: Crs) -> tuple[float, float]: ...
@overload
def to_wgs84(lon: Degrees, lat: Degrees, crs: Crs) -> tuple[Degrees, Degrees]: ...
def to_wgs84(
    lon: float | Degrees, lat: float | Degrees, crs: Crs
) -> tuple[float, float] | tuple[Degrees, Degrees]:
    """Positions given in ``crs`` as EPSG:4326, longitude and latitude in degrees.

    Takes two floats and returns two floats, or takes two arrays of one shape and returns new arrays of that
    shape. The inverse of GCJ-02 and BD-09 is iterated until it moves by less than 1e-9 degrees. Positions
    outside the box round mainland China, and those in WGS 84 or CGCS2000, are returned unchanged. Within
    1 km of the edge of the box the shift leads out of it, so there the way back is not exact.

    Raises ValueError when the arrays differ in shape.
    """
    return _scalar_or_arrays(lon, lat, crs, inverse=True)


@overload
def from_wgs84(lon: float, lat: float, crs: Crs) -> tuple[float, float]: ...
@overload
def from_wgs84(lon: Degrees, lat: Degrees, crs: Crs) -> tuple[Degrees, Degrees]: ...
def from_wgs84(
    lon: float | Degrees, lat: float | Degrees, crs: Crs
) -> tuple[float, float] | tuple[Degrees, Degrees]:
    """EPSG:4326 positions in ``crs``; forms, units and errors as in ``to_wgs84``."""
    return _scalar_or_arrays(lon, lat, crs, inverse=False)


def _scalar_or_arrays(
    lon: float | Degrees, lat: float | Degrees, crs: Crs, *, inverse: bool
) -> tuple[float, float] | tuple[Degrees, Degrees]:
    if isinstance(lon, np.ndarray) and isinstance(lat, np.ndarray):
        return _convert(lon, lat, crs, inverse=inverse)
    one_lon, one_lat = _convert(np.array([lon], dtype=np.float64), np.array([lat]), crs, inverse=inverse)
    return float(one_lon[0]), float(one_lat[0])


def geometry_to_wgs84(geometry: BaseGeometry, crs: Crs) -> BaseGeometry:
    """A geometry whose vertices are given in ``crs``, with every vertex as EPSG:4326 (degrees, lon first).

    Heights are dropped. Vertices are moved one by one, so an edge of many kilometres may leave its true
    course by a metre or two; polygons of cells are far finer than that.
    """
    if crs not in _FORWARD:
        return shapely.force_2d(geometry)

    def move(points: Degrees) -> Degrees:
        return np.column_stack(_convert(points[:, 0], points[:, 1], crs, inverse=True))

    return shapely.transform(shapely.force_2d(geometry), move)
