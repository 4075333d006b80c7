"""The checkpoint: (epoch, xid, seq) below the snapshot horizon, so that no row is ever missed.

Sequences and timestamps lose rows because transactions commit out of order. A row whose transaction is older
than every transaction still open can no longer be overtaken; only such rows are handed out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, cast, func, literal_column, select
from sqlalchemy.orm import Session

from sync.tables import epoch, feed

# What tells one history of transaction ids from another, and how often tombstones had been pruned from it.
_EPOCH = re.compile(r"([0-9A-Za-z-]{0,120})(?:\.([0-9]{1,18}))?")
_DIGITS = re.compile(r"[0-9]{1,18}")


class BadCheckpoint(ValueError):
    """The checkpoint is not one that this protocol gave out."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A position in a principal's feed. ``xid`` and ``seq`` travel as strings: they outgrow JavaScript numbers.

    ``epoch`` is ``<history>.<generation>``: the history that the transaction ids belong to, and the generation in
    which the device started from the beginning, so that what was pruned up to then never concerned it.
    """

    epoch: str
    xid: str
    seq: str

    @property
    def history(self) -> str:
        """The part of the epoch that a restore or a promotion changes."""
        return self.epoch.partition(".")[0]

    @property
    def generation(self) -> int:
        """How often tombstones had been pruned when the device started from the beginning."""
        return int(self.epoch.partition(".")[2] or 0)


def parse_checkpoint(text: str | None) -> Checkpoint | None:
    """Read the ``checkpoint`` query parameter; absent, empty and ``null`` mean "from the beginning".

    Raises:
        BadCheckpoint: when it is JSON of another shape, or no JSON.
    """
    if text is None or text in ("", "null", "undefined"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint("checkpoint is not JSON") from error
    if value is None or value == {}:
        return None
    if not isinstance(value, dict) or not all(
        isinstance(value.get(part), str) for part in ("epoch", "xid", "seq")
    ):
        raise BadCheckpoint("checkpoint needs the strings epoch, xid and seq")
    if not _EPOCH.fullmatch(value["epoch"]):
        raise BadCheckpoint("epoch is none that was given out")
    if not all(_DIGITS.fullmatch(value[part]) for part in ("xid", "seq")):
        raise BadCheckpoint("xid and seq are decimal strings")
    return Checkpoint(value["epoch"], value["xid"], value["seq"])


def epoch_column() -> ColumnElement[str]:
    """The epoch that begins now, as SQL: the history and its present generation."""
    return func.concat(
        history_column(), ".", select(cast(epoch.c.generation, Text)).limit(1).scalar_subquery()
    )


def history_column() -> ColumnElement[str]:
    """The current history of transaction ids as SQL: the stored uuid, the cluster and its timeline.

    A restored dump, another cluster and a promoted replica each give another one, for xids do not survive them.
    """
    stored = select(cast(epoch.c.epoch, Text)).limit(1).scalar_subquery()
    system = literal_column("(select system_identifier::text from pg_control_system())", Text)
    timeline = literal_column("(select timeline_id::text from pg_control_checkpoint())", Text)
    return func.concat_ws("-", stored, system, timeline)


def current_epoch(session: Session) -> str:
    """The epoch under which a device begins that begins now."""
    return session.scalar(select(epoch_column())) or ""


def below_horizon() -> ColumnElement[bool]:
    """True for feed rows that no open transaction can still overtake."""
    return feed.c.xid < func.pg_snapshot_xmin(func.pg_current_snapshot())
