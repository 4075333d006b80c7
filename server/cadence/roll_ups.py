"""Roll-ups: what no clock changes of the obligations, summed by whom they are counted under, tier and key.

A change is a row of differences that is inserted and never updated, so that handhelds which push at once wait for nobody.
Readers sum the rows; ``fold`` makes one out of many every night. What an obligation was counted as stands on the obligation
itself (``outcome`` and its neighbours), so that a difference is what it is now less what it was.

Whoever changes that holds the obligation's subject, and then its old and its new cell FOR KEY SHARE; whoever hands a cell
over claims the cell. So no two do it at once for one obligation, and all take subjects before cells before obligations.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Date,
    DateTime,
    FromClause,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    case,
    column,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.dialects.postgresql import insert as upsert

from server.cadence.models import CADENCE_ROLL_UP, COUNTS, SQUAD_ROLL_UP, Obligation, RollUpKept
from server.cadence.tally import Outcome
from server.grids.models import DutyFact
from server.grids.ops import claim_cells, hold_cells
from server.grids.queries import on_duty
from server.kernel.bulk import among, as_rows, recordset
from server.kernel.db import table_of
from server.kernel.work import Work

GRAINS = (CADENCE_ROLL_UP, SQUAD_ROLL_UP)
"""The tables, the finest first."""

_UUID = UUID(as_uuid=True)
_OBLIGATION = table_of(Obligation)
_FACTS = ("met_by", "met_at", "attempt_count", "cell_id", "outcome", "days_late")
_CHANGED = recordset(
    "changed",
    [
        column("id", _UUID),
        column("met_by", _UUID),
        column("met_at", DateTime(timezone=True)),
        column("attempt_count", Integer),
        column("cell_id", _UUID),
        column("outcome", Text),
        column("days_late", Integer),
        column("edit_id", _UUID),
        column("placed", Boolean),
        column("squad_id", _UUID),
        column("officer_id", _UUID),
    ],
)
_PLACED = recordset("placed", [column("id", _UUID), column("cell_id", _UUID), column("day", Date)])


def counts_of(outcome: Any, days_late: Any, attempts: Any, sign: int = 1) -> list[ColumnElement[int]]:
    """What an obligation adds to each of COUNTS, as columns of their names."""

    def one_if(*outcomes: Outcome) -> ColumnElement[int]:
        return case((outcome.in_([one.value for one in outcomes]), sign), else_=0)

    counted = outcome != Outcome.VOID.value
    counts: dict[str, ColumnElement[int]] = {
        "obligations": case((counted, sign), else_=0),
        "waived": one_if(Outcome.WAIVED),
        "on_time": one_if(Outcome.MET),
        "late": one_if(Outcome.MET_LATE),
        "made_up": one_if(Outcome.MADE_UP),
        "days_late": case((outcome == Outcome.MET_LATE.value, sign * days_late), else_=0),
        "attempts": case((counted, sign * attempts), else_=0),
    }
    return [counts[name].label(name) for name in COUNTS]


def _grain(table: Table) -> list[str]:
    return [one.name for one in table.c if one.name not in COUNTS]


def _summed(source: FromClause, grain: Table) -> Select[Any]:
    """The sums of the counts by the columns of a grain; groups whose sums are all nothing are left out."""
    by = [source.c[name] for name in _grain(grain)]
    sums = [func.sum(source.c[name]).cast(Integer).label(name) for name in COUNTS]
    return select(*by, *sums).group_by(*by).having(or_(*(func.sum(source.c[name]) != 0 for name in COUNTS)))


def _into(grain: Table, source: FromClause) -> Insert:
    return insert(grain).from_select([*_grain(grain), *COUNTS], _summed(source, grain))


def _differences() -> Insert:
    """What changed, less what it was counted as, into both grains: one statement, run before the rows are written."""
    old, new = _OBLIGATION.c, _CHANGED.c
    both = (
        select(
            old.bureau_id,
            old.tier,
            old.key,
            *(old[name] for name in ("squad_id", "officer_id", "cell_id")),
            *(old[name] for name in ("outcome", "days_late", "attempt_count")),
            case((new.placed, new.squad_id), else_=old.squad_id).label("new_squad_id"),
            case((new.placed, new.officer_id), else_=old.officer_id).label("new_officer_id"),
            *(
                new[name].label(f"new_{name}")
                for name in ("cell_id", "outcome", "days_late", "attempt_count")
            ),
        )
        .join(_CHANGED, new.id == old.id)
        .where(old.tier.is_not(None))
        .cte("both")
        .c
    )
    was = select(
        both.bureau_id, both.tier, both.key, both.squad_id, both.officer_id, both.cell_id,
        *counts_of(both.outcome, both.days_late, both.attempt_count, -1),
    ).where(both.outcome.is_not(None))  # fmt: skip
    becomes = select(
        both.bureau_id, both.tier, both.key, both.new_squad_id, both.new_officer_id, both.new_cell_id,
        *counts_of(both.new_outcome, both.new_days_late, both.new_attempt_count),
    )  # fmt: skip
    fine = _into(CADENCE_ROLL_UP, union_all(was, becomes).subquery("moved"))
    added = fine.returning(*(CADENCE_ROLL_UP.c[name] for name in (*_grain(SQUAD_ROLL_UP), *COUNTS)))
    return _into(SQUAD_ROLL_UP, added.cte("fine"))


_COUNT = _differences()
_WRITE = (
    update(_OBLIGATION)
    .where(_OBLIGATION.c.id == _CHANGED.c.id)
    .values(
        **{name: _CHANGED.c[name] for name in _FACTS},
        edit_id=func.coalesce(_CHANGED.c.edit_id, _OBLIGATION.c.edit_id),
        squad_id=case((_CHANGED.c.placed, _CHANGED.c.squad_id), else_=_OBLIGATION.c.squad_id),
        officer_id=case((_CHANGED.c.placed, _CHANGED.c.officer_id), else_=_OBLIGATION.c.officer_id),
    )
)


def keep(work: Work, rows: Sequence[dict[str, Any]], cells: Iterable[uuid.UUID]) -> None:
    """Write what became of obligations on them, and count the differences. The caller holds their subjects.

    Each row has id, met_by, met_at, attempt_count, cell_id, outcome and days_late; edit_id, None where no device need
    hear of it; and placed, which says that it is new or comes to lie in another cell, with ``day``, the last on which it
    can change hands. ``cells`` are all that the obligations lie in now or come to lie in.
    """
    hold_cells(work.session, sorted(cells))
    placed = [row for row in rows if row["placed"]]
    if placed:
        # A request that began before midnight turns no day back.
        today = max(_day(work, work.now), _day(work, _kept_at(work) or work.now))
        duty = on_duty(_PLACED.c.cell_id, _PLACED.c.day, work.now)
        where = [
            {"id": row["id"], "cell_id": row["cell_id"], "day": min(row["day"], today)} for row in placed
        ]
        found = work.session.execute(
            select(_PLACED.c.id, duty.c.squad_id, duty.c.lead_person_id).outerjoin(duty, true()),
            {"placed_rows": as_rows(where)},
        )
        answers_for = {owed: (squad, officer) for owed, squad, officer in found}
        for row in placed:
            row["squad_id"], row["officer_id"] = answers_for[row["id"]]
    _count(work, rows)


def _count(work: Work, rows: Sequence[dict[str, Any]]) -> None:
    changed = {"changed_rows": as_rows(rows)}
    work.session.execute(_COUNT, changed)
    work.session.execute(_WRITE, changed)


def hand_over(work: Work, cell_ids: Sequence[uuid.UUID]) -> None:
    """Count what lies in the cells under whoever answers for it: open obligations go along, history stays."""
    answer_anew(work, cell_ids)


def answer_anew(work: Work, cell_ids: Sequence[uuid.UUID], *, write: bool = True) -> int:
    """Like ``hand_over``; returns how many obligations were counted under somebody else, or would be without ``write``."""
    if write:
        claim_cells(work.session, cell_ids)
    today = literal(max(_day(work, work.now), _day(work, _kept_at(work) or work.now)))
    duty = on_duty(Obligation.cell_id, func.least(Obligation.last_day, today), work.now)
    anew = tuple_(duty.c.squad_id, duty.c.lead_person_id)
    moved = work.session.execute(
        select(
            Obligation.id,
            *(getattr(Obligation, name) for name in _FACTS),
            duty.c.squad_id,
            duty.c.lead_person_id.label("officer_id"),
        )
        .outerjoin(duty, true())
        .where(
            among(Obligation.cell_id, cell_ids),
            Obligation.outcome.is_not(None),
            tuple_(Obligation.squad_id, Obligation.officer_id).is_distinct_from(anew),
        )
        .order_by(Obligation.id)
    )
    rows = [{**row, "edit_id": None, "placed": True} for row in moved.mappings()]
    if rows and write:
        _count(work, rows)
    return len(rows)


def carry_out_day(work: Work) -> datetime | None:
    """Count under whoever begins to answer for it today what changes hands today.

    Runs at midnight and before the roll-ups are read; when the day is carried out already it costs one look-up. Returns
    up to when it was carried out before, None if never.
    """
    before, today = _kept_at(work), _day(work, work.now)
    if before is not None and _day(work, before) >= today:
        return before
    _await_turn(work)
    before = _kept_at(work)
    if before is not None and _day(work, before) >= today:
        return before
    began = select(DutyFact.cell_id).where(DutyFact.bureau_id == work.bureau_id, DutyFact.from_day <= today)
    if before is not None:
        began = began.where(DutyFact.from_day > _day(work, before))
    work.session.execute(
        upsert(RollUpKept)
        .values(bureau_id=work.bureau_id, at=work.now)
        .on_conflict_do_update(index_elements=["bureau_id"], set_={"at": work.now})
    )
    cells = sorted(work.session.scalars(began.distinct()))
    if cells:
        hand_over(work, cells)
    return before


def not_counted(work: Work) -> Select[uuid.UUID]:
    """The subjects of obligations that no roll-up holds yet: those from before an upgrade."""
    return select(Obligation.subject_id).where(
        Obligation.bureau_id == work.bureau_id, Obligation.tier.is_not(None), Obligation.outcome.is_(None)
    )


def is_complete(work: Work) -> bool:
    """Whether every obligation is counted, and as of today: then the roll-ups can be read."""
    kept_at = _kept_at(work)
    today = kept_at is not None and _day(work, kept_at) == _day(work, work.now)
    return today and not work.session.scalar(select(not_counted(work).exists()))


def fold(work: Work) -> int:
    """Make one row out of many, of every key that has some; returns how many rows that saves."""
    _await_turn(work)
    saved = 0
    for grain in GRAINS:
        by = [grain.c[name] for name in _grain(grain)]
        many = select(grain.c.tier, grain.c.key).group_by(*by).having(func.count() > 1)
        gone = (
            delete(grain)
            .where(
                grain.c.bureau_id == work.bureau_id,
                tuple_(grain.c.tier, grain.c.key).in_(many.where(grain.c.bureau_id == work.bureau_id)),
            )
            .returning(*grain.c)
            .cte("gone")
        )
        saved += _rows(work, grain)
        work.session.execute(_into(grain, gone))
        saved -= _rows(work, grain)
    return saved


def differing(work: Work) -> int:
    """How many groups of the roll-ups differ from a count of the obligations: 0, or something was written past us."""
    found = 0
    for grain in GRAINS:
        kept = select(*grain.c).where(grain.c.bureau_id == work.bureau_id)
        counted = _counted(work, grain, -1)
        both = union_all(kept, counted).subquery("both_ways")
        found += work.session.scalar(select(func.count()).select_from(_summed(both, grain).subquery())) or 0
    return found


def recount(work: Work) -> None:
    """Count all obligations anew, in place of what the roll-ups hold.

    Nobody need wait: one statement sees, and replaces, exactly what was committed before it began.
    """
    _await_turn(work)
    for grain in GRAINS:
        gone = delete(grain).where(grain.c.bureau_id == work.bureau_id).returning(grain.c.bureau_id)
        work.session.execute(
            _into(grain, _counted(work, grain).subquery("counted")).add_cte(gone.cte("gone"))
        )


def _counted(work: Work, grain: Table, sign: int = 1) -> Select[Any] | CompoundSelect[Any]:
    """What every counted obligation adds, in the columns of a grain."""
    own = _OBLIGATION.c
    return select(
        *(own[name] for name in _grain(grain)),
        *counts_of(own.outcome, own.days_late, own.attempt_count, sign),
    ).where(own.bureau_id == work.bureau_id, own.tier.is_not(None), own.outcome.is_not(None))


def _rows(work: Work, grain: Table) -> int:
    return (
        work.session.scalar(
            select(func.count()).select_from(grain).where(grain.c.bureau_id == work.bureau_id)
        )
        or 0
    )


def _kept_at(work: Work) -> datetime | None:
    return work.session.scalar(select(RollUpKept.at).where(RollUpKept.bureau_id == work.bureau_id))


def _await_turn(work: Work) -> None:
    """One at a time for a bureau: two folds at once would each write what both took away."""
    work.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"roll_up:{work.bureau_id}", 0)))
    )


def _day(work: Work, at: datetime) -> date:
    return at.astimezone(work.zone).date()
