"""Acts of custody: taking goods in, moving, sending out, handing back, transferring, destroying them, and correcting."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, column, insert, literal, select, update
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.dialects.postgresql import insert as upsert

from server.custody.keepers import check_keeper
from server.custody.models import (
    HELD_PLACES,
    CustodyAct,
    CustodyEntry,
    CustodyHolding,
    RegistrationList,
)
from server.custody.queries import (
    KnownLine,
    LineKey,
    current_editions,
    entries_of,
    find_store,
    lists_known,
    load_lines,
)
from server.custody.rules import ACT_NAMES, FIELD, MAX_FUTURE, STEPS, Entry, Place, fault_of_entry
from server.kernel.bulk import among, as_rows, recordset
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid, problem_at
from server.kernel.work import Work
from server.org.models import Person
from server.records.registered import base_amount
from server.records.units import CATEGORY_NAMES, UNIT_NAMES

EVENTS = {
    "take_in": "custody.taken_in",
    "move": "custody.moved",
    "send_out": "custody.sent_out",
    "bring_back": "custody.brought_back",
    "use_up": "custody.used_up",
    "hand_back": "custody.handed_back",
    "transfer": "custody.transferred",
    "destroy": "custody.destroyed",
    "correct": "custody.corrected",
}
WITNESSES = 2

_DELTA = recordset(
    "delta",
    [
        column("list_id", UUID(as_uuid=True)),
        column("seq", Integer),
        column("place", Text),
        column("store_id", UUID(as_uuid=True)),
        column("quantity", BigInteger),
    ],
)


class Moved(NamedTuple):
    """An entry of a line that is about to be written."""

    key: LineKey
    entry: Entry
    base_unit: str


def write_act(work: Work, given: Mapping[str, Any]) -> CustodyAct:
    """Write down what was done with goods, as the keeper of the store; ``given`` is a loaded ``CustodyActIn``.

    Quantities without one are all that is there, lists without a line all their lines.

    Raises:
        Problem: ``not_found``, ``invalid``; ``custody_not_keeper``, ``custody_own_case``; ``custody_short``,
            ``custody_over_registered``, ``custody_not_decided``, ``custody_out_of_order``, ``custody_number_taken``.
    """
    work.actor.must(Permission.CUSTODY_KEEP)
    kind = given["kind"]
    at = given["happened_at"] or work.now
    roots = hold_lists(work, [row["list_id"] for row in given["lines"]])
    if given["store_id"] is not None:
        find_store(work, given["store_id"])
    lines = load_lines(work, sorted(set(roots.values())))
    _check_moment(work, at, set(roots.values()))
    moved: list[Moved] = []
    for index, row in enumerate(given["lines"]):
        for known in _chosen(lines, roots[row["list_id"]], row, kind, f"/lines/{index}"):
            moved += _entries(work, kind, known, row, given, at, f"/lines/{index}")
    if not moved:
        raise problem_at(
            "/lines", "custody_short", f"没有可以{ACT_NAMES[kind]}的物品。Nothing there to be moved."
        )
    to_keeper_id = check_keeper(work, [one.entry for one in moved], {one.key[0] for one in moved})
    _check_people(work, given)
    return _write(work, given, moved, at, to_keeper_id)


def correct_act(work: Work, act_id: uuid.UUID, reason: str) -> CustodyAct:
    """Take an act back by another one that moves the same goods the other way; both stay.

    Raises:
        Problem: ``not_found``; ``custody_corrected``; ``custody_short`` where the goods are there no more; and those of
            the keeper, see ``write_act``.
    """
    work.actor.must(Permission.CUSTODY_KEEP)
    act = work.session.scalar(
        select(CustodyAct).where(CustodyAct.id == act_id, CustodyAct.bureau_id == work.bureau_id)
    )
    if act is None:
        raise Problem("not_found")
    corrected = select(CustodyAct.id).where(CustodyAct.corrects_id == act_id)
    if act.kind == "correct" or work.session.scalar(corrected) is not None:
        raise Problem("custody_corrected")
    entries = entries_of(work, [act_id])[act_id]
    hold_lists(work, [entry.list_id for entry in entries])
    lines = load_lines(work, sorted({entry.list_id for entry in entries}))
    moved: list[Moved] = []
    for entry in reversed(entries):
        known = lines[entry.list_id, entry.seq]
        back = Entry(
            Place(entry.to_place, entry.to_store_id),
            Place(entry.from_place, entry.from_store_id),
            entry.quantity,
        )
        moved.append(_sound(work, "correct", known, back, work.now, "/act_id"))
    check_keeper(work, [one.entry for one in moved], {one.key[0] for one in moved})
    given = {"kind": "correct", "corrects_id": act_id, "reason": reason}
    return _write(work, given, moved, work.now, None)


def hold_lists(work: Work, list_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Hold the lists, in one order, until the act is written: their roots by the ids given.

    Raises:
        Problem: ``not_found`` where one is not known to the actor.
    """
    wanted = sorted(set(list_ids))
    known = lists_known(work.actor)
    roots = dict(
        work.session.execute(
            select(RegistrationList.id, RegistrationList.root_id)
            .join(known, known.c.id == RegistrationList.root_id)
            .where(among(RegistrationList.id, wanted))
        ).all()
    )
    if missing := [list_id for list_id in wanted if list_id not in roots]:
        raise Problem("not_found", detail=f"没有先行登记清单 {missing[0]}。No such registration list.")
    held = work.session.scalars(
        select(RegistrationList.id)
        .where(among(RegistrationList.id, sorted(set(roots.values()))))
        .order_by(RegistrationList.id)
        .with_for_update(key_share=True)
    ).all()
    if len(held) < len(set(roots.values())):
        raise Problem("not_found", detail="被更正的清单尚未收到。The list that is amended has not come yet.")
    return roots


def _check_moment(work: Work, at: datetime, roots: set[uuid.UUID]) -> None:
    edition = current_editions(work.bureau_id, None)
    latest = max(
        work.session.scalars(select(edition.c.registered_at).where(among(edition.c.root_id, sorted(roots))))
    )
    if at > work.now + MAX_FUTURE:
        raise problem_at("/happened_at", "custody_out_of_order", "时间还没有到。The moment has not come.")
    if at < latest:
        said = latest.astimezone(work.zone).strftime("%Y-%m-%d %H:%M")
        detail = f"时间早于清单登记的时间{said}。Earlier than the goods were registered."
        raise problem_at("/happened_at", "custody_out_of_order", detail)


def _chosen(
    lines: Mapping[LineKey, KnownLine], root_id: uuid.UUID, row: Mapping[str, Any], kind: str, path: str
) -> list[KnownLine]:
    """The line that is named, or every line of the list of which something is where the act takes it from."""
    own = [known for (list_id, _), known in lines.items() if list_id == root_id]
    if row["seq"] is None:
        if row["quantity"] is not None:
            raise invalid(f"{path}/seq", "line_needed", "写明数量时须写明行号。A quantity needs its line.")
        return [known for known in own if known.book.at(STEPS[kind].source)]
    chosen = [known for known in own if known.line.seq == row["seq"]]
    if not chosen:
        raise invalid(f"{path}/seq", "line_unknown", f"清单没有第{row['seq']}行。The list has no such line.")
    return chosen


def _entries(
    work: Work,
    kind: str,
    known: KnownLine,
    row: Mapping[str, Any],
    given: Mapping[str, Any],
    at: datetime,
    path: str,
) -> list[Moved]:
    step, book, line = STEPS[kind], known.book, known.line
    if step.source == "field":
        sources = [FIELD]
    else:
        there = book.at(step.source)
        wanted = given["from_store_id"]
        sources = sorted(place for place in there if wanted is None or place.store_id == wanted)
        if len(sources) > 1 and row["quantity"] is not None:
            detail = f"第{line.seq}行分存多处，请写明从哪个库转出。The line lies in several stores: name one."
            raise invalid("/from_store_id", "store_needed", detail)
        if not sources:
            name = f"{_told(known)}不在可以{ACT_NAMES[kind]}的地方。Nothing of it is there."
            raise problem_at(path, "custody_short", name)
    moved: list[Moved] = []
    for source in sources:
        quantity = _quantity(known, row, path)
        if quantity is None:
            quantity = book.places[source]
        store_id = given["store_id"] or source.store_id
        target = Place(step.target, store_id if step.target in HELD_PLACES else None)
        if step.target == "appraisal":
            # The store's keeper goes on answering for what is away.
            target = Place(step.target, source.store_id)
        if target == source:
            raise invalid("/store_id", "same_store", "转入与转出是同一个库。It is in that store already.")
        if not quantity:
            raise problem_at(
                path, "custody_short", f"{_told(known)}没有可以{ACT_NAMES[kind]}的数量。Nothing is there."
            )
        moved.append(_sound(work, kind, known, Entry(source, target, quantity), at, path))
    return moved


def _quantity(known: KnownLine, row: Mapping[str, Any], path: str) -> int | None:
    """The quantity asked for in the line's base unit.

    Raises:
        Problem: ``invalid`` for a unit in which such goods are not counted.
    """
    if row["quantity"] is None:
        return None
    unit = row["unit"] or known.line.base_unit
    count, base_unit = base_amount(known.line.category, row["quantity"], unit)
    if base_unit != known.line.base_unit:
        name = UNIT_NAMES.get(unit, unit)
        raise invalid(
            f"{path}/unit", "unit_of_line", f"该行不能以“{name}”计量。The line is not counted in it."
        )
    return count


def _sound(work: Work, kind: str, known: KnownLine, entry: Entry, at: datetime, path: str) -> Moved:
    """Take the entry down in the line's book. Raises a Problem where the rules refuse it."""
    unit = UNIT_NAMES.get(known.line.base_unit, known.line.base_unit)
    day = at.astimezone(work.zone).date()
    fault = fault_of_entry(kind, known.book, entry, at, day, told=_told(known), unit=unit)
    if fault is not None:
        raise problem_at(path, fault.code, fault.detail)
    known.book.enter(entry, at)
    return Moved((known.list_id, known.line.seq), entry, known.line.base_unit)


def _told(known: KnownLine) -> str:
    name = CATEGORY_NAMES.get(known.line.category, known.line.category)
    return f"第{known.line.seq}行（{name}）"


def _check_people(work: Work, given: Mapping[str, Any]) -> None:
    """Whoever is named is of the bureau; witnesses are two others than the keeper."""
    witnesses = set(given["witness_ids"])
    named = {*witnesses, *([given["person_id"]] if given["person_id"] else [])}
    known = set(
        work.session.scalars(
            select(Person.id).where(among(Person.id, sorted(named)), Person.bureau_id == work.bureau_id)
        )
    )
    if named - known:
        path = "/witness_ids" if witnesses - known else "/person_id"
        raise invalid(path, "person_unknown", "没有这名人员。No such person.")
    if given["kind"] == "destroy" and len(witnesses - {work.actor.person_id}) < WITNESSES:
        detail = f"销毁须有保管员以外至少{WITNESSES}名监销人。A destruction needs {WITNESSES} witnesses besides the keeper."
        raise invalid("/witness_ids", "witnesses_needed", detail)


def _write(
    work: Work, given: Mapping[str, Any], moved: Sequence[Moved], at: datetime, to_keeper_id: uuid.UUID | None
) -> CustodyAct:
    assert work.actor.account_id is not None
    act = CustodyAct(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        kind=given["kind"],
        happened_at=at,
        keeper_id=work.actor.account_id,
        to_keeper_id=to_keeper_id,
        seal_nos=given.get("seal_nos", []),
        witness_ids=list(dict.fromkeys(given.get("witness_ids", []))),
        witness_units=given.get("witness_units", []),
        known_at=work.now,
        **{
            name: given.get(name)
            for name in ("person_id", "to_unit", "place", "document_no", "corrects_id", "reason")
        },
    )
    work.session.add(act)
    work.session.flush()
    work.session.execute(
        insert(table_of(CustodyEntry)),
        [
            {
                "bureau_id": work.bureau_id,
                "act_id": act.id,
                "ordinal": ordinal,
                "list_id": one.key[0],
                "seq": one.key[1],
                "quantity": one.entry.quantity,
                "base_unit": one.base_unit,
                "from_place": one.entry.source.name,
                "from_store_id": one.entry.source.store_id,
                "to_place": one.entry.target.name,
                "to_store_id": one.entry.target.store_id,
            }
            for ordinal, one in enumerate(moved, start=1)
        ],
    )
    _keep_holdings(work, moved)
    lists = sorted({one.key[0] for one in moved})
    record_event(work, EVENTS[act.kind], [act.id, *lists], document_no=act.document_no)
    return act


def _keep_holdings(work: Work, moved: Sequence[Moved]) -> None:
    """Add to and take from what is held. The database refuses a holding below nothing, whoever wrote it."""
    deltas: Counter[tuple[LineKey, Place]] = Counter()
    for one in moved:
        deltas[one.key, one.entry.source] -= one.entry.quantity
        deltas[one.key, one.entry.target] += one.entry.quantity
    rows = [
        {
            "list_id": str(key[0]),
            "seq": key[1],
            "place": place.name,
            "store_id": str(place.store_id),
            "quantity": quantity,
        }
        for (key, place), quantity in deltas.items()
        if place.name in HELD_PLACES and quantity
    ]
    if not rows:
        return
    table, given = table_of(CustodyHolding), {"delta_rows": as_rows(rows)}
    names = ("list_id", "seq", "place", "store_id")
    bureau = literal(work.bureau_id, UUID(as_uuid=True))
    nothing = select(bureau, *(_DELTA.c[name] for name in names), literal(0, BigInteger))
    fresh = upsert(table).from_select(["bureau_id", *names, "quantity"], nothing).on_conflict_do_nothing()
    work.session.execute(fresh, given)
    work.session.execute(
        update(table)
        .where(and_(*(table.c[name] == _DELTA.c[name] for name in names)))
        .values(quantity=table.c.quantity + _DELTA.c.quantity),
        given,
    )
