"""Reading the trail: who may see what of it, and how far it is sealed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.audit.chaining import tail_of
from server.audit.models import EventSeal
from server.kernel.actor import Actor
from server.kernel.events import Event
from server.kernel.permissions import Permission

# Events about the installation and its registers. What the others say beside ids may be about a case (the reason of a
# waiver, of a settlement), and administrators hold no case content.
OF_THE_HOUSE = (
    *(
        "account.",
        "backup.",
        "bureau.",
        "cap.published",
        "cells.",
        "delivery.",
        "demo.",
        "device.",
        "draw.drawn",
    ),
    *(
        "duty.assigned",
        "duty.ended",
        "duty_change.",
        "duty_rule.",
        "forms.",
        "notices.",
        "obligations.",
        "outlets.",
    ),
    *("people.", "person."),
    *("policy.", "scope.", "session.", "sync.states_forgotten", "webhook.", "workday.", "workdays."),
)


def trail(actor: Actor, given: Mapping[str, Any]) -> Select[Any]:
    """The events of the actor's bureau that fit what was asked, with the position of their seal; unordered.

    ``given`` has name (exact, or ``noun.`` for all of a noun), subject, account, since and until, each or ``None``.
    """
    events = (
        select(*Event.__table__.c, EventSeal.position, EventSeal.digest)
        .outerjoin(EventSeal, EventSeal.seq == Event.seq)
        .where(Event.bureau_id == actor.bureau_id)
    )
    if name := given["name"]:
        fits = Event.name.startswith(name, autoescape=True) if name.endswith(".") else Event.name == name
        events = events.where(fits)
    if given["subject"]:
        events = events.where(Event.subject_ids.contains([str(given["subject"])]))
    if given["account"]:
        events = events.where(Event.account_id == given["account"])
    if given["since"]:
        events = events.where(Event.at >= given["since"])
    if given["until"]:
        events = events.where(Event.at < given["until"])
    return events


def as_seen(actor: Actor, row: Any) -> dict[str, Any]:
    """A row of ``trail`` as the actor may see it: ``facts`` is null, and ``withheld`` true, where they may be a case's."""
    withheld = not actor.reaches_bureau(Permission.RECORD_READ) and not row.name.startswith(OF_THE_HOUSE)
    return {
        **row._mapping,
        "digest": row.digest.hex() if row.digest else None,
        "facts": None if withheld else row.facts,
        "withheld": withheld,
    }


def oldest_unsealed(session: Session, bureau_ids: Iterable[uuid.UUID]) -> datetime | None:
    """The time of the oldest event of these bureaus that no seal covers, ``None`` where all are sealed."""
    return min((since for one in bureau_ids if (since := tail_of(session, one).since)), default=None)
