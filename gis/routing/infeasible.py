"""Stand-in until the solver lands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gis.routing.days import RoutingDay


class Code(StrEnum):
    TOO_FAR = "too_far"


@dataclass(frozen=True, slots=True)
class Reason:
    code: Code
    turn: str | None = None
    task: str | None = None
    detail: Mapping[str, int] = field(default_factory=dict)


def explain(day: RoutingDay) -> list[Reason]:
    return []
