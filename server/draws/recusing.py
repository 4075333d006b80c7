"""Recusals (回避): who may not be drawn for an outlet, or at all, on which days."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from server.draws.models import Recusal, RecusalEnd
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person
from server.outlets.models import Outlet


def recuse(work: Work, given: Mapping[str, Any]) -> Recusal:
    """Note that somebody may not go to an outlet, or to any (``outlet_id`` null), from a day to a day or for good.

    The law on it is 行政处罚法第四十三条: whoever has an interest or another relation that may affect a fair decision.

    Raises:
        Problem: ``not_found`` for a person or an outlet of another bureau.
    """
    person = select(Person.id).where(Person.id == given["person_id"], Person.bureau_id == work.bureau_id)
    if work.session.scalar(person) is None:
        raise Problem("not_found", detail="没有这名人员。No such person.")
    if given["outlet_id"] is not None:
        outlet = select(Outlet.id).where(Outlet.id == given["outlet_id"], Outlet.bureau_id == work.bureau_id)
        if work.session.scalar(outlet) is None:
            raise Problem("not_found", detail="没有这个零售户。No such outlet.")
    made = Recusal(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        account_id=work.actor.account_id,
        known_at=work.now,
        **{name: given[name] for name in ("person_id", "outlet_id", "from_day", "to_day", "reason")},
    )
    work.session.add(made)
    work.session.flush()
    record_event(
        work,
        "recusal.noted",
        [made.id],
        person_id=str(made.person_id),
        outlet_id=str(made.outlet_id) if made.outlet_id else None,
        from_day=made.from_day.isoformat(),
        to_day=made.to_day.isoformat() if made.to_day else None,
    )
    return made


def end_recusal(work: Work, recusal_id: uuid.UUID, reason: str) -> RecusalEnd:
    """Note that a recusal holds no more. Pools that are frozen keep it.

    Raises:
        Problem: ``not_found``; ``recusal_over`` where it was ended before.
    """
    own = select(Recusal.id).where(Recusal.id == recusal_id, Recusal.bureau_id == work.bureau_id)
    if work.session.scalar(own) is None:
        raise Problem("not_found")
    if work.session.scalar(select(RecusalEnd.id).where(RecusalEnd.recusal_id == recusal_id)) is not None:
        raise Problem("recusal_over")
    ended = RecusalEnd(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        recusal_id=recusal_id,
        reason=reason,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(ended)
    work.session.flush()
    record_event(work, "recusal.ended", [recusal_id])
    return ended
