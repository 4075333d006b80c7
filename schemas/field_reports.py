"""R3 and R6 on the wire: what the field produced."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.reports import PeriodQuery, ShapeQuery


class RoadQuery(PeriodQuery, ShapeQuery):
    """How R6 is cut."""

    by = fields.String(
        load_default="squad",
        validate=validate.OneOf(("total", "squad", "checkpoint", "depot", "month")),
    )


class RoadRow(Schema):
    """Road checks and depot checks of one group; null where a figure is not of such a group, or a rate of nothing."""

    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    road_sessions = fields.Integer(allow_none=True)
    road_not_valid = fields.Integer(allow_none=True)
    road_stops = fields.Integer(allow_none=True)
    road_hits = fields.Integer(allow_none=True, metadata={"description": "Stops at which goods were found"})
    hit_rate = fields.String(allow_none=True)
    road_sticks = fields.Integer(allow_none=True, metadata={"description": "Sticks of cigarettes"})
    sticks_per_stop = fields.String(allow_none=True)
    depot_checks = fields.Integer(allow_none=True)
    depot_not_valid = fields.Integer(allow_none=True)
    depot_findings = fields.Integer(allow_none=True)
    letters = fields.Integer(allow_none=True)
    hand_overs = fields.Integer(allow_none=True)
    rechecks_open = fields.Integer(
        allow_none=True, metadata={"description": "Letters and hand-overs whose re-check is still to be made"}
    )
    rechecks_overdue = fields.Integer(allow_none=True, metadata={"description": "Of these, past their day"})


class RoadAnswer(Schema):
    """R6."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    rows = fields.List(fields.Nested(RoadRow), required=True)
    total = fields.Nested(RoadRow, required=True)


class RoadItemsQuery(PeriodQuery):
    """Which figure of R6, of which squad, at which checkpoint or depot."""

    figure = fields.String(required=True, validate=validate.Length(min=1, max=60))
    squad_id = fields.UUID(load_default=None)
    site_id = fields.UUID(load_default=None)


class FieldItem(Schema):
    """So much of a figure: ``kind`` is record, dispatch, outlet or obligation; ``amount`` is in the figure's base unit."""

    id = fields.UUID()
    kind = fields.String()
    amount = fields.Integer()
    day = fields.Date()
    squad_id = fields.UUID(allow_none=True)


class FieldItems(Schema):
    """What stands behind a figure."""

    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(FieldItem), required=True)


class MonthQuery(Schema):
    """Of which month, as known when."""

    period = fields.String(
        load_default=None, metadata={"description": "A month, 2026-07; default: the last one that is over"}
    )
    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})


class MonthlyQuery(MonthQuery, ShapeQuery):
    """R3 in which shape."""


class MonthlyItemsQuery(MonthQuery):
    """Which figure of R3, in which of its columns."""

    figure = fields.String(required=True, validate=validate.Length(min=1, max=200))
    column = fields.String(load_default="month", validate=validate.OneOf(("month", "to_date", "last_year")))


class MonthlyRow(Schema):
    """One figure, shown in ``unit`` and whole in ``base_unit``; the change of nothing is null and printed "—"."""

    figure = fields.String()
    figure_zh = fields.String()
    unit = fields.String()
    part_of = fields.String(allow_none=True)
    month = fields.String()
    to_date = fields.String()
    last_year = fields.String()
    change = fields.String(
        allow_none=True, metadata={"description": "Percent, month against that of last year"}
    )
    base_unit = fields.String()
    month_base = fields.Integer()
    to_date_base = fields.Integer()
    last_year_base = fields.Integer()


class SumCheck(Schema):
    """Whether the parts of a figure add up to it in a column, in base units."""

    figure = fields.String()
    column = fields.String()
    total = fields.Integer()
    parts = fields.Integer()
    agrees = fields.Boolean()


class MonthlyAnswer(Schema):
    """R3, the field's part."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(
        required=True, metadata={"description": "The month is complete at midnight and submitted by then"}
    )
    checks = fields.List(fields.Nested(SumCheck), required=True)
    rows = fields.List(fields.Nested(MonthlyRow), required=True)
