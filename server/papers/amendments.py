"""Which record amends which. An amendment carries the number of what it amends, and each is named on the other's paper."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from server.kernel.work import Work
from server.records.models import Amendment, Record

_EARLIER = text(
    """
    with recursive chain as (
        select given.id as record_id, record.id, record.amends_id
        from unnest(cast(:ids as uuid[])) as given(id) join record on record.id = given.id
        union
        select chain.record_id, record.id, record.amends_id
        from chain join record on record.id = chain.amends_id and record.bureau_id = :bureau_id
    )
    select record_id, id, amends_id from chain
    """
)


def origins_of(work: Work, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
    """By record, the one at the beginning of its amendments: itself, where it amends nothing that is stored.

    Of records that amend one another in a circle, which no device of ours writes, the one with the least id.
    """
    chains: dict[uuid.UUID, dict[uuid.UUID, uuid.UUID | None]] = defaultdict(dict)
    rows = work.session.execute(_EARLIER, {"ids": list(ids), "bureau_id": work.bureau_id})
    for record, earlier, amends in rows:
        chains[record][earlier] = amends
    return {
        record: min([one for one, amends in chain.items() if amends not in chain] or chain)
        for record, chain in chains.items()
    }


def words_on(session: Session, record: Record) -> list[Record]:
    """The record that ``record`` is or amends, and the amendments of it that stand, in their order.

    An amendment that nobody entitled wrote, or whose original has not come, is not among them.
    """
    original_id = select(Amendment.original_id).where(Amendment.record_id == record.id).scalar_subquery()
    original = session.scalars(select(Record).where(Record.id == func.coalesce(original_id, record.id))).one()
    standing = session.scalars(
        select(Record)
        .join(Amendment, Amendment.record_id == Record.id)
        .where(Amendment.original_id == original.id, Amendment.stands)
        .order_by(Amendment.ordinal)
    )
    return [original, *standing] if original.amends_id is None else []
