"""Notices over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select

from schemas.notices import (
    DeliveryOut,
    DeliveryPage,
    DeliveryQuery,
    NoticePage,
    NoticeQuery,
    NoticeWhole,
    ReadAnswer,
    ReadIn,
    WebhookAdded,
    WebhookIn,
    WebhookList,
    WebhookOut,
)
from schemas.vocabulary import NoticeKind
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.notices import ops, webhooks, wording
from server.notices.models import Delivery, Notice, Webhook
from server.notices.queries import deliveries_of, visible_to, webhooks_of

blueprint = Noun("notices", "通知 Notices")


@blueprint.endpoint("GET", "/notices", permission=Permission.SELF_READ, takes=NoticeQuery, gives=NoticePage)
def list_notices(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """One's own notices, the newest first, and how many are unread."""
    own = visible_to(work.actor)
    if query["kind"]:
        own = own.where(Notice.kind == query["kind"])
    if query["unread"] is not None:
        own = own.where(Notice.read_at.is_(None) == query["unread"])
    page = page_of(work.session, own, [Notice.id], query["after"], query["limit"], newest_first=True)
    return {**page, "items": [_told(notice) for notice in page["items"]], "unread": _unread(work)}


@blueprint.endpoint("GET", "/notices/<uuid:notice_id>", permission=Permission.SELF_READ, gives=NoticeWhole)
def get_notice(work: Work, notice_id: uuid.UUID) -> dict[str, Any]:
    """One notice with all that it lists and what to do. Looking at it does not mark it as read."""
    notice = work.session.scalar(visible_to(work.actor).where(Notice.id == notice_id))
    if notice is None:
        raise Problem("not_found")
    advice, advice_en = wording.advice(NoticeKind(notice.kind))
    return {**_told(notice), "items": notice.content["items"], "advice": advice, "advice_en": advice_en}


@blueprint.endpoint("POST", "/notices/read", permission=Permission.SELF_READ, takes=ReadIn, gives=ReadAnswer)
def mark_read(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Note that these were read; doing so twice is no error."""
    return {"read": ops.mark_read(work, given["notice_ids"]), "unread": _unread(work)}


@blueprint.endpoint("GET", "/webhooks", permission=Permission.NOTICE_MANAGE, gives=WebhookList)
def list_webhooks(work: Work) -> dict[str, Any]:
    """The bureau's webhooks, without their secrets."""
    return {"items": work.session.scalars(webhooks_of(work.bureau_id).order_by(Webhook.id)).all()}


@blueprint.endpoint(
    "POST",
    "/webhooks",
    permission=Permission.NOTICE_MANAGE,
    takes=WebhookIn,
    gives=WebhookAdded,
    status=201,
)
def add_webhook(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Add a webhook; its secret is told this once."""
    webhook, secret = webhooks.add_webhook(work, given["name"], given["url"], given["kinds"])
    return {
        **WebhookOut().dump(webhook),
        "id": webhook.id,
        "created_at": webhook.created_at,
        "secret": secret,
    }


@blueprint.endpoint(
    "POST",
    "/webhooks/<uuid:webhook_id>/test",
    permission=Permission.NOTICE_MANAGE,
    gives=DeliveryOut,
    status=202,
)
def test_webhook(work: Work, webhook_id: uuid.UUID) -> Delivery:
    """Put a test message into the outbox; ``GET /deliveries`` tells what became of it."""
    return webhooks.post_test(work, webhooks.find_webhook(work, webhook_id))


@blueprint.endpoint("DELETE", "/webhooks/<uuid:webhook_id>", permission=Permission.NOTICE_MANAGE, status=204)
def remove_webhook(work: Work, webhook_id: uuid.UUID) -> None:
    """Remove a webhook; what waits for it is not sent."""
    webhooks.remove_webhook(work, webhooks.find_webhook(work, webhook_id))


@blueprint.endpoint(
    "GET", "/deliveries", permission=Permission.NOTICE_MANAGE, takes=DeliveryQuery, gives=DeliveryPage
)
def list_deliveries(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The outbox of mail and webhooks, the newest first."""
    messages = deliveries_of(work.bureau_id)
    if query["state"]:
        messages = messages.where(Delivery.state == query["state"])
    return page_of(work.session, messages, [Delivery.id], query["after"], query["limit"], newest_first=True)


@blueprint.endpoint(
    "POST",
    "/deliveries/<uuid:delivery_id>/retry",
    permission=Permission.NOTICE_MANAGE,
    gives=DeliveryOut,
)
def retry_delivery(work: Work, delivery_id: uuid.UUID) -> Delivery:
    """Send once more what failed for good."""
    return webhooks.send_again(work, delivery_id)


def _unread(work: Work) -> int:
    unread = visible_to(work.actor).where(Notice.read_at.is_(None)).subquery()
    return work.session.scalar(select(func.count()).select_from(unread)) or 0


def _told(notice: Notice) -> dict[str, Any]:
    title, title_en = wording.title(NoticeKind(notice.kind), notice.day, notice.content["counts"])
    return {
        "id": notice.id,
        "kind": notice.kind,
        "role": notice.role,
        "day": notice.day,
        "made_at": notice.made_at,
        "read_at": notice.read_at,
        "title": title,
        "title_en": title_en,
        "counts": notice.content["counts"],
        "cells": notice.content["cells"],
    }
