"""How the installation stands now, whatever the bureau: what holds syncing back, and the last backup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.backups.queries import last_backup
from sync.gauges import oldest_writer, rows_above_horizon


@dataclass(frozen=True, slots=True)
class Machine:
    """Rows that no device is handed yet, the open writer that has been at it longest, and the newest backup."""

    rows_above_horizon: int
    oldest_writer_since: datetime | None
    oldest_writer: str | None
    last_backup_at: datetime | None
    last_backup_faults: int | None


def machine_now(session: Session) -> Machine:
    """The state of this moment; none of it is kept."""
    writer, backup = oldest_writer(session), last_backup(session)
    return Machine(
        rows_above_horizon=rows_above_horizon(session),
        oldest_writer_since=writer.since if writer else None,
        oldest_writer=" · ".join(filter(None, (writer.database, writer.application, writer.state)))
        if writer
        else None,
        last_backup_at=backup.snapshot_at if backup else None,
        last_backup_faults=backup.faults if backup else None,
    )
