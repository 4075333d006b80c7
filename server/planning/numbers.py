"""The numbers that a bureau plans by, version by version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select

from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.work import Work
from server.patrols import models
from server.planning.rulebook import PlanningNumbers, completed


def numbers_on(work: Work, day: date) -> PlanningNumbers:
    """The numbers in force on a day, looked up once a unit of work; the defaults where the bureau gave none."""
    key = ("planning_numbers", day)
    if key not in work.recalled:
        version = _version_on(work, day)
        work.recalled[key] = PlanningNumbers.read(version.rules if version else {})
    found: PlanningNumbers = work.recalled[key]
    return found


def told_on(work: Work, day: date) -> dict[str, Any]:
    """The numbers in force on a day as schemas.plans.NumbersOut shows them, defaults filled in."""
    version = _version_on(work, day)
    return {
        **completed(version.rules if version else {}),
        "effective_from": version.effective_from if version else None,
        "version": version.version if version else None,
    }


def _version_on(work: Work, day: date) -> models.PlanningRules | None:
    return work.session.scalar(
        select(models.PlanningRules)
        .where(
            models.PlanningRules.bureau_id == work.bureau_id,
            models.PlanningRules.effective_from <= day,
        )
        .order_by(models.PlanningRules.effective_from.desc(), models.PlanningRules.version.desc())
        .limit(1)
    )


def publish_numbers(work: Work, effective_from: date, rules: Mapping[str, Any]) -> models.PlanningRules:
    """A new version of the numbers, as schemas.plans.NumbersIn reads them; plans that were solved stay as they are."""
    latest = select(func.coalesce(func.max(models.PlanningRules.version), 0)).where(
        models.PlanningRules.bureau_id == work.bureau_id
    )
    version = models.PlanningRules(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        version=work.session.scalars(latest).one() + 1,
        effective_from=effective_from,
        rules=dict(rules),
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(version)
    work.session.flush()
    for key in [key for key in work.recalled if isinstance(key, tuple) and key[0] == "planning_numbers"]:
        del work.recalled[key]
    record_event(work, "planning_rules.published", [version.id], version=version.version)
    return version
