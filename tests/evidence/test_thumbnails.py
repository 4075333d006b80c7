"""Small pictures: made by a real worker after the upload, of what strangers sent."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from server.evidence import media
from server.evidence.media import Undrawable, draw_small
from server.evidence.models import Thumbnail
from server.house import queues_of
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.evidence.conftest import MakeDevice, a_record_with, sha256_of
from tests.evidence.pictures import a_photo
from tests.town import Town, client_of

GPS, ORIENTATION, MODEL = 0x8825, 0x0112, 0x0110


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """With empty queues: other tests have left jobs for databases that are gone."""
    for queue in queues_of(settings).values():
        queue.empty()
    return settings


def work_off(settings: Settings) -> None:
    """Run the real worker until the queue is empty."""
    environment = {
        **os.environ,
        "XUNGE_DATABASE_URL": settings.database_url,
        "XUNGE_FILES_DIR": str(settings.files_dir),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "server", "worker", "--until-empty"],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]


def a_bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes that says it is 2.5 thousand million pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(9000)))
        + chunk(b"IEND", b"")
    )


def with_exif(seed: int) -> bytes:
    """A photo held upright by somebody, with what a phone writes into it."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MODEL] = "样机"
    exif.get_ifd(GPS)[1] = "N"
    return a_photo(seed, (800, 400), exif=exif)


def test_a_worker_makes_them_after_the_upload(
    app: Flask, settings: Settings, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    photo, broken, bomb = with_exif(50), a_photo(51)[:3000], a_bomb()
    record = a_record_with(kernel, town, photo, broken, bomb)
    for content in (photo, broken, bomb):
        assert device("li").upload(content, record_id=record["id"]).status_code == 204
    wang = client_of(app, kernel, town, "wang")

    def address(content: bytes, size: int = 320) -> str:
        return f"/api/v1/files/{sha256_of(content)}/thumbnail?record={record['id']}&size={size}"

    waiting = wang.get(address(photo))
    problem_of(waiting, status=404, code="thumbnail_not_ready")
    assert waiting.headers["Retry-After"] == "5"
    work_off(settings)
    for size in (320, 1280):
        answer = wang.get(address(photo, size), buffered=True)
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
        with Image.open(io.BytesIO(answer.get_data())) as small:
            # Turned as the camera was held, never enlarged, and without a word of where or by what it was taken.
            assert small.size == ((160, 320) if size == 320 else (400, 800))
            assert dict(small.getexif()) == {}
            assert not {"exif", "xmp", "icc_profile"} & set(small.info)
    for content in (broken, bomb):
        problem_of(wang.get(address(content)), status=404, code="thumbnail_unavailable")
    original = settings.files_dir / "originals" / sha256_of(photo)[:2] / sha256_of(photo)
    assert original.read_bytes() == photo
    with kernel.sessions() as session:
        tried = {row.sha256: row.failure for row in session.scalars(select(Thumbnail))}
    assert tried.keys() == {sha256_of(one) for one in (photo, broken, bomb)}
    assert tried[sha256_of(photo)] is None
    assert tried[sha256_of(bomb)] == "DecompressionBombError"
    assert all(queue.failed_job_registry.count == 0 for queue in queues_of(settings).values())
    listed = wang.get(f"/api/v1/records/{record['id']}/files").get_json()["items"]
    assert [item["thumbnail"] for item in listed] == [True, False, False]


def test_small_pictures_that_a_restore_left_out_are_drawn_anew(
    app: Flask, settings: Settings, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    photo = a_photo(54)
    record = a_record_with(kernel, town, photo)
    device("li").upload(photo, record_id=record["id"])
    work_off(settings)
    wang = client_of(app, kernel, town, "wang")
    address = f"/api/v1/files/{sha256_of(photo)}/thumbnail?record={record['id']}"
    first = wang.get(address, buffered=True).get_data()
    shutil.rmtree(settings.files_dir / "derived")
    problem_of(wang.get(address), status=404, code="thumbnail_not_ready")
    work_off(settings)
    assert wang.get(address, buffered=True).get_data() == first


def test_guard_a_picture_that_would_fill_the_memory_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Undrawable, match="DecompressionBomb"):
        draw_small(io.BytesIO(a_bomb()), "image/png")
    with pytest.raises(Undrawable, match="DecompressionBombWarning"):
        draw_small(io.BytesIO(a_bomb(10_000, 10_000)), "image/png")
    monkeypatch.setattr(media, "MAX_PIXELS", 640 * 480 - 1)
    with pytest.raises(Undrawable, match="pixels"):
        draw_small(io.BytesIO(a_photo(52, form="PNG")), "image/png")


def test_guard_a_decoder_that_fails_in_a_way_of_its_own_is_told_once_and_not_tried_for_ever() -> None:
    broken = bytearray(a_photo(55, (64, 64), "AVIF"))
    # The number of the item that is the picture, behind four bytes of version and flags: there is none of this number.
    broken[broken.find(b"pitm") + 9] = 77
    with pytest.raises(Undrawable, match="RuntimeError"):
        draw_small(io.BytesIO(bytes(broken)), "image/avif")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_kind_of_picture_is_drawn(form: str) -> None:
    for edge, content in draw_small(
        io.BytesIO(a_photo(53, (2000, 1000), form)), f"image/{form.lower()}"
    ).items():
        with Image.open(io.BytesIO(content)) as small:
            assert (small.format, small.size) == ("WEBP", (edge, edge // 2))
