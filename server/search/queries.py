"""The records that a search finds, always from those that the actor may see."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, cast, func, literal, or_, select

from schemas.vocabulary import SubjectKind
from server.approvals.rules import number_as_written
from server.cadence.duty_models import DutySubject
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.problems import invalid
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.outlets.models import Outlet, Site
from server.privacy.masking import mask_name, mask_plate
from server.records.head_counts import plate_of
from server.records.models import Record, RecordOfficer, RecordOutcome, RoadStop
from server.records.queries import visible_to
from server.search.folding import fold, pairs
from server.search.models import RecordText

_AROUND = 24
"""Characters shown on either side of what was looked for."""


def find(work: Work, asked: Mapping[str, Any]) -> Select[Record]:
    """The records that meet every condition given, unordered; ``asked`` is as schemas.search.SearchQuery reads it.

    Raises:
        Problem: ``invalid`` for a word of one character.
    """
    found = visible_to(work.actor)
    for name in ("subject_id", "squad_id", "cell_id", "kind", "visit_kind"):
        if asked.get(name) is not None:
            found = found.where(getattr(Record, name) == asked[name])
    if asked.get("valid") is not None:
        found = found.where(Record.valid == asked["valid"])
    if asked.get("since"):
        found = found.where(Record.performed_at >= asked["since"])
    if asked.get("until"):
        found = found.where(Record.performed_at < asked["until"])
    for condition in _conditions(work, asked):
        found = found.where(condition)
    return found


def _conditions(work: Work, asked: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if asked.get("approval_no"):
        # Compared as records are written, whatever brackets a keyboard has.
        conditions.append(Record.approval_no == (number_as_written(asked["approval_no"]) or ""))
    if asked.get("licence_no"):
        shops = select(Outlet.id).filter_by(bureau_id=work.bureau_id, licence_no=asked["licence_no"])
        conditions.append(Record.subject_id.in_(shops))
    if asked.get("officer_id"):
        signed = select(RecordOfficer.record_id).filter_by(person_id=asked["officer_id"])
        conditions.append(Record.id.in_(signed))
    if asked.get("plate"):
        # Whoever looks for a plate knows it: it is compared whole, and shown masked.
        stopped = select(RoadStop.record_id).filter_by(
            bureau_id=work.bureau_id, plate=plate_of(asked["plate"])
        )
        conditions.append(Record.id.in_(stopped))
    if asked.get("finding"):
        conditions.append(
            or_(
                Record.findings.contains([{"code": asked["finding"]}]),
                Record.flags.contains([asked["finding"]]),
            )
        )
    outcome = select(RecordOutcome.record_id).where(RecordOutcome.record_id == Record.id)
    for name in ("cause", "disposal", "result"):
        if asked.get(name):
            conditions.append(outcome.where(getattr(RecordOutcome, name) == asked[name]).exists())
    if asked.get("number"):
        numbered = func.jsonb_path_exists(
            Record.numbers,
            "$.* ? (@ == $no)",
            func.jsonb_build_object("no", number_as_written(asked["number"])),
        )
        conditions.append(numbered)
    if asked.get("bbox"):
        box = func.ST_MakeEnvelope(*asked["bbox"], 4326)
        # The cells lead to the records that lie there; a record without one is looked at by itself.
        cells = select(GridCell.id).where(GridCell.bureau_id == work.bureau_id, GridCell.geom.op("&&")(box))
        place = func.coalesce(_place_of(work, Outlet), _place_of(work, Site), Record.position)
        conditions.append(and_(or_(Record.cell_id.in_(cells), Record.cell_id.is_(None)), place.op("&&")(box)))
    if words := fold(asked.get("q") or "").split():
        conditions.append(_holds(words))
    return conditions


def _place_of(work: Work, place: type[Outlet | Site]) -> Any:
    own = select(place.geom).where(place.id == Record.subject_id, place.bureau_id == work.bureau_id)
    return own.scalar_subquery()


def _holds(words: Sequence[str]) -> ColumnElement[bool]:
    """True for records whose text has every word, wherever it stands."""
    if any(len(word) < 2 for word in words):
        raise invalid("/q", "word_too_short", "每个词至少两个字。Each word needs two characters at least.")
    wanted = sorted(set().union(*(pairs(word) for word in words)))
    # The pairs lead to the few that may hold the words; whether they stand in that order is then looked at.
    held = [RecordText.pairs.contains(cast(literal(wanted, ARRAY(Text)), ARRAY(Text)))]
    held += [func.strpos(RecordText.text, word) > 0 for word in words]
    return Record.id.in_(select(RecordText.record_id).where(*held))


def described(work: Work, records: Sequence[Record], q: str | None = None) -> list[dict[str, Any]]:
    """Records as a search tells of them: subject, cell, squad, who was there, plates masked, and where the words stand."""
    ids = [record.id for record in records]
    subjects = _subjects(work, {record.subject_id for record in records if record.subject_id})
    cells = _named(work, GridCell, GridCell.code, {record.cell_id for record in records if record.cell_id})
    squads = _named(work, Squad, Squad.name, {record.squad_id for record in records if record.squad_id})
    people, plates = _people(work, ids), _plates(work, ids)
    outcomes = {
        one.record_id: one
        for one in work.session.scalars(select(RecordOutcome).where(among(RecordOutcome.record_id, ids)))
    }
    words = fold(q or "").split()
    texts = _texts(work, ids) if words else {}
    return [
        {
            **{name: getattr(record, name) for name in _PLAIN},
            "cause": outcome.cause if (outcome := outcomes.get(record.id)) else None,
            "subject_name": subjects.get(record.subject_id, (None, None))[0],
            "licence_no": subjects.get(record.subject_id, (None, None))[1],
            "cell_code": cells.get(record.cell_id),
            "squad_name": squads.get(record.squad_id),
            "officers": people.get(record.id, []),
            "plates": [mask_plate(plate) for plate in plates.get(record.id, [])],
            "numbers": sorted(str(number) for number in record.numbers.values()),
            "excerpt": excerpt(texts.get(record.id, ""), words),
        }
        for record in records
    ]


_PLAIN = (
    *("id", "kind", "form_code", "form_version", "visit_kind", "performed_at", "received_at", "valid"),
    *("subject_kind", "subject_id", "cell_id", "squad_id", "amends_id", "flags"),
)


def shown_name(kind: str, name: str) -> str:
    """A subject's name as lists have it: a household's, a complainant's and an unlicensed seller's is a person's."""
    return (
        mask_name(name)
        if kind in (SubjectKind.HOUSEHOLD, SubjectKind.COMPLAINT, SubjectKind.UNLICENSED)
        else name
    )


def excerpt(text: str, words: Sequence[str]) -> str | None:
    """What stands around the first word that is there, of a folded text."""
    for word in words:
        at = text.find(word)
        if at >= 0:
            start, end = max(0, at - _AROUND), at + len(word) + _AROUND
            return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
    return None


def _subjects(work: Work, ids: set[uuid.UUID]) -> dict[uuid.UUID | None, tuple[str | None, str | None]]:
    told: dict[uuid.UUID | None, tuple[str | None, str | None]] = {}
    # A record may name whatever its device wrote into it; only what is of the bureau has a name here.
    owing = select(DutySubject.id, DutySubject.kind, DutySubject.name).filter_by(bureau_id=work.bureau_id)
    for row in work.session.execute(owing.where(among(DutySubject.id, sorted(ids)))):
        told[row.id] = (shown_name(row.kind, row.name), None)
    sites = select(Site.id, Site.name).filter_by(bureau_id=work.bureau_id)
    found = work.session.execute(sites.where(among(Site.id, sorted(ids))))
    told |= {row.id: (row.name, None) for row in found}
    outlets = (
        select(Outlet.id, Outlet.name, Outlet.licence_no)
        .filter_by(bureau_id=work.bureau_id)
        .where(among(Outlet.id, sorted(ids)))
    )
    return told | {row.id: (row.name, row.licence_no) for row in work.session.execute(outlets)}


def _named(work: Work, table: Any, name: Any, ids: set[uuid.UUID]) -> dict[uuid.UUID | None, str]:
    rows = work.session.execute(select(table.id, name).where(among(table.id, sorted(ids))))
    return {row[0]: row[1] for row in rows}


def _people(work: Work, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    rows = work.session.execute(
        select(RecordOfficer.record_id, Person.name)
        .join(Person, Person.id == RecordOfficer.person_id)
        .where(among(RecordOfficer.record_id, ids))
        .order_by(RecordOfficer.record_id, RecordOfficer.ordinal)
    )
    return _grouped(rows)


def _plates(work: Work, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    rows = work.session.execute(
        select(RoadStop.record_id, RoadStop.plate)
        .where(among(RoadStop.record_id, ids), RoadStop.plate.is_not(None))
        .order_by(RoadStop.record_id, RoadStop.ordinal)
    )
    return _grouped(rows)


def _texts(work: Work, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = work.session.execute(
        select(RecordText.record_id, RecordText.text).where(among(RecordText.record_id, ids))
    )
    return {row.record_id: row.text for row in rows}


def _grouped(rows: Any) -> dict[uuid.UUID, list[str]]:
    grouped: dict[uuid.UUID, list[str]] = {}
    for record_id, value in rows:
        grouped.setdefault(record_id, []).append(value)
    return grouped
