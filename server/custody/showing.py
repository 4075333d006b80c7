"""What is told of registration lists, acts and stores, alike over HTTP and on the command line."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, select

from server.custody.models import CustodyAct, StoreHandOver, Valuation, ValuationLine
from server.custody.queries import entries_of, find_list, lists_known, load_lines, store_keepers, stores_of
from server.custody.rules import nearing_until
from server.kernel.calendar import load_workdays
from server.kernel.work import Work


def state_of(row: Mapping[str, Any], today: Any, near: Any) -> str:
    """``decided``, ``overdue``, ``nearing`` or ``undecided``, on a local day with its near last day."""
    if not row["undecided"]:
        return "decided"
    if row["decide_by"] < today:
        return "overdue"
    return "nearing" if row["decide_by"] <= near else "undecided"


def in_state(work: Work, known: FromClause, state: str) -> ColumnElement[bool]:
    """Whether a known list is in a state now; ``undecided`` are all on which it is not decided."""
    today = work.now.astimezone(work.zone).date()
    column = known.c
    if state == "decided":
        return column.undecided == 0
    if state == "write_up_overdue":
        return column.write_up_due < work.now
    if state == "overdue":
        return and_(column.undecided > 0, column.decide_by < today)
    if state == "nearing":
        near = nearing_until(today, load_workdays(work.session, work.bureau_id))
        return and_(column.undecided > 0, column.decide_by.between(today, near))
    return column.undecided > 0


def lists_query(work: Work, state: str | None, squad_id: uuid.UUID | None) -> tuple[Select[Any], FromClause]:
    """The lists that the actor may see, and what their columns are of."""
    known = lists_known(work.actor)
    query = select(known)
    if state is not None:
        query = query.where(in_state(work, known, state))
    if squad_id is not None:
        query = query.where(known.c.squad_id == squad_id)
    return query, known


def with_states(work: Work, rows: list[Any]) -> list[dict[str, Any]]:
    """Rows of ``lists_query`` with the state of each."""
    today = work.now.astimezone(work.zone).date()
    near = nearing_until(today, load_workdays(work.session, work.bureau_id))
    told = [dict(row._mapping) for row in rows]
    return [row | {"state": state_of(row, today, near)} for row in told]


def whole_list(work: Work, list_id: uuid.UUID) -> dict[str, Any]:
    """One list with its lines, where their goods are and what they are worth.

    Raises:
        Problem: ``not_found``.
    """
    root_id = find_list(work, list_id)
    query, known = lists_query(work, None, None)
    (told,) = with_states(work, list(work.session.execute(query.where(known.c.id == root_id))))
    sheet = work.session.scalar(
        select(Valuation)
        .where(Valuation.list_id == root_id, Valuation.bureau_id == work.bureau_id)
        .order_by(Valuation.known_at.desc(), Valuation.id.desc())
        .limit(1)
    )
    prices: dict[int, ValuationLine] = {}
    if sheet is not None:
        priced = select(ValuationLine).where(ValuationLine.valuation_id == sheet.id)
        prices = {line.seq: line for line in work.session.scalars(priced)}
    goods = [
        _line_told(known.line, known.book, prices.get(seq))
        for (_, seq), known in load_lines(work, [root_id]).items()
    ]
    return told | {
        "goods": goods,
        "valued_on": sheet.valued_on if sheet else None,
        "total_fen": sum(line["total_fen"] or 0 for line in goods) if sheet else None,
        "unpriced": sum(line["total_fen"] is None for line in goods),
    }


def _line_told(line: Any, book: Any, price: ValuationLine | None) -> dict[str, Any]:
    names = (
        "seq", "category", "product_spec", "barcode", "quantity", "unit", "base_quantity", "base_unit", "condition",
        "packaging",
    )  # fmt: skip
    return {
        **{name: getattr(line, name) for name in names},
        "base_quantity": book.registered,
        "outcome": book.decided.outcome if book.decided else None,
        "decided_on": book.decided.decided_on if book.decided else None,
        "held": book.held,
        "places": [
            {"place": place.name, "store_id": place.store_id, "quantity": quantity}
            for place, quantity in sorted(
                book.places.items(), key=lambda item: (item[0].name, str(item[0].store_id))
            )
            if quantity
        ],
        **{
            name: getattr(price, name) if price else None
            for name in ("price_fen", "price_unit", "price_basis", "total_fen")
        },
    }


def act_told(work: Work, act: CustodyAct) -> dict[str, Any]:
    """An act with its entries."""
    return acts_told(work, [act])[0]


def acts_told(work: Work, acts: list[CustodyAct], of_list: uuid.UUID | None = None) -> list[dict[str, Any]]:
    """Acts with their entries: all of them, or those of one list, by its root."""
    entries = entries_of(work, [act.id for act in acts])
    columns = [column.key for column in CustodyAct.__mapper__.column_attrs]
    return [
        {
            **{name: getattr(act, name) for name in columns},
            "entries": [one for one in entries[act.id] if of_list in (None, one.list_id)],
        }
        for act in acts
    ]


def stores_told(work: Work) -> list[dict[str, Any]]:
    """The stores with who answers for them and whom they are offered to."""
    keepers = store_keepers(work)
    newest: dict[uuid.UUID, StoreHandOver] = {}
    for offer in work.session.scalars(
        select(StoreHandOver)
        .where(StoreHandOver.bureau_id == work.bureau_id)
        .order_by(StoreHandOver.known_at, StoreHandOver.id)
    ):
        newest[offer.store_id] = offer
    told = []
    for store in sorted(work.session.scalars(stores_of(work.bureau_id)), key=lambda one: one.code):
        waits = newest.get(store.id)
        if waits is not None and waits.to_account_id == keepers.get(store.id):
            waits = None
        told.append(
            {
                "id": store.id,
                "code": store.code,
                "name": store.name,
                "keeper_id": keepers.get(store.id),
                "offered_id": waits.id if waits else None,
                "offered_to_id": waits.to_account_id if waits else None,
            }
        )
    return told
