"""The table of search: the folded text of each record, made after it came and made anew at will."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base


class RecordText(Base):
    """What a record is found by, with persons masked; ``pairs`` are the pairs of characters in it."""

    __tablename__ = "record_text"
    __table_args__ = (Index("ix_record_text_pairs", "pairs", postgresql_using="gin"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    text: Mapped[str]
    pairs: Mapped[list[str]] = mapped_column(ARRAY(Text))
    indexed_at: Mapped[datetime]
