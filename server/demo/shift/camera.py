"""The handheld's camera: real pictures of nothing, the same for the same dice."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from server.records.extraction import extract

SIZE = (1280, 960)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo or signature on the device: its bytes, their SHA-256, and the record that it belongs to."""

    record_id: str
    sha256: str
    kind: str
    taken_at: str
    content: bytes


def photograph(document: dict[str, Any], rng: Random) -> tuple[dict[str, Any], list[Photo]]:
    """Take every photo and signature that the record declares; the record with their true SHA-256, and the files."""
    text, photos = json.dumps(document, ensure_ascii=False), []
    for declared in extract(document).files:
        content = _signature(rng) if declared["kind"] == "signature" else _picture(rng)
        sha256 = hashlib.sha256(content).hexdigest()
        # The answers name the same photos, so the whole document is gone through.
        text = text.replace(declared["sha256"], sha256)
        photos.append(Photo(document["id"], sha256, declared["kind"], document["ended_at"], content))
    return json.loads(text), photos


def _picture(rng: Random) -> bytes:
    shades = Image.frombytes("RGB", (64, 48), rng.randbytes(64 * 48 * 3))
    out = io.BytesIO()
    shades.resize(SIZE, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def _signature(rng: Random) -> bytes:
    paper = Image.new("L", (400, 160), 255)
    strokes = [(rng.randrange(20, 380), rng.randrange(20, 140)) for _ in range(12)]
    ImageDraw.Draw(paper).line(strokes, fill=0, width=3)
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()
