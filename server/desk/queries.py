"""Who may see which lost edit and which kept row, and how they are listed."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from server.access.models import Account, Device
from server.grids.models import Scope
from server.grids.queries import cells_in_scope
from server.kernel.actor import Actor
from server.kernel.permissions import Permission, Role
from server.kernel.work import Work
from server.org.models import Person, SquadMember
from server.replication import CELLS, SQUADS
from sync.tables import push_log, push_settlement, quarantine

STATES = ("open", "settled")


def conflicts(work: Work) -> Select[Any]:
    """The edits that lost, of the documents in the actor's scope; without their sides, which hold people's data."""
    lines = _told(
        push_log,
        push_log.c.seq,
        push_log.c.edit_id,
        push_log.c.assumed_edit_id,
        push_log.c.their_edit_id,
    ).where(push_log.c.bureau_id == work.bureau_id, push_log.c.contested)
    if work.actor.reaches_bureau(Permission.SYNC_SETTLE):
        return lines
    return lines.where(_reached(work, cells_in_scope(work.actor, Permission.SYNC_SETTLE)))


def of_squad(work: Work, squad_id: uuid.UUID) -> ColumnElement[bool]:
    """True for lost edits of documents of a squad, or in its cells."""
    return _reached(work, select(Scope.cell_id).where(Scope.squad_id == squad_id), squad_id)


def _reached(work: Work, cells: Select[uuid.UUID], squad_id: uuid.UUID | None = None) -> ColumnElement[bool]:
    """A document belongs to its squad, or to that of its cell; where it has neither, the edit belongs to the sender's."""
    squads = work.actor.squad_ids if squad_id is None else (squad_id,)
    placed: list[ColumnElement[bool]] = []
    reached: list[ColumnElement[bool]] = []
    for name, cell_of in CELLS.items():
        cell = cell_of(push_log.c.document_id).correlate(push_log).scalar_subquery()
        placed.append(and_(push_log.c.collection == name, cell.is_not(None)))
        reached.append(and_(push_log.c.collection == name, cell.in_(cells)))
    for name, squad_of in SQUADS.items():
        squad = squad_of(push_log.c.document_id).correlate(push_log).scalar_subquery()
        placed.append(and_(push_log.c.collection == name, squad.is_not(None)))
        reached.append(and_(push_log.c.collection == name, squad.in_(squads)))
    return or_(*reached, and_(~or_(*placed), _sent_from(work, push_log.c.reader_id, squads)))


def kept_rows(work: Work) -> Select[Any]:
    """The rows in quarantine that people of the actor's squads sent; without their bytes."""
    rows = _told(
        quarantine, quarantine.c.id, quarantine.c.edit_id, quarantine.c.review, quarantine.c.resolution
    )
    rows = rows.where(quarantine.c.bureau_id == work.bureau_id)
    if work.actor.reaches_bureau(Permission.SYNC_SETTLE):
        return rows
    return rows.where(sent_from(work, work.actor.squad_ids))


def sent_from(work: Work, squads: tuple[uuid.UUID, ...]) -> ColumnElement[bool]:
    """True for kept rows that somebody sent who is in one of these squads today."""
    return _sent_from(work, quarantine.c.reader_id, squads)


def _sent_from(
    work: Work, person_id: ColumnElement[uuid.UUID], squads: tuple[uuid.UUID, ...]
) -> ColumnElement[bool]:
    return exists().where(
        SquadMember.person_id == person_id,
        SquadMember.squad_id.in_(squads),
        SquadMember.valid.op("@>")(work.now.astimezone(work.zone).date()),
    )


def _told(table: Any, *columns: ColumnElement[Any]) -> Select[Any]:
    """The columns, and what both lists tell: what it is, when it came, from whom, and whether it is dealt with."""
    return (
        select(
            *columns,
            table.c.at,
            table.c.collection,
            table.c.document_id,
            table.c.reader_id,
            Person.name.label("reader_name"),
            table.c.device_id,
            Device.label.label("device_label"),
            table.c.resolved_at,
        )
        .select_from(table)
        .outerjoin(Person, Person.id == table.c.reader_id)
        .outerjoin(Device, Device.id == table.c.device_id)
    )


def settlements(work: Work, seq: int) -> list[Any]:
    """What was decided on a lost edit, the first decision first."""
    return list(
        work.session.execute(
            select(
                push_settlement.c.id,
                push_settlement.c.at,
                push_settlement.c.settled_by,
                Account.username,
                push_settlement.c.choice,
                push_settlement.c.fields,
                push_settlement.c.reason,
                push_settlement.c.edit_id,
            )
            .outerjoin(Account, Account.id == push_settlement.c.settled_by)
            .where(push_settlement.c.push_seq == seq)
            .order_by(push_settlement.c.at, push_settlement.c.id)
        )
    )


def sender(work: Work, kept: Any) -> Actor:
    """Whoever sent a kept row, on the device it came from, as of today.

    He is on the record, so it must not matter that he has left meanwhile or may no longer sign in. The device counts as
    revoked or expired where it was so when it sent the row.
    """
    account = work.session.execute(
        select(Account.id, Account.roles)
        .where(Account.person_id == kept.reader_id, Account.bureau_id == work.bureau_id)
        .order_by(Account.disabled_at.is_not(None), Account.id)
        .limit(1)
    ).one_or_none()
    revoked_at, expires_at = work.session.execute(
        select(Device.revoked_at, Device.expires_at).where(Device.id == kept.device_id)
    ).one_or_none() or (None, None)
    revoked = revoked_at is not None and revoked_at <= kept.at
    expired = expires_at is not None and expires_at <= kept.at
    today = work.now.astimezone(work.zone).date()
    squads = work.session.scalars(
        select(SquadMember.squad_id)
        .where(SquadMember.person_id == kept.reader_id, SquadMember.valid.op("@>")(today))
        .order_by(SquadMember.squad_id)
    )
    return Actor(
        bureau_id=work.bureau_id,
        account_id=account.id if account else None,
        roles=frozenset(Role(role) for role in account.roles) if account else frozenset(),
        person_id=kept.reader_id,
        squad_ids=tuple(squads),
        device_id=kept.device_id,
        push_only=revoked or expired,
        expired=expired and not revoked,
    )
