"""The audit trail on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import PageQuery


class EventQuery(PageQuery):
    """Which events; a name that ends with a dot (``session.``) means all of that noun."""

    name = fields.String(load_default=None, validate=validate.Length(max=60))
    subject = fields.UUID(load_default=None)
    account = fields.UUID(load_default=None)
    since = Moment(load_default=None)
    until = Moment(load_default=None)


class EventOut(Schema):
    """An event; ``position`` and ``digest`` are its seal's, null while it is not sealed."""

    seq = fields.Integer()
    at = fields.AwareDateTime()
    name = fields.String()
    account_id = fields.UUID(allow_none=True)
    device_id = fields.UUID(allow_none=True)
    subject_ids = fields.List(fields.String())
    facts = fields.Raw(allow_none=True, metadata={"type": ["object", "null"], "additionalProperties": True})
    withheld = fields.Boolean()
    position = fields.Integer(allow_none=True)
    digest = fields.String(allow_none=True)


class EventPage(Schema):
    """A page of events, the oldest first."""

    items = fields.List(fields.Nested(EventOut), required=True)
    after = fields.String(allow_none=True)


class TailOut(Schema):
    """What is not sealed yet: how many events, and the time of the oldest."""

    events = fields.Integer()
    since = fields.AwareDateTime(allow_none=True)


class ChainHead(Schema):
    """The end of the bureau's chain; ``signed`` is what to keep elsewhere (a compact JWS), null for an empty chain."""

    bureau_id = fields.UUID()
    position = fields.Integer()
    digest = fields.String(allow_none=True)
    sealed_at = fields.AwareDateTime(allow_none=True)
    signed = fields.String(allow_none=True)
    tail = fields.Nested(TailOut)
