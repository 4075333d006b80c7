"""Who answers for a cell, day by day: what follows from the words that were ever said about it. Pure functions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple


class Holder(NamedTuple):
    """Who answers for a cell (责任到人): one squad and one lead officer."""

    squad_id: uuid.UUID
    lead_person_id: uuid.UUID


class Stage(NamedTuple):
    """Who answers for a cell from a day on, until the next stage begins; nobody where the cell is vacant."""

    from_day: date
    holder: Holder | None


class Word(NamedTuple):
    """One fact: a stage as it was said, and by which change; ``None`` where it was said before changes were kept."""

    stage: Stage
    change_id: uuid.UUID | None


def plan_of(words: Iterable[Word]) -> list[Stage]:
    """The stages that follow from words in the order in which they were said: each replaces whatever was to hold from
    its first day on.
    """
    plan: list[Stage] = []
    for word in words:
        plan = [stage for stage in plan if stage.from_day < word.stage.from_day]
        plan.append(word.stage)
    return plan


def stage_on(plan: Sequence[Stage], day: date) -> Stage | None:
    """The stage that has begun by a day, or ``None`` before the first."""
    return next((stage for stage in reversed(plan) if stage.from_day <= day), None)


def holder_on(plan: Sequence[Stage], day: date) -> Holder | None:
    """Who answers on a day; nobody where the cell is vacant."""
    stage = stage_on(plan, day)
    return stage.holder if stage else None


def after(plan: Sequence[Stage], day: date) -> list[Stage]:
    """The stages that begin later than a day, which a word from that day on replaces."""
    return [stage for stage in plan if stage.from_day > day]


def changes_nothing(plan: Sequence[Stage], stage: Stage) -> bool:
    """Whether everybody would answer on every day as he does already."""
    holders = [holder_on(plan, stage.from_day), *(later.holder for later in after(plan, stage.from_day))]
    return all(holder == stage.holder for holder in holders)


def put_back(words: Sequence[Word], change_id: uuid.UUID) -> list[Stage]:
    """What has to be said for a cell's plan to be as if a change had never been made; nothing where it is so already.

    ``words`` are those of the cell that stand. What the change replaced comes back with its own first day.
    """
    others = [word for word in words if word.change_id != change_id]
    changed = next(word.stage.from_day for word in words if word.change_id == change_id)
    before, now = plan_of(others), plan_of(words)
    if before == now:
        return []
    begun = stage_on(before, changed) or Stage(changed, None)
    return [begun, *after(before, changed)]
