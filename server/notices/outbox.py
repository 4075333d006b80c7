"""Sending what stands in the outbox: claim – send – settle, each of the two writes in a transaction of its own.

Nothing is held while a message is under way, for an open writer holds back what handhelds may pull. A sender that dies
between sending and settling leaves a claim that ends by itself, and the message goes out again under the same id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update

from schemas.vocabulary import NoticeKind
from server.access.models import Account
from server.kernel.actor import house
from server.kernel.events import record_event
from server.kernel.sealing import SealBroken, unseal
from server.kernel.work import Kernel, Work
from server.notices import channels, wording
from server.notices.channels import Mail, Posting, Undelivered
from server.notices.models import Delivery, Notice, Webhook
from server.notices.queries import LISTED

LEASE = timedelta(minutes=3)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WAITS = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR)
"""How long to wait after each failed attempt; after one more it has failed for good."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is this sender's to send, as its ``attempt``-th."""

    delivery_id: uuid.UUID
    attempt: int
    message: Mail | Posting


def due_deliveries(work: Work, limit: int = 500) -> Sequence[uuid.UUID]:
    """What waits and whose time has come, the longest waiting first; what somebody is sending just now is left out."""
    return work.session.scalars(
        select(Delivery.id)
        .where(
            Delivery.bureau_id == work.bureau_id,
            Delivery.state == "waiting",
            Delivery.next_at <= work.now,
            or_(Delivery.claimed_until.is_(None), Delivery.claimed_until <= work.now),
        )
        .order_by(Delivery.next_at, Delivery.id)
        .limit(limit)
    ).all()


def deliver(
    kernel: Kernel, bureau_id: uuid.UUID, delivery_id: uuid.UUID, clock: Callable[[], datetime]
) -> bool:
    """Send one message if it is due and nobody else is sending it; whether it got through."""
    now = clock()
    with kernel.work(house(bureau_id), now) as work:
        claim = _claim(work, delivery_id)
    if claim is None:
        return False
    settings, failure = kernel.settings, None
    try:
        if isinstance(claim.message, Mail):
            if settings.mail_server is None:
                raise Undelivered("no_mail_server")
            channels.send_mail(settings.mail_server, claim.message, now, settings.ca_file)
        else:
            channels.post_signed(claim.message, now, settings.webhook_networks, settings.ca_file)
    except Undelivered as undelivered:
        failure = undelivered
    with kernel.work(house(bureau_id), clock()) as work:
        _settle(work, claim.delivery_id, claim.attempt, failure)
    return failure is None


def _claim(work: Work, delivery_id: uuid.UUID) -> Claim | None:
    """Take the message, for as long as the lease lasts; nothing where another has it, or it is not due or not wanted."""
    delivery = work.session.scalar(
        select(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.bureau_id == work.bureau_id,
            Delivery.state == "waiting",
            Delivery.next_at <= work.now,
            or_(Delivery.claimed_until.is_(None), Delivery.claimed_until <= work.now),
        )
        .with_for_update(skip_locked=True)
    )
    if delivery is None:
        return None
    if delivery.attempts > len(WAITS):
        # Its senders died one after the other, and nobody settled it.
        _end(work, delivery, "failed", "sender_died")
        return None
    delivery.attempts += 1
    delivery.claimed_until = work.now + LEASE
    try:
        message = _mail_of(work, delivery) if delivery.channel == "email" else _posting_of(work, delivery)
    except SealBroken:
        work.session.flush()
        _settle(work, delivery.id, delivery.attempts, Undelivered("secret_unreadable"))
        return None
    if message is None:
        _end(work, delivery, "cancelled", None)
        return None
    return Claim(delivery.id, delivery.attempts, message)


def _mail_of(work: Work, delivery: Delivery) -> Mail | None:
    """The mail, unless its account takes none any more."""
    account = work.session.get_one(Account, delivery.account_id)
    notice = work.session.get_one(Notice, delivery.notice_id)
    if account.disabled_at is not None or account.email is None or not account.email_notices:
        return None
    kind = NoticeKind(notice.kind)
    title, title_en = wording.title(kind, notice.day, notice.content["counts"])
    sender = work.settings.mail_from
    return Mail(
        sender=sender,
        to=account.email,
        subject=f"【巡格】{title} · {title_en}",
        text=wording.body(kind, notice.day, notice.content),
        message_id=f"<{delivery.id}@{sender.rpartition('@')[2]}>",
    )


def _posting_of(work: Work, delivery: Delivery) -> Posting | None:
    """The POST, unless its webhook is disabled or was removed. Raises SealBroken."""
    webhook = work.session.get_one(Webhook, delivery.webhook_id)
    if webhook.disabled_at is not None or webhook.removed_at is not None:
        return None
    notice = work.session.get(Notice, delivery.notice_id) if delivery.notice_id else None
    data = _told(notice) if notice else {"title": "测试消息", "title_en": "A test message"}
    body = {
        "type": f"notice.{notice.kind}" if notice else "webhook.test",
        "timestamp": delivery.made_at.astimezone(work.zone).isoformat(),
        "data": data,
    }
    return Posting(
        url=webhook.url,
        secret=unseal(work.settings.secrets_key_file, webhook.secret),
        message_id=f"msg_{delivery.id.hex}",
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    )


def _told(notice: Notice) -> dict[str, Any]:
    """What a webhook is told of a notice: text, counts and ids, and of people only the role of the recipient."""
    title, title_en = wording.title(NoticeKind(notice.kind), notice.day, notice.content["counts"])
    advice, advice_en = wording.advice(NoticeKind(notice.kind))
    items: list[dict[str, Any]] = notice.content["items"][:LISTED]
    ids = {
        name: [item[name] for item in items if name in item]
        for name in ("obligation_id", "device_id", "record_id")
    }
    return {
        "notice_id": str(notice.id),
        "kind": notice.kind,
        "day": notice.day.isoformat(),
        "role": notice.role,
        "title": title,
        "title_en": title_en,
        "advice": advice,
        "advice_en": advice_en,
        "counts": notice.content["counts"],
        "cells": notice.content["cells"],
        **{f"{name}s": found for name, found in ids.items() if found},
    }


def _settle(work: Work, delivery_id: uuid.UUID, attempt: int, failure: Undelivered | None) -> None:
    """Note how it went. What got through is sent, whoever has claimed it since; a failure counts while the claim holds."""
    delivery = work.session.scalar(
        select(Delivery).where(Delivery.id == delivery_id, Delivery.state == "waiting").with_for_update()
    )
    if delivery is None:
        return
    if failure is None:
        _end(work, delivery, "sent", None)
    elif delivery.attempts == attempt:
        if failure.for_good or attempt > len(WAITS):
            _end(work, delivery, "failed", failure.code)
            if failure.code == f"http_{channels.GONE}":
                _disable(work, delivery.webhook_id)
        else:
            delivery.error = failure.code
            delivery.claimed_until = None
            delivery.next_at = work.now + WAITS[attempt - 1]


def _end(work: Work, delivery: Delivery, state: str, error: str | None) -> None:
    delivery.state, delivery.error, delivery.ended_at, delivery.claimed_until = state, error, work.now, None
    if state == "failed":
        record_event(work, "delivery.failed", [delivery.id], channel=delivery.channel, error=error)


def _disable(work: Work, webhook_id: uuid.UUID | None) -> None:
    """A receiver that says it is gone is asked no more, until an administrator adds it anew."""
    work.session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.disabled_at.is_(None))
        .values(disabled_at=work.now)
    )
    if webhook_id is not None:
        record_event(work, "webhook.disabled", [webhook_id])
