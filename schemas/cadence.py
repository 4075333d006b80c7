"""Policies, obligations, waivers and workdays on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.vocabulary import CadenceTier, DutyRule, SubjectKind
from schemas.wording import wrong

_TIERS = [tier.value for tier in CadenceTier]


class ObligationQuery(PageQuery):
    """Which obligations; ``open_on`` keeps those that can be met on that day and are not, ``overdue_on`` those whose last
    day was before it and that nobody met, waived or took back.
    """

    subject_id = fields.UUID(load_default=None)
    tier = fields.String(load_default=None, validate=validate.OneOf(_TIERS))
    rule = fields.String(load_default=None, validate=validate.OneOf(["ecig_cadence", *DutyRule]))
    subject_kind = fields.String(load_default=None, validate=validate.OneOf(list(SubjectKind)))
    open_on = fields.Date(load_default=None)
    overdue_on = fields.Date(load_default=None)


class ObligationOut(Schema):
    """What is owed. The state is derived, see the reports."""

    id = fields.UUID()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    rule = fields.String()
    tier = fields.String(allow_none=True)
    key = fields.String()
    trigger_id = fields.UUID(allow_none=True)
    triggered_at = fields.AwareDateTime(allow_none=True)
    due_from = fields.Date(allow_none=True)
    accepts = fields.List(fields.String(), allow_none=True)
    known_at = fields.AwareDateTime(allow_none=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)
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


def _reason(**given: Any) -> fields.String:
    return fields.String(validate=validate.Length(min=2, max=1000), **given)


class WaiverIn(Schema):
    """Which obligations, and why: either by id, or what is not met of some shops in a period, of one tier or all."""

    obligation_ids = fields.List(fields.UUID(), load_default=None, validate=validate.Length(min=1, max=1000))
    licence_nos = fields.List(
        fields.String(validate=validate.Length(equal=12)),
        load_default=None,
        validate=validate.Length(min=1, max=1000),
    )
    period = fields.String(load_default=None, validate=validate.Length(max=10))
    tier = fields.String(load_default=None, validate=validate.OneOf(_TIERS))
    reason = _reason(required=True)

    @validates_schema
    def _either(self, data: dict[str, Any], **_kw: Any) -> None:
        by_id, by_shop = data["obligation_ids"] is not None, data["licence_nos"] is not None
        if by_id == by_shop or (data["period"] is not None) != by_shop or (by_id and data["tier"]):
            raise wrong(
                "not_exactly_one",
                "请写 obligation_ids，或写 licence_nos 和 period。"
                "Give obligation_ids, or licence_nos with a period.",
            )


class WaiverAnswer(Schema):
    """How many were newly waived."""

    waived = fields.Integer(required=True)


class WaiverQuery(PageQuery):
    """Which waivers; ``current`` leaves out those that were withdrawn."""

    obligation_id = fields.UUID(load_default=None)
    subject_id = fields.UUID(load_default=None)
    current = fields.Boolean(load_default=False)


class WaiverOut(Schema):
    """A waiver, who gave it and why, and who withdrew it and why."""

    id = fields.UUID()
    obligation_id = fields.UUID()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    licence_no = fields.String(allow_none=True)
    subject_name = fields.String(allow_none=True)
    rule = fields.String()
    tier = fields.String(allow_none=True)
    key = fields.String()
    reason = fields.String()
    waived_by = fields.String(allow_none=True)
    known_at = fields.AwareDateTime()
    revoked_at = fields.AwareDateTime(allow_none=True)
    withdrawn_by = fields.String(allow_none=True)
    revoke_reason = fields.String(allow_none=True)


class WaiverPage(Schema):
    """A page of waivers, the earliest first."""

    items = fields.List(fields.Nested(WaiverOut), required=True)
    after = fields.String(allow_none=True)


class WithdrawalIn(Schema):
    """Which waivers to withdraw, and why."""

    waiver_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=1000))
    reason = _reason(required=True)


class WithdrawalAnswer(Schema):
    """How many were withdrawn."""

    withdrawn = fields.Integer(required=True)


class MakeUpIn(Schema):
    """Which record makes up which missed check of its subject (by its key, such as ``2026-W36``), and why."""

    record_id = fields.UUID(required=True)
    key = fields.String(required=True, validate=validate.Length(min=1, max=80))
    reason = _reason(required=True)


class MakeUpAnswer(Schema):
    """The obligation that is made up now."""

    obligation_id = fields.UUID(required=True)


class MakeUpUndo(Schema):
    """Which record names again only what it named when it was written, and why."""

    record_id = fields.UUID(required=True)
    reason = _reason(required=True)


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


class WorkdayChange(WorkdayList):
    """The table after a change; ``moved`` obligations have other days now, those of ``past_periods`` were over already."""

    moved = fields.Integer(required=True)
    past_periods = fields.List(fields.String(), required=True)


class WorkdayIn(Schema):
    """A single day of a loaded year, as a notice has it."""

    day = fields.Date(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["off", "make_up", "ordinary"]))
    source = fields.String(required=True, validate=validate.Length(min=2, max=200))


class WorkdayYearState(Schema):
    """Whether a year's notice is loaded, and how many working days it has; without it they are provisional."""

    year = fields.Integer(required=True)
    loaded = fields.Boolean(required=True)
    source = fields.String(allow_none=True)
    working_days = fields.Integer(required=True)


class WorkdayYears(Schema):
    """Each year from the first that matters to the next one."""

    items = fields.List(fields.Nested(WorkdayYearState), required=True)
