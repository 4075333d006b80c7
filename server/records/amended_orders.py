"""Orders to put something right (责令改正) of records that were amended: each stands once, as the last word has it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import func, select

from server.grids.ops import announce
from server.kernel.bulk import among
from server.kernel.ids import new_edit_id
from server.kernel.work import Work
from server.records.consequences import follow_orders
from server.records.models import Amendment, Rectification
from server.records.superseding import last_words

_REPEATED = "更正记录重复了这项要求，以先下达的为准 · repeated by an amendment; the first one holds"
_NO_MORE = "更正后不再要求 · the amended record asks for it no more"


def settle_orders(work: Work, original_ids: Iterable[uuid.UUID]) -> None:
    """Withdraw what amendments doubled, and what the last word asks for no more, with the re-checks that hang on it.

    An amendment says the whole again, its orders too. Of one and the same order (subject, demand and day) the first one
    holds, for officers may have worked on it; what is done or withdrawn already stays as it is.
    """
    ids = sorted(original_ids)
    if not ids:
        return
    last = last_words(work.bureau_id, work.now)
    standing: dict[uuid.UUID, uuid.UUID] = dict(
        work.session.execute(select(last).where(among(last.c.original_id, ids))).all()
    )
    original = func.coalesce(Amendment.original_id, Rectification.record_id)
    amending = work.session.scalars(select(Amendment.record_id).where(among(Amendment.original_id, ids)))
    rows = work.session.execute(
        select(Rectification, original, func.coalesce(Amendment.ordinal, 0))
        .outerjoin(Amendment, Amendment.record_id == Rectification.record_id)
        .where(among(Rectification.record_id, [*ids, *amending]))
        .order_by(original, func.coalesce(Amendment.ordinal, 0), Rectification.id)
    ).all()
    said: dict[uuid.UUID, list[Rectification]] = defaultdict(list)
    asked: dict[uuid.UUID, set[tuple[object, ...]]] = defaultdict(set)
    for order, original_id, _ in rows:
        said[original_id].append(order)
        if order.record_id == standing.get(original_id, original_id):
            asked[original_id].add(_terms(order))
    withdrawn: list[Rectification] = []
    for original_id, orders in said.items():
        seen: set[tuple[object, ...]] = set()
        for order in orders:
            terms = _terms(order)
            reason = _REPEATED if terms in seen else None if terms in asked[original_id] else _NO_MORE
            if reason is not None and order.status == "open":
                order.status, order.note, order.edit_id = "withdrawn", order.note or reason, new_edit_id()
                withdrawn.append(order)
            elif order.status != "withdrawn":
                seen.add(terms)
    work.session.flush()
    follow_orders(work, withdrawn)
    announce(work, "rectifications", [(order.id, order.cell_id) for order in withdrawn])


def _terms(order: Rectification) -> tuple[object, ...]:
    return order.subject_kind, order.subject_id, order.demand, order.due_on
