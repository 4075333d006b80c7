"""Whom a tier is about: a sample that anyone can draw again, and open findings as they were known."""

from __future__ import annotations

import hashlib
import math
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from server.cadence.population import (
    GRADES,
    Finding,
    Population,
    PopulationKind,
    draw,
    has_open_finding,
)
from tests.cadence.small_histories import at

licences = st.integers(0, 99_999).map(lambda number: f"9902811{number:05d}")
pools = st.dictionaries(licences, st.sampled_from(GRADES), max_size=60)
percents = st.fixed_dictionaries({grade: st.integers(0, 100) for grade in GRADES})
keys = st.sampled_from(["2026-W49", "2026-12", "2027-Q1"])


def sample(percent: dict[str, int], seed: str) -> Population:
    return Population(PopulationKind.SAMPLE, percent, seed)


@given(pools, percents, st.text(max_size=20), keys)
def test_anyone_can_draw_it_again(pool: dict[str, str], percent: dict[str, int], seed: str, key: str) -> None:
    """Another hand, from the published rule alone: order each grade by its hash, take the percentage rounded up."""
    again: set[str] = set()
    for grade in set(pool.values()):
        ranked = sorted(
            (hashlib.sha256((seed + ":" + key + ":" + licence).encode()).hexdigest(), licence)
            for licence in pool
            if pool[licence] == grade
        )
        again |= {licence for _, licence in ranked[: math.ceil(len(ranked) * percent[grade] / 100)]}
    drawn = draw(sample(percent, seed), key, pool)
    assert set(drawn) == again
    assert list(drawn) == sorted(drawn)
    assert draw(sample(percent, seed), key, dict(reversed(pool.items()))) == drawn


@given(pools, percents, st.text(max_size=20), keys, licences)
def test_a_licence_more_pushes_at_most_one_of_its_grade_out(
    pool: dict[str, str], percent: dict[str, int], seed: str, key: str, newcomer: str
) -> None:
    before = set(draw(sample(percent, seed), key, pool))
    after = set(draw(sample(percent, seed), key, {**pool, newcomer: pool.get(newcomer, "A")}))
    assert len(before - after) <= 1


def test_another_period_draws_others() -> None:
    pool = {f"9902811{number:05d}": "A" for number in range(200)}
    ten = sample(dict.fromkeys(GRADES, 10), "2026-11-20 福彩3D 4 1 7")
    assert len(draw(ten, "2027-Q1", pool)) == 20
    assert draw(ten, "2027-Q1", pool) != draw(ten, "2027-Q2", pool)


def test_a_policy_keeps_its_population() -> None:
    for population in (Population(), Population(PopulationKind.OPEN_FINDINGS), sample({"A": 10}, "种子")):
        assert Population.from_json(population.to_json()) == population


finding_facts = st.builds(
    lambda number, day, is_open, known: Finding(
        UUID(int=number),
        date(2026, 9, 1) + timedelta(days=day),
        is_open,
        at("2026-09-01") + timedelta(hours=known),
    ),
    st.integers(1, 2),
    st.integers(0, 20),
    st.booleans(),
    st.integers(0, 500),
)


@given(st.lists(finding_facts, max_size=8), finding_facts, st.integers(0, 20), st.integers(0, 500))
def test_what_is_learned_later_of_a_finding_changes_nothing(
    facts: list[Finding], more: Finding, day: int, known: int
) -> None:
    on, as_of = date(2026, 9, 1) + timedelta(days=day), at("2026-09-01") + timedelta(hours=known)
    later = Finding(more.finding_id, more.from_day, more.is_open, as_of + timedelta(seconds=1))
    assert has_open_finding([*facts, later], on, as_of) == has_open_finding(facts, on, as_of)


def test_a_finding_is_open_until_it_is_closed() -> None:
    first, last = date(2026, 9, 3), date(2026, 9, 10)
    opened = Finding(UUID(int=1), first, True, at("2026-09-03"))
    closed = Finding(UUID(int=1), last, False, at("2026-09-10"))
    other = Finding(UUID(int=2), first, True, at("2026-09-12"))
    now = at("2026-09-11")
    assert not has_open_finding([opened, closed], date(2026, 9, 2), now)
    assert has_open_finding([opened, closed], date(2026, 9, 9), now)
    assert not has_open_finding([opened, closed, other], last, now)
    assert has_open_finding([opened, closed, other], last, at("2026-09-12"))
