"""Retention: tombstones that every device has had time to hear of leave the feed; whoever has not starts over."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    any_,
    case,
    cast,
    delete,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import UUID, insert
from sqlalchemy.orm import Session

from sync.collection import Collection, Reader
from sync.tables import Xid8, epoch, feed, feed_mark, feed_pruned


def mark_feed(session: Session, now: datetime, retention: timedelta) -> str | None:
    """Note where the feed stands now; the transaction id below which everything is older than ``retention``.

    Transaction ids carry no time, so marks give it to them. ``None`` until there is a mark that is old enough.
    """
    everything_before = func.pg_snapshot_xmin(func.pg_current_snapshot())
    here = select(literal(now, feed_mark.c.at.type), everything_before)
    session.execute(insert(feed_mark).from_select(["at", "xid"], here).on_conflict_do_nothing())
    mark = session.execute(
        select(feed_mark.c.at, cast(feed_mark.c.xid, Text))
        .where(feed_mark.c.at <= now - retention)
        .order_by(feed_mark.c.at.desc())
        .limit(1)
    ).one_or_none()
    if mark is None:
        return None
    at, xid = mark
    session.execute(delete(feed_mark).where(feed_mark.c.at < at))
    return str(xid)


def principals_of(readers: Iterable[Reader]) -> dict[str, list[Reader]]:
    """By principal, everybody who reads its feed."""
    reading: dict[str, list[Reader]] = {}
    for reader in readers:
        for principal in reader.principals:
            reading.setdefault(principal, []).append(reader)
    return reading


def prune(
    session: Session, principal: str, readers: Sequence[Reader], collections: Iterable[Collection], below: str
) -> int:
    """Take out of a principal's feed what lies below a transaction id and none of its ``readers`` may see.

    ``readers`` are all who read that feed; without any of them nothing is pruned, for nobody can tell what they may
    see. A row that is being touched is left alone, for it is not old any more. Returns the number of rows.
    """
    if not readers:
        return 0
    pruned = 0
    for collection in collections:
        unseen = _unseen(session, principal, readers, collection, below)
        gone = _remove(session, principal, collection, unseen, below) if unseen else []
        if gone:
            _note(session, readers[0].bureau_id, principal, collection, max(gone))
        pruned += len(gone)
    return pruned


def _unseen(
    session: Session, principal: str, readers: Sequence[Reader], collection: Collection, below: str
) -> list[uuid.UUID]:
    """The old ids that nobody of the readers may see; each reader is asked only about what those before do not see."""
    old = select(feed.c.id).where(*_old(principal, collection, below)).subquery()
    seen = collection.visible(old.c.id).correlate(old).lateral("seen")
    statement = select(old.c.id).select_from(old.outerjoin(seen, true())).where(seen.c.edit_id.is_(None))
    left = session.scalars(statement, dict(readers[0].parameters)).all()
    for reader in readers[1:]:
        if not left:
            break
        among = statement.where(old.c.id == any_(cast(list(left), ARRAY(UUID(as_uuid=True)))))
        left = session.scalars(among, dict(reader.parameters)).all()
    return list(left)


def _remove(
    session: Session, principal: str, collection: Collection, ids: Sequence[uuid.UUID], below: str
) -> list[tuple[int, int]]:
    """Delete the rows that are still old when they are locked; where they stood."""
    doomed = (
        select(feed.c.id)
        .where(
            *_old(principal, collection, below), feed.c.id == any_(cast(list(ids), ARRAY(UUID(as_uuid=True))))
        )
        .with_for_update(skip_locked=True)
    )
    gone = session.execute(
        delete(feed)
        .where(*_old(principal, collection, below), feed.c.id.in_(doomed))
        .returning(cast(feed.c.xid, Text), feed.c.seq)
    )
    return [(int(xid), seq) for xid, seq in gone]


def _note(
    session: Session, bureau_id: uuid.UUID, principal: str, collection: Collection, furthest: tuple[int, int]
) -> None:
    """Note the furthest row that was pruned, under a new generation, for those whose checkpoint lies before it."""
    generation = session.execute(
        update(epoch).values(generation=epoch.c.generation + 1).returning(epoch.c.generation)
    ).scalar_one()
    statement = insert(feed_pruned).values(
        bureau_id=bureau_id,
        principal=principal,
        collection=collection.name,
        generation=generation,
        xid=str(furthest[0]),
        seq=furthest[1],
    )
    given = statement.excluded
    further = tuple_(given.xid, given.seq) > tuple_(feed_pruned.c.xid, feed_pruned.c.seq)
    session.execute(
        statement.on_conflict_do_update(
            constraint="pk_feed_pruned",
            set_={
                "generation": given.generation,
                "xid": case((further, given.xid), else_=feed_pruned.c.xid),
                "seq": case((further, given.seq), else_=feed_pruned.c.seq),
            },
        )
    )


def _old(principal: str, collection: Collection, below: str) -> tuple[ColumnElement[bool], ...]:
    return (
        feed.c.principal == principal,
        feed.c.collection == collection.name,
        feed.c.xid < cast(below, Xid8()),
    )
