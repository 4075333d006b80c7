"""Finding records, on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import Box, PageQuery
from schemas.record import KINDS, VISIT_KINDS
from schemas.wording import wrong

EXPORTS = ("csv", "xlsx", "gpkg")


def _not_blank(value: str) -> None:
    if not value.strip():
        raise wrong("blank", "请写要找的词。Write what to look for.")


class SearchConditions(Schema):
    """What the records looked for have; every condition given holds."""

    q = fields.String(
        load_default=None,
        validate=[validate.Length(min=2, max=100), _not_blank],
        metadata={
            "description": "words, 简 or 繁, or the pinyin initials of the subject's name; all must be there"
        },
    )
    licence_no = fields.String(load_default=None, validate=validate.Length(equal=12))
    subject_id = fields.UUID(load_default=None)
    officer_id = fields.UUID(load_default=None)
    squad_id = fields.UUID(load_default=None)
    cell_id = fields.UUID(load_default=None)
    plate = fields.String(
        load_default=None,
        validate=validate.Length(min=4, max=20),
        metadata={"description": "whole, as it reads"},
    )
    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    visit_kind = fields.String(load_default=None, validate=validate.OneOf(VISIT_KINDS))
    valid = fields.Boolean(load_default=None)
    finding = fields.String(
        load_default=None,
        validate=validate.Length(min=2, max=60),
        metadata={"description": "code of a finding or flag"},
    )
    result = fields.String(load_default=None, validate=validate.OneOf(("normal", "abnormal")))
    cause = fields.String(load_default=None, validate=validate.Length(min=2, max=60))
    disposal = fields.String(load_default=None, validate=validate.Length(min=2, max=60))
    number = fields.String(load_default=None, validate=validate.Length(min=2, max=80))
    approval_no = fields.String(load_default=None, validate=validate.Length(min=2, max=80))
    since = Moment(load_default=None)
    until = Moment(load_default=None)
    bbox = Box(load_default=None)


class SearchQuery(PageQuery, SearchConditions):
    """A page of what is found."""


class ExportQuery(SearchConditions):
    """What is found, as a file."""

    format = fields.String(required=True, validate=validate.OneOf(EXPORTS))


class HitOut(Schema):
    """A record that was found; persons are masked."""

    id = fields.UUID()
    kind = fields.String()
    form_code = fields.String()
    form_version = fields.Integer()
    visit_kind = fields.String()
    performed_at = fields.AwareDateTime()
    received_at = fields.AwareDateTime()
    valid = fields.Boolean()
    subject_kind = fields.String(allow_none=True)
    subject_id = fields.UUID(allow_none=True)
    subject_name = fields.String(allow_none=True)
    licence_no = fields.String(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    cell_code = fields.String(allow_none=True)
    squad_id = fields.UUID(allow_none=True)
    squad_name = fields.String(allow_none=True)
    officers = fields.List(fields.String())
    plates = fields.List(fields.String())
    numbers = fields.List(fields.String())
    cause = fields.String(allow_none=True)
    amends_id = fields.UUID(allow_none=True)
    flags = fields.List(fields.String())
    excerpt = fields.String(allow_none=True)


class HitPage(Schema):
    """A page of hits, the newest first."""

    items = fields.List(fields.Nested(HitOut), required=True)
    after = fields.String(allow_none=True)
