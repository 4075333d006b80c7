"""Signing in and out, enrolling and revoking devices."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import ColumnElement, func, select, update

from server.access.models import Account, Device, Token
from server.kernel.actor import Actor
from server.kernel.events import Event, record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Role
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work

_HASHER = PasswordHasher()
REFUSALS_NOTED_EVERY = timedelta(minutes=1)


@lru_cache(maxsize=1)
def _nobody() -> str:
    """Verified when the user name is unknown, so that the answer's time does not tell which names exist."""
    return _HASHER.hash(secrets.token_hex(8))


@dataclass(frozen=True, slots=True)
class Issued:
    """A secret, told once. Only its digest is kept."""

    token: str
    csrf: str | None
    expires_at: datetime
    account: Account
    device: Device | None = None


def digest(token: str) -> bytes:
    """What the token table keeps of a secret."""
    return hashlib.sha256(token.encode()).digest()


def hash_password(password: str) -> str:
    """argon2id with the library's present defaults.

    Raises:
        Problem: ``invalid`` when it is shorter than 8 characters.
    """
    if len(password) < 8:
        raise invalid("/password", "too_short", "口令至少 8 个字符。")
    return _HASHER.hash(password)


def create_account(
    work: Work, username: str, password_hash: str, roles: frozenset[Role], person_id: uuid.UUID | None
) -> Account:
    """A new account of the actor's bureau."""
    account = Account(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        username=username,
        password_hash=password_hash,
        roles=sorted(role.value for role in roles),
        person_id=person_id,
    )
    work.session.add(account)
    work.session.flush()
    record_event(work, "account.created", [account.id], roles=account.roles)
    return account


def set_mail(work: Work, account: Account, address: str | None, *, wanted: bool) -> None:
    """Where an account's digests are mailed to, and whether its owner wants them; the trail does not keep the address."""
    account.email, account.email_notices = address, wanted
    record_event(work, "account.mail_set", [account.id], has_address=address is not None, wanted=wanted)


def sign_in(work: Work, username: str, password: str) -> Issued:
    """A browser session for the account.

    Raises:
        Problem: ``bad_credentials`` or ``account_locked``.
    """
    account = verified_account(work, username, password)
    if _HASHER.check_needs_rehash(account.password_hash):
        account.password_hash = _HASHER.hash(password)
    expires_at = work.now + timedelta(hours=work.settings.session_hours)
    record_event(_as(work, account, account.id), "session.opened", [account.id])
    return _issue(work, account, "session", expires_at, csrf=secrets.token_urlsafe(24))


def verified_account(work: Work, username: str, password: str) -> Account:
    """The account whose password this is.

    Raises:
        Problem: ``bad_credentials`` or ``account_locked``.
    """
    account = work.session.scalar(select(Account).where(func.lower(Account.username) == username.lower()))
    try:
        _HASHER.verify(account.password_hash if account else _nobody(), password)
    except VerifyMismatchError as mismatch:
        raise Problem("bad_credentials") from mismatch
    if account is None:
        raise Problem("bad_credentials")
    if account.disabled_at is not None:
        raise Problem("account_locked")
    return account


def note_refusal(work: Work, username: str, code: str) -> None:
    """Note in the trail that signing in to an account was refused, at most once a minute for one account.

    A name that nobody has belongs to no bureau's trail. That writing takes a little longer than not writing tells a
    stranger next to nothing: it happens once a minute, beside a hash that takes far longer and never the same.
    """
    account = work.session.scalar(select(Account).where(func.lower(Account.username) == username.lower()))
    if account is None:
        return
    lately = select(Event.seq).where(
        Event.name == "session.refused",
        Event.subject_ids.contains([str(account.id)]),
        Event.at > work.now - REFUSALS_NOTED_EVERY,
    )
    if work.session.scalar(lately.limit(1)) is None:
        record_event(_as(work, account, None), "session.refused", [account.id], code=code)


def _as(work: Work, account: Account, account_id: uuid.UUID | None) -> Work:
    """The same transaction with an actor of the account's bureau, for whoever signs in was nobody until now."""
    return replace(work, actor=Actor(account.bureau_id, account_id, frozenset()))


def sign_out(work: Work, token: str) -> None:
    """End the session whose secret this is; ending it twice is no error."""
    ended = work.session.scalar(
        update(Token)
        .where(Token.digest == digest(token), Token.revoked_at.is_(None))
        .values(revoked_at=work.now)
        .returning(Token.account_id)
    )
    if ended is not None:
        record_event(work, "session.closed", [ended])


def enrol_device(work: Work, label: str) -> Issued:
    """Enrol a handheld for the signed-in person and issue its token.

    Raises:
        Problem: ``invalid`` for an account that is nobody in the field.
    """
    account = work.session.get(Account, work.actor.account_id)
    if account is None or account.person_id is None:
        raise Problem(
            "invalid",
            detail="该账号没有对应的外勤人员，不能登记手持设备。The account is tied to no field person.",
        )
    expires_at = work.now + timedelta(days=work.settings.device_days)
    device = Device(
        id=new_id(work.now),
        bureau_id=account.bureau_id,
        person_id=account.person_id,
        label=label,
        state="active",
        enrolled_at=work.now,
        expires_at=expires_at,
    )
    work.session.add(device)
    work.session.flush()
    record_event(work, "device.enrolled", [device.id], label=label)
    return _issue(work, account, "device", expires_at, device=device)


def find_device(work: Work, device_id: uuid.UUID) -> Device:
    """A device of the actor's bureau, held for writing.

    Raises:
        Problem: ``not_found``.
    """
    device = work.session.scalar(
        select(Device).where(Device.id == device_id, Device.bureau_id == work.bureau_id).with_for_update()
    )
    if device is None:
        raise Problem("not_found")
    return device


def revoke_device(work: Work, device: Device, *, at_once: bool) -> None:
    """Revoke a device. Its pending records may still land, unless ``at_once``; what is dead stays dead."""
    device.state = "dead" if at_once or device.state == "dead" else "push_only"
    device.revoked_at = device.revoked_at or work.now
    record_event(work, "device.revoked", [device.id], state=device.state)


def renew_device(work: Work, device: Device) -> None:
    """Let a device that expires, or has expired, serve for another term from now on.

    Raises:
        Problem: ``device_not_renewable`` for one that was revoked or is dead: what it holds is no longer trusted.
    """
    if device.revoked_at is not None or device.state == "dead":
        raise Problem("device_not_renewable")
    device.state = "active"
    device.expires_at = work.now + timedelta(days=work.settings.device_days)
    work.session.execute(
        update(Token).where(Token.device_id == device.id).values(expires_at=device.expires_at)
    )
    record_event(work, "device.renewed", [device.id], expires_at=device.expires_at.isoformat())


def rename_device(work: Work, device: Device, label: str) -> None:
    """Give a device another label."""
    record_event(work, "device.renamed", [device.id], before=device.label, label=label)
    device.label = label


def carry_out_expiry(work: Work) -> int:
    """Devices past their day may only push; those that may only push are dead once the grace is over. How many.

    Until it is dead a device can land what it recorded; nothing more is sent to it.
    """
    of_bureau = Device.bureau_id == work.bureau_id
    grace = timedelta(days=work.settings.device_grace_days)
    expired = _move(work, [of_bureau, Device.state == "active", Device.expires_at <= work.now], "push_only")
    ended = func.coalesce(Device.revoked_at, Device.expires_at)
    died = _move(work, [of_bureau, Device.state == "push_only", ended <= work.now - grace], "dead")
    if expired:
        record_event(work, "device.expired", expired)
    if died:
        record_event(work, "device.died", died)
    return len(expired) + len(died)


def _move(work: Work, which: list[ColumnElement[bool]], state: str) -> list[uuid.UUID]:
    moved = update(Device).where(*which).values(state=state).returning(Device.id)
    return list(work.session.scalars(moved.execution_options(synchronize_session=False)))


def _issue(
    work: Work,
    account: Account,
    kind: str,
    expires_at: datetime,
    *,
    csrf: str | None = None,
    device: Device | None = None,
) -> Issued:
    secret = secrets.token_urlsafe(32)
    work.session.add(
        Token(
            id=new_id(work.now),
            bureau_id=account.bureau_id,
            kind=kind,
            account_id=account.id,
            device_id=device.id if device else None,
            digest=digest(secret),
            csrf=csrf,
            issued_at=work.now,
            expires_at=expires_at,
        )
    )
    return Issued(secret, csrf, expires_at, account, device)
