"""What is kept from outlets."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, update

from server.grids.models import GridCell
from server.grids.ops import announce
from server.grids.queries import leaf_cell_at
from server.kernel.ids import new_edit_id
from server.kernel.work import Work
from server.outlets.models import Outlet, Site
from sync.feed import touch


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
