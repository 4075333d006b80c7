"""Tiles: built beside the old ones, exchanged in one step, and never half of either."""

from __future__ import annotations

import errno
import json
import re
import resource
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gis.exchange.coded import CodedError
from gis.routing import engine
from gis.routing.extracts import Bounds
from gis.routing.network import Network
from gis.routing.places import Mode, Place
from gis.routing.roads import Roads
from gis.routing.tiles import (
    ATTRIBUTION,
    PACKED,
    TOLD,
    Built,
    Standing,
    Step,
    TilesInfo,
    build_tiles,
    built_tiles,
    state_of,
)
from tests.routing.conftest import BUILT_AT, HELSINKI, built, needs_engine, some_places
from tests.routing.pbf import Way, extract, town

pytestmark = needs_engine

TOWN = Place(113.0, 27.0)
WHOLE = HELSINKI.read_bytes()
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def town_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiles of a small town, to be copied."""
    made = tmp_path_factory.mktemp("town") / "town"
    built(extract(*town(TOWN)), made)
    return made


@pytest.fixture
def folder(town_folder: Path, tmp_path: Path) -> Path:
    """A folder of the test's own with the tiles of a small town in use."""
    return shutil.copytree(town_folder, tmp_path / "roads", symlinks=True)


def contents(folder: Path) -> dict[str, bytes | str]:
    """Everything in a folder: files with their bytes, links with where they lead to."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def refused(data: bytes, folder: Path) -> str:
    """The code with which a build is refused that leaves the folder as it was."""
    before = contents(folder)
    with pytest.raises(CodedError) as error:
        built(data, folder)
    assert contents(folder) == before
    assert state_of(folder).standing is Standing.READY
    return error.value.code


def test_tiles_say_what_they_were_made_of(tmp_path: Path) -> None:
    steps: list[Step] = []

    info = build_tiles(HELSINKI, tmp_path, steps.append, built_at=BUILT_AT)

    assert steps == list(Step)
    assert (info.extract, info.extract_bytes) == ("Helsinki.osm.pbf", len(WHOLE))
    assert info.bounds == Bounds(24.9351763, 60.164155, 24.9534146, 60.179113)
    assert (info.built_at, info.data_as_of, info.engine) == (BUILT_AT, None, engine.version())
    assert info.attribution == ATTRIBUTION == "© OpenStreetMap contributors, ODbL"
    assert 2000 < info.ways < 3000
    assert 3000 < info.nodes < info.edges < 5000
    assert info.tiles == 3
    assert TilesInfo.from_json(json.loads((tmp_path / "current" / TOLD).read_bytes())) == info
    assert state_of(tmp_path).info == info
    # Nothing of the build is left.
    assert sorted(path.name for path in (tmp_path / "current").iterdir()) == [TOLD, PACKED]
    assert len(list(tmp_path.iterdir())) == 3


def test_the_age_of_the_data_is_kept(tmp_path: Path) -> None:
    as_of = datetime(2026, 6, 30, 20, 21, 22, tzinfo=UTC)

    built(extract(*town(TOWN), as_of=as_of), tmp_path / "roads")

    info = state_of(tmp_path / "roads").info
    assert info is not None
    assert info.data_as_of == as_of
    assert info.bounds is None


@pytest.mark.parametrize("name", ["-c.osm.pbf", "样例市 路网.osm.pbf", "extract", "roads.bin"])
def test_the_name_of_the_file_does_not_matter(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(extract(*town(TOWN)))

    info = build_tiles(tmp_path / name, tmp_path / "roads", built_at=BUILT_AT)

    assert info.extract == name
    assert state_of(tmp_path / "roads").standing is Standing.READY


NODES, WAYS = town(TOWN)
HOUSES = [Way(way.nodes, {"building": "yes"}) for way in WAYS]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"abcde", "wrong_content"),
        (b"no map at all\n" * 50, "wrong_content"),
        (WHOLE[: len(WHOLE) // 2], "file_damaged"),
        (WHOLE[:-10], "file_damaged"),
        # The frame is whole, what is packed in it is not.
        (
            WHOLE[:200_000] + bytes(byte ^ 0xFF for byte in WHOLE[200_000:200_050]) + WHOLE[200_050:],
            "file_damaged",
        ),
        (extract([], []), "extract_without_data"),
        (extract(NODES, []), "extract_without_roads"),
        (extract(NODES, HOUSES), "extract_without_roads"),
        # Roads over nodes that the extract does not hold.
        (extract(NODES[:1], WAYS), "extract_without_roads"),
    ],
)
def test_what_gives_no_roads_leaves_the_old_ones(data: bytes, code: str, folder: Path) -> None:
    assert refused(data, folder) == code


def test_a_folder_in_place_of_a_file_leaves_the_old_ones(folder: Path) -> None:
    before = contents(folder)

    with pytest.raises(CodedError) as error:
        build_tiles(folder, folder, built_at=BUILT_AT)

    assert error.value.code == "extract_is_folder"
    assert contents(folder) == before


def test_a_disk_with_little_room_is_told_before_anything_is_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, (1 << 40) - 1_000_000, 1_000_000))

    assert refused(WHOLE, folder) == "roads_no_room"


@pytest.mark.parametrize("most", [100_000, 660_000])
def test_a_disk_that_fills_up_meanwhile_leaves_the_old_ones(most: int, folder: Path) -> None:
    """A limit on the size of files stands for the disk: first the engine cannot write, then the packed tiles do not fit."""
    before = contents(folder)
    script = f"""
        import resource, signal
        from datetime import datetime, UTC
        from pathlib import Path
        from gis.exchange.coded import CodedError
        from gis.routing.tiles import build_tiles
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {resource.RLIM_INFINITY}))
        try:
            build_tiles(Path({str(HELSINKI)!r}), Path({str(folder)!r}), built_at=datetime.now(UTC))
        except CodedError as error:
            print(error.code)
    """

    done = subprocess.run(
        [sys.executable, "-c", re.sub("^ {8}", "", script, flags=re.MULTILINE)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["roads_no_room"], done.stderr
    assert contents(folder) == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CodedError) as error:
        build_tiles(HELSINKI, tmp_path / "file", built_at=BUILT_AT)

    assert error.value.code == "roads_folder_unusable"
    assert (tmp_path / "file").read_text() == "in the way"


def test_one_build_at_a_time(folder: Path) -> None:
    with built_tiles(HELSINKI, folder, built_at=BUILT_AT):
        assert refused(WHOLE, folder) == "roads_import_running"

    built(WHOLE, folder)


def test_what_is_not_put_to_use_leaves_no_trace(folder: Path) -> None:
    before = contents(folder)

    with built_tiles(HELSINKI, folder, built_at=BUILT_AT) as tiles:
        assert (tiles.place / PACKED).stat().st_size == tiles.info.packed_bytes
        during = state_of(folder).info

    assert during is not None
    assert during.extract == "town.osm.pbf"
    assert contents(folder) == before


def test_what_a_killed_build_left_is_cleared_by_the_next(folder: Path) -> None:
    (folder / "building-20260101T000000-dead" / "tiles").mkdir(parents=True)

    built(WHOLE, folder)

    assert not list(folder.glob("building-*"))


def test_whoever_has_the_old_roads_open_keeps_them(folder: Path) -> None:
    old, network = Roads.open(folder), Network(folder)
    assert old is not None
    there = [Place(TOWN.lon + 0.001, TOWN.lat + 0.001), Place(TOWN.lon + 0.005, TOWN.lat + 0.006)]
    in_town = old.matrix(there, Mode.CAR)
    assert network.matrix(there, Mode.CAR).sources() == (2, 0)

    # Twice, so that the tiles that are open are gone from the disk.
    for _ in range(2):
        built(WHOLE, folder)

    assert old.info.extract == "town.osm.pbf"
    assert (old.matrix(there, Mode.CAR).metres == in_town.metres).all()
    assert old.path(there, Mode.CAR).by_road == (True,)
    assert network.matrix(there, Mode.CAR).sources() == (0, 2)
    assert network.matrix(some_places(2), Mode.FOOT).sources() == (2, 0)
    assert len(list(folder.glob("built-*"))) == 2


@pytest.mark.parametrize("step", ["rename", "symlink_to", "replace"])
def test_an_exchange_that_fails_leaves_the_old_ones_in_use(
    step: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    before = state_of(folder)
    monkeypatch.setattr(Path, step, fail, raising=True)
    if step == "symlink_to":
        # The build itself needs a link to the extract, so only the exchange is done here.
        assert before.info is not None
        place = shutil.copytree((folder / "current").resolve(), folder / "building-1")
        with pytest.raises(OSError, match="the disk is gone"):
            Built(folder, place, before.info).put_to_use()
    else:
        with pytest.raises(CodedError) as error:
            build_tiles(HELSINKI, folder, built_at=BUILT_AT)
        assert error.value.code == "roads_folder_unusable"
        assert "the disk is gone" in error.value.sentence
    monkeypatch.undo()

    assert state_of(folder) == before
    built(WHOLE, folder)
    assert state_of(folder).info != before.info


LOOKING_ON = """
import sys
from pathlib import Path
from gis.routing.tiles import Standing, state_of

folder = Path(sys.argv[1])
print("looking", flush=True)
while not (folder.parent / "done").exists():
    # The link is there at every moment; so is what it leads to.
    assert all((folder / "current").is_symlink() for _ in range(200)), "the link is gone"
    assert state_of(folder).standing is Standing.READY, state_of(folder)
"""


def test_whoever_looks_on_sees_old_or_new_and_nothing_else(folder: Path) -> None:
    info = state_of(folder).info
    assert info is not None
    with subprocess.Popen(
        [sys.executable, "-c", LOOKING_ON, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as looking:
        assert looking.stdout is not None
        assert looking.stdout.readline() == "looking\n"
        for number in range(60):
            place = shutil.copytree((folder / "current").resolve(), folder / f"building-{number}")
            Built(folder, place, info).put_to_use()
        (folder.parent / "done").touch()
        _, wrong = looking.communicate()

    assert looking.returncode == 0, wrong


def change(folder: Path, **told: object) -> None:
    """Write something else into what the tiles tell."""
    file = folder / "current" / TOLD
    file.write_text(json.dumps(json.loads(file.read_bytes()) | told))


def test_tiles_that_are_not_whole_are_not_opened(folder: Path) -> None:
    packed = folder / "current" / PACKED
    packed.write_bytes(packed.read_bytes()[:-512])

    assert state_of(folder).standing is Standing.DAMAGED
    assert Roads.open(folder) is None
    assert Network(folder).matrix(some_places(3), Mode.CAR).sources() == (0, 6)
    assert Network(folder).attribution is None


@pytest.mark.parametrize("told", [b"", b"{}", b"[]", b"\xff"])
def test_tiles_that_tell_nonsense_are_not_opened(told: bytes, folder: Path) -> None:
    (folder / "current" / TOLD).write_bytes(told)

    assert state_of(folder) == replace(state_of(folder), standing=Standing.DAMAGED, info=None, packed=None)


def test_a_link_that_leads_nowhere_is_told(folder: Path) -> None:
    shutil.rmtree((folder / "current").resolve())

    assert state_of(folder).standing is Standing.DAMAGED
    assert Network(folder).path(some_places(2), Mode.CAR).by_road == (False,)


def test_tiles_of_another_major_version_are_not_opened(folder: Path) -> None:
    change(folder, engine="4.0.0")
    assert state_of(folder).standing is Standing.OTHER_ENGINE
    assert Roads.open(folder) is None

    change(folder, engine=engine.version().partition(".")[0] + ".0.1")
    assert state_of(folder).standing is Standing.READY


def test_a_folder_without_tiles_says_what_to_do(tmp_path: Path) -> None:
    state = state_of(tmp_path / "none")

    assert state.standing is Standing.NO_TILES
    assert "xunge import roads" in state.standing.say()
    assert not (tmp_path / "none").exists()
