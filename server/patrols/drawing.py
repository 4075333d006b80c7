"""What a record of kind ``patrol`` tells: that a team began or ended its patrol, and who was out in between.

It proves no inspection and nobody's attendance: positions are taken between the two, and are no part of it.
Everything here takes a record that its schemas let through, of a form that may not be known here, and never fails on one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.kernel.ids import parse_id
from server.records.head_counts import people_listed

MOST_METRES = 10_000_000


@dataclass(frozen=True, slots=True)
class ToldRun:
    """What a record tells of a patrol's run: ``act`` is ``start`` or ``end``, ``metres`` what the handheld measured.

    ``people`` are those who were out and are known by an id.
    """

    patrol_id: uuid.UUID | None
    act: str
    metres: int | None
    people: frozenset[uuid.UUID]


def told_run(document: Mapping[str, Any]) -> ToldRun | None:
    """The beginning or the end of a patrol that a record tells of; None for every other record."""
    answers = document["answers"]
    act = answers.get("act")
    if document["kind"] != "patrol" or act not in ("start", "end"):
        return None
    metres = answers.get("metres")
    measured = isinstance(metres, int | float) and not isinstance(metres, bool)
    return ToldRun(
        patrol_id=parse_id(answers.get("patrol_id")),
        act=act,
        metres=int(metres) if measured and 0 <= metres <= MOST_METRES else None,
        people=frozenset(one for told in people_listed(document) if (one := parse_id(told)) is not None),
    )
