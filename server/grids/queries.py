"""Reads of the grid, always from what the actor may see."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    SQLColumnExpression,
    Text,
    case,
    cast,
    func,
    literal,
    select,
)

from server.grids.models import DutyFact, GridCell, Scope
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission


def cells_in_scope(actor: Actor, permission: Permission = Permission.CELL_READ) -> Select[uuid.UUID]:
    """The ids of the cells in which the actor may use a permission today."""
    if actor.reaches_bureau(permission):
        return select(GridCell.id).where(GridCell.bureau_id == actor.bureau_id)
    return select(Scope.cell_id).where(Scope.person_id == actor.person_id)


def scope_holds(
    person_id: SQLColumnExpression[Any], cell_id: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """True where the person sees the cell, by the carried-out scope table."""
    return select(Scope.cell_id).where(Scope.person_id == person_id, Scope.cell_id == cell_id).exists()


def visible_to(actor: Actor) -> Select[GridCell]:
    """The cells in scope: all of the bureau's tree, or the leaves that the scope table gives."""
    if actor.sees_bureau:
        return select(GridCell).where(GridCell.bureau_id == actor.bureau_id)
    return select(GridCell).where(GridCell.id.in_(cells_in_scope(actor)))


def cells_below(bureau_id: uuid.UUID, cell_ids: Iterable[uuid.UUID]) -> Select[uuid.UUID]:
    """The ids of these cells of the bureau and of all cells below them: a town is a cell of a higher level."""
    own = select(GridCell.id).where(
        GridCell.bureau_id == bureau_id, among(GridCell.id, sorted(set(cell_ids)))
    )
    below = own.cte("below", recursive=True)
    return select(below.union(select(GridCell.id).join(below, GridCell.parent_id == below.c.id)).c.id)


def document() -> ColumnElement[str]:
    """A cell as devices hold it; the border is GeoJSON, EPSG:4326."""
    fields = func.json_build_object(
        "id", GridCell.id,
        "edit_id", GridCell.edit_id,
        "_deleted", False,
        "code", GridCell.code,
        "name", GridCell.name,
        "cell_level", GridCell.cell_level,
        "cell_type", GridCell.cell_type,
        "control_mode", GridCell.control_mode,
        "planned_count", GridCell.planned_count,
        "existing_count", GridCell.existing_count,
        "parent_id", GridCell.parent_id,
        "tags", GridCell.tags,
        "geometry", cast(func.ST_AsGeoJSON(GridCell.geom, 6), JSON),
    )  # fmt: skip
    return cast(fields, Text)


def synced(ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``cells``."""
    return select(document().label("document"), GridCell.edit_id).where(
        GridCell.id == ids, scope_holds(person_id, GridCell.id)
    )


def leaf_cell_at(
    point: SQLColumnExpression[Any], bureau_id: ColumnElement[uuid.UUID] | uuid.UUID
) -> Select[uuid.UUID]:
    """The one leaf cell that a point belongs to: a corridor before a polygon, then the smaller area, then the code."""
    return (
        select(GridCell.id)
        .where(
            GridCell.bureau_id == bureau_id,
            GridCell.cell_level == 4,
            GridCell.purpose != "layout",
            func.ST_Covers(GridCell.geom, cast(point, Geometry("POINT", srid=4326))),
        )
        .order_by(
            (GridCell.cell_type == "road_corridor").desc().nulls_last(),
            func.ST_Area(GridCell.geom),
            GridCell.code,
        )
        .limit(1)
    )


def on_duty(
    cell_id: ColumnElement[Any] | Any, day: ColumnElement[Any] | Any, known_by: datetime
) -> FromClause:
    """Who answered for a cell on a day, as known by a moment, to be joined: squad_id, lead_person_id, from_day; no row, or
    one of nulls, where nobody did.

    Of what had begun by the day, the word last said decides.
    """
    begun = case((DutyFact.squad_id.is_not(None), DutyFact.from_day))
    return (
        select(DutyFact.squad_id, DutyFact.lead_person_id, begun.label("from_day"))
        .where(
            DutyFact.cell_id == cell_id,
            DutyFact.from_day <= day,
            DutyFact.known_at <= literal(known_by, DateTime(timezone=True)),
        )
        .order_by(DutyFact.known_at.desc(), DutyFact.seq.desc())
        .limit(1)
        .lateral("on_duty")
    )
