"""R11: how well the handhelds keep up. Squads and devices by their own figures; it ranks nobody."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.vocabulary import CadenceTier
from server.access.models import Device, DeviceContact
from server.cadence.periods import ReportingPeriod, period_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.models import Person, Squad, SquadMember
from server.reports import health_rows as rows
from server.reports.moment import period_for

# A device in use that has said nothing for so long is silent.
SILENT_AFTER = timedelta(hours=24)
UNFLAGGED = frozenset({"late"})


class Figure(StrEnum):
    """What stands behind a figure of the report."""

    RECORDS = "records"
    LATE = "late"
    FLAGGED = "flagged"
    CONFLICTS = "conflicts"
    QUARANTINE = "quarantine"
    EVIDENCE_MISSING = "evidence_missing"


@dataclass(slots=True)
class Line:
    """One squad or one device, as known by the report's moment. Moments are the earliest, or latest, as named."""

    group_id: uuid.UUID | None
    group: str
    squad: str | None = None
    devices_in_use: int = 0
    devices_ended: int = 0
    devices_silent: int = 0
    # Of the devices in use, the moment of the one not heard for longest; of the empty queue likewise.
    last_heard_at: datetime | None = None
    never_heard: int = 0
    last_empty_at: datetime | None = None
    never_empty: int = 0
    queue_length: int = 0
    queue_oldest_at: datetime | None = None
    clock_offset_s: int | None = None
    app_versions: set[str] = field(default_factory=set)
    records: int = 0
    late: int = 0
    flagged: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    evidence_missing: int = 0
    conflicts_open: int = 0
    quarantine_open: int = 0


@dataclass(slots=True)
class SyncHealth:
    """R11 for a period, as known by ``as_of``."""

    period: ReportingPeriod
    as_of: datetime
    by: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a device is on the report's day; a record that came from no device is its sender's."""

    device_id: uuid.UUID | None
    label: str
    squad_id: uuid.UUID | None
    squad: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing behind a figure."""

    figure: Figure
    id: str
    at: datetime
    device_id: uuid.UUID | None
    collection: str
    document_id: uuid.UUID | None
    flags: list[str]
    sha256: str | None = None


class Census:
    """The devices and people of the actor's scope, so that every figure can be told whose it is."""

    def __init__(self, work: Work, as_of: datetime) -> None:
        today = as_of.astimezone(work.zone).date()
        member = and_(SquadMember.person_id == Person.id, SquadMember.valid.op("@>")(today))
        people = (
            select(Person.id, Squad.id, Squad.name)
            .outerjoin(SquadMember, member)
            .outerjoin(Squad, Squad.id == SquadMember.squad_id)
            .where(Person.bureau_id == work.bureau_id)
        )
        if not work.actor.reaches_bureau(Permission.REPORT_READ):
            people = people.where(or_(Squad.id.in_(work.actor.squad_ids), Person.id == work.actor.person_id))
        self.squad_of: dict[uuid.UUID, tuple[uuid.UUID | None, str | None]] = {
            person: (squad_id, squad) for person, squad_id, squad in work.session.execute(people)
        }
        self.devices: dict[uuid.UUID, Device] = {
            device.id: device
            for device in work.session.scalars(
                select(Device).where(Device.bureau_id == work.bureau_id, Device.enrolled_at <= as_of)
            )
            if device.person_id in self.squad_of
        }

    def holder(self, person_id: uuid.UUID, device_id: uuid.UUID | None) -> Holder | None:
        """Whose something is that a person sent by a device, ``None`` out of scope."""
        device = self.devices.get(device_id) if device_id else None
        owner = device.person_id if device else person_id
        if owner not in self.squad_of:
            return None
        squad_id, squad = self.squad_of[owner]
        return Holder(
            device.id if device else None, device.label if device else "（非手持设备）", squad_id, squad
        )


def week_for(work: Work, text: str | None, as_of: datetime) -> ReportingPeriod:
    """The period asked for; by default the week that holds ``as_of``.

    Raises:
        Problem: ``bad_period``.
    """
    week = period_of(CadenceTier.WEEKLY, as_of.astimezone(work.zone).date()).key
    return period_for(work, text or week, as_of)


def sync_health(work: Work, period: ReportingPeriod, as_of: datetime, by: str) -> SyncHealth:
    """R11: what was received in the period, and how devices, conflicts and quarantine stand at ``as_of``.

    ``by`` is ``squad`` or ``device``. Late is a record with the flag ``late``; a record counts as flagged by any other.
    """
    census = Census(work, as_of)
    lines: dict[uuid.UUID | None, Line] = {}

    def line_of(holder: Holder) -> Line:
        if by == "device":
            key, name, squad = holder.device_id, holder.label, holder.squad
        else:
            key, name, squad = holder.squad_id, holder.squad or "（未编队）", None
        return lines.setdefault(key, Line(key, name, squad))

    _count_devices(work, census, as_of, line_of)
    for row, holder in _of(census, rows.received(work, period, as_of)):
        line = line_of(holder)
        line.records += 1
        line.late += "late" in row.flags
        line.flagged += bool(set(row.flags) - UNFLAGGED)
        line.flags.update(row.flags)
        line.evidence_missing += row.missing
    for _, holder in _of(census, rows.open_conflicts(work, as_of)):
        line_of(holder).conflicts_open += 1
    for _, holder in _of(census, rows.open_quarantine(work, as_of)):
        line_of(holder).quarantine_open += 1
    ordered = sorted(lines.values(), key=lambda line: (line.squad or "", line.group, str(line.group_id)))
    return SyncHealth(period, as_of, by, ordered)


def items_behind(
    work: Work,
    period: ReportingPeriod,
    as_of: datetime,
    figure: Figure,
    *,
    squad_id: uuid.UUID | None,
    device_id: uuid.UUID | None,
    flag: str | None,
) -> list[Item]:
    """What stands behind a figure, each with its id, oldest first."""
    census = Census(work, as_of)
    source: Iterable[Row[Any]]
    if figure is Figure.CONFLICTS:
        source = rows.open_conflicts(work, as_of)
    elif figure is Figure.QUARANTINE:
        source = rows.open_quarantine(work, as_of)
    elif figure is Figure.EVIDENCE_MISSING:
        source = rows.missing_evidence(work, period, as_of)
    else:
        source = rows.received(work, period, as_of)
    items: list[Item] = []
    for row, holder in _of(census, source):
        if squad_id not in (None, holder.squad_id) or device_id not in (None, holder.device_id):
            continue
        flags = list(getattr(row, "flags", None) or ())
        if figure is Figure.LATE and "late" not in flags:
            continue
        if figure is Figure.FLAGGED and not set(flags) - UNFLAGGED:
            continue
        if flag is not None and flag not in flags:
            continue
        items.append(
            Item(
                figure=figure,
                id=str(row.id),
                at=row.at,
                device_id=row.device_id,
                collection=getattr(row, "collection", "records"),
                document_id=row.document_id,
                flags=flags,
                sha256=getattr(row, "sha256", None),
            )
        )
    return sorted(items, key=lambda item: (item.at, item.id, item.sha256 or ""))


def _of(census: Census, found: Iterable[Row[Any]]) -> Iterable[tuple[Row[Any], Holder]]:
    for row in found:
        if (holder := census.holder(row.person_id, row.device_id)) is not None:
            yield row, holder


def _count_devices(work: Work, census: Census, as_of: datetime, line_of: Any) -> None:
    last = _last(work, as_of, DeviceContact.heard_at)
    queue = _last(work, as_of, DeviceContact.queue_length, DeviceContact.queue_oldest_at)
    offset = _last(work, as_of, DeviceContact.clock_offset_s)
    version = _last(work, as_of, DeviceContact.app_version)
    empty: dict[uuid.UUID, datetime] = dict(
        work.session.execute(
            select(DeviceContact.device_id, func.max(DeviceContact.heard_at))
            .where(
                DeviceContact.bureau_id == work.bureau_id,
                DeviceContact.heard_at <= as_of,
                DeviceContact.queue_length == 0,
            )
            .group_by(DeviceContact.device_id)
        ).all()
    )
    for device in census.devices.values():
        holder = census.holder(device.person_id, device.id)
        assert holder is not None
        line = line_of(holder)
        ended = device.expires_at <= as_of or (device.revoked_at is not None and device.revoked_at <= as_of)
        if ended:
            line.devices_ended += 1
            continue
        line.devices_in_use += 1
        heard = last[device.id][0] if device.id in last else None
        line.never_heard += heard is None
        line.devices_silent += heard is None or heard < as_of - SILENT_AFTER
        line.last_heard_at = _earlier(line.last_heard_at, heard)
        line.never_empty += device.id not in empty
        line.last_empty_at = _earlier(line.last_empty_at, empty.get(device.id))
        if device.id in queue:
            length, oldest = queue[device.id]
            line.queue_length += length
            line.queue_oldest_at = _earlier(line.queue_oldest_at, oldest if length else None)
        if device.id in offset:
            told = offset[device.id][0]
            if line.clock_offset_s is None or abs(told) > abs(line.clock_offset_s):
                line.clock_offset_s = told
        if device.id in version:
            line.app_versions.add(version[device.id][0])


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _last(work: Work, as_of: datetime, *columns: Any) -> dict[uuid.UUID, tuple[Any, ...]]:
    """By device, what the last contact told that told the first of the columns."""
    found = work.session.execute(
        select(DeviceContact.device_id, *columns)
        .where(
            DeviceContact.bureau_id == work.bureau_id,
            DeviceContact.heard_at <= as_of,
            columns[0].is_not(None),
        )
        .ext(distinct_on(DeviceContact.device_id))
        .order_by(DeviceContact.device_id, DeviceContact.heard_at.desc(), DeviceContact.id.desc())
    )
    return {device_id: tuple(told) for device_id, *told in found}
