"""What is kept of cadence: which record met what. The rules decide; this writes down what changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import update

from server.cadence import rules
from server.cadence.histories import load_histories, load_subjects, policy_in_force
from server.cadence.models import Obligation
from server.cadence.ops import materialise
from server.grids.ops import announce
from server.kernel.ids import new_edit_id
from server.kernel.work import Work


def settle_subjects(work: Work, subject_ids: Sequence[uuid.UUID]) -> None:
    """Match the subjects' facts again and write ``met_by``, ``met_at`` and attempts where they moved."""
    today = work.now.astimezone(work.zone).date()
    in_force = policy_in_force(work, today)
    if in_force is None:
        return
    changed: list[dict[str, object]] = []
    placed: list[tuple[uuid.UUID, uuid.UUID | None]] = []
    for loaded in load_histories(work, subject_ids).values():
        for judgement in rules.judge(loaded.history, in_force.rulebook, work.now):
            row = loaded.owed[judgement.obligation.id]
            met_by = judgement.met_by or judgement.made_up_by
            now_is = (met_by, judgement.performed_at, len(judgement.attempts))
            if now_is == (row.met_by, row.met_at, row.attempt_count):
                continue
            changed.append(
                {
                    "id": row.id,
                    "met_by": met_by,
                    "met_at": judgement.performed_at,
                    "attempt_count": len(judgement.attempts),
                    "edit_id": new_edit_id(),
                }
            )
            placed.append((row.id, row.cell_id))
    if changed:
        work.session.execute(update(Obligation), changed)
        announce(work, "obligations", placed)


def sync_subjects(work: Work, outlet_ids: Sequence[uuid.UUID]) -> None:
    """A licence, status or place that changed: owe what is new, and move what is still open to the outlet's cell."""
    today = work.now.astimezone(work.zone).date()
    histories = load_subjects(work, outlet_ids)
    if not histories:
        return
    moved: list[dict[str, object]] = []
    placed: list[tuple[uuid.UUID, uuid.UUID | None]] = []
    for loaded in histories.values():
        for row in loaded.owed.values():
            if row.cell_id != loaded.cell_id and row.grace_last_day >= today and row.met_by is None:
                moved.append({"id": row.id, "cell_id": loaded.cell_id, "edit_id": new_edit_id()})
                placed += [(row.id, row.cell_id), (row.id, loaded.cell_id)]
    if moved:
        work.session.execute(update(Obligation), moved)
        announce(work, "obligations", placed)
    materialise(work, list(histories))
    settle_subjects(work, list(histories))
