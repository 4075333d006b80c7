"""Draws (双随机) on the wire, and in the files that the command line reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.vocabulary import BusinessKind, CadenceTier, CreditGrade, LicenceScope, ObligationState
from schemas.wording import wrong

_TIERS = [tier.value for tier in CadenceTier]
_GRADES = [*(grade.value for grade in CreditGrade), "ungraded"]
_TEXT = validate.Length(min=2, max=200)
_REASON = validate.Length(min=2, max=500)
_SEED = validate.Regexp(r"\A[^\x00-\x1f:]{1,200}\Z")
STATES = ("frozen", "drawn", "published", "cancelled")
PURPOSES = ("spot_check", "special")


def _day(value: date) -> None:
    if not 2000 <= value.year < 2200:
        raise wrong("year_out_of_range", "年份不合理。The year is out of range.")


class OutletsField(Schema):
    """Which outlets may be drawn: those that owe a period of a tier, or those of cells (of any level), kinds and
    grades; a list that is empty or absent leaves none out.
    """

    tier = fields.String(validate=validate.OneOf(_TIERS))
    period = fields.String(validate=validate.Length(min=1, max=20))
    cell_ids = fields.List(fields.UUID(), validate=validate.Length(max=5000))
    business_kinds = fields.List(
        fields.String(validate=validate.OneOf([kind.value for kind in BusinessKind])),
        validate=validate.Length(max=20),
    )
    grades = fields.List(fields.String(validate=validate.OneOf(_GRADES)), validate=validate.Length(max=20))
    scope = fields.String(validate=validate.OneOf([scope.value for scope in LicenceScope]))


class DrawIn(Schema):
    """A draw whose pool is to be frozen: for a policy's spot check (``spot_check``) or a special inspection.

    ``count`` outlets are drawn from all of them, or ``percent`` of each credit grade, rounded up; a spot check with
    neither draws the policy's percentage, or teams for all who owe. A team has ``team_size`` officers, at least
    ``from_other_squads`` of them of another squad than the outlet's.
    """

    name = fields.String(required=True, validate=_TEXT)
    basis = fields.String(required=True, validate=_TEXT)
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    outlets = fields.Nested(OutletsField, required=True)
    from_day = fields.Date(load_default=None, allow_none=True, validate=_day)
    to_day = fields.Date(load_default=None, allow_none=True, validate=_day)
    count = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=1, max=100_000)
    )
    percent = fields.Dict(
        keys=fields.String(validate=validate.OneOf(_GRADES)),
        values=fields.Integer(strict=True, validate=validate.Range(min=0, max=100)),
        load_default=None,
        allow_none=True,
    )
    squad_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=500))
    team_size = fields.Integer(strict=True, load_default=2, validate=validate.Range(min=2, max=20))
    from_other_squads = fields.Integer(strict=True, load_default=1, validate=validate.Range(min=0, max=20))

    @validates_schema
    def _coherent(self, given: Mapping[str, Any], **_more: Any) -> None:
        shares = sum(given.get(name) is not None for name in ("count", "percent"))
        if shares > 1 or (not shares and given.get("purpose") != "spot_check"):
            raise wrong(
                "not_exactly_one", "请写明户数或比例之一。Give a count or percentages, and not both.", "count"
            )
        outlets = given.get("outlets", {})
        owing = {"tier", "period"} & set(outlets)
        if given.get("purpose") == "spot_check":
            if owing != {"tier", "period"} or len(outlets) > 2:
                raise wrong(
                    "tier_and_period_only",
                    "制度抽查写明层级和周期，不写其他条件。A spot check names its tier and period, and nothing else.",
                    "outlets",
                )
        elif owing:
            raise wrong(
                "tier_of_spot_check",
                "专项检查不写层级和周期。Only a spot check has a tier and a period.",
                "outlets",
            )
        elif given.get("from_day") is None or given.get("to_day") is None:
            raise wrong(
                "days_missing", "专项检查须写明起止日期。A special inspection names its days.", "from_day"
            )
        if given.get("from_other_squads", 0) > given.get("team_size", 0):
            raise wrong(
                "more_than_the_team", "不能多于检查组人数。This is more than the team.", "from_other_squads"
            )


class SeedIn(Schema):
    """The seed: nothing, for one that the server makes now; or a public number, where it is from, and when it became
    public.
    """

    seed = fields.String(load_default=None, allow_none=True, validate=_SEED)
    seed_source = fields.String(load_default=None, allow_none=True, validate=_TEXT)
    seed_at = fields.AwareDateTime(load_default=None, allow_none=True)

    @validates_schema
    def _whole(self, given: Mapping[str, Any], **_more: Any) -> None:
        if len({given.get(name) is None for name in ("seed", "seed_source", "seed_at")}) > 1:
            raise wrong(
                "seed_incomplete",
                "公开的种子须写明来源和公布时间。A seed is given with its source and its moment.",
                "seed",
            )


class ReplacementIn(SeedIn):
    """Who drops out, why, and of which outlet; without one, of all his outlets."""

    person_id = fields.UUID(required=True)
    licence_no = fields.String(load_default=None, allow_none=True, validate=validate.Regexp(r"\A[0-9]{12}\Z"))
    reason = fields.String(required=True, validate=_REASON)


class DrawReason(Schema):
    """Why."""

    reason = fields.String(required=True, validate=_REASON)


class DrawnTeam(Schema):
    """Who goes to an outlet, by certificate number."""

    licence_no = fields.String()
    cert_nos = fields.List(fields.String())


class DrawProgress(Schema):
    """Where a draw stands. ``pool_sha256`` is of the frozen pool's canonical text."""

    id = fields.UUID()
    name = fields.String()
    purpose = fields.String()
    tier = fields.String(allow_none=True)
    key = fields.String()
    from_day = fields.Date()
    to_day = fields.Date()
    state = fields.String()
    pool_sha256 = fields.String()
    outlets = fields.Integer(metadata={"description": "In the pool"})
    officers = fields.Integer(metadata={"description": "In the pool"})
    frozen_at = fields.AwareDateTime()
    drawn_at = fields.AwareDateTime(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    cancelled_at = fields.AwareDateTime(allow_none=True)
    cancel_reason = fields.String(allow_none=True)
    replacements = fields.Integer()
    teams = fields.List(fields.Nested(DrawnTeam))


class DrawQuery(PageQuery):
    """Which draws, in the order in which they were frozen."""

    purpose = fields.String(load_default=None, validate=validate.OneOf(PURPOSES))


class DrawPage(Schema):
    """A page of draws."""

    items = fields.List(fields.Nested(DrawProgress), required=True)
    after = fields.String(allow_none=True)


class AwaitedSampleOut(Schema):
    """A period of a tier for which nobody owes anything until its sample is drawn; ``too_late`` once it has begun."""

    tier = fields.String()
    period = fields.String()
    first_day = fields.Date()
    percent = fields.Dict()
    policy_version = fields.Integer()
    too_late = fields.Boolean()


class AwaitedSampleList(Schema):
    """The samples that a policy leaves to draws and nobody has drawn, the earliest first."""

    items = fields.List(fields.Nested(AwaitedSampleOut), required=True)


class DrawRoundOut(Schema):
    """A seed and the teams that it drew. Later rounds name who dropped out, from which outlets, and who was left out."""

    round = fields.Integer()
    seed = fields.String()
    seed_source = fields.String()
    seed_at = fields.String()
    drawn_at = fields.String()
    teams = fields.List(fields.Nested(DrawnTeam))
    cert_no_out = fields.String()
    licences = fields.List(fields.String())
    left_out = fields.List(fields.Dict())


class DrawFile(Schema):
    """All that it takes to draw again, see docs/draws.md."""

    frozen = fields.Dict()
    pool_sha256 = fields.String()
    rounds = fields.List(fields.Nested(DrawRoundOut))
    teams = fields.List(fields.Nested(DrawnTeam))


class DrawVerification(Schema):
    """The draw made again: whether all of it agrees, and each thing that does not."""

    agrees = fields.Boolean()
    pool_sha256 = fields.String()
    faults = fields.List(fields.String())
    teams = fields.List(fields.Nested(DrawnTeam))


class DrawResultOut(Schema):
    """What became of a drawn outlet. ``team_as_drawn`` is null before somebody was there."""

    ordinal = fields.Integer()
    licence_no = fields.String()
    outlet_id = fields.UUID()
    outlet = fields.String()
    squad = fields.String(allow_none=True)
    team = fields.List(fields.String(), metadata={"description": "Certificate numbers"})
    due = fields.Date()
    state = fields.String(validate=validate.OneOf([state.value for state in ObligationState]))
    record_id = fields.UUID(allow_none=True)
    performed_at = fields.AwareDateTime(allow_none=True)
    result = fields.String(allow_none=True)
    came = fields.List(fields.String(), metadata={"description": "Certificate numbers"})
    team_as_drawn = fields.Boolean(allow_none=True)


class DrawResultList(Schema):
    """The drawn outlets in the order of the draw."""

    items = fields.List(fields.Nested(DrawResultOut), required=True)


class PublicResultOut(Schema):
    """What is made public of an outlet (一公开): nothing about anybody that is not on a licence or a certificate."""

    licence_no = fields.String()
    outlet = fields.String()
    date = fields.String(allow_none=True)
    result = fields.String()
    officers = fields.String()


class PublicSheet(Schema):
    """The public result sheet of a draw."""

    name = fields.String()
    basis = fields.String()
    from_day = fields.Date()
    to_day = fields.Date()
    pool_sha256 = fields.String()
    seeds = fields.List(fields.String())
    rows = fields.List(fields.Nested(PublicResultOut), required=True)


class RecusalIn(Schema):
    """Who may not go to an outlet (null: to none), from a day to a day (null: until it is ended), and why."""

    person_id = fields.UUID(required=True)
    outlet_id = fields.UUID(load_default=None, allow_none=True)
    from_day = fields.Date(required=True, validate=_day)
    to_day = fields.Date(load_default=None, allow_none=True, validate=_day)
    reason = fields.String(required=True, validate=_REASON)

    @validates_schema
    def _coherent(self, given: Mapping[str, Any], **_more: Any) -> None:
        first, last = given.get("from_day"), given.get("to_day")
        if first and last and last < first:
            raise wrong("ends_before_it_begins", "止于始前。It ends before it begins.", "to_day")


class RecusalOut(Schema):
    """A recusal; ``ended_at`` where it was ended before its day."""

    id = fields.UUID()
    person_id = fields.UUID()
    outlet_id = fields.UUID(allow_none=True)
    from_day = fields.Date()
    to_day = fields.Date(allow_none=True)
    reason = fields.String()
    known_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)


class RecusalList(Schema):
    """Recusals, the newest first."""

    items = fields.List(fields.Nested(RecusalOut), required=True)
