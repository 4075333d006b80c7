"""Carrying dates out: scope as of today, and records that have left the record window."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from server.access.ops import carry_out_expiry
from server.grids.ops import (
    announce,
    announce_to,
    apply_due_scope,
    await_turn,
    day_carried_out,
    is_carried_out,
)
from server.kernel.work import Work
from server.org.ops import carry_out_membership
from server.records.models import Record, RecordOfficer
from server.records.queries import window_start


def carry_out_dates(work: Work) -> int:
    """What a new day changes for devices: they expire, duty and membership become scope, and old records leave.

    Runs at midnight and before each pull; on a day that is carried out already it costs one look-up. Returns the
    number of grants and revokes.
    """
    today = work.now.astimezone(work.zone).date()
    if is_carried_out(work, today):
        return 0
    await_turn(work)
    before = day_carried_out(work)
    if is_carried_out(work, today):
        # Whoever had the turn before has done it.
        return 0
    changed = apply_due_scope(work)
    carry_out_expiry(work)
    if before is not None:
        carry_out_membership(work, before)
        _retire_records(work, before, today)
    return changed


def _retire_records(work: Work, before: date, today: date) -> None:
    """Touch the records that left the record window since the day carried out last, so that devices let them go."""
    days = work.settings.record_window_days
    left = (
        select(Record.id, Record.cell_id, Record.pushed_by)
        .where(
            Record.bureau_id == work.bureau_id,
            Record.performed_at >= window_start(before, days, work.zone),
            Record.performed_at < window_start(today, days, work.zone),
        )
        .subquery()
    )
    rows = work.session.execute(select(left)).all()
    if not rows:
        return
    announce(work, "records", [(record_id, cell_id) for record_id, cell_id, _ in rows])
    signed = work.session.execute(
        select(left.c.id, left.c.cell_id, RecordOfficer.person_id)
        .join(left, left.c.id == RecordOfficer.record_id)
        .where(RecordOfficer.person_id.is_not(None))
    )
    announce_to(work, [*rows, *signed])
