"""Who has not synced before a month or quarter locks."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.reports.unknown import load_silence


def unsynced(work: Work, over: date, as_of: datetime) -> list[dict[str, Any]]:
    """The devices in use of which nobody knows, by ``as_of``, that they held nothing of the period any more: none was
    heard with an empty queue since the last window's end. By squad and person; of the actor's squads, or of all.
    """
    heard = load_silence(work, as_of).unsynced(over - timedelta(days=1))
    if not work.actor.reaches_bureau(Permission.REPORT_READ):
        heard = [one for one in heard if one.squad_id in work.actor.squad_ids]
    squads = dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )
    people = dict(
        work.session.execute(
            select(Person.id, Person.name).where(Person.id.in_({one.person_id for one in heard}))
        ).all()
    )
    told = [
        {
            "device_id": one.device_id,
            "label": one.label,
            "squad_id": one.squad_id,
            "squad": squads[one.squad_id] if one.squad_id else None,
            "person_id": one.person_id,
            "person": people[one.person_id],
            "last_heard_at": one.last_at.astimezone(work.zone) if one.last_at else None,
            "last_empty_at": one.last_empty_at.astimezone(work.zone) if one.last_empty_at else None,
            "queue_length": one.last_queue,
        }
        for one in heard
    ]
    return sorted(told, key=lambda one: (one["squad"] or "", one["person"], str(one["device_id"])))
