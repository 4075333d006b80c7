"""Papers over HTTP: listed, printed, and verified by anybody who holds one."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response

from schemas.papers import NumberStyleIn, NumberStyleOut, PaperList, PaperQuery, VerifiedOut, VerifyQuery
from schemas.vocabulary import PaperKind
from server.kernel.http import PUBLIC, Noun, kernel
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Kernel, Work
from server.papers.numbering import set_style, style_on
from server.papers.printing import list_papers, print_paper
from server.papers.rules import Style
from server.papers.verification import page_of, verify

blueprint = Noun("papers", "文书 Papers")
# What the QR code of a paper leads to: a page for whoever scans it.
pages = Blueprint("paper_pages", __name__)


@blueprint.endpoint(
    "GET", "/records/<uuid:record_id>/papers", permission=Permission.RECORD_READ, gives=PaperList
)
def list_record_papers(work: Work, record_id: uuid.UUID) -> dict[str, Any]:
    """The papers that a record gives, with their numbers and how often each was printed."""
    return {"items": list_papers(work, record_id)}


@blueprint.endpoint(
    "GET",
    "/records/<uuid:record_id>/papers/<kind>.pdf",
    permission=Permission.PAPER_PRINT,
    takes=PaperQuery,
)
def get_paper(work: Work, query: dict[str, Any], record_id: uuid.UUID, kind: str) -> Response:
    """A paper as PDF, with persons in full; that it was printed is kept, with its digest and by whom."""
    if kind not in list(PaperKind):
        raise Problem("paper_unknown")
    printed = print_paper(work, record_id, PaperKind(kind), with_photos=query["photos"])
    response = Response(printed.pdf, mimetype="application/pdf")
    name = printed.file_name
    response.headers["Content-Disposition"] = (
        f"inline; filename=\"{kind}-{record_id}.pdf\"; filename*=UTF-8''{quote(name)}"
    )
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.endpoint("GET", "/papers/verify", permission=PUBLIC, takes=VerifyQuery, gives=VerifiedOut)
def verify_paper(composed: Kernel, query: dict[str, Any]) -> dict[str, Any]:
    """Whether a paper is genuine, by the code that is printed on it. Tells nothing of people."""
    return verify(composed, query["code"])


@blueprint.endpoint("GET", "/number-style", permission=Permission.RECORD_READ, gives=NumberStyleOut)
def get_number_style(work: Work) -> dict[str, Any]:
    """What official numbers begin with today."""
    style = style_on(work, work.now.astimezone(work.zone).date())
    return _told(style)


@blueprint.endpoint(
    "POST",
    "/number-style",
    permission=Permission.POLICY_MANAGE,
    takes=NumberStyleIn,
    gives=NumberStyleOut,
    status=201,
)
def set_number_style(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Set what official numbers begin with, from today or a later day on."""
    style = set_style(work, given["abbreviation"], given["words"], given["from_day"])
    return _told(style)


@pages.get("/verify/<code>")
def show_verified(code: str) -> Response:
    """The same as ``verify_paper``, to be read by people."""
    response = Response(page_of(verify(kernel(), code)), mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


show_verified.permission = PUBLIC  # type: ignore[attr-defined]


def _told(style: Style) -> dict[str, Any]:
    return {
        "abbreviation": style.abbreviation,
        "words": {kind.value: word for kind, word in style.words.items()},
    }
