"""The actor behind a request: by bearer token (devices, programs) or by session cookie (the console)."""

from __future__ import annotations

import secrets
from datetime import datetime

from flask import request
from sqlalchemy import ARRAY, Date, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import UUID, aggregate_order_by

from server.access.credentials import CSRF_HEADER, presented
from server.access.models import Account, Device, Token
from server.access.ops import digest
from server.access.telling import told_by
from server.kernel.actor import Actor
from server.kernel.http import SAFE_METHODS
from server.kernel.permissions import Role
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.org.models import SquadMember

_SQUADS = (
    select(
        func.array_agg(
            aggregate_order_by(SquadMember.squad_id, SquadMember.squad_id), type_=ARRAY(UUID(as_uuid=True))
        )
    )
    .where(
        SquadMember.person_id == Account.person_id,
        SquadMember.valid.op("@>")(bindparam("today", type_=Date())),
    )
    .correlate(Account)
    .scalar_subquery()
)
_BEHIND = (
    select(
        Token.csrf,
        Account.id,
        Account.bureau_id,
        Account.roles,
        Account.person_id,
        Token.device_id,
        func.coalesce(Device.state, literal("active")),
        Device.expires_at,
        Device.revoked_at,
        Account.disabled_at,
        _SQUADS,
    )
    .select_from(Token)
    .join(Account, Account.id == Token.account_id)
    .outerjoin(Device, Device.id == Token.device_id)
    .where(
        Token.digest == bindparam("digest"),
        Token.revoked_at.is_(None),
        # What a handheld has recorded lands whatever became of the account; everybody else is shut out at once.
        Account.disabled_at.is_(None) | (Token.kind == "device"),
    )
    .where((Token.kind == "device") | (Token.expires_at > bindparam("now", type_=Token.expires_at.type)))
)


def authenticate(kernel: Kernel, now: datetime) -> Actor:
    """Who sends this request.

    A device that is revoked or expired, or whose account is disabled, is ``push_only``: what it recorded may still
    land. That a device expires is carried out every night; until then its own date is looked at here as well.

    Raises:
        Problem: ``sign_in_needed``, or ``csrf_failed`` for a cookie request without its CSRF token.
    """
    secret, by_cookie = presented()
    if not secret:
        raise Problem("sign_in_needed", headers={"WWW-Authenticate": "Bearer"})
    today = now.astimezone(kernel.settings.zone).date()
    with kernel.sessions() as session:
        row = session.execute(_BEHIND, {"digest": digest(secret), "now": now, "today": today}).one_or_none()
    if row is None:
        raise Problem("sign_in_needed", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    csrf, account_id, bureau_id, roles, person_id, device_id, *rest = row
    state, expires_at, revoked_at, disabled_at, squads = rest
    if state == "dead":
        raise Problem("sign_in_needed", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    if by_cookie and request.method not in SAFE_METHODS:
        given = request.headers.get(CSRF_HEADER, "")
        # As bytes, for a header may hold what is not ASCII.
        if not csrf or not secrets.compare_digest(given.encode(), csrf.encode()):
            raise Problem("csrf_failed")
    expired = expires_at is not None and expires_at <= now
    return Actor(
        bureau_id=bureau_id,
        account_id=account_id,
        roles=frozenset(Role(role) for role in roles),
        person_id=person_id,
        squad_ids=tuple(squads or ()),
        device_id=device_id,
        push_only=state == "push_only" or expired or disabled_at is not None,
        expired=expired and revoked_at is None,
        told=told_by(dict(request.headers)) if device_id is not None else None,
    )
