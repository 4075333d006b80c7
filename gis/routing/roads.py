"""Travel by road over built tiles, with every gap filled as the crow flies and marked so.

The engine is opened when it is first asked, once in a process, for it must not be shared over a fork; a lock keeps threads
apart. It answers with Python's interpreter lock held: whatever takes long belongs into a job, not into a web request.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path as File
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from gis.routing.engine import PAIRS_AT_ONCE, Engine, NoPath
from gis.routing.matrix import (
    DETOUR_FACTOR,
    Leg,
    Matrix,
    Metres,
    Path,
    Whole,
    great_circle_m,
    path_straight,
    radians_of,
    reckon,
    straight_matrix,
)
from gis.routing.places import Mode, Place
from gis.routing.tiles import TilesInfo, state_of

# A pair without a way makes the engine look as far as its reach allows from each place, so the reach is that of the
# question: so many times the great circle between the places farthest apart, in powers of two, and at least so many
# kilometres. A car needs more, for lanes that are for residents only count as long detours.
_REACH_OVER_CROW = {Mode.CAR: 32, Mode.FOOT: 8}
_LEAST_REACH_KM = {Mode.CAR: 1024, Mode.FOOT: 32}

_log = logging.getLogger(__name__)


class Roads:
    """The road network of one set of tiles. The engine's errors stay here: what it cannot answer is filled and logged."""

    def __init__(self, packed: File, info: TilesInfo) -> None:
        """Over packed tiles; nothing is opened yet."""
        self.info = info
        self._packed = packed
        self._process = os.getpid()
        self._lock = Lock()
        self._engines: dict[tuple[Mode, int], Engine] = {}

    @classmethod
    def open(cls, folder: File) -> Roads | None:
        """The roads in a folder, or None; ``state_of(folder).standing`` then says why, and what to do."""
        state = state_of(folder)
        return cls(state.packed, state.info) if state.packed and state.info else None

    def matrix(self, places: Sequence[Place], mode: Mode) -> Matrix:
        """Travel between all places, in rows of from and columns of to.

        A pair is as the crow flies where one of its places is farther than ``engine.SNAP_M`` from any road or where no way
        was found. Elsewhere the way begins and ends with a piece from the place to the road, reckoned as the crow flies.
        Raises ValueError for a position that is none.
        """
        matrix = straight_matrix(places, mode)
        # The engine may take another road than the nearest; no way is shorter than the great circle all the same.
        least = _crow_m(matrix.metres)
        with self._alone():
            aside = self._aside(places, mode)
            near = np.flatnonzero(~np.isnan(aside))
            if len(near) < 2:
                return matrix
            reach_km = _reach_km(int(least[np.ix_(near, near)].max()), mode)
            self._fill(matrix, places, near, mode, reach_km)
        aside_m, aside_s = reckon(np.nan_to_num(aside), mode)
        for whole, piece in ((matrix.metres, aside_m), (matrix.seconds, aside_s)):
            whole += np.where(matrix.by_road, piece[:, None] + piece, 0)
        np.maximum(matrix.metres, least, out=matrix.metres)
        return matrix

    def path(self, places: Sequence[Place], mode: Mode) -> Path:
        """The way along stops in their order; a leg without a road is a straight line, as in ``matrix``.

        Raises ValueError for a position that is none.
        """
        straight = path_straight(places, mode)
        if len(places) < 2:
            return straight
        line: list[tuple[float, float]] = [(places[0].lon, places[0].lat)]
        legs = []
        with self._alone():
            aside = self._aside(places, mode)
            aside_m, aside_s = reckon(np.nan_to_num(aside), mode)
            for at, (start, end) in enumerate(pairwise(places)):
                leg, ends = straight.legs[at], slice(at, at + 2)
                near = not np.isnan(aside[ends]).any()
                way = self._way(start, end, mode) if near else None
                if way is not None:
                    metres, seconds, road = way
                    metres = max(metres + int(aside_m[ends].sum()), int(_crow_m(leg.metres)))
                    leg = Leg(metres, seconds + int(aside_s[ends].sum()), by_road=True)
                    line += road
                line.append((end.lon, end.lat))
                legs.append(leg)
        return Path([point for point, _ in groupby(line)], tuple(legs))

    def _alone(self) -> Lock:
        """What keeps threads apart; a process that was forked off begins with engines and a lock of its own."""
        if self._process != os.getpid():
            self._process, self._lock, self._engines = os.getpid(), Lock(), {}
        return self._lock

    def _aside(self, places: Sequence[Place], mode: Mode) -> Metres:
        """Metres as the crow flies from each place to the nearest road, NaN where there is none near."""
        aside = np.full(len(places), np.nan)
        if not places:
            return aside
        try:
            found = self._engine(mode).nearest(places)
        except (NoPath, OSError) as error:
            _log.warning("roads: places could not be located, distances are as the crow flies: %s", error)
            return aside
        owners = np.repeat(np.arange(len(places)), [len(points) for points in found])
        lon, lat = radians_of(places)
        near_lon, near_lat = radians_of([point for points in found for point in points])
        np.fmin.at(aside, owners, great_circle_m(lon[owners], lat[owners], near_lon, near_lat))
        return aside

    def _fill(
        self, matrix: Matrix, places: Sequence[Place], near: NDArray[np.intp], mode: Mode, reach_km: int
    ) -> None:
        """Put what the engine finds between the places ``near`` roads into the matrix, a band of rows at a time."""
        targets = [places[at] for at in near]
        band = max(1, PAIRS_AT_ONCE // len(near))
        for start in range(0, len(near), band):
            rows = near[start : start + band]
            try:
                seconds, kilometres = self._engine(mode, reach_km).rows(
                    targets[start : start + band], targets
                )
            except (NoPath, OSError) as error:
                _log.warning("roads: %d rows of a matrix are as the crow flies: %s", len(rows), error)
                continue
            found = np.isfinite(seconds) & np.isfinite(kilometres) & (rows[:, None] != near)
            at = rows[found.nonzero()[0]], near[found.nonzero()[1]]
            matrix.seconds[at] = np.rint(seconds[found])
            matrix.metres[at] = np.rint(kilometres[found] * 1000.0)
            matrix.by_road[at] = True

    def _way(self, start: Place, end: Place, mode: Mode) -> tuple[int, int, list[tuple[float, float]]] | None:
        """Metres, seconds and line by road, None where there is no way."""
        try:
            seconds, kilometres, line = self._engine(mode).way(start, end)
        except NoPath:
            return None
        except OSError as error:
            _log.warning("roads: a way is as the crow flies: %s", error)
            return None
        return round(kilometres * 1000), round(seconds), line

    def _engine(self, mode: Mode, reach_km: int | None = None) -> Engine:
        """The engine for a mode and a reach. Raises NoPath or OSError where the tiles cannot be opened."""
        reach_km = reach_km or _LEAST_REACH_KM[mode]
        if (mode, reach_km) not in self._engines:
            self._engines[mode, reach_km] = Engine(self._packed, mode, reach_km)
        return self._engines[mode, reach_km]


def _crow_m(straight_m: Whole | int) -> Whole:
    """Great-circle metres, rounded down, out of metres as the crow flies with the detour."""
    metres: Whole = np.floor_divide(straight_m, DETOUR_FACTOR).astype(np.int64)
    return metres


def _reach_km(crow_m: int, mode: Mode) -> int:
    """How far the engine has to reach where the places farthest apart are so many metres from each other."""
    wanted = crow_m * _REACH_OVER_CROW[mode] // 1000
    return max(_LEAST_REACH_KM[mode], 1 << wanted.bit_length())
