"""The first step of a draw: the pool is written down as one text, and its SHA-256 is published."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from server.cadence.periods import BadPeriod, Period, parse_period
from server.cadence.population import GRADES
from server.cadence.sampling import AwaitedSample, awaited_sample, check_ahead, subjects_owing
from server.draws import rules
from server.draws.models import Draw
from server.draws.ops import too_small
from server.draws.pools import Officers, Outlets, Window, load_officers, load_outlets, recused
from server.draws.queries import written
from server.grids.granting import check_days
from server.grids.models import GridCell
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import invalid, problem_at
from server.kernel.work import Work
from server.org.models import Bureau, Squad


def freeze_draw(work: Work, given: Mapping[str, Any]) -> Draw:
    """Freeze the pool of a draw; ``given`` is as schemas.draws.DrawIn reads it. Nothing is drawn yet.

    Raises:
        Problem: ``invalid`` for days that are over or outside the period; ``bad_period``; ``not_found`` for a cell or
            a squad of another bureau; ``draw_pool_too_small`` where some outlet of the pool could get no team;
            ``policy_backdated`` for a sample of a period that has begun.
    """
    period = _period(given["outlets"])
    window = _window(work, given, period)
    awaited = awaited_sample(work, period) if period else None
    if awaited is not None:
        _check_sample(work, given, awaited)
    subjects = subjects_owing(work, awaited.period) if awaited else None
    outlets = load_outlets(work, given["outlets"], window, subjects)
    officers = load_officers(work, window, given["squad_ids"])
    barred = recused(work, officers.ids, outlets.ids, window)
    draw_id = new_id(work.now)
    document = _document(work, draw_id, given, window, outlets, officers, barred)
    document["choose"] = _share(given, awaited)
    try:
        rules.check_pool(rules.Pool.from_json(document))
    except rules.TooSmall as error:
        raise too_small(error) from error
    frozen = rules.canonical(document)
    draw = Draw(
        id=draw_id,
        bureau_id=work.bureau_id,
        name=given["name"],
        purpose=given["purpose"],
        tier=given["outlets"].get("tier"),
        key=document["key"],
        from_day=window.from_day,
        to_day=window.to_day,
        frozen=frozen,
        pool_sha256=rules.sha256_of(frozen),
        identities={
            "outlets": {licence_no: str(one) for licence_no, one in outlets.ids.items()},
            "officers": {one["cert_no"]: str(officers.ids[one["cert_no"]]) for one in document["officers"]},
            "policy_tier": str(awaited.row.id) if awaited else None,
        },
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(draw)
    work.session.flush()
    record_event(
        work,
        "draw.frozen",
        [draw.id],
        pool_sha256=draw.pool_sha256,
        outlets=len(document["outlets"]),
        officers=len(document["officers"]),
        unplaced=len(outlets.unplaced),
    )
    return draw


def _check_sample(work: Work, given: Mapping[str, Any], awaited: AwaitedSample) -> None:
    """A sample that the policy leaves to a draw is drawn before its period begins, and by the policy's percentage."""
    check_ahead(work, awaited.period)
    if given["count"] is not None or given["percent"] not in (None, awaited.percent):
        detail = "制度规定了这一期的比例，请按制度抽取。The policy says which share of this period is drawn."
        raise invalid("/percent", "not_the_policys_share", detail)


def _share(given: Mapping[str, Any], awaited: AwaitedSample | None) -> dict[str, Any]:
    """How many are drawn: as asked for, else as the policy says, else everybody of the pool."""
    if given["count"] is not None:
        return {"count": given["count"]}
    if given["percent"] is not None:
        return {"percent": given["percent"]}
    return {"percent": dict(awaited.percent if awaited else dict.fromkeys(GRADES, 100))}


def _window(work: Work, given: Mapping[str, Any], period: Period | None) -> Window:
    """The days of the teams: those given, within the period where there is one, by default what is left of it."""
    today = work.now.astimezone(work.zone).date()
    from_day, to_day = given["from_day"], given["to_day"]
    if period is not None:
        from_day = from_day or max(today, period.first_day)
        to_day = to_day or period.last_day
        if from_day < period.first_day or to_day > period.last_day:
            detail = f"须在 {period.first_day} 至 {period.last_day} 之内。The days must lie in the period."
            raise invalid("/to_day", "outside_period", detail)
    check_days(work, from_day, to_day)
    return Window(from_day, to_day)


def _period(chosen: Mapping[str, Any]) -> Period | None:
    if not chosen.get("tier"):
        return None
    try:
        period = parse_period(chosen["period"])
        if period.tier.value != chosen["tier"]:
            raise BadPeriod(f"{period.key} is no {chosen['tier'].lower()} period.")
    except BadPeriod as error:
        raise problem_at("/outlets/period", "bad_period", str(error)) from error
    return period


def _document(
    work: Work,
    draw_id: uuid.UUID,
    given: Mapping[str, Any],
    window: Window,
    outlets: Outlets,
    officers: Officers,
    barred: frozenset[rules.Recusal],
) -> dict[str, Any]:
    """What is frozen. Officers who are recused altogether are not in it, so no seed can draw them."""
    away = {cert_no for cert_no, licence_no in barred if licence_no is None}
    days = [window.from_day.isoformat(), window.to_day.isoformat()]
    return {
        "format": rules.FORMAT,
        "bureau": work.session.scalar(select(Bureau.name).where(Bureau.id == work.bureau_id)),
        "id": str(draw_id),
        "name": given["name"],
        "basis": given["basis"],
        "purpose": given["purpose"],
        "key": given["outlets"].get("period") or "/".join(days),
        "from_day": days[0],
        "to_day": days[1],
        "of": _criteria(work, given),
        "team": {"size": given["team_size"], "from_other_squads": given["from_other_squads"]},
        "outlets": [
            {"licence_no": one.licence_no, "grade": one.grade, "squad": one.squad} for one in outlets.pooled
        ],
        "unplaced": outlets.unplaced,
        "officers": [
            {"cert_no": cert_no, "squad": officers.squads[cert_no]}
            for cert_no in sorted(officers.squads)
            if cert_no not in away
        ],
        "recusals": rules.recusals_to_json(one for one in barred if one[0] not in away),
        "frozen_at": written(work.now),
    }


def _criteria(work: Work, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the pool was taken from, in words that are not ids."""
    told: dict[str, Any] = {name: value for name, value in given["outlets"].items() if value}
    cells = told.pop("cell_ids", [])
    if cells:
        codes = select(GridCell.code).where(GridCell.id.in_(cells)).order_by(GridCell.code)
        told["cells"] = list(work.session.scalars(codes))
    if given["squad_ids"]:
        names = select(Squad.name).where(Squad.id.in_(given["squad_ids"])).order_by(Squad.name)
        told["squads"] = list(work.session.scalars(names))
    return told
