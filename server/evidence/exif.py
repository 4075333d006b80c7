"""What a camera wrote into a picture of where and when it was taken. It is anybody's word: it is compared, and never
believed. The original stays as it came; nothing is stripped from it.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from typing import Any, BinaryIO, Final, NamedTuple

from PIL import ExifTags, Image

from server.evidence.media import MAX_PIXELS, READERS
from server.evidence.rules import DRAWABLE

_LONGEST: Final = 40


class Exif(NamedTuple):
    """``taken_at`` is the camera's clock in ISO 8601, with an offset where the camera told one; degrees of EPSG:4326."""

    taken_at: str | None
    lon: float | None
    lat: float | None


def read_exif(stream: BinaryIO, media_type: str) -> Exif | None:
    """The EXIF of a picture; ``None`` where it has neither a time nor a place that could be one, or cannot be read.

    No more is unpacked than ``MAX_PIXELS``. A place of exactly 0°, 0° is how some cameras write that they have none.
    """
    if media_type not in DRAWABLE:
        return None
    try:
        with warnings.catch_warnings():
            # Pillow warns of broken tags and of bombs; here neither is told any further.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(stream, formats=READERS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                tags = picture.getexif()
                own, gps = tags.get_ifd(ExifTags.IFD.Exif), tags.get_ifd(ExifTags.IFD.GPSInfo)
                told = Exif(_time(own), *_place(gps))
    except MemoryError:
        raise
    except Exception:
        # Decoders of strangers' bytes raise whatever they come upon; a picture without EXIF is as good.
        return None
    return told if told != Exif(None, None, None) else None


def _time(tags: dict[int, Any]) -> str | None:
    taken = str(tags.get(ExifTags.Base.DateTimeOriginal, ""))[:_LONGEST].strip("\0 ")
    offset = str(tags.get(ExifTags.Base.OffsetTimeOriginal, ""))[:_LONGEST].strip("\0 ")
    for text, shape in ((f"{taken}{offset}", "%Y:%m:%d %H:%M:%S%z"), (taken, "%Y:%m:%d %H:%M:%S")):
        try:
            return datetime.strptime(text, shape).isoformat()  # noqa: DTZ007  The camera may tell no zone.
        except ValueError:
            continue
    return None


def _place(tags: dict[int, Any]) -> tuple[float | None, float | None]:
    lat = _degrees(tags.get(ExifTags.GPS.GPSLatitude), tags.get(ExifTags.GPS.GPSLatitudeRef), "S")
    lon = _degrees(tags.get(ExifTags.GPS.GPSLongitude), tags.get(ExifTags.GPS.GPSLongitudeRef), "W")
    # What is not a number fails these comparisons too.
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180) or lat == lon == 0:
        return None, None
    return lon, lat


def _degrees(parts: Any, reference: Any, negative: str) -> float | None:
    if not isinstance(parts, tuple) or len(parts) != 3:
        return None
    degrees, minutes, seconds = map(float, parts)
    found = degrees + minutes / 60 + seconds / 3600
    return -found if str(reference).strip("\0 ").upper() == negative else found
