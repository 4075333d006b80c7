"""Deciding who answers for which cells: handed over and over again in bulk, left vacant, or taken back before it begins."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Select, func, insert, or_, select
from sqlalchemy.orm import aliased

from server.grids.choosing import ChosenCell, choose_cells, decides_for_all
from server.grids.duty_plans import (
    Holder,
    Stage,
    Word,
    after,
    changes_nothing,
    plan_of,
    put_back,
    stage_on,
)
from server.grids.models import DutyChange, DutyFact, GridCell
from server.grids.ops import apply_due_scope, await_turn, check_squad, claim_duty, not_an_officer, write_duty
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Certificate, Person, SquadMember


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a request: these cells, to this holder or to nobody, from a day on.

    ``path`` is where the line stands in the body, ``cells_path`` where its cells do; both are JSON pointers.
    """

    path: str
    cells_path: str
    cells: Mapping[str, Any]
    stage: Stage


@dataclass(frozen=True, slots=True)
class CellChange:
    """What a change does to one cell: who answers from ``stage.from_day`` on, who would have on that day (``before``, and
    since when), and what was to begin later and does not any more (``replaced``).
    """

    cell: ChosenCell
    stage: Stage
    before: Stage | None
    replaced: Sequence[Stage]


@dataclass(slots=True)
class Changed:
    """What was written, with the cells for which it was so already; without a change nothing was to be written."""

    change_id: uuid.UUID | None
    cells: list[CellChange]
    unchanged: list[ChosenCell] = field(default_factory=list)

    @property
    def last_day(self) -> date | None:
        """The day on which all of it holds."""
        return max((one.stage.from_day for one in self.cells), default=None)


def change_duty(work: Work, wanted: Sequence[Wanted], reason: str | None) -> Changed:
    """Carry out every line of a request, or none: earlier duty ends on the day before, later duty is replaced.

    A cell for which it would be so already is left as it is. A squad leader decides about the cells that only his own
    squads answer for from that day on, and gives them to his own squads.

    Raises:
        Problem: ``not_found`` for cells, a squad or a person that the actor does not reach; ``forbidden`` for a squad leader
            who would leave a cell vacant; ``invalid`` with the lines at fault, of which choosing.choose_cells tells too:
            ``cell_named_twice``, ``in_past``, ``not_an_officer``, ``certificate_missing``, ``certificate_expired``,
            ``not_in_squad``; ``conflict``, see ops.claim_duty.
    """
    # Before anything is read, for people move between squads by the same turn.
    await_turn(work)
    _check_lines(work, wanted)
    stages = _stages_by_cell(work, wanted)
    claim_duty(work, sorted(cell.id for cell in stages))
    words = standing_words(work, [cell.id for cell in stages])
    changed = Changed(None, [])
    for cell, stage in sorted(stages.items(), key=lambda one: one[0].code):
        plan = plan_of(words[cell.id])
        if not decides_for_all(work.actor):
            _check_own(work.actor, plan, stage.from_day)
        if changes_nothing(plan, stage):
            changed.unchanged.append(cell)
        else:
            day = stage.from_day
            changed.cells.append(CellChange(cell, stage, stage_on(plan, day), after(plan, day)))
    if changed.cells:
        changed.change_id = _note(work, reason, None)
        write_duty(work, {one.cell.id: [one.stage] for one in changed.cells}, changed.change_id)
        _record(work, changed, reason)
        apply_due_scope(work, changed=True)
    return changed


def withdraw_change(work: Work, change: DutyChange, reason: str) -> Changed:
    """Take a change back that has begun in no cell: who answers is as if it had never been made, and what it replaced
    comes back.

    Raises:
        Problem: ``duty_begun``; ``duty_withdrawn`` for one that was taken back already, or is such an act itself;
            ``duty_replaced`` where later changes left nothing of it; ``forbidden`` for a squad leader and another's change.
    """
    if not decides_for_all(work.actor) and change.made_by != work.actor.account_id:
        raise Problem("forbidden", detail="只能撤回本人作出的责任变更。Only your own changes.")
    facts = select(DutyFact.cell_id, DutyFact.from_day).where(DutyFact.change_id == change.id)
    from_days = dict(work.session.execute(facts).all())
    claim_duty(work, sorted(from_days))
    again = select(DutyChange.id).where(DutyChange.withdraws_id == change.id)
    if change.withdraws_id is not None or work.session.scalar(again) is not None:
        raise Problem("duty_withdrawn")
    if min(from_days.values()) <= work.now.astimezone(work.zone).date():
        raise Problem("duty_begun")
    words = standing_words(work, sorted(from_days))
    changed = Changed(None, [])
    stages: dict[uuid.UUID, list[Stage]] = {}
    for cell in _named_cells(work, sorted(from_days)):
        back = put_back(words[cell.id], change.id)
        if not back:
            changed.unchanged.append(cell)
            continue
        day, plan = from_days[cell.id], plan_of(words[cell.id])
        stages[cell.id] = back
        # What holds again on that day, told by the day: it may have begun long before.
        again_on = Stage(day, back[0].holder)
        changed.cells.append(CellChange(cell, again_on, stage_on(plan, day), after(plan, day)))
    if not stages:
        raise Problem("duty_replaced")
    changed.change_id = _note(work, reason, change.id)
    write_duty(work, stages, changed.change_id)
    record_event(work, "duty_change.withdrawn", [change.id, *sorted(stages)], reason=reason)
    apply_due_scope(work, changed=True)
    return changed


def visible_to(actor: Actor) -> Select[DutyChange]:
    """The changes of the bureau, or those that the actor made and those that name his squads."""
    changes = select(DutyChange).where(DutyChange.bureau_id == actor.bureau_id)
    if decides_for_all(actor):
        return changes
    named = select(DutyFact.change_id).where(DutyFact.squad_id.in_(actor.squad_ids))
    return changes.where(or_(DutyChange.made_by == actor.account_id, DutyChange.id.in_(named)))


def find_change(work: Work, change_id: uuid.UUID) -> DutyChange:
    """A change that the actor sees.

    Raises:
        Problem: ``not_found``.
    """
    change = work.session.scalar(visible_to(work.actor).where(DutyChange.id == change_id))
    if change is None:
        raise Problem("not_found", detail="没有这次责任变更。No such change of duty.")
    return change


def standing_words(work: Work, cells: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Word]]:
    """All that was said about who answers for cells, in the order in which it was said; without changes that were taken
    back, and without what was said to take them back.
    """
    withdrawal = aliased(DutyChange)
    withdrawn = select(withdrawal.id).where(withdrawal.withdraws_id == DutyFact.change_id).exists()
    words: dict[uuid.UUID, list[Word]] = defaultdict(list)
    for fact in work.session.scalars(
        select(DutyFact)
        .outerjoin(DutyChange, DutyChange.id == DutyFact.change_id)
        .where(among(DutyFact.cell_id, cells), DutyChange.withdraws_id.is_(None), ~withdrawn)
        .order_by(DutyFact.known_at, DutyFact.seq)
    ):
        words[fact.cell_id].append(Word(Stage(fact.from_day, holder_of(fact)), fact.change_id))
    return words


def holder_of(fact: DutyFact) -> Holder | None:
    """Whom a fact names, if anybody."""
    if fact.squad_id is None or fact.lead_person_id is None:
        return None
    return Holder(fact.squad_id, fact.lead_person_id)


def _check_lines(work: Work, wanted: Sequence[Wanted]) -> None:
    """Whether each line may begin on its day, and its lead may carry it then; all that is wrong is told at once."""
    today = work.now.astimezone(work.zone).date()
    problems: list[Problem] = []
    for line in wanted:
        if line.stage.from_day < today:
            detail = "日期已过，责任不能倒签。The day is over; duty is not dated back."
            problems.append(invalid(f"{line.path}/from_day", "in_past", detail))
        holder = line.stage.holder
        if holder is None:
            if not decides_for_all(work.actor):
                detail = "网格空缺由局里决定。Leaving a cell vacant is for the bureau to decide."
                raise Problem("forbidden", detail=detail)
            continue
        if not decides_for_all(work.actor) and holder.squad_id not in work.actor.squad_ids:
            raise Problem("not_found", detail="没有这个中队。No such squad.")
        check_squad(work, holder.squad_id)
        problems += _faults_of_lead(work, holder, line.stage.from_day, f"{line.path}/lead_person_id")
    if problems:
        raise Problem("invalid", errors=[error for problem in problems for error in problem.errors])


def _faults_of_lead(work: Work, holder: Holder, day: date, path: str) -> Iterable[Problem]:
    person = select(Person).where(Person.id == holder.lead_person_id, Person.bureau_id == work.bureau_id)
    lead = work.session.scalar(person)
    if lead is None or lead.kind != "officer":
        yield not_an_officer(path)
        return
    held = (Certificate.person_id == lead.id) & (Certificate.valid_from <= day)
    last_day = work.session.scalar(select(func.max(Certificate.valid_to)).where(held))
    if last_day is None:
        detail = f"{lead.name} 在 {day} 没有执法证。{lead.name} has no certificate on that day."
        yield invalid(path, "certificate_missing", detail)
    elif last_day < day:
        detail = f"{lead.name} 的执法证有效期至 {last_day}，早于 {day}。{lead.name}'s certificate ends before that day."
        yield invalid(path, "certificate_expired", detail)
    member = select(SquadMember.id).where(
        SquadMember.person_id == lead.id,
        SquadMember.squad_id == holder.squad_id,
        SquadMember.valid.op("@>")(day),
    )
    if work.session.scalar(member) is None:
        detail = f"{lead.name} 在 {day} 不在该中队。{lead.name} is not in that squad on that day."
        yield invalid(path, "not_in_squad", detail)


def _stages_by_cell(work: Work, wanted: Sequence[Wanted]) -> dict[ChosenCell, Stage]:
    stages: dict[ChosenCell, Stage] = {}
    for line in wanted:
        for cell in choose_cells(work, line.cells, line.cells_path):
            if stages.setdefault(cell, line.stage) != line.stage:
                detail = (
                    f"网格 {cell.code} {cell.name} 在本次请求中有两种去向。"
                    f"The cell {cell.code} is given twice, to different holders or from different days."
                )
                raise invalid(line.cells_path, "cell_named_twice", detail)
    return stages


def _check_own(actor: Actor, plan: Sequence[Stage], from_day: date) -> None:
    """A squad leader changes what only his squads answer for: neither what was lent to them nor what is to be another's."""
    touched = [stage_on(plan, from_day), *after(plan, from_day)]
    holders = [stage.holder if stage else None for stage in touched]
    if any(holder is None or holder.squad_id not in actor.squad_ids for holder in holders):
        raise Problem("not_found")


def _note(work: Work, reason: str | None, withdraws_id: uuid.UUID | None) -> uuid.UUID:
    change_id = new_id(work.now)
    work.session.execute(
        insert(DutyChange).values(
            id=change_id,
            bureau_id=work.bureau_id,
            reason=reason,
            made_at=work.now,
            made_by=work.actor.account_id,
            withdraws_id=withdraws_id,
        )
    )
    return change_id


def _record(work: Work, changed: Changed, reason: str | None) -> None:
    """One event for each squad and day, and one for each day from which cells are vacant."""
    groups: dict[tuple[str | None, date], list[uuid.UUID]] = defaultdict(list)
    for one in changed.cells:
        holder = one.stage.holder
        groups[(str(holder.squad_id) if holder else None, one.stage.from_day)].append(one.cell.id)
    change_id = str(changed.change_id)
    for (squad_id, day), cells in groups.items():
        told = {"from_day": day.isoformat(), "change_id": change_id, "reason": reason}
        if squad_id is None:
            record_event(work, "duty.ended", cells, **told)
        else:
            record_event(work, "duty.assigned", cells, squad_id=squad_id, **told)


def _named_cells(work: Work, cells: Sequence[uuid.UUID]) -> list[ChosenCell]:
    named = select(GridCell.id, GridCell.code, GridCell.name).where(among(GridCell.id, cells))
    return [ChosenCell(*row) for row in work.session.execute(named.order_by(GridCell.code))]
