"""How far it is round many places: an estimate, for comparing workloads and not for driving by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8
"""The mean radius of the earth (IUGG)."""
DETOUR_FACTOR = 1.35
"""How much longer roads are than straight lines: an assumption, of the size that is found in street networks."""
# Fine enough for a metre: the curve has two to this power steps along each side of the world.
_BITS = 26
# Stretches of up to so many places are turned round, so many times over.
_STRETCH = 40
_ROUNDS = 6

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def tour_lengths_m(tours: Numbers, lons: Floats, lats: Floats, count: int) -> Numbers:
    """Metres of each of ``count`` rounds through its places and back to the first, by roads.

    Place n (degrees, EPSG:4326) belongs to the round ``tours[n]``, from 0 on. A round takes its places in the order of a
    Hilbert curve, which is improved by turning stretches round where that shortens the way (2-opt within a window).
    Straight lines are great circles, and DETOUR_FACTOR makes roads of them. The same places come to the same length, in
    whatever order they are given and whatever other rounds there are. It is longer than the shortest round, among random
    places by about a sixth. Fewer than two places are no way at all.
    """
    if not len(tours):
        return np.zeros(count, dtype=np.int64)
    order = np.lexsort((lats, lons, _along_curve(lons, lats), tours))
    tour, lon, lat = tours[order], lons[order], lats[order]
    middle = np.bincount(tour, lat, count) / np.maximum(np.bincount(tour, minlength=count), 1)
    # On a plane of its own, as true as the size of a cell asks for.
    place = lon * np.cos(np.radians(middle[tour])) + 1j * lat
    order = _shortened(tour, place)
    lon, lat = lon[order], lat[order]
    first = np.flatnonzero(np.diff(tour, prepend=-1))
    following = np.arange(1, len(tour) + 1)
    following[np.append(first[1:], len(tour)) - 1] = first
    steps = great_circle_m(lon, lat, lon[following], lat[following])
    lengths: Numbers = np.rint(np.bincount(tour, steps, count) * DETOUR_FACTOR).astype(np.int64)
    return lengths


def great_circle_m(lon1: Floats, lat1: Floats, lon2: Floats, lat2: Floats) -> Floats:
    """Metres along the sphere between places, pair by pair (haversine)."""
    x1, y1, x2, y2 = (np.radians(one) for one in (lon1, lat1, lon2, lat2))
    half = np.sin((y2 - y1) / 2) ** 2 + np.cos(y1) * np.cos(y2) * np.sin((x2 - x1) / 2) ** 2
    metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return metres


def _along_curve(lons: Floats, lats: Floats) -> Numbers:
    """How far along a Hilbert curve over the whole world each place lies."""
    most = (1 << _BITS) - 1
    across = ((lons + 180) / 360 * most).astype(np.int64)
    up = ((lats + 180) / 360 * most).astype(np.int64)
    along = np.zeros(len(lons), dtype=np.int64)
    for bit in reversed(range(_BITS)):
        right, above = across >> bit & 1, up >> bit & 1
        along += ((3 * right) ^ above) << (2 * bit)
        # In the lower quarters the curve runs with its axes changed, in the right one of them mirrored too.
        mirrored, below = (right > above), (above == 0)
        across, up = np.where(mirrored, most - across, across), np.where(mirrored, most - up, up)
        across, up = np.where(below, up, across), np.where(below, across, up)
    return along


def _shortened(tour: Numbers, place: NDArray[np.complex128]) -> NDArray[np.intp]:
    """The order of the places with stretches turned round wherever that shortens a round: all of one length at once."""
    order = np.arange(len(place))
    first = np.flatnonzero(np.diff(tour, prepend=-1))
    sizes = np.diff(first, append=len(tour))
    begin, size = np.repeat(first, sizes), np.repeat(sizes, sizes)
    for _ in range(_ROUNDS):
        for length in range(2, min(_STRETCH, len(place) - 2) + 1):
            # The stretch begins behind ``before``, ends with ``last``, and ``behind`` is what follows it.
            before, start = place[: -length - 1], place[1:-length]
            last, behind = place[length:-1], place[length + 1 :]
            gain = (
                np.abs(before - start)
                + np.abs(last - behind)
                - np.abs(before - last)
                - np.abs(start - behind)
            )
            within = tour[: -length - 1] == tour[length + 1 :]
            done = -1
            for i in np.flatnonzero(within & (gain > 1e-12)).tolist():
                # Two that touch would each undo what the other reckoned with.
                if i > done:
                    stretch = slice(i + 1, i + length + 1)
                    place[stretch], order[stretch] = place[stretch][::-1].copy(), order[stretch][::-1].copy()
                    done = i + length
        # No stretch goes over the end of a round, so every round begins elsewhere the next time.
        moved = begin + (np.arange(len(place)) - begin + size // 2) % size
        place, order = place[moved], order[moved]
    return order
