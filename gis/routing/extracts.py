"""OpenStreetMap extracts (``.osm.pbf``), looked through before an engine spends an hour on them.

The format is a sequence of blobs: four bytes with the length of a header, the header with kind and length, the blob. The
first is the file's header, which may tell the bounding box and how old the data is. Field numbers below are those of
OpenStreetMap's fileformat.proto and osmformat.proto; that little of them needs no library.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gis.exchange.coded import Coded, CodedError
from gis.exchange.unreadable import FileFault, UnreadableFile

# The format's own limits.
_HEADER_MOST = 64 * 1024
_BLOB_MOST = 32 * 1024 * 1024
_BYTES, _FIXED64, _FIXED32 = 2, 1, 5
_NANODEGREE = 1e-9


class ExtractFault(Coded):
    """Why a file that can be read gives no roads."""

    FOLDER = (
        "extract_is_folder",
        "{name} 是文件夹，请给出 .osm.pbf 文件 · {name} is a folder: name an .osm.pbf file",
    )
    NO_DATA = "extract_without_data", "{name} 里没有地图数据 · {name} holds no map data"
    NO_ROADS = "extract_without_roads", "{name} 里没有可通行的道路 · {name} holds no roads to travel on"


class UnusableExtract(CodedError):
    """An extract that is whole, but of no use for roads."""


class Bounds(NamedTuple):
    """A box in EPSG:4326, in degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Extract:
    """What is known of an extract without its roads; ``data_as_of`` is when OpenStreetMap was as it tells."""

    name: str
    size: int
    sha256: str
    bounds: Bounds | None
    data_as_of: datetime | None


class _Malformed(Exception):
    """Bytes that are no such file; the reason is for people."""


def read_extract(file: Path, on_bytes: Callable[[int], None] = lambda read: None) -> Extract:
    """Read a whole extract once; ``on_bytes`` is told of the bytes read since it was last told.

    Raises UnreadableFile (``file_not_found``, ``file_empty``, ``wrong_content``, ``file_damaged``) and UnusableExtract
    (``extract_is_folder``, ``extract_without_data``).
    """
    if file.is_dir():
        raise UnusableExtract(ExtractFault.FOLDER, name=file.name)
    if not file.is_file():
        raise UnreadableFile(FileFault.NOT_FOUND, name=file.name)
    size = file.stat().st_size
    if size == 0:
        raise UnreadableFile(FileFault.EMPTY, name=file.name)
    digest = hashlib.sha256()
    header, blobs = b"", 0
    try:
        with file.open("rb") as stream:
            for kind, blob, framed in _blobs(stream):
                if blobs == 0:
                    if kind != b"OSMHeader":
                        raise UnreadableFile(FileFault.WRONG_CONTENT, name=file.name, expected="OSM PBF")
                    header = _inflated(blob)
                digest.update(framed)
                blobs += 1
                on_bytes(len(framed))
        bounds, data_as_of = _told(header)
    except _Malformed as error:
        if blobs == 0:
            raise UnreadableFile(FileFault.WRONG_CONTENT, name=file.name, expected="OSM PBF") from error
        raise UnreadableFile(FileFault.DAMAGED, name=file.name, reason=str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableFile(FileFault.DAMAGED, name=file.name, reason=reason) from error
    if blobs == 1:
        raise UnusableExtract(ExtractFault.NO_DATA, name=file.name)
    return Extract(file.name, size, digest.hexdigest(), bounds, data_as_of)


def _blobs(stream: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind and content of each blob, and all its bytes as they stand in the file. Raises _Malformed."""
    while length := stream.read(4):
        head_size = int.from_bytes(length, "big")
        if len(length) < 4 or not 0 < head_size <= _HEADER_MOST:
            raise _Malformed("数据块标头不合规 · a blob header is malformed")
        head = stream.read(head_size)
        fields = dict(_fields(head)) if len(head) == head_size else {}
        kind, size = fields.get(1), fields.get(3)
        if not (isinstance(kind, bytes) and isinstance(size, int) and 0 <= size <= _BLOB_MOST):
            raise _Malformed("数据块标头不合规 · a blob header is malformed")
        blob = stream.read(size)
        if len(blob) < size:
            raise _Malformed("文件不完整 · the file ends in the middle")
        yield kind, blob, length + head + blob


def _inflated(blob: bytes) -> bytes:
    """What a blob holds; empty where it is packed in a way that no published extract uses for its header."""
    fields = dict(_fields(blob))
    plain, packed = fields.get(1), fields.get(3)
    if isinstance(plain, bytes):
        return plain
    if not isinstance(packed, bytes):
        return b""
    try:
        # The declared size is not believed: a header is small.
        return zlib.decompressobj().decompress(packed, _BLOB_MOST)
    except zlib.error as error:
        raise _Malformed("文件头无法解压 · the header cannot be inflated") from error


def _told(header: bytes) -> tuple[Bounds | None, datetime | None]:
    """The bounding box and the age of the data, where the file's header has them."""
    fields = dict(_fields(header))
    bounds, seconds = None, fields.get(32)
    if isinstance(box := fields.get(1), bytes):
        sides = {key: _unzigzag(value) for key, value in _fields(box) if isinstance(value, int)}
        if sides.keys() >= {1, 2, 3, 4}:
            degrees = (round(sides[side] * _NANODEGREE, 7) for side in (1, 4, 2, 3))
            bounds = Bounds(*degrees)
    try:
        data_as_of = datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None
    except (OverflowError, ValueError, OSError) as error:
        raise _Malformed("文件头的时间不合规 · the header's time is malformed") from error
    return bounds, data_as_of


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protobuf message; fixed-width ones are skipped. Raises _Malformed."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            length, at = _varint(message, at)
        if length is None or at + length > len(message):
            raise _Malformed("数据块内容不合规 · a message is malformed")
        if wire == _BYTES:
            yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and where the next field begins."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _Malformed("数据块内容不合规 · a number is malformed")


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
