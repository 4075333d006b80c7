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


class WebhookIn(Schema):
    """A webhook to add: an https address, and the kinds of notices that it wants (none named: all)."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=200))
    url = fields.String(required=True, validate=validate.Length(min=1, max=2000))
    kinds = fields.List(fields.String(validate=validate.OneOf(_KINDS)), load_default=list)


class WebhookOut(Schema):
    """A webhook. ``disabled_at`` is set when its receiver answered that it is gone."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    url = fields.String(required=True)
    kinds = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    disabled_at = fields.AwareDateTime(allow_none=True)


class WebhookAdded(WebhookOut):
    """A new webhook; ``secret`` signs what is sent (Standard Webhooks, ``whsec_…``) and is told this once."""

    secret = fields.String(required=True)


class WebhookList(Schema):
    """Webhooks."""

    items = fields.List(fields.Nested(WebhookOut), required=True)


class DeliveryQuery(PageQuery):
    """Which messages of the outbox."""

    state = fields.String(
        load_default=None, validate=validate.OneOf(["waiting", "sent", "failed", "cancelled"])
    )


class DeliveryOut(Schema):
    """A message by mail or webhook, and how far it got; ``error`` is a short code of the last attempt."""

    id = fields.UUID(required=True)
    channel = fields.String(required=True)
    notice_id = fields.UUID(allow_none=True)
    account_id = fields.UUID(allow_none=True)
    webhook_id = fields.UUID(allow_none=True)
    state = fields.String(required=True)
    attempts = fields.Integer(required=True)
    error = fields.String(allow_none=True)
    made_at = fields.AwareDateTime(required=True)
    next_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(allow_none=True)


class DeliveryPage(Schema):
    """A page of the outbox, the newest first."""

    items = fields.List(fields.Nested(DeliveryOut), required=True)
    after = fields.String(allow_none=True)
