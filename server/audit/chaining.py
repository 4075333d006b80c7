"""Making the chain, after commit: whoever writes an event waits for nobody.

Events are taken in the order (xid, seq) below the snapshot's horizon, like rows of the sync feed: a transaction that is
older than every open one can no longer be overtaken, so no event ever comes in between two that are sealed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, literal, select
from sqlalchemy.orm import Session

from server.audit.models import EventSeal
from server.audit.seals import NOTHING_BEFORE, event_digest, ids_of, seal_digest
from server.kernel.db import table_of
from server.kernel.events import Event
from server.kernel.work import Work
from sync.tables import Xid8
from sync.tables import epoch as sync_epoch

BATCH = 1000
# A push of some hundred records is one event; so many rows are digested in one transaction at most.
ROWS = 5000


@dataclass(frozen=True, slots=True)
class Covered:
    """Rows that the seal of an event covers beside the event itself.

    ``digests(session, ids)`` are the digests of those of the rows that exist; ``unnamed(session, bureau_id)`` the ids
    of rows that no event ``of_event`` speaks of.
    """

    digests: Callable[[Session, Sequence[uuid.UUID]], Mapping[uuid.UUID, str]]
    unnamed: Callable[[Session, uuid.UUID], Sequence[uuid.UUID]]


# By the name of the event that speaks of the rows.
Contents = Mapping[str, Covered]


@dataclass(frozen=True, slots=True)
class Tail:
    """What is not sealed yet: how many events, and the time of the oldest."""

    events: int
    since: datetime | None


def seal_events(work: Work, contents: Contents, limit: int = BATCH) -> int:
    """Seal the bureau's next events; how many. Call it until it is 0, each time in a transaction of its own.

    While another transaction seals the same chain it seals none.
    """
    session = work.session
    turn = func.pg_try_advisory_xact_lock(func.hashtextextended(f"audit:{work.bureau_id}", 0))
    if not session.scalar(select(turn)):
        return 0
    last = last_seal(session, work.bureau_id)
    events = _next_events(session, work.bureau_id, last, limit)
    if not events:
        return 0
    epoch = session.execute(select(sync_epoch.c.epoch)).scalar_one()
    found = digests_of(session, contents, events)
    position, previous = (last.position, last.digest) if last else (0, NOTHING_BEFORE)
    rows = []
    for event in events:
        position += 1
        row = {
            "bureau_id": work.bureau_id,
            "position": position,
            "seq": event.seq,
            "xid": int(event.xid),
            "epoch": epoch,
            "sealed_at": work.now,
            "contents": named_in(event, contents, found),
            "previous": previous,
        }
        digest = event_digest(event)
        previous = seal_digest(**row, event=digest)
        rows.append({**row, "event_digest": digest, "digest": previous})
    session.execute(insert(table_of(EventSeal)), rows)
    return len(rows)


def last_seal(session: Session, bureau_id: uuid.UUID) -> EventSeal | None:
    """The end of a bureau's chain."""
    return session.scalar(
        select(EventSeal)
        .where(EventSeal.bureau_id == bureau_id)
        .order_by(EventSeal.position.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


def digests_of(
    session: Session, contents: Contents, events: Sequence[Event]
) -> dict[str, Mapping[uuid.UUID, str]]:
    """The digests of the rows that the events speak of, as they are now, by the events' name."""
    named: dict[str, list[uuid.UUID]] = {}
    for event in events:
        if event.name in contents:
            named.setdefault(event.name, []).extend(ids_of(event.subject_ids))
    return {name: contents[name].digests(session, ids) for name, ids in named.items()}


def named_in(
    event: Event, contents: Contents, found: Mapping[str, Mapping[uuid.UUID, str]]
) -> dict[str, str | None] | None:
    """The digests that an event's seal holds: of each row that it speaks of, null for one that is not there."""
    if event.name not in contents:
        return None
    return {str(one): found[event.name].get(one) for one in ids_of(event.subject_ids)}


def unsealed(session: Session, bureau_id: uuid.UUID, last: EventSeal | None) -> ColumnElement[bool]:
    """True for the events behind the end of the chain.

    The end is told by the transaction that its event has now: a restore from a backup gives all events another.
    """
    wanted = and_(
        Event.bureau_id == bureau_id,
        ~select(EventSeal.seq).where(EventSeal.seq == Event.seq).correlate(Event).exists(),
    )
    if last is None:
        return wanted
    end = session.scalar(select(Event.xid).where(Event.seq == last.seq))
    return and_(wanted, Event.xid >= literal(end if end is not None else str(last.xid), Xid8()))


def tail_of(session: Session, bureau_id: uuid.UUID) -> Tail:
    """What of a bureau's trail is not sealed yet."""
    behind = unsealed(session, bureau_id, last_seal(session, bureau_id))
    return Tail(*session.execute(select(func.count(), func.min(Event.at)).where(behind)).one())


def _next_events(session: Session, bureau_id: uuid.UUID, last: EventSeal | None, limit: int) -> list[Event]:
    below_horizon = Event.xid < func.pg_snapshot_xmin(func.pg_current_snapshot())
    rows = session.scalars(
        select(Event)
        .where(unsealed(session, bureau_id, last), below_horizon)
        .order_by(Event.xid, Event.seq)
        .limit(limit)
    )
    taken: list[Event] = []
    left = ROWS
    for event in rows:
        left -= len(event.subject_ids)
        if taken and left < 0:
            break
        taken.append(event)
    return taken
