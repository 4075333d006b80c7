"""What the bytes of a file are, and small pictures of it. Files come from strangers: nothing they say is believed."""

from __future__ import annotations

import io
import warnings
from typing import BinaryIO, Final

import puremagic
from PIL import Image, ImageOps

from server.evidence.rules import DRAWABLE, media_type_of

HEAD: Final = 64 * 1024
MAX_PIXELS: Final = 50_000_000
"""Width times height of the largest picture that is unpacked: four bytes each, so 200 MB at most."""
EDGES: Final = (320, 1280)
"""Longer sides of the small pictures, in pixels."""
READERS: Final = ("JPEG", "PNG", "WEBP", "AVIF")


class Undrawable(Exception):
    """No small picture can be made of a file; the message says why in a word."""


def sniff(stream: BinaryIO) -> str:
    """The media type by the first 64 KiB; ``application/octet-stream`` where they tell nothing."""
    head = stream.read(HEAD)
    try:
        candidates = [found.mime_type for found in puremagic.magic_string(head)]
    except (puremagic.PureError, ValueError):
        candidates = []
    return media_type_of(candidates, head)


def draw_small(stream: BinaryIO, media_type: str) -> dict[int, bytes]:
    """WebP pictures by their longer side, turned as the camera was held, without any of the original's metadata.

    Raises:
        Undrawable: for what is no picture, is broken, or would unpack into more than ``MAX_PIXELS``.
    """
    if media_type not in DRAWABLE:
        raise Undrawable("type")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb by the header alone; here that is the end of it.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream, formats=READERS) as picture:
                # A JPEG is unpacked at the smallest eighth that is large enough.
                picture.draft("RGB", (max(EDGES), max(EDGES)))
                if picture.width * picture.height > MAX_PIXELS:
                    raise Undrawable("pixels")
                picture.thumbnail((max(EDGES), max(EDGES)))
                turned = ImageOps.exif_transpose(picture)
        plain = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
        return {edge: _webp(plain, edge) for edge in EDGES}
    except (Undrawable, MemoryError):
        raise
    except Exception as error:
        # Decoders of strangers' bytes raise whatever they come upon; what is not noted would be tried again for ever.
        raise Undrawable(type(error).__name__) from error


def _webp(picture: Image.Image, edge: int) -> bytes:
    small = picture.copy()
    small.thumbnail((edge, edge))
    # A new picture carries no EXIF, colour profile or comment of the old one.
    clean = Image.new(small.mode, small.size)
    clean.paste(small)
    out = io.BytesIO()
    clean.save(out, "WEBP", quality=80)
    return out.getvalue()
