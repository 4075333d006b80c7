"""Hand-over sheets over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from schemas.handovers import (
    HandoverAcknowledgement,
    HandoverEnding,
    HandoverIn,
    HandoverObjection,
    HandoverOut,
    HandoverPage,
    HandoverPaperQuery,
    HandoverQuery,
    HandoverSigning,
)
from schemas.vocabulary import HandoverAct
from server.handovers import ops, queries
from server.handovers.models import HandoverSheet
from server.handovers.paper import paper_of, told
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.reports.answering import answer

blueprint = Noun("handovers", "交接单 Hand-over sheets")


@blueprint.endpoint(
    "GET", "/handovers", permission=Permission.HANDOVER_READ, takes=HandoverQuery, gives=HandoverPage
)
def list_handovers(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The sheets in scope, those of the latest days first."""
    keys = [HandoverSheet.from_day, HandoverSheet.id]
    sheets = queries.wanted(work, query)
    page = page_of(work.session, sheets, keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": queries.described(work, queries.standings(work, page["items"]))}


@blueprint.endpoint(
    "POST",
    "/handovers",
    permission=Permission.HANDOVER_MANAGE,
    takes=HandoverIn,
    gives=HandoverOut,
    status=201,
)
def write(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Write a sheet by hand; where duty moves, one is made by itself."""
    return told(work, ops.write_by_hand(work, given))


@blueprint.endpoint(
    "GET", "/handovers/<uuid:sheet_id>", permission=Permission.HANDOVER_READ, gives=HandoverOut
)
def get_handover(work: Work, sheet_id: uuid.UUID) -> dict[str, Any]:
    """One sheet: what is open in its cells now, or what was signed over."""
    return told(work, queries.find(work, sheet_id))


@blueprint.endpoint("GET", "/handovers/<uuid:sheet_id>/content", permission=Permission.HANDOVER_READ)
def signed_content(work: Work, sheet_id: uuid.UUID) -> AnyResponse:
    """What was signed over last, byte for byte; its ETag is the SHA-256 of these bytes."""
    frozen = queries.frozen_of(work, queries.find(work, sheet_id))
    if frozen is None:
        raise Problem("not_found", detail="该交接单尚未交出。Nobody has signed it over yet.")
    headers = {"Content-Disposition": f'attachment; filename="handover-{sheet_id}.json"'}
    body = Response(frozen.content, content_type="application/json", headers=headers)
    body.set_etag(frozen.sha256)
    return body.make_conditional(request)


@blueprint.endpoint(
    "GET",
    "/handovers/<uuid:sheet_id>/paper",
    permission=Permission.HANDOVER_READ,
    takes=HandoverPaperQuery,
)
def paper(work: Work, query: dict[str, Any], sheet_id: uuid.UUID) -> Response:
    """The sheet to print, with lines to sign on."""
    return answer(paper_of(work, queries.find(work, sheet_id)), query["format"])


@blueprint.endpoint(
    "POST",
    "/handovers/<uuid:sheet_id>/signing",
    permission=Permission.HANDOVER_SIGN,
    takes=HandoverSigning,
    gives=HandoverOut,
    status=201,
)
def sign(work: Work, given: dict[str, Any], sheet_id: uuid.UUID) -> dict[str, Any]:
    """交出: freeze what is open and sign it over; by the lead who gives, or whoever leads his squad."""
    return told(work, ops.sign(work, sheet_id, given["note"]))


@blueprint.endpoint(
    "POST",
    "/handovers/<uuid:sheet_id>/acknowledgement",
    permission=Permission.HANDOVER_SIGN,
    takes=HandoverAcknowledgement,
    gives=HandoverOut,
    status=201,
)
def acknowledge(work: Work, given: dict[str, Any], sheet_id: uuid.UUID) -> dict[str, Any]:
    """接收: take what was signed over; by the lead who takes, or whoever leads his squad."""
    return told(work, ops.answer(work, sheet_id, HandoverAct.ACKNOWLEDGED, given["sha256"], given["note"]))


@blueprint.endpoint(
    "POST",
    "/handovers/<uuid:sheet_id>/objection",
    permission=Permission.HANDOVER_SIGN,
    takes=HandoverObjection,
    gives=HandoverOut,
    status=201,
)
def object_to(work: Work, given: dict[str, Any], sheet_id: uuid.UUID) -> dict[str, Any]:
    """提出异议: do not take it as it was signed over; it waits to be signed anew."""
    return told(work, ops.answer(work, sheet_id, HandoverAct.OBJECTED, given["sha256"], given["note"]))


@blueprint.endpoint(
    "POST",
    "/handovers/<uuid:sheet_id>/withdrawal",
    permission=Permission.HANDOVER_MANAGE,
    takes=HandoverEnding,
    gives=HandoverOut,
    status=201,
)
def withdraw(work: Work, given: dict[str, Any], sheet_id: uuid.UUID) -> dict[str, Any]:
    """撤回: end a sheet that nobody is to take."""
    return told(work, ops.withdraw(work, sheet_id, given["reason"]))
