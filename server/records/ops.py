"""Receiving records from devices: check the shape, look round, judge, store, tell cadence, announce."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.access.clocks import Measured, settle_clock
from server.access.contacts import measured_clock
from server.cadence.timeline import edition_on
from server.grids.ops import announce, announce_to, hold_cells
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, parse_id
from server.kernel.work import Work
from server.org.models import Squad
from server.records.amended_orders import settle_orders
from server.records.amending import follow_visits, hold_told, link_amendments
from server.records.co_signing import follow_co_signatures
from server.records.consequences import tell_cadence
from server.records.extraction import extract
from server.records.forms import FormDefinition, compile_answers, compile_envelope
from server.records.hints import hints_of
from server.records.kinds import OF_NO_PLACE
from server.records.rules import Certificates, CheckPolicy, Presence, judge, performed_at
from server.records.scanned import Scanned, scans_of
from server.records.storing import Judged, store_records
from server.records.surroundings import KnownForm, Surrounding, certificates_for, forms_for, look_round
from sync.collection import Outcome, Reader, Result, Row


def receive_records(work: Work, reader: Reader, rows: Sequence[Row]) -> list[Result]:
    """The push operation of ``records``: insert only, and nothing well formed is refused.

    A record whose shape cannot be stored is quarantined with what is wrong; one that is stored already gives the
    device the stored state with its stamp, as a replay or, with another edit of the same id, as a conflict;
    everything else is stored, judged and explained.
    """
    results: dict[int, Result] = {}
    sound: list[Row] = []
    forms = forms_for(work, [row.document for row in rows if _names_form(row)])
    for row in rows:
        review = _shape_faults(row, forms)
        if review:
            results[row.ordinal] = Result(Outcome.QUARANTINED, review)
        else:
            sound.append(row)
    surroundings = look_round(work, [row.document for row in sound])
    certificates = certificates_for(work, [row.document for row in sound])
    squads = _squads(work, sound)
    scans = scans_of(
        work,
        [(row.document["answers"], found.licence_no) for row, found in zip(sound, surroundings, strict=True)],
    )
    claims = (row.document.get("clock_offset_s") for row in sound)
    measured = measured_clock(work, [claim for claim in claims if claim is not None])
    fresh: list[tuple[Row, Judged, FormDefinition | None]] = []
    for row, surrounding, scanned in zip(sound, surroundings, scans, strict=True):
        if surrounding.known_edit_id is not None:
            same = surrounding.known_edit_id == row.edit_id
            results[row.ordinal] = Result(Outcome.REPLAYED if same else Outcome.CONFLICT)
            continue
        form = forms.get((row.document["form_code"], row.document["form_version"]))
        judged = _judged(work, reader, row, form, surrounding, scanned, certificates, squads, measured)
        fresh.append((row, judged, form.definition if form else None))
    # All at once and in one order, before a foreign key takes them row by row: whoever gives cells away claims them so.
    hold_cells(
        work.session, sorted({one.surrounding.cell_id for _, one, _ in fresh if one.surrounding.cell_id})
    )
    stored = store_records(work, [judged for _, judged, _ in fresh]) if fresh else set()
    for row, judged, _ in fresh:
        results[row.ordinal] = Result(Outcome.ACCEPTED if judged.id in stored else Outcome.CONFLICT)
    _tell(work, [(judged, definition) for _, judged, definition in fresh if judged.id in stored])
    return [results[row.ordinal] for row in rows]


def _names_form(row: Row) -> bool:
    code, version = row.document.get("form_code"), row.document.get("form_version")
    return isinstance(code, str) and isinstance(version, int) and 0 <= version < 2**31


def _shape_faults(row: Row, forms: dict[tuple[str, int], KnownForm]) -> list[dict[str, str]]:
    """What keeps the document from being stored at all: its envelope, or answers of another shape than the form's."""
    if row.document.get("_deleted"):
        return [{"code": "record_not_deletable", "path": "/_deleted", "detail": "记录不能删除，只能更正。"}]
    faults = compile_envelope()(row.document)
    if faults:
        return faults
    form = forms.get((row.document["form_code"], row.document["form_version"]))
    return compile_answers(form.definition)(row.document["answers"]) if form else []


def _judged(
    work: Work,
    reader: Reader,
    row: Row,
    form: KnownForm | None,
    surrounding: Surrounding,
    scanned: Scanned,
    certificates: Certificates,
    squads: set[uuid.UUID],
    measured: Measured,
) -> Judged:
    document, definition = row.document, form.definition if form else None
    claimed_s = document.get("clock_offset_s")
    clock = settle_clock(int(claimed_s) if claimed_s is not None else None, measured)
    tier = CadenceTier(definition.tier) if definition and definition.tier else None
    at = performed_at(datetime.fromisoformat(document["started_at"]), clock.offset_s)
    judgement = judge(
        document,
        definition,
        _asked(work, tier, at.astimezone(work.zone).date()),
        Presence(surrounding.distance_m, surrounding.converted),
        certificates,
        clock=clock,
        subject_known=surrounding.subject_known,
        zone=work.zone,
        # A row that was kept and is tried again was received when it first came: that it waited is not the officer's.
        received_at=reader.retry.received_at if reader.retry else work.now,
    )
    flags = [*judgement.flags, *scanned.flags]
    if reader.retry is not None and reader.retry.corrected:
        flags.append("corrected_at_desk")
    if form is not None and form.effective_from is not None and at < form.effective_from:
        flags.append("form_not_yet_in_force")
    if form is not None and form.retired_at is not None and at >= form.retired_at:
        flags.append("form_retired")
    allowed = definition.demands.site_kinds if definition else ()
    if surrounding.site_kind is not None and allowed and surrounding.site_kind not in allowed:
        flags.append("site_kind_not_of_form")
    if document["kind"] not in OF_NO_PLACE:
        if surrounding.cell_id is not None and not surrounding.in_scope:
            flags.append("out_of_scope")
        if surrounding.cell_id is None:
            flags.append("cell_unknown")
        elif parse_id(document.get("cell_id")) not in (None, surrounding.cell_id):
            flags.append("cell_differs")
    if work.actor.push_only:
        flags.append("device_expired" if work.actor.expired else "device_revoked")
    squad = parse_id(document.get("squad_id"))
    return Judged(
        id=row.id,
        device_edit_id=row.edit_id,
        edit_id=new_edit_id(),
        document=document,
        clock_offset_s=clock.offset_s,
        performed_at=at,
        surrounding=surrounding,
        judgement=type(judgement)(judgement.valid, judgement.findings, flags),
        extract=extract(document),
        hints=[*hints_of(document), *scanned.hints],
        scans=scanned.rows,
        squad_id=squad if squad in squads else None,
    )


def _asked(work: Work, tier: CadenceTier | None, day: date) -> CheckPolicy:
    """What the policy asks of a tier's check on that day; without a policy the law's own minimum."""
    late_after = _late_after(work)
    edition = edition_on(work, day)
    row = edition.tiers.get(tier) if edition and tier else None
    if row is None:
        return CheckPolicy(late_after=late_after)
    return CheckPolicy(row.min_officers, row.radius_m, row.max_accuracy_m, row.min_duration_s, late_after)


def _late_after(work: Work) -> timedelta:
    return timedelta(hours=work.settings.late_after_hours)


def _squads(work: Work, rows: Sequence[Row]) -> set[uuid.UUID]:
    named = {squad for row in rows if (squad := parse_id(row.document.get("squad_id"))) is not None}
    if not named:
        return set()
    return set(
        work.session.scalars(select(Squad.id).where(Squad.id.in_(named), Squad.bureau_id == work.bureau_id))
    )


def _tell(work: Work, stored: Sequence[tuple[Judged, FormDefinition | None]]) -> None:
    """After storing: facts for cadence, the feed of the cells and of everybody on the record, one event.

    What a kind of record is to the nouns above (a registration list to custody, a clue to clues) they draw out before
    commit: upkeep knows them by ``record.<kind>``.
    """
    if not stored:
        return
    amended = link_amendments(work, [record.id for record, _ in stored])
    hold_told(work, amended, [record.id for record, _ in stored])
    tell_cadence(work, stored, amended)
    follow_visits(work, amended)
    settle_orders(work, amended)
    work.wrote("record", [record.id for record, _ in stored])
    follow_co_signatures(work, [record for record, _ in stored])
    for record, _ in stored:
        work.wrote(f"record.{record.document['kind']}", [record.id])
    announce(work, "records", [(record.id, record.surrounding.cell_id) for record, _ in stored])
    announce_to(
        work,
        (
            (record.id, record.surrounding.cell_id, person)
            for record, _ in stored
            for person in (*record.people, work.actor.person_id)
            if person is not None
        ),
    )
    record_event(work, "records.received", [record.id for record, _ in stored])
