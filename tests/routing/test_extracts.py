"""Extracts looked through before they are built: what they tell, and what is wrong with them."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.exchange.coded import CodedError
from gis.routing.extracts import Bounds, read_extract
from gis.routing.places import Place
from tests.routing.conftest import HELSINKI
from tests.routing.pbf import extract, frame, street, town

WHOLE = HELSINKI.read_bytes()
HEADER = extract([], [])


def told(data: bytes, file: Path) -> str:
    """The code with which an extract of these bytes is refused."""
    file.write_bytes(data)
    with pytest.raises(CodedError) as refused:
        read_extract(file)
    return refused.value.code


def test_an_extract_tells_its_box_and_is_known_by_its_hash() -> None:
    read: list[int] = []

    found = read_extract(HELSINKI, read.append)

    assert found.name == "Helsinki.osm.pbf"
    assert found.sha256 == hashlib.sha256(WHOLE).hexdigest()
    assert found.size == sum(read) == len(WHOLE)
    assert found.bounds == Bounds(24.9351763, 60.164155, 24.9534146, 60.179113)
    assert found.data_as_of is None


@given(
    st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90)),
    st.none() | st.integers(1, 4_000_000_000),
)
def test_box_and_age_come_back(sides: tuple[float, float, float, float], seconds: int | None) -> None:
    as_of = datetime.fromtimestamp(seconds, UTC) if seconds else None
    data = extract([Place(113, 27), Place(113.001, 27)], [street([0, 1])], Bounds(*sides), as_of)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.osm.pbf"
        file.write_bytes(data)

        found = read_extract(file)

    assert found.bounds == pytest.approx(sides, abs=1e-7)
    assert found.data_as_of == as_of


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"abcde", "wrong_content"),
        ("这是一个文本文件。\n".encode() * 100, "wrong_content"),
        (b"PK\x03\x04" + bytes(200), "wrong_content"),
        (frame(b"OSMData", b"\x12\x00"), "wrong_content"),
        (frame(b"OSMHeader", b"\x1a\x03abc"), "wrong_content"),
        (HEADER, "extract_without_data"),
        (HEADER[:-1], "wrong_content"),
        (WHOLE[: len(WHOLE) // 2], "file_damaged"),
        (WHOLE[:-1], "file_damaged"),
        (WHOLE + b"\x00", "file_damaged"),
        (HEADER + b"\x00\x00\x00\x00", "file_damaged"),
        (HEADER + b"\x7f\xff\xff\xff", "file_damaged"),
        (HEADER + frame(b"OSMData", b"")[:6], "file_damaged"),
    ],
)
def test_what_is_no_whole_extract_is_named(data: bytes, code: str, tmp_path: Path) -> None:
    assert told(data, tmp_path / "x.osm.pbf") == code


def test_a_blob_that_declares_more_than_the_format_allows_is_not_read(tmp_path: Path) -> None:
    head = b"\x0a\x07OSMData\x18" + b"\xff\xff\xff\xff\x0f"

    assert told(HEADER + len(head).to_bytes(4, "big") + head, tmp_path / "x.osm.pbf") == "file_damaged"


def test_a_folder_and_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    for name, code in ((".", "extract_is_folder"), ("none.osm.pbf", "file_not_found")):
        with pytest.raises(CodedError) as refused:
            read_extract(tmp_path / name)
        assert refused.value.code == code


@given(st.data())
def test_no_bytes_make_it_fall(data: st.DataObject) -> None:
    small = extract(*town(Place(113, 27), rows=2))
    at = data.draw(st.integers(0, len(small) - 1))
    changed = data.draw(st.binary(max_size=8))
    mangled = data.draw(
        st.sampled_from(
            [small[:at] + changed + small[at + len(changed) :], small[:at], changed, HEADER + changed]
        )
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.osm.pbf"
        file.write_bytes(mangled)
        with suppress(CodedError):
            assert read_extract(file).size == len(mangled)
