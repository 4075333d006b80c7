"""Opening hours on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

_WEEK = {
    "description": 'ISO weekdays ("1" is Monday) → spans [opens, closes] as HH:MM; a day that is missing is closed; '
    "22:00 to 02:00 closes on the next day; midnight as an end is 24:00"
}
_SPAN = fields.List(fields.String())


class OpeningHoursIn(Schema):
    """When it is open; a null week takes back what was said."""

    week = fields.Dict(
        keys=fields.String(), values=fields.List(_SPAN), required=True, allow_none=True, metadata=_WEEK
    )
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1, max=500))


class OpeningWord(Schema):
    """What somebody said once."""

    week = fields.Dict(keys=fields.String(), values=fields.List(_SPAN), allow_none=True, metadata=_WEEK)
    note = fields.String(allow_none=True)
    by = fields.String(allow_none=True, metadata={"description": "Who said so; null for an import"})
    known_at = fields.AwareDateTime(allow_none=True)


class OpeningHoursOut(OpeningWord):
    """What holds, and the words before it, the newest first. Without a week nobody knows."""

    subject_kind = fields.String()
    subject_id = fields.UUID()
    history = fields.List(fields.Nested(OpeningWord))
