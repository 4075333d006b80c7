"""The public duty board over HTTP, for programs and as pages for people; nobody need sign in."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from marshmallow import EXCLUDE, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from schemas.duty_cells import BoardList, BoardOut, BoardQuery
from server.duty_cells.board import board_of, boards, page_of_board, page_of_list, page_of_problem
from server.kernel import http
from server.kernel.arguments import refuse_unstorable
from server.kernel.http import PUBLIC, Noun
from server.kernel.problems import Problem
from server.kernel.work import Kernel

blueprint = Noun("duty_boards", "职责公示 Public duty board")
pages = Blueprint("board_pages", __name__)

FRESH_S = 300
"""For how long whoever keeps a copy of the board may give it out without asking again, in seconds."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"


@blueprint.endpoint("GET", "/duty-boards", permission=PUBLIC, gives=BoardList)
def list_boards(composed: Kernel) -> Response:
    """The bureaus whose duty boards are here."""
    return _kept(jsonify(BoardList().dump({"items": boards(composed)})))


@blueprint.endpoint("GET", "/duty-boards/<region_code>", permission=PUBLIC, takes=BoardQuery, gives=BoardOut)
def get_board(composed: Kernel, query: dict[str, Any], region_code: str) -> Response:
    """Which squad and which officer answer for each cell today: what the public may know, and nothing else."""
    return _kept(jsonify(BoardOut().dump(board_of(composed, region_code, query, http.now()))))


@pages.get("/duty-board")
def show_boards() -> AnyResponse:
    """The list of boards, or the one that there is."""
    named = boards(http.kernel())
    if len(named) == 1:
        return redirect(url_for("board_pages.show_board", region_code=named[0].region_code))
    if not named:
        detail = "这里还没有职责公示。There is no duty board here yet."
        return _page(page_of_problem(Problem("not_found", detail=detail)), 404)
    return _page(page_of_list(named))


@pages.get("/duty-board/<region_code>")
def show_board(region_code: str) -> Response:
    """The same as ``get_board``, to be read by people. What else stands in the address is passed over."""
    try:
        query = _query()
        return _page(page_of_board(board_of(http.kernel(), region_code, query, http.now()), query))
    except Problem as problem:
        return _page(page_of_problem(problem), problem.kind.status)


show_boards.permission = PUBLIC  # type: ignore[attr-defined]
show_board.permission = PUBLIC  # type: ignore[attr-defined]


def _query() -> dict[str, Any]:
    """What a page was asked for.

    Raises:
        Problem: ``invalid``, as over the API.
    """
    refuse_unstorable(request.args.items())
    given = {name: value for name, value in request.args.items() if value}
    try:
        query: dict[str, Any] = BoardQuery(unknown=EXCLUDE).load(given)
    except ValidationError as error:
        raise http.problem_of_fields(error) from error
    return query


def _page(html: str, status: int = 200) -> Response:
    response = Response(html, status=status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    return _kept(response)


def _kept(response: Response) -> Response:
    """May be kept and given out again by whoever stands between; the tag is weak, for it may be sent compressed."""
    if response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={FRESH_S}"
        response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32], weak=True)
        response.make_conditional(request)
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
