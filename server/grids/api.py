"""Cells and duty over HTTP."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func

from schemas.places import CellPage, CellQuery, DutyAnswer, DutyIn
from server.grids import ops
from server.grids.models import GridCell
from server.grids.queries import visible_to
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("grids", "网格与责任 Cells and duty")


@blueprint.endpoint("GET", "/cells", permission=Permission.CELL_READ, takes=CellQuery, gives=CellPage)
def list_cells(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The cells in scope, by code."""
    cells = visible_to(work.actor)
    if query["level"]:
        cells = cells.where(GridCell.cell_level == query["level"])
    if query["bbox"]:
        cells = cells.where(GridCell.geom.op("&&")(func.ST_MakeEnvelope(*query["bbox"], 4326)))
    return page_of(work.session, cells, [GridCell.code, GridCell.id], query["after"], query["limit"])


@blueprint.endpoint("POST", "/duties", permission=Permission.DUTY_ASSIGN, takes=DutyIn, gives=DutyAnswer)
def assign_duty(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Make a squad and a lead officer responsible for cells from a day on."""
    ops.check_assigner(work, given["cell_ids"], given["squad_id"])
    cells = ops.assign_duty(
        work, given["cell_ids"], given["squad_id"], given["lead_person_id"], given["from_day"]
    )
    return {"cells": cells}
