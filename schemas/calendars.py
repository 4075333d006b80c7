"""Compliance calendars on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import PageQuery


class CalendarQuery(Schema):
    """Which weeks, as known and judged when."""

    weeks = fields.Integer(
        load_default=52,
        validate=validate.Range(min=1, max=106),
        metadata={"description": "So many ISO weeks, up to the one that holds the moment"},
    )
    year = fields.Integer(
        load_default=None,
        validate=validate.Range(min=2001, max=2199),
        metadata={"description": "Instead the 52 or 53 ISO weeks of this year"},
    )
    as_of = Moment(
        load_default=None, metadata={"description": "As known by and judged at this moment; default: now"}
    )


class CalendarPageQuery(CalendarQuery, PageQuery):
    """Whose calendars: those of a cell, or of the cells for which a squad answers on the day of the moment."""

    cell_id = fields.UUID(load_default=None)
    squad_id = fields.UUID(load_default=None)
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))


class CalendarDue(Schema):
    """One obligation. ``unknown`` lies over its state: the answer may still be on a handheld."""

    id = fields.UUID()
    rule = fields.String()
    tier = fields.String(allow_none=True)
    key = fields.String()
    first_day = fields.Date()
    last_day = fields.Date()
    grace_last_day = fields.Date()
    state = fields.String()
    unknown = fields.Boolean()  # type: ignore[assignment]  # marshmallow sets its own attribute aside.
    provisional = fields.Boolean()
    record_id = fields.UUID(allow_none=True)
    performed_at = fields.AwareDateTime(allow_none=True)
    days_late = fields.Integer()
    attempts = fields.List(fields.UUID())


class CalendarWeek(Schema):
    """One cell. ``month`` and ``quarter`` name those in which the week is reported; ``due`` is null if nothing was owed."""

    key = fields.String()
    first_day = fields.Date()
    last_day = fields.Date()
    month = fields.String()
    quarter = fields.String()
    due = fields.Nested(CalendarDue, allow_none=True)


class CalendarOut(Schema):
    """One outlet's calendar, oldest week first."""

    outlet_id = fields.UUID()
    licence_no = fields.String()
    name = fields.String()
    status = fields.String()
    weeks = fields.List(fields.Nested(CalendarWeek))
    months = fields.List(fields.Nested(CalendarDue))
    quarters = fields.List(fields.Nested(CalendarDue))
    triggered = fields.List(fields.Nested(CalendarDue))


class LegendEntry(Schema):
    """A state with its word, and the colour and pattern in which it is drawn."""

    state = fields.String()
    word = fields.String()
    colour = fields.String()
    pattern = fields.String()


class CalendarAnswer(Schema):
    """The calendar of one outlet, alone in ``items``."""

    as_of = fields.AwareDateTime(required=True)
    legend = fields.List(fields.Nested(LegendEntry), required=True)
    items = fields.List(fields.Nested(CalendarOut), required=True)


class CalendarPage(CalendarAnswer):
    """A page of calendars."""

    after = fields.String(allow_none=True)
