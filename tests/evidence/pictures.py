"""Pictures for tests, drawn here: nothing is taken from anywhere."""

from __future__ import annotations

import io
from random import Random
from typing import Any

from PIL import Image


def a_photo(seed: int = 0, size: tuple[int, int] = (640, 480), form: str = "JPEG", **given: Any) -> bytes:
    """A picture of coloured blocks, the same for the same seed."""
    rng = Random(seed)
    small = Image.frombytes("RGB", (16, 12), rng.randbytes(16 * 12 * 3))
    out = io.BytesIO()
    small.resize(size, Image.Resampling.BILINEAR).save(out, form, **given)
    return out.getvalue()
