"""Triggered duties on the wire: their rules, opening one, what was done, taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.vocabulary import CadenceTier, Deed, DutyRule, SubjectKind
from schemas.wording import wrong

_RULES = [rule.value for rule in DutyRule]
_KINDS = [kind.value for kind in SubjectKind]
_TEXT = validate.Length(min=2, max=1000)
_NUMBER = validate.Length(min=1, max=80)
# The numbers that a rule counts first, by rule.
_THRESHOLD = {
    DutyRule.DORMANCY_CHECK: frozenset({"attempts", "within_days"}),
    DutyRule.LOOK_BACK_REVIEW: frozenset({"years"}),
}


def _day(value: date) -> None:
    if not 2000 <= value.year < 2200:
        raise wrong("year_out_of_range", "年份不合理。The year is out of range.")


def _whole(least: int, most: int) -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(min=least, max=most))


class DutyRuleIn(Schema):
    """A new version of a duty rule. ``accepts`` names what meets it: tiers' checklists and other deeds.

    ``threshold`` is ``{"attempts", "within_days"}`` of a dormancy check and ``{"years"}`` of a look-back review.
    """

    code = fields.String(required=True, validate=validate.OneOf(_RULES))
    name = fields.String(required=True, validate=_TEXT)
    legal_basis = fields.String(required=True, validate=_TEXT)
    effective_from = fields.Date(required=True, validate=_day)
    checks = _whole(1, 30)
    days = _whole(1, 366)
    day_kind = fields.String(required=True, validate=validate.OneOf(("calendar", "working")))
    grace_working_days = fields.Integer(strict=True, load_default=0, validate=validate.Range(min=0, max=30))
    due_soon_working_days = fields.Integer(
        strict=True, load_default=2, validate=validate.Range(min=0, max=20)
    )
    accepts = fields.List(
        fields.String(validate=validate.OneOf([*CadenceTier, *Deed])),
        required=True,
        validate=validate.Length(min=1, max=20),
    )
    threshold = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(strict=True, validate=validate.Range(min=1, max=366)),
        load_default=dict,
    )
    counts_to_cap = fields.Boolean(load_default=True)

    @validates_schema
    def _numbers_of_rule(self, given: Mapping[str, Any], **_more: Any) -> None:
        wanted = _THRESHOLD.get(given.get("code", ""), frozenset())
        if frozenset(given.get("threshold", {})) != wanted:
            detail = f"threshold 应为 {sorted(wanted)}。threshold has to hold exactly these numbers."
            raise wrong("threshold_of_rule", detail, "threshold")


class DutyRuleOut(Schema):
    """A version of a duty rule."""

    id = fields.UUID()
    code = fields.String()
    version = fields.Integer()
    name = fields.String()
    legal_basis = fields.String()
    effective_from = fields.Date()
    checks = fields.Integer()
    days = fields.Integer()
    day_kind = fields.String()
    grace_working_days = fields.Integer()
    due_soon_working_days = fields.Integer()
    accepts = fields.List(fields.String())
    threshold = fields.Dict()
    counts_to_cap = fields.Boolean()
    known_at = fields.AwareDateTime()


class DutyRuleList(Schema):
    """Every version, by rule, newest first."""

    items = fields.List(fields.Nested(DutyRuleOut), required=True)


class DutySubjectIn(Schema):
    """Whom a duty is about: the licence number of an outlet, the code of a depot, else the number known outside.

    The rest is for those that no register holds; no informant and no private person is named.
    """

    number = fields.String(required=True, validate=_NUMBER)
    name = fields.String(validate=validate.Length(min=1, max=200))
    cell_id = fields.UUID(allow_none=True)
    closed_on = fields.Date(allow_none=True, validate=_day)
    major = fields.Boolean()


class DutyOpening(Schema):
    """Open a duty: from ``day`` on, or for a season, round or review from ``first_day`` to ``last_day``.

    ``reference`` tells duties of one day apart: which round, which place a notice goes to.
    """

    rule = fields.String(required=True, validate=validate.OneOf(_RULES))
    subject_kind = fields.String(required=True, validate=validate.OneOf(_KINDS))
    subjects = fields.List(
        fields.Nested(DutySubjectIn), required=True, validate=validate.Length(min=1, max=5000)
    )
    day = fields.Date(allow_none=True, load_default=None, validate=_day)
    first_day = fields.Date(allow_none=True, load_default=None, validate=_day)
    last_day = fields.Date(allow_none=True, load_default=None, validate=_day)
    reference = fields.String(load_default="", validate=validate.Length(max=200))


class DutyOpened(Schema):
    """How many obligations are new, and which."""

    opened = fields.Integer(required=True)
    obligation_ids = fields.List(fields.UUID(), required=True)


class DutyWithdrawalIn(Schema):
    """Whose triggers are taken back, and why."""

    obligation_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=1000))
    reason = fields.String(required=True, validate=_TEXT)


class DutyWithdrawalAnswer(Schema):
    """How many obligations are owed no more."""

    withdrawn = fields.Integer(required=True)


class DutyActIn(Schema):
    """What was done about an obligation where no field form tells of it, and when."""

    obligation_id = fields.UUID(required=True)
    deed = fields.String(required=True, validate=validate.OneOf(list(Deed)))
    performed_at = fields.AwareDateTime(required=True)
    note = fields.String(required=True, validate=_TEXT)


class DutyActOut(Schema):
    """An act as it was written down; its id stands in the obligation's ``met_by``."""

    id = fields.UUID()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    deed = fields.String()
    performed_at = fields.AwareDateTime()
    note = fields.String()
    known_at = fields.AwareDateTime()


class DutySubjectQuery(PageQuery):
    """Which subjects."""

    kind = fields.String(load_default=None, validate=validate.OneOf(_KINDS))
    number = fields.String(load_default=None, validate=_NUMBER)


class DutySubjectOut(Schema):
    """Somebody or something that no other register holds."""

    id = fields.UUID()
    kind = fields.String()
    number = fields.String()
    name = fields.String()
    cell_id = fields.UUID(allow_none=True)
    closed_on = fields.Date(allow_none=True)
    major = fields.Boolean()


class DutySubjectPage(Schema):
    """A page of subjects."""

    items = fields.List(fields.Nested(DutySubjectOut), required=True)
    after = fields.String(allow_none=True)
