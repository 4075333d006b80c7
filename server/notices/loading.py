"""What the rules need to know on a morning, read in a handful of set-based queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.vocabulary import NoticeKind
from server.access.models import Account
from server.cadence.periods import reporting_period
from server.cadence.queries import names_of
from server.custody.queries import lists_numbered
from server.custody.rules import nearing_until
from server.grids.models import GridCell
from server.issuing.queries import last_issued
from server.issuing.rules import day_over
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.permissions import Role
from server.kernel.work import Work
from server.kernel.workdays import Workdays
from server.notices.models import Notice, NoticeItem
from server.notices.rules import NEWS_FOR, Owed, Recipient, Staff, Undecided, Unheard, period_to_lock
from server.org.models import SquadMember
from server.reports.owed import unsettled
from server.reports.responsible import load_responsible
from server.reports.unknown import load_silence

# An officer is reminded two working days ahead, and no holiday lasts so long.
REMINDED_WITHIN = timedelta(days=21)

# The report whose issue locks a period.
LOCKING = "R1"

Line = dict[str, Any]


@dataclass(slots=True)
class Morning:
    """What is owed, what was not heard, and who is who. ``lines`` are the items of a notice by what they are about."""

    day: date
    staff: Staff
    workdays: Workdays
    owed: list[Owed] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    cells: dict[uuid.UUID, tuple[str, str]] = field(default_factory=dict)


def load_morning(work: Work) -> Morning:
    """The morning of ``work.now`` in the actor's bureau."""
    day = work.now.astimezone(work.zone).date()
    morning = Morning(day, load_staff(work, day), load_workdays(work.session, work.bureau_id))
    if morning.workdays.is_workday(day):
        _add_owed(work, morning)
        _add_unheard(work, morning)
        _add_undecided(work, morning)
    return morning


def load_staff(work: Work, day: date) -> Staff:
    """Who leads which squad on a day, who leads the bureau, and who administers it."""
    leaders: dict[uuid.UUID, set[Recipient]] = defaultdict(set)
    for squad_id, person_id in work.session.execute(
        select(SquadMember.squad_id, SquadMember.person_id).where(
            SquadMember.bureau_id == work.bureau_id, SquadMember.leads, SquadMember.valid.op("@>")(day)
        )
    ):
        leaders[squad_id].add(Recipient(person_id=person_id))
    holders: dict[Role, set[Recipient]] = {Role.BUREAU_LEADER: set(), Role.ADMIN: set()}
    for account_id, own_person_id, roles in work.session.execute(
        select(Account.id, Account.person_id, Account.roles).where(
            Account.bureau_id == work.bureau_id, Account.disabled_at.is_(None)
        )
    ):
        recipient = Recipient(own_person_id) if own_person_id else Recipient(account_id=account_id)
        for role in holders.keys() & set(roles):
            holders[role].add(recipient)
    return Staff(leaders, holders[Role.BUREAU_LEADER], holders[Role.ADMIN])


def _add_owed(work: Work, morning: Morning) -> None:
    """What may be told of: still to be done and near its end, or missed lately."""
    until = morning.day + REMINDED_WITHIN
    found = list(unsettled(work, work.now, since=morning.day - NEWS_FOR, begins_by=until, ends_by=until))
    names = names_of(work, [one.subject_id for one in found])
    responsible_for = load_responsible(work, work.now)
    for one in found:
        responsible = responsible_for(one.cell_id, morning.day)
        morning.owed.append(
            Owed(
                id=one.obligation_id,
                first_day=one.first_day,
                last_day=one.last_day,
                grace_last_day=one.grace_last_day,
                state=one.state,
                squad_id=responsible.squad_id if responsible else None,
                lead_person_id=responsible.lead_person_id if responsible else None,
            )
        )
        name, number = names[one.subject_id]
        morning.lines[str(one.obligation_id)] = {
            "obligation_id": str(one.obligation_id),
            "subject_kind": one.subject_kind,
            "subject_id": str(one.subject_id),
            "name": name,
            "number": number,
            "cell_id": str(one.cell_id) if one.cell_id else None,
            "duty": one.duty,
            "key": one.key,
            "last_day": one.last_day.isoformat(),
            "grace_last_day": one.grace_last_day.isoformat(),
            "provisional": one.provisional,
            "state": one.state.value,
        }
    cells = sorted({one.cell_id for one in found if one.cell_id}, key=str)
    for cell_id, code, name in work.session.execute(
        select(GridCell.id, GridCell.code, GridCell.name).where(among(GridCell.id, cells))
    ):
        morning.cells[cell_id] = (code, name)


def _add_unheard(work: Work, morning: Morning) -> None:
    period = period_to_lock(morning.day, morning.workdays)
    if period is None or last_issued(work, LOCKING, period.key) is not None:
        return
    last_day = day_over(reporting_period(period.key)) - timedelta(days=1)
    for heard in load_silence(work, work.now).unsynced(last_day):
        morning.unheard.append(Unheard(heard.device_id, heard.squad_id, period.key))
        morning.lines[f"{period.key}/{heard.device_id}"] = {
            "device_id": str(heard.device_id),
            "label": heard.label,
            "squad_id": str(heard.squad_id) if heard.squad_id else None,
            "period": period.key,
            "queue_length": heard.last_queue,
            "last_heard_at": heard.last_at.isoformat() if heard.last_at else None,
        }


def _add_undecided(work: Work, morning: Morning) -> None:
    """Lists of goods whose seventh working day is near or lately over, by their last day."""
    near = nearing_until(morning.day, morning.workdays)
    told = lists_numbered(work.actor)
    lists = (
        select(told)
        .where(told.c.undecided > 0, told.c.decide_by.between(morning.day - NEWS_FOR, near))
        .order_by(told.c.decide_by, told.c.id)
    )
    found = work.session.execute(lists).all()
    names = names_of(work, [one.subject_id for one in found if one.subject_id])
    for one in found:
        goods = Undecided(one.id, one.decide_by, one.squad_id)
        morning.undecided.append(goods)
        name, licence_no = names.get(one.subject_id, (None, None))
        morning.lines[goods.about(morning.day)] = {
            "list_id": str(one.id),
            "number": one.number,
            "name": name,
            "licence_no": licence_no,
            "cell_id": str(one.cell_id) if one.cell_id else None,
            "squad_id": str(one.squad_id) if one.squad_id else None,
            "registered_on": one.registered_at.astimezone(work.zone).date().isoformat(),
            "decide_by": one.decide_by.isoformat(),
            "provisional": one.provisional,
            "undecided": one.undecided,
            "overdue": one.decide_by < morning.day,
        }


def load_told(work: Work, about: list[str]) -> set[tuple[Recipient, NoticeKind, str]]:
    """Who was told of which of these things in which kind, on whatever day."""
    rows = work.session.execute(
        select(Notice.person_id, Notice.account_id, Notice.kind, NoticeItem.about)
        .join(NoticeItem, NoticeItem.notice_id == Notice.id)
        .where(Notice.bureau_id == work.bureau_id, NoticeItem.about == any_(literal(about, ARRAY(Text))))
    )
    return {(Recipient(person, account), NoticeKind(kind), thing) for person, account, kind, thing in rows}


def load_sent(work: Work, day: date) -> set[tuple[Recipient, NoticeKind]]:
    """Who has a notice of which kind of that day already."""
    rows = work.session.execute(
        select(Notice.person_id, Notice.account_id, Notice.kind).where(
            Notice.bureau_id == work.bureau_id, Notice.day == day
        )
    )
    return {(Recipient(person, account), NoticeKind(kind)) for person, account, kind in rows}


def label_of_cell(cells: Mapping[uuid.UUID, tuple[str, str]], cell_id: str | None) -> tuple[str, str]:
    """Code and name of a cell; blank for what lies in none."""
    return cells[uuid.UUID(cell_id)] if cell_id else ("", "未划入网格")
