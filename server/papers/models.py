"""Tables of papers: what waits for an official number, the register of numbers, their style, and what was printed."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.vocabulary import PaperKind
from server.kernel.db import Base, Owned
from sync.tables import Xid8

_KINDS = f"({', '.join(repr(kind.value) for kind in PaperKind)})"


class NumberWanted(Base):
    """A paper that waits for its official number. (xid, seq) is the order in which numbers are given; a row goes when
    its number is there.
    """

    __tablename__ = "number_wanted"
    __table_args__ = (
        CheckConstraint(f"paper_kind in {_KINDS}", name="paper_kind"),
        Index("ix_number_wanted_bureau_id_xid_seq", "bureau_id", "xid", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    xid: Mapped[str] = mapped_column(Xid8(), server_default=text("pg_current_xact_id()"))
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"))
    paper_kind: Mapped[str]


class OfficialNumber(Owned, Base):
    """A number that was given, for ever: ``series`` (样烟检), the year, and the serial, which leaves no gap in the year.

    ``record_id`` is the record as it was first written; its amendments keep the number.
    """

    __tablename__ = "official_number"
    __table_args__ = (
        UniqueConstraint("bureau_id", "series", "year", "serial"),
        UniqueConstraint("record_id", "paper_kind"),
        CheckConstraint(f"paper_kind in {_KINDS}", name="paper_kind"),
        CheckConstraint("serial > 0", name="serial"),
    )

    series: Mapped[str]
    year: Mapped[int]
    serial: Mapped[int]
    paper_kind: Mapped[str]
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"))
    numbered_at: Mapped[datetime]


class NumberStyle(Owned, Base):
    """What numbers begin with, from a day on: the bureau's abbreviation and a word for each kind of paper.

    Never overwritten; of those in force on a day the one that was set last counts.
    """

    __tablename__ = "number_style"

    from_day: Mapped[date]
    abbreviation: Mapped[str]
    words: Mapped[dict[str, Any]]
    known_at: Mapped[datetime]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))


class Paper(Owned, Base):
    """A paper that was printed: from which record, with which number or none yet, the digests of what it was made from
    and of the PDF, by whom and when.
    """

    __tablename__ = "paper"
    __table_args__ = (CheckConstraint(f"kind in {_KINDS}", name="kind"),)

    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), index=True)
    kind: Mapped[str]
    number: Mapped[str | None]
    document_sha256: Mapped[str]
    sha256: Mapped[str]
    printed_at: Mapped[datetime]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
