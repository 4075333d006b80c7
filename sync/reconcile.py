"""Reconcile: the device says what it holds; whatever differs is touched for it alone, and what is missing is named.

The net under the rope: clients diverge for good in ways that no checkpoint heals. What is touched comes down with the
next pull, as a document or as a tombstone.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    column,
    exists,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import UUID

from sync import feed as feed_of
from sync.collection import Collection, Reader, Transaction
from sync.envelope import is_canonical, read_array
from sync.quarantine import RETRIED
from sync.tables import feed, quarantine

MAX_HELD = 100_000


def reconcile(transaction: Transaction, reader: Reader, collection: Collection, body: bytes) -> bytes:
    """Compare what the device holds, ``[[id, edit_id], …]``, with what this reader may see now.

    Answers the JSON text ``{"touched", "push", "differs", "malformed"}``: how many documents come with the next pull;
    the ids that the device has to push, for the server has never had them; those that it holds in another edit than
    the present one or may not hold at all; and how many pairs could not be read. Ids that are still in ``differs``
    after a pull to the end are stuck in the client. A reader who may not pull learns only what to push.

    Raises:
        BadEnvelope: when the body is no array, or longer than ``MAX_HELD``.
    """
    held, malformed = _held(body)
    differing = transaction.session.execute(
        differing_statement(collection),
        {
            "ids": ",".join(held),
            "edit_ids": ",".join(held.values()),
            "principals": list(reader.principals),
            "reader_id": reader.reader_id,
            **reader.parameters,
        },
    ).all()
    missing = [row.id for row in differing if row.held is not None and not row.stored]
    touched: list[uuid.UUID] = []
    differs: list[uuid.UUID] = []
    if reader.may_pull:
        touched = [row.id for row in differing if row.held is None or row.stored]
        differs = [row.id for row in differing if row.held is not None and row.stored]
        feed_of.touch(
            transaction.session,
            reader.bureau_id,
            collection.name,
            [(reader.own_principal, document_id) for document_id in touched],
        )
    return orjson.dumps(
        {"touched": len(touched), "push": missing, "differs": differs, "malformed": malformed}
    )


def _held(body: bytes) -> tuple[dict[str, str], int]:
    """What the device holds, by id, and how many pairs are none. An id given twice counts as given last."""
    pairs = read_array(body, "[id, edit_id]", MAX_HELD)
    readable = [
        pair for pair in pairs if isinstance(pair, list) and len(pair) == 2 and all(map(is_canonical, pair))
    ]
    return dict(readable), len(pairs) - len(readable)


@lru_cache(maxsize=64)
def differing_statement(collection: Collection) -> Select[Any]:
    """The query of what differs: (id, edit held, whether the server has it), of what is held and what is visible.

    Everything that a reader may see stands in the feed of one of his principals, for nothing is written, granted or
    moved without a touch; so the feed says what to compare, and ``visible`` decides.
    """
    stored = collection.stored
    ids, edit_ids = (
        cast(func.string_to_array(bindparam(name, type_=Text), ","), ARRAY(UUID(as_uuid=True)))
        for name in ("ids", "edit_ids")
    )
    held = (
        func.unnest(ids, edit_ids)
        .table_valued(column("id", UUID(as_uuid=True)), column("edit_id", UUID(as_uuid=True)), name="held")
        .render_derived()
    )
    told = select(feed.c.id).where(
        feed.c.principal == any_(bindparam("principals", type_=ARRAY(Text))),
        feed.c.collection == collection.name,
    )
    every = select(held.c.id).union(told).cte("every")
    seen = collection.visible(every.c.id).correlate(every).lateral("seen")
    has = true() if stored is None else stored(every.c.id).correlate(every).exists()
    raw = exists().where(
        quarantine.c.collection == collection.name,
        quarantine.c.reader_id == bindparam("reader_id", type_=UUID(as_uuid=True)),
        quarantine.c.document_id == held.c.id,
        quarantine.c.edit_id == held.c.edit_id,
        quarantine.c.resolution.is_distinct_from(RETRIED),
    )
    return (
        select(every.c.id, held.c.edit_id.label("held"), has.label("stored"))
        .select_from(every.outerjoin(held, held.c.id == every.c.id).outerjoin(seen, true()))
        .where(
            or_(held.c.id.is_not(None), seen.c.edit_id.is_not(None)),
            held.c.edit_id.is_distinct_from(seen.c.edit_id),
            ~raw,
        )
        .order_by(every.c.id)
    )
