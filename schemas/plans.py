"""Plans of patrols on the wire: what a leader asks for, and the day as it was planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.moment import Moment
from schemas.paging import PageQuery
from schemas.patrol_deeds import MemberOut
from schemas.vocabulary import BusinessKind, CadenceTier, Deed, PlanState, SubjectKind
from schemas.wording import wrong

MODES = ("car", "foot")
MOST_DAYS = 7
_NAME = validate.Length(min=1, max=100)
_REASON = validate.Length(min=2, max=1000)


class PlaceIn(Schema):
    """Where a team begins or ends: EPSG:4326."""

    name = fields.String(required=True, validate=_NAME)
    lon = fields.Float(required=True, validate=validate.Range(min=-180, max=180))
    lat = fields.Float(required=True, validate=validate.Range(min=-90, max=90))


class TeamIn(Schema):
    """A team: the first two people are the officers who inspect, whoever follows comes along.

    Without ``start`` and ``end`` they are the squad's base. Cells that are assigned are visited by this team or by none.
    """

    name = fields.String(load_default=None, allow_none=True, validate=_NAME)
    people = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=20))
    vehicle_id = fields.UUID(load_default=None, allow_none=True)
    mode = fields.String(load_default="car", validate=validate.OneOf(MODES))
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    start = fields.Nested(PlaceIn, load_default=None, allow_none=True)
    end = fields.Nested(PlaceIn, load_default=None, allow_none=True)
    cell_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=2000))
    most_stops = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=1, max=200))


class PlanIn(Schema):
    """Plans for a squad's day, or for several days that know one another.

    Without ``teams`` pairs of the squad's officers are proposed, as many as it has vehicles, for the usual shift. On later
    days the teams are those of the first; days without work are left out unless ``every_day``.
    """

    squad_id = fields.UUID(required=True)
    first_day = fields.Date(required=True)
    days = fields.Integer(load_default=1, validate=validate.Range(min=1, max=MOST_DAYS))
    every_day = fields.Boolean(load_default=False)
    teams = fields.List(
        fields.Nested(TeamIn), load_default=None, allow_none=True, validate=validate.Length(min=1, max=30)
    )
    random_checks = fields.Integer(
        load_default=0,
        validate=validate.Range(min=0, max=50),
        metadata={"description": "不定期抽查户数 off-pattern checks a day, picked at random"},
    )
    seed = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1, max=100))
    even = fields.Boolean(
        load_default=True,
        metadata={
            "description": "各组任务量大致均衡 teams have about as many stops; else the shortest way wins"
        },
    )


class TeamsIn(Schema):
    """The teams of a draft, all of them."""

    teams = fields.List(fields.Nested(TeamIn), required=True, validate=validate.Length(min=1, max=30))


class WishIn(Schema):
    """What the leader fixes about one subject: to be in the plan, on which team, when; or to stay out of it."""

    subject_id = fields.UUID(required=True)
    wish = fields.String(required=True, validate=validate.OneOf(("include", "exclude")))
    patrol_id = fields.UUID(load_default=None, allow_none=True)
    not_before = Moment(load_default=None, allow_none=True)
    not_after = Moment(load_default=None, allow_none=True)
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1, max=500))

    @validates_schema
    def _hangs_together(self, data: Mapping[str, Any], **_: Any) -> None:
        pinned = (data["patrol_id"], data["not_before"], data["not_after"])
        if data["wish"] == "exclude" and any(one is not None for one in pinned):
            raise wrong(
                "not_together",
                "排除的对象不能再指定小组或时间。What stays out has no team and no time.",
                "patrol_id",
            )
        if None not in pinned[1:] and data["not_after"] < data["not_before"]:
            raise wrong("dates_reversed", "最晚早于最早。It ends before it begins.", "not_after")


class SolveIn(Schema):
    """How long the solver may look, in seconds, and the plans of other days that are ordered together with this one."""

    limit_s = fields.Integer(load_default=10, validate=validate.Range(min=1, max=600))
    plan_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=MOST_DAYS))


class KeepIn(Schema):
    """Which stops stay as they are."""

    stop_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=1000))


class SquadBaseIn(PlaceIn):
    """Where a squad starts from."""


_HOUR = validate.Regexp(r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z")
_SPAN = validate.Length(equal=2)


class NumbersIn(Schema):
    """Numbers to plan by from a day on; what is not given keeps its default.

    ``service_minutes`` go by what is performed (WEEKLY, MONTHLY, QUARTERLY, INSPECTION, SERVICE, DEPOT_CHECK,
    DOOR_CALLBACK), ``opening_hours`` by the letter of the business kind, or depot. Hours are HH:MM; a span that ends before
    it begins crosses midnight.
    """

    effective_from = fields.Date(required=True)
    service_minutes = fields.Dict(
        keys=fields.String(validate=validate.OneOf([*CadenceTier, *Deed])),
        values=fields.Integer(validate=validate.Range(min=1, max=480)),
    )
    opening_hours = fields.Dict(
        keys=fields.String(validate=validate.OneOf([*BusinessKind, SubjectKind.DEPOT])),
        values=fields.List(
            fields.List(fields.String(validate=_HOUR), validate=_SPAN), validate=validate.Length(max=6)
        ),
    )
    shift = fields.List(fields.String(validate=_HOUR), validate=_SPAN)
    longest_shift_hours = fields.Integer(validate=validate.Range(min=1, max=24))


class NumbersOut(NumbersIn):
    """The numbers in force."""

    effective_from = fields.Date(allow_none=True)
    version = fields.Integer(allow_none=True, metadata={"description": "null: the defaults"})


class PublishIn(Schema):
    """Under which approval the teams go out; without one, one that covers the day and is in force is looked for."""

    approval_id = fields.UUID(load_default=None, allow_none=True)


class PlanReasonIn(Schema):
    """Why."""

    reason = fields.String(required=True, validate=_REASON)


class PlanQuery(PageQuery):
    """Which plans."""

    squad_id = fields.UUID(load_default=None)
    from_day = fields.Date(load_default=None)
    to_day = fields.Date(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in PlanState]))


class PlaceOut(Schema):
    """A place; EPSG:4326."""

    name = fields.String()
    lon = fields.Float()
    lat = fields.Float()


class PatrolStopOut(Schema):
    """A stop with the times of the plan; ``reasons`` have a code and a sentence in Chinese (zh) and English (en)."""

    id = fields.UUID()
    ordinal = fields.Integer()
    field_ordinal = fields.Integer()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    name = fields.String()
    number = fields.String()
    cell_id = fields.UUID(allow_none=True)
    lon = fields.Float()
    lat = fields.Float()
    arrives_at = fields.AwareDateTime()
    begins_at = fields.AwareDateTime()
    departs_at = fields.AwareDateTime()
    leg_metres = fields.Integer()
    leg_s = fields.Integer()
    leg_by_road = fields.Boolean()
    visit_kind = fields.String()
    form_code = fields.String(allow_none=True)
    obligation_ids = fields.List(fields.UUID())
    reasons = fields.List(fields.Dict())
    fixed = fields.String(allow_none=True)
    status = fields.String()
    skip_reason = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    record_id = fields.UUID(allow_none=True)


class PatrolOut(Schema):
    """One team's day; ``line`` is a GeoJSON LineString or null."""

    id = fields.UUID()
    ordinal = fields.Integer()
    name = fields.String()
    mode = fields.String()
    vehicle_id = fields.UUID(allow_none=True)
    plate = fields.String(allow_none=True)
    members = fields.List(fields.Nested(MemberOut))
    cell_ids = fields.List(fields.UUID())
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    start = fields.Nested(PlaceOut)
    end = fields.Nested(PlaceOut)
    most_stops = fields.Integer(allow_none=True)
    leaves_at = fields.AwareDateTime(allow_none=True)
    returns_at = fields.AwareDateTime(allow_none=True)
    metres = fields.Integer(allow_none=True)
    travel_s = fields.Integer(allow_none=True)
    service_s = fields.Integer(allow_none=True)
    waiting_s = fields.Integer(allow_none=True)
    line = fields.Dict(allow_none=True)
    stops = fields.List(fields.Nested(PatrolStopOut))


class UnfittedOut(Schema):
    """Something that is due and not in the plan: why, and the first day on which it is late."""

    subject_kind = fields.String()
    subject_id = fields.UUID()
    name = fields.String()
    number = fields.String()
    cell_id = fields.UUID(allow_none=True)
    code = fields.String()
    late_on = fields.Date(allow_none=True)
    obligation_ids = fields.List(fields.UUID())
    reasons = fields.List(fields.Dict())


class WishOut(Schema):
    """What the leader fixed."""

    subject_kind = fields.String(validate=validate.OneOf([kind.value for kind in SubjectKind]))
    subject_id = fields.UUID()
    name = fields.String()
    wish = fields.String()
    patrol_id = fields.UUID(allow_none=True)
    not_before = fields.AwareDateTime(allow_none=True)
    not_after = fields.AwareDateTime(allow_none=True)
    note = fields.String(allow_none=True)


class PlanHead(Schema):
    """A plan without its stops."""

    id = fields.UUID()
    squad_id = fields.UUID()
    squad = fields.String()
    day = fields.Date()
    state = fields.String()
    made_at = fields.AwareDateTime()
    solved_at = fields.AwareDateTime(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)
    withdraw_reason = fields.String(allow_none=True)
    revises_id = fields.UUID(allow_none=True)
    approval_id = fields.UUID(allow_none=True)
    approval_no = fields.String(allow_none=True)
    edit_id = fields.UUID()


class PatrolPlanOut(PlanHead):
    """A plan with everything in it. ``ways`` tells how the ways were measured, with the attribution to show."""

    wishes = fields.Dict(metadata={"description": "random_checks, seed and even, as they were asked for"})
    fixed = fields.List(fields.Nested(WishOut))
    warnings = fields.List(fields.Dict())
    ways = fields.Dict(allow_none=True)
    patrols = fields.List(fields.Nested(PatrolOut))
    unfitted = fields.List(fields.Nested(UnfittedOut))
    solving_id = fields.UUID(allow_none=True, metadata={"description": "The newest run of the solver"})


class PlanPage(Schema):
    """A page of plans, the latest day first."""

    items = fields.List(fields.Nested(PlanHead), required=True)
    after = fields.String(allow_none=True)


class PlansMade(Schema):
    """The plans that were made, by day."""

    items = fields.List(fields.Nested(PatrolPlanOut), required=True)


class SolvingOut(Schema):
    """How far a run of the solver is; ``faults`` tell which team, stop or window makes a day impossible."""

    id = fields.UUID()
    plan_ids = fields.List(fields.UUID())
    state = fields.String()
    limit_s = fields.Integer()
    elapsed_s = fields.Integer()
    objective = fields.Integer(allow_none=True)
    served = fields.Integer(allow_none=True)
    unserved = fields.Integer(allow_none=True)
    faults = fields.List(fields.Dict())
    asked_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    cancel_asked_at = fields.AwareDateTime(allow_none=True)
