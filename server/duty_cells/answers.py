"""What a change of duty does, told before it is done or with it: cell by cell, for devices, and for workloads."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy import func, select

from server.grids.duty_changes import CellChange, Changed, holder_of
from server.grids.duty_plans import Holder, Stage
from server.grids.models import DutyChange, DutyFact, GridCell
from server.grids.ops import await_turn
from server.grids.preview import previewed
from server.kernel.bulk import among
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.reports.workload import Load, holders_on, loads_of
from server.reports.workload_sheet import TRAVEL, figures_of

Held = Mapping[uuid.UUID, Holder | None]
# A squad, with a lead officer of it or without.
Whom = tuple[uuid.UUID, uuid.UUID | None]


def told(work: Work, act: Callable[[], Changed], day: date, *, dry_run: bool) -> dict[str, Any]:
    """Do ``act``, and tell what it does by ``day`` as schemas.duty_cells.DutyMoved; with ``dry_run`` undo it again."""
    day = max(day, work.now.astimezone(work.zone).date())
    if not dry_run:
        # Before anything is read, so that what another decides at the same moment is not told as ours.
        await_turn(work)
    before = holders_on(work, day)
    done: list[tuple[Changed, Held]] = []

    def act_and_look() -> None:
        changed = act()
        done.append((changed, holders_on(work, day)))

    moved = previewed(work, day, act_and_look, dry_run=dry_run)
    ((changed, after),) = done
    names = _Names(work, changed)
    concerned = _concerned(before, after)
    cells = {cell for held in (before, after) for cell, one in held.items() if concerned & set(_keys(one))}
    loads = loads_of(work, cells | {one.cell.id for one in changed.cells})
    return {
        **{one.name: getattr(moved, one.name) for one in fields(moved)},
        "change_id": None if dry_run else changed.change_id,
        "changed": [names.changed(one) for one in changed.cells],
        "warnings": _warnings(changed, loads),
        "workload": _load_changes(names, concerned, before, after, loads),
    }


def described(work: Work, changes: Sequence[DutyChange]) -> list[dict[str, Any]]:
    """Changes as schemas.duty_cells.DutyChangeOut shows them."""
    ids = [change.id for change in changes]
    said = {
        change_id: (cells, vacated, first_day, last_day)
        for change_id, cells, vacated, first_day, last_day in work.session.execute(
            select(
                DutyFact.change_id,
                func.count(DutyFact.cell_id.distinct()),
                func.count(DutyFact.cell_id.distinct()).filter(DutyFact.squad_id.is_(None)),
                func.min(DutyFact.from_day),
                func.max(DutyFact.from_day),
            )
            .where(among(DutyFact.change_id, ids))
            .group_by(DutyFact.change_id)
        )
    }
    withdrawn = set(
        work.session.scalars(select(DutyChange.withdraws_id).where(among(DutyChange.withdraws_id, ids)))
    )
    today = work.now.astimezone(work.zone).date()
    told = []
    for change in changes:
        cells, vacated, first_day, last_day = said[change.id]
        if change.withdraws_id is not None:
            state = "withdrawal"
        elif change.id in withdrawn:
            state = "withdrawn"
        else:
            state = "pending" if first_day > today else "begun"
        told.append(
            {
                "id": change.id,
                "state": state,
                "cells": cells,
                "vacated": vacated,
                "first_day": first_day,
                "last_day": last_day,
                "reason": change.reason,
                "made_at": change.made_at.astimezone(work.zone),
                "made_by": change.made_by,
                "withdraws_id": change.withdraws_id,
            }
        )
    return told


def stages_of(work: Work, change: DutyChange) -> list[dict[str, Any]]:
    """What a change said of each of its cells, by code and day."""
    said = work.session.execute(
        select(DutyFact, GridCell.code, GridCell.name)
        .join(GridCell, GridCell.id == DutyFact.cell_id)
        .where(DutyFact.change_id == change.id)
        .order_by(GridCell.code, DutyFact.from_day)
    ).all()
    names = _Names(work)
    names.learn(holder_of(fact) for fact, _, _ in said)
    return [
        {
            "cell_id": fact.cell_id,
            "code": code,
            "name": name,
            "from_day": fact.from_day,
            "holder": names.holder(Stage(fact.from_day, holder_of(fact))),
        }
        for fact, code, name in said
    ]


class _Names:
    """What squads and people are called."""

    def __init__(self, work: Work, changed: Changed | None = None) -> None:
        self._session = work.session
        self.squads: dict[uuid.UUID, str] = {}
        self.people: dict[uuid.UUID, str] = {}
        for one in changed.cells if changed else ():
            stages = [one.stage, *one.replaced, *([one.before] if one.before else [])]
            self._want(stage.holder for stage in stages)
        self._look_up()

    def learn(self, holders: Iterable[Holder | None]) -> None:
        """Look these up too."""
        self._want(holders)
        self._look_up()

    def _want(self, holders: Iterable[Holder | None]) -> None:
        for holder in filter(None, holders):
            self.squads.setdefault(holder.squad_id, "")
            self.people.setdefault(holder.lead_person_id, "")

    def _look_up(self) -> None:
        for of, known in ((Squad, self.squads), (Person, self.people)):
            wanted = [one for one, name in known.items() if not name]
            known.update(self._session.execute(select(of.id, of.name).where(among(of.id, wanted))).all())

    def holder(self, stage: Stage | None) -> dict[str, Any] | None:
        """A stage as schemas.duty_cells.DutyHolder; ``None`` where nobody answers."""
        if stage is None or stage.holder is None:
            return None
        squad_id, lead_id = stage.holder
        return {
            "squad_id": squad_id,
            "squad": self.squads[squad_id],
            "lead_person_id": lead_id,
            "lead": self.people[lead_id],
            "from_day": stage.from_day,
        }

    def changed(self, one: CellChange) -> dict[str, Any]:
        """A cell as schemas.duty_cells.ChangedCell."""
        return {
            "cell_id": one.cell.id,
            "code": one.cell.code,
            "name": one.cell.name,
            "from_day": one.stage.from_day,
            "before": self.holder(one.before),
            "after": self.holder(one.stage),
            "replaced": [told for stage in one.replaced if (told := self.holder(stage))],
        }


def _keys(holder: Holder | None) -> tuple[Whom, ...]:
    return () if holder is None else ((holder.squad_id, None), (holder.squad_id, holder.lead_person_id))


def _concerned(before: Held, after: Held) -> set[Whom]:
    """The squads and lead officers who answer for other cells than before."""
    concerned: set[Whom] = set()
    for cell in before.keys() & after.keys():
        concerned |= set(_keys(before[cell])) ^ set(_keys(after[cell]))
    return concerned


def _warnings(changed: Changed, loads: Mapping[uuid.UUID, Load]) -> list[dict[str, Any]]:
    given = [one.cell for one in changed.cells if one.stage.holder is not None]
    empty = [cell.code for cell in given if not loads[cell.id].outlets]
    warnings = []
    if empty:
        detail = "这些网格内没有在业零售户。There is no outlet in business in these cells."
        warnings.append({"code": "cell_without_outlets", "detail": detail, "cells": empty})
    if changed.unchanged:
        detail = "这些网格无须变更，保持原样。These cells are left as they are, for nothing would change."
        codes = [cell.code for cell in changed.unchanged]
        warnings.append({"code": "duty_unchanged", "detail": detail, "cells": codes})
    return warnings


def _load_changes(
    names: _Names, concerned: set[Whom], before: Held, after: Held, loads: Mapping[uuid.UUID, Load]
) -> dict[str, Any]:
    names.learn(holder for held in (before, after) for holder in held.values())

    def load(held: Held, whom: Whom) -> dict[str, Any]:
        total = Load()
        for cell, holder in held.items():
            if whom in _keys(holder):
                total.add(loads[cell])
        return figures_of(total)

    lines = [
        {
            "squad_id": squad_id,
            "squad": names.squads[squad_id],
            "lead_person_id": lead_id,
            "lead": names.people[lead_id] if lead_id else None,
            "before": load(before, (squad_id, lead_id)),
            "after": load(after, (squad_id, lead_id)),
        }
        for squad_id, lead_id in concerned
    ]
    lines.sort(key=lambda line: (line["squad"], line["lead"] or "", str(line["lead_person_id"])))
    return {
        "squads": [line for line in lines if line["lead_person_id"] is None],
        "leads": [line for line in lines if line["lead_person_id"] is not None],
        "travel": TRAVEL,
    }
