"""What stands in somebody's calendar. It lives on servers of others (phones' makers, mail providers), so nothing of a shop
and nobody's name is told: no outlet, no address, no licence, no colleague. What a stop is about stays in the house.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Text, and_, any_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.vocabulary import CadenceTier, PlanState, StopStatus
from server.cadence.models import Obligation
from server.cadence.periods import period_of
from server.cadence.queries import standing, waived
from server.grids.models import Duty
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.events import Event
from server.kernel.work import Work
from server.org.models import Squad, Vehicle
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolStop

BACK, AHEAD = timedelta(days=14), timedelta(days=60)
"""How far a calendar reaches from today."""

_DAY = timedelta(days=1)
_HIDDEN = "户名、地址、同组人员和任务请在巡格内查看。"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. It lasts from ``starts`` to before ``ends``: moments, or days for what takes whole days.

    ``modified`` is when it became what it is, and ``sequence`` grows with every change; null for a mere count.
    """

    uid: str
    summary: str
    starts: datetime | date
    ends: datetime | date
    modified: datetime
    sequence: int | None = None
    description: str = ""
    location: str = ""
    cancelled: bool = False


def entries_of(work: Work, person_id: uuid.UUID, *, due_counts: bool) -> list[Entry]:
    """All that stands in somebody's calendar at ``work.now``, in order of time. Each kind of entry is a line here."""
    today = work.now.astimezone(work.zone).date()
    entries = _patrols(work, person_id, today)
    if due_counts:
        entries += _due_this_week(work, person_id, today)
    return sorted(entries, key=lambda one: (one.starts.isoformat(), one.uid))


def _patrols(work: Work, person_id: uuid.UUID, today: date) -> list[Entry]:
    """The patrols that somebody is on of plans that were given out; those of plans taken back are cancelled."""
    found = work.session.execute(
        select(Patrol, PatrolPlan, Vehicle.plate, Squad.name)
        .join(PatrolMember, PatrolMember.patrol_id == Patrol.id)
        .join(PatrolPlan, PatrolPlan.id == Patrol.plan_id)
        .join(Squad, Squad.id == Patrol.squad_id)
        .outerjoin(Vehicle, Vehicle.id == Patrol.vehicle_id)
        .where(
            PatrolMember.person_id == person_id,
            Patrol.bureau_id == work.bureau_id,
            Patrol.day.between(today - BACK, today + AHEAD),
            PatrolPlan.published_at.is_not(None),
            PatrolPlan.state.in_((PlanState.PUBLISHED.value, PlanState.WITHDRAWN.value)),
        )
    ).all()
    changes = _changes(work, {plan.id for _, plan, _, _ in found})
    stops = _stops(work, [patrol.id for patrol, _, _, _ in found])
    return [
        _of_patrol(work, patrol, plan, plate, squad, stops.get(patrol.id, 0), changes)
        for patrol, plan, plate, squad in found
    ]


def _of_patrol(
    work: Work,
    patrol: Patrol,
    plan: PatrolPlan,
    plate: str | None,
    squad: str,
    stops: int,
    changes: Mapping[uuid.UUID, tuple[int, datetime]],
) -> Entry:
    is_off = plan.state == PlanState.WITHDRAWN
    count, last = changes.get(plan.id, (0, plan.made_at))
    moments = [last, *(one for one in (plan.published_at, plan.withdrawn_at) if one is not None)]
    with_what = plate or "步行"
    return Entry(
        uid=str(patrol.id),
        summary=f"{'（已取消）' if is_off else ''}巡查：{squad}第 {patrol.ordinal} 组（{with_what}）",
        starts=patrol.starts_at.astimezone(work.zone),
        ends=patrol.ends_at.astimezone(work.zone),
        modified=max(moments),
        sequence=count + is_off,
        description="计划已撤回。" if is_off else _told(work, patrol, stops),
        location=patrol.start_name,
        cancelled=is_off,
    )


def _told(work: Work, patrol: Patrol, stops: int) -> str:
    way = [f"共 {stops} 站"]
    if patrol.leaves_at and patrol.returns_at:
        leaves, returns = (one.astimezone(work.zone) for one in (patrol.leaves_at, patrol.returns_at))
        way.append(f"{leaves:%H:%M} 出发，{returns:%H:%M} 返回")
    if patrol.metres is not None:
        way.append(f"全程 {patrol.metres / 1000:.1f} 公里")
    return f"{'，'.join(way)}。{_HIDDEN}"


def _changes(work: Work, plan_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, tuple[int, datetime]]:
    """How often each plan was acted on, by the trail, and when last: neither ever goes back."""
    ids = sorted(map(str, plan_ids))
    if not ids:
        return {}
    named = literal(ids, ARRAY(Text))
    subject = func.jsonb_array_elements_text(Event.subject_ids, type_=Text).column_valued(
        "subject", joins_implicitly=True
    )
    acts = (
        select(subject, func.count(), func.max(Event.at))
        .select_from(Event)
        .where(
            Event.bureau_id == work.bureau_id,
            Event.subject_ids.op("?|")(named),
            subject == any_(named),
        )
        .group_by(subject)
    )
    return {uuid.UUID(plan_id): (count, last) for plan_id, count, last in work.session.execute(acts)}


def _stops(work: Work, patrol_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    counted = (
        select(PatrolStop.patrol_id, func.count())
        .where(
            among(PatrolStop.patrol_id, sorted(patrol_ids)), PatrolStop.status != StopStatus.WITHDRAWN.value
        )
        .group_by(PatrolStop.patrol_id)
    )
    return dict(work.session.execute(counted).all())


def _due_this_week(work: Work, person_id: uuid.UUID, today: date) -> list[Entry]:
    """How many shops and others of the cells that somebody leads are still to be checked by the end of the week: a number
    on the week's last working day, or on today after it.
    """
    week = period_of(CadenceTier.WEEKLY, today)
    led = select(Duty.cell_id).where(
        Duty.bureau_id == work.bureau_id, Duty.lead_person_id == person_id, Duty.valid.op("@>")(today)
    )
    still_owed = and_(
        Obligation.met_by.is_(None),
        Obligation.voided_at.is_(None),
        or_(Obligation.outcome.is_(None), Obligation.outcome == "open"),
        standing(work.zone.key),
        ~waived(),
    )
    owed = select(func.count(Obligation.subject_id.distinct())).where(
        Obligation.bureau_id == work.bureau_id,
        Obligation.cell_id.in_(led),
        Obligation.last_day.between(today, week.last_day),
        Obligation.first_day <= today,
        still_owed,
    )
    number = work.session.scalars(owed).one()
    if not number:
        return []
    workdays = load_workdays(work.session, work.bureau_id)
    day = max(today, workdays.shift(week.last_day + _DAY, -1))
    return [
        Entry(
            uid=str(uuid.uuid5(person_id, week.key)),
            summary=f"本周到期待查 {number} 户",
            starts=day,
            ends=day + _DAY,
            modified=datetime.combine(today, time(), work.zone),
            description=_HIDDEN,
        )
    ]
