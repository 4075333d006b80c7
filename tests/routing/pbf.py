"""Small OpenStreetMap extracts, written out for tests: points, and ways over them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gis.routing.extracts import Bounds
from gis.routing.places import Place

# Field numbers are those of OpenStreetMap's fileformat.proto and osmformat.proto.
_BYTES = 2
# Entities of a block; the format advises 8,000 and readers take up to 32 MiB.
_BLOCK = 8000


@dataclass(frozen=True)
class Way:
    """A way over nodes, which are counted from 0."""

    nodes: Sequence[int]
    tags: Mapping[str, str]


def extract(
    nodes: Sequence[Place], ways: Sequence[Way], box: Bounds | None = None, as_of: datetime | None = None
) -> bytes:
    """The bytes of an ``.osm.pbf`` with these nodes and ways; box and age of the data stand in its header."""
    return b"".join((_blob(b"OSMHeader", _header(box, as_of)), *map(_data, _blocks(nodes, ways))))


def street(nodes: Sequence[int], **tags: str) -> Way:
    """A way to drive and walk on."""
    return Way(nodes, {"highway": "residential"} | tags)


def town(at: Place, rows: int = 8, step: float = 0.001) -> tuple[list[Place], list[Way]]:
    """A town of ``rows`` streets each way with its south-western corner at a place, and of as many nodes as crossings."""
    nodes = [Place(at.lon + x * step, at.lat + y * step) for y in range(rows) for x in range(rows)]
    ways = [street([y * rows + x for x in range(rows)]) for y in range(rows)]
    return nodes, [*ways, *(street([y * rows + x for y in range(rows)]) for x in range(rows))]


def beside(
    first: tuple[Sequence[Place], Sequence[Way]], second: tuple[Sequence[Place], Sequence[Way]]
) -> tuple[list[Place], list[Way]]:
    """Two networks in one, not joined."""
    (nodes, ways), (more, other) = first, second
    moved = [Way([node + len(nodes) for node in way.nodes], way.tags) for way in other]
    return [*nodes, *more], [*ways, *moved]


def frame(kind: bytes, blob: bytes) -> bytes:
    """A blob with its header in front."""
    head = _bytes(1, kind) + _number(3, len(blob))
    return len(head).to_bytes(4, "big") + head + blob


def _blob(kind: bytes, content: bytes) -> bytes:
    return frame(kind, _number(2, len(content)) + _bytes(3, zlib.compress(content)))


def _data(block: bytes) -> bytes:
    return _blob(b"OSMData", block)


def _header(box: Bounds | None, as_of: datetime | None) -> bytes:
    told = _bytes(4, b"OsmSchema-V0.6")
    if box is not None:
        sides = ((1, box.west), (2, box.east), (3, box.north), (4, box.south))
        told = _bytes(1, b"".join(_number(key, _zigzag(round(side * 1e9))) for key, side in sides)) + told
    if as_of is not None:
        told += _number(32, int(as_of.timestamp()))
    return told


def _blocks(nodes: Sequence[Place], ways: Sequence[Way]) -> Iterator[bytes]:
    for start in range(0, len(nodes), _BLOCK):
        yield _block(
            {}, b"".join(_node(start + at, place) for at, place in enumerate(nodes[start : start + _BLOCK]))
        )
    for start in range(0, len(ways), _BLOCK):
        some = ways[start : start + _BLOCK]
        texts = {text for way in some for pair in way.tags.items() for text in pair}
        strings = {text: at for at, text in enumerate(sorted(texts), start=1)}
        yield _block(strings, b"".join(_way(start + at, way, strings) for at, way in enumerate(some)))


def _block(strings: Mapping[str, int], group: bytes) -> bytes:
    # The first string of a table stands for "none".
    table = _bytes(1, b"") + b"".join(_bytes(1, text.encode()) for text in strings)
    return _bytes(1, table) + _bytes(2, group)


def _node(at: int, place: Place) -> bytes:
    # Ids begin with 1; positions are counted in units of 100 nanodegrees.
    lon, lat = round(place.lon * 1e7), round(place.lat * 1e7)
    parts = _number(1, _zigzag(at + 1)) + _number(8, _zigzag(lat)) + _number(9, _zigzag(lon))
    return _bytes(1, parts)


def _way(at: int, way: Way, strings: Mapping[str, int]) -> bytes:
    keys = b"".join(_varint(strings[key]) for key in way.tags)
    values = b"".join(_varint(strings[value]) for value in way.tags.values())
    steps = b"".join(
        _varint(_zigzag(node - before)) for node, before in zip(way.nodes, (-1, *way.nodes), strict=False)
    )
    return _bytes(3, _number(1, at + 1) + _bytes(2, keys) + _bytes(3, values) + _bytes(8, steps))


def _bytes(key: int, content: bytes) -> bytes:
    return _varint(key << 3 | _BYTES) + _varint(len(content)) + content


def _number(key: int, value: int) -> bytes:
    return _varint(key << 3) + _varint(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
