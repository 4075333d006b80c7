"""What other plans that are out have still before them: whom they visit when, and what they mean to meet."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, tuple_

from schemas.vocabulary import Performed, PlanState, StopStatus
from server.cadence.models import Obligation
from server.kernel.bulk import among
from server.kernel.work import Work
from server.patrols.models import PatrolPlan, PatrolStop
from server.planning.ceiling import counting_of
from server.planning.forms import performed_by
from server.reports.cap import remaining_of


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A stop that another plan has, on a ``day`` of the bureau, and nobody has made yet; ``counts`` to the year's cap."""

    stop_id: uuid.UUID
    at: datetime
    day: date
    performed: Performed | None
    obligation_ids: frozenset[str]
    counts: bool


def load_elsewhere(work: Work, plans: Sequence[PatrolPlan]) -> Mapping[uuid.UUID, list[Elsewhere]]:
    """The stops of published plans from today on, by subject, without those of ``plans`` and of what they will replace.

    A draft replaces what its squad has out on its day, so what that has is the draft's to plan.
    """
    today = work.now.astimezone(work.zone).date()
    stops = (
        select(PatrolStop)
        .join(PatrolPlan, PatrolPlan.id == PatrolStop.plan_id)
        .where(
            PatrolPlan.bureau_id == work.bureau_id,
            PatrolPlan.state == PlanState.PUBLISHED,
            PatrolPlan.day >= today,
            tuple_(PatrolPlan.squad_id, PatrolPlan.day).not_in([(plan.squad_id, plan.day) for plan in plans]),
            PatrolStop.status == StopStatus.PLANNED,
        )
        .order_by(PatrolStop.begins_at, PatrolStop.id)
    )
    rows = work.session.scalars(stops).all()
    performed = performed_by(work)
    exempt = _exempt(work, [uuid.UUID(one) for stop in rows for one in stop.obligation_ids])
    found: dict[uuid.UUID, list[Elsewhere]] = defaultdict(list)
    for stop in rows:
        found[stop.subject_id].append(
            Elsewhere(
                stop_id=stop.id,
                at=stop.begins_at,
                day=stop.begins_at.astimezone(work.zone).date(),
                performed=performed.get(stop.form_code or ""),
                obligation_ids=frozenset(stop.obligation_ids),
                counts=stop.visit_kind != "service"
                and not (stop.obligation_ids and exempt.issuperset(stop.obligation_ids)),
            )
        )
    return found


def _exempt(work: Work, obligation_ids: Sequence[uuid.UUID]) -> set[str]:
    """Those of these obligations whose rule does not count to the cap."""
    counting = counting_of(work)
    ruled_by = func.coalesce(Obligation.rule_version_id, Obligation.policy_tier_id)
    rows = work.session.execute(
        select(Obligation.id, ruled_by).where(among(Obligation.id, sorted(set(obligation_ids))))
    )
    return {str(obligation_id) for obligation_id, rule in rows if rule and not counting.get(rule, True)}


def visits_left(
    work: Work,
    subject_ids: Iterable[uuid.UUID],
    elsewhere: Mapping[uuid.UUID, Sequence[Elsewhere]],
    day: date,
) -> dict[uuid.UUID, int]:
    """How many counting visits the cap still leaves each outlet that has one in the year of ``day``, those that other plans
    have taken off; never below 0.
    """
    found = {}
    for subject_id, left in remaining_of(work, sorted(subject_ids), day).items():
        if left is not None:
            planned = [stop for stop in elsewhere.get(subject_id, ()) if stop.day.year == day.year]
            found[subject_id] = max(0, left - sum(stop.counts for stop in planned))
    return found
