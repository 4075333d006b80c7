"""What is kept from outlets."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import DateTime, case, func, insert, literal, or_, select, true, update

from server.grids.models import GridCell
from server.grids.ops import announce
from server.grids.queries import leaf_cell_at
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.ids import new_edit_id
from server.kernel.work import Work
from server.outlets.models import Outlet, Registration, Site
from sync.feed import touch


def note_registration(work: Work, outlet_ids: Sequence[uuid.UUID]) -> None:
    """Append what the register says now of each outlet's cell, scope and grade, where it said something else before."""
    noted = ("cell_id", "licence_scope", "credit_grade")
    latest = (
        select(*(getattr(Registration, name) for name in noted))
        .where(Registration.outlet_id == Outlet.id)
        .order_by(Registration.seq.desc())
        .limit(1)
        .lateral("latest")
    )
    # The scope is never null, so a null here says that nothing was noted yet.
    first = latest.c.licence_scope.is_(None)
    today = literal(work.now.astimezone(work.zone).date())
    known_at = literal(work.now, DateTime(timezone=True))
    news = (
        select(
            Outlet.bureau_id,
            Outlet.id,
            case((first, func.least(Outlet.licence_from, today)), else_=today),
            known_at,
            *(getattr(Outlet, name) for name in noted),
        )
        .outerjoin(latest, true())
        .where(
            among(Outlet.id, outlet_ids),
            first | or_(*(getattr(Outlet, name).is_distinct_from(latest.c[name]) for name in noted)),
        )
    )
    columns = ["bureau_id", "outlet_id", "from_day", "known_at", *noted]
    work.session.execute(insert(table_of(Registration)).from_select(columns, news))


def count_existing(work: Work, _outlet_ids: Sequence[uuid.UUID]) -> None:
    """``existing_count`` of every cell: the outlets in it whose licence is not closed or cancelled.

    An outlet that moved changes two cells, of which the row tells only the new one, so all cells of the bureau are
    compared; only those whose number differs are written.
    """
    counted = (
        select(Outlet.cell_id, func.count().label("existing"))
        .where(
            Outlet.bureau_id == work.bureau_id,
            Outlet.cell_id.is_not(None),
            Outlet.status.in_(("active", "suspended", "expired")),
        )
        .group_by(Outlet.cell_id)
        .subquery()
    )
    now_is = func.coalesce(
        select(counted.c.existing).where(counted.c.cell_id == GridCell.id).scalar_subquery(), 0
    )
    counted_anew = work.session.scalars(
        update(GridCell)
        .where(
            GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4, GridCell.existing_count != now_is
        )
        .values(existing_count=now_is, edit_id=func.gen_random_uuid())
        .returning(GridCell.id)
        .execution_options(synchronize_session=False)
    ).all()
    announce(work, "cells", [(cell, cell) for cell in counted_anew])


class Move(NamedTuple):
    """A place and the cells that it leaves and comes to; none where no leaf cell holds it."""

    id: uuid.UUID
    before: uuid.UUID | None
    after: uuid.UUID | None


def misplaced(work: Work, table: type[Outlet] | type[Site]) -> list[Move]:
    """The outlets or sites of the bureau that lie in another leaf cell than is written down."""
    placed = leaf_cell_at(table.geom, work.bureau_id).correlate(table).scalar_subquery()
    now_in = (
        select(table.id, table.cell_id.label("before"), placed.label("after"))
        .where(table.bureau_id == work.bureau_id, table.geom.is_not(None))
        .subquery()
    )
    found = select(now_in).where(now_in.c.before.is_distinct_from(now_in.c.after))
    return [Move._make(row) for row in work.session.execute(found)]


def place_again(work: Work, _cell_ids: Sequence[uuid.UUID]) -> None:
    """Borders changed: put every outlet and site of the bureau into the leaf cell that holds it now."""
    for table, collection in ((Outlet, "outlets"), (Site, "sites")):
        moves = misplaced(work, table)
        if not moves:
            continue
        work.session.execute(
            update(table), [{"id": row.id, "cell_id": row.after, "edit_id": new_edit_id()} for row in moves]
        )
        if table is Outlet:
            announce(
                work,
                collection,
                [(row.id, cell) for row in moves for cell in (row.before, row.after)],
            )
            work.wrote("outlet", [row.id for row in moves])
        else:
            touch(
                work.session,
                work.bureau_id,
                collection,
                [(f"bureau:{work.bureau_id}", row.id) for row in moves],
            )
            work.wrote("site", [row.id for row in moves])
