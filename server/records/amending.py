"""Linking amendments to what they amend, and what that means for the visit that the record tells of.

A final record is never written over: an amendment (更正) is another record, which says the whole again, with its reason
and its author. It is linked once both are here, whichever comes first, and stands from then on if whoever sent it was on
the record or leads its squad. The next one that stands takes its place; none is ever taken back.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.orm import aliased

from schemas.vocabulary import CadenceTier, Performed, performed
from server.cadence.histories import hold_subjects
from server.cadence.models import VisitFact
from server.cadence.ops import note_facts
from server.grids.ops import announce
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id
from server.kernel.work import Work
from server.org.models import SquadMember
from server.records.amended import changes_evidence
from server.records.amended_orders import settle_orders
from server.records.kinds import SUBJECTS, deed_of
from server.records.models import OF_ITS_FORM, Amendment, Form, Record, RecordOfficer

CONTESTED, EVIDENCE_AMENDED = "amendment_contested", "amends_place_or_time"
BATCH = 500
"""Amendments that are linked in one transaction of the night: each original's turn is a lock that the server remembers."""
# What cannot be read, or does not say why it was written, changes nothing.
BARRING = frozenset({"amend_reason_missing", "form_unknown"})
_NOT_ENTITLED = {
    "code": "amender_not_entitled",
    "path": "/amends_id",
    "detail": "只有原记录的人员或该中队负责人可以更正，请由他们提交更正记录。",
}
_OTHER_KIND = {
    "code": "amends_other_kind",
    "path": "/kind",
    "detail": "更正记录与原记录种类不同，请另行登记，或按原种类更正。",
}

# Amendments that nothing links yet: those given, those that amend what is given, and so on.
_PENDING = text(
    """
    with recursive touched as (
        select given.id from unnest(cast(:given as uuid[])) as given(id)
        union
        select record.id from record join touched on record.amends_id = touched.id
    )
    select record.id, record.amends_id
    from record join touched using (id)
    where record.amends_id is not null and record.bureau_id = :bureau_id
      and not exists (select from amendment where amendment.record_id = record.id)
    """
)
_COLUMNS = (
    Record.id,
    Record.amends_id,
    Record.kind,
    Record.squad_id,
    Record.cell_id,
    Record.pushed_by,
    Record.valid,
    Record.findings,
    Record.flags,
    Record.document,
)


@dataclass(slots=True)
class _Words:
    """A record and its amendments so far: who may amend it, and what was said last."""

    people: set[uuid.UUID]
    # Of each amendment what it amends, whether it stands and who sent it; in their order.
    linked: dict[uuid.UUID, tuple[uuid.UUID, bool, uuid.UUID]] = field(default_factory=dict)

    def contested_by(self, target: uuid.UUID, author: uuid.UUID) -> bool:
        """Whether one of those that stand is another's and neither what this one amends nor behind it."""
        seen: set[uuid.UUID] = set()
        while target in self.linked and target not in seen:
            seen.add(target)
            target, _, _ = self.linked[target]
        return any(stands and by != author for one, (_, stands, by) in self.linked.items() if one not in seen)


def link_amendments(work: Work, record_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Link what can be linked now that these records are stored; the originals of which another word stands since.

    Those have their visits noted anew: later versions of the same facts, so reports as of an earlier moment stay.
    """
    given = {"given": f"{{{','.join(map(str, record_ids))}}}", "bureau_id": work.bureau_id}
    pending: dict[uuid.UUID, uuid.UUID] = dict(work.session.execute(_PENDING, given).all())
    ready = _ready(work, pending)
    if not ready:
        return set()
    originals = sorted(set(ready.values()))
    for original_id in originals:
        # Two that amend one record at once would each be its first amendment.
        turn = func.pg_advisory_xact_lock(func.hashtextextended(f"amend:{original_id}", 0))
        work.session.execute(select(turn))
    return _link(work, pending, ready, originals)


def _ready(work: Work, pending: Mapping[uuid.UUID, uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The pending amendments whose original is here, each after what it amends, with that original."""
    targets = sorted(set(pending.values()) - set(pending))
    first = select(Record.id, func.coalesce(Amendment.original_id, Record.id))
    found = first.outerjoin(Amendment, Amendment.record_id == Record.id).where(
        among(Record.id, targets),
        Record.bureau_id == work.bureau_id,
        Record.amends_id.is_(None) | Amendment.record_id.is_not(None),
    )
    original_of = dict(work.session.execute(found).all()) if targets else {}
    ready: dict[uuid.UUID, uuid.UUID] = {}
    while placed := sorted(one for one in pending if one not in ready and pending[one] in original_of):
        for one in placed:
            ready[one] = original_of[one] = original_of[pending[one]]
    return ready


def _link(
    work: Work,
    pending: Mapping[uuid.UUID, uuid.UUID],
    ready: Mapping[uuid.UUID, uuid.UUID],
    originals: Sequence[uuid.UUID],
) -> set[uuid.UUID]:
    # In the order in which whoever numbers or flags records holds them.
    held = select(Record.id).where(among(Record.id, sorted(ready))).order_by(Record.id)
    work.session.execute(held.with_for_update(key_share=True))
    named = sorted({*ready, *originals, *(pending[one] for one in ready)})
    records = {row.id: row for row in work.session.execute(select(*_COLUMNS).where(among(Record.id, named)))}
    words = _words_of(work, {one: records[one] for one in originals})
    facts: list[dict[str, Any]] = []
    stamped: list[uuid.UUID] = []
    moved: set[uuid.UUID] = set()
    for one, original_id in ready.items():
        record, original, said = records[one], records[original_id], words[original_id]
        findings = [
            *([] if record.pushed_by in said.people else [_NOT_ENTITLED]),
            *([] if record.kind == original.kind else [_OTHER_KIND]),
        ]
        # What it says may well be that the visit was none: it stands all the same, and the visit is not valid.
        barred = BARRING.intersection(finding["code"] for finding in record.findings)
        standing = not findings and not barred
        contested = said.contested_by(pending[one], record.pushed_by)
        flags = [CONTESTED] * contested + [EVIDENCE_AMENDED] * changes_evidence(
            records[pending[one]].document, record.document
        )
        if findings or flags:
            _stamp(work, record, findings, flags)
            stamped.append(one)
        said.linked[one] = (pending[one], standing, record.pushed_by)
        facts.append(
            {
                "bureau_id": work.bureau_id,
                "record_id": one,
                "original_id": original_id,
                "ordinal": len(said.linked),
                "known_at": work.now,
                "stands": standing,
                "contested": contested,
            }
        )
        if standing:
            moved.add(original_id)
        record_event(
            work,
            "record.amended",
            [original_id, one],
            ordinal=len(said.linked),
            stands=standing,
            contested=contested,
        )
    work.session.execute(insert(table_of(Amendment)), facts)
    announce(work, "records", [(one, records[one].cell_id) for one in stamped])
    return moved


def _words_of(work: Work, originals: Mapping[uuid.UUID, Row[Any]]) -> dict[uuid.UUID, _Words]:
    """What is linked to each original so far, and who may amend it: whoever was on it, sent it, or leads its squad."""
    ids = sorted(originals)
    today = work.now.astimezone(work.zone).date()
    leaders: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    leading = select(SquadMember.squad_id, SquadMember.person_id).where(
        SquadMember.squad_id.in_({row.squad_id for row in originals.values() if row.squad_id}),
        SquadMember.leads,
        SquadMember.valid.op("@>")(today),
    )
    for squad_id, person_id in work.session.execute(leading):
        leaders[squad_id].add(person_id)
    words = {one: _Words({row.pushed_by, *leaders[row.squad_id]}) for one, row in originals.items()}
    signed = select(RecordOfficer.record_id, RecordOfficer.person_id)
    for record_id, signer in work.session.execute(signed.where(among(RecordOfficer.record_id, ids))):
        if signer is not None:
            words[record_id].people.add(signer)
    linked = select(
        Amendment.original_id, Amendment.record_id, Record.amends_id, Amendment.stands, Record.pushed_by
    )
    for original_id, one, amended, standing, author in work.session.execute(
        linked.join(Record, Record.id == Amendment.record_id)
        .where(among(Amendment.original_id, ids))
        .order_by(Amendment.original_id, Amendment.ordinal)
    ):
        if amended is not None:
            words[original_id].linked[one] = (amended, standing, author)
    return words


def link_waiting(work: Work, most: int = BATCH) -> int:
    """Link amendments whose original came in another transaction at the same moment, at most so many and what amends
    them in turn; how many waited. Those of before there were links wait too, so call it until it is 0.

    Neither transaction could see the other's record, so neither linked the two.
    """
    original, linked = aliased(Record), aliased(Amendment)
    waiting = (
        select(Record.id)
        .join(original, (original.id == Record.amends_id) & (original.bureau_id == Record.bureau_id))
        .outerjoin(Amendment, Amendment.record_id == Record.id)
        .outerjoin(linked, linked.record_id == original.id)
        .where(
            Record.bureau_id == work.bureau_id,
            Amendment.record_id.is_(None),
            # What amends one that waits itself is linked with it; what goes round in a ring never is.
            original.amends_id.is_(None) | linked.record_id.is_not(None),
        )
        .order_by(Record.id)
        .limit(most)
    )
    found = work.session.scalars(waiting).all()
    amended = link_amendments(work, found)
    hold_told(work, amended, [])
    follow_visits(work, amended)
    settle_orders(work, amended)
    work.wrote("amendment", found)
    return len(found)


def _stamp(work: Work, record: Row[Any], findings: Sequence[dict[str, str]], flags: Iterable[str]) -> None:
    work.session.execute(
        update(table_of(Record))
        .where(table_of(Record).c.id == record.id)
        .values(
            valid=record.valid and not findings,
            findings=[*record.findings, *findings],
            flags=sorted({*record.flags, *flags}),
            edit_id=new_edit_id(),
        )
    )


def hold_told(work: Work, original_ids: Iterable[uuid.UUID], record_ids: Iterable[uuid.UUID]) -> None:
    """Hold the subjects that any word on these originals tells of, and those of the records, at once and in one order.

    A visit that an amendment moves to another subject concerns both; one after the other two pushes would deadlock.
    """
    originals = sorted(original_ids)
    if not originals:
        return
    words = select(Amendment.record_id).where(among(Amendment.original_id, originals))
    told = select(Record.subject_id).where(
        among(Record.id, [*originals, *record_ids]) | Record.id.in_(words), Record.subject_id.is_not(None)
    )
    hold_subjects(work, sorted({one for one in work.session.scalars(told) if one is not None}))


def follow_visits(work: Work, original_ids: Iterable[uuid.UUID]) -> None:
    """Note the visits that these records tell of as their last word tells of them, known from now on.

    What the last word says no more (another checklist, another outlet) is noted as not valid.
    """
    ids = sorted(original_ids)
    if not ids:
        return
    rows = _told(work, ids)
    known: dict[uuid.UUID, dict[str, VisitFact]] = defaultdict(dict)
    versions = select(VisitFact).where(among(VisitFact.record_id, ids)).order_by(VisitFact.known_at)
    for fact in work.session.scalars(versions):
        known[fact.record_id][fact.tier] = fact
    facts: list[dict[str, Any]] = []
    for row in rows:
        facts += _versions(work, row, known[row.original_id])
    hold_subjects(work, sorted({fact["subject_id"] for fact in facts}))
    note_facts(work, facts, [])


def _told(work: Work, ids: Sequence[uuid.UUID]) -> Sequence[Row[Any]]:
    """Of each original its last word, with what its form says."""
    last = (
        select(Amendment.original_id, func.max(Amendment.ordinal).label("ordinal"))
        .where(among(Amendment.original_id, ids), Amendment.stands)
        .group_by(Amendment.original_id)
        .subquery()
    )
    return work.session.execute(
        select(
            Amendment.original_id,
            Record.kind,
            Record.subject_kind,
            Record.subject_id,
            Record.performed_at,
            Record.makes_up,
            Record.valid,
            Record.document,
            Form.tier,
            Form.demands["certified"].as_boolean().label("certified"),
        )
        .join(last, (last.c.original_id == Amendment.original_id) & (last.c.ordinal == Amendment.ordinal))
        .join(Record, Record.id == Amendment.record_id)
        .join(Form, OF_ITS_FORM)
        .order_by(Amendment.original_id)
    ).all()


def _versions(work: Work, row: Row[Any], known: Mapping[str, VisitFact]) -> list[dict[str, Any]]:
    deed = _deed(row)
    said = {fact.makes_up for fact in known.values()}
    facts: list[dict[str, Any]] = []
    if deed is not None:
        before = known.get(deed.value)
        fact = {
            "record_id": row.original_id,
            "subject_kind": SUBJECTS[row.subject_kind].value,
            "subject_id": row.subject_id,
            "tier": deed.value,
            "performed_at": row.performed_at,
            "valid": row.valid,
            # A visit that was linked to a missed check after the fact stays linked.
            "makes_up": row.makes_up or next(iter(said), None),
        }
        if before is None or any(getattr(before, name) != value for name, value in fact.items()):
            facts.append(fact)
            if before is not None and before.subject_id != row.subject_id:
                # One row a moment, and each subject reads its own: the former outlet hears of it a moment before.
                facts.append(_not_valid(before) | {"known_at": work.now - timedelta(microseconds=1)})
    facts += [
        _not_valid(fact)
        for tier, fact in known.items()
        if fact.valid and (deed is None or tier != deed.value)
    ]
    return facts


def _not_valid(fact: VisitFact) -> dict[str, Any]:
    names = ("record_id", "subject_kind", "subject_id", "tier", "performed_at", "makes_up")
    return {**{name: getattr(fact, name) for name in names}, "valid": False}


def _deed(row: Row[Any]) -> Performed | None:
    if row.subject_id is None or row.subject_kind not in SUBJECTS:
        return None
    if row.tier:
        return performed(CadenceTier(row.tier)) if row.subject_kind == "outlet" else None
    return deed_of(row.kind, row.document["answers"], certified=bool(row.certified))
