"""A paper before it is laid out: headings, rows, tables, sentences and signatures, and nothing of fonts or pages.

It is made by pure functions from what a handheld has as well, so that the handheld can show or print the paper where
there is no network; the template and the handheld's screen only lay it out. ``as_json`` is the form that both read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.vocabulary import PaperKind


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels with what was written beside them."""

    rows: tuple[tuple[str, str], ...]
    block: str = "rows"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``widths`` are shares, ``numeric`` the columns that stand right, ``totals`` lines below the last row."""

    headings: tuple[str, ...]
    widths: tuple[int, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...] = ()
    block: str = "table"


@dataclass(frozen=True, slots=True)
class Sentences:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    block: str = "sentences"


@dataclass(frozen=True, slots=True)
class Signature:
    """Where somebody signs. ``sha256`` names the picture of a signature given on the device, ``note`` what is printed
    where there is none to show.
    """

    role: str
    name: str
    sha256: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Signatures:
    """Where the people who were there sign, or have signed on the device."""

    items: tuple[Signature, ...]
    day: str
    block: str = "signatures"


Block = Rows | Table | Sentences | Signatures


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading."""

    title: str | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo by the SHA-256 of its file, and what is written below it."""

    sha256: str
    caption: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a paper is verified by; ``address`` is what its QR code holds."""

    record_id: str
    sha256: str
    code: str
    address: str


@dataclass(frozen=True, slots=True)
class PaperModel:
    """A whole paper. ``marks`` are printed above everything else: that it was amended, that it has no number yet."""

    kind: PaperKind
    bureau: str
    title: str
    number: str | None
    provisional_no: str | None
    marks: tuple[str, ...]
    sections: tuple[Section, ...]
    photos: tuple[Photo, ...]
    verification: Verification
    seal_day: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values; each block says what it is by ``block``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SubjectTold:
    """Whom a record is about, as the register has them."""

    name: str
    licence_no: str | None = None
    holder: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """One word on a record after another: whose, when received, and why."""

    record_id: str
    received_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What a paper says besides the record itself and its form; a handheld has all of it, or says so by leaving it out.

    ``names`` are what an id in the record is called: a person, or another record by its number. ``clock_offset_s`` is
    the offset that counted (device minus true). Not ``effective`` is an amendment that changes nothing. ``earlier`` are
    the words that this record amends, ``later`` those that amend it, each in the order in which they came. ``received``
    are the files that the server has.
    """

    bureau: str
    zone: ZoneInfo
    names: Mapping[str, str] = field(default_factory=dict)
    subject: SubjectTold | None = None
    clock_offset_s: int = 0
    numbers: Mapping[str, str] = field(default_factory=dict)
    effective: bool = True
    earlier: tuple[Amendment, ...] = ()
    later: tuple[Amendment, ...] = ()
    received: frozenset[str] = frozenset()
    public_url: str = ""


NOT_TOLD: Final = "未填写"
