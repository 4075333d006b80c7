"""Forgetting what is kept of edits that lost and rows that were not taken, once nobody needs it.

The line stays, the people's data goes.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from server.kernel.events import record_event
from server.kernel.work import Work


def forget_states(work: Work) -> int:
    """Empty the three sides of edits that were settled, or that nobody had to settle, ``push_state_days`` ago.

    What still waits for a decision is kept for as long as it waits. The application's role may not rewrite the log, so
    this goes through the one function that its owner gave it. Returns the number of lines.
    """
    before = work.now - timedelta(days=work.settings.push_state_days)
    forgotten = work.session.scalar(select(func.forget_push_states(work.bureau_id, before))) or 0
    if forgotten:
        record_event(work, "sync.states_forgotten", [], lines=forgotten, before=before.isoformat())
    return forgotten


def forget_kept_rows(work: Work) -> int:
    """Empty the bytes of rows in quarantine that were tried again or put aside ``push_state_days`` ago; their number.

    Their SHA-256 stays, so that a device that sends one again is told of what became of it.
    """
    before = work.now - timedelta(days=work.settings.push_state_days)
    forgotten = work.session.scalar(select(func.forget_kept_rows(work.bureau_id, before))) or 0
    if forgotten:
        record_event(work, "sync.kept_rows_forgotten", [], rows=forgotten, before=before.isoformat())
    return forgotten
