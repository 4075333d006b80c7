"""Reads of notices, webhooks and the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.orm import Session

from server.kernel.actor import Actor
from server.notices.models import Delivery, Notice, Webhook

# A handheld is told of so many things by name; the counts are of all.
LISTED = 100


def visible_to(actor: Actor) -> Select[Notice]:
    """The actor's own notices, and nobody else's."""
    own = [Notice.account_id == actor.account_id]
    if actor.person_id is not None:
        own.append(Notice.person_id == actor.person_id)
    return select(Notice).where(Notice.bureau_id == actor.bureau_id, or_(*own))


def synced(ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``notices``: one's own, until they are retired."""
    first = cast(f"$.items[0 to {LISTED - 1}]", JSONPATH)
    item = func.jsonb_path_query(Notice.content, first, type_=JSONB).column_valued("item")
    # What a handheld is called may be its holder's name.
    listed = select(func.coalesce(func.jsonb_agg(item.op("-")("label")), func.jsonb_build_array()))
    fields = func.json_build_object(
        "id", Notice.id,
        "edit_id", Notice.edit_id,
        "_deleted", False,
        "kind", Notice.kind,
        "role", Notice.role,
        "day", Notice.day,
        "made_at", Notice.made_at,
        "read_at", Notice.read_at,
        "counts", Notice.content["counts"],
        "cells", Notice.content["cells"],
        "items", listed.correlate(Notice).scalar_subquery(),
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Notice.edit_id).where(
        Notice.id == ids, Notice.person_id == person_id, Notice.retired_at.is_(None)
    )


def webhooks_of(bureau_id: uuid.UUID) -> Select[Webhook]:
    """The bureau's webhooks that were not removed, disabled ones among them."""
    return select(Webhook).where(Webhook.bureau_id == bureau_id, Webhook.removed_at.is_(None))


def deliveries_of(bureau_id: uuid.UUID) -> Select[Delivery]:
    """The bureau's outbox."""
    return select(Delivery).where(Delivery.bureau_id == bureau_id)


class OutboxNow(NamedTuple):
    """How the outbox stands, of all bureaus: ``oldest`` is when the longest waiting message was made."""

    waiting: int
    oldest: datetime | None
    failed: int
    disabled: int


def outbox_now(session: Session, now: datetime, lately: timedelta) -> OutboxNow:
    """What waits, what failed for good lately, and the webhooks whose receiver is gone."""
    waits, failed = Delivery.state == "waiting", Delivery.state == "failed"
    row = session.execute(
        select(
            func.count().filter(waits),
            func.min(Delivery.made_at).filter(waits),
            func.count().filter(failed, Delivery.ended_at > now - lately),
        )
    ).one()
    gone = select(func.count()).where(Webhook.disabled_at.is_not(None), Webhook.removed_at.is_(None))
    return OutboxNow(*row, disabled=session.scalar(gone) or 0)


def sealed_secrets(session: Session) -> Sequence[str]:
    """The sealed secrets of the webhooks in use, of all bureaus."""
    in_use = (Webhook.disabled_at.is_(None), Webhook.removed_at.is_(None))
    return session.scalars(select(Webhook.secret).where(*in_use)).all()
