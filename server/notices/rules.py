"""Who is told of what on a day. Pure: the calendar, what is owed and who is who come in as arguments.

The steps (decisions 12): the lead officer two working days before the last day, the squad's leaders on the last working
day up to it, the bureau's leaders once grace is over. Nobody is compared with anybody: a digest lists what is to be
done, by cell, for whoever can do something about it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from schemas.vocabulary import CadenceTier, NoticeKind, ObligationState
from server.cadence.periods import Period, period_of, reporting_period
from server.issuing.rules import day_over
from server.kernel.permissions import Role
from server.kernel.workdays import Workdays

_DAY = timedelta(days=1)
DECEMBER = 12

REMINDED_AHEAD = 2
"""Working days before the last day on which the lead officer is reminded."""

NEWS_FOR = timedelta(days=31)
"""How long after grace a missed obligation is still news: older ones stand in the report, and a bureau that switches
digests on is not told of its whole past."""

ASKED_FROM, ASKED_TO = 2, 10
"""The working days after a month and its last week, counted from 1, on which handhelds are asked about. Not on the first:
in its morning nobody has come to the network since."""

_STILL_TO_DO = frozenset({ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE})


class Recipient(NamedTuple):
    """Somebody of the field, or an account that is nobody in the field; exactly one of the two is set."""

    person_id: UUID | None = None
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """An obligation as judged this morning, with who is responsible for its cell today."""

    id: UUID
    first_day: date
    last_day: date
    grace_last_day: date
    state: ObligationState
    squad_id: UUID | None = None
    lead_person_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Unheard:
    """A handheld of a squad that may still hold records of a period which is about to be locked."""

    device_id: UUID
    squad_id: UUID | None
    period: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Goods registered and preserved in advance on which it is not decided; ``list_id`` is their list's."""

    list_id: UUID
    decide_by: date
    squad_id: UUID | None

    def about(self, day: date) -> str:
        """What is told of it on ``day``: that its last day nears, or that it is over."""
        return f"{'overdue' if self.decide_by < day else 'nearing'}/{self.list_id}"


@dataclass(frozen=True, slots=True)
class Staff:
    """Who leads which squad today, who leads the bureau, and who administers it."""

    squad_leaders: Mapping[UUID, Collection[Recipient]]
    bureau_leaders: Collection[Recipient]
    admins: Collection[Recipient]


class Telling(NamedTuple):
    """That somebody is told, in a role, about one thing: an obligation's id, a device before a lock, a year."""

    recipient: Recipient
    role: Role
    kind: NoticeKind
    about: str


@dataclass(frozen=True, slots=True)
class Digest:
    """One message: all that one recipient is told of one kind on one day. ``about`` is sorted and not empty."""

    recipient: Recipient
    role: Role
    kind: NoticeKind
    about: tuple[str, ...]


def reminded_on(first_day: date, last_day: date, workdays: Workdays) -> date:
    """The day on which the lead officer is reminded: two working days before the last day.

    Where the window is too short for that, its first working day; where it has none, the last working day before it.
    """
    day = workdays.shift(last_day, -REMINDED_AHEAD)
    if day >= first_day:
        return day
    earliest = workdays.shift(first_day - _DAY, 1)
    return earliest if earliest <= last_day else workday_up_to(last_day, workdays)


def workday_up_to(day: date, workdays: Workdays) -> date:
    """``day`` itself if people work on it, else the last working day before it."""
    return workdays.shift(day + _DAY, -1)


def steps_on(owed: Owed, day: date, workdays: Workdays) -> list[NoticeKind]:
    """The steps that an obligation has reached on a working day and that are still true; none on any other day.

    A step is reached on its day and stays reached while it is true, so that a day on which nobody ran the schedule
    is made good by the next one. What begins before people come to work again counts as begun.
    """
    if not workdays.is_workday(day):
        return []
    if owed.state is ObligationState.MISSED:
        news = owed.grace_last_day < day <= owed.grace_last_day + NEWS_FOR
        return [NoticeKind.MISSED] if news else []
    begins = owed.state is ObligationState.UPCOMING and owed.first_day < workdays.shift(day, 1)
    if owed.state not in _STILL_TO_DO and not begins:
        return []
    steps: list[NoticeKind] = []
    if reminded_on(owed.first_day, owed.last_day, workdays) <= day <= owed.last_day:
        steps.append(NoticeKind.DUE_SOON)
    if workday_up_to(owed.last_day, workdays) <= day <= owed.grace_last_day:
        steps.append(NoticeKind.DUE_TODAY)
    return steps


def tellings_of_owed(owed: Iterable[Owed], day: date, workdays: Workdays, staff: Staff) -> Iterable[Telling]:
    """Who is to be told of which obligations on ``day``.

    Where a cell has no squad, or the squad no leader, the bureau's leaders stand in: somebody has to know.
    """
    for one in owed:
        for kind in steps_on(one, day, workdays):
            if kind is NoticeKind.DUE_SOON:
                if one.lead_person_id is not None:
                    yield Telling(Recipient(one.lead_person_id), Role.OFFICER, kind, str(one.id))
                continue
            leaders = staff.squad_leaders.get(one.squad_id, ()) if one.squad_id is not None else ()
            if kind is NoticeKind.DUE_TODAY and leaders:
                yield from _each(leaders, Role.SQUAD_LEADER, kind, str(one.id))
            else:
                yield from _each(staff.bureau_leaders, Role.BUREAU_LEADER, kind, str(one.id))


def period_to_lock(day: date, workdays: Workdays) -> Period | None:
    """The month or quarter about whose silent handhelds people are told on ``day``, before its figures are locked.

    That is on its last working day, and again from the second to the tenth working day after it and after the last
    week that is reported in it. The last month of a quarter is told as the quarter.
    """
    if not workdays.is_workday(day):
        return None
    month = period_of(CadenceTier.MONTHLY, day)
    if workday_up_to(month.last_day, workdays) != day:
        month = month.previous()
        if not ASKED_FROM <= workdays.count(day_over(reporting_period(month.key)), day) <= ASKED_TO:
            return None
    quarter = month.within(CadenceTier.QUARTERLY)
    return quarter if quarter.last_day == month.last_day else month


def tellings_of_unheard(unheard: Iterable[Unheard], staff: Staff) -> Iterable[Telling]:
    """Squad leaders are told of their own squad's handhelds, the bureau's leaders of all."""
    for device in unheard:
        about = f"{device.period}/{device.device_id}"
        leaders = staff.squad_leaders.get(device.squad_id, ()) if device.squad_id is not None else ()
        yield from _each(leaders, Role.SQUAD_LEADER, NoticeKind.UNSYNCED, about)
        yield from _each(staff.bureau_leaders, Role.BUREAU_LEADER, NoticeKind.UNSYNCED, about)


def tellings_of_goods(undecided: Iterable[Undecided], day: date, staff: Staff) -> Iterable[Telling]:
    """The squad's leaders are told two working days before the last day, they and the bureau's leaders once it is over.

    It must be decided within seven working days (行政处罚法第五十六条、第八十五条).
    """
    for goods in undecided:
        kind, about = NoticeKind.GOODS_UNDECIDED, goods.about(day)
        leaders = staff.squad_leaders.get(goods.squad_id, ()) if goods.squad_id is not None else ()
        yield from _each(leaders, Role.SQUAD_LEADER, kind, about)
        if goods.decide_by < day or not leaders:
            yield from _each(staff.bureau_leaders, Role.BUREAU_LEADER, kind, about)


def tellings_of_workdays(day: date, workdays: Workdays, staff: Staff) -> Iterable[Telling]:
    """Administrators are told in December that the coming year's holidays are not loaded, and then once a month."""
    if not workdays.is_workday(day):
        return
    years = [day.year] if day.month < DECEMBER else [day.year, day.year + 1]
    for year in years:
        if year not in workdays.years:
            about = f"{year}@{day:%Y-%m}"
            yield from _each(staff.admins, Role.ADMIN, NoticeKind.WORKDAYS_MISSING, about)


def digests(
    tellings: Iterable[Telling],
    told: Collection[tuple[Recipient, NoticeKind, str]],
    sent_today: Collection[tuple[Recipient, NoticeKind]],
) -> list[Digest]:
    """What is new to each recipient, one digest a kind.

    ``told`` is what was told on any day before and is not told again; whoever has a digest of a kind today gets no
    second one, what has come up since waits for the next working day. Somebody in two roles is told once, in the
    wider role.
    """
    new: dict[tuple[Recipient, NoticeKind], tuple[set[str], set[Role]]] = {}
    for recipient, role, kind, about in tellings:
        if (recipient, kind) in sent_today or (recipient, kind, about) in told:
            continue
        things, roles = new.setdefault((recipient, kind), (set(), set()))
        things.add(about)
        roles.add(role)
    found = [
        Digest(recipient, max(roles, key=_WIDTH.index), kind, tuple(sorted(things)))
        for (recipient, kind), (things, roles) in new.items()
    ]
    return sorted(found, key=lambda one: (one.kind, str(one.recipient.person_id or one.recipient.account_id)))


_WIDTH = (Role.OFFICER, Role.SQUAD_LEADER, Role.BUREAU_LEADER, Role.ADMIN)


def _each(recipients: Iterable[Recipient], role: Role, kind: NoticeKind, about: str) -> Iterable[Telling]:
    return (Telling(recipient, role, kind, about) for recipient in recipients)
