"""Policies, obligations, waivers and workdays on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.paging import PageQuery
from schemas.vocabulary import CadenceTier

_TIERS = [tier.value for tier in CadenceTier]


class ObligationQuery(PageQuery):
    """Which obligations; ``open_on`` keeps those that can be met on that day and are not."""

    subject_id = fields.UUID(load_default=None)
    tier = fields.String(load_default=None, validate=validate.OneOf(_TIERS))
    open_on = fields.Date(load_default=None)


class ObligationOut(Schema):
    """What is owed. The state is derived, see the reports."""

    id = fields.UUID()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    tier = fields.String()
    key = fields.String()
    first_day = fields.Date()
    last_day = fields.Date()
    grace_last_day = fields.Date()
    provisional = fields.Boolean()
    cell_id = fields.UUID(allow_none=True)
    met_by = fields.UUID(allow_none=True)
    met_at = fields.AwareDateTime(allow_none=True)
    attempt_count = fields.Integer()


class ObligationPage(Schema):
    """A page of obligations."""

    items = fields.List(fields.Nested(ObligationOut), required=True)
    after = fields.String(allow_none=True)


class WaiverIn(Schema):
    """Which obligations, and why."""

    obligation_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=1000))
    reason = fields.String(required=True, validate=validate.Length(min=2, max=1000))


class WaiverAnswer(Schema):
    """How many were newly waived."""

    waived = fields.Integer(required=True)


class WorkdayImport(Schema):
    """A year's notice: days off that fall on Monday–Friday, and days made up at the weekend."""

    year = fields.Integer(required=True, validate=validate.Range(min=2000, max=2100))
    source = fields.String(required=True, validate=validate.Length(min=1, max=200))
    off = fields.List(fields.Date(), required=True)
    make_up = fields.List(fields.Date(), required=True)


class WorkdayYearOut(Schema):
    """A loaded year."""

    year = fields.Integer()
    source = fields.String()


class WorkdayList(Schema):
    """The workday table."""

    off = fields.List(fields.Date(), required=True)
    make_up = fields.List(fields.Date(), required=True)
    years = fields.List(fields.Nested(WorkdayYearOut), required=True)
