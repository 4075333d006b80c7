"""Carrying out what was asked for, and telling what that does."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from server.duty_cells.answers import told
from server.grids.duty_changes import Wanted, change_duty, find_change, withdraw_change
from server.grids.duty_plans import Holder, Stage
from server.grids.models import DutyFact
from server.kernel.work import Work


def lines_of(given: Mapping[str, Any]) -> list[Wanted]:
    """The lines of a body of schemas.duty_cells.DutyChangeIn, in their order."""
    lines = []
    for kind in ("assignments", "endings"):
        for place, line in enumerate(given[kind]):
            path = f"/{kind}/{place}"
            lines.append(line_of(path, f"{path}/cells", line["cells"], line))
    return lines


def change(work: Work, lines: list[Wanted], reason: str | None, dry_run: bool) -> dict[str, Any]:
    """Carry out lines, and tell what that does; see duty_changes.change_duty."""
    day = max(line.stage.from_day for line in lines)
    return told(work, lambda: change_duty(work, lines, reason), day, dry_run=dry_run)


def withdraw(work: Work, change_id: uuid.UUID, reason: str, dry_run: bool) -> dict[str, Any]:
    """Take a change back, and tell what that does; see duty_changes.withdraw_change."""
    found = find_change(work, change_id)
    last_day = select(func.max(DutyFact.from_day)).where(DutyFact.change_id == found.id)
    day = work.session.scalars(last_day).one()
    return told(work, lambda: withdraw_change(work, found, reason), day, dry_run=dry_run)


def line_of(path: str, cells_path: str, cells: Mapping[str, Any], line: Mapping[str, Any]) -> Wanted:
    """One line: of these cells, with ``from_day`` and, unless they become vacant, ``squad_id`` and ``lead_person_id``.

    The paths are JSON pointers to the line and to its cells.
    """
    holder = Holder(line["squad_id"], line["lead_person_id"]) if "squad_id" in line else None
    return Wanted(path, cells_path, cells, Stage(line["from_day"], holder))
