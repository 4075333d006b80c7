"""R9: registered goods by what was decided and where they are, as known by a moment."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from server.access.models import Account
from server.custody.queries import (
    KnownLine,
    entries_known,
    lists_known,
    load_lines,
    store_keepers,
    stores_of,
)
from server.custody.rules import FIELD, GONE, nearing_until
from server.custody.showing import state_of
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.work import Work
from server.org.models import Squad

Unit = tuple[str, str]
"""A category and the base unit in which its goods are counted."""

NO_SQUAD = "（未注明中队）"


@dataclass(frozen=True, slots=True)
class Goods:
    """A line with the list that it is of and the state of its decision: decided, undecided, nearing or overdue."""

    known: KnownLine
    listed: Mapping[str, Any]
    state: str

    @property
    def unit(self) -> Unit:
        """What its quantities count."""
        return self.known.line.category, self.known.line.base_unit

    def figures(self) -> Counter[str]:
        """Every figure of the report that the line counts in, in its base unit."""
        book = self.known.book
        counted = Counter({name: sum(book.at(name).values()) for name in GONE})
        counted["registered"] = book.registered
        counted["not_in"] = book.places[FIELD]
        counted["taken_in"] = book.registered - book.places[FIELD]
        counted["out"] = sum(counted[name] for name in GONE)
        counted["held"] = book.held
        counted[self.state] += book.registered
        if self.state in ("nearing", "overdue"):
            counted["undecided"] += book.registered
        return counted


@dataclass(slots=True)
class Row:
    """The goods of one category in one unit, of a squad or a store; a store is not told of what is not in it."""

    group_id: uuid.UUID | None
    group: str
    unit: Unit
    keeper_id: uuid.UUID | None = None
    figures: Counter[str] = field(default_factory=Counter)
    lists: set[uuid.UUID] = field(default_factory=set)
    is_store: bool = False


@dataclass(frozen=True, slots=True)
class CustodyReport:
    """R9 of a moment. ``lists`` are figures of whole lists, ``by_squad`` the lists of each squad by their state."""

    as_of: datetime
    by: str
    rows: list[Row]
    totals: list[Row]
    lists: Counter[str]
    by_squad: list[tuple[str, Counter[str]]]


def goods_known(work: Work, as_of: datetime) -> list[Goods]:
    """Every line of the lists that the actor may see, as known by then."""
    known = lists_known(work.actor, as_of)
    listed = {row.id: dict(row._mapping) for row in work.session.execute(select(known))}
    today = as_of.astimezone(work.zone).date()
    near = nearing_until(today, load_workdays(work.session, work.bureau_id))
    goods = []
    for (list_id, _), line in load_lines(work, sorted(listed), as_of).items():
        own = listed[list_id] | {"undecided": int(line.book.decided is None)}
        goods.append(Goods(line, listed[list_id], state_of(own, today, near)))
    return goods


def custody_report(work: Work, as_of: datetime, by: str) -> CustodyReport:
    """R9 as of ``as_of``, with a row for each squad or for each store, category and unit."""
    goods = goods_known(work, as_of)
    squads = dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )
    by_squad = _by_squad(goods, squads)
    rows = by_squad if by == "squad" else _by_store(work, goods, as_of)
    states = _states_of_lists(goods)
    lists: Counter[str] = Counter({"total": len(states)})
    told: dict[str, Counter[str]] = {}
    holding = {one.known.list_id for one in goods if one.known.book.held}
    heads = {one.known.list_id: one.listed for one in goods}
    for list_id, state in states.items():
        head = heads[list_id]
        lists[state] += 1
        lists["undecided"] += state in ("nearing", "overdue")
        lists["provisional"] += state != "decided" and head["provisional"]
        lists["write_up_overdue"] += bool(head["write_up_due"] and head["write_up_due"] < as_of)
        told.setdefault(squads.get(head["squad_id"], NO_SQUAD), Counter())[state] += 1
    lists["holding"] = len(holding)
    return CustodyReport(as_of, by, rows, _totals(rows), lists, sorted(told.items()))


def items_behind(
    work: Work, as_of: datetime, figure: str, squad_id: uuid.UUID | None, category: str | None
) -> Iterator[dict[str, Any]]:
    """The lines that stand behind a figure, with how much each counts in it."""
    for one in goods_known(work, as_of):
        line, quantity = one.known.line, one.figures()[figure]
        if not quantity or (squad_id is not None and one.listed["squad_id"] != squad_id):
            continue
        if category is not None and line.category != category:
            continue
        yield {
            "list_id": one.known.list_id,
            "record_id": one.listed["record_id"],
            "squad_id": one.listed["squad_id"],
            "seq": line.seq,
            "category": line.category,
            "unit": line.base_unit,
            "quantity": quantity,
            "decide_by": one.listed["decide_by"],
            "provisional": one.listed["provisional"],
            "outcome": one.known.book.decided.outcome if one.known.book.decided else None,
        }


def _states_of_lists(goods: Iterable[Goods]) -> dict[uuid.UUID, str]:
    """A list is decided when all its lines are."""
    states: dict[uuid.UUID, str] = {}
    for one in goods:
        if states.get(one.known.list_id, "decided") == "decided":
            states[one.known.list_id] = one.state
    return states


def _by_squad(goods: Iterable[Goods], squads: Mapping[uuid.UUID, str]) -> list[Row]:
    rows: dict[tuple[str, Unit], Row] = {}
    for one in goods:
        squad_id = one.listed["squad_id"]
        name = squads.get(squad_id, NO_SQUAD)
        row = rows.setdefault((name, one.unit), Row(squad_id, name, one.unit))
        row.figures.update(one.figures())
        row.lists.add(one.known.list_id)
    return [row for _, row in sorted(rows.items(), key=lambda item: item[0])]


def _by_store(work: Work, goods: Iterable[Goods], as_of: datetime) -> list[Row]:
    units = {(one.known.list_id, one.known.line.seq): one.unit for one in goods}
    stores = {store.id: store for store in work.session.scalars(stores_of(work.bureau_id))}
    keepers = store_keepers(work, as_of)
    named = select(Account.id, Account.username).where(among(Account.id, sorted(set(keepers.values()))))
    names = dict(work.session.execute(named).all())
    rows: dict[tuple[str, Unit], Row] = {}
    for entry, _ in entries_known(work, sorted({list_id for list_id, _ in units}), as_of):
        ends = ((entry.to_store_id, "taken_in"), (entry.from_store_id, "out"))
        for store_id, figure in ends:
            # What goes to an appraisal and comes back stays with the store's keeper.
            if store_id is None or entry.from_store_id == entry.to_store_id:
                continue
            store, keeper_id = stores[store_id], keepers.get(store_id)
            unit = units[entry.list_id, entry.seq]
            name = f"{store.code} {store.name}（{names.get(keeper_id, '无') if keeper_id else '无'}）"
            row = rows.setdefault((name, unit), Row(store_id, name, unit, keeper_id, is_store=True))
            row.figures[figure] += entry.quantity
            row.figures["held"] += entry.quantity if figure == "taken_in" else -entry.quantity
            row.lists.add(entry.list_id)
    return [row for _, row in sorted(rows.items(), key=lambda item: item[0])]


def _totals(rows: Iterable[Row]) -> list[Row]:
    totals: dict[Unit, Row] = {}
    for row in rows:
        total = totals.setdefault(row.unit, Row(None, "合计", row.unit, is_store=row.is_store))
        total.figures.update(row.figures)
        total.lists |= row.lists
    return [totals[unit] for unit in sorted(totals)]
