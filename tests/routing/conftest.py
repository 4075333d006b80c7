"""The centre of Helsinki as a road network, built once for all tests that travel in it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gis.routing import engine
from gis.routing.places import Place
from gis.routing.roads import Roads
from gis.routing.tiles import TilesInfo, build_tiles

HELSINKI = Path(__file__).parent / "extracts" / "Helsinki.osm.pbf"
BUILT_AT = datetime(2026, 7, 6, 2, 0, tzinfo=UTC)

needs_engine = pytest.mark.skipif(
    engine.package() is None,
    reason="the routing engine (the extra roads) is not installed; wheels: Linux x86_64, from Python 3.12 on aarch64 too",
)


def some_places(count: int, seed: int = 2) -> list[Place]:
    """Places within the extract, the same for the same seed."""
    chance = random.Random(seed)
    return [Place(chance.uniform(24.9355, 24.953), chance.uniform(60.1645, 60.179)) for _ in range(count)]


@pytest.fixture(scope="session")
def helsinki_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiles of Helsinki; nobody may change it."""
    folder = tmp_path_factory.mktemp("roads")
    build_tiles(HELSINKI, folder, built_at=BUILT_AT)
    return folder


@pytest.fixture(scope="session")
def helsinki(helsinki_folder: Path) -> Roads:
    """Travel in Helsinki."""
    roads = Roads.open(helsinki_folder)
    assert roads is not None
    return roads


def built(data: bytes, folder: Path) -> TilesInfo:
    """Tiles of an extract with these bytes, put to use in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder.parent / f"{folder.name}.osm.pbf"
    file.write_bytes(data)
    return build_tiles(file, folder, built_at=BUILT_AT)


def roads_of(data: bytes, folder: Path) -> Roads:
    """Travel on the roads of an extract with these bytes."""
    built(data, folder)
    roads = Roads.open(folder)
    assert roads is not None
    return roads
