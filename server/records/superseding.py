"""Which of a record and its amendments stands: reports count that one, and it alone.

An amendment says the whole record again and has its own rows in the tables that are drawn out, so whoever counts rows
takes those of the word that stands, and no others. That a word stands is a fact with the moment at which it became
known, so what stood at an earlier moment does not change.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.sql.selectable import Subquery

from server.kernel.work import Work
from server.records.models import Amendment, Record


def stands(work: Work, as_of: datetime) -> ColumnElement[bool]:
    """A condition on ``Record``: of the bureau, received by ``as_of``, and then what stands of what it tells of.

    An amendment that waits for its original, or that nobody entitled wrote, does not stand.
    """
    last = last_words(work.bureau_id, as_of)
    return and_(
        Record.bureau_id == work.bureau_id,
        Record.received_at <= as_of,
        or_(
            and_(Record.amends_id.is_(None), Record.id.not_in(select(last.c.original_id))),
            Record.id.in_(select(last.c.record_id)),
        ),
    )


def last_words(bureau_id: uuid.UUID, as_of: datetime) -> Subquery:
    """``original_id`` and ``record_id`` of what stands of each record that was amended, as known at ``as_of``."""
    last = (
        select(Amendment.original_id, Amendment.record_id)
        .where(Amendment.bureau_id == bureau_id, Amendment.stands, Amendment.known_at <= as_of)
        .ext(distinct_on(Amendment.original_id))
        .order_by(Amendment.original_id, Amendment.ordinal.desc())
    )
    return last.subquery("last_word")
