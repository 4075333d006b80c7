"""Whom duties are about where no register holds them: kept by the number under which they are known outside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import SubjectKind
from server.cadence.duty_models import DutySubject
from server.cadence.models import Obligation
from server.grids.ops import announce, hold_cells
from server.kernel.bulk import among
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
            # Held like every subject of which something is settled: what is written below moves what it owes.
            .with_for_update(key_share=True)
        )
    }
    changed: set[uuid.UUID] = set()
    for row in rows:
        known = found[row["number"]]
        for name in ("name", "cell_id", "closed_on", "major"):
            news = row[name] is not None and name in _named(given, row["number"])
            if news and getattr(known, name) != row[name]:
                setattr(known, name, row[name])
                changed.add(known.id)
    work.session.flush()
    if changed:
        _tell(work, sorted(changed))
    return found


def _tell(work: Work, subject_ids: Sequence[uuid.UUID]) -> None:
    """What subjects owe is told to handhelds with their names, and what is open goes along to the cell they lie in now."""
    owed = select(Obligation.id, Obligation.cell_id).where(
        Obligation.bureau_id == work.bureau_id, among(Obligation.subject_id, subject_ids)
    )
    rows = work.session.execute(owed.where(Obligation.trigger_id.is_not(None))).all()
    if not rows:
        return
    hold_cells(work.session, sorted({cell_id for _, cell_id in rows if cell_id}))
    ids = [obligation_id for obligation_id, _ in rows]
    work.session.execute(
        update(Obligation)
        .where(among(Obligation.id, ids))
        .values(edit_id=func.gen_random_uuid())
        .execution_options(synchronize_session=False)
    )
    announce(work, "obligations", [(obligation_id, cell_id) for obligation_id, cell_id in rows])
    work.wrote("obligation", subject_ids)


def _named(given: Sequence[Mapping[str, Any]], number: str) -> set[str]:
    return {name for one in given if one["number"] == number for name in one}
