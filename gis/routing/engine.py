"""Valhalla, the routing engine, which is an optional extra: whether it is there, and how it is set up and asked.

Installed as ``xunge[roads]`` where there is a wheel for the machine (docs/adr/0007-roads.md). Nothing else names it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cache
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gis.routing.places import Mode, Place

# A place that is farther than this from any road has none.
SNAP_M = 2000
# A request keeps the interpreter's lock until it is answered, so a large matrix is asked for in bands of rows.
PAIRS_AT_ONCE = 100_000

COSTING = {Mode.CAR: "auto", Mode.FOOT: "pedestrian"}

Table = NDArray[np.float64]
NoPath = RuntimeError
"""What every refusal of the engine is: a place without roads, a pair without a way, tiles that cannot be read."""


@cache
def package() -> Any | None:
    """The engine's package, or None where it is not installed or does not load on this machine."""
    try:
        return import_module("valhalla")
    except (ImportError, OSError):
        return None


def version() -> str:
    """The engine's version, such as ``3.9.1``; empty where it is not installed."""
    found = package()
    return str(found.__version__) if found else ""


def reads(built_with: str) -> bool:
    """Whether tiles built by that version can be read: the engine keeps their format within a major version."""
    return version().partition(".")[0] == built_with.partition(".")[0]


def builder(config: Path, extract: Path, folder: Path) -> subprocess.Popen[str]:
    """Start building tiles; the process logs to its output, and leaves what it drops beside it in ``folder``."""
    found = package()
    assert found is not None
    program = found.PYVALHALLA_DIR / "bin" / "valhalla_build_tiles"
    return subprocess.Popen(  # noqa: S603
        [str(program), "--config", str(config), str(extract)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def building(tiles: Path) -> dict[str, Any]:
    """The configuration that builds into the folder ``tiles``, with a log that can be read."""
    config = _configuration()
    config["mjolnir"]["tile_dir"] = str(tiles)
    for part in _logging(config):
        part |= {"type": "std_out", "color": False}
    return config


class Engine:
    """The engine over packed tiles, for one mode. Not to be shared over a fork.

    ``reach_km`` is how far apart places of a matrix may be; from it the engine also derives the cost at which it takes a
    pair for one without a way, and that is far less than the time that so many kilometres take.
    """

    def __init__(self, packed: Path, mode: Mode, reach_km: int) -> None:
        """Open the tiles. Raises NoPath or OSError where they cannot be read."""
        found = package()
        assert found is not None
        # Without the file the engine would open all the same, and know no road.
        packed.stat()
        config = _configuration()
        config["mjolnir"] |= {"tile_extract": str(packed), "tile_dir": str(packed.parent)}
        # Places in two road networks that do not meet make pairs without a way, not a request that fails as a whole.
        config["loki"]["use_connectivity"] = False
        config["thor"]["source_to_target_algorithm"] = "timedistancematrix"
        config["service_limits"][COSTING[mode]] |= {
            "max_matrix_location_pairs": PAIRS_AT_ONCE,
            "max_matrix_distance": reach_km * 1000.0,
        }
        self._costing = COSTING[mode]
        # The engine reads its configuration once; given a dict, it would leave the file behind.
        with NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(config, file)
            file.flush()
            self._actor = found.Actor(file.name)

    def nearest(self, places: Sequence[Place]) -> list[list[Place]]:
        """For each place the points of roads near it, none where no road is within ``SNAP_M``. Raises NoPath."""
        with _understood():
            answer = self._ask("locate", locations=self._located(places), verbose=False)
            return [
                [Place(edge["correlated_lon"], edge["correlated_lat"]) for edge in found["edges"] or ()]
                for found in answer
            ]

    def rows(self, sources: Sequence[Place], targets: Sequence[Place]) -> tuple[Table, Table]:
        """Seconds and kilometres from each source to each target; seconds are NaN where there is no way.

        Raises NoPath when a place has no road, or there are more than ``PAIRS_AT_ONCE`` pairs, or one beyond the reach.
        """
        request = {"sources": self._located(sources), "targets": self._located(targets), "verbose": False}
        with _understood():
            found = self._ask("matrix", **request)["sources_to_targets"]
            return np.array(found["durations"], dtype=np.float64), np.array(
                found["distances"], dtype=np.float64
            )

    def way(self, start: Place, end: Place) -> tuple[float, float, list[tuple[float, float]]]:
        """Seconds, kilometres and the line (longitude, latitude) from one place to another. Raises NoPath."""
        with _understood():
            answer = self._ask("route", locations=self._located((start, end)), directions_type="none")
            leg = answer["trip"]["legs"][0]
            return float(leg["summary"]["time"]), float(leg["summary"]["length"]), _line(leg["shape"])

    def _located(self, places: Sequence[Place]) -> list[dict[str, float]]:
        return [{"lon": lon, "lat": lat, "search_cutoff": SNAP_M} for lon, lat in places]

    def _ask(self, action: str, **request: Any) -> Any:
        asked = orjson.dumps(request | {"costing": self._costing, "units": "kilometers"}).decode()
        return orjson.loads(getattr(self._actor, action)(asked))


@contextmanager
def _understood() -> Iterator[None]:
    """Take an answer of another shape than we know for a refusal. Raises NoPath."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise NoPath(f"the engine answered something else: {error!r}") from error


def _line(shape: str) -> list[tuple[float, float]]:
    """Longitude and latitude out of an encoded polyline of six decimals (Google's algorithm, latitude first)."""
    steps: list[int] = []
    value = shift = 0
    for letter in shape.encode("ascii"):
        bits = letter - 63
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits < 0x20:
            steps.append(value >> 1 ^ -(value & 1))
            value = shift = 0
    lat, lon = (accumulate(steps[at::2]) for at in (0, 1))
    return [(x / 1e6, y / 1e6) for x, y in zip(lon, lat, strict=True)]


def _configuration() -> dict[str, Any]:
    """The engine's own defaults, without the files that we do not have, and without a log."""
    found = package()
    assert found is not None
    config: dict[str, Any] = deepcopy(found.get_config(tile_extract="", tile_dir=""))
    for name in ("traffic_extract", "admin", "landmarks", "timezone", "transit_dir", "transit_feeds_dir"):
        with suppress(KeyError):
            config["mjolnir"][name] = ""
    config["additional_data"]["elevation"] = ""
    for part in _logging(config):
        part["type"] = ""
    return config


def _logging(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the engine is told of logging, which differs by version."""
    places = (config, *(config.get(part, {}) for part in ("mjolnir", "loki", "thor", "odin", "meili")))
    return [place["logging"] for place in places if "logging" in place]
