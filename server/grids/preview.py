"""What a change of duty, grants or membership moves: told before it is done, and with what was done."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, select

from server.access.models import Device
from server.grids.ops import grants_on
from server.kernel.bulk import among
from server.kernel.work import Work
from sync.tables import fed

Seen = dict[uuid.UUID, set[uuid.UUID]]


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A device in use whose person gains or loses cells; both are numbers of cells."""

    device_id: uuid.UUID
    label: str
    person_id: uuid.UUID
    gains: int
    loses: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What moves on a day.

    ``documents`` counts by collection what the cells concerned ever fed: so many documents are sent, or taken back.
    """

    day: date
    cells: int = 0
    people: int = 0
    documents: dict[str, int] = field(default_factory=dict)
    devices: list[DeviceChange] = field(default_factory=list)


def previewed(work: Work, from_day: date, act: Callable[[], object], *, dry_run: bool) -> Preview:
    """Do ``act`` and tell what it moves on ``from_day`` (at the earliest today); with ``dry_run`` undo it again.

    What it moves is the difference between the scope that the dates give with it and without it, so grounds that
    overlap are seen for what they are.
    """
    day = max(from_day, work.now.astimezone(work.zone).date())
    before = _seen(work, day)
    savepoint = work.session.begin_nested()
    act()
    after = _seen(work, day)
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    gains = {person: cells - before[person] for person, cells in after.items()}
    loses = {person: cells - after[person] for person, cells in before.items()}
    people = {person for changes in (gains, loses) for person, cells in changes.items() if cells}
    moved = set().union(*gains.values(), *loses.values())
    return Preview(
        day=day,
        cells=len(moved),
        people=len(people),
        documents=_documents(work, moved),
        devices=_devices(work, people, gains, loses),
    )


def _seen(work: Work, day: date) -> Seen:
    seen: Seen = defaultdict(set)
    for person, _, cell in work.session.execute(grants_on(work.bureau_id, day)):
        seen[person].add(cell)
    return seen


def _documents(work: Work, cells: set[uuid.UUID]) -> dict[str, int]:
    counted = work.session.execute(
        select(fed.c.collection, func.count(fed.c.id.distinct()))
        .where(among(fed.c.origin, sorted(cells)))
        .group_by(fed.c.collection)
        .order_by(fed.c.collection)
    )
    return dict(counted.all())


def _devices(work: Work, people: set[uuid.UUID], gains: Seen, loses: Seen) -> list[DeviceChange]:
    devices = work.session.execute(
        select(Device.id, Device.label, Device.person_id)
        .where(among(Device.person_id, sorted(people)), Device.state == "active")
        .order_by(Device.label, Device.id)
    )
    return [
        DeviceChange(device, label, person, len(gains.get(person, ())), len(loses.get(person, ())))
        for device, label, person in devices
    ]
