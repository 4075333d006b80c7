"""Incidents (暴力抗法、人员伤亡等突发情况): leaders are told in the very commit that brings one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import NoticeKind
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.permissions import Role
from server.kernel.work import Work
from server.notices.loading import load_staff
from server.notices.ops import tell_at_once
from server.notices.rules import Recipient, Staff
from server.records.models import Record
from server.reports.incidents import told
from server.reports.responsible import load_responsible


def tell_incidents(work: Work, record_ids: Sequence[uuid.UUID]) -> None:
    """Upkeep of ``record.incident``: tell of each at once. An amendment corrects what was told, and tells nobody anew.

    Told are the leaders of the squad that was there, those of the squad on duty in the cell, and the bureau's.
    """
    wanted = (
        select(Record).where(among(Record.id, record_ids), Record.amends_id.is_(None)).order_by(Record.id)
    )
    staff = load_staff(work, work.now.astimezone(work.zone).date())
    for record in work.session.scalars(wanted).all():
        content = _content(work, record)
        tell_at_once(work, NoticeKind.INCIDENT, str(record.id), content, _recipients(work, staff, record))


def _recipients(work: Work, staff: Staff, record: Record) -> dict[Recipient, Role]:
    squads = {record.squad_id}
    if record.cell_id is not None:
        responsible = load_responsible(work, work.now)(
            record.cell_id, record.performed_at.astimezone(work.zone).date()
        )
        squads.add(responsible.squad_id if responsible else None)
    leaders = {
        leader: Role.SQUAD_LEADER
        for squad in squads
        if squad
        for leader in staff.squad_leaders.get(squad, ())
    }
    return leaders | dict.fromkeys(staff.bureau_leaders, Role.BUREAU_LEADER)


def _content(work: Work, record: Record) -> dict[str, Any]:
    item = told(work, record)
    cell = work.session.get(GridCell, record.cell_id) if record.cell_id else None
    cells = [{"cell_id": str(cell.id), "code": cell.code, "name": cell.name, "count": 1}] if cell else []
    return {"counts": {"total": 1}, "cells": cells, "items": [item]}
