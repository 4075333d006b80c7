"""What receipts, health and the doctor ask about backups."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.backups.models import Backup

# A request reads the clock when it begins and commits when it ends. What was received by its clock before the
# snapshot may so be committed after it; no request takes this long.
LONGEST_REQUEST = timedelta(hours=1)


def backed_up_before(session: Session) -> datetime | None:
    """Everything received before this moment, by the server's clock, is in a finished backup; ``None`` if there is none.

    A backup that found files missing or damaged does not count, for a device may delete its photos on this word.
    """
    latest = session.scalar(select(func.max(Backup.snapshot_at)).where(Backup.faults == 0))
    return latest - LONGEST_REQUEST if latest else None


def last_backup(session: Session) -> Backup | None:
    """The newest backup by its snapshot, with faults or without."""
    return session.scalar(select(Backup).order_by(Backup.snapshot_at.desc()).limit(1))
