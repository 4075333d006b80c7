"""Whether the answer may still lie on a handheld that has not been heard (待同步)."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.vocabulary import ObligationState
from server.access.models import Device, DeviceContact
from server.cadence.tally import PENDING
from server.kernel.work import Work
from server.org.models import SquadMember

# While a window is open, a device is silent after a day without a word, or while it says that its queue is not empty.
OPEN_SILENCE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Heard:
    """The last that was heard of one device's queue by the moment of the report; whose it is, and in which squad."""

    device_id: uuid.UUID
    label: str
    person_id: uuid.UUID
    squad_id: uuid.UUID | None
    last_at: datetime | None
    last_queue: int
    last_empty_at: datetime | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Per squad, what was heard of each of its devices in use."""

    as_of: datetime
    zone: ZoneInfo
    by_squad: dict[uuid.UUID | None, list[Heard]]

    def of(self, squad_id: uuid.UUID, last_day: date) -> bool:
        """Whether some device of the squad may still hold a visit of the window that ends with ``last_day``."""
        end = self._end(last_day)
        return any(self._silent(heard, end) for heard in self.by_squad.get(squad_id, []))

    def hides(self, squad_id: uuid.UUID, last_day: date, state: ObligationState) -> bool:
        """Whether an obligation of the squad in this state is 待同步: an overlay inside pending and missed."""
        open_or_missed = state in PENDING or state in (ObligationState.MISSED, ObligationState.MADE_UP)
        return open_or_missed and self.of(squad_id, last_day)

    def unsynced(self, last_day: date) -> list[Heard]:
        """The devices that may still hold a visit of the window that ends with ``last_day``, by squad."""
        end = self._end(last_day)
        return [
            heard for of_squad in self.by_squad.values() for heard in of_squad if self._silent(heard, end)
        ]

    def _end(self, last_day: date) -> datetime:
        return datetime.combine(last_day + timedelta(days=1), datetime.min.time(), self.zone)

    def _silent(self, heard: Heard, end: datetime) -> bool:
        if end <= self.as_of:
            return heard.last_empty_at is None or heard.last_empty_at < end
        return heard.last_at is None or heard.last_queue > 0 or heard.last_at < self.as_of - OPEN_SILENCE


def load_silence(work: Work, as_of: datetime) -> Silence:
    """What had been heard by ``as_of`` of every device that was enrolled and not revoked then."""
    today = as_of.astimezone(work.zone).date()
    known = DeviceContact.heard_at <= as_of
    last = (
        select(DeviceContact.device_id, DeviceContact.heard_at, DeviceContact.queue_length)
        .where(known, DeviceContact.bureau_id == work.bureau_id, DeviceContact.queue_length.is_not(None))
        .ext(distinct_on(DeviceContact.device_id))
        .order_by(DeviceContact.device_id, DeviceContact.heard_at.desc(), DeviceContact.id.desc())
        .subquery()
    )
    empty = (
        select(DeviceContact.device_id, func.max(DeviceContact.heard_at).label("at"))
        .where(known, DeviceContact.bureau_id == work.bureau_id, DeviceContact.queue_length == 0)
        .group_by(DeviceContact.device_id)
        .subquery()
    )
    rows = work.session.execute(
        select(
            Device.id,
            Device.label,
            Device.person_id,
            SquadMember.squad_id,
            last.c.heard_at,
            func.coalesce(last.c.queue_length, 0),
            empty.c.at,
        )
        .outerjoin(
            SquadMember,
            and_(SquadMember.person_id == Device.person_id, SquadMember.valid.op("@>")(today)),
        )
        .outerjoin(last, last.c.device_id == Device.id)
        .outerjoin(empty, empty.c.device_id == Device.id)
        .where(
            Device.bureau_id == work.bureau_id,
            Device.enrolled_at <= as_of,
            Device.expires_at > as_of,
            Device.revoked_at.is_(None) | (Device.revoked_at > as_of),
        )
        .order_by(SquadMember.squad_id, Device.id)
    )
    by_squad: dict[uuid.UUID | None, list[Heard]] = defaultdict(list)
    for device_id, label, person_id, squad_id, last_at, queue, empty_at in rows:
        heard = Heard(device_id, label, person_id, squad_id, last_at, queue, empty_at)
        by_squad[squad_id].append(heard)
    return Silence(as_of, work.zone, dict(by_squad))
