"""Pictures for tests, drawn here: nothing is taken from anywhere."""

from __future__ import annotations

import io
from random import Random
from typing import Any

from PIL import ExifTags, Image


def exif_of(
    taken_at: str | None = None, place: tuple[float, float] | None = None, offset: str | None = None
) -> Image.Exif:
    """What a phone writes into a photo: its clock as ``2026:07:06 09:31:00``, and longitude and latitude."""
    exif = Image.Exif()
    own, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    if taken_at:
        own[ExifTags.Base.DateTimeOriginal] = taken_at
    if offset:
        own[ExifTags.Base.OffsetTimeOriginal] = offset
    if place:
        for at, (degrees, letters) in enumerate(((place[1], "NS"), (place[0], "EW"))):
            minutes = abs(degrees) * 60
            gps[1 + 2 * at] = letters[degrees < 0]
            gps[2 + 2 * at] = (minutes // 60, minutes % 60 // 1, round(minutes % 1 * 60, 4))
    return exif


def a_photo(seed: int = 0, size: tuple[int, int] = (640, 480), form: str = "JPEG", **given: Any) -> bytes:
    """A picture of coloured blocks, the same for the same seed."""
    rng = Random(seed)
    small = Image.frombytes("RGB", (16, 12), rng.randbytes(16 * 12 * 3))
    out = io.BytesIO()
    small.resize(size, Image.Resampling.BILINEAR).save(out, form, **given)
    return out.getvalue()
