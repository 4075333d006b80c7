"""The desk over HTTP: edits that lost, and rows that could not be taken."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.sync import (
    ConflictPage,
    ConflictQuery,
    ConflictWhole,
    DismissalIn,
    KeptRowOut,
    KeptRowPage,
    KeptRowQuery,
    KeptRowWhole,
    RetryAnswer,
    RetryIn,
    SettlementIn,
)
from server.desk import ops, queries
from server.kernel.http import Noun
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work
from sync.settling import Choice, Decision
from sync.tables import push_log, quarantine

blueprint = Noun("desk", "同步裁定 Conflicts and quarantine")


@blueprint.endpoint(
    "GET", "/sync/conflicts", permission=Permission.SYNC_SETTLE, takes=ConflictQuery, gives=ConflictPage
)
def list_conflicts(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The edits that lost, of documents in scope, the oldest first."""
    lines = queries.conflicts(work)
    if query["collection"]:
        lines = lines.where(push_log.c.collection == query["collection"])
    if query["state"]:
        lines = lines.where(push_log.c.resolved_at.is_(None) == (query["state"] == "open"))
    if query["squad_id"]:
        lines = lines.where(queries.of_squad(work, query["squad_id"]))
    return page_of_rows(work.session, lines, [push_log.c.seq], query["after"], query["limit"])


@blueprint.endpoint(
    "GET", "/sync/conflicts/<int:conflict_id>", permission=Permission.SYNC_SETTLE, gives=ConflictWhole
)
def get_conflict(work: Work, conflict_id: int) -> dict[str, Any]:
    """One edit that lost: what it began from, what it made, the master it lost against, and the document now."""
    return ops.open_conflict(work, conflict_id)


@blueprint.endpoint(
    "POST",
    "/sync/conflicts/<int:conflict_id>/settlement",
    permission=Permission.SYNC_SETTLE,
    takes=SettlementIn,
    gives=ConflictWhole,
    status=201,
)
def settle_conflict(work: Work, given: dict[str, Any], conflict_id: int) -> dict[str, Any]:
    """Decide: keep the master, put the lost edit's changes on it, or put the fields given on it."""
    decision = Decision(
        choice=Choice(given["choice"]),
        fields=given["fields"],
        reason=given["reason"],
        master_edit_id=given["master_edit_id"],
        settled_by=work.actor.account_id,
    )
    return ops.settle_conflict(work, conflict_id, decision)


@blueprint.endpoint(
    "GET", "/sync/quarantine", permission=Permission.SYNC_SETTLE, takes=KeptRowQuery, gives=KeptRowPage
)
def list_kept_rows(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The rows that could not be taken, of people in scope, the oldest first."""
    rows = queries.kept_rows(work)
    if query["collection"]:
        rows = rows.where(quarantine.c.collection == query["collection"])
    if query["state"]:
        rows = rows.where(quarantine.c.resolved_at.is_(None) == (query["state"] == "open"))
    if query["squad_id"]:
        rows = rows.where(queries.sent_from(work, (query["squad_id"],)))
    keys = [quarantine.c.at, quarantine.c.id]
    return page_of_rows(work.session, rows, keys, query["after"], query["limit"])


@blueprint.endpoint(
    "GET", "/sync/quarantine/<uuid:kept_id>", permission=Permission.SYNC_SETTLE, gives=KeptRowWhole
)
def get_kept_row(work: Work, kept_id: uuid.UUID) -> dict[str, Any]:
    """One row that could not be taken, byte for byte, and why."""
    return ops.open_kept_row(work, kept_id)


@blueprint.endpoint(
    "POST",
    "/sync/quarantine/<uuid:kept_id>/retry",
    permission=Permission.SYNC_SETTLE,
    takes=RetryIn,
    gives=RetryAnswer,
)
def retry_kept_row(work: Work, given: dict[str, Any], kept_id: uuid.UUID) -> dict[str, Any]:
    """Try the row again as the one who sent it: as it was sent, or put right by hand."""
    return ops.retry_kept_row(work, kept_id, given["document"], given["reason"])


@blueprint.endpoint(
    "POST",
    "/sync/quarantine/<uuid:kept_id>/dismissal",
    permission=Permission.SYNC_SETTLE,
    takes=DismissalIn,
    gives=KeptRowOut,
)
def dismiss_kept_row(work: Work, given: dict[str, Any], kept_id: uuid.UUID) -> dict[str, Any]:
    """Put the row aside, with a reason."""
    return ops.dismiss_kept_row(work, kept_id, given["reason"])
