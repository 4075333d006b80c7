"""Clues over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.clues import (
    ClueActIn,
    ClueIn,
    ClueOut,
    CluePage,
    ClueQuery,
    ClueWhole,
    DuplicateList,
    DuplicateQuery,
    InformantIn,
    InformantKept,
    InformantList,
)
from schemas.records import ReadingIn
from server.clues import ops
from server.clues.informants import keep_informant, read_informants
from server.clues.models import Clue
from server.clues.queries import described, find_clue, hints_for, possible_duplicates, visible_to
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.privacy.readings import note_reading
from server.records.head_counts import plate_of

blueprint = Noun("clues", "线索 Clues")


@blueprint.endpoint("GET", "/clues", permission=Permission.CLUE_READ, takes=ClueQuery, gives=CluePage)
def list_clues(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The clues in scope, by the time they were found; plates and numbers in texts masked."""
    wanted = visible_to(work.actor)
    for name in ("status", "matter", "source", "cell_id"):
        if query[name] is not None:
            wanted = wanted.where(getattr(Clue, name) == query[name])
    if query["plate"]:
        wanted = wanted.where(Clue.plate == plate_of(query["plate"]))
    if query["since"]:
        wanted = wanted.where(Clue.found_at >= query["since"])
    if query["until"]:
        wanted = wanted.where(Clue.found_at < query["until"])
    page = page_of(work.session, wanted, [Clue.found_at, Clue.id], query["after"], query["limit"])
    return {**page, "items": described(work, page["items"])}


@blueprint.endpoint(
    "POST", "/clues", permission=Permission.CLUE_WRITE, takes=ClueIn, gives=ClueOut, status=201
)
def register_clue(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Write a clue down that no handheld told of; one that names another place opens the duty to notify it."""
    return described(work, [ops.register(work, given)])[0]


@blueprint.endpoint(
    "GET",
    "/clues/duplicates",
    permission=Permission.CLUE_READ,
    takes=DuplicateQuery,
    gives=DuplicateList,
)
def list_duplicates(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Pairs that may be one clue, by place or plate; a person merges them or tells them apart."""
    return {"items": possible_duplicates(work, query["radius_m"])}


@blueprint.endpoint("GET", "/clues/<uuid:clue_id>", permission=Permission.CLUE_READ, gives=ClueWhole)
def get_clue(work: Work, clue_id: uuid.UUID) -> dict[str, Any]:
    """One clue with what was done, its clocks, and hints of criminal law; plates and numbers in texts masked."""
    clue = find_clue(work, clue_id)
    return {**described(work, [clue])[0], "hints": hints_for(work, clue)}


@blueprint.endpoint(
    "POST",
    "/clues/<uuid:clue_id>/readings",
    permission=Permission.PERSON_DATA_READ,
    takes=ReadingIn,
    gives=ClueWhole,
    status=201,
)
def read_clue(work: Work, given: dict[str, Any], clue_id: uuid.UUID) -> dict[str, Any]:
    """One clue in full; who read it and what for is kept."""
    work.actor.must(Permission.CLUE_READ)
    clue = find_clue(work, clue_id)
    note_reading(work, clue.id, given["purpose"], ["/plate", "/summary", "/place"])
    return {**described(work, [clue], masked=False)[0], "hints": hints_for(work, clue)}


@blueprint.endpoint(
    "POST",
    "/clues/<uuid:clue_id>/acts",
    permission=Permission.CLUE_WRITE,
    takes=ClueActIn,
    gives=ClueOut,
    status=201,
)
def do_with_clue(work: Work, given: dict[str, Any], clue_id: uuid.UUID) -> dict[str, Any]:
    """Write down what was done: notice, hand-over, a step of a transfer, the outcome."""
    return described(work, [ops.act(work, clue_id, given)])[0]


@blueprint.endpoint(
    "POST",
    "/clues/<uuid:clue_id>/informants",
    permission=Permission.CLUE_WRITE,
    takes=InformantIn,
    gives=InformantKept,
    status=201,
)
def keep(work: Work, given: dict[str, Any], clue_id: uuid.UUID) -> Any:
    """Seal who told the clue. The answer does not tell who."""
    return keep_informant(work, clue_id, given)


@blueprint.endpoint(
    "POST",
    "/clues/<uuid:clue_id>/informants/readings",
    permission=Permission.INFORMANT_READ,
    takes=ReadingIn,
    gives=InformantList,
    status=201,
)
def read_who(work: Work, given: dict[str, Any], clue_id: uuid.UUID) -> dict[str, Any]:
    """Who told the clue; who read it and what for is kept."""
    return {"items": read_informants(work, clue_id, given["purpose"])}
