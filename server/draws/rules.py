"""The draw itself (双随机): which outlets, and which officers go to each, from a frozen pool and a seed.

Pure and without a choice of its own: whoever has the published file gets the same teams, see docs/draws.md.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from server.cadence.population import Population, PopulationKind, draw, in_drawn_order

FORMAT = "xunge-draw-1"

Recusal = tuple[str, str | None]
"""Certificate number and the licence number that the officer may not go to; ``None`` for all of them (回避)."""


class Unreadable(ValueError):
    """A published file that does not have the shape of one; the message says where."""


class TooSmall(ValueError):
    """A pool from which the rule cannot be met; ``shortages`` names each outlet without enough officers."""

    def __init__(self, shortages: Sequence[Shortage], outlets: int, officers: int) -> None:
        self.shortages = tuple(shortages)
        self.outlets, self.officers = outlets, officers
        super().__init__(f"{outlets} outlets, {officers} officers, {len(self.shortages)} without a team")


@dataclass(frozen=True, slots=True)
class Shortage:
    """An outlet to which too few may go: how many may, and how many of those are of another squad."""

    licence_no: str
    eligible: int
    from_other_squads: int


@dataclass(frozen=True, slots=True)
class PooledOutlet:
    """An outlet that may be drawn, with its credit grade and the squad that is responsible for its cell."""

    licence_no: str
    grade: str
    squad: str | None


@dataclass(frozen=True, slots=True)
class Team:
    """Who goes to an outlet, by certificate number in the order of their places."""

    licence_no: str
    cert_nos: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The team as it is published."""
        return {"licence_no": self.licence_no, "cert_nos": list(self.cert_nos)}


@dataclass(frozen=True, slots=True)
class Pool:
    """What is frozen before the seed exists.

    ``officers`` are certificate number → squad. Of the outlets ``count`` are drawn, or ``percent`` of each credit
    grade, rounded up. A team has ``team_size`` officers, of whom at least ``from_other_squads`` are of another squad
    than the outlet's.
    """

    key: str
    outlets: Mapping[str, PooledOutlet]
    officers: Mapping[str, str | None]
    recusals: frozenset[Recusal]
    count: int | None
    percent: Mapping[str, int]
    team_size: int
    from_other_squads: int
    _barred: Mapping[str | None, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        barred: dict[str | None, set[str]] = defaultdict(set)
        for cert_no, licence_no in self.recusals:
            barred[licence_no].add(cert_no)
        object.__setattr__(self, "_barred", {where: frozenset(who) for where, who in barred.items()})

    @classmethod
    def from_json(cls, frozen: Mapping[str, Any]) -> Self:
        """The pool of a frozen document. Raises Unreadable."""
        try:
            if frozen["format"] != FORMAT:
                raise Unreadable(f"format is {frozen['format']!r} and not {FORMAT!r}")
            outlets = [
                PooledOutlet(one["licence_no"], one["grade"], one["squad"]) for one in frozen["outlets"]
            ]
            chosen: Mapping[str, Any] = frozen["choose"]
            pool = cls(
                key=str(frozen["key"]),
                outlets={one.licence_no: one for one in outlets},
                officers={one["cert_no"]: one["squad"] for one in frozen["officers"]},
                recusals=recusals_of(frozen["recusals"]),
                count=int(chosen["count"]) if "count" in chosen else None,
                percent={grade: int(share) for grade, share in chosen.get("percent", {}).items()},
                team_size=int(frozen["team"]["size"]),
                from_other_squads=int(frozen["team"]["from_other_squads"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"the frozen pool: {type(error).__name__} {error}") from error
        whole = len(pool.outlets) == len(outlets) and len(pool.officers) == len(frozen["officers"])
        if not whole or not 0 <= pool.from_other_squads <= pool.team_size or pool.team_size < 1:
            raise Unreadable("the frozen pool names somebody twice, or its rule cannot be met by any team")
        return pool

    def eligible(self, licence_no: str, without: frozenset[Recusal] = frozenset()) -> set[str]:
        """Who may go to an outlet: everybody of the pool but those recused for it or altogether."""
        nobody: frozenset[str] = frozenset()
        barred = self._barred.get(licence_no, nobody) | self._barred.get(None, nobody)
        return set(self.officers) - barred - {who for who, where in without if where in (None, licence_no)}

    def of_other_squads(self, licence_no: str, cert_nos: Iterable[str]) -> set[str]:
        """Those of them who are of another squad than the outlet's; whoever is in no squad is of another."""
        own = self.outlets[licence_no].squad
        return {cert_no for cert_no in cert_nos if own is None or self.officers[cert_no] != own}


def canonical(document: Mapping[str, Any]) -> str:
    """The one text of a document: JSON with sorted keys and nothing between them (RFC 8785 for what is used here)."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256_of(text: str) -> str:
    """SHA-256 of the text as UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def recusals_of(rows: Iterable[Mapping[str, Any]]) -> frozenset[Recusal]:
    """Recusals as they are published, read back."""
    return frozenset((one["cert_no"], one["licence_no"]) for one in rows)


def recusals_to_json(recusals: Iterable[Recusal]) -> list[dict[str, Any]]:
    """Recusals as they are published: sorted, those for all outlets first."""
    ordered = sorted(recusals, key=lambda one: (one[0], one[1] or ""))
    return [{"cert_no": cert_no, "licence_no": licence_no} for cert_no, licence_no in ordered]


def check_pool(pool: Pool) -> None:
    """Make sure that every draw from the pool succeeds. Raises TooSmall."""
    counts = Counter(outlet.grade for outlet in pool.outlets.values())
    some = any(counts[grade] and share for grade, share in pool.percent.items())
    chosen = int(some) if pool.count is None else pool.count
    shortages = []
    for licence_no in sorted(pool.outlets):
        eligible = pool.eligible(licence_no)
        others = pool.of_other_squads(licence_no, eligible)
        if len(eligible) < pool.team_size or len(others) < pool.from_other_squads:
            shortages.append(Shortage(licence_no, len(eligible), len(others)))
    if shortages or not 0 < chosen <= len(pool.outlets):
        raise TooSmall(shortages, len(pool.outlets), len(pool.officers))


def draw_teams(pool: Pool, seed: str) -> tuple[Team, ...]:
    """The outlets drawn, in the order of the draw, each with its team. Raises TooSmall.

    Outlets go by SHA-256 of ``seed:key:licence``; the officers of each by that of ``seed:key:licence:certificate``
    among those with the fewest outlets so far. Places for other squads are filled first.
    """
    check_pool(pool)
    if pool.count is None:
        population = Population(PopulationKind.SAMPLE, pool.percent, seed)
        grades = {licence_no: outlet.grade for licence_no, outlet in pool.outlets.items()}
        licences = in_drawn_order(seed, pool.key, draw(population, pool.key, grades))
    else:
        licences = in_drawn_order(seed, pool.key, pool.outlets)[: pool.count]
    loads: Counter[str] = Counter()
    return tuple(_fill(pool, seed, Team(licence_no, ()), loads) for licence_no in licences)


def draw_replacements(
    pool: Pool,
    teams: Sequence[Team],
    seed: str,
    cert_no: str,
    licences: Sequence[str],
    left_out: frozenset[Recusal],
) -> tuple[Team, ...]:
    """The new teams of these outlets without ``cert_no``, whose places are drawn anew with a seed of their own.

    Who stays keeps his place and the newcomer has the last. ``left_out`` are recusals that became known after the
    pool was frozen, and whoever dropped out before. Raises TooSmall where nobody is left for a place.
    """
    loads = Counter(name for team in teams for name in team.cert_nos)
    without = left_out | {(cert_no, None)}
    made = []
    for team in teams:
        if team.licence_no in licences:
            kept = tuple(name for name in team.cert_nos if name != cert_no)
            made.append(_fill(pool, seed, Team(team.licence_no, kept), loads, without))
    return tuple(made)


def _fill(
    pool: Pool, seed: str, team: Team, loads: Counter[str], without: frozenset[Recusal] = frozenset()
) -> Team:
    """The team with its empty places filled; ``loads`` (outlets so far, by officer) is counted on."""
    members = list(team.cert_nos)
    eligible = pool.eligible(team.licence_no, without)
    order = in_drawn_order(seed, f"{pool.key}:{team.licence_no}", eligible)
    rank = {cert_no: number for number, cert_no in enumerate(order)}
    while len(members) < pool.team_size:
        free = eligible - set(members)
        if len(pool.of_other_squads(team.licence_no, members)) < pool.from_other_squads:
            free = pool.of_other_squads(team.licence_no, free)
        if not free:
            found = pool.of_other_squads(team.licence_no, eligible)
            shortage = Shortage(team.licence_no, len(eligible), len(found))
            raise TooSmall([shortage], len(pool.outlets), len(pool.officers))
        chosen = min(free, key=lambda cert_no: (loads[cert_no], rank[cert_no]))
        loads[chosen] += 1
        members.append(chosen)
    return Team(team.licence_no, tuple(members))


@dataclass(frozen=True, slots=True)
class Rerun:
    """A published file drawn again: the teams as they stand after every round, and each thing that does not agree."""

    pool_sha256: str
    teams: tuple[Team, ...]
    faults: tuple[str, ...]


def draw_again(published: Mapping[str, Any]) -> Rerun:
    """Draw again from a published file alone: the pool's hash, the draw, every replacement. Raises Unreadable, TooSmall."""
    try:
        frozen, rounds = published["frozen"], list(published["rounds"])
        told = published["pool_sha256"], [_team_of(one) for one in published["teams"]]
        pool = Pool.from_json(frozen)
        faults = []
        found = sha256_of(canonical(frozen))
        if found != told[0]:
            faults.append(f"pool_sha256: {told[0]} ≠ {found}")
        teams: list[Team] = []
        for number, one in enumerate(rounds):
            if one["round"] != number:
                raise Unreadable(f"round {one['round']} stands where {number} should")
            made = _round(pool, teams, one)
            if [_team_of(team) for team in one["teams"]] != list(made):
                faults.append(f"round {number}: {canonical(one)[:200]}")
            changed = {team.licence_no: team for team in made}
            teams = [changed.get(team.licence_no, team) for team in teams] if number else list(made)
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"the published file: {type(error).__name__} {error}") from error
    if teams != told[1]:
        faults.append("teams: not those that the rounds lead to")
    return Rerun(found, tuple(teams), tuple(faults))


def _round(pool: Pool, teams: Sequence[Team], one: Mapping[str, Any]) -> tuple[Team, ...]:
    if one["round"] == 0:
        return draw_teams(pool, one["seed"])
    return draw_replacements(
        pool, teams, one["seed"], one["cert_no_out"], one["licences"], recusals_of(one["left_out"])
    )


def _team_of(row: Mapping[str, Any]) -> Team:
    return Team(row["licence_no"], tuple(row["cert_nos"]))
