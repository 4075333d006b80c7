"""Signing in, signing out, and devices over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, jsonify
from sqlalchemy import select

from schemas.access import (
    Contact,
    ContactAnswer,
    DeviceList,
    DeviceOut,
    Enrolled,
    Enrolment,
    MailSettings,
    Me,
    Revocation,
    SignedIn,
    SignIn,
)
from server.access import ops
from server.access.contacts import note_contact
from server.access.credentials import COOKIE, presented
from server.access.models import Account, Device
from server.kernel.actor import Actor
from server.kernel.http import PUBLIC, Noun, now
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Kernel, Work

blueprint = Noun("access", "登录与设备 Signing in, and devices")
NOBODY = Actor(bureau_id=uuid.UUID(int=0), account_id=None, roles=frozenset())


@blueprint.endpoint("POST", "/sessions", permission=PUBLIC, takes=SignIn, gives=SignedIn, status=201)
def sign_in(kernel: Kernel, given: dict[str, str]) -> Response:
    """Sign in with user name and password; the token is for programs, the cookie for browsers."""
    try:
        issued, body = _signed_in(kernel, given)
    except Problem as refused:
        # The refusal took its transaction with it; what the trail says of it is another one.
        with kernel.work(NOBODY, now()) as work:
            ops.note_refusal(work, given["username"], refused.code)
        raise
    response = jsonify(body)
    response.status_code = 201
    response.set_cookie(
        COOKIE,
        issued.token,
        expires=issued.expires_at,
        httponly=True,
        samesite="Strict",
        secure=kernel.settings.secure_cookies,
    )
    return response


def _signed_in(kernel: Kernel, given: dict[str, str]) -> tuple[ops.Issued, dict[str, Any]]:
    with kernel.work(NOBODY, now()) as work:
        issued = ops.sign_in(work, given["username"], given["password"])
        return issued, SignedIn().dump(
            {
                "token": issued.token,
                "csrf_token": issued.csrf,
                "expires_at": issued.expires_at,
                "roles": issued.account.roles,
            }
        )


@blueprint.endpoint("DELETE", "/sessions", permission=Permission.SELF_READ, status=204)
def sign_out(work: Work) -> Response:
    """End this session."""
    secret, _ = presented()
    ops.sign_out(work, secret or "")
    response = Response(status=204)
    response.delete_cookie(COOKIE)
    return response


@blueprint.endpoint("GET", "/me", permission=Permission.SELF_READ, gives=Me)
def me(work: Work) -> dict[str, Any]:
    """Who I am and what I may do."""
    actor = work.actor
    account = work.session.get_one(Account, actor.account_id)
    return {
        "account_id": actor.account_id,
        "bureau_id": actor.bureau_id,
        "person_id": actor.person_id,
        "device_id": actor.device_id,
        "squad_ids": actor.squad_ids,
        "roles": sorted(actor.roles),
        "permissions": sorted(actor.permissions),
        "email": account.email,
        "email_notices": account.email_notices,
    }


@blueprint.endpoint(
    "PUT", "/me/mail", permission=Permission.SELF_READ, takes=MailSettings, gives=MailSettings
)
def set_mail(work: Work, given: dict[str, Any]) -> Account:
    """Say where my digests are mailed to, or that I want none."""
    account = work.session.get_one(Account, work.actor.account_id)
    ops.set_mail(work, account, given["email"], wanted=given["email_notices"])
    return account


@blueprint.endpoint(
    "POST", "/devices", permission=Permission.DEVICE_ENROL, takes=Enrolment, gives=Enrolled, status=201
)
def enrol_device(work: Work, given: dict[str, str]) -> dict[str, Any]:
    """Enrol a handheld for the person who is signed in; its token is told this once."""
    issued = ops.enrol_device(work, given["label"])
    assert issued.device is not None
    return {"token": issued.token, "device_id": issued.device.id, "expires_at": issued.expires_at}


@blueprint.endpoint("GET", "/devices", permission=Permission.DEVICE_MANAGE, gives=DeviceList)
def list_devices(work: Work) -> dict[str, Any]:
    """The bureau's handhelds."""
    devices = work.session.scalars(
        select(Device).where(Device.bureau_id == work.bureau_id).order_by(Device.enrolled_at, Device.id)
    ).all()
    return {"items": devices}


@blueprint.endpoint(
    "POST",
    "/devices/<uuid:device_id>/revocation",
    permission=Permission.DEVICE_MANAGE,
    takes=Revocation,
    gives=DeviceOut,
)
def revoke_device(work: Work, given: dict[str, Any], device_id: uuid.UUID) -> Device:
    """Revoke a handheld: nothing more is sent to it, and its pending records still land unless ``at_once``."""
    device = ops.find_device(work, device_id)
    ops.revoke_device(work, device, at_once=given["at_once"])
    return device


@blueprint.endpoint(
    "POST", "/devices/<uuid:device_id>/renewal", permission=Permission.DEVICE_MANAGE, gives=DeviceOut
)
def renew_device(work: Work, device_id: uuid.UUID) -> Device:
    """Let a handheld serve for another term; one that was revoked is enrolled anew instead."""
    device = ops.find_device(work, device_id)
    ops.renew_device(work, device)
    return device


@blueprint.endpoint(
    "PATCH",
    "/devices/<uuid:device_id>",
    permission=Permission.DEVICE_MANAGE,
    takes=Enrolment,
    gives=DeviceOut,
)
def rename_device(work: Work, given: dict[str, str], device_id: uuid.UUID) -> Device:
    """Give a handheld another label."""
    device = ops.find_device(work, device_id)
    ops.rename_device(work, device, given["label"])
    return device


@blueprint.endpoint(
    "POST", "/devices/contact", permission=Permission.SYNC_USE, takes=Contact, gives=ContactAnswer
)
def contact(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """A handheld tells how many changes wait in its queue and what time it thinks it is."""
    offset = note_contact(work, given["queue_length"], given["queue_oldest"], given["device_time"])
    return {"server_time": work.now, "clock_offset_s": offset}
