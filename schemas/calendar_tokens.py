"""Secret addresses of calendars on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class CalendarTokenIn(Schema):
    """A calendar to subscribe to: what its owner calls it, and whether it also tells how much is due."""

    label = fields.String(required=True, validate=validate.Length(min=1, max=100))
    due_counts = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Also how many of the cells that one leads are to be checked by the week's end"
        },
    )


class CalendarTokenOut(Schema):
    """A calendar that somebody subscribed to; the address itself is told once, when it is made."""

    id = fields.UUID()
    account_id = fields.UUID()
    username = fields.String()
    label = fields.String()
    due_counts = fields.Boolean()
    issued_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()
    last_used_on = fields.Date(allow_none=True, metadata={"description": "The day on which it was read last"})
    revoked_at = fields.AwareDateTime(allow_none=True)


class CalendarTokenIssued(CalendarTokenOut):
    """A new one with its address."""

    url = fields.String(
        required=True, metadata={"description": "Told this once; whoever has it reads the calendar"}
    )


class CalendarTokenPage(Schema):
    """A page of calendars, the newest first."""

    items = fields.List(fields.Nested(CalendarTokenOut), required=True)
    after = fields.String(allow_none=True)
