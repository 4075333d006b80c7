"""Pull: one statement that reads the feed below the horizon and the documents as this reader may see them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from psycopg2.extensions import BYTES, register_type
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CompoundSelect,
    Engine,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    event,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from sync.collection import Collection, Reader, Transaction
from sync.cursor import Checkpoint, below_horizon, epoch_column, history_column
from sync.tables import Xid8, feed, feed_pruned

MAX_LIMIT = 1000
_PASSED_THROUGH = "sync_passed_through"


@lru_cache(maxsize=64)
def page_statement(collection: Collection) -> CompoundSelect[Any]:
    """The pull statement of a collection, built once.

    The feed is read LATERAL per principal: an ``in`` list scans the union of all of them. Documents are looked up
    at read time, so a row that left the reader's scope comes out as a tombstone; a leak would need two mistakes.
    It returns a row a document and one for the checkpoint reached: to put the documents together in the database
    would copy them twice more.
    """
    given = tuple_(cast(bindparam("xid", type_=Text), Xid8()), cast(bindparam("seq", type_=Text), BigInteger))
    # A tombstone beyond the checkpoint was pruned since the device began: it will never hear of it, so it begins again.
    missed = exists().where(
        feed_pruned.c.principal == any_(bindparam("principals", type_=ARRAY(Text))),
        feed_pruned.c.collection == collection.name,
        feed_pruned.c.generation > bindparam("generation", type_=BigInteger),
        tuple_(feed_pruned.c.xid, feed_pruned.c.seq) > given,
    )
    begin = select(or_(bindparam("history", type_=Text) != history_column(), missed).label("again")).cte(
        "begin"
    )
    start = select(
        case((begin.c.again, epoch_column()), else_=bindparam("epoch", type_=Text)).label("epoch"),
        cast(case((begin.c.again, literal("0")), else_=bindparam("xid", type_=Text)), Xid8()).label("xid"),
        case((begin.c.again, literal(0)), else_=cast(bindparam("seq", type_=Text), BigInteger)).label("seq"),
    ).cte("start")
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
    tombstone = func.concat('{"id":"', cast(page.c.id, Text), '","_deleted":true}')
    documents = select(
        func.coalesce(seen.c.document, tombstone).label("document"), null().label("checkpoint")
    ).select_from(page.outerjoin(seen, true()))
    last = select(page.c.xid, page.c.seq).order_by(page.c.xid.desc(), page.c.seq.desc()).limit(1).subquery()
    reached = func.json_build_object(
        "epoch", start.c.epoch,
        "xid", cast(func.coalesce(last.c.xid, start.c.xid), Text),
        "seq", cast(func.coalesce(last.c.seq, start.c.seq), Text),
    )  # fmt: skip
    return union_all(
        documents, select(null(), cast(reached, Text)).select_from(start.outerjoin(last, true()))
    )


@event.listens_for(Engine, "before_cursor_execute")
def _leave_encoded(
    _connection: Any, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    """A page goes out as the database encoded it: decoded and encoded again it would cost as much as looking it up."""
    if context is not None and context.execution_options.get(_PASSED_THROUGH):
        register_type(BYTES, cursor)


def pull(
    transaction: Transaction,
    reader: Reader,
    collection: Collection,
    checkpoint: Checkpoint | None,
    limit: int,
) -> bytes:
    """The answer's JSON text in UTF-8: ``{"documents": […], "checkpoint": {"epoch", "xid", "seq"}}``.

    Where the checkpoint is of another history, or a tombstone beyond it was pruned, the page is the first one and its
    epoch is not the one given: what the device holds besides is to be reconciled. A page is shorter than ``limit``
    only when there is no more, for RxDB stops at the first short page; the same id may stand in a page more than once.
    """
    given = checkpoint or Checkpoint("", "0", "0")
    rows = transaction.session.execute(
        page_statement(collection),
        {
            "principals": list(reader.principals),
            "epoch": given.epoch,
            "history": given.history,
            "generation": given.generation,
            "xid": given.xid,
            "seq": given.seq,
            "limit": limit,
            **reader.parameters,
        },
        execution_options={_PASSED_THROUGH: True},
    ).all()
    documents = b",".join([document for document, _ in rows if document is not None])
    reached = next(position for _, position in rows if position is not None)
    return b'{"documents":[%b],"checkpoint":%b}' % (documents, reached)
