"""What the rules need to know on a morning, read in a handful of set-based queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import NoticeKind
from server.access.models import Account
from server.cadence.duty_models import DutySubject
from server.cadence.histories import load_histories
from server.cadence.models import Obligation
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.permissions import Role
from server.kernel.work import Work
from server.kernel.workdays import Workdays
from server.notices.models import Notice, NoticeItem
from server.notices.rules import NEWS_FOR, Owed, Recipient, Staff, Unheard, period_to_lock
from server.org.models import SquadMember
from server.outlets.models import Outlet, Site
from server.reports.responsible import load_responsible
from server.reports.unknown import load_silence

# An officer is reminded two working days ahead, and no holiday lasts so long.
REMINDED_WITHIN = timedelta(days=21)

Line = dict[str, Any]


@dataclass(slots=True)
class Morning:
    """What is owed, what was not heard, and who is who. ``lines`` are the items of a notice by what they are about."""

    day: date
    staff: Staff
    workdays: Workdays
    owed: list[Owed] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    cells: dict[uuid.UUID, tuple[str, str]] = field(default_factory=dict)


def load_morning(work: Work) -> Morning:
    """The morning of ``work.now`` in the actor's bureau."""
    day = work.now.astimezone(work.zone).date()
    morning = Morning(day, _load_staff(work, day), load_workdays(work.session, work.bureau_id))
    if morning.workdays.is_workday(day):
        _add_owed(work, morning)
        _add_unheard(work, morning)
    return morning


def _load_staff(work: Work, day: date) -> Staff:
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
    """What may be told of: not met, and either near its end or lately over. The reference judges it."""
    near = (
        Obligation.bureau_id == work.bureau_id,
        Obligation.met_by.is_(None),
        Obligation.voided_at.is_(None),
        Obligation.last_day <= morning.day + REMINDED_WITHIN,
        Obligation.grace_last_day >= morning.day - NEWS_FOR,
    )
    subjects = work.session.scalars(select(Obligation.subject_id).where(*near).distinct()).all()
    rulebook = load_timeline(work).rulebook
    histories = load_histories(work, subjects)
    found = [
        (loaded.owed[judgement.obligation.id], judgement)
        for loaded in histories.values()
        for judgement in judge(loaded.history, rulebook, work.now, loaded.last_met)
    ]
    found = [(row, judgement) for row, judgement in found if row.met_by is None and row.voided_at is None]
    names = _names(work, [row.subject_id for row, _ in found])
    responsible_for = load_responsible(work, work.now)
    for row, judgement in found:
        responsible = responsible_for(judgement.cell_id, morning.day)
        morning.owed.append(
            Owed(
                id=row.id,
                first_day=row.first_day,
                last_day=row.last_day,
                grace_last_day=row.grace_last_day,
                state=judgement.state,
                squad_id=responsible.squad_id if responsible else None,
                lead_person_id=responsible.lead_person_id if responsible else None,
            )
        )
        name, number = names[row.subject_id]
        morning.lines[str(row.id)] = {
            "obligation_id": str(row.id),
            "subject_kind": row.subject_kind,
            "subject_id": str(row.subject_id),
            "name": name,
            "number": number,
            "cell_id": str(judgement.cell_id) if judgement.cell_id else None,
            "duty": row.tier or row.rule,
            "key": row.key if row.tier else None,
            "last_day": row.last_day.isoformat(),
            "grace_last_day": row.grace_last_day.isoformat(),
            "provisional": judgement.provisional,
            "state": judgement.state.value,
        }
    cells = sorted({judgement.cell_id for _, judgement in found if judgement.cell_id}, key=str)
    for cell_id, code, name in work.session.execute(
        select(GridCell.id, GridCell.code, GridCell.name).where(among(GridCell.id, cells))
    ):
        morning.cells[cell_id] = (code, name)


def _names(work: Work, subject_ids: list[uuid.UUID]) -> dict[uuid.UUID, tuple[str, str]]:
    """What the subjects are called, and the number by which they are known."""
    found: dict[uuid.UUID, tuple[str, str]] = {}
    for entity, number in ((Outlet, Outlet.licence_no), (Site, Site.code), (DutySubject, DutySubject.number)):
        named = select(entity.id, entity.name, number).where(among(entity.id, subject_ids))
        found.update((subject_id, (name, no)) for subject_id, name, no in work.session.execute(named))
    return found


def _add_unheard(work: Work, morning: Morning) -> None:
    period = period_to_lock(morning.day, morning.workdays)
    if period is None:
        return
    for heard in load_silence(work, work.now).unsynced(period.last_day):
        morning.unheard.append(Unheard(heard.device_id, heard.squad_id, period.key))
        morning.lines[f"{period.key}/{heard.device_id}"] = {
            "device_id": str(heard.device_id),
            "label": heard.label,
            "squad_id": str(heard.squad_id) if heard.squad_id else None,
            "period": period.key,
            "queue_length": heard.last_queue,
            "last_heard_at": heard.last_at.isoformat() if heard.last_at else None,
        }


def load_told(work: Work, about: list[str]) -> set[tuple[Recipient, NoticeKind, str]]:
    """Who was told of which of these things in which kind, on whatever day."""
    rows = work.session.execute(
        select(Notice.person_id, Notice.account_id, Notice.kind, NoticeItem.about)
        .join(NoticeItem, NoticeItem.notice_id == Notice.id)
        .where(Notice.bureau_id == work.bureau_id, NoticeItem.about.in_(about))
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
