"""The published plans of a day: the teams with their vehicles and stops, and what a plan leaves out."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely
from geoalchemy2.shape import to_shape
from shapely.geometry import LineString, Point
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.vocabulary import PlanState, SkipReason, StopStatus, SubjectKind, TeamPart, UnfittedCode
from server.approvals.models import InspectionApproval
from server.briefings.ground import Ground
from server.kernel.bulk import among
from server.kernel.work import Work
from server.org.models import Certificate, Person, Vehicle
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolStop, PlanUnfitted
from server.records.models import Form
from server.reports.cap import remaining_of
from server.reports.owed import called

Row = dict[str, Any]

_GONE = frozenset({StopStatus.SKIPPED.value, StopStatus.WITHDRAWN.value})
_DEGREE = 1_000_000
# Of a sketch a hand wide: some twenty metres.
_SIMPLER = 0.0002


@dataclass(slots=True)
class Routes:
    """The plans by squad, as content has them, and by obligation: the patrol that meets it, or why none does."""

    plans: dict[uuid.UUID, Row] = field(default_factory=dict)
    planned: dict[str, Row] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def load_routes(work: Work, ground: Ground) -> Routes:
    """The plans of the day that are given out, of all squads: one may visit what another answers for."""
    plans = work.session.execute(
        select(PatrolPlan, InspectionApproval.approval_no)
        .outerjoin(InspectionApproval, InspectionApproval.id == PatrolPlan.approval_id)
        .where(
            PatrolPlan.bureau_id == work.bureau_id,
            PatrolPlan.day == ground.day,
            PatrolPlan.state == PlanState.PUBLISHED.value,
        )
    ).all()
    ids = [plan.id for plan, _ in plans]
    stops = work.session.scalars(
        select(PatrolStop)
        .where(among(PatrolStop.plan_id, ids))
        .order_by(PatrolStop.patrol_id, PatrolStop.ordinal, PatrolStop.id)
    ).all()
    left = work.session.scalars(
        select(PlanUnfitted)
        .where(among(PlanUnfitted.plan_id, ids))
        .order_by(PlanUnfitted.plan_id, PlanUnfitted.ordinal)
    ).all()
    about = {stop.subject_id for stop in stops} | {one.subject_id for one in left}
    subjects = called(work, sorted(about))
    titles = _form_titles(work)
    full = _at_their_cap(work, ground, stops)
    routes = Routes()
    patrols = _patrols(work, ground, ids)
    for plan, approval_no in plans:
        teams = []
        for patrol in patrols[plan.id]:
            own = [stop for stop in stops if stop.patrol_id == patrol["patrol_id"]]
            for stop in own:
                if stop.status not in _GONE:
                    where = {"squad": ground.squads.get(plan.squad_id, ""), "ordinal": patrol["ordinal"]}
                    routes.planned |= dict.fromkeys(map(str, stop.obligation_ids), where)
            teams.append({**patrol, "stops": [_stop(stop, ground, subjects, titles, full) for stop in own]})
        unfitted = [_left(one, ground, subjects) for one in left if one.plan_id == plan.id]
        for one in unfitted:
            routes.left_out |= dict.fromkeys(one["obligation_ids"], one["zh"])
        routes.plans[plan.squad_id] = {
            "plan_id": plan.id,
            "published_at": plan.published_at.astimezone(work.zone) if plan.published_at else None,
            "approval_id": plan.approval_id,
            "approval_no": approval_no,
            "warnings": [_told(one) for one in plan.warnings],
            "patrols": teams,
            "unfitted": unfitted,
        }
    return routes


def _patrols(work: Work, ground: Ground, plan_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """The teams of each plan in order, without their stops."""
    found = work.session.execute(
        select(Patrol, Vehicle.plate)
        .outerjoin(Vehicle, Vehicle.id == Patrol.vehicle_id)
        .where(among(Patrol.plan_id, plan_ids))
        .order_by(Patrol.plan_id, Patrol.ordinal)
    ).all()
    members = _members(work, ground, [patrol.id for patrol, _ in found])

    def at(moment: Any) -> Any:
        return moment.astimezone(work.zone) if moment else None

    patrols: dict[uuid.UUID, list[Row]] = defaultdict(list)
    for patrol, plate in found:
        line = to_shape(patrol.line) if patrol.line is not None else None
        patrols[patrol.plan_id].append(
            {
                "patrol_id": patrol.id,
                "ordinal": patrol.ordinal,
                "name": patrol.name,
                "mode": patrol.mode,
                "vehicle": plate,
                "starts_at": at(patrol.starts_at),
                "ends_at": at(patrol.ends_at),
                "start": {"name": patrol.start_name, "place": _place(to_shape(patrol.start_place))},
                "end": {"name": patrol.end_name, "place": _place(to_shape(patrol.end_place))},
                "leaves_at": at(patrol.leaves_at),
                "returns_at": at(patrol.returns_at),
                "metres": patrol.metres,
                "travel_s": patrol.travel_s,
                "service_s": patrol.service_s,
                "waiting_s": patrol.waiting_s,
                "line": _line(line),
                "members": members[patrol.id],
            }
        )
    return patrols


def _members(work: Work, ground: Ground, patrol_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """The people of each team in order; ``cert_no`` is the certificate that they hold on the day."""
    people = work.session.execute(
        select(PatrolMember, Person.name)
        .join(Person, Person.id == PatrolMember.person_id)
        .where(among(PatrolMember.patrol_id, patrol_ids))
        .order_by(PatrolMember.patrol_id, PatrolMember.ordinal)
    ).all()
    held = dict(
        work.session.execute(
            select(Certificate.person_id, Certificate.cert_no)
            .where(
                among(Certificate.person_id, sorted({member.person_id for member, _ in people})),
                Certificate.valid_from <= ground.day,
                Certificate.valid_to >= ground.day,
            )
            .order_by(Certificate.valid_to)
        ).all()
    )
    found: dict[uuid.UUID, list[Row]] = defaultdict(list)
    for member, name in people:
        found[member.patrol_id].append(
            {
                "person_id": member.person_id,
                "name": name,
                "part": member.part,
                "part_zh": TeamPart(member.part).label_zh,
                "cert_no": held.get(member.person_id),
            }
        )
    return found


def _stop(
    stop: PatrolStop,
    ground: Ground,
    subjects: Mapping[uuid.UUID, Any],
    titles: Mapping[str, str],
    full: frozenset[uuid.UUID],
) -> Row:
    subject = subjects.get(stop.subject_id)
    zone = ground.since.tzinfo
    return {
        "stop_id": stop.id,
        "ordinal": stop.ordinal,
        "subject_kind": stop.subject_kind,
        "subject_id": stop.subject_id,
        "name": subject.name if subject else "",
        "number": subject.number if subject else "",
        "address": subject.address if subject else None,
        "cell": ground.cell(stop.cell_id)[0],
        "place": _place(to_shape(stop.place)),
        "arrives_at": stop.arrives_at.astimezone(zone),
        "begins_at": stop.begins_at.astimezone(zone),
        "departs_at": stop.departs_at.astimezone(zone),
        "leg_metres": stop.leg_metres,
        "leg_s": stop.leg_s,
        "leg_by_road": stop.leg_by_road,
        "visit_kind": stop.visit_kind,
        "form_code": stop.form_code,
        "form": titles.get(stop.form_code, stop.form_code) if stop.form_code else None,
        "reasons": [_told(one) for one in stop.reasons],
        "obligation_ids": list(map(str, stop.obligation_ids)),
        "at_cap": stop.subject_id in full,
        "status": stop.status,
        "skip_reason_zh": SkipReason(stop.skip_reason).label_zh if stop.skip_reason else None,
    }


def _left(one: PlanUnfitted, ground: Ground, subjects: Mapping[uuid.UUID, Any]) -> Row:
    subject = subjects.get(one.subject_id)
    return {
        "subject_kind": one.subject_kind,
        "subject_id": one.subject_id,
        "name": subject.name if subject else "",
        "number": subject.number if subject else "",
        "cell": ground.cell(one.cell_id)[0],
        "code": one.code,
        "zh": UnfittedCode(one.code).label_zh if one.code in list(UnfittedCode) else one.code,
        "late_on": one.late_on,
        "obligation_ids": list(map(str, one.obligation_ids)),
    }


def _told(one: Any) -> Row:
    """A reason or a warning as it is kept: its stable code, and what it says in Chinese."""
    if not isinstance(one, Mapping):
        return {"code": None, "zh": str(one)}
    code = one.get("code")
    return {"code": code, "zh": str(one.get("zh") or code or "")}


def _form_titles(work: Work) -> dict[str, str]:
    newest = (
        select(Form.form_code, Form.title)
        .ext(distinct_on(Form.form_code))
        .where(Form.bureau_id == work.bureau_id, Form.state != "draft")
        .order_by(Form.form_code, Form.version.desc())
    )
    return dict(work.session.execute(newest).all())


def _at_their_cap(work: Work, ground: Ground, stops: Sequence[PatrolStop]) -> frozenset[uuid.UUID]:
    """The outlets among the stops whose cap of the year allows no visit more (国办发〔2024〕54号)."""
    outlets = sorted({stop.subject_id for stop in stops if stop.subject_kind == SubjectKind.OUTLET})
    if not outlets:
        return frozenset()
    remaining = remaining_of(work, outlets, ground.day)
    return frozenset(outlet for outlet, left in remaining.items() if left == 0)


def _place(shape: Any) -> list[int]:
    """Longitude and latitude in millionths of a degree: canonical bytes hold no floating-point numbers."""
    assert isinstance(shape, Point)
    return _in_millionths(shape.x, shape.y)


def _line(shape: Any) -> list[list[int]] | None:
    if not isinstance(shape, LineString):
        return None
    simpler = shapely.simplify(shape, _SIMPLER, preserve_topology=False)
    return [_in_millionths(x, y) for x, y in simpler.coords]


def _in_millionths(lon: float, lat: float) -> list[int]:
    return [round(lon * _DEGREE), round(lat * _DEGREE)]
