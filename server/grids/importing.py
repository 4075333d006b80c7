"""Taking cells in: keep the tree, compare with what is there, write what differs."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import func, insert, select, update

from gis.exchange.judging import BadRow
from server.grids.models import GridCell
from server.grids.ops import announce
from server.grids.register import CellCandidate
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Work

COMPARED = (
    *("name", "cell_level", "cell_type", "control_mode", "purpose", "planned_count", "parent_id"),
    "wkb",
)
PLACING = frozenset({"wkb", "cell_level", "cell_type", "purpose"})
# What a list of cells need not say.
OPTIONAL = ("control_mode", "purpose", "planned_count")
# Nine decimal places of a degree are a tenth of a millimetre; what is closer is the same border.
GRID = 1e-9


@dataclass(slots=True)
class CellPlan:
    """What an import would do. ``moved`` says that a border changed or came, so outlets may belong elsewhere."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[dict[str, Any], list[str], uuid.UUID | None]] = field(default_factory=list)
    unchanged: int = 0
    orphans: list[BadRow] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        """Whether any cell is new, or other than before in what decides which outlets are in it."""
        return bool(self.new) or any(PLACING & set(names) for _, names, _ in self.changed)


def plan_cells(
    work: Work, candidates: Sequence[CellCandidate], columns: Collection[str] = OPTIONAL
) -> CellPlan:
    """Compare the candidates with the cells that there are. Nothing is written.

    ``columns`` are the fields that the register has; of the others a known cell keeps what is known.
    A parent is looked for by its code in the file and among the cells; one that is in neither, or not of a
    higher level, makes a bad row.
    """
    plan = CellPlan()
    silent = [name for name in OPTIONAL if name not in columns]
    known = {
        row["code"]: {**row, "wkb": bytes(row["wkb"])}
        for row in work.session.execute(
            select(
                GridCell.code,
                GridCell.id,
                *(getattr(GridCell, name) for name in COMPARED if name != "wkb"),
                func.ST_AsBinary(GridCell.geom).label("wkb"),
            ).where(GridCell.bureau_id == work.bureau_id)
        ).mappings()
    }
    # Code → id and level of what may be a parent; filled from the top of the tree downwards.
    tree = {code: (row["id"], row["cell_level"]) for code, row in known.items()}
    for candidate in sorted(candidates, key=lambda candidate: (candidate.cell_level, candidate.code)):
        parent_id, parent_level = tree.get(candidate.parent_code or "", (None, 0))
        if candidate.parent_code and (parent_id is None or parent_level >= candidate.cell_level):
            plan.orphans.append(_orphan(candidate, known=parent_id is not None))
            continue
        before = known.get(candidate.code)
        if parent_id is None and before is not None:
            parent_id = before["parent_id"]
        row = _row(candidate, before["id"] if before else new_id(work.now), parent_id)
        tree[candidate.code] = (row["id"], candidate.cell_level)
        if before is None:
            plan.new.append(row)
            continue
        row |= {name: before[name] for name in silent}
        if names := [name for name in COMPARED if before[name] != row[name]]:
            plan.changed.append((row, names, None))
        else:
            plan.unchanged += 1
    return plan


def _orphan(candidate: CellCandidate, *, known: bool) -> BadRow:
    if known:
        detail = f"上级“{candidate.parent_code}”的级别不高于本网格，请核对级别"
        return BadRow(candidate.row, "parent_level", detail)
    detail = f"上级编号“{candidate.parent_code}”不在文件里，也没有登记，请先导入上级网格"
    return BadRow(candidate.row, "parent_unknown", detail)


def apply_cells(work: Work, plan: CellPlan) -> None:
    """Write the plan, parents before their children."""
    for row in plan.new:
        work.session.execute(insert(GridCell).values(bureau_id=work.bureau_id, **_columns(row)))
    for row, _, _ in plan.changed:
        columns = _columns(row)
        work.session.execute(update(GridCell).where(GridCell.id == columns.pop("id")).values(**columns))
    written = [row["id"] for row in plan.new] + [row["id"] for row, _, _ in plan.changed]
    if written:
        announce(work, "cells", [(cell, cell) for cell in written])
        record_event(work, "cells.imported", [], new=len(plan.new), changed=len(plan.changed))
    if plan.moved:
        work.wrote("grid_cell", written)


def _row(candidate: CellCandidate, cell_id: uuid.UUID, parent_id: uuid.UUID | None) -> dict[str, Any]:
    geometry = shapely.normalize(shapely.set_precision(candidate.geometry, GRID))
    # Snapping to the grid may leave one polygon, and the column holds collections of them.
    geometry = shapely.MultiPolygon(getattr(geometry, "geoms", [geometry]))
    return {
        "id": cell_id,
        "code": candidate.code,
        "name": candidate.name,
        "cell_level": candidate.cell_level,
        "cell_type": candidate.cell_type.value if candidate.cell_type else None,
        "control_mode": candidate.control_mode.value,
        "purpose": candidate.purpose.value,
        "planned_count": candidate.planned_count,
        "parent_id": parent_id,
        "geometry": geometry,
        "wkb": shapely.to_wkb(geometry, byte_order=1),
    }


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in row.items() if name not in ("geometry", "wkb")}
    return {**columns, "geom": from_shape(row["geometry"], srid=4326), "edit_id": new_edit_id()}
