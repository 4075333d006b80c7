"""The road network on disk: built out of an extract, put to use in one step, and told about.

``folder/current`` is a link to ``folder/built-…``, which holds ``tiles.tar`` and ``tiles.json``. New tiles are built beside
the old ones, and the link is exchanged when they are whole: whoever asks sees the old network or the new one, never half
of either. The engine maps the packed tiles into memory, so who has them open keeps them after they were replaced.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from gis.exchange.coded import Coded, CodedError
from gis.exchange.unreadable import FileFault, UnreadableFile
from gis.routing import engine
from gis.routing.extracts import Bounds, Extract, ExtractFault, UnusableExtract, read_extract
from gis.routing.places import Mode

ATTRIBUTION = "© OpenStreetMap contributors, ODbL"

CURRENT, PACKED, TOLD = "current", "tiles.tar", "tiles.json"
_BUILT, _BUILDING = "built-", "building-"

# Work files, tiles and packed tiles lie side by side for a while.
_ROOM_FOR_EXTRACT, _ROOM_AT_LEAST = 6, 64 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The engine writes into mapped files; a page that the disk cannot take ends it by one of these signals.
_NOT_STORED = (-signal.SIGBUS, -signal.SIGXFSZ)
_LAST_LINES = 20
_WAYS = re.compile(r"Finished with (\d+) routable ways")
_NODES = re.compile(r"Finished with (\d+) graph nodes")
_EDGES = re.compile(r"Finished with (\d+) graph edges")


class Step(StrEnum):
    """What a build does, in this order."""

    READ = "read"
    WAYS = "ways"
    RELATIONS = "relations"
    NODES = "nodes"
    EDGES = "edges"
    ENHANCE = "enhance"
    LEVELS = "levels"
    SHORTCUTS = "shortcuts"
    RESTRICTIONS = "restrictions"
    VALIDATE = "validate"
    PACK = "pack"


# The line of the engine's log with which a step begins.
_BEGINS = {
    "Parsing ways...": Step.WAYS,
    "Parsing relations...": Step.RELATIONS,
    "Parsing nodes...": Step.NODES,
    "Creating graph edges from ways": Step.EDGES,
    "Enhancing local graph": Step.ENHANCE,
    "Done HierarchyBuilder": Step.LEVELS,
    "Creating shortcuts on level 1": Step.SHORTCUTS,
    "Adding complex turn restrictions at level 2": Step.RESTRICTIONS,
    "Validating, finishing and binning": Step.VALIDATE,
}


class TilesFault(Coded):
    """Why no tiles could be built although the extract is sound; the old ones stay in use."""

    NO_ENGINE = (
        "roads_engine_missing",
        "未安装路网组件，请安装 xunge[roads] · the routing engine is not installed: install xunge[roads]",
    )
    BUSY = "roads_import_running", "另一个路网导入正在进行 · another import of roads is running"
    NO_ROOM = (
        "roads_no_room",
        "{folder} 所在磁盘空间不足，需要 {needed} MB · too little room for {folder}: {needed} MB are needed",
    )
    FOLDER = "roads_folder_unusable", "{folder} 不能写入（{reason}） · {folder} cannot be written to"
    FAILED = (
        "roads_build_failed",
        "路网生成失败（{reason}），旧路网照常使用 · the tiles could not be built, the former ones stay in use",
    )


class TilesNotBuilt(CodedError):
    """A build that ended without tiles."""


class Standing(Coded):
    """Whether travel goes by road, and if not, why and what to do."""

    READY = "roads_ready", "按道路计算 · travel goes by road"
    NO_ENGINE = (
        "roads_engine_missing",
        "未安装路网组件，按直线距离计算；安装 xunge[roads] 后导入 · the engine is not installed, "
        "distances are as the crow flies: install xunge[roads]",
    )
    NO_TILES = (
        "roads_not_imported",
        "未导入路网，按直线距离计算；用 xunge import roads 导入 · no roads were imported, "
        "distances are as the crow flies: xunge import roads FILE.osm.pbf",
    )
    DAMAGED = (
        "roads_damaged",
        "路网文件缺失或不完整，按直线距离计算；请重新导入 · the tiles are missing or incomplete: import them anew",
    )
    OTHER_ENGINE = (
        "roads_of_other_engine",
        "路网由不兼容的组件版本生成，按直线距离计算；请重新导入 · built by an incompatible engine: import them anew",
    )


@dataclass(frozen=True, slots=True)
class TilesInfo:
    """What the tiles were made of, by what and when.

    ``bounds`` and ``data_as_of`` are None where the extract does not tell them. ``ways`` are the roads and paths of the
    extract that one can travel on, ``nodes`` and ``edges`` the graph made of them.
    """

    extract: str
    sha256: str
    extract_bytes: int
    bounds: Bounds | None
    data_as_of: datetime | None
    built_at: datetime
    engine: str
    ways: int
    nodes: int
    edges: int
    tiles: int
    packed_bytes: int
    attribution: str = ATTRIBUTION

    def as_json(self) -> dict[str, Any]:
        """As it is written and shown: moments as ISO 8601 in UTC, ``bounds`` as west, south, east, north."""
        told = asdict(self)
        for name in ("data_as_of", "built_at"):
            told[name] = told[name] and told[name].isoformat()
        return told

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> TilesInfo:
        """The inverse of ``as_json``. Raises TypeError, KeyError or ValueError for something else."""
        bounds, data_as_of = told["bounds"], told["data_as_of"]
        return cls(
            **told
            | {
                "bounds": bounds and Bounds(*bounds),
                "data_as_of": data_as_of and datetime.fromisoformat(data_as_of),
                "built_at": datetime.fromisoformat(told["built_at"]),
            }
        )


@dataclass(frozen=True, slots=True)
class State:
    """How the roads are; ``info`` is there where tiles are, usable or not, and ``packed`` where they are usable."""

    standing: Standing
    info: TilesInfo | None = None
    packed: Path | None = None


def state_of(folder: Path) -> State:
    """Look at the tiles in a folder without opening them."""
    none = Standing.NO_TILES if engine.package() else Standing.NO_ENGINE
    while True:
        link = current_link(folder)
        state = _state(folder.absolute() / link) if link else State(none)
        # Tiles that two imports put away while they were looked at are no reason to do without roads.
        if state.standing is Standing.READY or current_link(folder) == link:
            break
    return state


def current_link(folder: Path) -> str | None:
    """Which tiles are in use, None where none are."""
    try:
        return (folder / CURRENT).readlink().name
    except OSError:
        return None


def _state(built: Path) -> State:
    try:
        info = TilesInfo.from_json(json.loads((built / TOLD).read_bytes()))
        whole = (built / PACKED).stat().st_size == info.packed_bytes
    except (OSError, TypeError, KeyError, ValueError):
        return State(Standing.DAMAGED)
    if not whole:
        return State(Standing.DAMAGED, info)
    if not engine.package():
        return State(Standing.NO_ENGINE, info)
    if not engine.reads(info.engine):
        return State(Standing.OTHER_ENGINE, info)
    return State(Standing.READY, info, built / PACKED)


@dataclass(frozen=True, slots=True)
class Built:
    """Tiles that are whole, but not in use yet."""

    folder: Path
    place: Path
    info: TilesInfo

    def put_to_use(self) -> None:
        """Exchange the link. Raises OSError, and then the former tiles stay in use.

        The former ones stay on the disk until the next exchange, for whoever is about to open them.
        """
        final = self.folder / (_BUILT + self.place.name.removeprefix(_BUILDING))
        self.place.rename(final)
        kept = {final.name, current_link(self.folder)}
        link = final.with_suffix(".link")
        link.symlink_to(final.name)
        link.replace(self.folder / CURRENT)
        _settle(self.folder)
        for former in self.folder.glob(f"{_BUILT}*"):
            if former.name not in kept:
                shutil.rmtree(former, ignore_errors=True)


def build_tiles(
    pbf: Path, folder: Path, on_progress: Callable[[Step], None] = lambda step: None, *, built_at: datetime
) -> TilesInfo:
    """Build tiles out of an extract and put them to use; raises what ``built_tiles`` raises."""
    with built_tiles(pbf, folder, on_progress, built_at=built_at) as built:
        built.put_to_use()
    return built.info


@contextmanager
def built_tiles(
    pbf: Path, folder: Path, on_progress: Callable[[Step], None] = lambda step: None, *, built_at: datetime
) -> Iterator[Built]:
    """Build tiles out of an extract; whoever does not put them to use within the context leaves no trace.

    ``on_progress`` is told of each step as it begins. One build runs at a time in a folder.

    Raises UnreadableFile and UnusableExtract as ``read_extract`` does and for an extract without roads, and TilesNotBuilt
    where the extract is sound.
    """
    if not engine.package():
        raise TilesNotBuilt(TilesFault.NO_ENGINE)
    on_progress(Step.READ)
    extract = read_extract(pbf)
    with _writing(folder, extract), _only_one(folder):
        for left in folder.glob(f"{_BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        place = folder / f"{_BUILDING}{built_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        place.mkdir()
        try:
            counts = _run(pbf, place, extract, on_progress)
            on_progress(Step.PACK)
            info = _pack(place, extract, counts, built_at)
            yield Built(folder, place, info)
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _needed(extract: Extract) -> int:
    """Bytes that a build wants to be free."""
    return extract.size * _ROOM_FOR_EXTRACT + _ROOM_AT_LEAST


@contextmanager
def _writing(folder: Path, extract: Extract) -> Iterator[None]:
    """Make the folder, see that there is room, and tell what goes wrong on the disk. Raises TilesNotBuilt."""
    no_room = TilesNotBuilt(TilesFault.NO_ROOM, folder=folder, needed=_needed(extract) // 1_000_000)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < _needed(extract):
            raise no_room
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise no_room from error
        raise TilesNotBuilt(TilesFault.FOLDER, folder=folder, reason=error.strerror or error) from error


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TilesNotBuilt(TilesFault.BUSY) from error
        yield


def _run(pbf: Path, place: Path, extract: Extract, on_progress: Callable[[Step], None]) -> dict[str, int]:
    """Let the engine build into ``place/tiles``; returns the counts of its log."""
    tiles, config = place / "tiles", place / "config.json"
    tiles.mkdir()
    config.write_text(json.dumps(engine.building(tiles)), encoding="utf-8")
    # The engine knows a file's format by its name, and takes one that begins with a dash for an option.
    named = place / "extract.osm.pbf"
    named.symlink_to(pbf.resolve())
    counts: dict[str, int] = {}
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with engine.builder(config, named, place) as running:
        assert running.stdout is not None
        try:
            for line in running.stdout:
                last.append(line.strip())
                _note(line, counts, on_progress)
        except BaseException:
            running.kill()
            raise
    if running.returncode != 0 and counts.get("edges") != 0:
        raise _failure(extract, place.parent, running.returncode, list(last))
    if not any(tiles.rglob("*.gph")):
        raise UnusableExtract(ExtractFault.NO_ROADS, name=extract.name)
    return counts


def _note(line: str, counts: dict[str, int], on_progress: Callable[[Step], None]) -> None:
    for name, pattern in (("ways", _WAYS), ("nodes", _NODES), ("edges", _EDGES)):
        if found := pattern.search(line):
            counts[name] = int(found[1])
    for words, step in _BEGINS.items():
        if words in line:
            on_progress(step)


def _failure(extract: Extract, folder: Path, status: int, last: list[str]) -> Exception:
    """What the engine's last lines say."""
    said = [line for line in last if line]
    told = "\n".join(said)
    reason = next((line.partition("what():")[2].strip() for line in said if "what():" in line), "")
    if "No space left" in told or status in _NOT_STORED:
        return TilesNotBuilt(TilesFault.NO_ROOM, folder=folder, needed=_needed(extract) // 1_000_000)
    if "osmium::" in told:
        return UnreadableFile(FileFault.DAMAGED, name=extract.name, reason=reason)
    return TilesNotBuilt(TilesFault.FAILED, reason=reason or f"{status}: {' '.join(said[-1:])}")


def _pack(place: Path, extract: Extract, counts: dict[str, int], built_at: datetime) -> TilesInfo:
    """Pack the tiles, see that the engine opens them, write down what they are, and clear the rest away."""
    packed, tiles = place / PACKED, place / "tiles"
    names = sorted(path.relative_to(tiles) for path in tiles.rglob("*.gph"))
    with tarfile.open(packed, "x", format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            archive.add(tiles / name, str(name))
    try:
        engine.Engine(packed, Mode.CAR, reach_km=1)
    except engine.NoPath as error:
        raise TilesNotBuilt(TilesFault.FAILED, reason=error) from error
    info = TilesInfo(
        extract=extract.name,
        sha256=extract.sha256,
        extract_bytes=extract.size,
        bounds=extract.bounds,
        data_as_of=extract.data_as_of,
        built_at=built_at,
        engine=engine.version(),
        ways=counts.get("ways", 0),
        nodes=counts.get("nodes", 0),
        edges=counts.get("edges", 0),
        tiles=len(names),
        packed_bytes=packed.stat().st_size,
    )
    (place / TOLD).write_text(json.dumps(info.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    shutil.rmtree(tiles)
    for left in place.iterdir():
        if left.name not in (PACKED, TOLD):
            left.unlink()
    for kept in (packed, place / TOLD, place):
        _settle(kept)
    return info


def _settle(path: Path) -> None:
    """Have a file or a folder's entries on the disk before going on."""
    with suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
