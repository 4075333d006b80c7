"""The audit trail over HTTP: read only. It is verified on the command line, where the whole of it is at hand."""

from __future__ import annotations

from typing import Any

from schemas.audit import ChainHead, EventPage, EventQuery
from server.audit.chaining import last_seal, tail_of
from server.audit.heads import sign_head
from server.audit.queries import as_seen, trail
from server.kernel.db import table_of
from server.kernel.events import Event
from server.kernel.http import Noun
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work
from sync.keys import KeyRing

blueprint = Noun("audit", "审计 The audit trail")


@blueprint.endpoint(
    "GET", "/audit/events", permission=Permission.AUDIT_READ, takes=EventQuery, gives=EventPage
)
def list_events(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """What was done in the bureau, the oldest first; what of it may be a case's only to those who read records."""
    seq = table_of(Event).c.seq
    page = page_of_rows(work.session, trail(work.actor, query), [seq], query["after"], query["limit"])
    return {**page, "items": [as_seen(work.actor, row) for row in page["items"]]}


@blueprint.endpoint("GET", "/audit/head", permission=Permission.AUDIT_READ, gives=ChainHead)
def get_head(work: Work) -> dict[str, Any]:
    """The end of the chain, signed by the key of the receipts, and what is not sealed yet."""
    last = last_seal(work.session, work.bureau_id)
    signed = sign_head(last, work.now, KeyRing(work.settings.receipt_keys_file)) if last else None
    return {
        "bureau_id": work.bureau_id,
        "position": last.position if last else 0,
        "digest": last.digest.hex() if last else None,
        "sealed_at": last.sealed_at if last else None,
        "signed": signed,
        "tail": tail_of(work.session, work.bureau_id),
    }
