"""Hearing from devices: how long their queue is, and how far their clock is off."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, BigInteger, cast, column, func, select, update

from server.access.clocks import SAME_CLOCK_S, Measured, offset_of
from server.access.models import Device, DeviceContact
from server.access.telling import DEVICE_TIME
from server.kernel.actor import Told
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from server.kernel.work import Work

# A device that pushes every few seconds says nothing new; what it says is kept at most so often, unless it changes.
KEPT_EVERY = timedelta(minutes=10)


def measured_clock(work: Work, named: Iterable[int]) -> Measured:
    """What is known of the clock of the device that acts; ``named`` are the offsets that its records claim.

    One statement, however many records. A sign-in that is no device has no clock.
    """
    device_id, told = work.actor.device_id, work.actor.told
    if device_id is None:
        return Measured()
    claim = func.unnest(cast(sorted(set(named)), ARRAY(BigInteger))).table_valued(
        column("offset_s", BigInteger), name="claim"
    ).render_derived()  # fmt: skip
    mine = DeviceContact.device_id == device_id
    near = (
        select(DeviceContact.id)
        .where(
            mine,
            DeviceContact.clock_offset_s.between(
                claim.c.offset_s - SAME_CLOCK_S, claim.c.offset_s + SAME_CLOCK_S
            ),
        )
        .correlate(claim)
        .exists()
    )
    last = (
        select(DeviceContact.clock_offset_s)
        .where(mine, DeviceContact.clock_offset_s.is_not(None))
        .order_by(DeviceContact.heard_at.desc(), DeviceContact.id.desc())
        .limit(1)
    )
    confirmed = select(func.array_agg(claim.c.offset_s)).select_from(claim).where(near)
    last_s, known = work.session.execute(select(last.scalar_subquery(), confirmed.scalar_subquery())).one()
    return Measured(
        now_s=offset_of(told.device_time, work.now) if told and told.device_time else None,
        last_s=last_s,
        confirmed=frozenset(known or ()),
        unread=told is not None and DEVICE_TIME in told.unread,
    )


def note_contact(
    work: Work, queue_length: int, queue_oldest_at: datetime | None, device_time: datetime
) -> int:
    """Keep what the device told of itself; return its clock offset (device minus true) in whole seconds.

    Raises:
        Problem: ``invalid`` when the token belongs to no device.
    """
    if work.actor.device_id is None:
        raise Problem(
            "invalid", detail="只有已登记的手持设备才能报告状态。Only an enrolled device reports itself."
        )
    version = work.actor.told.app_version if work.actor.told else None
    _keep(work, work.actor.device_id, Told(device_time, queue_length, queue_oldest_at, version))
    return offset_of(device_time, work.now)


def note_told(work: Work) -> None:
    """Keep what the device says in this request's headers, where it is news (see ``_is_news``)."""
    device_id, told = work.actor.device_id, work.actor.told
    if device_id is None or told is None:
        return
    last = work.session.execute(
        select(
            DeviceContact.heard_at,
            DeviceContact.queue_length,
            DeviceContact.clock_offset_s,
            DeviceContact.app_version,
        )
        .where(DeviceContact.device_id == device_id)
        .order_by(DeviceContact.heard_at.desc(), DeviceContact.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None or _is_news(work, told, *last):
        _keep(work, device_id, told)


def _is_news(
    work: Work,
    told: Told,
    heard_at: datetime,
    queue_length: int | None,
    clock_offset_s: int | None,
    app_version: str | None,
) -> bool:
    """Whether the contact says more than the last one did.

    Each day has its own, for whether a period is still unknown hangs on a contact after its last midnight.
    """
    if work.now - heard_at >= KEPT_EVERY:
        return True
    if heard_at.astimezone(work.zone).date() != work.now.astimezone(work.zone).date():
        return True
    if told.queue_length is not None and (
        queue_length is None or (told.queue_length == 0) != (queue_length == 0)
    ):
        return True
    if told.app_version is not None and told.app_version != app_version:
        return True
    if told.device_time is None:
        return False
    return (
        clock_offset_s is None or abs(offset_of(told.device_time, work.now) - clock_offset_s) > SAME_CLOCK_S
    )


def _keep(work: Work, device_id: uuid.UUID, told: Told) -> None:
    offset = offset_of(told.device_time, work.now) if told.device_time else None
    oldest = told.queue_oldest_at
    if oldest is not None and offset is not None:
        # By the same clock as the device's time, and so off by as much.
        oldest -= timedelta(seconds=offset)
    work.session.add(
        DeviceContact(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            device_id=device_id,
            heard_at=work.now,
            queue_length=told.queue_length,
            queue_oldest_at=oldest,
            clock_offset_s=offset,
            app_version=told.app_version,
            unread=list(told.unread),
        )
    )
    if offset is not None:
        work.session.execute(update(Device).where(Device.id == device_id).values(clock_offset_s=offset))
