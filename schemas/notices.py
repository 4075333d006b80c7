"""Notices, webhooks and the outbox on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.paging import PageQuery
from schemas.vocabulary import NoticeKind

_KINDS = [kind.value for kind in NoticeKind]
_CELL = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))


class NoticeQuery(PageQuery):
    """Which of one's own notices."""

    kind = fields.String(load_default=None, validate=validate.OneOf(_KINDS))
    unread = fields.Boolean(load_default=None)


class NoticeOut(Schema):
    """A digest: ``counts`` of all, ``cells`` with what lies in each; ``title`` and ``advice`` in both languages."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    role = fields.String(required=True)
    day = fields.Date(required=True)
    made_at = fields.AwareDateTime(required=True)
    read_at = fields.AwareDateTime(allow_none=True)
    title = fields.String(required=True)
    title_en = fields.String(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    cells = fields.List(_CELL, required=True)


class NoticeWhole(NoticeOut):
    """A digest with everything that it lists, and what to do."""

    advice = fields.String(required=True)
    advice_en = fields.String(required=True)
    items = fields.List(_CELL, required=True)


class NoticePage(Schema):
    """A page of notices, the newest first; ``unread`` counts all that are unread."""

    items = fields.List(fields.Nested(NoticeOut), required=True)
    unread = fields.Integer(required=True)
    after = fields.String(allow_none=True)


class ReadIn(Schema):
    """Which notices were read."""

    notice_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=1000))


class ReadAnswer(Schema):
    """How many were unread before, and how many still are."""

    read = fields.Integer(required=True)
    unread = fields.Integer(required=True)
