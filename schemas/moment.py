"""Moments on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import fields, validate

# A device whose clock has lost its battery says 1970; what lies outside would fall off the calendar in some zone.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)


class Moment(fields.AwareDateTime):
    """An RFC 3339 moment with an offset, of 1970 to 2199."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.validators = [*self.validators, validate.Range(min=EARLIEST, max=LATEST)]
