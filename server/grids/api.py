"""Cells, grants for some days and squad moves over HTTP. Who answers for which cell is in duty_cells."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func

from schemas.places import CellPage, CellQuery
from schemas.scope import Moved, ScopeGrantIn, ScopeGrantPage, ScopeGrantQuery, ScopeRevocation, Transfer
from server.grids import granting, ops
from server.grids.models import GridCell, ScopeGrant
from server.grids.preview import Preview, previewed
from server.grids.queries import visible_to
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.ops import transfer

blueprint = Noun("grids", "网格与临时授权 Cells and grants")


@blueprint.endpoint("GET", "/cells", permission=Permission.CELL_READ, takes=CellQuery, gives=CellPage)
def list_cells(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The cells in scope, by code."""
    cells = visible_to(work.actor)
    if query["level"]:
        cells = cells.where(GridCell.cell_level == query["level"])
    if query["bbox"]:
        cells = cells.where(GridCell.geom.op("&&")(func.ST_MakeEnvelope(*query["bbox"], 4326)))
    return page_of(work.session, cells, [GridCell.code, GridCell.id], query["after"], query["limit"])


@blueprint.endpoint(
    "POST",
    "/scope-grants",
    permission=Permission.SCOPE_GRANT,
    takes=ScopeGrantIn,
    gives=Moved,
    status=201,
)
def grant_scope(work: Work, given: dict[str, Any]) -> Preview:
    """Give cells to one person or one squad for some days, and tell what that moves. With ``dry_run`` nothing is
    written.
    """
    dry_run = given.pop("dry_run")
    granting.check_granter(work, given["cell_ids"])
    return previewed(work, given["from_day"], lambda: granting.grant_scope(work, **given), dry_run=dry_run)


@blueprint.endpoint(
    "GET",
    "/scope-grants",
    permission=Permission.SCOPE_GRANT,
    takes=ScopeGrantQuery,
    gives=ScopeGrantPage,
)
def list_scope_grants(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The grants in scope, in the order in which they were given."""
    grants = granting.visible_to(work.actor)
    for name in ("cell_id", "person_id", "squad_id"):
        if query[name]:
            grants = grants.where(getattr(ScopeGrant, name) == query[name])
    if query["active_on"]:
        grants = grants.where(ScopeGrant.valid.op("@>")(query["active_on"]), ScopeGrant.revoked_at.is_(None))
    keys = [ScopeGrant.granted_at, ScopeGrant.id]
    return page_of(work.session, grants, keys, query["after"], query["limit"])


@blueprint.endpoint(
    "POST",
    "/scope-grants/<uuid:grant_id>/revocation",
    permission=Permission.SCOPE_GRANT,
    takes=ScopeRevocation,
    gives=Moved,
)
def revoke_scope_grant(work: Work, given: dict[str, Any], grant_id: uuid.UUID) -> Preview:
    """End a grant now, and tell what that moves. What other grounds give stays."""
    grant = granting.find_grant(work, grant_id)
    granting.check_revoker(work, grant)
    return previewed(
        work,
        grant.valid.lower or work.now.astimezone(work.zone).date(),
        lambda: granting.revoke_grant(work, grant, given["reason"]),
        dry_run=given["dry_run"],
    )


@blueprint.endpoint(
    "POST",
    "/people/<uuid:person_id>/transfer",
    permission=Permission.PERSON_TRANSFER,
    takes=Transfer,
    gives=Moved,
)
def transfer_person(work: Work, given: dict[str, Any], person_id: uuid.UUID) -> Preview:
    """Move somebody to a squad, or out of every squad, from a day on, and tell what that moves."""

    def act() -> None:
        # Before the person's row is held, like whoever carries out a day.
        ops.await_turn(work)
        transfer(work, person_id, given["squad_id"], given["from_day"], leads=given["leads"])
        ops.apply_due_scope(work, changed=True)

    return previewed(work, given["from_day"], act, dry_run=given["dry_run"])
