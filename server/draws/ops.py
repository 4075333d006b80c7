"""Draws in two steps, so that nobody can foresee one: the pool is frozen, then a seed is made that did not exist before.

What follows – publishing, cancelling, replacing somebody who drops out – adds facts and changes none.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from server.cadence.periods import parse_period
from server.cadence.sampling import awaited_sample, check_ahead, keep_sample
from server.draws import rules
from server.draws.models import Draw, DrawGrant, DrawPlace, DrawRound, DrawStep
from server.draws.pools import recused, window_of
from server.draws.queries import CANCELLED, DRAWN, FROZEN, PUBLISHED, STATES, Progress, find_draw, progress_of
from server.grids.granting import grant_to_people, revoke_grants
from server.grids.models import ScopeGrant
from server.grids.ops import await_turn
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, problem_at
from server.kernel.work import Work
from server.outlets.models import Outlet

BY_SERVER = "server"
SEED_BYTES = 32


def carry_out_draw(work: Work, draw_id: uuid.UUID, given: Mapping[str, Any]) -> Progress:
    """Draw from a frozen pool, once.

    The seed is made now, or is a number that became public after the pool was frozen: ``seed``, ``seed_source`` and
    ``seed_at``.

    Raises:
        Problem: ``not_found``; ``draw_state`` where it is drawn or cancelled; ``draw_window_over``;
            ``draw_seed_known`` for a seed older than the pool; ``draw_pool_stale`` where somebody of the pool was
            recused since, for whoever knows the seed could steer it so, or the policy's sample was drawn otherwise;
            ``policy_backdated`` where it is a sample of a period that has begun.
    """
    progress = _held(work, draw_id, FROZEN)
    draw = progress.draw
    seed, source, seed_at = _seed(work, given, after=draw.known_at)
    frozen = json.loads(draw.frozen)
    pool = rules.Pool.from_json(frozen)
    if news := _recusals_now(work, draw) - pool.recusals:
        names = "、".join(sorted({cert_no for cert_no, _ in news}))
        raise Problem("draw_pool_stale", detail=f"冻结后登记了回避：{names}，请重新冻结。")
    teams = rules.draw_teams(pool, seed)
    _keep_sample(work, draw, pool, seed, teams)
    made = _keep_round(
        work, progress, teams, seed=seed, seed_source=source, seed_at=seed_at, licences=[], left_out=[]
    )
    record_event(
        work,
        "draw.drawn",
        [draw.id],
        seed=seed,
        seed_source=source,
        outlets=len(teams),
        round_id=str(made.id),
    )
    return progress_of(work, [draw])[0]


def publish_draw(work: Work, draw_id: uuid.UUID) -> Progress:
    """Publish what was drawn: the teams see their outlets' cells while the window lasts (a patrol's temporary scope).

    Raises:
        Problem: ``not_found``; ``draw_state`` unless it is drawn; ``draw_window_over``.
    """
    progress = _held(work, draw_id, DRAWN)
    _step(work, progress.draw, PUBLISHED, None)
    granted = _carry_out_grants(work, progress.draw, progress.teams)
    record_event(work, "draw.published", [draw_id], grants=granted)
    return progress_of(work, [progress.draw])[0]


def cancel_draw(work: Work, draw_id: uuid.UUID, reason: str) -> Progress:
    """Cancel a draw in whatever state; it stays to be seen, and what its teams were lent is taken back.

    Raises:
        Problem: ``not_found``; ``draw_state`` where it is cancelled already.
    """
    progress = _held(work, draw_id, FROZEN, DRAWN, PUBLISHED, over=True)
    _step(work, progress.draw, CANCELLED, reason)
    living = _living_grants(work, progress.draw)
    record_event(work, "draw.cancelled", [draw_id], reason=reason, grants=len(living))
    revoke_grants(work, living, f"双随机取消：{reason}")
    return progress_of(work, [progress.draw])[0]


def replace_officer(work: Work, draw_id: uuid.UUID, given: Mapping[str, Any]) -> Progress:
    """Draw somebody else from the frozen pool for the places of an officer who drops out: ``person_id``, ``reason``,
    ``licence_no`` for one outlet or all of his, and the seed as in ``carry_out_draw``.

    Left out are whoever dropped out of this draw before, and whoever was recused since.

    Raises:
        Problem: ``not_found`` where he has no such place; ``draw_state`` unless it is drawn or published;
            ``draw_window_over``; ``draw_seed_known`` for a seed older than the last round; ``draw_pool_too_small``.
    """
    progress = _held(work, draw_id, DRAWN, PUBLISHED)
    draw, teams = progress.draw, progress.teams
    cert_no = _cert_no_of(draw, given["person_id"])
    licences = [
        team.licence_no
        for team in teams
        if cert_no in team.cert_nos and given["licence_no"] in (None, team.licence_no)
    ]
    if not licences:
        raise Problem("not_found", detail="该人员不在这次抽取的名单中。The draw has no such place of theirs.")
    seed, source, seed_at = _seed(work, given, after=progress.rounds[-1].known_at)
    dropped = {(one.cert_no_out, None) for one in progress.rounds if one.cert_no_out is not None}
    pool = rules.Pool.from_json(json.loads(draw.frozen))
    left_out = frozenset((_recusals_now(work, draw) - pool.recusals) | dropped)
    try:
        changed = rules.draw_replacements(pool, teams, seed, cert_no, licences, left_out)
    except rules.TooSmall as error:
        raise too_small(error) from error
    _keep_round(
        work,
        progress,
        changed,
        seed=seed,
        seed_source=source,
        seed_at=seed_at,
        cert_no_out=cert_no,
        licences=licences,
        left_out=rules.recusals_to_json(left_out),
        reason=given["reason"],
    )
    record_event(
        work,
        "draw.replaced",
        [draw.id, given["person_id"]],
        seed=seed,
        seed_source=source,
        licences=licences,
        reason=given["reason"],
    )
    after = progress_of(work, [draw])[0]
    if after.state == PUBLISHED:
        _carry_out_grants(work, draw, after.teams)
    return after


def too_small(error: rules.TooSmall) -> Problem:
    """Why nothing was drawn, by outlet."""
    faults = [
        {
            "path": f"/outlets/{one.licence_no}",
            "code": "officers_too_few",
            "detail": f"可派 {one.eligible} 人，其中外中队 {one.from_other_squads} 人，不够组成检查组。",
        }
        for one in error.shortages[:50]
    ]
    detail = (
        f"备选零售户 {error.outlets} 户、执法人员 {error.officers} 人，不能按规则抽取；什么都没有抽。"
        f"The pool has {error.outlets} outlets and {error.officers} officers, too few for the rule; nothing is drawn."
    )
    return Problem("draw_pool_too_small", detail=detail, errors=faults)


def _held(work: Work, draw_id: uuid.UUID, *states: str, over: bool = False) -> Progress:
    """The draw with what became of it, held until commit: of two who draw from one pool one wins.

    The turn of those who change scope is taken before anything is written, as they all do: in another order this would
    hold people and cells that they wait for while it waits for them.
    """
    draw = find_draw(work, draw_id)
    work.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"draw:{draw.id}", 0))))
    await_turn(work)
    progress = progress_of(work, [draw])[0]
    if progress.state not in states:
        raise Problem(
            "draw_state", detail=f"该抽取{STATES[progress.state]}，不能这样做。The draw is {progress.state}."
        )
    if not over and draw.to_day < work.now.astimezone(work.zone).date():
        raise Problem("draw_window_over")
    return progress


def _seed(work: Work, given: Mapping[str, Any], *, after: datetime) -> tuple[str, str, datetime]:
    """The seed, where it comes from and since when it is known."""
    if given["seed"] is None:
        return secrets.token_hex(SEED_BYTES), BY_SERVER, work.now
    seed_at: datetime = given["seed_at"]
    if not after < seed_at <= work.now:
        moment = after.astimezone(work.zone).isoformat(timespec="seconds")
        detail = (
            f"种子须在 {moment} 之后、现在之前公布。The seed must have become public after that, and by now."
        )
        raise problem_at("/seed_at", "draw_seed_known", detail)
    return given["seed"], given["seed_source"], seed_at


def _keep_sample(work: Work, draw: Draw, pool: rules.Pool, seed: str, teams: Sequence[rules.Team]) -> None:
    """Where the policy leaves its sample to this draw: whoever was drawn owes the period."""
    if draw.identities["policy_tier"] is None:
        return
    period = parse_period(draw.key)
    check_ahead(work, period)
    awaited = awaited_sample(work, period)
    if awaited is None or str(awaited.row.id) != draw.identities["policy_tier"]:
        detail = "该期已另行抽样，或制度已变更。The period was sampled otherwise, or the policy has changed."
        raise Problem("draw_pool_stale", detail=detail)
    grades = {licence_no: outlet.grade for licence_no, outlet in pool.outlets.items()}
    keep_sample(work, awaited, seed, grades, [team.licence_no for team in teams])


def _recusals_now(work: Work, draw: Draw) -> frozenset[rules.Recusal]:
    identities = {
        kind: {number: uuid.UUID(one) for number, one in draw.identities[kind].items()}
        for kind in ("officers", "outlets")
    }
    return recused(work, identities["officers"], identities["outlets"], window_of(draw))


def _cert_no_of(draw: Draw, person_id: uuid.UUID) -> str:
    officers: dict[str, str] = draw.identities["officers"]
    return next((cert_no for cert_no, one in officers.items() if one == str(person_id)), "")


def _keep_round(work: Work, progress: Progress, teams: Sequence[rules.Team], **facts: Any) -> DrawRound:
    draw = progress.draw
    made = DrawRound(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        draw_id=draw.id,
        number=len(progress.rounds),
        teams=[team.to_json() for team in teams],
        account_id=work.actor.account_id,
        known_at=work.now,
        **facts,
    )
    work.session.add(made)
    work.session.flush()
    standing = progress.teams or teams
    ordinals = {team.licence_no: number for number, team in enumerate(standing, start=1)}
    identities = draw.identities
    places = [
        {
            "bureau_id": work.bureau_id,
            "draw_id": draw.id,
            "round": made.number,
            "ordinal": ordinals[team.licence_no],
            "place": place,
            "outlet_id": identities["outlets"][team.licence_no],
            "licence_no": team.licence_no,
            "person_id": identities["officers"][cert_no],
            "cert_no": cert_no,
        }
        for team in teams
        for place, cert_no in enumerate(team.cert_nos, start=1)
    ]
    work.session.execute(insert(DrawPlace), places)
    return made


def _step(work: Work, draw: Draw, step: str, reason: str | None) -> None:
    work.session.add(
        DrawStep(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            draw_id=draw.id,
            step=step,
            reason=reason,
            account_id=work.actor.account_id,
            known_at=work.now,
        )
    )
    work.session.flush()


def _living_grants(work: Work, draw: Draw) -> Sequence[ScopeGrant]:
    """What was lent for the draw and is neither over nor taken back."""
    today = work.now.astimezone(work.zone).date()
    return work.session.scalars(
        select(ScopeGrant)
        .join(DrawGrant, DrawGrant.grant_id == ScopeGrant.id)
        .where(
            DrawGrant.draw_id == draw.id,
            ScopeGrant.revoked_at.is_(None),
            func.upper(ScopeGrant.valid) > today,
        )
        .order_by(ScopeGrant.id)
    ).all()


def _carry_out_grants(work: Work, draw: Draw, teams: Sequence[rules.Team]) -> int:
    """Lend every officer the cells of his outlets, and take back what nobody of the teams needs any more."""
    outlets, officers = draw.identities["outlets"], draw.identities["officers"]
    ids = [uuid.UUID(outlets[team.licence_no]) for team in teams]
    cells = dict(
        work.session.execute(
            select(Outlet.licence_no, Outlet.cell_id).where(
                among(Outlet.id, ids), Outlet.cell_id.is_not(None)
            )
        ).all()
    )
    wanted = {
        (uuid.UUID(officers[cert_no]), cell_id)
        for team in teams
        if (cell_id := cells.get(team.licence_no)) is not None
        for cert_no in team.cert_nos
    }
    living = {(grant.person_id, grant.cell_id): grant for grant in _living_grants(work, draw)}
    needless = [grant for lent, grant in living.items() if lent not in wanted]
    revoke_grants(work, needless, f"双随机换人：{draw.name}")
    missing: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for person, cell in wanted:
        if (person, cell) not in living:
            missing[person].add(cell)
    if not missing:
        return 0
    today = work.now.astimezone(work.zone).date()
    window = window_of(draw)
    made = grant_to_people(
        work,
        missing,
        from_day=max(window.from_day, today),
        to_day=window.to_day,
        ground="patrol",
        reason=f"双随机：{draw.name}",
    )
    own = {"bureau_id": work.bureau_id, "draw_id": draw.id}
    work.session.execute(insert(DrawGrant), [{**own, "grant_id": grant.id} for grant in made])
    return len(made)
