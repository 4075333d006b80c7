"""What went wrong with a backup, as a sentence to whoever asked for it."""

from __future__ import annotations


class BackupFailed(Exception):
    """A backup, its verification or a restore could not be finished; the message says what to do."""
