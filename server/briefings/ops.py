"""Making packs: the morning's for every squad, once, and another version whenever somebody asks for one."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from server.briefings.content import contents, summary
from server.briefings.ground import meeting_of, working_squads
from server.briefings.models import Briefing
from server.briefings.queries import maker_of, may_read
from server.issuing.freezing import bureau_eyes, canonical
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work

# What lies further ahead nobody can say, and what lies behind was told or was not.
FURTHEST = timedelta(days=7)


def make_due(work: Work) -> list[Briefing]:
    """The packs of the day of ``work.now``, on a working day from the time of its meeting on; those of squads that have
    one from an earlier run are not made again.
    """
    day = work.now.astimezone(work.zone).date()
    if work.now < meeting_of(work, day) or not load_workdays(work.session, work.bureau_id).is_workday(day):
        return []
    _hold(work, day)
    squads = working_squads(work, day)
    made = set(
        work.session.scalars(
            select(Briefing.squad_id).where(
                among(Briefing.squad_id, list(squads)), Briefing.day == day, Briefing.scheduled
            )
        )
    )
    missing = [squad_id for squad_id in squads if squad_id not in made]
    if not missing:
        return []
    found = contents(bureau_eyes(work), day, missing)
    return [_write(work, content, scheduled=True) for content in found.values()]


def make(work: Work, squad_id: uuid.UUID, day: date | None) -> Briefing:
    """One more version of a squad's pack, by default of today, as known now.

    Raises:
        Problem: ``not_found`` for a squad that is not the actor's, or that nobody is in and that answers for no cell on
            the day; ``invalid`` for a day that is over, or more than a week ahead.
    """
    work.actor.must(Permission.BRIEFING_MAKE)
    today = work.now.astimezone(work.zone).date()
    wanted = day or today
    if wanted < today:
        detail = "过去的例会材料不能补做，只能查看已有的。A pack of a past day cannot be made any more."
        raise invalid("/day", "day_over", detail)
    if wanted > today + FURTHEST:
        detail = f"最多提前 {FURTHEST.days} 天制作。No more than {FURTHEST.days} days ahead."
        raise invalid("/day", "day_too_far", detail)
    if not may_read(work.actor, squad_id, Permission.BRIEFING_MAKE):
        raise Problem("not_found")
    _hold(work, wanted)
    content = contents(bureau_eyes(work), wanted, [squad_id]).get(squad_id)
    if content is None:
        raise Problem("not_found")
    return _write(work, content, scheduled=False)


def _hold(work: Work, day: date) -> None:
    """One at a time makes packs of a bureau's day: versions count up, and two runs of the schedule make them once."""
    name = f"briefing:{work.bureau_id}:{day}"
    work.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _write(work: Work, content: Mapping[str, Any], *, scheduled: bool) -> Briefing:
    """Freeze a pack: its canonical bytes with their SHA-256."""
    squad_id, day = content["squad_id"], content["day"]
    last = work.session.scalar(
        select(func.max(Briefing.version)).where(Briefing.squad_id == squad_id, Briefing.day == day)
    )
    version = (last or 0) + 1
    made_by = None if scheduled else work.actor.account_id
    made = {"version": version, "scheduled": scheduled, "made_by": made_by, "maker": maker_of(work, made_by)}
    frozen = canonical({**content, **made})
    briefing = Briefing(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        squad_id=squad_id,
        day=day,
        version=version,
        scheduled=scheduled,
        made_at=work.now,
        made_by=made_by,
        sha256=hashlib.sha256(frozen).hexdigest(),
        content=frozen,
        summary=summary(content),
    )
    work.session.add(briefing)
    work.session.flush()
    record_event(
        work,
        "briefing.made",
        [briefing.id, squad_id],
        day=day.isoformat(),
        version=version,
        sha256=briefing.sha256,
        scheduled=scheduled,
    )
    return briefing
