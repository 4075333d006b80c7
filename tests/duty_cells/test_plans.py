"""The rules of who answers for a cell, against a model that knows every day by itself."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.grids.duty_plans import (
    Holder,
    Stage,
    Word,
    after,
    changes_nothing,
    holder_on,
    plan_of,
    put_back,
    stage_on,
)

FIRST = date(2026, 7, 1)
HORIZON = [FIRST + timedelta(days=n) for n in range(-1, 22)]
HOLDERS = [Holder(uuid.UUID(int=squad), uuid.UUID(int=10 + lead)) for squad in range(2) for lead in range(2)]
days = st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n))
stages = st.builds(Stage, days, st.sampled_from([*HOLDERS, None]))
histories = st.lists(stages, max_size=8)


def told(history: list[Stage]) -> list[Word]:
    """Every stage said by a change of its own."""
    return [Word(stage, uuid.UUID(int=number)) for number, stage in enumerate(history)]


def by_day(history: list[Stage]) -> dict[date, Holder | None]:
    """The model: every word paints all days from its first on."""
    known: dict[date, Holder | None] = dict.fromkeys(HORIZON)
    for stage in history:
        known.update({day: stage.holder for day in HORIZON if day >= stage.from_day})
    return known


@given(histories)
def test_a_plan_says_of_every_day_what_was_said_last(history: list[Stage]) -> None:
    plan = plan_of(told(history))
    assert {day: holder_on(plan, day) for day in HORIZON} == by_day(history)
    assert [stage.from_day for stage in plan] == sorted({stage.from_day for stage in plan})


@given(histories, days)
def test_a_day_cuts_a_plan_in_two(history: list[Stage], day: date) -> None:
    plan = plan_of(told(history))
    begun = stage_on(plan, day)
    assert [stage for stage in plan if stage.from_day <= day][-1:] == ([begun] if begun else [])
    assert [stage.from_day > day for stage in after(plan, day)] == [True] * len(after(plan, day))


@given(histories, stages)
def test_a_word_changes_nothing_exactly_where_no_day_changes_hands(
    history: list[Stage], stage: Stage
) -> None:
    same = by_day(history) == by_day([*history, stage])
    assert changes_nothing(plan_of(told(history)), stage) == same


@given(st.lists(stages, min_size=1, max_size=8), st.data())
def test_what_is_put_back_makes_the_plan_as_if_the_change_had_never_been(
    history: list[Stage], data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(history) - 1))
    back = put_back(told(history), uuid.UUID(int=which))
    without = history[:which] + history[which + 1 :]
    assert by_day([*history, *back]) == by_day(without)
    # Nobody's first day is lost by it.
    wanted, now = plan_of(told(without)), plan_of(told([*history, *back]))
    held = [stage for stage in now if stage.holder is not None]
    assert held == [stage for stage in wanted if stage.holder is not None]


@given(st.lists(stages, min_size=2, max_size=6), st.data())
def test_changes_are_taken_back_in_any_order(history: list[Stage], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(history))))
    standing = dict(enumerate(told(history)))
    said = list(history)
    for which in order:
        said += put_back(list(standing.values()), uuid.UUID(int=which))
        del standing[which]
        assert by_day(said) == by_day([word.stage for word in standing.values()])
