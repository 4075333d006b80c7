"""The sums of R1: as of now from the roll-ups, by outlet from what is kept on each obligation, else from judged facts.

All three come in one shape, counts that no clock changes, so that one statement sums them and lets the day decide the rest.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Date,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import aliased

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.judging import judged_rows
from server.cadence.models import CADENCE_ROLL_UP, COUNTS, SQUAD_ROLL_UP, Obligation
from server.cadence.periods import ReportingPeriod
from server.cadence.roll_ups import counts_of
from server.cadence.tally import Outcome, Tally
from server.grids.models import GridCell
from server.grids.queries import cells_in_scope
from server.kernel.bulk import as_rows, recordset
from server.kernel.db import table_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.figures import Begun, By, Sum
from server.reports.unknown import Silence

TOWN_LEVEL = 3
# The states of what nothing but the clock decides.
UNDECIDED = (
    ObligationState.UPCOMING,
    ObligationState.OPEN,
    ObligationState.ATTEMPTED,
    ObligationState.DUE,
    ObligationState.MISSED,
)

_BEGUN = recordset(
    "begun",
    [
        column("tier", Text),
        column("key", Text),
        column("last_day", Date),
        column("over", Boolean),
        column("provisional", Boolean),
    ],
)
_SILENT = recordset("silent", [column("squad_id", UUID(as_uuid=True)), column("last_day", Date)])
_GROUPS = {
    By.SQUAD: "squad_id",
    By.OFFICER: "officer_id",
    By.CELL: "cell_id",
    By.OUTLET: "subject_id",
}


def rolled_up(
    work: Work, begun: Sequence[Begun], silence: Silence, by: By, *, each_period: bool
) -> list[Sum]:
    """The sums as of now in the actor's scope; the roll-ups must be complete and brought up to date."""
    if by is By.OUTLET:
        own = table_of(Obligation).c
        names = ("bureau_id", "squad_id", "cell_id", "subject_id", "tier", "key")
        counts = counts_of(own.outcome, own.days_late, own.attempt_count)
        source: FromClause = (
            select(*(own[name] for name in names), *counts)
            .where(own.tier.is_not(None), own.last_day >= _first_last_day(begun))
            .subquery("owed")
        )
    elif by in (By.TOTAL, By.SQUAD) and work.actor.reaches_bureau(Permission.REPORT_READ):
        source = SQUAD_ROLL_UP
    else:
        source = CADENCE_ROLL_UP
    return _summed(work, source, begun, silence, by, each_period=each_period)


def from_facts(
    work: Work,
    period: ReportingPeriod,
    as_of: datetime,
    begun: Sequence[Begun],
    silence: Silence,
    by: By,
    *,
    each_period: bool,
) -> list[Sum]:
    """The sums as of any moment in the actor's scope, of obligations that are judged by facts alone."""
    with judged_rows(work, as_of, period.keys) as judged:
        rows = judged.c
        decided = case((rows.state.in_(UNDECIDED), Outcome.OPEN.value), else_=rows.state)
        counts = counts_of(decided, rows.days_late, func.cardinality(rows.attempts))
        names = ("squad_id", "officer_id", "cell_id", "subject_id", "tier", "key")
        own = literal(work.bureau_id, UUID(as_uuid=True)).label("bureau_id")
        source = select(own, *(rows[name] for name in names), *counts).subquery("judged_counts")
        return _summed(work, source, begun, silence, by, each_period=each_period)


def _summed(
    work: Work, source: FromClause, begun: Sequence[Begun], silence: Silence, by: By, *, each_period: bool
) -> list[Sum]:
    """The counts of ``source`` summed, and what the day makes of those that nothing has decided."""
    row = source.c
    joined = source.join(_BEGUN, and_(_BEGUN.c.tier == row.tier, _BEGUN.c.key == row.key)).outerjoin(
        _SILENT, and_(_SILENT.c.squad_id == row.squad_id, _SILENT.c.last_day == _BEGUN.c.last_day)
    )
    group: Any = row[_GROUPS[by]] if by in _GROUPS else None
    if by is By.TOWN:
        town = _towns().subquery("town_of")
        joined = joined.outerjoin(town, town.c.cell_id == row.cell_id)
        group = town.c.town_id
    key = row.key if each_period else None
    left = row.obligations - row.waived - row.on_time - row.late - row.made_up
    sums = {
        **{name: row[name] for name in COUNTS},
        "missed": row.made_up + case((_BEGUN.c.over, left), else_=0),
        "pending": case((_BEGUN.c.over, 0), else_=left),
        "unknown": case((_SILENT.c.squad_id.is_not(None), row.made_up + left), else_=0),
        "provisional": case((_BEGUN.c.provisional, row.obligations), else_=0),
    }
    wanted = (
        select(
            (cast(null(), UUID(as_uuid=True)) if group is None else group).label("group_id"),
            row.tier,
            (cast(null(), Text) if key is None else key).label("period_key"),
            *(func.sum(one).label(name) for name, one in sums.items()),
        )
        .select_from(joined)
        .where(row.bureau_id == work.bureau_id)
        .group_by(*(one for one in (group, row.tier, key) if one is not None))
    )
    if not work.actor.reaches_bureau(Permission.REPORT_READ):
        wanted = wanted.where(row.cell_id.in_(cells_in_scope(work.actor, Permission.REPORT_READ)))
    given = {"begun_rows": _begun_rows(begun), "silent_rows": _silent_rows(silence, begun)}
    return [_sum(one) for one in work.session.execute(wanted, given).mappings()]


def towns_of(work: Work) -> dict[uuid.UUID, uuid.UUID]:
    """The town of every cell that lies in one."""
    towns = _towns().where(GridCell.bureau_id == work.bureau_id)
    return dict(work.session.execute(towns).all())


def _towns() -> Select[uuid.UUID, uuid.UUID]:
    """(cell_id, town_id) of the leaves: their parent, where that is a cell of the third level."""
    town = aliased(GridCell)
    return select(GridCell.id.label("cell_id"), town.id.label("town_id")).join(
        town, and_(town.id == GridCell.parent_id, town.cell_level == TOWN_LEVEL)
    )


def _first_last_day(begun: Sequence[Begun]) -> date:
    """Nothing that is asked for ends before it: by that the index finds what is asked for."""
    return min((one.last_day for one in begun), default=date.max)


def _begun_rows(begun: Sequence[Begun]) -> str:
    return as_rows(
        [
            {
                "tier": one.tier,
                "key": one.key,
                "last_day": one.last_day,
                "over": one.over,
                "provisional": one.provisional,
            }
            for one in begun
        ]
    )


def _silent_rows(silence: Silence, begun: Sequence[Begun]) -> str:
    """The squads and last days for which a handheld may still hold an answer."""
    days: list[date] = sorted({one.last_day for one in begun})
    return as_rows(
        [
            {"squad_id": squad_id, "last_day": day}
            for squad_id in silence.by_squad
            if squad_id is not None
            for day in days
            if silence.of(squad_id, day)
        ]
    )


def _sum(row: Any) -> Sum:
    return Sum(
        group_id=row["group_id"],
        tier=CadenceTier(row["tier"]),
        key=row["period_key"],
        counts=Tally(
            **{name: row[name] for name in ("obligations", "waived", "on_time", "late", "missed", "pending")},
            made_up=row["made_up"],
        ),
        # PostgreSQL sums what was counted once already as a numeric, and a figure is a whole number.
        days_late=int(row["days_late"]),
        attempts=int(row["attempts"]),
        unknown=row["unknown"],
        provisional=row["provisional"],
    )
