"""What stored records mean for cadence: what was performed, what was tried in vain, and what they ask for next."""

from __future__ import annotations

import math
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from operator import attrgetter

from sqlalchemy import select, text

from schemas.vocabulary import DutyRule, Performed, SubjectKind, performed
from server.cadence.duties import Call, follow_causes, open_duties, withdraw_triggers
from server.cadence.duty_editions import load_duty_rules
from server.cadence.duty_rules import Cause, dormancy_causes
from server.cadence.duty_subjects import know_subject
from server.cadence.histories import hold_subjects
from server.cadence.models import AttemptFact, Obligation
from server.cadence.ops import note_facts
from server.kernel.bulk import among
from server.kernel.ids import part_id
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.records.forms import FormDefinition
from server.records.kinds import SUBJECTS, deed_of
from server.records.models import Amendment, Record, Rectification
from server.records.rules import starts_triple_recheck
from server.records.storing import Judged

Stored = tuple[Judged, FormDefinition | None]

_LETTERS = ("letter", "hand_over")
_CORRECTED = "更正记录改变了原认定 · an amendment changed what was found"


def tell_cadence(work: Work, stored: Sequence[Stored], amended: AbstractSet[uuid.UUID]) -> None:
    """Note what was performed and tried, and open, move or withdraw the duties that the records ask for.

    The visits of records that are ``amended`` already are told of by their last word (amending.follow_visits).

    What was found counts whether or not the record is valid: the goods were there, and whoever was there with too few
    officers still has to come again. To take a finding back needs a valid record.
    """
    visits = [
        {
            "record_id": record.id,
            "subject_kind": SUBJECTS[record.document["subject_kind"]].value,
            "subject_id": uuid.UUID(record.document["subject_id"]),
            "tier": deed.value,
            "performed_at": record.performed_at,
            "valid": record.judgement.valid,
            "makes_up": record.document.get("makes_up"),
        }
        for record, definition in stored
        if _is_first_word(record)
        and record.id not in amended
        and (deed := _deed(record, definition)) is not None
    ]
    attempts = [
        {
            "record_id": record.id,
            "subject_kind": SubjectKind.OUTLET.value,
            "subject_id": uuid.UUID(record.document["subject_id"]),
            "attempted_at": record.performed_at,
        }
        for record, _ in stored
        if record.document["kind"] == "attempt" and _is_at_outlet(record) and _is_first_word(record)
    ]
    records = [record for record, _ in stored]
    found = [record for record in records if starts_triple_recheck(record.document)]
    amending = [record for record in records if record.document.get("amends_id") is not None]
    ordered = [record for record in records if record.extract.rectifications]
    written = [record for record in records if _asks_for_depot(record)]
    if attempts or found or amending or amended or ordered or written:
        # All of the batch at once and in one order: what is asked for below takes them one rule after the other.
        subjects = {uuid.UUID(record.document["subject_id"]) for record in records if _is_known(record)}
        hold_subjects(work, sorted(subjects))
    note_facts(work, visits, attempts)
    if attempts:
        _follow_attempts(work, [record for record in records if record.document["kind"] == "attempt"])
    if found or amending:
        _follow_findings(work, [*found, *amending])
    if ordered:
        _open_orders(work, ordered)
    if written:
        open_duties(work, [_call(record, DutyRule.DEPOT_RECHECK) for record in written])


def follow_orders(work: Work, orders: Sequence[Rectification]) -> None:
    """Edited orders: one that is put right in time needs no re-check after its day, and one that is withdrawn none at
    all; once its day is over only a visit proves it.
    """
    today = work.now.astimezone(work.zone).date()
    over = [
        order
        for order in orders
        if order.status == "withdrawn"
        or (order.status == "done" and (order.done_on or today) <= order.due_on)
    ]
    withdraw_triggers(
        work, [order.id for order in over], "整改令已办结或撤回 · the order is done or withdrawn"
    )
    reopened = [order for order in orders if order.status == "open"]
    asked = select(Obligation.trigger_id).where(
        among(Obligation.trigger_id, [order.id for order in reopened])
    )
    # Only an order that once asked for a re-check asks again: its subject is in a register.
    known = set(work.session.scalars(asked))
    open_duties(
        work,
        [
            _order_call(work, order.id, order.subject_kind, order.subject_id, order.due_on, order.cell_id)
            for order in reopened
            if order.id in known
        ],
    )


def _is_known(record: Judged) -> bool:
    return record.surrounding.subject_known and record.document.get("subject_id") is not None


def _is_first_word(record: Judged) -> bool:
    """A check or attempt at somebody known; an amendment corrects a record and is no second visit."""
    return _is_known(record) and record.document.get("amends_id") is None


def _is_at_outlet(record: Judged) -> bool:
    return record.document.get("subject_kind") == SubjectKind.OUTLET


def _deed(record: Judged, definition: FormDefinition | None) -> Performed | None:
    """What a record of a known form performed: a tier's checklist, else what its kind is."""
    if definition is None:
        return None
    if definition.tier:
        return performed(definition.tier) if _is_at_outlet(record) else None
    document = record.document
    return deed_of(document["kind"], document["answers"], certified=definition.demands.certified)


def _asks_for_depot(record: Judged) -> bool:
    """A letter or hand-over to the postal authority, which orders rectification itself (decisions: 函告、移交)."""
    disposal = record.document["answers"].get("disposal")
    return record.document["kind"] == "depot_check" and disposal in _LETTERS and _is_first_word(record)


def _call(record: Judged, rule: DutyRule) -> Call:
    kind = SUBJECTS[record.document["subject_kind"]]
    subject_id = uuid.UUID(record.document["subject_id"])
    return Call(rule, record.id, kind, subject_id, record.performed_at, record.surrounding.cell_id)


def _follow_attempts(work: Work, records: Sequence[Judged]) -> None:
    """Each attempt asks for a retry, and the third within thirty days to find out whether the shop is dormant."""
    tried = [record for record in records if _is_at_outlet(record) and _is_first_word(record)]
    open_duties(work, [_call(record, DutyRule.ATTEMPT_RETRY) for record in tried])
    cells = {uuid.UUID(record.document["subject_id"]): record.surrounding.cell_id for record in tried}
    attempts: dict[uuid.UUID, list[Cause]] = {subject_id: [] for subject_id in cells}
    rows = select(AttemptFact.subject_id, AttemptFact.record_id, AttemptFact.attempted_at)
    for subject_id, record_id, at in work.session.execute(
        rows.where(among(AttemptFact.subject_id, sorted(attempts)))
    ):
        attempts[subject_id].append(Cause(record_id, at))
    duty_rules = load_duty_rules(work)
    calls = [
        Call(DutyRule.DORMANCY_CHECK, cause.id, SubjectKind.OUTLET, subject_id, cause.at, cells[subject_id])
        for subject_id, causes in attempts.items()
        for cause in dormancy_causes(
            causes, work.zone, lambda day: duty_rules.terms_on(DutyRule.DORMANCY_CHECK, day)
        )
    ]
    considered = [cause.id for causes in attempts.values() for cause in causes]
    follow_causes(
        work,
        DutyRule.DORMANCY_CHECK,
        calls,
        considered,
        "迟到的记录改变了次数 · a late record moved the count",
    )


_LINKED = text(
    """
    with recursive linked as (
        select given.id as root, given.id from unnest(:given) as given(id)
        union
        select linked.root, next.id
        from linked cross join lateral (
            select record.amends_id as id from record where record.id = linked.id and record.amends_id is not null
            union all
            select record.id from record where record.amends_id = linked.id
        ) as next
    )
    select root, id from linked
    """
)


def _follow_findings(work: Work, records: Sequence[Judged]) -> None:
    """Bring 查一补三 to what the last word on each record says: a finding, on what day, or none.

    The words on a record are itself and its amendments, in the order in which they were linked. Of those that wait for
    what they amend the ids tell when they were written.
    """
    linked: dict[uuid.UUID, set[uuid.UUID]] = {}
    for root, word in work.session.execute(_LINKED, {"given": [record.id for record in records]}):
        linked.setdefault(root, set()).add(word)
    words = {
        word.id: word
        for word in work.session.scalars(
            select(Record).where(
                Record.bureau_id == work.bureau_id,
                Record.id.in_(sorted({word for group in linked.values() for word in group})),
            )
        )
    }
    places = select(Amendment.record_id, Amendment.ordinal).where(among(Amendment.record_id, sorted(words)))
    ordinals = dict(work.session.execute(places).all())
    standing = _standing(work, words)
    asked = {word.subject_id for word in words.values() if word.subject_kind == "outlet"}
    known = select(Outlet.id).where(Outlet.bureau_id == work.bureau_id, Outlet.id.in_(asked - {None}))
    outlets = set(work.session.scalars(known))
    calls: list[Call] = []
    for group in {frozenset(group & words.keys()) for group in linked.values()}:
        said = sorted((words[word] for word in group), key=lambda word: _place(word, ordinals))
        counting = [word for word in said if starts_triple_recheck(word.document) or word.valid]
        last = counting[-1] if counting else None
        if last is not None and starts_triple_recheck(last.document):
            first = said[0].amends_id or said[0].id
            subject = _finding_subject(work, last, first, outlets)
            calls += _finding_call(work, last, subject, [standing[word] for word in group & standing.keys()])
    follow_causes(work, DutyRule.TRIPLE_RECHECK, calls, words, _CORRECTED)


def _place(word: Record, ordinals: Mapping[uuid.UUID, int]) -> tuple[bool, float, uuid.UUID]:
    return word.amends_id is not None, ordinals.get(word.id, math.inf), word.id


def _standing(work: Work, words: Iterable[uuid.UUID]) -> dict[uuid.UUID, Cause]:
    """The words whose chain stands, each with the time from which it runs."""
    rows = select(Obligation.trigger_id, Obligation.triggered_at).where(
        Obligation.bureau_id == work.bureau_id,
        Obligation.rule == DutyRule.TRIPLE_RECHECK.value,
        among(Obligation.trigger_id, sorted(words)),
        Obligation.withdrawn_at.is_(None),
    )
    return {word: Cause(word, at) for word, at in work.session.execute(rows.distinct()) if word and at}


Subject = tuple[SubjectKind, uuid.UUID, uuid.UUID | None]


def _finding_call(work: Work, word: Record, subject: Subject | None, standing: Iterable[Cause]) -> list[Call]:
    """The chain of a finding; one that stands for the same day stays, whichever word it came by."""
    if subject is None:
        return []
    kind, subject_id, cell_id = subject
    day = word.performed_at.astimezone(work.zone).date()
    same_day = (cause for cause in standing if cause.at.astimezone(work.zone).date() == day)
    cause = max(same_day, key=attrgetter("at", "id"), default=Cause(word.id, word.performed_at))
    return [Call(DutyRule.TRIPLE_RECHECK, cause.id, kind, subject_id, cause.at, cell_id)]


def _finding_subject(
    work: Work, word: Record, first: uuid.UUID, outlets: Container[uuid.UUID]
) -> Subject | None:
    """Whose re-checks they are. A seller without licence who is met for the first time comes into the register."""
    if word.subject_kind == "outlet":
        outlet_id = word.subject_id
        return (SubjectKind.OUTLET, outlet_id, word.cell_id) if outlet_id and outlet_id in outlets else None
    if word.subject_kind != "unlicensed":
        return None
    found = word.document["answers"].get("unlicensed_subject")
    place = found.get("address") if isinstance(found, dict) else None
    subject = know_subject(
        work,
        SubjectKind.UNLICENSED,
        number=str(first),
        name=str(place or "无证经营地点"),
        cell_id=word.cell_id,
        subject_id=word.subject_id,
    )
    return SubjectKind.UNLICENSED, subject.id, subject.cell_id


def _open_orders(work: Work, records: Sequence[Judged]) -> None:
    open_duties(
        work,
        [
            _order_call(
                work,
                part_id(record.id, ordinal),
                order["subject_kind"],
                order["subject_id"],
                order["due_on"],
                record.surrounding.cell_id,
            )
            for record in records
            if record.surrounding.subject_known
            for ordinal, order in enumerate(record.extract.rectifications)
        ],
    )


def _order_call(
    work: Work,
    order_id: uuid.UUID,
    subject_kind: str,
    subject_id: uuid.UUID,
    due_on: date,
    cell_id: uuid.UUID | None,
) -> Call:
    at = datetime.combine(due_on, time(), work.zone)
    return Call(DutyRule.RECTIFICATION_RECHECK, order_id, SUBJECTS[subject_kind], subject_id, at, cell_id)
