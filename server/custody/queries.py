"""Reads of registration lists and of what is held, as known by a moment, from what the actor may see."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Subquery,
    and_,
    case,
    func,
    null,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.vocabulary import PaperKind
from server.custody.models import (
    CustodyAct,
    CustodyDecision,
    CustodyDecisionLine,
    CustodyEntry,
    CustodyHolding,
    CustodyStore,
    HandOverAcknowledgement,
    RegistrationDeadline,
    RegistrationLine,
    RegistrationList,
    RegistrationWriteUp,
    StoreHandOver,
)
from server.custody.rules import Decided, Entry, LineBook, Place
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.records.models import Amendment, Record, RecordOfficer
from server.records.queries import visible_to as visible_records

Known = datetime | None
"""As known by this moment; ``None`` is now."""

LineKey = tuple[uuid.UUID, int]
"""The root of a list and the number of a line."""


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line as the list that holds tells it, and where its goods are.

    A line that an amendment left out is told as it was, with nothing registered.
    """

    list_id: uuid.UUID
    line: RegistrationLine
    book: LineBook


def _by(known_at: SQLColumnExpression[datetime], as_of: Known) -> ColumnElement[bool]:
    return true() if as_of is None else known_at <= as_of


def newest_deadlines(bureau_id: uuid.UUID, as_of: Known) -> Subquery:
    """``list_id``, ``decide_by``, ``provisional``: the one that holds of each list of the bureau."""
    one = RegistrationDeadline
    return (
        select(one.list_id, one.decide_by, one.provisional)
        .ext(distinct_on(one.list_id))
        .where(one.bureau_id == bureau_id, _by(one.known_at, as_of))
        .order_by(one.list_id, one.known_at.desc(), one.id.desc())
        .subquery("deadline")
    )


def current_editions(bureau_id: uuid.UUID, as_of: Known) -> Subquery:
    """The list that holds of each root: the amendment made last, of the valid ones if there are any.

    One that whoever was not entitled wrote never holds.
    """
    one = RegistrationList
    refused = select(Amendment.record_id).where(
        Amendment.record_id == one.id, ~Amendment.stands, _by(Amendment.known_at, as_of)
    )
    return (
        select(one)
        .ext(distinct_on(one.root_id))
        .where(one.bureau_id == bureau_id, _by(one.known_at, as_of), ~refused.exists())
        .order_by(
            one.root_id,
            one.valid.desc(),
            one.amends_id.is_not(None).desc(),
            one.made_at.desc(),
            one.id.desc(),
        )
        .subquery("edition")
    )


def lists_known(actor: Actor, as_of: Known = None) -> Subquery:
    """Each list that the actor may see, by its root's ``id``, with what is told of it in lists and reports.

    ``record_id`` is the edition that holds. ``lines`` and ``undecided`` count its lines; ``write_up_due`` is null where
    the approval was given in writing or is written up.
    """
    edition = current_editions(actor.bureau_id, as_of)
    deadline = newest_deadlines(actor.bureau_id, as_of)
    decided = (
        select(CustodyDecisionLine.list_id, CustodyDecisionLine.seq)
        .distinct()
        .join(CustodyDecision, CustodyDecision.id == CustodyDecisionLine.decision_id)
        .where(CustodyDecision.bureau_id == actor.bureau_id, _by(CustodyDecision.known_at, as_of))
        .subquery("decided")
    )
    counts = (
        select(
            RegistrationLine.list_id,
            func.count().label("lines"),
            func.count().filter(decided.c.seq.is_(None)).label("undecided"),
        )
        .join(RegistrationList, RegistrationList.id == RegistrationLine.list_id)
        .outerjoin(
            decided,
            and_(decided.c.list_id == RegistrationList.root_id, decided.c.seq == RegistrationLine.seq),
        )
        .where(RegistrationLine.bureau_id == actor.bureau_id)
        .group_by(RegistrationLine.list_id)
        .subquery("counts")
    )
    write_up = (
        select(RegistrationWriteUp.list_id, RegistrationWriteUp.approval_no)
        .where(RegistrationWriteUp.bureau_id == actor.bureau_id, _by(RegistrationWriteUp.known_at, as_of))
        .subquery("write_up")
    )
    known = (
        select(
            edition.c.root_id.label("id"),
            edition.c.id.label("record_id"),
            edition.c.inspection_id,
            edition.c.squad_id,
            edition.c.cell_id,
            edition.c.registered_at,
            edition.c.keep_mode,
            edition.c.approval_channel,
            func.coalesce(edition.c.approval_no, write_up.c.approval_no).label("approval_no"),
            case((write_up.c.list_id.is_not(None), null()), else_=edition.c.write_up_due).label(
                "write_up_due"
            ),
            edition.c.valid,
            deadline.c.decide_by,
            deadline.c.provisional,
            func.coalesce(counts.c.lines, 0).label("lines"),
            func.coalesce(counts.c.undecided, 0).label("undecided"),
        )
        .join(deadline, deadline.c.list_id == edition.c.id)
        .outerjoin(counts, counts.c.list_id == edition.c.id)
        .outerjoin(write_up, write_up.c.list_id == edition.c.root_id)
    )
    if not actor.reaches_bureau(Permission.CUSTODY_READ):
        known = known.where(edition.c.id.in_(visible_records(actor).with_only_columns(Record.id)))
    return known.subquery("known")


def lists_numbered(actor: Actor, as_of: Known = None) -> Subquery:
    """The same with ``subject_id``, whose goods they were, and ``number``, the official one of the list; either may be
    null.
    """
    known = lists_known(actor, as_of)
    number = Record.numbers[PaperKind.REGISTRATION_LIST.value].astext.label("number")
    lists = select(known, Record.subject_id, number).join(Record, Record.id == known.c.record_id)
    return lists.subquery("numbered")


def find_list(work: Work, list_id: uuid.UUID) -> uuid.UUID:
    """The root of a list that the actor may see, by the id of any of its editions.

    Raises:
        Problem: ``not_found``.
    """
    known = lists_known(work.actor)
    found = work.session.scalar(
        select(known.c.id)
        .join(RegistrationList, RegistrationList.root_id == known.c.id)
        .where(RegistrationList.id == list_id)
    )
    if found is None:
        raise Problem("not_found")
    root: uuid.UUID = found
    return root


def load_lines(work: Work, list_ids: Sequence[uuid.UUID], as_of: Known = None) -> dict[LineKey, KnownLine]:
    """The lines of the lists (by their roots) with what was decided and where their goods are, in order."""
    current = current_editions(work.bureau_id, as_of)
    rows = work.session.execute(
        select(
            RegistrationLine,
            RegistrationList.root_id,
            (current.c.id == RegistrationLine.list_id).label("holds"),
        )
        .join(RegistrationList, RegistrationList.id == RegistrationLine.list_id)
        .join(current, current.c.root_id == RegistrationList.root_id)
        .where(
            among(RegistrationList.root_id, list_ids),
            RegistrationList.bureau_id == work.bureau_id,
            _by(RegistrationList.known_at, as_of),
        )
        .order_by(RegistrationList.root_id, RegistrationLine.seq, "holds", RegistrationList.known_at)
    )
    entries = list(entries_known(work, list_ids, as_of))
    entered = {(entry.list_id, entry.seq) for entry, _ in entries}
    lines: dict[LineKey, KnownLine] = {}
    for line, root_id, holds in rows:
        key = (root_id, line.seq)
        # The edition that holds comes last; a line that it left out is told only while its goods were in custody.
        if holds or key in entered:
            lines[key] = KnownLine(root_id, line, LineBook(line.base_quantity if holds else 0))
    for key, decided in _decisions(work, list_ids, as_of):
        if key in lines:
            lines[key].book.decided = decided
    for entry, happened_at in entries:
        source, target = (
            Place(entry.from_place, entry.from_store_id),
            Place(entry.to_place, entry.to_store_id),
        )
        lines[entry.list_id, entry.seq].book.enter(Entry(source, target, entry.quantity), happened_at)
    return lines


def _decisions(work: Work, list_ids: Sequence[uuid.UUID], as_of: Known) -> Iterator[tuple[LineKey, Decided]]:
    """What was decided on each line, the oldest first."""
    rows = work.session.execute(
        select(
            CustodyDecisionLine.list_id,
            CustodyDecisionLine.seq,
            CustodyDecision.outcome,
            CustodyDecision.decided_on,
        )
        .join(CustodyDecision, CustodyDecision.id == CustodyDecisionLine.decision_id)
        .where(among(CustodyDecisionLine.list_id, list_ids), _by(CustodyDecision.known_at, as_of))
        .order_by(CustodyDecision.known_at, CustodyDecision.id)
    )
    for list_id, seq, outcome, decided_on in rows:
        yield (list_id, seq), Decided(outcome, decided_on)


def entries_known(
    work: Work, list_ids: Sequence[uuid.UUID], as_of: Known
) -> Iterator[tuple[CustodyEntry, datetime]]:
    """What the acts moved, in the order in which they were written down."""
    rows = work.session.execute(
        select(CustodyEntry, CustodyAct.happened_at)
        .join(CustodyAct, CustodyAct.id == CustodyEntry.act_id)
        .where(among(CustodyEntry.list_id, list_ids), _by(CustodyAct.known_at, as_of))
        .order_by(CustodyAct.known_at, CustodyAct.id, CustodyEntry.ordinal)
    )
    yield from rows


def officers_of(work: Work, list_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, set[uuid.UUID]]:
    """By root: everybody who signed a list or the inspection that it belongs to, as first written or amended."""
    of_lists = among(RegistrationList.root_id, list_ids)
    root, inspection = RegistrationList.root_id, RegistrationList.inspection_id
    records = union(
        select(root, RegistrationList.id.label("record_id")).where(of_lists),
        select(root, inspection.label("record_id")).where(of_lists),
        select(root, Amendment.record_id)
        .join(Amendment, Amendment.original_id == inspection)
        .where(of_lists),
        select(root, Amendment.original_id)
        .join(Amendment, Amendment.record_id == inspection)
        .where(of_lists),
    ).subquery("records")
    rows = work.session.execute(
        select(records.c.root_id, RecordOfficer.person_id)
        .join(RecordOfficer, RecordOfficer.record_id == records.c.record_id)
        .where(RecordOfficer.bureau_id == work.bureau_id, RecordOfficer.person_id.is_not(None))
    )
    officers: dict[uuid.UUID, set[uuid.UUID]] = {list_id: set() for list_id in list_ids}
    for root_id, person_id in rows:
        officers[root_id].add(person_id)
    return officers


def store_keepers(work: Work, as_of: Known = None) -> dict[uuid.UUID, uuid.UUID]:
    """By store, the account of whoever acknowledged it last; a store that nobody acknowledged yet is not in it."""
    rows = work.session.execute(
        select(StoreHandOver.store_id, StoreHandOver.to_account_id)
        .ext(distinct_on(StoreHandOver.store_id))
        .join(HandOverAcknowledgement, HandOverAcknowledgement.hand_over_id == StoreHandOver.id)
        .where(StoreHandOver.bureau_id == work.bureau_id, _by(HandOverAcknowledgement.known_at, as_of))
        .order_by(StoreHandOver.store_id, HandOverAcknowledgement.known_at.desc(), StoreHandOver.id.desc())
    )
    return dict(rows.all())


def stores_of(bureau_id: uuid.UUID) -> Select[CustodyStore]:
    """The bureau's stores."""
    return select(CustodyStore).where(CustodyStore.bureau_id == bureau_id)


def find_store(work: Work, store_id: uuid.UUID) -> CustodyStore:
    """A store of the bureau.

    Raises:
        Problem: ``not_found``.
    """
    store = work.session.scalar(stores_of(work.bureau_id).where(CustodyStore.id == store_id))
    if store is None:
        raise Problem("not_found")
    return store


def held_in_store(work: Work, store_id: uuid.UUID) -> list[dict[str, Any]]:
    """What a store holds and answers for now: rows of list, line, place and quantity, in order."""
    rows = work.session.execute(
        select(CustodyHolding.list_id, CustodyHolding.seq, CustodyHolding.place, CustodyHolding.quantity)
        .where(
            CustodyHolding.bureau_id == work.bureau_id,
            CustodyHolding.store_id == store_id,
            CustodyHolding.quantity > 0,
        )
        .order_by(CustodyHolding.list_id, CustodyHolding.seq, CustodyHolding.place)
    )
    return [
        {"list_id": str(row.list_id), "seq": row.seq, "place": row.place, "quantity": row.quantity}
        for row in rows
    ]


def acts_of(bureau_id: uuid.UUID, list_id: uuid.UUID) -> Select[CustodyAct]:
    """The acts on goods of a list, by its root."""
    touched = select(CustodyEntry.act_id).where(CustodyEntry.list_id == list_id)
    return select(CustodyAct).where(CustodyAct.bureau_id == bureau_id, CustodyAct.id.in_(touched))


def entries_of(work: Work, act_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[CustodyEntry]]:
    """The entries of the acts, by act."""
    entries: dict[uuid.UUID, list[CustodyEntry]] = {act_id: [] for act_id in act_ids}
    for entry in work.session.scalars(
        select(CustodyEntry)
        .where(among(CustodyEntry.act_id, act_ids))
        .order_by(CustodyEntry.act_id, CustodyEntry.ordinal)
    ):
        entries[entry.act_id].append(entry)
    return entries
