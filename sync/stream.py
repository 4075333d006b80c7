"""The stream of RxDB's pullStream$: it says only that there is something to pull. Nobody has to hold one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from sqlalchemy import ARRAY, Text, cast, column, func, select, true
from sqlalchemy.orm import Session

from sync.collection import Reader, Transaction
from sync.cursor import below_horizon
from sync.tables import feed

RESYNC = "data: RESYNC\n\n"
HEARTBEAT = ": \n\n"


@dataclass(frozen=True, slots=True)
class Streams:
    """How a stream is served. ``watch`` opens a unit of work that tells anew who asks, and raises once nobody does.

    A stream occupies a thread of the server and no database connection while it waits; ``slots`` keeps the number of
    them below the number of threads. Spans are seconds.
    """

    watch: Callable[[], AbstractContextManager[Transaction]]
    slots: BoundedSemaphore
    look_every: float = 3.0
    heartbeat_every: float = 15.0
    lasts: float = 240.0
    come_back_after: float = 5.0


def events(streams: Streams, actor: Callable[[Any], Reader], collections: Sequence[str]) -> Iterator[str]:
    """RESYNC at the beginning, for nobody knows what was missed before, and whenever a feed has moved; then the end.

    It ends at once when the reader may no longer pull; whoever comes back is told why by the status.
    """
    yield f"retry: {int(streams.come_back_after * 1000)}\n{RESYNC}"
    until = time.monotonic() + streams.lasts
    told = time.monotonic()
    seen: list[Any] | None = None
    while (heads := _look(streams, actor, collections)) is not None and time.monotonic() < until:
        if seen is not None and heads != seen:
            yield RESYNC
            told = time.monotonic()
        elif time.monotonic() - told >= streams.heartbeat_every:
            yield HEARTBEAT
            told = time.monotonic()
        seen = heads
        time.sleep(streams.look_every)


def _look(streams: Streams, actor: Callable[[Any], Reader], collections: Sequence[str]) -> list[Any] | None:
    """Where the reader's feeds stand now; ``None`` where he may not pull."""
    try:
        with streams.watch() as transaction:
            reader = actor(transaction)
            return _heads(transaction.session, reader, collections) if reader.may_pull else None
    except Exception:
        # An answer that has begun cannot become an error; the next request of this client is told what is wrong.
        return None


def _heads(session: Session, reader: Reader, collections: Sequence[str]) -> list[Any]:
    """The newest row below the horizon of each feed: one step into the index a principal and collection."""
    principals = func.unnest(cast(list(reader.principals), ARRAY(Text))).table_valued(
        column("one", Text), name="p"
    )
    names = func.unnest(cast(list(collections), ARRAY(Text))).table_valued(column("one", Text), name="c")
    principals, names = principals.render_derived(), names.render_derived()
    newest = (
        select(cast(feed.c.xid, Text).label("xid"), feed.c.seq)
        .where(feed.c.principal == principals.c.one, feed.c.collection == names.c.one, below_horizon())
        .order_by(feed.c.xid.desc(), feed.c.seq.desc())
        .limit(1)
        .lateral("newest")
    )
    found = session.execute(
        select(newest.c.xid, newest.c.seq)
        .select_from(principals.join(names, true()).join(newest, true()))
        .order_by(newest.c.seq)
    )
    return [tuple(row) for row in found]
