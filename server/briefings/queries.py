"""Reads of packs: a squad's own people have its packs, and whoever leads the bureau all of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import Select, func, select

from server.access.models import Account
from server.briefings.models import Briefing
from server.kernel.actor import Actor
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person, Squad


def may_read(actor: Actor, squad_id: uuid.UUID, permission: Permission = Permission.BRIEFING_READ) -> bool:
    """Whether the squad's packs are the actor's, by a permission."""
    return actor.reaches_bureau(permission) or squad_id in actor.squad_ids


def visible_to(actor: Actor) -> Select[Briefing]:
    """The packs of the actor's squads of today; all of them for who sees the bureau's."""
    packs = select(Briefing).where(Briefing.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.BRIEFING_READ):
        return packs
    return packs.where(Briefing.squad_id.in_(actor.squad_ids))


def find(work: Work, briefing_id: uuid.UUID) -> Briefing:
    """A pack that the actor may read.

    Raises:
        Problem: ``not_found``.
    """
    found = work.session.scalar(visible_to(work.actor).where(Briefing.id == briefing_id))
    if found is None:
        raise Problem("not_found")
    return found


def described(work: Work, packs: Sequence[Briefing]) -> list[dict[str, Any]]:
    """Packs as schemas.briefings.BriefingOut lists them, without their content."""
    squads = dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )
    makers = _makers(work, {one.made_by for one in packs if one.made_by})
    return [
        {
            "id": one.id,
            "squad_id": one.squad_id,
            "squad": squads[one.squad_id],
            "day": one.day,
            "version": one.version,
            "scheduled": one.scheduled,
            "made_at": one.made_at.astimezone(work.zone),
            "made_by": makers[one.made_by] if one.made_by else None,
            "sha256": one.sha256,
            "counts": one.summary,
        }
        for one in packs
    ]


def maker_of(work: Work, account_id: uuid.UUID | None) -> str | None:
    """What whoever makes a pack is called; nothing for the schedule and the command line."""
    return _makers(work, {account_id})[account_id] if account_id else None


def _makers(work: Work, accounts: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    named = (
        select(Account.id, func.coalesce(Person.name, Account.username))
        .outerjoin(Person, Person.id == Account.person_id)
        .where(Account.id.in_(accounts))
    )
    return dict(work.session.execute(named).all())


def content_of(pack: Briefing) -> dict[str, Any]:
    """What was frozen."""
    content: dict[str, Any] = orjson.loads(pack.content)
    return content
