"""What reports count, drawn out of a record's answers into rows of tables of its own.

The rows carry the names of the columns that the answers fill; identities, the bureau and the cell are added
by who writes them. Everything here takes a record that its schemas let through, or one whose form is not known here, and
never fails on one: what cannot be read fills no column, and stays in the document.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypedDict

from schemas.record import DATE_PATTERN, TIMESTAMP_PATTERN
from server.records.goods import GoodsRow, OutcomeRow, goods_rows, outcome_row, rows_of
from server.records.head_counts import plate_of

_SHA256 = re.compile("[0-9a-f]{64}")
_DAY, _MOMENT = re.compile(DATE_PATTERN), re.compile(TIMESTAMP_PATTERN)


class OfficerRow(TypedDict):
    """A row of ``record_officer``; ordinals count from 1 in the order of signing."""

    ordinal: int
    person_id: uuid.UUID | None
    cert_no: str | None


class StopRow(TypedDict):
    """A row of ``road_stop``; ``stick_total`` counts sticks of cigarettes, ``plate`` is written as plates are compared."""

    ordinal: int
    stopped_at: datetime
    plate: str | None
    vehicle_kind: str
    goods_found: bool
    permit: str | None
    disposal: str
    stick_total: int


class FileRow(TypedDict):
    """A row of ``declared_file``; each file once, at its first place in the document."""

    sha256: str
    ordinal: int
    kind: str


class RectificationRow(TypedDict):
    """A new row of ``rectification`` (责令改正), open."""

    subject_kind: str
    subject_id: uuid.UUID
    demand: str
    due_on: date
    status: str


@dataclass(frozen=True, slots=True)
class Extract:
    """All rows that one record gives."""

    officers: list[OfficerRow]
    stops: list[StopRow]
    goods: list[GoodsRow]
    outcome: OutcomeRow | None
    files: list[FileRow]
    rectifications: list[RectificationRow]


def extract(document: Mapping[str, Any]) -> Extract:
    """The rows of a record.

    What a row cannot do without is filled from the record when it was not answered: a stop is then taken to
    be made at the record's start, by another vehicle, and released. A rectification is ordered of a known
    subject, with a demand and a day only: rectification of a depot is the postal authority's, and no row of
    ours.
    """
    answers = document["answers"]
    goods = goods_rows(answers)
    return Extract(
        officers=[
            {
                "ordinal": ordinal,
                "person_id": _uuid(officer.get("person_id")),
                "cert_no": officer.get("cert_no"),
            }
            for ordinal, officer in enumerate(document["officers"], start=1)
        ],
        stops=[
            _stop_row(ordinal, stop, document["started_at"], goods)
            for ordinal, stop in enumerate(rows_of(answers, "stops"), start=1)
        ],
        files=_files(document),
        goods=goods,
        outcome=outcome_row(answers),
        rectifications=_rectifications(document),
    )


def _stop_row(ordinal: int, stop: Mapping[str, Any], started_at: str, goods: list[GoodsRow]) -> StopRow:
    own = [row for row in goods if row["stop_ordinal"] == ordinal]
    found = stop.get("goods_found")
    return {
        "ordinal": ordinal,
        "stopped_at": moment_of(stop.get("stopped_at")) or datetime.fromisoformat(started_at),
        "plate": plate_of(stop.get("plate")) or None,
        "vehicle_kind": _text(stop.get("vehicle_kind")) or "other",
        "goods_found": found if isinstance(found, bool) else bool(own),
        "permit": _text(stop.get("permit")),
        "disposal": _text(stop.get("disposal")) or "release",
        "stick_total": sum(row["sticks"] for row in own),
    }


def _rectifications(document: Mapping[str, Any]) -> list[RectificationRow]:
    answers, subject_id = document["answers"], _uuid(document.get("subject_id"))
    order, kind = answers.get("rectify"), document.get("subject_kind")
    if answers.get("disposal") != "rectify" or not isinstance(order, dict) or subject_id is None or not kind:
        return []
    demand, due_on = _text(order.get("demand")), day_of(order.get("due_on"))
    if not demand or due_on is None:
        return []
    return [
        {
            "subject_kind": kind,
            "subject_id": subject_id,
            "demand": demand,
            "due_on": due_on,
            "status": "open",
        }
    ]


def _files(document: Mapping[str, Any]) -> list[FileRow]:
    """The photos of the envelope, and every text of the answers that is a SHA-256 and nothing else.

    The answers are searched by the look of the text and not by the form, so that a form that the server does not know
    declares its files as well. Only a patrol has a track: what another record calls so is kept as long as its photos.
    """
    named = {"signatures": "signature"} | ({"track": "track"} if document["kind"] == "patrol" else {})
    kinds = dict.fromkeys((photo["sha256"] for photo in document["photos"]), "photo")
    waiting: list[tuple[str, Any]] = [("photo", document["answers"])]
    while waiting:
        kind, value = waiting.pop()
        if isinstance(value, dict):
            within = (
                (named.get(name, kind), inner)
                for name, inner in value.items()
                # What a co-signature is over is a record and no file.
                if name != "document_sha256"
            )
            waiting += reversed(list(within))
        elif isinstance(value, list):
            waiting += [(kind, inner) for inner in reversed(value)]
        elif isinstance(value, str) and len(value) == 64 and _SHA256.fullmatch(value):
            kinds.setdefault(value, kind)
    return [
        {"sha256": sha256, "ordinal": ordinal, "kind": kind}
        for ordinal, (sha256, kind) in enumerate(kinds.items(), start=1)
    ]


def moment_of(value: Any) -> datetime | None:
    """A moment as the wire writes it (schemas.record.TIMESTAMP_PATTERN), ``None`` for everything else.

    Its years are those that can be reckoned with: an hour before the year 1 or after 9999 is no moment in Python.
    """
    return datetime.fromisoformat(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else None


def day_of(value: Any) -> date | None:
    """A day as the wire writes it (schemas.record.DATE_PATTERN), ``None`` for everything else."""
    return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _uuid(value: str | None) -> uuid.UUID | None:
    return uuid.UUID(value) if value else None
