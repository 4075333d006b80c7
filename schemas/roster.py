"""The roster on the wire."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.vocabulary import RosterKind
from schemas.wording import wrong

_KIND = validate.OneOf([kind.value for kind in RosterKind])
_TIME = validate.Regexp(r"^([01]\d|2[0-3]):[0-5]\d$")
_DAY = validate.Range(min=date(1970, 1, 1), max=date(2199, 12, 31))
_REASON = validate.Length(min=2, max=500)


class RosterQuery(PageQuery):
    """Which entries: of a squad (with whoever is seconded to it), of a person, that touch these days."""

    squad_id = fields.UUID(load_default=None)
    person_id = fields.UUID(load_default=None)
    kind = fields.String(load_default=None, validate=_KIND)
    from_day = fields.Date(
        load_default=None, validate=_DAY, metadata={"description": "Still lasts on this day"}
    )
    to_day = fields.Date(load_default=None, validate=_DAY, metadata={"description": "Has begun on this day"})
    all = fields.Boolean(load_default=False, metadata={"description": "Also what was withdrawn"})

    @validates_schema
    def _in_order(self, given: dict[str, Any], **_kw: object) -> None:
        since, until = given.get("from_day"), given.get("to_day")
        if since and until and until < since:
            raise wrong("dates_reversed", "止日早于起日。It ends before it begins.", "to_day")


class RosterEntryIn(Schema):
    """Somebody is away on these days, both included; with a time of day from or until that time on the day."""

    person_id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=_KIND)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    from_time = fields.String(load_default=None, allow_none=True, validate=_TIME)
    to_time = fields.String(load_default=None, allow_none=True, validate=_TIME)
    squad_id = fields.UUID(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The squad of the bureau that somebody is seconded to; none: outside the bureau"
        },
    )
    unit = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(min=1, max=100),
        metadata={"description": "The unit outside the bureau that somebody is seconded to"},
    )
    note = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=500),
        metadata={"description": "Why; shown to the person and to whoever writes his roster alone"},
    )


class RosterWithdrawalIn(Schema):
    """Why an entry is taken back; with ``last_day`` it holds until the end of that day."""

    reason = fields.String(required=True, validate=_REASON)
    last_day = fields.Date(load_default=None, allow_none=True)


class RosterEntryOut(Schema):
    """An entry. ``begins`` and ``ends`` are what its days and times come to; note and reason only for whom they are."""

    id = fields.UUID(required=True)
    person_id = fields.UUID(required=True)
    person = fields.String(required=True)
    kind = fields.String(required=True)
    kind_zh = fields.String(required=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    from_time = fields.String(allow_none=True)
    to_time = fields.String(allow_none=True)
    begins = fields.AwareDateTime(required=True)
    ends = fields.AwareDateTime(required=True)
    squad_id = fields.UUID(allow_none=True)
    squad = fields.String(allow_none=True)
    unit = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    replaces_id = fields.UUID(allow_none=True)
    known_at = fields.AwareDateTime(required=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)
    withdraw_reason = fields.String(allow_none=True)


class RosterPage(Schema):
    """A page of entries, by their beginning."""

    items = fields.List(fields.Nested(RosterEntryOut), required=True)
    after = fields.String(allow_none=True)
