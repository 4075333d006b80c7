"""The table of completed backups."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base


class Backup(Base):
    """A backup that was finished. It holds the whole installation, so it belongs to no one bureau.

    ``snapshot_at`` is the clock just before the dump's snapshot was taken; ``faults`` counts files that were missing
    or damaged in the store.
    """

    __tablename__ = "backup"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    snapshot_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    revision: Mapped[str]
    manifest_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    dump_bytes: Mapped[int]
    file_count: Mapped[int]
    file_bytes: Mapped[int]
    faults: Mapped[int]
