"""Reads of draws, always from what the actor may see: where one stands, its rounds, its teams, its published file."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import aliased, undefer

from server.draws.models import Draw, DrawPlace, DrawRound, DrawStep
from server.draws.rules import Team
from server.kernel.actor import Actor
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work

FROZEN, DRAWN, PUBLISHED, CANCELLED = "frozen", "drawn", "published", "cancelled"
STATES = {FROZEN: "已冻结", DRAWN: "已抽取", PUBLISHED: "已公布", CANCELLED: "已取消"}


def visible_to(actor: Actor) -> Select[Draw]:
    """The draws of the bureau; in the field those published for which the actor was drawn, and no sooner.

    Nobody else in the field learns where a team goes before it was there.
    """
    draws = select(Draw).where(Draw.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.DRAW_READ):
        return draws
    # Whoever dropped out, perhaps because he may not go there, is told no more of where the others go.
    later = aliased(DrawPlace)
    drawn_anew = select(later.seq).where(
        later.draw_id == DrawPlace.draw_id,
        later.ordinal == DrawPlace.ordinal,
        later.round > DrawPlace.round,
    )
    own = select(DrawPlace.draw_id).where(DrawPlace.person_id == actor.person_id, ~drawn_anew.exists())
    published = select(DrawStep.draw_id).where(DrawStep.step == PUBLISHED)
    return draws.where(Draw.id.in_(own), Draw.id.in_(published))


def find_draw(work: Work, draw_id: uuid.UUID) -> Draw:
    """A draw that the actor may see.

    Raises:
        Problem: ``not_found``.
    """
    whole = visible_to(work.actor).options(undefer(Draw.frozen), undefer(Draw.identities))
    draw = work.session.scalar(whole.where(Draw.id == draw_id))
    if draw is None:
        raise Problem("not_found")
    return draw


@dataclass(frozen=True, slots=True)
class Progress:
    """What has become of a draw: the size of its pool, its rounds in order, and when it was published and cancelled."""

    draw: Draw
    outlets: int
    officers: int
    rounds: Sequence[DrawRound]
    steps: dict[str, DrawStep]

    @property
    def state(self) -> str:
        """``frozen``, ``drawn``, ``published`` or ``cancelled``."""
        if CANCELLED in self.steps:
            return CANCELLED
        if PUBLISHED in self.steps:
            return PUBLISHED
        return DRAWN if self.rounds else FROZEN

    @property
    def teams(self) -> list[Team]:
        """The teams as they stand after every round, in the order of the draw."""
        standing: dict[str, Team] = {}
        for one in self.rounds:
            for team in one.teams:
                standing[team["licence_no"]] = Team(team["licence_no"], tuple(team["cert_nos"]))
        return list(standing.values())


def progress_of(work: Work, draws: Sequence[Draw]) -> list[Progress]:
    """What has become of these draws, in three queries."""
    ids = [draw.id for draw in draws]
    sizes = select(Draw.id, _size("outlets"), _size("officers")).where(Draw.id.in_(ids))
    pools = {draw_id: (outlets, officers) for draw_id, outlets, officers in work.session.execute(sizes)}
    rounds: dict[uuid.UUID, list[DrawRound]] = {draw_id: [] for draw_id in ids}
    for one in work.session.scalars(
        select(DrawRound).where(DrawRound.draw_id.in_(ids)).order_by(DrawRound.number)
    ):
        rounds[one.draw_id].append(one)
    steps: dict[uuid.UUID, dict[str, DrawStep]] = {draw_id: {} for draw_id in ids}
    for step in work.session.scalars(select(DrawStep).where(DrawStep.draw_id.in_(ids))):
        steps[step.draw_id][step.step] = step
    return [Progress(draw, *pools[draw.id], rounds[draw.id], steps[draw.id]) for draw in draws]


def _size(kind: str) -> ScalarSelect[int]:
    """How many outlets or officers a pool has, counted where they are kept."""
    names = func.jsonb_object_keys(Draw.identities[kind]).table_valued("name")
    return select(func.count()).select_from(names).correlate(Draw).scalar_subquery()


def published_file(progress: Progress) -> dict[str, Any]:
    """All that it takes to draw again, and nothing about anybody that is not on a licence or a certificate.

    Why somebody dropped out, or is recused, is not in it.
    """
    return {
        "frozen": json.loads(progress.draw.frozen),
        "pool_sha256": progress.draw.pool_sha256,
        "rounds": [_round(one) for one in progress.rounds],
        "teams": [team.to_json() for team in progress.teams],
    }


def _round(one: DrawRound) -> dict[str, Any]:
    told: dict[str, Any] = {
        "round": one.number,
        "seed": one.seed,
        "seed_source": one.seed_source,
        "seed_at": written(one.seed_at),
        "drawn_at": written(one.known_at),
        "teams": one.teams,
    }
    if one.cert_no_out is not None:
        told |= {"cert_no_out": one.cert_no_out, "licences": one.licences, "left_out": one.left_out}
    return told


def written(moment: datetime) -> str:
    """A moment as the published file has it: UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
