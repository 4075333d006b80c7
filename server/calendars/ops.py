"""Giving out and taking back the secret addresses of calendars."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from server.access.models import Account
from server.access.ops import digest
from server.calendars.models import CalendarToken
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from server.kernel.work import Work

TERM = timedelta(days=365)
MOST = 5
"""Of one account at a time: a phone, a computer, and a few more."""


@dataclass(frozen=True, slots=True)
class IssuedCalendar:
    """A token with its secret, which is told once and kept nowhere."""

    token: CalendarToken
    secret: str


def issue(work: Work, given: Mapping[str, Any]) -> IssuedCalendar:
    """A secret address for the calendar of the signed-in person, good for a year; ``given`` as CalendarTokenIn reads it.

    Raises:
        Problem: ``invalid`` for an account that is nobody in the field; ``calendar_tokens_full`` where he has as many as
            anybody may.
    """
    # Held, so that two at once are counted one after the other.
    account = work.session.scalar(
        select(Account).where(Account.id == work.actor.account_id).with_for_update(key_share=True)
    )
    if account is None or account.person_id is None:
        detail = "该账号没有对应的外勤人员，没有可订阅的日历。The account is tied to no field person and has no calendar."
        raise Problem("invalid", detail=detail)
    in_use = select(func.count()).where(
        CalendarToken.account_id == account.id,
        CalendarToken.revoked_at.is_(None),
        CalendarToken.expires_at > work.now,
    )
    if work.session.scalars(in_use).one() >= MOST:
        raise Problem("calendar_tokens_full")
    secret = secrets.token_urlsafe(32)
    token = CalendarToken(
        id=new_id(work.now),
        bureau_id=account.bureau_id,
        account_id=account.id,
        label=given["label"],
        digest=digest(secret),
        due_counts=given["due_counts"],
        issued_at=work.now,
        expires_at=work.now + TERM,
    )
    work.session.add(token)
    work.session.flush()
    record_event(work, "calendar.issued", [token.id, account.id], label=token.label)
    return IssuedCalendar(token, secret)


def revoke(work: Work, token: CalendarToken) -> None:
    """Let an address lead nowhere from now on; revoking it twice is no error."""
    if token.revoked_at is not None:
        return
    token.revoked_at, token.revoked_by = work.now, work.actor.account_id
    work.session.flush()
    record_event(work, "calendar.revoked", [token.id, token.account_id])


def note_use(work: Work, token_id: uuid.UUID) -> None:
    """Note the day on which a calendar was read, and not more: when and how often somebody's phone asks is not kept."""
    today = work.now.astimezone(work.zone).date()
    work.session.execute(
        update(CalendarToken)
        .where(CalendarToken.id == token_id, CalendarToken.last_used_on.is_distinct_from(today))
        .values(last_used_on=today)
    )
