"""Outlets over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, or_

from schemas.places import OutletOut, OutletPage, OutletQuery
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.outlets.queries import visible_to

blueprint = Noun("outlets", "零售户 Outlets")


@blueprint.endpoint("GET", "/outlets", permission=Permission.OUTLET_READ, takes=OutletQuery, gives=OutletPage)
def list_outlets(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The outlets in scope, by licence number."""
    outlets = visible_to(work.actor)
    if query["q"]:
        # A percent sign or underscore in what was typed is itself, not a wildcard.
        outlets = outlets.where(
            or_(
                Outlet.name.icontains(query["q"], autoescape=True),
                Outlet.address.icontains(query["q"], autoescape=True),
                Outlet.licence_no.startswith(query["q"], autoescape=True),
                Outlet.name_pinyin.startswith(query["q"].lower(), autoescape=True),
            )
        )
    if query["cell_id"]:
        outlets = outlets.where(Outlet.cell_id == query["cell_id"])
    if query["status"]:
        outlets = outlets.where(Outlet.status == query["status"])
    if query["scope"]:
        outlets = outlets.where(Outlet.licence_scope.any(query["scope"]))
    if query["bbox"]:
        outlets = outlets.where(Outlet.geom.op("&&")(func.ST_MakeEnvelope(*query["bbox"], 4326)))
    return page_of(work.session, outlets, [Outlet.licence_no, Outlet.id], query["after"], query["limit"])


@blueprint.endpoint("GET", "/outlets/<uuid:outlet_id>", permission=Permission.OUTLET_READ, gives=OutletOut)
def get_outlet(work: Work, outlet_id: uuid.UUID) -> Outlet:
    """One outlet."""
    outlet = work.session.scalar(visible_to(work.actor).where(Outlet.id == outlet_id))
    if outlet is None:
        raise Problem("not_found")
    return outlet
