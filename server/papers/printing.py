"""Printing a paper: what it says is gathered, set and noted with its digest, for a paper shows persons in full."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from schemas.vocabulary import PaperKind
from server.cadence.duty_models import DutySubject
from server.evidence.jobs import small_name
from server.evidence.media import EDGES, Undrawable, draw_small
from server.evidence.models import EvidenceFile, RecordFile
from server.evidence.storage import LocalDisk
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Bureau, Person
from server.outlets.models import Outlet, Site
from server.papers.amendments import words_on
from server.papers.composing import compose, papers_of
from server.papers.model import Amendment, PaperModel, Signatures, SubjectTold, Told
from server.papers.models import Paper
from server.papers.pdf import as_data, pdf_of
from server.papers.verifying import code_of, digest_of
from server.records.models import Record
from server.records.queries import form_of
from server.records.reading import visible_record

# A record is called by the number of what it is as a whole, not of the order that it gave.
_BY_THEMSELVES = tuple(kind.value for kind in PaperKind if kind is not PaperKind.RECTIFICATION_ORDER)


@dataclass(frozen=True, slots=True)
class Printed:
    """A paper that was printed."""

    model: PaperModel
    pdf: bytes
    sha256: str

    @property
    def file_name(self) -> str:
        """What the file is called where nobody says otherwise: its title and its number, or its code."""
        return f"{self.model.title} {self.model.number or self.model.verification.code}.pdf"


def list_papers(work: Work, record_id: uuid.UUID) -> list[dict[str, Any]]:
    """The papers that a record gives: kind, title, numbers, code, and how often and when last each was printed.

    Raises:
        Problem: ``not_found``.
    """
    record = visible_record(work, record_id)
    digest = digest_of(record.document)
    rows = work.session.execute(
        select(Paper.kind, func.count(), func.max(Paper.printed_at))
        .where(Paper.record_id == record.id)
        .group_by(Paper.kind)
    )
    printed = {kind: (times, last) for kind, times, last in rows}
    return [
        {
            "kind": kind.value,
            "title": kind.label_zh,
            "number": record.numbers.get(kind.value),
            "provisional_no": record.document.get("provisional_no"),
            "code": code_of(kind, record.id, digest),
            "times_printed": printed.get(kind.value, (0, None))[0],
            "printed_at": printed.get(kind.value, (0, None))[1],
        }
        for kind in papers_of(record.document)
    ]


def print_paper(
    work: Work, record_id: uuid.UUID, kind: PaperKind | None = None, *, with_photos: bool = False
) -> Printed:
    """Set a paper as PDF and note that it was printed, by whom and with which digest.

    Raises:
        Problem: ``not_found``; ``paper_unknown``; ``unavailable`` where the machine lacks Pango.
    """
    record = visible_record(work, record_id)
    model, told = _paper_of(work, record, kind)
    wanted = {
        one.sha256
        for section in model.sections
        for block in section.blocks
        if isinstance(block, Signatures)
        for one in block.items
        if one.sha256
    }
    if with_photos:
        wanted |= {photo.sha256 for photo in model.photos} & told.received
    pictures = {sha256: _picture(work, sha256) for sha256 in sorted(wanted)}
    pdf = pdf_of(model, record.received_at, pictures, received=told.received, with_photos=with_photos)
    printed = Printed(model, pdf, hashlib.sha256(pdf).hexdigest())
    _note(work, record, printed)
    return printed


def _note(work: Work, record: Record, printed: Printed) -> None:
    model = printed.model
    row = Paper(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        record_id=record.id,
        kind=model.kind.value,
        number=model.number,
        document_sha256=model.verification.sha256,
        sha256=printed.sha256,
        printed_at=work.now,
        account_id=work.actor.account_id,
    )
    work.session.add(row)
    work.session.flush()
    record_event(
        work, "paper.printed", [record.id, row.id], kind=row.kind, number=row.number, sha256=row.sha256
    )


def _paper_of(work: Work, record: Record, kind: PaperKind | None) -> tuple[PaperModel, Told]:
    kinds = papers_of(record.document)
    if not kinds or (kind is not None and kind not in kinds):
        given = "、".join(one.label_zh for one in kinds) or "无"
        raise Problem(
            "paper_unknown",
            detail=f"该记录没有这种文书（可出具：{given}）。The record gives no such paper; it gives: "
            f"{', '.join(kinds) or 'none'}.",
        )
    form = form_of(work.session, record)
    told = _told(work, record)
    title, schema = (form.title, form.answers_schema) if form else ("", None)
    return compose(kind or kinds[0], record.document, title, schema, told), told


def _told(work: Work, record: Record) -> Told:
    words = words_on(work.session, record)
    effective = record in words
    at = words.index(record) if effective else len(words)
    amendments = [
        Amendment(str(word.id), word.received_at, word.document.get("amend_reason")) for word in words
    ]
    received = select(RecordFile.sha256).filter_by(bureau_id=record.bureau_id, record_id=record.id)
    return Told(
        bureau=work.session.scalars(select(Bureau.name).filter_by(id=record.bureau_id)).one(),
        zone=work.zone,
        names=_names(work, record),
        subject=_subject(work, record),
        clock_offset_s=record.clock_offset_s,
        numbers=record.numbers,
        effective=effective,
        earlier=tuple(amendments[:at]),
        later=tuple(amendments[at + 1 :]),
        received=frozenset(work.session.scalars(received)),
        public_url=work.settings.public_url,
    )


def _names(work: Work, record: Record) -> dict[str, str]:
    """What the ids in the document are called: people by their names, records by their own official numbers."""
    ids = [uuid.UUID(one) for one in _ids_in(record.document)]
    people = work.session.execute(
        select(Person.id, Person.name).where(among(Person.id, ids), Person.bureau_id == record.bureau_id)
    )
    records = work.session.execute(
        select(Record.id, Record.numbers).where(
            among(Record.id, ids), Record.bureau_id == record.bureau_id, Record.id != record.id
        )
    )
    numbers = {str(one): given[kind] for one, given in records for kind in _BY_THEMSELVES if kind in given}
    return {str(person): name for person, name in people} | numbers


def _ids_in(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _ids_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids_in(inner)
    elif isinstance(value, str) and len(value) == 36 and value.count("-") == 4:
        try:
            yield str(uuid.UUID(value))
        except ValueError:
            return


def _subject(work: Work, record: Record) -> SubjectTold | None:
    """Whom the record is about, by the register as it stands now."""
    if record.subject_id is None:
        return None
    key = {"id": record.subject_id, "bureau_id": record.bureau_id}
    if record.subject_kind == "outlet":
        if outlet := work.session.scalar(select(Outlet).filter_by(**key)):
            return SubjectTold(outlet.name, outlet.licence_no, outlet.holder_name, outlet.address)
    elif record.subject_kind == "site":
        if site := work.session.scalar(select(Site).filter_by(**key)):
            return SubjectTold(site.name, address=site.facts.get("address"))
    elif known := work.session.scalar(select(DutySubject).filter_by(**key, kind=record.subject_kind)):
        return SubjectTold(known.name)
    return None


def _picture(work: Work, sha256: str) -> str | None:
    """A received picture to be printed, ``None`` for what cannot be drawn."""
    storage, edge = LocalDisk(work.settings.files_dir), max(EDGES)
    try:
        with storage.open_derived(small_name(sha256, edge)) as small:
            return as_data(small.read())
    except FileNotFoundError:
        pass
    media_type = work.session.scalars(
        select(EvidenceFile.media_type).filter_by(bureau_id=work.bureau_id, sha256=sha256)
    ).one_or_none()
    try:
        with storage.open(sha256) as original:
            return as_data(draw_small(original, media_type or "")[edge])
    except (FileNotFoundError, Undrawable):
        return None
