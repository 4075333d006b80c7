"""Polygons of grid cells: read, put right, and told what was changed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from gis.crs import EAST, NORTH, SOUTH, WEST, Crs, geometry_to_wgs84
from gis.exchange.coded import Coded, CodedError

_GEOD = Geod(ellps="WGS84")
# Repair that moves less than this is rounding, not a change that anyone would see.
_AREA_MATTERS_M2 = 1.0
_PLACE_IN_REASON = re.compile(r"^(?P<what>[^\[]+)\[(?P<x>\S+) (?P<y>\S+)\]")
_WHAT = {
    "Self-intersection": "边界自相交",
    "Ring Self-intersection": "边界自相交",
    "Duplicate Rings": "边界重复",
    "Nested shells": "部分互相重叠",
    "Nested holes": "空洞互相重叠",
    "Hole lies outside shell": "空洞在边界之外",
    "Holes are nested": "空洞互相重叠",
    "Interior is disconnected": "内部被边界切断",
    "Too few points in geometry component": "边界点数不足",
}


class GeometryChange(Coded):
    """What was put right in a polygon."""

    RING_CLOSED = "ring_closed", "边界首尾未闭合，已闭合"
    LINE_TO_AREA = "line_to_area", "闭合线已当作面"
    AXES_SWAPPED = "axes_swapped", "经纬度写反，已对调（{place}）"
    HEIGHT_DROPPED = "height_dropped", "已去掉高程"
    PARTS_DROPPED = "parts_dropped", "已去掉 {count} 个不是面的部分（{place}）"
    MADE_VALID = "made_valid", "{what}（{place}），已修复"
    AREA_CHANGED = "area_changed", "修复使面积由 {before} 平方米变为 {after} 平方米，请核对"


class GeometryFault(Coded):
    """Why a polygon cannot be used."""

    EMPTY = "geometry_empty", "没有图形"
    NOT_POLYGON = "geometry_not_polygon", "图形是{kind}，不是面（{place}）"
    NO_AREA = "geometry_no_area", "图形没有面积（{place}）"
    MALFORMED = "geometry_malformed", "图形无法读取：{reason}"
    OUT_OF_RANGE = "geometry_out_of_range", "坐标 {place} 不是经纬度"


class UnusableGeometry(CodedError):
    """A geometry that cannot become a cell; the sentence shows the place."""


@dataclass(frozen=True, slots=True)
class CellShape:
    """The polygon of a cell, EPSG:4326 and valid, with what was changed: pairs of code and sentence."""

    geometry: MultiPolygon
    changes: tuple[tuple[GeometryChange, str], ...]


_KINDS = {
    "Point": "点",
    "MultiPoint": "点",
    "LineString": "线",
    "LinearRing": "线",
    "MultiLineString": "线",
    "GeometryCollection": "点和线",
}

Change = tuple[GeometryChange, str]


def cell_shape(source: BaseGeometry | Mapping[str, Any] | None, crs: Crs = Crs.WGS84) -> CellShape:
    """The polygon of a cell from a geometry or a GeoJSON geometry object whose coordinates are in ``crs``.

    Closes rings, takes a closed line for its area, swaps axes when that alone leads into the box round
    mainland China, drops heights and parts that are no polygons, converts to EPSG:4326 and makes the result
    valid (the area covered by any part counts as covered). What was changed is told; areas are in square
    metres on the ellipsoid.

    Raises UnusableGeometry when there is no geometry, none of it has an area, or it is not in degrees.
    """
    changes: list[Change] = []
    # A coordinate that is no number would make numpy complain before it is refused below.
    with np.errstate(invalid="ignore"):
        geometry = _from_geojson(source, changes) if isinstance(source, Mapping) else source
    if geometry is None or geometry.is_empty:
        raise UnusableGeometry(GeometryFault.EMPTY)
    if geometry.has_z:
        changes.append((GeometryChange.HEIGHT_DROPPED, GeometryChange.HEIGHT_DROPPED.say()))
    geometry = _in_order(shapely.force_2d(geometry), changes)
    drawn = geometry_to_wgs84(_polygons_of(geometry, changes), crs)
    return CellShape(_made_valid(drawn, changes), tuple(changes))


def place(geometry: BaseGeometry) -> str:
    """A place in a geometry for people, as "lon,lat" in degrees with six decimals (0.1 m)."""
    return _lon_lat(*shapely.get_coordinates(geometry)[0])


def _lon_lat(lon: float, lat: float) -> str:
    return f"{lon:.6f},{lat:.6f}"


def _from_geojson(source: Mapping[str, Any], changes: list[Change]) -> BaseGeometry | None:
    """A geometry from a GeoJSON object; rings that do not end where they begin are closed first."""
    kind, coordinates = source.get("type"), source.get("coordinates")
    try:
        if kind == "GeometryCollection":
            members = [_from_geojson(member, changes) for member in source["geometries"]]
            return shapely.GeometryCollection([member for member in members if member is not None])
        if not coordinates:
            return None
        if kind == "Polygon":
            return _polygon(coordinates, changes)
        if kind == "MultiPolygon":
            return MultiPolygon([_polygon(part, changes) for part in coordinates])
        return shapely.geometry.shape(dict(source))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ShapelyError) as error:
        raise UnusableGeometry(GeometryFault.MALFORMED, reason=str(error)[:120]) from error


def _polygon(rings: Any, changes: list[Change]) -> Polygon:
    closed = []
    for ring in rings:
        if ring[0] != ring[-1]:
            change = (GeometryChange.RING_CLOSED, GeometryChange.RING_CLOSED.say())
            if change not in changes:
                changes.append(change)
            ring = [*ring, ring[0]]
        closed.append(ring)
    return Polygon(closed[0], closed[1:])


def _in_order(geometry: BaseGeometry, changes: list[Change]) -> BaseGeometry:
    """The geometry with longitude first. Raises UnusableGeometry when no order of axes makes it degrees."""
    points = shapely.get_coordinates(geometry)
    swapped = points[:, ::-1]
    if not _in_mainland(points) and _in_mainland(swapped):
        geometry = shapely.transform(geometry, lambda xy: xy[:, ::-1])
        changes.append((GeometryChange.AXES_SWAPPED, GeometryChange.AXES_SWAPPED.say(place=place(geometry))))
        points = swapped
    wild = ~(np.isfinite(points).all(axis=1) & (np.abs(points[:, 0]) <= 180) & (np.abs(points[:, 1]) <= 90))
    if wild.any():
        raise UnusableGeometry(GeometryFault.OUT_OF_RANGE, place=_lon_lat(*points[wild][0]))
    return geometry


def _in_mainland(points: Any) -> bool:
    lon, lat = points[:, 0], points[:, 1]
    return bool(((lon >= WEST) & (lon <= EAST) & (lat >= SOUTH) & (lat <= NORTH)).all())


def _polygons_of(geometry: BaseGeometry, changes: list[Change]) -> MultiPolygon:
    polygons: list[Polygon] = []
    dropped: list[BaseGeometry] = []
    for part in _flat(geometry):
        if isinstance(part, Polygon):
            polygons.append(part)
        elif part.geom_type in ("LineString", "LinearRing") and part.is_closed and len(part.coords) > 3:
            polygons.append(Polygon(part.coords))
            changes.append((GeometryChange.LINE_TO_AREA, GeometryChange.LINE_TO_AREA.say()))
        else:
            dropped.append(part)
    if not polygons:
        raise UnusableGeometry(
            GeometryFault.NOT_POLYGON,
            kind=_KINDS.get(geometry.geom_type, geometry.geom_type),
            place=place(geometry),
        )
    if dropped:
        changes.append(_parts_dropped(dropped))
    return MultiPolygon(polygons)


def _flat(geometry: BaseGeometry) -> list[BaseGeometry]:
    """The single parts of a geometry, however deep its collections nest; empty parts are left out."""
    parts: list[BaseGeometry] = []
    waiting = [geometry]
    while waiting:
        one = waiting.pop()
        if one.is_empty:
            continue
        if hasattr(one, "geoms"):
            waiting.extend(reversed(list(one.geoms)))
        else:
            parts.append(one)
    return parts


def _parts_dropped(parts: list[BaseGeometry]) -> Change:
    change = GeometryChange.PARTS_DROPPED
    return change, change.say(count=len(parts), place=place(parts[0]))


def _made_valid(drawn: MultiPolygon | BaseGeometry, changes: list[Change]) -> MultiPolygon:
    where = place(drawn)
    valid = drawn
    if not drawn.is_valid:
        changes.append(_reason(drawn))
        valid = shapely.make_valid(drawn, method="structure", keep_collapsed=False)
    polygons = [part for part in _flat(valid) if isinstance(part, Polygon) and part.area > 0]
    if not polygons:
        raise UnusableGeometry(GeometryFault.NO_AREA, place=where)
    result = MultiPolygon(polygons)
    if valid is not drawn:
        before, after = _area_m2(drawn), _area_m2(result)
        if abs(before - after) > _AREA_MATTERS_M2:
            change = GeometryChange.AREA_CHANGED
            changes.append((change, change.say(before=f"{before:.0f}", after=f"{after:.0f}")))
    return result


def _reason(geometry: BaseGeometry) -> Change:
    """Why GEOS calls the geometry invalid, in Chinese and with the place it names."""
    reason = shapely.is_valid_reason(geometry)
    change = GeometryChange.MADE_VALID
    match = _PLACE_IN_REASON.match(reason)
    if match is None:
        return change, change.say(what=_WHAT.get(reason, reason), place=place(geometry))
    at = Point(float(match["x"]), float(match["y"]))
    return change, change.say(what=_WHAT.get(match["what"], match["what"]), place=place(at))


def _area_m2(geometry: BaseGeometry) -> float:
    """The area drawn, in square metres; that of a ring that crosses itself is what its direction leaves."""
    return abs(float(_GEOD.geometry_area_perimeter(shapely.orient_polygons(geometry))[0]))
