"""Versions of the re-inspection policy and annual caps on the wire, and in the files that the command line reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.vocabulary import CadenceTier, CreditGrade
from schemas.wording import wrong

_TIERS = [tier.value for tier in CadenceTier]
_DEPTH = {tier.value: tier.depth for tier in CadenceTier}
_PERIODS = {"WEEKLY": "week", "MONTHLY": "month", "QUARTERLY": "quarter"}
_GRADES = [*(grade.value for grade in CreditGrade), "ungraded"]
_FORM_CODE = validate.Regexp(r"\A[a-z][a-z0-9_]{1,39}\Z")
_TEXT = validate.Length(min=2, max=1000)


def _days(most: int) -> validate.Range:
    return validate.Range(min=0, max=most)


def _day(value: date) -> None:
    if not 2000 <= value.year < 2200:
        raise wrong("year_out_of_range", "年份不合理。The year is out of range.")


def _grades(value: Mapping[str, Any]) -> None:
    unknown = sorted(set(value) - set(_GRADES))
    if unknown:
        raise wrong("grade_unknown", f"没有这样的信用等级：{unknown[0]}。There is no such credit grade.")


class PopulationField(Schema):
    """Whom a tier is about. A sample names, by credit grade, the percentage drawn, and its published seed; or it is
    left to a draw for each period (``by_draw``), and nobody owes a period before its draw.
    """

    kind = fields.String(required=True, validate=validate.OneOf(("all", "open_findings", "sample")))
    percent = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(strict=True, validate=validate.Range(min=0, max=100)),
        validate=_grades,
    )
    seed = fields.String(validate=validate.Length(min=1, max=200))
    by_draw = fields.Boolean(validate=validate.Equal(True))

    @validates_schema
    def _whole(self, given: Mapping[str, Any], **_more: Any) -> None:
        sample = given.get("kind") == "sample"
        one_of = len({"seed", "by_draw"} & set(given)) == 1
        if sample and (set(given.get("percent", {})) != set(_GRADES) or not one_of):
            raise wrong(
                "sample_incomplete",
                f"抽样须写明每个等级的比例（{'、'.join(_GRADES)}），以及种子或 by_draw 之一。"
                "A sample names the percentage of every grade, and either its seed or by_draw.",
            )
        if not sample and {"percent", "seed", "by_draw"} & set(given):
            raise wrong("not_a_sample", "只有抽样才有比例和种子。Only a sample has percentages and a seed.")


class TierDraft(Schema):
    """One tier of a draft; metres, seconds, working days and calendar days as named."""

    tier = fields.String(required=True, validate=validate.OneOf(_TIERS))
    period = fields.String(
        validate=validate.OneOf(tuple(_PERIODS.values())), metadata={"description": "Follows from the tier"}
    )
    population = fields.Nested(PopulationField, load_default=lambda: {"kind": "all"})
    form_code = fields.String(required=True, validate=_FORM_CODE)
    form_version = fields.Integer(strict=True, load_default=1, validate=validate.Range(min=1, max=10_000))
    satisfies = fields.List(
        fields.String(validate=validate.OneOf(_TIERS)), load_default=list, validate=validate.Length(max=2)
    )
    grace_working_days = fields.Integer(strict=True, required=True, validate=_days(30))
    min_gap_days = fields.Integer(strict=True, load_default=3, validate=_days(60))
    due_soon_working_days = fields.Integer(strict=True, load_default=2, validate=_days(20))
    min_workdays = fields.Integer(strict=True, load_default=1, validate=_days(60))
    min_officers = fields.Integer(strict=True, load_default=2, validate=validate.Range(min=2, max=20))
    radius_m = fields.Integer(strict=True, load_default=100, validate=validate.Range(min=1, max=5000))
    max_accuracy_m = fields.Integer(strict=True, load_default=100, validate=validate.Range(min=1, max=5000))
    min_duration_s = fields.Integer(strict=True, load_default=180, validate=_days(86_400))
    counts_to_cap = fields.Boolean(load_default=True)

    @validates_schema
    def _coherent(self, given: Mapping[str, Any], **_more: Any) -> None:
        tier = given.get("tier")
        if tier is None:
            return
        if given.get("period", _PERIODS[tier]) != _PERIODS[tier]:
            raise wrong(
                "period_not_of_tier",
                f"{tier} 的周期是 {_PERIODS[tier]}。The period follows from the tier.",
                "period",
            )
        if any(_DEPTH[other] >= _DEPTH[tier] for other in given.get("satisfies", ())):
            raise wrong(
                "satisfies_too_deep",
                "只能抵作更浅的层级。A checklist meets shallower tiers only.",
                "satisfies",
            )


class PolicyDraft(Schema):
    """A version of the policy to be drafted; it replaces the draft that there is."""

    name = fields.String(required=True, validate=_TEXT)
    legal_basis = fields.String(required=True, validate=_TEXT)
    effective_from = fields.Date(required=True, validate=_day)
    effective_to = fields.Date(load_default=None, allow_none=True, validate=_day)
    tiers = fields.List(fields.Nested(TierDraft), required=True, validate=validate.Length(min=1, max=3))

    @validates_schema
    def _coherent(self, given: Mapping[str, Any], **_more: Any) -> None:
        tiers = [tier.get("tier") for tier in given.get("tiers", ())]
        if len(set(tiers)) < len(tiers):
            raise wrong("tier_twice", "同一层级只能写一次。A tier stands once.", "tiers")
        first, last = given.get("effective_from"), given.get("effective_to")
        if first and last and last < first:
            raise wrong("ends_before_it_begins", "止于始前。It ends before it begins.", "effective_to")


class SignOffIn(Schema):
    """On what ground a version may ask more than the cap."""

    ground = fields.String(required=True, validate=_TEXT)


class SignOffOut(Schema):
    """A sign-off."""

    id = fields.UUID()
    policy_id = fields.UUID()
    account_id = fields.UUID()
    ground = fields.String()
    content_sha256 = fields.String()
    known_at = fields.AwareDateTime()


class RetirementIn(Schema):
    """The last day on which the version holds."""

    last_day = fields.Date(required=True, validate=_day)


class PlannedTier(Schema):
    """Obligations of a tier that a version adds, voids and keeps."""

    tier = fields.String()
    added = fields.Integer()
    voided = fields.Integer()
    kept = fields.Integer()


class PlannedGrade(Schema):
    """Visits a year that count to the cap, at least, for the outlet of the grade with the most."""

    grade = fields.String()
    outlets = fields.Integer()
    visits_now = fields.Integer()
    visits_planned = fields.Integer()
    cap = fields.Integer(allow_none=True)
    over = fields.Boolean()


class PlanOut(Schema):
    """What a version would do to periods that begin from ``effective_from`` to ``until``."""

    effective_from = fields.String()
    until = fields.String()
    cap_version = fields.Integer(allow_none=True)
    above_cap = fields.Boolean()
    tiers = fields.List(fields.Nested(PlannedTier))
    grades = fields.List(fields.Nested(PlannedGrade))


class PolicyTierOut(Schema):
    """What one tier asks and forgives; metres, seconds, working days and calendar days as named."""

    tier = fields.String()
    period = fields.Function(lambda row: _PERIODS[row.tier], metadata={"type": "string"})
    population = fields.Dict()
    form_code = fields.String()
    form_version = fields.Integer()
    satisfies = fields.List(fields.String())
    grace_working_days = fields.Integer()
    min_gap_days = fields.Integer()
    due_soon_working_days = fields.Integer()
    min_workdays = fields.Integer()
    min_officers = fields.Integer()
    radius_m = fields.Integer()
    max_accuracy_m = fields.Integer()
    min_duration_s = fields.Integer()
    counts_to_cap = fields.Boolean()


class PolicyOut(Schema):
    """A version of the bureau's re-inspection rules, with the plan that was worked out last and its sign-offs."""

    id = fields.UUID()
    code = fields.String()
    version = fields.Integer()
    name = fields.String()
    legal_basis = fields.String()
    state = fields.String()
    effective_from = fields.Date()
    effective_to = fields.Date(allow_none=True)
    drafted_by = fields.UUID(allow_none=True)
    drafted_at = fields.AwareDateTime(allow_none=True)
    activated_at = fields.AwareDateTime(allow_none=True)
    plan = fields.Nested(PlanOut, allow_none=True)
    tiers = fields.List(fields.Nested(PolicyTierOut))
    sign_offs = fields.List(fields.Nested(SignOffOut))


class PolicyList(Schema):
    """Policies."""

    items = fields.List(fields.Nested(PolicyOut), required=True)


class DrawOut(Schema):
    """A sample with all that it takes to draw it again."""

    tier = fields.String()
    key = fields.String()
    seed = fields.String()
    percent = fields.Dict()
    pool = fields.Dict(metadata={"description": "Licence number → credit grade"})
    drawn = fields.List(fields.String())
    known_at = fields.AwareDateTime()


class DrawList(Schema):
    """The samples of a version."""

    items = fields.List(fields.Nested(DrawOut), required=True)


class CapExemptionField(Schema):
    """Visits that do not count, and by what law: ``automatic`` for every visit of these kinds, else as recorded."""

    code = fields.String(required=True, validate=_FORM_CODE)
    ground = fields.String(required=True, validate=_TEXT)
    visit_kinds = fields.List(
        fields.String(validate=validate.OneOf(("routine", "special", "case"))),
        required=True,
        validate=validate.Length(min=1, max=3),
    )
    automatic = fields.Boolean(load_default=False)


class CapIn(Schema):
    """Annual caps from a day on: visits a year by credit grade; a grade that is not named has no cap."""

    name = fields.String(required=True, validate=_TEXT)
    legal_basis = fields.String(required=True, validate=_TEXT)
    effective_from = fields.Date(required=True, validate=_day)
    limits = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(strict=True, validate=validate.Range(min=0, max=1000)),
        required=True,
        validate=_grades,
    )
    exemptions = fields.List(
        fields.Nested(CapExemptionField), load_default=list, validate=validate.Length(max=50)
    )
    same_visit_minutes = fields.Integer(strict=True, load_default=30, validate=validate.Range(min=0, max=480))

    @validates_schema
    def _coherent(self, given: Mapping[str, Any], **_more: Any) -> None:
        codes = [one.get("code") for one in given.get("exemptions", ())]
        if len(set(codes)) < len(codes):
            raise wrong(
                "exemption_twice", "同一豁免代码只能写一次。An exemption's code stands once.", "exemptions"
            )


class CapOut(Schema):
    """A version of the annual caps."""

    id = fields.UUID()
    version = fields.Integer()
    name = fields.String()
    legal_basis = fields.String()
    effective_from = fields.Date()
    limits = fields.Dict()
    exemptions = fields.List(fields.Nested(CapExemptionField))
    same_visit_minutes = fields.Integer()
    known_at = fields.AwareDateTime()


class CapList(Schema):
    """Caps, newest first."""

    items = fields.List(fields.Nested(CapOut), required=True)


class ExemptionIn(Schema):
    """By which exemption a visit does not count, null to take it back, and the document that shows it."""

    code = fields.String(required=True, allow_none=True, validate=_FORM_CODE)
    reference = fields.String(required=True, validate=_TEXT)


class ExemptionOut(Schema):
    """What was noted of a record."""

    record_id = fields.UUID()
    code = fields.String(allow_none=True)
    reference = fields.String()
    account_id = fields.UUID(allow_none=True)
    known_at = fields.AwareDateTime()
