"""Draws and recusals over HTTP."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask import Response
from sqlalchemy import select

from schemas.draws import (
    AwaitedSampleList,
    DrawFile,
    DrawIn,
    DrawPage,
    DrawProgress,
    DrawQuery,
    DrawReason,
    DrawResultList,
    DrawVerification,
    PublicSheet,
    RecusalIn,
    RecusalList,
    RecusalOut,
    ReplacementIn,
    SeedIn,
)
from schemas.reports import ShapeQuery
from server.cadence.sampling import awaited_samples
from server.draws import ops, recusing
from server.draws.freezing import freeze_draw
from server.draws.models import Draw, Recusal, RecusalEnd
from server.draws.queries import (
    CANCELLED,
    PUBLISHED,
    Progress,
    find_draw,
    progress_of,
    published_file,
    visible_to,
)
from server.draws.results import outcomes_of, public_sheet
from server.draws.rules import draw_again
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.answering import answer

blueprint = Noun("draws", "双随机抽取 Draws")
READ, MANAGE = Permission.DRAW_READ, Permission.DRAW_MANAGE


def told(progress: Progress) -> dict[str, Any]:
    """A draw as DrawProgress shows it."""
    draw, steps = progress.draw, progress.steps
    names = ("id", "name", "purpose", "tier", "key", "from_day", "to_day", "pool_sha256")
    published, cancelled = steps.get(PUBLISHED), steps.get(CANCELLED)
    return {
        **{name: getattr(draw, name) for name in names},
        "state": progress.state,
        "outlets": progress.outlets,
        "officers": progress.officers,
        "frozen_at": draw.known_at,
        "drawn_at": progress.rounds[0].known_at if progress.rounds else None,
        "published_at": published.known_at if published else None,
        "cancelled_at": cancelled.known_at if cancelled else None,
        "cancel_reason": cancelled.reason if cancelled else None,
        "replacements": max(0, len(progress.rounds) - 1),
        "teams": [team.to_json() for team in progress.teams],
    }


def verified(progress: Progress) -> dict[str, Any]:
    """The draw made again from its published file."""
    again = draw_again(published_file(progress))
    return {
        "agrees": not again.faults,
        "pool_sha256": again.pool_sha256,
        "faults": list(again.faults),
        "teams": [team.to_json() for team in again.teams],
    }


def recusals_told(work: Work) -> list[dict[str, Any]]:
    """Every recusal of the bureau as RecusalOut shows it, the newest first."""
    rows = work.session.execute(
        select(Recusal, RecusalEnd.known_at)
        .outerjoin(RecusalEnd, RecusalEnd.recusal_id == Recusal.id)
        .where(Recusal.bureau_id == work.bureau_id)
        .order_by(Recusal.known_at.desc(), Recusal.id.desc())
    )
    names = ("id", "person_id", "outlet_id", "from_day", "to_day", "reason", "known_at")
    return [{**{name: getattr(one, name) for name in names}, "ended_at": ended} for one, ended in rows]


def awaited_told(work: Work) -> list[dict[str, Any]]:
    """The samples that wait for a draw, as AwaitedSampleOut shows them."""
    today = work.now.astimezone(work.zone).date()
    return [
        {
            "tier": one.period.tier.value,
            "period": one.period.key,
            "first_day": one.period.first_day,
            "percent": one.percent,
            "policy_version": one.policy.version,
            "too_late": one.period.first_day <= today,
        }
        for one in awaited_samples(work)
    ]


def _found(work: Work, draw_id: uuid.UUID) -> Progress:
    return progress_of(work, [find_draw(work, draw_id)])[0]


@blueprint.endpoint("GET", "/draws", permission=READ, takes=DrawQuery, gives=DrawPage)
def list_draws(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The draws that may be seen, in the order in which they were frozen."""
    draws = visible_to(work.actor)
    if query["purpose"]:
        draws = draws.where(Draw.purpose == query["purpose"])
    page = page_of(work.session, draws, [Draw.known_at, Draw.id], query["after"], query["limit"])
    return {**page, "items": [told(one) for one in progress_of(work, page["items"])]}


@blueprint.endpoint("POST", "/draws", permission=MANAGE, takes=DrawIn, gives=DrawProgress, status=201)
def freeze(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Freeze the pool of a draw; nothing is drawn yet."""
    return told(progress_of(work, [freeze_draw(work, given)])[0])


@blueprint.endpoint("GET", "/draws/awaited", permission=READ, gives=AwaitedSampleList)
def list_awaited(work: Work) -> dict[str, Any]:
    """The samples that the policy leaves to a draw: of periods that run, or begin within two weeks."""
    return {"items": awaited_told(work)}


@blueprint.endpoint("GET", "/draws/<uuid:draw_id>", permission=READ, gives=DrawProgress)
def get_draw(work: Work, draw_id: uuid.UUID) -> dict[str, Any]:
    """Where a draw stands."""
    return told(_found(work, draw_id))


@blueprint.endpoint(
    "POST", "/draws/<uuid:draw_id>/rounds", permission=MANAGE, takes=SeedIn, gives=DrawProgress
)
def carry_out(work: Work, given: dict[str, Any], draw_id: uuid.UUID) -> dict[str, Any]:
    """Draw, once, with a seed that is made now or became public after the freeze."""
    return told(ops.carry_out_draw(work, draw_id, given))


@blueprint.endpoint("POST", "/draws/<uuid:draw_id>/publication", permission=MANAGE, gives=DrawProgress)
def publish(work: Work, draw_id: uuid.UUID) -> dict[str, Any]:
    """Publish what was drawn, and lend the teams their cells."""
    return told(ops.publish_draw(work, draw_id))


@blueprint.endpoint(
    "POST", "/draws/<uuid:draw_id>/cancellation", permission=MANAGE, takes=DrawReason, gives=DrawProgress
)
def cancel(work: Work, given: dict[str, Any], draw_id: uuid.UUID) -> dict[str, Any]:
    """Cancel a draw with a reason, and take back what was lent; it stays to be seen."""
    return told(ops.cancel_draw(work, draw_id, given["reason"]))


@blueprint.endpoint(
    "POST", "/draws/<uuid:draw_id>/replacements", permission=MANAGE, takes=ReplacementIn, gives=DrawProgress
)
def replace(work: Work, given: dict[str, Any], draw_id: uuid.UUID) -> dict[str, Any]:
    """Draw somebody else for the places of an officer who drops out."""
    return told(ops.replace_officer(work, draw_id, given))


@blueprint.endpoint("GET", "/draws/<uuid:draw_id>/file", permission=READ, gives=DrawFile)
def get_file(work: Work, draw_id: uuid.UUID) -> Response:
    """The published file: the frozen pool, every seed, every team. ``xunge draw run`` draws again from it alone."""
    body = json.dumps(published_file(_found(work, draw_id)), ensure_ascii=False, indent=1)
    return Response(body + "\n", mimetype="application/json")


@blueprint.endpoint("GET", "/draws/<uuid:draw_id>/verification", permission=READ, gives=DrawVerification)
def verify(work: Work, draw_id: uuid.UUID) -> dict[str, Any]:
    """Draw again and compare."""
    return verified(_found(work, draw_id))


@blueprint.endpoint("GET", "/draws/<uuid:draw_id>/results", permission=READ, gives=DrawResultList)
def results(work: Work, draw_id: uuid.UUID) -> dict[str, Any]:
    """What became of every outlet drawn, and whether the team that came is the one that was drawn."""
    return {"items": [one.as_row() for one in outcomes_of(work, _found(work, draw_id))]}


@blueprint.endpoint(
    "GET",
    "/draws/<uuid:draw_id>/public-results",
    permission=READ,
    takes=ShapeQuery,
    gives=PublicSheet,
)
def public_results(work: Work, query: dict[str, Any], draw_id: uuid.UUID) -> Response:
    """The sheet to be made public (一公开), as JSON, CSV, XLSX or PDF."""
    return answer(public_sheet(work, _found(work, draw_id)), query["format"])


@blueprint.endpoint("GET", "/recusals", permission=MANAGE, gives=RecusalList)
def list_recusals(work: Work) -> dict[str, Any]:
    """Every recusal, the newest first."""
    return {"items": recusals_told(work)}


@blueprint.endpoint("POST", "/recusals", permission=MANAGE, takes=RecusalIn, gives=RecusalOut, status=201)
def recuse(work: Work, given: dict[str, Any]) -> Recusal:
    """Note that somebody may not be drawn for an outlet, or at all."""
    return recusing.recuse(work, given)


@blueprint.endpoint(
    "POST", "/recusals/<uuid:recusal_id>/end", permission=MANAGE, takes=DrawReason, gives=RecusalList
)
def end_recusal(work: Work, given: dict[str, Any], recusal_id: uuid.UUID) -> dict[str, Any]:
    """Note that a recusal holds no more."""
    recusing.end_recusal(work, recusal_id, given["reason"])
    return {"items": recusals_told(work)}
