"""Which of a record and its amendments is the last word: reports count that one, and it alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, not_, select

from server.kernel.bulk import among
from server.kernel.work import Work
from server.records.models import Record


def superseded(amendments: Iterable[tuple[uuid.UUID, uuid.UUID]]) -> set[uuid.UUID]:
    """The records that another one speaks for, given every known amendment as (its id, the id that it amends).

    A record and all that amends it, directly or by way of another amendment, are one; of them the amendment with the
    greatest id stands, for ids tell when records were written. It does not matter which of them is known.
    """
    root: dict[uuid.UUID, uuid.UUID] = {}

    def find(one: uuid.UUID) -> uuid.UUID:
        while root.setdefault(one, one) != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    pairs = list(amendments)
    for amending, amended in pairs:
        root[find(amending)] = find(amended)
    last: dict[uuid.UUID, uuid.UUID] = {}
    for amending, _ in pairs:
        whole = find(amending)
        last[whole] = max(amending, last.get(whole, amending))
    return set(root) - set(last.values())


def stands(work: Work, as_of: datetime) -> ColumnElement[bool]:
    """A condition on ``Record``: of the bureau, received by ``as_of``, and then the last word on what it tells of."""
    known = select(Record.id, Record.amends_id).where(
        Record.bureau_id == work.bureau_id, Record.amends_id.is_not(None), Record.received_at <= as_of
    )
    spoken_for = superseded((one, amended) for one, amended in work.session.execute(known) if amended)
    return and_(
        Record.bureau_id == work.bureau_id,
        Record.received_at <= as_of,
        not_(among(Record.id, sorted(spoken_for))),
    )
