"""Tags of key places and campaigns on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.record import KINDS
from schemas.vocabulary import CampaignState, TaggedKind
from schemas.wording import wrong

_DAY = validate.Range(min=date(1970, 1, 1), max=date(2199, 12, 31))
_CODE = validate.Regexp(r"^[a-z][a-z0-9_]{1,39}$")
_REASON = validate.Length(min=2, max=1000)
_IDS = validate.Length(max=5000)


class TagKindIn(Schema):
    """A tag of the bureau's own."""

    code = fields.String(required=True, validate=_CODE)
    name = fields.String(required=True, validate=validate.Length(min=1, max=40))


class TagKindOut(Schema):
    """A tag with its name."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class TagKindList(Schema):
    """Every tag of the bureau."""

    items = fields.List(fields.Nested(TagKindOut), required=True)


class TaggedIn(Schema):
    """A place by its kind and id; a cell is a leaf, and its tag holds for whatever lies in it."""

    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in TaggedKind]))
    id = fields.UUID(required=True)


class TagIn(Schema):
    """A tag from a day to a day (both included, or until it is ended), on places told in exactly one way."""

    tag = fields.String(required=True, validate=_CODE)
    from_day = fields.Date(required=True, validate=_DAY)
    to_day = fields.Date(load_default=None, allow_none=True, validate=_DAY)
    ground = fields.String(required=True, validate=_REASON)
    licence_nos = fields.List(
        fields.String(validate=validate.Regexp(r"^[0-9]{12}$")), load_default=[], validate=_IDS
    )
    outlets_of_cells = fields.List(
        fields.UUID(),
        load_default=[],
        validate=_IDS,
        metadata={"description": "Leaf cells of which each outlet is tagged by itself"},
    )
    subjects = fields.List(fields.Nested(TaggedIn), load_default=[], validate=_IDS)


class TagsPut(Schema):
    """How many places were tagged, and how many held the tag on these days already."""

    new = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class TagEndIn(Schema):
    """Delisting: the tags hold no more after ``last_day``; without it they never held."""

    tag_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=5000))
    last_day = fields.Date(load_default=None, allow_none=True, validate=_DAY)
    reason = fields.String(required=True, validate=_REASON)


class TagQuery(PageQuery):
    """Which tags: those that were not ended, or with ``all`` every one; by tag, place and a day on which they hold."""

    tag = fields.String(load_default=None, validate=_CODE)
    subject_id = fields.UUID(load_default=None)
    on = fields.Date(load_default=None, validate=_DAY)
    all = fields.Boolean(load_default=False, metadata={"description": "Also what was ended"})


class TagOut(Schema):
    """A tag of a place. ``ended``: with ``last_day`` it holds until then, without it never held."""

    id = fields.UUID(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)
    number = fields.String(allow_none=True, metadata={"description": "Licence number, or code"})
    name = fields.String(allow_none=True)
    tag = fields.String(required=True)
    tag_zh = fields.String(required=True)
    from_day = fields.Date(required=True)
    to_day = fields.Date(allow_none=True)
    ground = fields.String(required=True)
    known_at = fields.AwareDateTime(required=True)
    ended = fields.Boolean(required=True)
    last_day = fields.Date(allow_none=True)
    end_reason = fields.String(allow_none=True)


class TagPage(Schema):
    """A page of tags, in the order in which they were put on."""

    items = fields.List(fields.Nested(TagOut), required=True)
    after = fields.String(allow_none=True)


class CampaignIn(Schema):
    """A campaign: its paper, its days, and what is in its scope by tags, by cells of any level, or by name."""

    number = fields.String(required=True, validate=validate.Length(min=1, max=60))
    name = fields.String(required=True, validate=validate.Length(min=2, max=100))
    basis = fields.String(required=True, validate=_REASON, metadata={"description": "文号、依据"})
    first_day = fields.Date(required=True, validate=_DAY)
    last_day = fields.Date(required=True, validate=_DAY)
    tags = fields.List(fields.String(validate=_CODE), load_default=[], validate=validate.Length(max=50))
    cell_ids = fields.List(fields.UUID(), load_default=[], validate=validate.Length(max=2000))
    subject_ids = fields.List(fields.UUID(), load_default=[], validate=_IDS)
    record_kinds = fields.List(
        fields.String(validate=validate.OneOf(KINDS)),
        load_default=[],
        validate=validate.Length(max=20),
        metadata={"description": "Kinds of record that count; all where empty"},
    )

    @validates_schema
    def _in_order(self, given: Mapping[str, Any], **_: Any) -> None:
        if given["first_day"] > given["last_day"]:
            raise wrong("dates_reversed", "止日早于起日。It ends before it begins.", "last_day")


class CampaignWithdrawalIn(Schema):
    """Why a campaign ends before its last day."""

    reason = fields.String(required=True, validate=_REASON)


class CampaignQuery(PageQuery):
    """Which campaigns: by state, or those that last on a day."""

    state = fields.String(
        load_default=None, validate=validate.OneOf([state.value for state in CampaignState])
    )
    on = fields.Date(load_default=None, validate=_DAY)


class CampaignOut(Schema):
    """A campaign."""

    id = fields.UUID(required=True)
    number = fields.String(required=True)
    name = fields.String(required=True)
    basis = fields.String(required=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    tags = fields.List(fields.String(), required=True)
    cell_ids = fields.List(fields.UUID(), required=True)
    subject_ids = fields.List(fields.UUID(), required=True)
    record_kinds = fields.List(fields.String(), required=True)
    state = fields.String(required=True)
    state_zh = fields.String(required=True)
    known_at = fields.AwareDateTime(required=True)
    withdrawn_at = fields.AwareDateTime(allow_none=True)
    withdraw_reason = fields.String(allow_none=True)


class CampaignPage(Schema):
    """A page of campaigns, the latest first."""

    items = fields.List(fields.Nested(CampaignOut), required=True)
    after = fields.String(allow_none=True)


class _ReachLine(Schema):
    outlets = fields.Integer(required=True, metadata={"description": "In scope, in business on some day"})
    visited = fields.Integer(required=True, metadata={"description": "Of them, with a valid special check"})
    coverage = fields.Float(allow_none=True, metadata={"description": "visited ÷ outlets; null of none"})
    outlets_with_findings = fields.Integer(required=True)


class ReachByTag(_ReachLine):
    """Of the outlets under one tag; an outlet under two is in both lines."""

    tag = fields.String(required=True)
    name = fields.String(required=True)


class ReachByCell(_ReachLine):
    """Of the outlets of one cell, as they lie now."""

    cell_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)


class FiguresOut(_ReachLine):
    """How far a campaign reached, in the reader's scope; the ids behind it are at ``outlets`` and ``records``."""

    campaign_id = fields.UUID(required=True)
    as_of = fields.AwareDateTime(required=True)
    records = fields.Integer(required=True, metadata={"description": "That belong to it, valid or not"})
    valid_records = fields.Integer(required=True)
    findings = fields.Integer(required=True, metadata={"description": "Valid records that found something"})
    by_tag = fields.List(fields.Nested(ReachByTag), required=True)
    by_cell = fields.List(fields.Nested(ReachByCell), required=True)


class ReachedQuery(Schema):
    """Which of the outlets in scope: all, those visited, or those still to be."""

    visited = fields.Boolean(load_default=None, allow_none=True)


class ReachedOut(Schema):
    """An outlet in scope, with the records behind the figures."""

    outlet_id = fields.UUID(required=True)
    licence_no = fields.String(required=True)
    name = fields.String(required=True)
    cell_id = fields.UUID(allow_none=True)
    tags = fields.List(fields.String(), required=True)
    visited = fields.Boolean(required=True)
    findings = fields.Integer(required=True)
    record_ids = fields.List(fields.UUID(), required=True)
    invalid_record_ids = fields.List(fields.UUID(), required=True)


class ReachedList(Schema):
    """The outlets in scope, by licence number."""

    items = fields.List(fields.Nested(ReachedOut), required=True)


class MarkedOut(Schema):
    """A record that belongs to the campaign."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    performed_at = fields.AwareDateTime(required=True)
    subject_kind = fields.String(allow_none=True)
    subject_id = fields.UUID(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    valid = fields.Boolean(required=True)
    abnormal = fields.Boolean(required=True)


class MarkedList(Schema):
    """The records that belong to a campaign, the earliest first."""

    items = fields.List(fields.Nested(MarkedOut), required=True)
