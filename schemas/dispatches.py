"""Dispatches on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import PageQuery

_REASON = validate.Length(min=2, max=1000)
JOINT_MODES = ("regular", "mobile")


class DispatchQuery(PageQuery):
    """Which dispatches: those that count now, or with ``all`` every version; by squad, person and days of their start."""

    squad_id = fields.UUID(load_default=None)
    person_id = fields.UUID(load_default=None)
    plate = fields.String(load_default=None, validate=validate.Length(min=1, max=20))
    since = Moment(load_default=None, metadata={"description": "Started at this moment or later"})
    until = Moment(load_default=None, metadata={"description": "Started before this moment"})
    all = fields.Boolean(load_default=False, metadata={"description": "Also what was replaced or withdrawn"})


class PartnerIn(Schema):
    """A unit that came along, with how many people."""

    unit = fields.String(required=True, validate=validate.Length(min=1, max=100))
    people = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=0, max=1000))


class DispatchIn(Schema):
    """A dispatch to write down. Person-times and vehicle-times are counted from ``people`` and ``vehicles``.

    ``people_told`` and ``vehicles_told`` are numbers to check against them, and are not stored.
    """

    squad_id = fields.UUID(load_default=None, allow_none=True)
    started_at = Moment(required=True)
    ended_at = Moment(required=True)
    task = fields.String(required=True, validate=validate.Length(min=1, max=500))
    joint_mode = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(JOINT_MODES))
    people = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=200))
    vehicles = fields.List(
        fields.String(validate=validate.Length(min=1, max=20)),
        load_default=[],
        validate=validate.Length(max=100),
        metadata={"description": "Plates of the bureau's own vehicles"},
    )
    partner_units = fields.List(fields.Nested(PartnerIn), load_default=[], validate=validate.Length(max=50))
    people_told = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=0, max=1000))
    vehicles_told = fields.Integer(
        load_default=None, allow_none=True, validate=validate.Range(min=0, max=1000)
    )


class DispatchCorrection(DispatchIn):
    """The dispatch as it was, whole, and why it is corrected."""

    reason = fields.String(required=True, validate=_REASON)


class DispatchWithdrawal(Schema):
    """Why it never was."""

    reason = fields.String(required=True, validate=_REASON)


class DispatchPersonOut(Schema):
    """Somebody who was out; ``kind`` is officer, auxiliary, staff or unknown."""

    person_id = fields.UUID(allow_none=True)
    name = fields.String(allow_none=True)
    kind = fields.String()


class DispatchVehicleOut(Schema):
    """A vehicle of the bureau; one told by number alone has no plate."""

    vehicle_id = fields.UUID(allow_none=True)
    plate = fields.String(allow_none=True)


class PartnerOut(Schema):
    """A unit that came along."""

    unit = fields.String()
    people = fields.Integer(allow_none=True)


class DispatchOut(Schema):
    """A dispatch. It belongs to the day of the bureau on which it starts."""

    id = fields.UUID()
    source = fields.String(metadata={"description": "form, road_check, patrol or desk"})
    record_id = fields.UUID(allow_none=True)
    patrol_id = fields.UUID(allow_none=True, metadata={"description": "The patrol that it was"})
    squad_id = fields.UUID(allow_none=True)
    squad = fields.String(allow_none=True)
    day = fields.Date()
    started_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime()
    task = fields.String(allow_none=True)
    joint_mode = fields.String(allow_none=True)
    known_at = fields.AwareDateTime()
    replaces_id = fields.UUID(allow_none=True)
    withdrawn = fields.Boolean()
    reason = fields.String(allow_none=True)
    people = fields.List(fields.Nested(DispatchPersonOut))
    vehicles = fields.List(fields.Nested(DispatchVehicleOut))
    partner_units = fields.List(fields.Nested(PartnerOut))
    officers = fields.Integer(metadata={"description": "Person-times (人次) that it counts for"})
    others = fields.Integer(metadata={"description": "Auxiliaries, staff and people not in the register"})
    vehicle_count = fields.Integer(metadata={"description": "Vehicle-times (辆次) that it counts for"})
    partner_people = fields.Integer(metadata={"description": "People of other units, never among ours"})


class DispatchPage(Schema):
    """A page of dispatches, by their start."""

    items = fields.List(fields.Nested(DispatchOut), required=True)
    after = fields.String(allow_none=True)
