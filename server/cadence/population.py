"""Whom a tier is about: every subject, those with an open finding, or a sample that anyone can draw again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from schemas.vocabulary import CreditGrade

UNGRADED = "ungraded"
"""Stands for the subjects whose credit has not been graded."""

GRADES = (*(grade.value for grade in CreditGrade), UNGRADED)


class PopulationKind(StrEnum):
    """How a tier's subjects are chosen among those that owe at all."""

    ALL = "all"
    OPEN_FINDINGS = "open_findings"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a tier is about. A sample has, by credit grade, the percentage drawn and a published ``seed``.

    A sample without one is left to a draw (``by_draw``), whose seed does not exist before the pool is frozen.
    """

    kind: PopulationKind = PopulationKind.ALL
    percent: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    seed: str | None = None

    @property
    def by_draw(self) -> bool:
        """Whether nobody owes a period before a draw has made its sample."""
        return self.kind is PopulationKind.SAMPLE and self.seed is None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Population:
        """What a policy keeps of it, read back."""
        return cls(PopulationKind(value["kind"]), dict(value.get("percent") or {}), value.get("seed"))

    def to_json(self) -> dict[str, Any]:
        """What a policy keeps of it."""
        kept: dict[str, Any] = {"kind": self.kind.value}
        if self.kind is PopulationKind.SAMPLE:
            kept["percent"] = dict(self.percent)
            kept |= {"by_draw": True} if self.by_draw else {"seed": self.seed}
        return kept


@dataclass(frozen=True, slots=True)
class Finding:
    """That a finding is open, or is not any more, from ``from_day`` on; a later known one of that day corrects it."""

    finding_id: UUID
    from_day: date
    is_open: bool
    known_at: datetime


def draw(population: Population, key: str, pool: Mapping[str, str]) -> tuple[str, ...]:
    """The licence numbers drawn for the period ``key`` from ``pool`` (licence number → credit grade), sorted.

    Within each grade the licences are put in order of SHA-256 over ``seed:key:licence`` (UTF-8, in hexadecimal), and
    the first of them are taken, as many as the grade's percentage of them rounded up. Whoever has the seed and the
    pool gets the same, in any language; adding or leaving out a licence moves no other past its neighbours.
    """
    drawn: list[str] = []
    for grade in GRADES:
        licences = (licence for licence, held in pool.items() if held == grade)
        members = in_drawn_order(population.seed or "", key, licences)
        drawn += members[: -(-len(members) * population.percent.get(grade, 0) // 100)]
    return tuple(sorted(drawn))


def in_drawn_order(seed: str, key: str, names: Iterable[str]) -> list[str]:
    """The names in order of SHA-256 over ``seed:key:name`` (UTF-8, in hexadecimal), in whatever order they came."""
    return sorted(names, key=lambda name: (hashlib.sha256(f"{seed}:{key}:{name}".encode()).hexdigest(), name))


def has_open_finding(findings: Iterable[Finding], day: date, as_of: datetime) -> bool:
    """Whether any finding was open on ``day``, as known by ``as_of``."""
    latest: dict[UUID, Finding] = {}
    for finding in findings:
        if finding.from_day <= day and finding.known_at <= as_of:
            known = latest.get(finding.finding_id)
            if known is None or _order(finding) > _order(known):
                latest[finding.finding_id] = finding
    return any(finding.is_open for finding in latest.values())


def _order(finding: Finding) -> tuple[date, datetime, bool]:
    return finding.from_day, finding.known_at, finding.is_open
