"""Orders to put something right over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.records import OrderOut, OrderPage, OrderProof, OrderQuery
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records.models import Rectification
from server.records.orders import described, in_state, orders_visible_to, settle

blueprint = Noun("rectifications", "责令改正 Orders to put right")


@blueprint.endpoint(
    "GET", "/rectifications", permission=Permission.RECORD_READ, takes=OrderQuery, gives=OrderPage
)
def list_orders(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The orders in scope by their day; overdue are those whose day is over and at which nobody looked again."""
    wanted = orders_visible_to(work.actor)
    if query["state"]:
        wanted = wanted.where(in_state(work, query["state"]))
    if query["subject_id"]:
        wanted = wanted.where(Rectification.subject_id == query["subject_id"])
    keys = [Rectification.due_on, Rectification.id]
    page = page_of(work.session, wanted, keys, query["after"], query["limit"])
    return {**page, "items": described(work, page["items"])}


@blueprint.endpoint(
    "POST",
    "/rectifications/<uuid:order_id>/proof",
    permission=Permission.SYNC_SETTLE,
    takes=OrderProof,
    gives=OrderOut,
    status=201,
)
def prove(work: Work, given: dict[str, Any], order_id: uuid.UUID) -> dict[str, Any]:
    """Note that an order is fulfilled, by a later valid inspection of its subject."""
    return described(work, [settle(work, order_id, given["proof_record_id"], given["note"])])[0]
