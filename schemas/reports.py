"""Reports on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.vocabulary import CadenceTier, ObligationState

_BY = ("total", "squad", "officer", "cell", "outlet")


class PeriodQuery(Schema):
    """Which period, as known and judged when."""

    period = fields.String(
        load_default=None,
        metadata={"description": "2026Q3, 2026-07, 2026-W31 or 2026; default: this quarter"},
    )
    as_of = Moment(
        load_default=None, metadata={"description": "As known by and judged at this moment; default: now"}
    )


class CadenceQuery(PeriodQuery):
    """How R1 is cut."""

    by = fields.String(load_default="squad", validate=validate.OneOf(_BY))
    each_period = fields.Boolean(
        load_default=False, metadata={"description": "One row a week, month or quarter"}
    )
    format = fields.String(load_default="json", validate=validate.OneOf(("json", "csv", "xlsx")))


class CadenceRow(Schema):
    """Counts of obligations and their rates; a rate of nothing is null and printed "—"."""

    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    tier = fields.String()
    tier_zh = fields.String()
    period = fields.String()
    obligations = fields.Integer()
    waived = fields.Integer()
    due = fields.Integer()
    on_time = fields.Integer()
    late = fields.Integer()
    missed = fields.Integer()
    made_up = fields.Integer()
    pending = fields.Integer()
    unknown = fields.Integer()  # type: ignore[assignment]  # marshmallow sets its own attribute aside.
    on_time_rate = fields.String(allow_none=True)
    on_time_rate_to_date = fields.String(allow_none=True)
    completion_rate = fields.String(allow_none=True)
    waived_share = fields.String(allow_none=True)
    mean_days_late = fields.String(allow_none=True)
    attempts = fields.Integer()


class CadenceAnswer(Schema):
    """R1."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    provisional = fields.Boolean(
        required=True, metadata={"description": "True where a year's workdays are not loaded"}
    )
    rows = fields.List(fields.Nested(CadenceRow), required=True)


class ObligationsQuery(PeriodQuery):
    """Which figure's obligations."""

    tier = fields.String(load_default=None, validate=validate.OneOf([tier.value for tier in CadenceTier]))
    state = fields.String(
        load_default=None, validate=validate.OneOf([state.value for state in ObligationState])
    )
    squad_id = fields.UUID(load_default=None)
    cell_id = fields.UUID(load_default=None)
    subject_id = fields.UUID(load_default=None)


class CadenceObligation(Schema):
    """One obligation behind a figure."""

    id = fields.UUID()
    subject_id = fields.UUID()
    cell_id = fields.UUID(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    tier = fields.String()
    key = fields.String()
    first_day = fields.Date()
    last_day = fields.Date()
    grace_last_day = fields.Date()
    state = fields.String()
    unknown = fields.Boolean()  # type: ignore[assignment]  # As above.
    record_id = fields.UUID(allow_none=True)
    performed_at = fields.AwareDateTime(allow_none=True)
    days_late = fields.Integer()
    attempts = fields.List(fields.UUID())


class CadenceObligations(Schema):
    """The obligations behind a figure."""

    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(CadenceObligation), required=True)
