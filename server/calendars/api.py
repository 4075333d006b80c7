"""Calendars over HTTP: their secret addresses, and what lies behind one."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Select
from werkzeug.wrappers import Response as AnyResponse

from schemas.calendar_tokens import CalendarTokenIn, CalendarTokenIssued, CalendarTokenPage
from schemas.paging import PageQuery
from server.calendars import ops, queries
from server.calendars.entries import entries_of
from server.calendars.feed import MEDIA_TYPE, ics_of
from server.calendars.models import CalendarToken
from server.kernel.actor import house
from server.kernel.http import PUBLIC, Noun, kernel, now
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work

blueprint = Noun("calendar_tokens", "日历订阅 Calendar feeds")
# What a phone's calendar asks for.
pages = Blueprint("calendar_feeds", __name__)


@blueprint.endpoint(
    "GET",
    "/me/calendar-tokens",
    permission=Permission.SELF_READ,
    takes=PageQuery,
    gives=CalendarTokenPage,
)
def list_own(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The calendars that I subscribed to, those that ended too."""
    return _page(work, queries.own(work.actor), query)


@blueprint.endpoint(
    "POST",
    "/me/calendar-tokens",
    permission=Permission.SELF_READ,
    takes=CalendarTokenIn,
    gives=CalendarTokenIssued,
    status=201,
)
def issue_calendar(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Make an address under which my phone reads my calendar; it is told this once."""
    issued = ops.issue(work, given)
    base = work.settings.public_url or request.url_root.rstrip("/")
    url = f"{base}/calendar/{issued.secret}.ics"
    return {**queries.described(work, [issued.token])[0], "url": url}


@blueprint.endpoint(
    "DELETE",
    "/me/calendar-tokens/<uuid:calendar_token_id>",
    permission=Permission.SELF_READ,
    status=204,
)
def revoke_own(work: Work, calendar_token_id: uuid.UUID) -> Response:
    """Let an address of mine lead nowhere any more."""
    ops.revoke(work, queries.find(work, queries.own(work.actor), calendar_token_id))
    return Response(status=204)


@blueprint.endpoint(
    "GET",
    "/calendar-tokens",
    permission=Permission.ACCOUNT_MANAGE,
    takes=PageQuery,
    gives=CalendarTokenPage,
)
def list_all(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Everybody's calendars in the bureau."""
    return _page(work, queries.of_bureau(work.actor), query)


@blueprint.endpoint(
    "DELETE",
    "/calendar-tokens/<uuid:calendar_token_id>",
    permission=Permission.ACCOUNT_MANAGE,
    status=204,
)
def revoke_any(work: Work, calendar_token_id: uuid.UUID) -> Response:
    """Let anybody's address lead nowhere any more, as for a phone that was lost."""
    ops.revoke(work, queries.find(work, queries.of_bureau(work.actor), calendar_token_id))
    return Response(status=204)


@pages.get("/calendar/<secret>.ics")
def show_calendar(secret: str) -> AnyResponse:
    """The calendar behind an address. An address that never was, was revoked or has ended is not found, all alike."""
    composed, moment = kernel(), now()
    today = moment.astimezone(composed.settings.zone).date()
    with composed.sessions() as session:
        reader = queries.reader_of(session, secret, moment, today)
    if reader is None:
        raise Problem("not_found", headers={"Cache-Control": "no-store"})
    with composed.work(house(reader.bureau_id), moment) as work:
        entries = entries_of(work, reader.person_id, due_counts=reader.due_counts)
        ops.note_use(work, reader.token_id)
    body = ics_of(entries, today, composed.settings.zone)
    response = Response(
        body,
        content_type=MEDIA_TYPE,
        headers={
            "Content-Disposition": 'inline; filename="xunge.ics"',
            "Cache-Control": "private, no-cache",
            "X-Robots-Tag": "noindex",
        },
    )
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    return response.make_conditional(request)


show_calendar.permission = PUBLIC  # type: ignore[attr-defined]


def _page(work: Work, tokens: Select[CalendarToken], query: dict[str, Any]) -> dict[str, Any]:
    keys = [CalendarToken.issued_at, CalendarToken.id]
    page = page_of(work.session, tokens, keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": queries.described(work, page["items"])}
