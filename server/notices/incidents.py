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
from server.records.queries import form_of
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
    """What is told: where, when and of what nature. Who was hurt and what was said stand in the record alone."""
    answers = record.document["answers"]
    nature, named = _nature(work, record, answers.get("nature"))
    cell = work.session.get(GridCell, record.cell_id) if record.cell_id else None
    cell_id = str(cell.id) if cell else None
    item = {
        "record_id": str(record.id),
        "cell_id": cell_id,
        "nature": nature,
        "nature_zh": named,
        "started_at": record.performed_at.astimezone(work.zone).isoformat(timespec="minutes"),
        "help_needed": answers.get("help_needed") is True,
    }
    cells = [{"cell_id": cell_id, "code": cell.code, "name": cell.name, "count": 1}] if cell else []
    return {"counts": {"total": 1}, "cells": cells, "items": [item]}


def _nature(work: Work, record: Record, told: Any) -> tuple[str | None, str]:
    """Its code, and what the record's form calls it. What no form has a word for may be anything, and is not passed on."""
    form = form_of(work.session, record)
    labels = form.answers_schema.get("properties", {}).get("nature", {}).get("labels", {}) if form else {}
    if isinstance(told, str) and told in labels:
        return told, str(labels[told])
    return None, "未写明"
