"""Pull: one statement that reads the feed below the horizon and the documents as this reader may see them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from sync.collection import Collection, Reader, Transaction
from sync.cursor import Checkpoint, below_horizon, epoch_column
from sync.tables import Xid8, feed

MAX_LIMIT = 1000


@lru_cache(maxsize=64)
def page_statement(collection: Collection) -> Select[Any]:
    """The pull statement of a collection, built once.

    The feed is read LATERAL per principal: an ``in`` list scans the union of all of them. Documents are looked up
    at read time, so a row that left the reader's scope comes out as a tombstone; a leak would need two mistakes.
    """
    start_over = bindparam("epoch", type_=Text) != epoch_column()
    after_xid = cast(case((start_over, literal("0")), else_=bindparam("xid", type_=Text)), Xid8())
    after_seq = case((start_over, literal(0)), else_=cast(bindparam("seq", type_=Text), BigInteger))
    start = select(after_xid.label("xid"), after_seq.label("seq")).cte("start")
    principals = (
        func.unnest(bindparam("principals", type_=ARRAY(Text)))
        .table_valued(column("principal", Text), name="reader")
        .render_derived()
    )
    rows = (
        select(feed.c.id, feed.c.xid, feed.c.seq)
        .where(
            feed.c.principal == principals.c.principal,
            feed.c.collection == collection.name,
            tuple_(feed.c.xid, feed.c.seq)
            > tuple_(select(start.c.xid).scalar_subquery(), select(start.c.seq).scalar_subquery()),
            below_horizon(),
        )
        .order_by(feed.c.xid, feed.c.seq)
        .limit(bindparam("limit"))
        .lateral("fed_row")
    )
    page = (
        select(rows.c.id, rows.c.xid, rows.c.seq)
        .select_from(principals.join(rows, true()))
        .order_by(rows.c.xid, rows.c.seq)
        .limit(bindparam("limit"))
        .cte("page")
    )
    seen = collection.visible(page.c.id).correlate(page).lateral("seen")
    document = seen.c.document
    tombstone = func.concat('{"id":"', cast(page.c.id, Text), '","_deleted":true}')
    last = select(page.c.xid, page.c.seq).order_by(page.c.xid.desc(), page.c.seq.desc()).limit(1).subquery()
    return select(
        func.coalesce(
            func.string_agg(
                func.coalesce(document, tombstone), aggregate_order_by(literal(","), page.c.xid, page.c.seq)
            ),
            "",
        ),
        select(cast(last.c.xid, Text)).scalar_subquery(),
        select(cast(last.c.seq, Text)).scalar_subquery(),
        epoch_column(),
    ).select_from(page.outerjoin(seen, true()))


def pull(
    transaction: Transaction,
    reader: Reader,
    collection: Collection,
    checkpoint: Checkpoint | None,
    limit: int,
) -> str:
    """The answer's JSON text: ``{"documents": […], "checkpoint": {"epoch", "xid", "seq"}}``.

    A checkpoint of another epoch starts over. A page is shorter than ``limit`` only when there is no more, for
    RxDB stops at the first short page; the same id may stand in a page more than once.
    """
    given = checkpoint or Checkpoint("", "0", "0")
    documents, xid, seq, epoch = transaction.session.execute(
        page_statement(collection),
        {
            "principals": list(reader.principals),
            "epoch": given.epoch,
            "xid": given.xid,
            "seq": given.seq,
            "limit": limit,
            **reader.parameters,
        },
    ).one()
    if xid is None:
        same = given.epoch == epoch
        xid, seq = (given.xid, given.seq) if same else ("0", "0")
    return f'{{"documents":[{documents}],"checkpoint":{Checkpoint(epoch, xid, seq).wire()}}}'
