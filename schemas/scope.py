"""Who sees which cell, on the wire: grants for some days, squad moves, and what a change moves."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.paging import PageQuery

GROUNDS = ("secondment", "patrol", "campaign", "cover")
_CELLS = validate.Length(min=1, max=5000)
_REASON = validate.Length(min=1, max=500)
_DRY_RUN = {"description": "Tell what it would move, and write nothing"}


class ScopeGrantIn(Schema):
    """Which cells, to one person or one squad, on which days (both included), on what ground."""

    cell_ids = fields.List(fields.UUID(), required=True, validate=_CELLS)
    person_id = fields.UUID(load_default=None)
    squad_id = fields.UUID(load_default=None)
    from_day = fields.Date(required=True)
    to_day = fields.Date(required=True)
    ground = fields.String(required=True, validate=validate.OneOf(GROUNDS))
    reason = fields.String(required=True, validate=_REASON)
    dry_run = fields.Boolean(load_default=False, metadata=_DRY_RUN)


class ScopeGrantQuery(PageQuery):
    """Which grants; ``active_on`` keeps those that hold on that day and were not revoked."""

    cell_id = fields.UUID(load_default=None)
    person_id = fields.UUID(load_default=None)
    squad_id = fields.UUID(load_default=None)
    active_on = fields.Date(load_default=None)


class ScopeGrantOut(Schema):
    """A grant; ``until`` is the first day on which it does not hold any more."""

    id = fields.UUID(required=True)
    cell_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    from_day = fields.Date(attribute="valid.lower", required=True)
    until = fields.Date(attribute="valid.upper", required=True)
    ground = fields.String(required=True)
    reason = fields.String(required=True)
    granted_at = fields.AwareDateTime(required=True)
    granted_by = fields.UUID(allow_none=True)
    revoked_at = fields.AwareDateTime(allow_none=True)
    revoked_by = fields.UUID(allow_none=True)
    revoke_reason = fields.String(allow_none=True)


class ScopeGrantPage(Schema):
    """A page of grants."""

    items = fields.List(fields.Nested(ScopeGrantOut), required=True)
    after = fields.String(allow_none=True)


class ScopeRevocation(Schema):
    """Why a grant ends before its day."""

    reason = fields.String(required=True, validate=_REASON)
    dry_run = fields.Boolean(load_default=False, metadata=_DRY_RUN)


class Transfer(Schema):
    """To which squad somebody belongs from a day on; null: to none."""

    squad_id = fields.UUID(required=True, allow_none=True)
    from_day = fields.Date(required=True)
    leads = fields.Boolean(load_default=False)
    dry_run = fields.Boolean(load_default=False, metadata=_DRY_RUN)


class MovedDevice(Schema):
    """A device in use whose person gains or loses cells (numbers of cells)."""

    device_id = fields.UUID(required=True)
    label = fields.String(required=True)
    person_id = fields.UUID(required=True)
    gains = fields.Integer(required=True)
    loses = fields.Integer(required=True)


class Moved(Schema):
    """What a change moves on ``day``: cells, people, devices, and by collection how many documents are sent or taken
    back.
    """

    day = fields.Date(required=True)
    cells = fields.Integer(required=True)
    people = fields.Integer(required=True)
    documents = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    devices = fields.List(fields.Nested(MovedDevice), required=True)
