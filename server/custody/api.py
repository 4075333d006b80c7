"""Registration lists and custody over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.custody import (
    CustodyActIn,
    CustodyActOut,
    CustodyActPage,
    CustodyCorrectionIn,
    CustodyDecisionIn,
    CustodyDecisionOut,
    HandOverIn,
    HandOverOut,
    HandOverTaken,
    RegistrationPage,
    RegistrationQuery,
    RegistrationWhole,
    RegistrationWriteUpIn,
    RegistrationWriteUpOut,
    StoreIn,
    StoreList,
    ValuationIn,
)
from schemas.paging import PageQuery
from server.custody import deciding, ops, stores
from server.custody.models import CustodyAct, CustodyDecision, RegistrationWriteUp
from server.custody.queries import acts_of, find_list
from server.custody.showing import act_told, acts_told, lists_query, stores_told, whole_list, with_states
from server.kernel.http import Noun
from server.kernel.paging import page_of, page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("custody", "先行登记与证物保管 Registration lists and custody")
READ, KEEP, DECIDE = Permission.CUSTODY_READ, Permission.CUSTODY_KEEP, Permission.CUSTODY_DECIDE


@blueprint.endpoint(
    "GET", "/registration-lists", permission=READ, takes=RegistrationQuery, gives=RegistrationPage
)
def list_lists(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The registration lists in scope, by the time of registration."""
    lists, known = lists_query(work, query["state"], query["squad_id"])
    page = page_of_rows(
        work.session, lists, [known.c.registered_at, known.c.id], query["after"], query["limit"]
    )
    return page | {"items": with_states(work, page["items"])}


@blueprint.endpoint("GET", "/registration-lists/<uuid:list_id>", permission=READ, gives=RegistrationWhole)
def get_list(work: Work, list_id: uuid.UUID) -> dict[str, Any]:
    """One list with its lines, where their goods are and what they are worth."""
    return whole_list(work, list_id)


@blueprint.endpoint(
    "GET", "/registration-lists/<uuid:list_id>/acts", permission=READ, takes=PageQuery, gives=CustodyActPage
)
def list_acts(work: Work, query: dict[str, Any], list_id: uuid.UUID) -> dict[str, Any]:
    """The chain of custody of a list's goods."""
    root_id = find_list(work, list_id)
    acts = acts_of(work.bureau_id, root_id)
    page = page_of(work.session, acts, [CustodyAct.known_at, CustodyAct.id], query["after"], query["limit"])
    # An act may have moved goods of many lists; whoever sees his own cells' only is told of this one.
    of_list = None if work.actor.reaches_bureau(READ) else root_id
    return page | {"items": acts_told(work, page["items"], of_list)}


@blueprint.endpoint(
    "POST",
    "/registration-lists/<uuid:list_id>/decisions",
    permission=DECIDE,
    takes=CustodyDecisionIn,
    gives=CustodyDecisionOut,
    status=201,
)
def decide(work: Work, given: dict[str, Any], list_id: uuid.UUID) -> CustodyDecision:
    """Write down what was decided on the goods."""
    return deciding.decide(work, list_id, given)


@blueprint.endpoint(
    "POST",
    "/registration-lists/<uuid:list_id>/write-up",
    permission=DECIDE,
    takes=RegistrationWriteUpIn,
    gives=RegistrationWriteUpOut,
    status=201,
)
def write_up(work: Work, given: dict[str, Any], list_id: uuid.UUID) -> RegistrationWriteUp:
    """Note that an approval by phone, or one asked for afterwards, was written up."""
    return deciding.write_up_approval(work, list_id, given)


@blueprint.endpoint(
    "POST",
    "/registration-lists/<uuid:list_id>/valuations",
    permission=KEEP,
    takes=ValuationIn,
    gives=RegistrationWhole,
    status=201,
)
def value_goods(work: Work, given: dict[str, Any], list_id: uuid.UUID) -> dict[str, Any]:
    """Write down a valuation sheet (核价表); the list as it is worth now."""
    deciding.value_goods(work, list_id, given)
    return whole_list(work, list_id)


@blueprint.endpoint(
    "POST", "/custody/acts", permission=KEEP, takes=CustodyActIn, gives=CustodyActOut, status=201
)
def write_act(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Write down what was done with goods, of one list or many."""
    return act_told(work, ops.write_act(work, given))


@blueprint.endpoint(
    "POST",
    "/custody/acts/<uuid:act_id>/correction",
    permission=KEEP,
    takes=CustodyCorrectionIn,
    gives=CustodyActOut,
    status=201,
)
def correct_act(work: Work, given: dict[str, Any], act_id: uuid.UUID) -> dict[str, Any]:
    """Take an act back by one that moves the goods the other way."""
    return act_told(work, ops.correct_act(work, act_id, given["reason"]))


@blueprint.endpoint("GET", "/custody/stores", permission=READ, gives=StoreList)
def list_stores(work: Work) -> dict[str, Any]:
    """The bureau's stores and who answers for them."""
    return {"items": stores_told(work)}


@blueprint.endpoint("POST", "/custody/stores", permission=DECIDE, takes=StoreIn, gives=StoreList, status=201)
def open_store(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Open a store and offer it to its first keeper; the stores as they are now."""
    stores.open_store(work, given)
    return {"items": stores_told(work)}


@blueprint.endpoint(
    "POST",
    "/custody/stores/<uuid:store_id>/hand-overs",
    permission=READ,
    takes=HandOverIn,
    gives=HandOverOut,
    status=201,
)
def offer_store(work: Work, given: dict[str, Any], store_id: uuid.UUID) -> Any:
    """Offer a store with all that it holds to another keeper."""
    return stores.offer_store(work, store_id, given)


@blueprint.endpoint(
    "POST",
    "/custody/hand-overs/<uuid:hand_over_id>/acknowledgement",
    permission=KEEP,
    gives=HandOverTaken,
    status=201,
)
def acknowledge(work: Work, hand_over_id: uuid.UUID) -> Any:
    """Take a store over as it was told."""
    return stores.acknowledge_store(work, hand_over_id)
