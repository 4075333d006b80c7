"""Which cells an assignment is about: named by id, or those of a box on the map, below a cell, or of a code."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from server.grids.models import Duty, GridCell
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work


class ChosenCell(NamedTuple):
    """A leaf cell that duty is given for."""

    id: uuid.UUID
    code: str
    name: str


def decides_for_all(actor: Actor) -> bool:
    """Whether somebody decides about the duty of the whole bureau, and not as a squad leader about that of his squads."""
    return actor.reaches_bureau(Permission.DUTY_ASSIGN)


def duty_cells() -> ColumnElement[bool]:
    """A condition on ``GridCell``: a leaf that somebody has to answer for; those for the layout plan alone are not."""
    return (GridCell.cell_level == 4) & (GridCell.purpose != "layout")


def choose_cells(work: Work, chosen: Mapping[str, Any], path: str) -> list[ChosenCell]:
    """The leaf cells that one of ``cell_ids``, ``bbox``, ``parent_id`` and ``code_prefix`` chooses, by code.

    A box (west, south, east, north in EPSG:4326) chooses the cells of which the point on the surface lies in it, its
    border included: every cell lies in one place, so boxes side by side choose none twice. A cell chooses all below it. A
    squad leader chooses among the cells that his squads have duty for today.

    Raises:
        Problem: ``not_found`` for a cell that he does not reach; ``invalid`` at ``path`` with ``no_cells``, ``not_a_leaf``
            or ``layout_only``.
    """
    within = [GridCell.bureau_id == work.bureau_id]
    if not decides_for_all(work.actor):
        today = work.now.astimezone(work.zone).date()
        own = select(Duty.cell_id).where(Duty.squad_id.in_(work.actor.squad_ids), Duty.valid.op("@>")(today))
        within.append(GridCell.id.in_(own))
    if chosen.get("cell_ids") is not None:
        return _named(work, chosen["cell_ids"], within, f"{path}/cell_ids")
    found = work.session.execute(
        select(GridCell.id, GridCell.code, GridCell.name)
        .where(*within, duty_cells(), _fitting(work, chosen))
        .order_by(GridCell.code)
    )
    cells = [ChosenCell(*row) for row in found]
    if not cells:
        raise invalid(path, "no_cells", "没有选中任何末级责任网格。No leaf cell of duty was chosen.")
    return cells


def _named(
    work: Work, ids: Sequence[uuid.UUID], within: Sequence[ColumnElement[bool]], path: str
) -> list[ChosenCell]:
    wanted = list(dict.fromkeys(ids))
    known = {
        cell.id: cell
        for cell in work.session.scalars(select(GridCell).where(among(GridCell.id, wanted), *within))
    }
    if missing := [one for one in wanted if one not in known]:
        raise Problem("not_found", detail=f"没有这些网格：{'、'.join(map(str, missing[:5]))}。No such cells.")
    for place, one in enumerate(ids):
        cell = known[one]
        if cell.cell_level != 4:
            detail = f"网格 {cell.code} 不是末级网格。The cell {cell.code} is no leaf."
            raise invalid(f"{path}/{place}", "not_a_leaf", detail)
        if cell.purpose == "layout":
            detail = f"网格 {cell.code} 只用于布局。The cell {cell.code} is for the layout plan alone."
            raise invalid(f"{path}/{place}", "layout_only", detail)
    return sorted(
        (ChosenCell(one.id, one.code, one.name) for one in known.values()), key=lambda one: one.code
    )


def _fitting(work: Work, chosen: Mapping[str, Any]) -> ColumnElement[bool]:
    if chosen.get("bbox") is not None:
        box = func.ST_MakeEnvelope(*chosen["bbox"], 4326)
        # The first is what the index answers.
        return GridCell.geom.op("&&")(box) & func.ST_Intersects(func.ST_PointOnSurface(GridCell.geom), box)
    if chosen.get("parent_id") is not None:
        return GridCell.id.in_(select(_below(work, chosen["parent_id"]).c.id))
    return GridCell.code.startswith(chosen["code_prefix"], autoescape=True)


def _below(work: Work, parent_id: uuid.UUID) -> Any:
    parent = select(GridCell.id).where(GridCell.id == parent_id, GridCell.bureau_id == work.bureau_id)
    if work.session.scalar(parent) is None:
        raise Problem("not_found", detail=f"没有上级网格 {parent_id}。No such cell.")
    below = select(GridCell.id).where(GridCell.parent_id == parent_id).cte("below", recursive=True)
    child = aliased(GridCell)
    return below.union(select(child.id).join(below, child.parent_id == below.c.id))
