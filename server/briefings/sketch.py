"""A sketch of a team's way as SVG: the line, numbered stops, where it begins and ends, a scale. No map lies under it, so
nothing of a place leaves the house, and no picture of land needs a licence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from server.reports.charts import FONT
from server.reports.look import BLUE, GREY, TEAL, VERMILION

# All in units of the picture, which is scaled to the width of the page.
WIDTH, LEAST, MOST = 1000.0, 240.0, 520.0
MARGIN = 34.0
RADIUS, DOT = 12.5, 3.5
_DEGREE = 1_000_000
_METRES_A_DEGREE = 111_320.0
_LEAST_SPAN_M = 300.0
_SCALES_M = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
# Where a number is put that has no room at its place: round it, ever further away.
_TRIES = [
    (distance * math.cos(angle), distance * math.sin(angle))
    for distance in (27.0, 40.0, 54.0, 70.0, 88.0)
    for angle in (step * math.pi / 6 for step in range(12))
]

Place = Sequence[int]


class Stop(NamedTuple):
    """A stop as it is drawn: its number in the order of the way, and its place."""

    number: int
    place: Place


class _Point(NamedTuple):
    x: float
    y: float


class _Frame(NamedTuple):
    """How places come to lie in the picture: ``scale`` is units a metre."""

    west: float
    north: float
    squeeze: float
    scale: float
    left: float
    top: float
    height: float

    def at(self, place: Place) -> _Point:
        east = (place[0] / _DEGREE - self.west) * self.squeeze * _METRES_A_DEGREE
        south = (self.north - place[1] / _DEGREE) * _METRES_A_DEGREE
        return _Point(self.left + east * self.scale, self.top + south * self.scale)


def svg_of(
    name: str, start: Place, end: Place, stops: Sequence[Stop], line: Sequence[Place] | None
) -> str | None:
    """The sketch, or None where there is nothing to go to. Without a line the stops are joined as the crow flies, dashed.

    Places are millionths of a degree, longitude first, EPSG:4326.
    """
    if not stops:
        return None
    way = list(line) if line else [start, *(stop.place for stop in stops), end]
    frame = _frame([start, end, *way, *(stop.place for stop in stops)])
    parts = [*_way([frame.at(place) for place in way], dashed=line is None)]
    taken = _Taken(frame.height)
    ends = {tuple(start): "起", tuple(end): "终"} if tuple(start) != tuple(end) else {tuple(start): "起终"}
    marks = [(frame.at(place), text) for place, text in ends.items()]
    for point, _ in marks:
        taken.add(point)
    badges = [(stop.number, point, taken.take(point)) for stop in stops for point in [frame.at(stop.place)]]
    # No dot and no line may lie on a number.
    parts += [part for _, point, badge in badges for part in _leader(point, badge)]
    parts += [part for number, _, badge in badges for part in _badge(number, badge)]
    parts += [part for point, text in marks for part in _end(point, text)]
    parts += _legend(frame)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {frame.height:.0f}" {FONT} role="img" '
        f'aria-label="{escape(name)}">'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1:.0f}" height="{frame.height - 1:.0f}" rx="6" fill="#f6f8f9" '
        f'stroke="#c5cdd1"/>{"".join(parts)}</svg>'
    )


def _frame(places: Sequence[Place]) -> _Frame:
    """The picture that holds all places, in one scale both ways, as high as they need."""
    lons, lats = [place[0] / _DEGREE for place in places], [place[1] / _DEGREE for place in places]
    squeeze = math.cos(math.radians((min(lats) + max(lats)) / 2))
    wide = max((max(lons) - min(lons)) * squeeze * _METRES_A_DEGREE, _LEAST_SPAN_M)
    high = max((max(lats) - min(lats)) * _METRES_A_DEGREE, _LEAST_SPAN_M / 4)
    room = WIDTH - 2 * MARGIN
    height = min(max(high / wide * room + 2 * MARGIN, LEAST), MOST)
    scale = min(room / wide, (height - 2 * MARGIN) / high)
    drawn_wide = (max(lons) - min(lons)) * squeeze * _METRES_A_DEGREE * scale
    drawn_high = (max(lats) - min(lats)) * _METRES_A_DEGREE * scale
    left, top = (WIDTH - drawn_wide) / 2, (height - drawn_high) / 2
    return _Frame(min(lons), max(lats), squeeze, scale, left, top, height)


def _way(points: Sequence[_Point], *, dashed: bool) -> Iterator[str]:
    told = " ".join(f"{point.x:.1f},{point.y:.1f}" for point in points)
    dashes = ' stroke-dasharray="7 5"' if dashed else ""
    yield f'<polyline points="{told}" fill="none" stroke="#ffffff" stroke-width="6" stroke-linejoin="round"/>'
    yield (
        f'<polyline points="{told}" fill="none" stroke="{BLUE}" stroke-width="2.4" stroke-linejoin="round"'
        f' stroke-opacity="0.75"{dashes}/>'
    )
    yield from _arrows(points)


def _arrows(points: Sequence[_Point]) -> Iterator[str]:
    """Which way it goes: an arrow head about every hand's breadth."""
    since = 60.0
    for one, other in pairwise(points):
        length = math.dist(one, other)
        since += length
        if since < 130.0 or length < 14.0:
            continue
        since = 0.0
        angle = math.degrees(math.atan2(other.y - one.y, other.x - one.x))
        x, y = (one.x + other.x) / 2, (one.y + other.y) / 2
        yield (
            f'<path d="M-5,-5 L6,0 L-5,5 Z" fill="{BLUE}" transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})"/>'
        )


class _Taken:
    """Where numbers stand already, so that no two lie on one another."""

    def __init__(self, height: float) -> None:
        self._height = height
        self._points: list[_Point] = []

    def add(self, point: _Point) -> None:
        self._points.append(point)

    def is_free(self, point: _Point) -> bool:
        inside = RADIUS < point.x < WIDTH - RADIUS and RADIUS < point.y < self._height - RADIUS
        return inside and all(math.dist(point, other) >= 2 * RADIUS - 1 for other in self._points)

    def take(self, point: _Point) -> _Point:
        """Take the free place nearest to a point; the point itself where all is full."""
        tries = (_Point(point.x + right, point.y + down) for right, down in _TRIES)
        found = point if self.is_free(point) else next((one for one in tries if self.is_free(one)), point)
        self.add(found)
        return found


def _leader(point: _Point, badge: _Point) -> Iterator[str]:
    """Of a number that stands beside its place: a dot there, and a line."""
    if badge != point:
        yield (
            f'<line x1="{point.x:.1f}" y1="{point.y:.1f}" x2="{badge.x:.1f}" y2="{badge.y:.1f}" stroke="{TEAL}" '
            f'stroke-width="1"/><circle cx="{point.x:.1f}" cy="{point.y:.1f}" r="{DOT}" fill="{TEAL}"/>'
        )


def _badge(number: int, badge: _Point) -> Iterator[str]:
    yield (
        f'<circle cx="{badge.x:.1f}" cy="{badge.y:.1f}" r="{RADIUS}" fill="#ffffff" stroke="{TEAL}" stroke-width="2"/>'
        f'<text x="{badge.x:.1f}" y="{badge.y + 4.8:.1f}" text-anchor="middle" font-size="13.5" font-weight="700" '
        f'fill="{TEAL}">{number}</text>'
    )


def _end(point: _Point, text: str) -> Iterator[str]:
    wide = 20 if len(text) == 1 else 34
    yield (
        f'<rect x="{point.x - wide / 2:.1f}" y="{point.y - 10:.1f}" width="{wide}" height="20" rx="3" '
        f'fill="{VERMILION}"/><text x="{point.x:.1f}" y="{point.y + 4.5:.1f}" text-anchor="middle" font-size="12.5" '
        f'font-weight="700" fill="#ffffff">{text}</text>'
    )


def _legend(frame: _Frame) -> Iterator[str]:
    """The scale below on the left, and north above on the right."""
    metres = max((one for one in _SCALES_M if one * frame.scale <= WIDTH / 4), default=_SCALES_M[0])
    long, y = metres * frame.scale, frame.height - 14
    told = f"{metres} 米" if metres < 1_000 else f"{metres // 1_000} 公里"
    yield (
        f'<path d="M16,{y - 5:.1f} V{y:.1f} H{16 + long:.1f} V{y - 5:.1f}" fill="none" stroke="{GREY}" '
        f'stroke-width="1.5"/><text x="{24 + long:.1f}" y="{y:.1f}" font-size="12" fill="{GREY}">{told}</text>'
    )
    x = WIDTH - 22
    yield (
        f'<path d="M{x:.0f},12 L{x + 6:.0f},28 L{x:.0f},24 L{x - 6:.0f},28 Z" fill="{GREY}"/>'
        f'<text x="{x:.0f}" y="43" text-anchor="middle" font-size="12" fill="{GREY}">北</text>'
    )
