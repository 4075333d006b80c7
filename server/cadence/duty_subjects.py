"""Whom duties are about where no register holds them: kept by the number under which they are known outside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import SubjectKind
from server.cadence.duty_models import DutySubject
from server.kernel.ids import new_id
from server.kernel.work import Work


def know_subject(
    work: Work,
    kind: SubjectKind,
    *,
    number: str,
    name: str,
    cell_id: uuid.UUID | None,
    subject_id: uuid.UUID | None = None,
) -> DutySubject:
    """The subject of that id if there is one, else the one of that number, which comes into the register now."""
    if subject_id is not None:
        known = work.session.scalar(
            select(DutySubject).where(
                DutySubject.id == subject_id,
                DutySubject.bureau_id == work.bureau_id,
                DutySubject.kind == kind.value,
            )
        )
        if known is not None:
            return known
    return know_subjects(work, kind, [{"number": number, "name": name, "cell_id": cell_id}])[number]


def know_subjects(
    work: Work, kind: SubjectKind, given: Sequence[Mapping[str, Any]]
) -> dict[str, DutySubject]:
    """The subjects by number; those that are not known come into the register. The same number twice is one.

    Each has number and name, and may have cell_id, closed_on and major; what is new of somebody known replaces what was.
    """
    numbers = sorted({one["number"] for one in given})
    rows = [
        {
            "id": new_id(work.now),
            "bureau_id": work.bureau_id,
            "kind": kind.value,
            "number": number,
            # Whoever knows the number only may give the name later.
            "name": one.get("name") or number,
            "cell_id": one.get("cell_id"),
            "closed_on": one.get("closed_on"),
            "major": one.get("major", False),
            "known_at": work.now,
        }
        for number, one in {one["number"]: one for one in given}.items()
    ]
    statement = upsert(DutySubject)
    work.session.execute(
        statement.on_conflict_do_nothing(index_elements=["bureau_id", "kind", "number"]), rows
    )
    found = {
        one.number: one
        for one in work.session.scalars(
            select(DutySubject)
            .where(
                DutySubject.bureau_id == work.bureau_id,
                DutySubject.kind == kind.value,
                DutySubject.number.in_(numbers),
            )
            .order_by(DutySubject.id)
        )
    }
    for row in rows:
        for name in ("name", "cell_id", "closed_on", "major"):
            if row[name] is not None and name in _named(given, row["number"]):
                setattr(found[row["number"]], name, row[name])
    work.session.flush()
    return found


def _named(given: Sequence[Mapping[str, Any]], number: str) -> set[str]:
    return {name for one in given if one["number"] == number for name in one}
