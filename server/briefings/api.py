"""Briefing packs over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from schemas.briefings import BriefingIn, BriefingPage, BriefingQuery, BriefingWhole
from server.briefings import ops, queries
from server.briefings.models import Briefing
from server.briefings.paper import pdf_of
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.pdf import MOST_CELLS

blueprint = Noun("briefings", "例会材料 Briefing packs")


@blueprint.endpoint(
    "GET", "/briefings", permission=Permission.BRIEFING_READ, takes=BriefingQuery, gives=BriefingPage
)
def list_briefings(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The packs of one's squads, every version, the newest first."""
    wanted = queries.visible_to(work.actor)
    if query["squad_id"]:
        wanted = wanted.where(Briefing.squad_id == query["squad_id"])
    if query["day"]:
        wanted = wanted.where(Briefing.day == query["day"])
    keys = [Briefing.day, Briefing.made_at, Briefing.id]
    page = page_of(work.session, wanted, keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": queries.described(work, page["items"])}


@blueprint.endpoint(
    "POST",
    "/briefings",
    permission=Permission.BRIEFING_MAKE,
    takes=BriefingIn,
    gives=BriefingWhole,
    status=201,
)
def make_briefing(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Make a squad's pack now, as one more version; those before stay."""
    return _whole(work, ops.make(work, given["squad_id"], given["day"]))


@blueprint.endpoint(
    "GET", "/briefings/<uuid:briefing_id>", permission=Permission.BRIEFING_READ, gives=BriefingWhole
)
def get_briefing(work: Work, briefing_id: uuid.UUID) -> dict[str, Any]:
    """One pack with its content."""
    return _whole(work, queries.find(work, briefing_id))


@blueprint.endpoint("GET", "/briefings/<uuid:briefing_id>/frozen", permission=Permission.BRIEFING_READ)
def frozen_briefing(work: Work, briefing_id: uuid.UUID) -> AnyResponse:
    """The pack as it was frozen, byte for byte; its ETag is the SHA-256 of these bytes."""
    pack = queries.find(work, briefing_id)
    frozen = Response(pack.content, content_type="application/json", headers=_as_file(pack, "json"))
    frozen.set_etag(pack.sha256)
    return frozen.make_conditional(request)


@blueprint.endpoint("GET", "/briefings/<uuid:briefing_id>/pdf", permission=Permission.BRIEFING_READ)
def briefing_pdf(work: Work, briefing_id: uuid.UUID) -> Response:
    """The pack on paper, drawn from the frozen bytes."""
    pack = queries.find(work, briefing_id)
    return Response(
        pdf_of(pack, most_cells=MOST_CELLS), mimetype="application/pdf", headers=_as_file(pack, "pdf")
    )


def _as_file(pack: Briefing, ending: str) -> dict[str, str]:
    name = f"briefing-{pack.day}-v{pack.version}.{ending}"
    return {
        "Content-Disposition": f'inline; filename="{name}"',
        "Cache-Control": "private, no-cache",
    }


def _whole(work: Work, pack: Briefing) -> dict[str, Any]:
    return {**queries.described(work, [pack])[0], "content": queries.content_of(pack)}
