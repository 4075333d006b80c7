"""The roster over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.roster import RosterEntryIn, RosterEntryOut, RosterPage, RosterQuery, RosterWithdrawalIn
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.roster import ops
from server.roster.models import RosterEntry
from server.roster.queries import described, entries_of

blueprint = Noun("roster", "排班 The roster")


@blueprint.endpoint("GET", "/roster", permission=Permission.ROSTER_READ, takes=RosterQuery, gives=RosterPage)
def list_roster(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The entries in scope, by their beginning. For planning alone: it is no attendance, and nothing is counted."""
    wanted = entries_of(work, query)
    page = page_of(work.session, wanted, [RosterEntry.begins, RosterEntry.id], query["after"], query["limit"])
    return {**page, "items": described(work, page["items"])}


@blueprint.endpoint(
    "POST",
    "/roster",
    permission=Permission.ROSTER_WRITE,
    takes=RosterEntryIn,
    gives=RosterEntryOut,
    status=201,
)
def enter(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Write down that somebody is away: on leave, in training, seconded, or on other duty."""
    return described(work, [ops.enter(work, given)])[0]


@blueprint.endpoint(
    "POST",
    "/roster/<uuid:entry_id>/withdrawal",
    permission=Permission.ROSTER_WRITE,
    takes=RosterWithdrawalIn,
    gives=RosterEntryOut,
    status=201,
)
def withdraw(work: Work, given: dict[str, Any], entry_id: uuid.UUID) -> dict[str, Any]:
    """Take an entry back, or let it end earlier; answers with the one that holds instead, or with what was taken back."""
    return described(work, [ops.withdraw(work, entry_id, given["reason"], given["last_day"])])[0]
