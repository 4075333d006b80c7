"""Cells given for some days beside duty: secondment, patrol, campaign, cover. Dates are carried out into scope."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

from sqlalchemy import Select, or_, select
from sqlalchemy.dialects.postgresql import Range

from server.grids.models import Duty, GridCell, ScopeGrant
from server.grids.ops import apply_due_scope, await_turn
from server.grids.queries import cells_in_scope
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person, Squad

# What lasts longer than a year is duty, and not a grant for some days.
LONGEST = timedelta(days=366)


def visible_to(actor: Actor) -> Select[ScopeGrant]:
    """The grants of the bureau, or those of the actor's cells, to his squads and to himself."""
    grants = select(ScopeGrant).where(ScopeGrant.bureau_id == actor.bureau_id)
    if actor.sees_bureau:
        return grants
    return grants.where(
        or_(
            ScopeGrant.cell_id.in_(cells_in_scope(actor)),
            ScopeGrant.squad_id.in_(actor.squad_ids),
            ScopeGrant.person_id == actor.person_id,
        )
    )


def check_granter(work: Work, cell_ids: Sequence[uuid.UUID]) -> None:
    """A squad leader lends the cells that his own squad has duty for today, and none that were lent to it.

    Raises:
        Problem: ``not_found`` for any other cell.
    """
    if not work.actor.sees_bureau and set(cell_ids) - _own_cells(work):
        raise Problem("not_found")


def check_own(work: Work, permission: Permission, cell_ids: Iterable[uuid.UUID | None]) -> None:
    """What is owed in a cell is let off, opened, withdrawn or made up by the squad that has duty in it today, or by
    whoever may do it in the whole bureau; not by those to whom the cell is lent. The actor sees the cells.

    Raises:
        Problem: ``cell_lent`` for any other cell.
    """
    if not work.actor.reaches_bureau(permission) and set(cell_ids) - _own_cells(work):
        raise Problem("cell_lent")


def _own_cells(work: Work) -> set[uuid.UUID]:
    today = work.now.astimezone(work.zone).date()
    own = select(Duty.cell_id).where(Duty.squad_id.in_(work.actor.squad_ids), Duty.valid.op("@>")(today))
    return set(work.session.scalars(own))


def check_revoker(work: Work, grant: ScopeGrant) -> None:
    """A squad leader takes back what he may give; what a published patrol was given only if he gave it himself, for
    it may be there to look at his own squad's cells.

    Raises:
        Problem: ``not_found`` for a cell that is not his squad's; ``forbidden`` for another's patrol.
    """
    check_granter(work, [grant.cell_id])
    if not work.actor.sees_bureau and grant.ground == "patrol" and grant.granted_by != work.actor.account_id:
        detail = "巡查的临时授权由发布人或局领导收回。Whoever published the patrol takes its grants back."
        raise Problem("forbidden", detail=detail)


def grant_scope(
    work: Work,
    cell_ids: Sequence[uuid.UUID],
    *,
    person_id: uuid.UUID | None,
    squad_id: uuid.UUID | None,
    from_day: date,
    to_day: date,
    ground: str,
    reason: str,
) -> list[ScopeGrant]:
    """Give leaf cells to one person or one squad from ``from_day`` to ``to_day``, both included.

    Raises:
        Problem: ``invalid`` for days that are over, reversed or more than a year, and unless exactly one of person
            and squad is named; ``not_found`` for a cell that is no leaf of the bureau, or whoever is of another one.
    """
    if (person_id is None) == (squad_id is None):
        detail = "请指定一名人员或一个中队。Name one person or one squad."
        raise invalid("/person_id", "not_exactly_one", detail)
    check_days(work, from_day, to_day)
    whom = (
        select(Person.id).where(Person.id == person_id, Person.bureau_id == work.bureau_id)
        if person_id
        else select(Squad.id).where(Squad.id == squad_id, Squad.bureau_id == work.bureau_id)
    )
    if work.session.scalar(whom) is None:
        raise Problem("not_found", detail="没有这名人员或这个中队。No such person or squad.")
    wanted = [(person_id, squad_id, cell) for cell in sorted(set(cell_ids))]
    grants = _write(work, wanted, from_day=from_day, to_day=to_day, ground=ground, reason=reason)
    apply_due_scope(work, changed=True)
    return grants


def grant_to_people(
    work: Work,
    cells_of: Mapping[uuid.UUID, Collection[uuid.UUID]],
    *,
    from_day: date,
    to_day: date,
    ground: str,
    reason: str,
) -> list[ScopeGrant]:
    """Like ``grant_scope`` for many people of the bureau at once, each with leaf cells of his own, carried out once.

    Raises:
        Problem: ``invalid`` for days that are over, reversed or more than a year; ``not_found`` for a cell that is no
            leaf of the bureau.
    """
    check_days(work, from_day, to_day)
    wanted = [(person, None, cell) for person in sorted(cells_of) for cell in sorted(cells_of[person])]
    grants = _write(work, wanted, from_day=from_day, to_day=to_day, ground=ground, reason=reason)
    apply_due_scope(work, changed=True)
    return grants


def check_days(work: Work, from_day: date, to_day: date) -> None:
    """Whether a grant may be for these days.

    Raises:
        Problem: ``invalid`` for days that are over, reversed or more than a year.
    """
    today = work.now.astimezone(work.zone).date()
    if from_day < today:
        detail = "日期已过。The day is over."
        raise invalid("/from_day", "in_past", detail)
    if to_day < from_day:
        detail = "结束日早于开始日。It ends before it begins."
        raise invalid("/to_day", "dates_reversed", detail)
    if to_day - today > LONGEST:
        detail = "临时授权最长一年。A grant lasts a year at most."
        raise invalid("/to_day", "too_far_ahead", detail)


def _write(
    work: Work,
    wanted: Sequence[tuple[uuid.UUID | None, uuid.UUID | None, uuid.UUID]],
    *,
    from_day: date,
    to_day: date,
    ground: str,
    reason: str,
) -> list[ScopeGrant]:
    """Write grants down as (person, squad, cell), with an event for each of whom they are given to."""
    # Before the cells' rows are held, like whoever carries out a day.
    await_turn(work)
    cells = sorted({cell for _, _, cell in wanted})
    known = work.session.scalars(
        select(GridCell.id).where(
            among(GridCell.id, cells), GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4
        )
    ).all()
    if missing := set(cells) - set(known):
        raise Problem(
            "not_found", detail=f"没有这些末级网格：{sorted(map(str, missing))[:5]}。No such leaf cells."
        )
    grants = [
        ScopeGrant(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            cell_id=cell,
            person_id=person_id,
            squad_id=squad_id,
            valid=Range(from_day, to_day + timedelta(days=1)),
            ground=ground,
            reason=reason,
            granted_at=work.now,
            granted_by=work.actor.account_id,
        )
        for person_id, squad_id, cell in wanted
    ]
    work.session.add_all(grants)
    work.session.flush()
    for whom, given in groupby(grants, key=lambda grant: grant.person_id or grant.squad_id):
        record_event(
            work,
            "scope.granted",
            [grant.id for grant in given],
            to=str(whom),
            ground=ground,
            from_day=from_day.isoformat(),
            to_day=to_day.isoformat(),
        )
    return grants


def find_grant(work: Work, grant_id: uuid.UUID) -> ScopeGrant:
    """A grant that the actor sees, held for writing.

    Raises:
        Problem: ``not_found``; ``grant_over`` when it has ended or was revoked already.
    """
    grant = work.session.scalar(visible_to(work.actor).where(ScopeGrant.id == grant_id).with_for_update())
    if grant is None:
        raise Problem("not_found")
    today = work.now.astimezone(work.zone).date()
    if grant.revoked_at is not None or (grant.valid.upper is not None and grant.valid.upper <= today):
        raise Problem("grant_over")
    return grant


def revoke_grant(work: Work, grant: ScopeGrant, reason: str) -> None:
    """End a grant now. What other grounds give stays."""
    revoke_grants(work, [grant], reason)


def revoke_grants(work: Work, grants: Sequence[ScopeGrant], reason: str) -> None:
    """End grants now, carried out once. What other grounds give stays."""
    for grant in grants:
        grant.revoked_at, grant.revoked_by, grant.revoke_reason = work.now, work.actor.account_id, reason
    work.session.flush()
    if grants:
        record_event(work, "scope.revoked", [grant.id for grant in grants], reason=reason)
        apply_due_scope(work, changed=True)
