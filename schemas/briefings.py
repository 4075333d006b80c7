"""Briefing packs on the wire. Their content is told as it was frozen, so days and moments are texts in it already."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from schemas.paging import PageQuery


def _day(**given: Any) -> fields.String:
    return fields.String(metadata={"format": "date"}, **given)


def _moment(**given: Any) -> fields.String:
    return fields.String(metadata={"format": "date-time"}, **given)


def _place() -> fields.List[Any]:
    told = {"description": "Longitude and latitude in millionths of a degree, EPSG:4326"}
    return fields.List(fields.Integer(), metadata=told)


class BriefingQuery(PageQuery):
    """Which packs: of a squad, of a day; the newest day first, and of a day the newest version."""

    squad_id = fields.UUID(load_default=None)
    day = fields.Date(load_default=None)


class BriefingIn(Schema):
    """A pack to make now; by default of today."""

    squad_id = fields.UUID(required=True)
    day = fields.Date(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Today, or up to a week ahead: what will be due then if nothing more is done"
        },
    )


class BriefingCounts(Schema):
    """What a pack comes to."""

    due = fields.Integer()
    planned = fields.Integer(metadata={"description": "Of the due ones, those in a plan of the day"})
    not_planned = fields.Integer()
    due_soon = fields.Integer()
    chains = fields.Integer()
    alerts = fields.Integer()
    patrols = fields.Integer()
    stops = fields.Integer()


class BriefingOut(Schema):
    """A version of a squad's pack of a day."""

    id = fields.UUID()
    squad_id = fields.UUID()
    squad = fields.String()
    day = fields.Date()
    version = fields.Integer()
    scheduled = fields.Boolean(metadata={"description": "Whether the morning's job made it"})
    made_at = fields.AwareDateTime()
    made_by = fields.String(allow_none=True)
    sha256 = fields.String(metadata={"description": "Of the frozen bytes"})
    counts = fields.Nested(BriefingCounts)


class BriefingPage(Schema):
    """A page of packs."""

    items = fields.List(fields.Nested(BriefingOut), required=True)
    after = fields.String(allow_none=True)


class BriefingAbout(Schema):
    """Whom a line of a pack is about."""

    subject_kind = fields.String()
    subject_id = fields.UUID()
    name = fields.String()
    number = fields.String(
        metadata={"description": "Licence number, code, or the number that it is known by"}
    )
    cell = fields.String(metadata={"description": "The cell's code"})


class BriefingPlanned(Schema):
    """Where a plan of the day has it."""

    squad = fields.String()
    ordinal = fields.Integer(metadata={"description": "The team's"})


class BriefingOwed(BriefingAbout):
    """An obligation, with its state as judged at ``judged_at``."""

    id = fields.UUID()
    address = fields.String(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    cell_name = fields.String()
    duty = fields.String(metadata={"description": "The tier, or the rule of what triggered it"})
    duty_zh = fields.String()
    key = fields.String(allow_none=True)
    first_day = _day()
    last_day = _day()
    grace_last_day = _day()
    state = fields.String()
    state_zh = fields.String()
    attempts = fields.Integer()
    unknown = fields.Boolean(metadata={"description": "A visit may lie on a handheld that has not synced"})  # type: ignore[assignment]
    provisional = fields.Boolean()
    planned = fields.Nested(BriefingPlanned, allow_none=True)
    left_out_zh = fields.String(allow_none=True, metadata={"description": "Why the plan leaves it out"})


class BriefingDue(BriefingOwed):
    """One that is due on the day: ``grace``, ``last_day`` or ``last_workday``, see the operations guide."""

    due = fields.String()


class BriefingChain(BriefingAbout):
    """A chain of re-checks (查一补三) with something left to do; ``id`` is its trigger's."""

    id = fields.UUID()
    address = fields.String(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    cell_name = fields.String()
    found_on = _day(allow_none=True)
    first_day = _day()
    last_day = _day()
    checks = fields.Integer()
    done = fields.Integer()
    left = fields.Integer()
    obligation_ids = fields.List(fields.UUID())


class BriefingTold(Schema):
    """A reason or a warning."""

    code = fields.String(allow_none=True)
    zh = fields.String()


class BriefingStop(BriefingAbout):
    """A stop of a team, with the times of the plan."""

    stop_id = fields.UUID()
    ordinal = fields.Integer()
    address = fields.String(allow_none=True)
    place = _place()
    arrives_at = _moment()
    begins_at = _moment()
    departs_at = _moment()
    leg_metres = fields.Integer()
    leg_s = fields.Integer()
    leg_by_road = fields.Boolean()
    visit_kind = fields.String()
    form_code = fields.String(allow_none=True)
    form = fields.String(allow_none=True, metadata={"description": "The title of the checklist"})
    reasons = fields.List(fields.Nested(BriefingTold))
    obligation_ids = fields.List(fields.UUID())
    at_cap = fields.Boolean(metadata={"description": "The year's cap allows no inspection more"})
    status = fields.String()
    skip_reason_zh = fields.String(allow_none=True)


class BriefingEnd(Schema):
    """Where a team begins or ends."""

    name = fields.String()
    place = _place()


class BriefingMember(Schema):
    """Somebody of a team; ``cert_no`` is null without a certificate that is valid on the day."""

    person_id = fields.UUID()
    name = fields.String()
    part = fields.String()
    part_zh = fields.String()
    cert_no = fields.String(allow_none=True)


class BriefingPatrol(Schema):
    """A team's day."""

    patrol_id = fields.UUID()
    ordinal = fields.Integer()
    name = fields.String()
    mode = fields.String()
    vehicle = fields.String(allow_none=True)
    starts_at = _moment()
    ends_at = _moment()
    start = fields.Nested(BriefingEnd)
    end = fields.Nested(BriefingEnd)
    leaves_at = _moment(allow_none=True)
    returns_at = _moment(allow_none=True)
    metres = fields.Integer(allow_none=True)
    travel_s = fields.Integer(allow_none=True)
    service_s = fields.Integer(allow_none=True)
    waiting_s = fields.Integer(allow_none=True)
    line = fields.List(_place(), allow_none=True)
    members = fields.List(fields.Nested(BriefingMember))
    stops = fields.List(fields.Nested(BriefingStop))


class BriefingUnfitted(BriefingAbout):
    """What the plan leaves out, why, and from when on it is late."""

    code = fields.String()
    zh = fields.String()
    late_on = _day(allow_none=True)
    obligation_ids = fields.List(fields.UUID())


class BriefingPlan(Schema):
    """The published plan of the squad's day."""

    plan_id = fields.UUID()
    published_at = _moment(allow_none=True)
    approval_id = fields.UUID(allow_none=True)
    approval_no = fields.String(allow_none=True)
    warnings = fields.List(fields.Nested(BriefingTold))
    patrols = fields.List(fields.Nested(BriefingPatrol))
    unfitted = fields.List(fields.Nested(BriefingUnfitted))


class BriefingContent(Schema):
    """What was frozen. Alerts have ``code``, ``zh``, ``en`` and the ids of what they are about."""

    format = fields.String()
    bureau = fields.String()
    bureau_id = fields.UUID()
    squad = fields.String()
    squad_id = fields.UUID()
    day = _day()
    version = fields.Integer()
    scheduled = fields.Boolean()
    is_workday = fields.Boolean()
    provisional = fields.Boolean()
    made_at = _moment()
    made_by = fields.UUID(allow_none=True)
    maker = fields.String(allow_none=True)
    judged_at = _moment()
    news_since = _moment()
    due = fields.List(fields.Nested(BriefingDue))
    due_soon = fields.List(fields.Nested(BriefingOwed))
    chains = fields.List(fields.Nested(BriefingChain))
    missed = fields.List(fields.Nested(BriefingOwed))
    plan = fields.Nested(BriefingPlan, allow_none=True)
    alerts = fields.List(fields.Dict(keys=fields.String()))


class BriefingWhole(BriefingOut):
    """A pack with its content."""

    content = fields.Nested(BriefingContent)
