"""Road-check sessions and their stops on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import PageQuery


class SessionQuery(PageQuery):
    """Which sessions, by checkpoint, squad and the moment of their start; amended ones by their last word."""

    site_id = fields.UUID(load_default=None, metadata={"description": "The checkpoint"})
    squad_id = fields.UUID(load_default=None)
    valid = fields.Boolean(load_default=None)
    since = Moment(load_default=None, metadata={"description": "Begun at this moment or later"})
    until = Moment(load_default=None, metadata={"description": "Begun before this moment"})


class SessionPartner(Schema):
    """A unit that took part, with how many people."""

    name = fields.String(allow_none=True)
    people = fields.Integer(allow_none=True)


class SessionOut(Schema):
    """A road-check session. It belongs to the day of the bureau on which it began, across midnight too."""

    id = fields.UUID()
    day = fields.Date()
    performed_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime()
    site_id = fields.UUID(allow_none=True)
    site = fields.String(allow_none=True)
    site_kind = fields.String(
        allow_none=True, metadata={"description": "The checkpoint's kind in the register"}
    )
    squad_id = fields.UUID(allow_none=True)
    dispatch_id = fields.UUID(
        allow_none=True, metadata={"description": "Null: the session is a dispatch of its own"}
    )
    valid = fields.Boolean()
    mode = fields.String(allow_none=True)
    road = fields.String(allow_none=True)
    lead_id = fields.UUID(allow_none=True)
    police_present = fields.Boolean(allow_none=True)
    partner_units = fields.List(fields.Nested(SessionPartner))
    stops = fields.Integer()
    hits = fields.Integer(metadata={"description": "Stops at which goods were found"})
    sticks = fields.Integer()


class SessionPage(Schema):
    """A page of sessions, by their start."""

    items = fields.List(fields.Nested(SessionOut), required=True)
    after = fields.String(allow_none=True)


class StopQuery(SessionQuery):
    """Which stops: of which sessions, of which vehicle, with or without goods. ``since`` and ``until`` are of the stop."""

    record_id = fields.UUID(load_default=None, metadata={"description": "The session"})
    plate = fields.String(
        load_default=None,
        validate=validate.Length(min=1, max=20),
        metadata={"description": "The whole plate; blanks, dots and small letters do not matter"},
    )
    goods_found = fields.Boolean(load_default=None)


class StopHint(Schema):
    """A limit that the goods go beyond, with its article; what follows from it a person decides."""

    code = fields.String()
    path = fields.String()
    detail = fields.String()


class StopOut(Schema):
    """A vehicle stopped, its plate masked."""

    record_id = fields.UUID()
    ordinal = fields.Integer()
    stopped_at = fields.AwareDateTime()
    site_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    plate = fields.String(allow_none=True)
    vehicle_kind = fields.String()
    goods_found = fields.Boolean()
    permit = fields.String(allow_none=True)
    disposal = fields.String()
    stick_total = fields.Integer()
    hints = fields.List(fields.Nested(StopHint))


class StopPage(Schema):
    """A page of stops, by their moment."""

    items = fields.List(fields.Nested(StopOut), required=True)
    after = fields.String(allow_none=True)
