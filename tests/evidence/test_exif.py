"""Photos that say of themselves another place or time than their record: kept as they came, and flagged."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from server.evidence.exif import Exif, read_exif
from server.evidence.jobs import clear_uploads, draw_thumbnails
from server.evidence.models import PhotoExif
from server.evidence.rules import ELSEWHERE_M, judge_exif
from server.evidence.storage import LocalDisk
from server.kernel.actor import house
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.records.models import Record
from tests.evidence.conftest import MakeDevice, sha256_of
from tests.evidence.pictures import a_photo, exif_of
from tests.evidence.test_thumbnails import a_bomb
from tests.fieldwork import attempt_at, push_at
from tests.town import Town, client_of

ZONE = ZoneInfo("Asia/Shanghai")
NINE = datetime(2026, 7, 6, 9, 0, tzinfo=ZONE)


def told_by(photo: bytes, media_type: str = "image/jpeg") -> Exif | None:
    return read_exif(io.BytesIO(photo), media_type)


def a_png(exif: Image.Exif) -> bytes:
    """A PNG with its eXIf chunk before the pixels, as cameras write it; Pillow leaves it out."""
    png, content = a_photo(1, form="PNG"), exif.tobytes(8).removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(content)) + b"eXIf" + content
    at = png.index(b"IDAT") - 4
    return png[:at] + chunk + struct.pack(">I", zlib.crc32(b"eXIf" + content)) + png[at:]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_time_and_place_are_read(form: str) -> None:
    exif = exif_of("2026:07:06 09:31:00", (108.49, -34.3), "+08:00")
    photo = a_png(exif) if form == "PNG" else a_photo(1, form=form, exif=exif)
    told = told_by(photo, f"image/{form.lower()}")
    assert told is not None
    assert told.taken_at == "2026-07-06T09:31:00+08:00"
    assert (told.lon, told.lat) == (pytest.approx(108.49, abs=1e-6), pytest.approx(-34.3, abs=1e-6))


def test_a_camera_may_tell_less() -> None:
    assert told_by(a_photo(1, exif=exif_of("2026:07:06 09:31:00"))) == ("2026-07-06T09:31:00", None, None)
    # A broken offset leaves the time; 0°, 0° and a day that is none say nothing.
    broken = exif_of("2026:07:06 09:31:00", offset="Beijing")
    assert told_by(a_photo(1, exif=broken)) == ("2026-07-06T09:31:00", None, None)
    assert told_by(a_photo(1, exif=exif_of("2026:02:30 09:31:00", (0.0, 0.0)))) is None
    assert told_by(a_photo(1)) is None


def test_guard_what_strangers_write_into_a_photo_breaks_nothing() -> None:
    odd = exif_of("  ", (108.0, 34.0))
    odd.get_ifd(ExifTags.IFD.GPSInfo)[2] = (900.0, 0.0, 0.0)
    assert told_by(a_photo(1, exif=odd)) is None
    photo = a_photo(1, exif=exif_of("2026:07:06 09:31:00", (108.0, 34.0)))
    start = photo.index(b"Exif")
    for at in range(start, start + 200, 3):
        torn = bytearray(photo)
        torn[at] ^= 0xFF
        told_by(bytes(torn))
        told_by(photo[:at])
    assert told_by(a_bomb(), "image/png") is None
    assert told_by(b"%PDF-1.7", "image/jpeg") is None
    assert told_by(photo, "application/pdf") is None


@given(st.floats(0, 5_000), st.none() | st.floats(0, 500), st.integers(-600, 600))
def test_far_and_early_are_flagged(distance_m: float, accuracy_m: float | None, minutes: int) -> None:
    visit: dict[str, Any] = {"started_at": NINE, "ended_at": NINE + timedelta(minutes=15)}
    visit |= {"accuracy_m": accuracy_m, "zone": ZONE}
    taken = NINE + timedelta(minutes=minutes)
    flags = judge_exif(taken, distance_m, kind="site_visit", **visit)
    assert ("photo_elsewhere" in flags) is (distance_m > ELSEWHERE_M + (accuracy_m or 0))
    assert ("photo_other_time" in flags) is not (-10 <= minutes <= 25)
    # A camera that tells no zone is in the bureau's; a road check is on the move.
    assert judge_exif(taken.replace(tzinfo=None), distance_m, kind="site_visit", **visit) == flags
    assert "photo_elsewhere" not in judge_exif(taken, distance_m, kind="road_check", **visit)
    assert judge_exif(None, None, kind="site_visit", **visit) == []


def test_a_record_is_flagged_by_its_photos_whichever_comes_first(
    app: Flask, settings: Settings, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    now = datetime.now(UTC)
    lon, lat = town.positions[0]
    clock = (now - timedelta(hours=1)).astimezone(ZONE)
    here = a_photo(90, exif=exif_of(f"{clock:%Y:%m:%d %H:%M:%S}", (lon, lat)))
    there = a_photo(91, exif=exif_of(f"{clock:%Y:%m:%d %H:%M:%S}", (lon + 0.02, lat), "+08:00"))
    old = a_photo(92, exif=exif_of("2020:01:01 08:00:00"))
    storage, wang = LocalDisk(settings.files_dir), client_of(app, kernel, town, "wang")

    def record_with(*photos: bytes) -> dict[str, Any]:
        record = attempt_at(town, 0, now - timedelta(hours=1))
        record["photos"] = [{"sha256": sha256_of(photo)} for photo in photos]
        return record

    def send(record: dict[str, Any], *photos: bytes) -> None:
        for photo in photos:
            assert device("li").upload(photo, record_id=record["id"]).status_code == 204
            with kernel.work(house(town.bureau_id), now) as work:
                draw_thumbnails(work, storage, sha256_of(photo))

    def seen(record: dict[str, Any]) -> tuple[set[str], str]:
        told = wang.get(f"/api/v1/records/{record['id']}").get_json()
        with kernel.sessions() as session:
            found = session.get_one(Record, record["id"])
            assert found.flags == told["flags"]
            return {flag for flag in told["flags"] if flag.startswith("photo_")}, str(found.edit_id)

    first = record_with(here, there, old)
    assert push_at(kernel, town, "li", now, first) == []
    send(first, here)
    quiet, edit = seen(first)
    assert quiet == set()
    send(first, there)
    assert seen(first)[0] == {"photo_elsewhere"}
    # A flag is a stamp of the server's: a new edit, which the devices pull.
    assert seen(first)[1] != edit
    send(first, old)
    flagged = seen(first)
    assert flagged[0] == {"photo_elsewhere", "photo_other_time"}
    send(first, old)
    assert seen(first) == flagged
    listed = wang.get(f"/api/v1/records/{first['id']}/files").get_json()
    assert listed["evidence_complete"]
    assert [item["exif"] and item["exif"]["taken_at"] for item in listed["items"]][2] == "2020-01-01T08:00:00"
    kept = settings.files_dir / "originals" / sha256_of(old)[:2] / sha256_of(old)
    assert kept.read_bytes() == old

    second = record_with(there)
    send(second, there)
    assert push_at(kernel, town, "li", now, second) == []
    assert seen(second)[0] == {"photo_elsewhere"}


def test_a_record_and_its_photo_that_crossed_are_brought_together_by_the_hour(
    settings: Settings, kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    now = datetime.now(UTC)
    photo = a_photo(93, exif=exif_of("2020:01:01 08:00:00"))
    record = attempt_at(town, 1, now - timedelta(hours=1))
    record["photos"] = [{"sha256": sha256_of(photo)}]
    assert push_at(kernel, town, "li", now, record) == []
    assert device("li").upload(photo, record_id=record["id"]).status_code == 204
    with kernel.work(house(town.bureau_id), now) as work:
        # As the job leaves it that could not see the record yet.
        work.session.add(
            PhotoExif(
                bureau_id=town.bureau_id,
                sha256=sha256_of(photo),
                read_at=now,
                taken_at="2020-01-01T08:00:00",
                lon=None,
                lat=None,
            )
        )
    with kernel.work(house(town.bureau_id), now) as work:
        clear_uploads(work, LocalDisk(settings.files_dir))
    with kernel.sessions() as session:
        assert "photo_other_time" in session.get_one(Record, record["id"]).flags
