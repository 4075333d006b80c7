"""Writing the grid: cells, duty, and carrying dates out into scope."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Date,
    Text,
    case,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import UUID, Range
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from server.grids.duty_plans import Holder, Stage
from server.grids.models import Duty, DutyFact, GridCell, Scope, ScopeApplied, ScopeGrant
from server.kernel.bulk import among, as_rows, id_array, recordset
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person, Secondment, Squad, SquadMember
from sync import feed

# (person, squad, cell); no squad where the cell is granted to the person alone.
Grant = tuple[uuid.UUID, uuid.UUID | None, uuid.UUID]
Grants = set[Grant]

_UUID = UUID(as_uuid=True)
_BEGINS = recordset("begins", [column("cell_id", _UUID), column("from_day", Date)])
_SEEN = recordset("seen", [column("id", _UUID), column("cell_id", _UUID), column("person_id", _UUID)])


def announce(work: Work, collection: str, pairs: Iterable[tuple[uuid.UUID, uuid.UUID | None]]) -> None:
    """Tell whoever sees each cell to look at the documents again: pairs of (document id, cell id).

    The cells' rows are held FOR KEY SHARE until commit, so that no grant or revoke of a cell runs between a
    document's write and its place in the feed. Documents without a cell are nobody's in the field yet.
    """
    placed = {(document, cell) for document, cell in pairs if cell is not None}
    if not placed:
        return
    cells = sorted({cell for _, cell in placed})
    hold_cells(work.session, cells)
    feed.remember(work.session, work.bureau_id, collection, [(cell, document) for document, cell in placed])
    item = select(
        func.unnest(id_array(document for document, _ in placed)).label("id"),
        func.unnest(id_array(cell for _, cell in placed)).label("cell_id"),
    ).cte("item")
    # Through its squad, or by a grant of one's own.
    principal = case(
        (Scope.squad_id.is_not(None), func.concat("squad:", cast(Scope.squad_id, Text))),
        else_=func.concat("officer:", cast(Scope.person_id, Text)),
    )
    seen_by = (
        select(principal.label("principal"), Scope.cell_id)
        .where(among(Scope.cell_id, cells))
        .distinct()
        .cte("seen_by")
    )
    feed.touch_from(
        work.session,
        work.bureau_id,
        collection,
        select(seen_by.c.principal, item.c.id).join(item, item.c.cell_id == seen_by.c.cell_id).distinct(),
    )


def announce_to(work: Work, seen: Iterable[tuple[uuid.UUID, uuid.UUID | None, uuid.UUID]]) -> None:
    """Tell the people on records, who see them wherever they lie: (record id, cell id, person id), after ``announce``.

    Whoever sees the cell today is told by ``announce`` and would only get the document twice; should he leave his
    squad, what its feed told him is passed on to his own (see ``_carry_out``).
    """
    rows = [{"id": record, "cell_id": cell, "person_id": person} for record, cell, person in set(seen)]
    if not rows:
        return
    sees = select(Scope.cell_id).where(Scope.person_id == _SEEN.c.person_id, Scope.cell_id == _SEEN.c.cell_id)
    principal = func.concat("officer:", cast(_SEEN.c.person_id, Text)).label("principal")
    feed.touch_from(
        work.session,
        work.bureau_id,
        "records",
        select(principal, _SEEN.c.id).where(~sees.exists()),
        {"seen_rows": as_rows(rows)},
    )


def hold_cells(session: Session, cells: Sequence[uuid.UUID]) -> None:
    """Hold the cells' rows against grants and revokes, in one order."""
    session.execute(
        select(GridCell.id)
        .where(among(GridCell.id, cells))
        .order_by(GridCell.id)
        .with_for_update(read=True, key_share=True)
    )


def claim_cells(session: Session, cells: Sequence[uuid.UUID]) -> None:
    """Hold the cells' rows for a grant or revoke, against everybody who writes in them, in one order."""
    session.execute(select(GridCell.id).where(GridCell.id.in_(cells)).order_by(GridCell.id).with_for_update())


def assign_duty(
    work: Work, cell_ids: Sequence[uuid.UUID], squad_id: uuid.UUID, lead_person_id: uuid.UUID, from_day: date
) -> int:
    """Make a squad and a lead officer responsible for cells from any day on, past ones too; returns the number of cells.

    This is how a bureau's first duties and the past of the demo city are written down, by the clock of that time. What
    people decide goes through ``duty_changes.change_duty``, which asks more.

    Raises:
        Problem: ``not_found`` for a cell that is no leaf of the bureau, a squad or a person of another bureau;
            ``conflict``, see ``claim_duty``.
    """
    wanted = sorted(set(cell_ids))
    known = work.session.scalars(
        select(GridCell.id).where(
            GridCell.id.in_(wanted), GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4
        )
    ).all()
    if missing := set(wanted) - set(known):
        raise Problem(
            "not_found", detail=f"没有这些末级网格：{sorted(map(str, missing))[:5]}。No such leaf cells."
        )
    check_squad(work, squad_id)
    lead = work.session.scalar(
        select(Person.kind).where(Person.id == lead_person_id, Person.bureau_id == work.bureau_id)
    )
    if lead != "officer":
        raise not_an_officer("/lead_person_id")
    claim_duty(work, wanted)
    stage = Stage(from_day, Holder(squad_id, lead_person_id))
    write_duty(work, {cell: [stage] for cell in wanted}, None)
    record_event(work, "duty.assigned", wanted, squad_id=str(squad_id), from_day=from_day.isoformat())
    apply_due_scope(work, changed=True)
    return len(wanted)


def check_squad(work: Work, squad_id: uuid.UUID) -> None:
    """Raises:
    Problem: ``not_found`` for a squad that is none of the bureau's.
    """
    known = select(Squad.id).where(Squad.id == squad_id, Squad.bureau_id == work.bureau_id)
    if work.session.scalar(known) is None:
        raise Problem("not_found", detail="没有这个中队。No such squad.")


def not_an_officer(path: str) -> Problem:
    """The refusal of a lead who may not inspect."""
    return invalid(path, "not_an_officer", "责任人须为执法人员。The lead has to be an officer.")


def claim_duty(work: Work, cells: Sequence[uuid.UUID]) -> None:
    """Hold cells so that nobody else says who answers for them until commit.

    Raises:
        Problem: ``conflict``, see ``refuse_overtaken``.
    """
    # Whoever carries out a day takes his turn first and the cells then; in another order the two would deadlock.
    await_turn(work)
    claim_cells(work.session, cells)
    refuse_overtaken(work, cells)


def refuse_overtaken(work: Work, cells: Sequence[uuid.UUID]) -> None:
    """Refuse who waited for another, whose word became known later than his own request: he decided without knowing of
    it, and his own word would be the last in ``duty`` and not in the facts.

    Raises:
        Problem: ``conflict``.
    """
    later = select(DutyFact.id).where(among(DutyFact.cell_id, cells), DutyFact.known_at > work.now)
    if work.session.scalar(select(later.exists())):
        raise Problem("conflict")


def write_duty(work: Work, stages: Mapping[uuid.UUID, Sequence[Stage]], change_id: uuid.UUID | None) -> None:
    """Say who answers for cells: of each its stages in order, which replace whatever was to hold from the first on.

    The cells are held by ``claim_duty``.
    """
    begins = {
        "begins_rows": as_rows(
            [{"cell_id": cell, "from_day": said[0].from_day} for cell, said in stages.items()]
        )
    }
    of_cell, lower = Duty.cell_id == _BEGINS.c.cell_id, func.lower(Duty.valid)
    quickly = {"synchronize_session": False}
    gone = delete(Duty).where(of_cell, lower >= _BEGINS.c.from_day)
    work.session.execute(gone, begins, execution_options=quickly)
    ended = update(Duty).where(of_cell, Duty.valid.op("@>")(_BEGINS.c.from_day))
    ended = ended.values(valid=func.daterange(lower, _BEGINS.c.from_day))
    work.session.execute(ended, begins, execution_options=quickly)
    spans: list[dict[str, Any]] = []
    facts: list[dict[str, Any]] = []
    for cell, said in sorted(stages.items()):
        ends = [*(stage.from_day for stage in said[1:]), None]
        for (from_day, holder), until in zip(said, ends, strict=True):
            row = {
                "id": new_id(work.now),
                "bureau_id": work.bureau_id,
                "cell_id": cell,
                "squad_id": holder.squad_id if holder else None,
                "lead_person_id": holder.lead_person_id if holder else None,
                "known_at": work.now,
            }
            facts.append({**row, "from_day": from_day, "change_id": change_id})
            if holder is not None:
                spans.append({**row, "valid": Range(from_day, until)})
    if spans:
        work.session.execute(insert(Duty), spans)
    # In this order, for ``seq`` tells which of one moment was said last.
    work.session.execute(insert(DutyFact), facts)
    work.wrote("duty_fact", stages)


def day_carried_out(work: Work) -> date | None:
    """The day whose duty and membership ``scope`` carries, ``None`` before the first."""
    return work.session.scalar(select(ScopeApplied.day).where(ScopeApplied.bureau_id == work.bureau_id))


def is_carried_out(work: Work, today: date) -> bool:
    """Whether ``scope`` carries a day already, or a later one."""
    carried_out = day_carried_out(work)
    return carried_out is not None and carried_out >= today


def apply_due_scope(work: Work, *, changed: bool = False) -> int:
    """Carry the dates of duty, grants, squad membership and secondment out into ``scope`` as of today, and touch what
    changes.

    Runs at midnight, before each pull, and with ``changed`` after each change of those; when the day is carried out
    already it costs one look-up. Returns the number of (person, cell) grants and revokes.
    """
    today = work.now.astimezone(work.zone).date()
    if not changed and is_carried_out(work, today):
        return 0
    await_turn(work)
    # Whoever had the turn before may have done it, and a request that began before midnight turns no day back.
    before = day_carried_out(work) or today
    if not changed:
        if is_carried_out(work, today):
            return 0
        # A change during the day does not carry the day out: what else a new day brings is still to come.
        work.session.execute(
            upsert(ScopeApplied)
            .values(bureau_id=work.bureau_id, day=today)
            .on_conflict_do_update(index_elements=["bureau_id"], set_={"day": today})
        )
    return _carry_out(work, max(today, before))


def await_turn(work: Work) -> None:
    """One applier at a time for a bureau: two at once would each carry out half of a hand-over."""
    turn = func.pg_advisory_xact_lock(func.hashtextextended(f"scope:{work.bureau_id}", 0))
    work.session.execute(select(turn))


def _carry_out(work: Work, today: date) -> int:
    session = work.session
    desired: Grants = {(p, s, c) for p, s, c in session.execute(grants_on(work.bureau_id, today))}
    current: Grants = {
        (person, squad, cell)
        for person, squad, cell in session.execute(
            select(Scope.person_id, Scope.squad_id, Scope.cell_id).where(Scope.bureau_id == work.bureau_id)
        )
    }
    gained, lost = desired - current, current - desired
    changed = gained | lost
    if not changed:
        return 0
    cells = sorted({cell for _, _, cell in changed})
    claim_cells(session, cells)
    if lost:
        through_squad = tuple_(Scope.person_id, Scope.squad_id, Scope.cell_id)
        session.execute(delete(Scope).where(through_squad.in_([row for row in lost if row[1] is not None])))
        alone = tuple_(Scope.person_id, Scope.cell_id)
        granted = [(person, cell) for person, squad, cell in lost if squad is None]
        session.execute(delete(Scope).where(Scope.squad_id.is_(None), alone.in_(granted)))
    if gained:
        session.execute(
            insert(Scope),
            [
                {"bureau_id": work.bureau_id, "person_id": person, "squad_id": squad, "cell_id": cell}
                for person, squad, cell in gained
            ],
        )
    # The cells themselves are documents too: a first grant must find them in what the cell ever fed.
    feed.remember(session, work.bureau_id, "cells", [(cell, cell) for cell in cells])
    feed.touch_origins(session, work.bureau_id, _principals(current, desired, changed))
    left = {(person, squad) for person, squad, _ in current} - {
        (person, squad) for person, squad, _ in desired
    }
    # Whoever leaves reads the squad's feed no more: what it told him, and he may not have pulled yet, must stand in
    # his own; and so must the records that he is on and keeps, of which most were told to the squad alone.
    feed.pass_on(
        session,
        work.bureau_id,
        [(f"squad:{squad}", f"officer:{person}") for person, squad in left if squad is not None],
    )
    record_event(work, "scope.applied", [], day=today.isoformat(), gained=len(gained), lost=len(lost))
    return len(changed)


def _principals(current: Grants, desired: Grants, changed: Grants) -> set[tuple[str, uuid.UUID]]:
    """Whom to touch for what cell: the squad where the squad's view of the cell changed, else the person."""
    before = {(squad, cell) for _, squad, cell in current}
    after = {(squad, cell) for _, squad, cell in desired}
    members_before = {(person, squad) for person, squad, _ in current}
    members_after = {(person, squad) for person, squad, _ in desired}
    pairs: set[tuple[str, uuid.UUID]] = set()
    for person, squad, cell in changed:
        if squad is None:
            pairs.add((f"officer:{person}", cell))
            continue
        if ((squad, cell) in before) != ((squad, cell) in after):
            pairs.add((f"squad:{squad}", cell))
        # Somebody who comes or goes reads other principals from now on, so what he gains or loses stands in his own.
        if ((person, squad) in members_before) != ((person, squad) in members_after):
            pairs.add((f"officer:{person}", cell))
    return pairs


def grants_on(bureau_id: uuid.UUID, today: date) -> CompoundSelect[uuid.UUID, uuid.UUID | None, uuid.UUID]:
    """The query of (person, squad, cell) as duty, grants, membership and secondment say for a day.

    Grounds may overlap: a cell is lost only when the last of them ends. Whoever is seconded to a squad sees what it sees,
    also what it gains meanwhile, by himself: he reads no feed of a squad that he is no member of.
    """
    member = SquadMember.valid.op("@>")(literal(today))
    seconded = Secondment.valid.op("@>")(literal(today))
    alone = cast(null(), _UUID)
    on_duty = (Duty.bureau_id == bureau_id, Duty.valid.op("@>")(literal(today)))
    granted = (
        ScopeGrant.bureau_id == bureau_id,
        ScopeGrant.valid.op("@>")(literal(today)),
        ScopeGrant.revoked_at.is_(None),
    )
    return union(
        select(SquadMember.person_id, Duty.squad_id, Duty.cell_id)
        .join(Duty, Duty.squad_id == SquadMember.squad_id)
        .where(*on_duty, member),
        select(SquadMember.person_id, ScopeGrant.squad_id, ScopeGrant.cell_id)
        .join(ScopeGrant, ScopeGrant.squad_id == SquadMember.squad_id)
        .where(*granted, member),
        select(ScopeGrant.person_id, alone, ScopeGrant.cell_id).where(
            *granted, ScopeGrant.person_id.is_not(None)
        ),
        select(Secondment.person_id, alone, Duty.cell_id)
        .join(Duty, Duty.squad_id == Secondment.squad_id)
        .where(*on_duty, seconded),
        select(Secondment.person_id, alone, ScopeGrant.cell_id)
        .join(ScopeGrant, ScopeGrant.squad_id == Secondment.squad_id)
        .where(*granted, seconded),
    )
