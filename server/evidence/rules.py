"""What may be told of a file without touching one: kinds, types, limits, and what becomes of an upload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final

from schemas.vocabulary import FileKind
from server.records.rules import PHOTO_MARGIN

_PICTURES: Final = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif"}
)

TYPES: Final[Mapping[FileKind, frozenset[str]]] = {
    FileKind.PHOTO: _PICTURES,
    FileKind.SIGNATURE: frozenset({"image/png", "image/jpeg", "image/webp"}),
    FileKind.TRACK: frozenset({"application/json", "application/gzip", "application/gpx+xml"}),
    FileKind.VIDEO: frozenset({"video/mp4", "video/quicktime", "video/webm", "video/3gpp"}),
}
"""The media types that each kind of file may have, as told by its bytes."""

DRAWABLE: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif"})
"""Of which small pictures are made. HEIC needs a decoder that is not among our parts; iPhones convert when a web page
asks for a photo."""

SERVED: Final[Mapping[str, str]] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/avif": "avif",
    "application/json": "json",
    "application/gzip": "gz",
    "application/gpx+xml": "gpx",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/3gpp": "3gp",
}
"""Types that are served as what they are, with the extension of a file saved; all others as mere bytes."""

UNKNOWN_TYPE: Final = "application/octet-stream"
OPEN_UPLOADS: Final = 200
"""Unfinished uploads of one account on one device: a shift's photos, several times over."""
ELSEWHERE_M: Final = 1000
"""Metres from a record's position beyond which a photo was taken elsewhere: more than GCJ-02, which some phones write
into their photos, is off from where they are.
"""
_ON_THE_MOVE: Final = frozenset({"road_check", "dispatch", "patrol"})
UPLOADS_OF_A_RECORD: Final = 300
"""Uploads that one account may begin for one record: the 50 photos and 25 signatures it may have, tried four times."""


def judge_upload(
    kind: str, claimed: str, found: str, media_type: str, length: int, limit: int
) -> tuple[str, str | None]:
    """The state in which a complete upload is settled, stored, unfit or mismatch, and why it is not stored.

    Hashes are SHA-256 in hexadecimal, ``length`` and the ``limit`` of its kind are bytes. Reasons: ``other_bytes``,
    ``empty``, ``too_large``, ``other_type``.
    """
    if found != claimed:
        return "mismatch", "other_bytes"
    if length == 0:
        return "unfit", "empty"
    if length > limit:
        return "unfit", "too_large"
    return ("stored", None) if media_type in TYPES[FileKind(kind)] else ("unfit", "other_type")


def media_type_of(candidates: list[str], head: bytes) -> str:
    """The media type that the first of the sniffer's candidates comes to; ``head`` are the first bytes."""
    found = next((one for one in candidates if one), UNKNOWN_TYPE)
    if found == "application/x-gzip":
        return "application/gzip"
    if found in ("application/xml", "text/xml") and b"<gpx" in head:
        return "application/gpx+xml"
    # The sniffer knows objects only, and only without white space before them.
    if found == UNKNOWN_TYPE and head.lstrip()[:1] in (b"[", b"{"):
        return "application/json"
    return found


def judge_exif(
    taken_at: datetime | None,
    distance_m: float | None,
    *,
    kind: str,
    started_at: datetime,
    ended_at: datetime,
    accuracy_m: float | None,
    zone: tzinfo,
) -> list[str]:
    """The flags of a record by what one of its photos says of itself.

    ``taken_at`` is the camera's clock, in ``zone`` where it tells none; the record's times are by the same device's.
    ``distance_m`` is from the record's position to the photo's, ``None`` where either has none. Road checks,
    dispatches and patrols are on the move: their photos are taken wherever a vehicle was stopped.

    ``photo_elsewhere``: further than ``ELSEWHERE_M`` and the accuracy of the record's position. ``photo_other_time``: not
    between start and end, with the margin that declared times have.
    """
    flags = []
    if distance_m is not None and kind not in _ON_THE_MOVE and distance_m > ELSEWHERE_M + (accuracy_m or 0):
        flags.append("photo_elsewhere")
    if taken_at is not None:
        at = taken_at if taken_at.tzinfo else taken_at.replace(tzinfo=zone)
        if not started_at - PHOTO_MARGIN <= at <= ended_at + PHOTO_MARGIN:
            flags.append("photo_other_time")
    return flags
