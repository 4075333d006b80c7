"""Reads of calendar tokens: one's own, the bureau's for who manages accounts, and the one that an address names."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from server.access.models import Account
from server.access.ops import digest
from server.calendars.models import CalendarToken
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import SquadMember

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class Reader(NamedTuple):
    """Whose calendar an address leads to."""

    token_id: uuid.UUID
    bureau_id: uuid.UUID
    person_id: uuid.UUID
    due_counts: bool


def own(actor: Actor) -> Select[CalendarToken]:
    """The actor's own tokens."""
    return select(CalendarToken).where(
        CalendarToken.bureau_id == actor.bureau_id, CalendarToken.account_id == actor.account_id
    )


def of_bureau(actor: Actor) -> Select[CalendarToken]:
    """Everybody's tokens, for whoever manages accounts."""
    return select(CalendarToken).where(CalendarToken.bureau_id == actor.bureau_id)


def find(work: Work, among_these: Select[CalendarToken], token_id: uuid.UUID) -> CalendarToken:
    """One of these tokens, held for writing.

    Raises:
        Problem: ``not_found``.
    """
    found = work.session.scalar(among_these.where(CalendarToken.id == token_id).with_for_update())
    if found is None:
        raise Problem("not_found")
    return found


def described(work: Work, tokens: Sequence[CalendarToken]) -> list[dict[str, Any]]:
    """Tokens as schemas.calendar_tokens.CalendarTokenOut shows them."""
    accounts = dict(
        work.session.execute(
            select(Account.id, Account.username).where(
                among(Account.id, sorted({one.account_id for one in tokens}))
            )
        ).all()
    )
    return [
        {
            "id": one.id,
            "account_id": one.account_id,
            "username": accounts[one.account_id],
            "label": one.label,
            "due_counts": one.due_counts,
            "issued_at": one.issued_at.astimezone(work.zone),
            "expires_at": one.expires_at.astimezone(work.zone),
            "last_used_on": one.last_used_on,
            "revoked_at": one.revoked_at.astimezone(work.zone) if one.revoked_at else None,
        }
        for one in tokens
    ]


def reader_of(session: Session, secret: str, now: datetime, today: date) -> Reader | None:
    """Whose calendar this secret leads to now. To nobody's once it was revoked or has ended, its account is disabled, or
    its person was in a squad and is in none any more; which of these it is nobody learns.
    """
    if not _SECRET.fullmatch(secret):
        return None
    member = select(SquadMember.id).where(SquadMember.person_id == Account.person_id)
    here = or_(~member.exists(), member.where(SquadMember.valid.op("@>")(today)).exists())
    row = session.execute(
        select(CalendarToken.id, CalendarToken.bureau_id, Account.person_id, CalendarToken.due_counts)
        .join(Account, Account.id == CalendarToken.account_id)
        .where(
            CalendarToken.digest == digest(secret),
            CalendarToken.revoked_at.is_(None),
            CalendarToken.expires_at > now,
            Account.disabled_at.is_(None),
            Account.person_id.is_not(None),
            here,
        )
    ).one_or_none()
    if row is None or row[2] is None:
        return None
    return Reader(row[0], row[1], row[2], row[3])
