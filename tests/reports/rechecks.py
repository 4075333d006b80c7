"""Re-checks of 查一补三 that are owed in the small town, written down as their trigger would."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from server.cadence.duty_models import DutyRuleVersion
from server.cadence.models import Obligation
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from tests.reports.conftest import Quarter


def owe_rechecks(quarter: Quarter, outlet: int, found_at: datetime, first_day: date, last_day: date) -> None:
    """Three re-checks of an outlet on different days, known when the finding was."""
    town = quarter.town
    trigger = uuid.uuid4()
    with quarter.kernel.work(house(town.bureau_id), found_at) as work:
        version = DutyRuleVersion(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            code="triple_recheck",
            # Above any that the bureau has of its own.
            version=99,
            name="查一补三",
            legal_basis="试样依据",
            effective_from=date(2026, 1, 1),
            checks=3,
            days=7,
            day_kind="calendar",
            grace_working_days=0,
            due_soon_working_days=1,
            accepts=["INSPECTION", "WEEKLY"],
            threshold={},
            counts_to_cap=True,
            known_at=work.now,
        )
        work.session.add(version)
        work.session.flush()
        for number in (1, 2, 3):
            work.session.add(
                Obligation(
                    id=new_id(work.now),
                    bureau_id=town.bureau_id,
                    subject_kind="outlet",
                    subject_id=town.outlets[outlet],
                    rule="triple_recheck",
                    key=f"{trigger}/{number}",
                    trigger_id=trigger,
                    triggered_at=found_at,
                    rule_version_id=version.id,
                    due_from=last_day,
                    accepts=version.accepts,
                    min_gap_days=1,
                    known_at=found_at,
                    first_day=first_day,
                    last_day=last_day,
                    grace_last_day=last_day,
                    provisional=False,
                    cell_id=town.cells[outlet],
                    edit_id=new_edit_id(),
                )
            )
