"""What may be told of a file without touching one: kinds, types, limits, and what becomes of an upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.vocabulary import FileKind

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
UPLOADS_OF_A_RECORD: Final = 300
"""Uploads that one account may begin for one record: the 50 photos and 25 signatures it may have, tried four times."""


def judge_upload(kind: str, claimed: str, found: str, media_type: str) -> str:
    """The state in which a complete upload is settled: stored, unfit or mismatch; hashes are SHA-256 in hexadecimal."""
    if found != claimed:
        return "mismatch"
    return "stored" if media_type in TYPES[FileKind(kind)] else "unfit"


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
