"""What a record tells of a dispatch: of one that it is about, of the patrol that it ends, or of the one that a road-check
session is by itself.

Everything here takes a record that its schemas let through, of a form that may not be known here, and never fails on one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.kernel.ids import parse_id
from server.patrols.drawing import told_run
from server.records.head_counts import MOST_PEOPLE, people_listed, plates_listed, vehicles_only_told

MOST_UNNAMED = 100


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a record tells of a dispatch.

    ``people``: each once, None for somebody told without an id. ``plates``: each once; ``unnamed`` more vehicles are told
    by number alone. ``partners``: units in the order of the form, with their people where told. ``patrol_id`` is the
    patrol that it was.
    """

    task: str | None
    joint_mode: str | None
    people: list[uuid.UUID | None]
    plates: list[str]
    unnamed: int
    partners: list[tuple[str, int | None]]
    patrol_id: uuid.UUID | None = None


def drawn(document: Mapping[str, Any]) -> Drawn | None:
    """The dispatch that a record tells of; None for a road check that names one, for the beginning of a patrol, which may
    still be broken off, and for every other kind.
    """
    kind, answers = document["kind"], document["answers"]
    run = told_run(document)
    tells = {
        "dispatch": True,
        "road_check": not document.get("dispatch_id"),
        "patrol": run is not None and run.act == "end",
    }
    if not tells.get(kind):
        return None
    mode = answers.get("joint_mode")
    return Drawn(
        task=_text(answers.get("road" if kind == "road_check" else "task"), 500),
        joint_mode=mode if mode in ("regular", "mobile") else None,
        people=[parse_id(one) for one in people_listed(document)],
        plates=plates_listed(document),
        unnamed=min(vehicles_only_told(document), MOST_UNNAMED) if kind == "road_check" else 0,
        partners=_partners(answers.get("partner_units")),
        patrol_id=run.patrol_id if run else None,
    )


def _partners(value: Any) -> list[tuple[str, int | None]]:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    named = ((_text(row.get("name"), 100), row.get("people")) for row in rows)
    return [
        (name, int(people) if isinstance(people, int | float) and 0 <= people <= MOST_PEOPLE else None)
        for name, people in named
        if name
    ]


def _text(value: Any, longest: int) -> str | None:
    return value.strip()[:longest] or None if isinstance(value, str) else None
