"""What people do about duties at the desk: open one, record that it was done, withdraw it with a reason."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import Deed, DutyRule, SubjectKind
from server.cadence.duties import Call, open_duties, withdraw_triggers
from server.cadence.duty_editions import load_duty_rules
from server.cadence.duty_models import DutyAct, DutySubject
from server.cadence.duty_rules import ClosedCase, look_back
from server.cadence.duty_subjects import know_subjects
from server.cadence.histories import hold_subjects
from server.cadence.models import Obligation
from server.cadence.ops import note_facts
from server.cadence.queries import visible_to
from server.grids.granting import check_own
from server.grids.models import GridCell
from server.grids.queries import cells_in_scope
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.outlets.models import Outlet, Site

# Whom a rule that is opened by an act may be about; the other rules follow from records alone.
SUBJECTS_OF: Mapping[DutyRule, frozenset[SubjectKind]] = {
    DutyRule.COMPLAINT_CALLBACK: frozenset({SubjectKind.COMPLAINT}),
    DutyRule.COMPLAINT_VISIT: frozenset({SubjectKind.COMPLAINT}),
    DutyRule.CLUE_NOTICE: frozenset({SubjectKind.CLUE}),
    DutyRule.HOUSEHOLD_VISIT: frozenset({SubjectKind.HOUSEHOLD}),
    DutyRule.ROUND: frozenset(
        {SubjectKind.OUTLET, SubjectKind.DEPOT, SubjectKind.HOUSEHOLD, SubjectKind.UNLICENSED}
    ),
    DutyRule.LOOK_BACK_REVIEW: frozenset({SubjectKind.CASE}),
}
# What may also be written down at the desk; the rest is proved by a record.
_DESK_DEEDS = frozenset({Deed.CALLBACK, Deed.DOOR_CALLBACK, Deed.NOTICE, Deed.REVIEW})
_NAMESPACE = uuid.UUID("0f6f2c3e-6f0b-5a53-9a44-1f5f0f4a2d10")


def open_duty(work: Work, given: Mapping[str, Any]) -> list[uuid.UUID]:
    """Open what a rule asks for at subjects that are named; the ids of the new obligations.

    ``given`` is as schemas.duties.DutyOpening reads it. The same rule, days and reference at the same subject is the same
    duty, so that doing it twice adds nothing. Of the cases of a look-back review only those are taken that were closed
    in the years that the rule names.

    Raises:
        Problem: ``not_found`` for a subject or cell that is unknown or out of scope; ``cell_lent``; ``invalid`` for a kind
            of subject that the rule is not about, for days that it does not take or lacks, and where the rule does not
            hold yet.
    """
    rule, kind = DutyRule(given["rule"]), SubjectKind(given["subject_kind"])
    first, last = _days(rule, given)
    if kind not in SUBJECTS_OF[rule]:
        detail = f"“{rule.label_zh}”不针对{kind.label_zh}。The rule is not about subjects of this kind."
        raise invalid("/subject_kind", "subject_kind_of_rule", detail)
    terms = load_duty_rules(work).terms_on(rule, first)
    if terms is None:
        detail = f"{first} 没有施行的“{rule.label_zh}”规则。The rule does not hold on that day."
        raise invalid("/rule", "rule_not_in_force", detail)
    subjects = _subjects(work, kind, given["subjects"])
    _must_reach(work, subjects.values())
    if rule is DutyRule.LOOK_BACK_REVIEW:
        chosen = set(look_back(_cases(work, kind, given["subjects"]), first, terms.threshold["years"]))
        subjects = {subject_id: cell for subject_id, cell in subjects.items() if subject_id in chosen}
    reference = given.get("reference") or ""
    trigger = uuid.uuid5(_NAMESPACE, f"{work.bureau_id}|{rule}|{first}|{last}|{reference}")
    at = datetime.combine(first, time(), work.zone)
    own = (first, last) if rule.has_own_days else None
    calls = [
        Call(rule, uuid.uuid5(trigger, str(subject_id)), kind, subject_id, at, cell_id, own)
        for subject_id, cell_id in subjects.items()
    ]
    hold_subjects(work, sorted(subjects))
    return open_duties(work, calls)


def record_act(
    work: Work, obligation_id: uuid.UUID, deed: Deed, performed_at: datetime, note: str
) -> DutyAct:
    """Write down that somebody did what an obligation asks for, where no field form tells of it.

    It is a fact of the subject, with its author; the rules decide which obligation it meets.

    Raises:
        Problem: ``not_found`` out of scope; ``invalid`` for what the obligation does not accept, what a record must
            prove, and a moment that lies ahead.
    """
    owed = work.session.scalar(
        visible_to(work.actor).where(Obligation.id == obligation_id, Obligation.withdrawn_at.is_(None))
    )
    if owed is None:
        raise Problem("not_found")
    at_desk = deed in _DESK_DEEDS or (deed is Deed.SERVICE and owed.subject_kind == SubjectKind.HOUSEHOLD)
    if deed.value not in (owed.accepts or ()) or not at_desk:
        detail = (
            f"该任务不能以“{deed.label_zh}”登记完成。It is not done by this, or a field record must prove it."
        )
        raise invalid("/deed", "deed_not_accepted", detail)
    if performed_at > work.now:
        raise invalid("/performed_at", "in_future", "完成时间晚于现在。It lies ahead.")
    return note_act(work, SubjectKind(owed.subject_kind), owed.subject_id, deed, performed_at, note)


def note_act(
    work: Work, kind: SubjectKind, subject_id: uuid.UUID, deed: Deed, performed_at: datetime, note: str
) -> DutyAct:
    """Write down that somebody did something at a subject; the rules decide which obligation it meets, if any."""
    act = DutyAct(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        subject_kind=kind.value,
        subject_id=subject_id,
        deed=deed.value,
        performed_at=performed_at,
        note=note,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(act)
    work.session.flush()
    fact = {
        "record_id": act.id,
        "subject_kind": act.subject_kind,
        "subject_id": act.subject_id,
        "tier": deed.value,
        "performed_at": performed_at,
        "valid": True,
        "makes_up": None,
    }
    note_facts(work, [fact], [])
    record_event(work, "duty.done", [act.id, act.subject_id], deed=deed.value)
    return act


def withdraw_duties(work: Work, obligation_ids: Sequence[uuid.UUID], reason: str) -> int:
    """Take back what the triggers of these obligations ask for, with a reason; how many obligations it were.

    Raises:
        Problem: ``not_found`` out of scope, or for what a tier asks; ``cell_lent``; ``obligation_closed`` if nothing of
            it is open.
    """
    wanted = visible_to(work.actor).where(
        Obligation.id.in_(obligation_ids), Obligation.trigger_id.is_not(None)
    )
    hold_subjects(work, sorted(set(work.session.scalars(wanted.with_only_columns(Obligation.subject_id)))))
    found = work.session.scalars(wanted).all()
    if len(found) != len(set(obligation_ids)):
        raise Problem("not_found")
    check_own(work, Permission.CADENCE_WAIVE, (one.cell_id for one in found))
    triggers = {one.trigger_id for one in found if one.trigger_id is not None}
    left = select(Obligation.trigger_id).where(
        among(Obligation.trigger_id, sorted(triggers)),
        Obligation.withdrawn_at.is_(None),
        Obligation.met_by.is_(None),
    )
    if triggers - set(work.session.scalars(left)):
        raise Problem("obligation_closed")
    return withdraw_triggers(work, triggers, reason)


def _days(rule: DutyRule, given: Mapping[str, Any]) -> tuple[date, date]:
    """The day from which the rule counts, or the days that were given to it."""
    if rule not in SUBJECTS_OF:
        detail = f"“{rule.label_zh}”由现场记录触发，不能手工下达。It follows from field records."
        raise invalid("/rule", "rule_of_records", detail)
    day, first, last = given.get("day"), given.get("first_day"), given.get("last_day")
    if rule.has_own_days:
        if first is None or last is None or day is not None or last < first:
            detail = "请填写起止日期 first_day、last_day。This rule takes its first and its last day."
            raise invalid("/first_day", "days_of_rule", detail)
        return first, last
    if day is None or first is not None or last is not None:
        detail = "请只填写起算日 day。This rule takes the one day it counts from."
        raise invalid("/day", "days_of_rule", detail)
    return day, day


def _subjects(
    work: Work, kind: SubjectKind, given: Sequence[Mapping[str, Any]]
) -> dict[uuid.UUID, uuid.UUID | None]:
    """The subjects' ids with their cells; outlets and depots by id or number, the others come into the register."""
    if kind is SubjectKind.OUTLET:
        return _registered(work, Outlet, Outlet.licence_no, given)
    if kind is SubjectKind.DEPOT:
        return _registered(work, Site, Site.code, given, Site.kind == "depot")
    cells = {one["cell_id"] for one in given if one.get("cell_id")}
    known = set(
        work.session.scalars(
            select(GridCell.id).where(GridCell.bureau_id == work.bureau_id, among(GridCell.id, sorted(cells)))
        )
    )
    if cells - known:
        raise Problem("not_found")
    # Whoever names a new cell for somebody known must reach the one where he lies, or would take him from another squad.
    lying = select(DutySubject.cell_id).where(
        DutySubject.bureau_id == work.bureau_id,
        DutySubject.kind == kind.value,
        DutySubject.number.in_({one["number"] for one in given}),
        DutySubject.cell_id.is_not(None),
    )
    _must_reach(work, work.session.scalars(lying.distinct()).all())
    return {one.id: one.cell_id for one in know_subjects(work, kind, given).values()}


def _must_reach(work: Work, cells: Iterable[uuid.UUID | None]) -> None:
    """A leader of a squad opens duties in the squad's cells only."""
    if work.actor.reaches_bureau(Permission.OBLIGATION_OPEN):
        return
    wanted = set(cells)
    if wanted - set(work.session.scalars(cells_in_scope(work.actor, Permission.OBLIGATION_OPEN))):
        raise Problem("not_found")
    check_own(work, Permission.OBLIGATION_OPEN, wanted)


def _registered(
    work: Work, register: Any, number: Any, given: Sequence[Mapping[str, Any]], *which: Any
) -> dict[uuid.UUID, uuid.UUID | None]:
    numbers = {one["number"] for one in given}
    found = work.session.execute(
        select(register.id, register.cell_id, number).where(
            register.bureau_id == work.bureau_id, number.in_(sorted(numbers)), *which
        )
    ).all()
    if missing := sorted(numbers - {row[2] for row in found}):
        detail = f"登记库中没有 {missing[0]}。It is in no register."
        raise invalid("/subjects", "subject_unknown", detail)
    return {row[0]: row[1] for row in found}


def _cases(work: Work, kind: SubjectKind, given: Sequence[Mapping[str, Any]]) -> list[ClosedCase]:
    known = know_subjects(work, kind, given)
    return [ClosedCase(one.id, one.closed_on, one.major) for one in known.values() if one.closed_on]
