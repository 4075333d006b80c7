"""Dispatches over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from schemas.dispatches import (
    DispatchCorrection,
    DispatchIn,
    DispatchOut,
    DispatchPage,
    DispatchQuery,
    DispatchWithdrawal,
)
from server.dispatches import ops
from server.dispatches.models import Dispatch, DispatchPerson, DispatchVehicle
from server.dispatches.queries import counting, described, visible_to
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.records.head_counts import plate_of

blueprint = Noun("dispatches", "出动 Dispatches")


@blueprint.endpoint(
    "GET", "/dispatches", permission=Permission.RECORD_READ, takes=DispatchQuery, gives=DispatchPage
)
def list_dispatches(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The dispatches in scope, by their start."""
    wanted = visible_to(work.actor)
    if not query["all"]:
        wanted = wanted.where(counting(work, work.now))
    if query["squad_id"]:
        wanted = wanted.where(Dispatch.squad_id == query["squad_id"])
    if query["person_id"]:
        on_it = select(DispatchPerson.dispatch_id).where(DispatchPerson.person_id == query["person_id"])
        wanted = wanted.where(Dispatch.id.in_(on_it))
    if query["plate"]:
        used = select(DispatchVehicle.dispatch_id).where(DispatchVehicle.plate == plate_of(query["plate"]))
        wanted = wanted.where(Dispatch.id.in_(used))
    if query["since"]:
        wanted = wanted.where(Dispatch.started_at >= query["since"])
    if query["until"]:
        wanted = wanted.where(Dispatch.started_at < query["until"])
    page = page_of(work.session, wanted, [Dispatch.started_at, Dispatch.id], query["after"], query["limit"])
    return {**page, "items": described(work, page["items"])}


@blueprint.endpoint(
    "POST",
    "/dispatches",
    permission=Permission.DISPATCH_WRITE,
    takes=DispatchIn,
    gives=DispatchOut,
    status=201,
)
def register(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Write a dispatch down that no handheld told of."""
    return described(work, [ops.register(work, given)])[0]


@blueprint.endpoint(
    "GET", "/dispatches/<uuid:dispatch_id>", permission=Permission.RECORD_READ, gives=DispatchOut
)
def get_dispatch(work: Work, dispatch_id: uuid.UUID) -> dict[str, Any]:
    """One dispatch, whether it still counts or was replaced."""
    found = work.session.scalar(visible_to(work.actor).where(Dispatch.id == dispatch_id))
    if found is None:
        raise Problem("not_found")
    return described(work, [found])[0]


@blueprint.endpoint(
    "POST",
    "/dispatches/<uuid:dispatch_id>/correct",
    permission=Permission.DISPATCH_WRITE,
    takes=DispatchCorrection,
    gives=DispatchOut,
    status=201,
)
def correct(work: Work, given: dict[str, Any], dispatch_id: uuid.UUID) -> dict[str, Any]:
    """Write down how a dispatch of the desk really was, and why; the version before stays to be read."""
    return described(work, [ops.correct(work, dispatch_id, given)])[0]


@blueprint.endpoint(
    "POST",
    "/dispatches/<uuid:dispatch_id>/withdraw",
    permission=Permission.DISPATCH_WRITE,
    takes=DispatchWithdrawal,
    gives=DispatchOut,
    status=201,
)
def withdraw(work: Work, given: dict[str, Any], dispatch_id: uuid.UUID) -> dict[str, Any]:
    """Note that a dispatch of the desk never was."""
    return described(work, [ops.withdraw(work, dispatch_id, given["reason"])])[0]
