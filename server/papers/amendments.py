"""Which record amends which. An amendment carries the number of what it amends, and each is named on the other's paper."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import select, text

from server.kernel.bulk import among
from server.kernel.work import Work
from server.records.models import Record

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
_LATER = text(
    """
    with recursive chain as (
        select record.id from record where record.id = :id
        union
        select record.id
        from chain join record on record.amends_id = chain.id and record.bureau_id = :bureau_id
    )
    select id from chain
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


def words_on(work: Work, record_id: uuid.UUID) -> list[Record]:
    """A record at the beginning of its amendments, and all of these, in the order in which they came."""
    ids = list(work.session.scalars(_LATER, {"id": record_id, "bureau_id": work.bureau_id}))
    return list(
        work.session.scalars(
            select(Record).where(among(Record.id, ids)).order_by(Record.received_at, Record.id)
        )
    )
