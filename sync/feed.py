"""Touching: telling principals to look at documents again. The only part of the engine that nouns may call."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, cast, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import UUID, insert
from sqlalchemy.orm import Session

from sync.tables import fed, feed


def touch(
    session: Session, bureau_id: uuid.UUID, collection: str, pairs: Iterable[tuple[str, uuid.UUID]]
) -> None:
    """Move each (principal, id) to the head of that principal's feed, in the writer's own transaction."""
    distinct = set(pairs)
    if not distinct:
        return
    source = select(
        func.unnest(cast([principal for principal, _ in distinct], ARRAY(Text))).label("principal"),
        func.unnest(_ids(document for _, document in distinct)).label("id"),
    )
    touch_from(session, bureau_id, collection, source)


def touch_from(
    session: Session,
    bureau_id: uuid.UUID,
    collection: str,
    source: Select[str, uuid.UUID],
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Like ``touch``, with the pairs named by a query of (principal, id) without duplicates, and its parameters.

    Rows are taken in one order, so that two writers who touch the same documents wait and do not deadlock.
    """
    pairs = source.subquery()
    named = select(
        literal(bureau_id, UUID(as_uuid=True)), literal(collection, Text), pairs.c.principal, pairs.c.id
    ).order_by(pairs.c.principal, pairs.c.id)
    _move_forward(session, named, parameters)


def remember(
    session: Session, bureau_id: uuid.UUID, collection: str, pairs: Iterable[tuple[uuid.UUID, uuid.UUID]]
) -> None:
    """Note that each (origin, id) was fed, so that a later grant or revoke of the origin reaches the document."""
    distinct = set(pairs)
    if not distinct:
        return
    given = select(
        func.unnest(_ids(origin for origin, _ in distinct)).label("origin"),
        func.unnest(_ids(document for _, document in distinct)).label("id"),
    ).subquery()
    source = select(
        literal(bureau_id, UUID(as_uuid=True)), literal(collection, Text), given.c.origin, given.c.id
    ).order_by(given.c.origin, given.c.id)
    session.execute(
        insert(fed)
        .from_select(["bureau_id", "collection", "origin", "id"], source)
        .on_conflict_do_nothing(constraint="pk_fed")
    )


def touch_origins(session: Session, bureau_id: uuid.UUID, grants: Iterable[tuple[str, uuid.UUID]]) -> None:
    """For each (principal, origin) touch every id that the origin ever fed, current or moved away.

    Reading ``fed`` and not the current rows is what takes a document off a device that was offline while the
    document left the origin.
    """
    distinct = set(grants)
    if not distinct:
        return
    granted = select(
        func.unnest(cast([principal for principal, _ in distinct], ARRAY(Text))).label("principal"),
        func.unnest(_ids(origin for _, origin in distinct)).label("origin"),
    ).cte("granted")
    source = (
        select(literal(bureau_id, UUID(as_uuid=True)), fed.c.collection, granted.c.principal, fed.c.id)
        .select_from(granted.join(fed, fed.c.origin == granted.c.origin))
        .distinct()
        .order_by(granted.c.principal, fed.c.collection, fed.c.id)
    )
    _move_forward(session, source)


def pass_on(
    session: Session,
    bureau_id: uuid.UUID,
    pairs: Iterable[tuple[str, str]],
    collections: Collection[str] | None = None,
) -> None:
    """For each (principal, other) tell the other of every id that the principal was ever told of.

    For a reader who stops reading a feed: what it told him, and what he may still see of it, must stand in his own. And
    for one who begins to: what it told before lies behind his checkpoint. Of some ``collections`` only where given.
    """
    distinct = set(pairs)
    if not distinct:
        return
    passed = select(
        func.unnest(cast([principal for principal, _ in distinct], ARRAY(Text))).label("principal"),
        func.unnest(cast([other for _, other in distinct], ARRAY(Text))).label("other"),
    ).cte("passed")
    source = (
        select(literal(bureau_id, UUID(as_uuid=True)), feed.c.collection, passed.c.other, feed.c.id)
        .select_from(passed.join(feed, feed.c.principal == passed.c.principal))
        .where(true() if collections is None else feed.c.collection.in_(collections))
        .distinct()
        .order_by(passed.c.other, feed.c.collection, feed.c.id)
    )
    _move_forward(session, source)


def _move_forward(
    session: Session,
    source: Select[uuid.UUID, str, str, uuid.UUID],
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Feed what a query names as (bureau_id, collection, principal, id); what is there already moves to the head."""
    statement = insert(feed).from_select(["bureau_id", "collection", "principal", "id"], source)
    moved = {"xid": func.pg_current_xact_id(), "seq": func.nextval(text("'feed_seq'"))}
    session.execute(statement.on_conflict_do_update(constraint="pk_feed", set_=moved), parameters)


def _ids(ids: Iterable[uuid.UUID]) -> ColumnElement[Any]:
    """An array of ids as one text parameter: as a list each would be quoted, sent and parsed by itself."""
    return cast(literal(f"{{{','.join(map(str, ids))}}}", Text), ARRAY(UUID(as_uuid=True)))
