"""A new epoch: every checkpoint that was ever given out starts over."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, delete, update
from sqlalchemy.orm import Session

from sync.tables import epoch, feed, feed_mark, feed_pruned


def start_epoch(session: Session | Connection) -> uuid.UUID:
    """Begin a new history of transaction ids, in the caller's transaction; its id, which the epoch begins with.

    For a restored database: its feed carries ids of another cluster, which may lie above every id that this one will
    give for years, and would never come below the horizon. They all become the oldest; ``seq`` keeps their order.
    """
    begun = uuid.uuid4()
    session.execute(update(epoch).values(epoch=begun))
    session.execute(update(feed).values(xid="0"))
    # Marks and prunings are told in the old ids, and concern nobody who starts over.
    session.execute(delete(feed_mark))
    session.execute(delete(feed_pruned))
    return begun
