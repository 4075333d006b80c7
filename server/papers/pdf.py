"""A paper as PDF on A4: the template lays the model out, and the same model and pictures give the same bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from datetime import datetime
from functools import cache

import segno
from jinja2 import Environment, PackageLoader
from PIL import Image

from schemas.vocabulary import PaperKind
from server.papers.model import PaperModel
from server.reports.pdf import typeset

# Each page of a record is signed by the party; an order is given to them.
_SIGNED_BELOW = frozenset(PaperKind) - {PaperKind.RECTIFICATION_ORDER}
_LONGER_SIDE = 900
"""Pixels of a picture on paper: half a page's width at some 300 to the inch."""


@cache
def templates() -> Environment:
    """The templates of papers; what people wrote is escaped in all of them."""
    return Environment(loader=PackageLoader("server.papers"), autoescape=True, trim_blocks=True)


def html_of(
    paper: PaperModel,
    made_at: datetime,
    pictures: Mapping[str, str | None],
    *,
    received: frozenset[str] = frozenset(),
    with_photos: bool = False,
) -> str:
    """The paper as HTML that needs no other file; what people wrote is escaped.

    ``pictures`` are data URIs by SHA-256, ``None`` for a file that cannot be drawn.
    """
    code = segno.make(paper.verification.address, error="m", micro=False)
    return (
        templates()
        .get_template("paper.html")
        .render(
            paper=paper,
            made_at=made_at.isoformat(timespec="seconds"),
            pictures=pictures,
            received=received,
            with_photos=with_photos,
            signed_below=paper.kind in _SIGNED_BELOW,
            qr=code.svg_inline(border=2, omitsize=True),
        )
    )


def pdf_of(
    paper: PaperModel,
    made_at: datetime,
    pictures: Mapping[str, str | None],
    *,
    received: frozenset[str] = frozenset(),
    with_photos: bool = False,
) -> bytes:
    """The paper as PDF; no clock is asked, ``made_at`` is the document's date.

    Raises:
        Problem: ``unavailable`` where the machine lacks Pango.
    """
    html = html_of(paper, made_at, pictures, received=received, with_photos=with_photos)
    return typeset(html, pictures=True)


def as_data(small: bytes) -> str:
    """A small picture (see evidence/media.py) as a JPEG in a data URI: anything else a PDF would hold unpacked."""
    with Image.open(io.BytesIO(small)) as picture:
        drawn = picture.convert("RGBA")
    drawn.thumbnail((_LONGER_SIDE, _LONGER_SIDE))
    plain = Image.new("RGB", drawn.size, "white")
    plain.paste(drawn, mask=drawn.getchannel("A"))
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
