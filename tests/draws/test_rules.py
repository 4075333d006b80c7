"""The draw itself: the same for everybody who has the file, fair, and never anybody who is recused."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.cadence.population import GRADES
from server.draws.rules import (
    FORMAT,
    Pool,
    Recusal,
    Team,
    TooSmall,
    Unreadable,
    canonical,
    check_pool,
    draw_again,
    draw_replacements,
    draw_teams,
    recusals_to_json,
    sha256_of,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "draws.json").read_text(encoding="utf-8"))
SQUADS = ("一中队", "二中队", "三中队")
seeds = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def frozen_pools(draw: st.DrawFn, *, recusals: bool = True) -> dict[str, Any]:
    """A pool as it is frozen: a few outlets and officers of three squads or of none, with any rule."""
    licences = draw(st.lists(st.integers(0, 99_999), min_size=1, max_size=9, unique=True))
    officers = draw(st.lists(st.integers(0, 999), min_size=2, max_size=9, unique=True))
    squads = st.sampled_from([*SQUADS, None])
    size = draw(st.integers(1, 3))
    outlets = [
        {"licence_no": f"9902811{one:05d}", "grade": draw(st.sampled_from(GRADES)), "squad": draw(squads)}
        for one in licences
    ]
    people = [{"cert_no": f"样执{one:05d}", "squad": draw(squads)} for one in officers]
    chosen: dict[str, Any] = {"count": draw(st.integers(1, len(licences)))}
    if draw(st.booleans()):
        chosen = {"percent": {grade: draw(st.integers(0, 100)) for grade in GRADES}}
    pairs = st.tuples(
        st.sampled_from([one["cert_no"] for one in people]),
        st.sampled_from([None, *(one["licence_no"] for one in outlets)]),
    )
    barred: set[Recusal] = draw(st.sets(pairs, max_size=4)) if recusals else set()
    return {
        "format": FORMAT,
        "key": "2026-Q3",
        "choose": chosen,
        "team": {"size": size, "from_other_squads": draw(st.integers(0, size))},
        "outlets": outlets,
        "officers": people,
        "recusals": recusals_to_json(barred),
    }


def drawn(frozen: dict[str, Any], seed: str) -> tuple[Pool, tuple[Team, ...]]:
    """The pool and its teams; a pool that is too small is another test's."""
    pool = Pool.from_json(frozen)
    try:
        teams = draw_teams(pool, seed)
    except TooSmall:
        assume(False)
        raise
    return pool, teams


def by_hand(frozen: dict[str, Any], seed: str) -> list[tuple[str, list[str]]]:
    """Another hand, from the words of docs/draws.md alone."""

    def rank(*words: str) -> str:
        return hashlib.sha256(":".join([seed, frozen["key"], *words]).encode()).hexdigest()

    by_grade: dict[str, list[str]] = {}
    for one in frozen["outlets"]:
        by_grade.setdefault(one["grade"], []).append(one["licence_no"])
    if "count" in frozen["choose"]:
        everybody = sorted((one["licence_no"] for one in frozen["outlets"]), key=lambda one: rank(one))
        licences = everybody[: frozen["choose"]["count"]]
    else:
        licences = []
        for grade, members in by_grade.items():
            share = frozen["choose"]["percent"].get(grade, 0)
            licences += sorted(members, key=lambda one: rank(one))[: math.ceil(len(members) * share / 100)]
        licences.sort(key=lambda one: rank(one))
    squad_of = {one["licence_no"]: one["squad"] for one in frozen["outlets"]}
    barred = {(one["cert_no"], one["licence_no"]) for one in frozen["recusals"]}
    loads: Counter[str] = Counter()
    teams = []
    for licence in licences:
        team: list[str] = []
        for _place in range(frozen["team"]["size"]):
            own = squad_of[licence]
            strangers = [one["cert_no"] for one in frozen["officers"] if own is None or one["squad"] != own]
            others_missing = len(set(team) & set(strangers)) < frozen["team"]["from_other_squads"]
            free = [
                one["cert_no"]
                for one in frozen["officers"]
                if one["cert_no"] not in team
                and not {(one["cert_no"], licence), (one["cert_no"], None)} & barred
                and (not others_missing or one["cert_no"] in strangers)
            ]
            chosen = min(free, key=lambda one: (loads[one], rank(licence, one)))
            loads[chosen] += 1
            team.append(chosen)
        teams.append((licence, team))
    return teams


@given(frozen_pools(), seeds, st.randoms(use_true_random=False))
def test_anybody_draws_the_same_in_whatever_order_the_pool_is_read(
    frozen: dict[str, Any], seed: str, shuffler: random.Random
) -> None:
    _, teams = drawn(frozen, seed)
    assert [(team.licence_no, list(team.cert_nos)) for team in teams] == by_hand(frozen, seed)
    other = copy.deepcopy(frozen)
    for name in ("outlets", "officers", "recusals"):
        shuffler.shuffle(other[name])
    assert drawn(other, seed)[1] == teams


@given(frozen_pools(), seeds)
def test_a_team_is_whole_never_recused_and_from_other_squads_as_the_rule_says(
    frozen: dict[str, Any], seed: str
) -> None:
    pool, teams = drawn(frozen, seed)
    if pool.count is not None:
        assert len(teams) == pool.count
    assert len({team.licence_no for team in teams}) == len(teams)
    for team in teams:
        assert len(set(team.cert_nos)) == len(team.cert_nos) == pool.team_size
        assert not {(one, team.licence_no) for one in team.cert_nos} & pool.recusals
        assert not {(one, None) for one in team.cert_nos} & pool.recusals
        own = pool.outlets[team.licence_no].squad
        others = [one for one in team.cert_nos if own is None or pool.officers[one] != own]
        assert len(others) >= pool.from_other_squads


@given(frozen_pools(recusals=False), seeds)
def test_nobody_goes_twice_while_somebody_else_has_not_gone(frozen: dict[str, Any], seed: str) -> None:
    frozen["team"]["from_other_squads"] = 0
    pool, teams = drawn(frozen, seed)
    loads = Counter(dict.fromkeys(pool.officers, 0))
    for team in teams:
        loads.update(team.cert_nos)
        assert max(loads.values()) - min(loads.values()) <= 1


@given(frozen_pools(), seeds)
def test_with_recusals_each_place_goes_to_one_of_those_with_the_fewest(
    frozen: dict[str, Any], seed: str
) -> None:
    pool, teams = drawn(frozen, seed)
    loads: Counter[str] = Counter()
    for team in teams:
        for number, chosen in enumerate(team.cert_nos):
            before = team.cert_nos[:number]
            might = pool.eligible(team.licence_no) - set(before)
            if len(pool.of_other_squads(team.licence_no, before)) < pool.from_other_squads:
                might = pool.of_other_squads(team.licence_no, might)
            assert loads[chosen] == min(loads[one] for one in might)
            loads[chosen] += 1


@given(frozen_pools(), seeds)
def test_a_pool_that_passed_can_always_be_drawn_and_another_never(frozen: dict[str, Any], seed: str) -> None:
    pool = Pool.from_json(frozen)
    try:
        check_pool(pool)
    except TooSmall:
        with pytest.raises(TooSmall):
            draw_teams(pool, seed)
        return
    assert len(draw_teams(pool, seed)) > 0


@given(frozen_pools(), seeds, seeds, st.data())
def test_a_replacement_moves_one_place_only_and_anybody_draws_it_again(
    frozen: dict[str, Any], seed: str, later: str, data: st.DataObject
) -> None:
    pool, teams = drawn(frozen, seed)
    assume(teams)
    out = data.draw(st.sampled_from([one for team in teams for one in team.cert_nos]))
    licences = [team.licence_no for team in teams if out in team.cert_nos]
    pairs = st.tuples(st.sampled_from(sorted(pool.officers)), st.sampled_from([None, *licences]))
    left_out = frozenset(data.draw(st.sets(pairs, max_size=2)))
    try:
        changed = draw_replacements(pool, teams, later, out, licences, left_out)
    except TooSmall:
        return
    before = {team.licence_no: team for team in teams}
    assert [team.licence_no for team in changed] == licences
    for team in changed:
        kept = [one for one in before[team.licence_no].cert_nos if one != out]
        assert list(team.cert_nos[:-1]) == kept
        newcomer = team.cert_nos[-1]
        assert newcomer not in (*kept, out)
        assert not {(newcomer, team.licence_no), (newcomer, None)} & (pool.recusals | left_out)
        others = pool.of_other_squads(team.licence_no, team.cert_nos)
        assert len(others) >= pool.from_other_squads
    standing = {**before, **{team.licence_no: team for team in changed}}
    again = draw_again(published(frozen, (seed, teams), (later, out, licences, left_out, changed), standing))
    assert again.faults == ()


def published(frozen: dict[str, Any], first: Any, second: Any, standing: dict[str, Team]) -> dict[str, Any]:
    seed, teams = first
    later, out, licences, left_out, changed = second
    return {
        "frozen": frozen,
        "pool_sha256": sha256_of(canonical(frozen)),
        "rounds": [
            {"round": 0, "seed": seed, "teams": [team.to_json() for team in teams]},
            {
                "round": 1,
                "seed": later,
                "cert_no_out": out,
                "licences": licences,
                "left_out": recusals_to_json(left_out),
                "teams": [team.to_json() for team in changed],
            },
        ],
        "teams": [team.to_json() for team in standing.values()],
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["frozen"]["name"]))
def test_the_golden_draws_come_out_as_they_were_written_down(vector: dict[str, Any]) -> None:
    again = draw_again(vector)
    assert again.faults == ()
    assert [team.to_json() for team in again.teams] == vector["teams"]
    first = [(team["licence_no"], team["cert_nos"]) for team in vector["rounds"][0]["teams"]]
    assert first == by_hand(vector["frozen"], vector["rounds"][0]["seed"])
    text = json.dumps(vector["frozen"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == vector["pool_sha256"]


def _another_seed(one: dict[str, Any]) -> None:
    one["rounds"][0]["seed"] += "0"


def _another_pool(one: dict[str, Any]) -> None:
    one["frozen"]["officers"][0]["squad"] = "别的中队"


def _another_team(one: dict[str, Any]) -> None:
    one["teams"][0]["cert_nos"].reverse()


def _another_newcomer(one: dict[str, Any]) -> None:
    one["rounds"][-1]["teams"][0]["cert_nos"][-1] = one["rounds"][-1]["cert_no_out"]


@pytest.mark.parametrize("change", [_another_seed, _another_pool, _another_team, _another_newcomer])
def test_whatever_was_changed_afterwards_is_told(change: Any) -> None:
    vector = copy.deepcopy(VECTORS[-1])
    change(vector)
    assert draw_again(vector).faults


def test_a_file_that_is_no_published_draw_is_unreadable() -> None:
    whole = VECTORS[-1]
    wrong: list[Any] = [[], {}, 7, {**whole, "rounds": [{}]}, {**whole, "frozen": {"format": "another"}}]
    wrong += [{**whole, "teams": None}, {**whole, "frozen": {**whole["frozen"], "team": {"size": "two"}}}]
    twice = copy.deepcopy(whole)
    twice["frozen"]["officers"].append(twice["frozen"]["officers"][0])
    unordered = {**whole, "rounds": list(reversed(whole["rounds"]))}
    for one in [*wrong, twice, unordered]:
        with pytest.raises(Unreadable):
            draw_again(one)
