"""Writing clues down: drawn out of records before commit, registered at the desk, and what is done with them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import ClueActKind, ClueMatter, ClueSource, ClueStatus, Deed, DutyRule, SubjectKind
from server.cadence.duties import Call, open_duties
from server.cadence.duty_acts import note_act
from server.cadence.duty_subjects import know_subjects
from server.cadence.histories import hold_subjects
from server.clues import rules
from server.clues.models import Clue, ClueAct
from server.clues.queries import acts_of, visible_to
from server.grids.queries import cells_in_scope, leaf_cell_at
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person
from server.records.head_counts import plate_of
from server.records.models import Amendment, Record
from server.records.rules import MAX_FUTURE

Row = dict[str, Any]


def draw_out_clues(work: Work, record_ids: Sequence[uuid.UUID]) -> None:
    """Upkeep of ``record.clue``: the clues that these records tell of, each as the word on it says that stands.

    An amendment that waits for its original tells nothing yet; the original brings it along. A clue that concerns another
    place opens the duty to notify it.
    """
    for original_id, record in _standing_words(work, record_ids).items():
        said = rules.told(record.document)
        content = {
            "record_id": record.id,
            "from_record_id": said.from_record_id,
            "matter": said.matter,
            "summary": said.summary,
            "subject_kind": record.subject_kind,
            "subject_id": record.subject_id,
            "place": said.place,
            "position": record.position,
            "plate": said.plate,
            "confidence": said.confidence,
            "elsewhere_unit": said.elsewhere_unit,
        }
        drawn = upsert(Clue).values(
            id=original_id,
            bureau_id=work.bureau_id,
            number=_number(work, original_id, record.performed_at),
            source=ClueSource.FIELD.value,
            found_at=record.performed_at,
            cell_id=record.cell_id,
            squad_id=record.squad_id,
            person_id=record.pushed_by,
            known_at=record.received_at,
            status=ClueStatus.OPEN.value,
            **content,
        )
        # A record whose id is that of a clue of the desk, or of another bureau's, writes nothing over it.
        own = and_(Clue.bureau_id == work.bureau_id, Clue.source == ClueSource.FIELD.value)
        clue = work.session.scalars(
            drawn.on_conflict_do_update(index_elements=["id"], set_=content, where=own).returning(Clue),
            execution_options={"populate_existing": True},
        ).one_or_none()
        if clue is not None:
            _open_notice(work, clue)


def _standing_words(work: Work, record_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Record]:
    """By the first record of each: the record that says what stands of it."""
    given = work.session.scalars(select(Record).where(among(Record.id, record_ids))).all()
    linked = select(Amendment.original_id).where(among(Amendment.record_id, record_ids))
    originals = {one.id for one in given if one.amends_id is None} | set(work.session.scalars(linked))
    last = (
        select(Amendment.original_id, Amendment.record_id)
        .where(among(Amendment.original_id, sorted(originals)), Amendment.stands)
        .ext(distinct_on(Amendment.original_id))
        .order_by(Amendment.original_id, Amendment.ordinal.desc())
    )
    words = {original_id: original_id for original_id in originals} | dict(work.session.execute(last).all())
    found = {
        one.id: one
        for one in work.session.scalars(select(Record).where(among(Record.id, sorted(words.values()))))
    }
    # What amends a record of another kind is told of it as a finding and is no clue, nor is what it amends.
    return {one: found[word] for one, word in sorted(words.items()) if found[word].kind == "clue"}


def register(work: Work, given: Mapping[str, Any]) -> Clue:
    """A clue written down at the desk; ``given`` as schemas.clues.ClueIn. One that names another place opens its duty.

    Raises:
        Problem: ``invalid`` for a moment to come, or a cell that is not there or out of scope.
    """
    _must_be_past(work, "/found_at", given["found_at"])
    cell_id, position = given["cell_id"], None
    if given["lon"] is not None and given["lat"] is not None:
        position = from_shape(Point(given["lon"], given["lat"]), srid=4326)
        if cell_id is None:
            point = func.ST_SetSRID(func.ST_MakePoint(given["lon"], given["lat"]), 4326)
            cell_id = work.session.scalar(leaf_cell_at(point, work.bureau_id))
    if given["cell_id"] is not None:
        reached = cells_in_scope(work.actor, Permission.CLUE_WRITE)
        if cell_id not in set(work.session.scalars(reached)):
            detail = "没有这个网格，或不在管辖范围内。There is no such cell in your scope."
            raise invalid("/cell_id", "unknown", detail)
    clue_id = new_id(work.now)
    clue = Clue(
        id=clue_id,
        bureau_id=work.bureau_id,
        number=_number(work, clue_id, given["found_at"]),
        source=given["source"],
        source_unit=given["source_unit"],
        from_record_id=given["from_record_id"],
        matter=given["matter"],
        summary=given["summary"],
        place=given["place"],
        position=position,
        plate=plate_of(given["plate"]) or None,
        confidence=given["confidence"],
        elsewhere_unit=given["elsewhere_unit"],
        found_at=given["found_at"],
        cell_id=cell_id,
        account_id=work.actor.account_id,
        known_at=work.now,
        status=ClueStatus.OPEN.value,
    )
    work.session.add(clue)
    work.session.flush()
    record_event(work, "clue.registered", [clue.id], source=clue.source)
    _open_notice(work, clue)
    return clue


def _number(work: Work, clue_id: uuid.UUID, found_at: datetime) -> str:
    """The bureau's own number of a clue, the same however often it is drawn out: 线索20260212-9f3a1c07.

    Ids that a device makes may end alike; the later one of a day is numbered by the whole of its id.
    """
    day = f"线索{found_at.astimezone(work.zone):%Y%m%d}"
    number = f"{day}-{clue_id.hex[-8:]}"
    others = select(Clue.id).where(
        Clue.bureau_id == work.bureau_id, Clue.number == number, Clue.id != clue_id
    )
    return number if work.session.scalar(others) is None else f"{day}-{clue_id.hex}"


def _open_notice(work: Work, clue: Clue) -> None:
    """Open the duty to tell the other place, in three working days after the clue was found, if it concerns one."""
    if clue.elsewhere_unit is None:
        return
    subject_id = _duty_subject(work, clue)
    hold_subjects(work, [subject_id])
    open_duties(
        work,
        [Call(DutyRule.CLUE_NOTICE, clue.id, SubjectKind.CLUE, subject_id, clue.found_at, clue.cell_id)],
    )


def _duty_subject(work: Work, clue: Clue) -> uuid.UUID:
    # What the clue says of people stays with the clue: a duty is pulled by handhelds, and tells its kind only.
    given = {"number": clue.number, "name": ClueMatter(clue.matter).label_zh, "cell_id": clue.cell_id}
    return know_subjects(work, SubjectKind.CLUE, [given])[clue.number].id


def act(work: Work, clue_id: uuid.UUID, given: Mapping[str, Any]) -> Clue:
    """Write down what was done with a clue; ``given`` as schemas.clues.ClueActIn. The clue with its new status.

    A notice meets the duty to notify. The steps of a transfer follow one another, and its decision is the head's.

    Raises:
        Problem: ``not_found``; ``forbidden`` for a decision by somebody else than a leader of the bureau; ``clue_step`` for
            a step that does not follow, or an act on a clue that was merged; ``invalid`` for what a kind of act lacks.
    """
    # Both are held in one order, so that two clues are not merged into each other at once.
    named = [one for one in (clue_id, given["other_clue_id"]) if one is not None]
    wanted = visible_to(work.actor).where(Clue.id.in_(named)).order_by(Clue.id).with_for_update()
    held = {one.id: one for one in work.session.scalars(wanted)}
    if clue_id not in held:
        raise Problem("not_found")
    clue = held[clue_id]
    kind = ClueActKind(given["kind"])
    acts = acts_of(work, [clue.id]).get(clue.id, [])
    _must_be_past(work, "/happened_at", given["happened_at"])
    _must_decide(kind, given)
    if clue.status == ClueStatus.MERGED and kind is not ClueActKind.OUTCOME:
        raise Problem(
            "clue_step", detail="该线索已并入其他线索，请在那条线索上办理。It was merged into another clue."
        )
    if kind in rules.TRANSFER:
        _must_follow(work, kind, given, acts)
    if kind in (ClueActKind.NOTICE, ClueActKind.HAND_OVER, ClueActKind.TRANSFER_SENT) and not given["unit"]:
        raise invalid("/unit", "unit_missing", "请填写对方单位。Say which unit.")
    other = _other(held, clue, kind, given)
    done = ClueAct(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        clue_id=clue.id,
        kind=kind.value,
        happened_at=given["happened_at"],
        unit=given["unit"],
        decision=given["decision"],
        people=[str(one) for one in given["people"]],
        note=given["note"],
        other_clue_id=other,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(done)
    clue.status = rules.status_of([*acts, done]).value
    work.session.flush()
    record_event(work, f"clue.{kind.value}", [clue.id, done.id], decision=done.decision)
    if kind is ClueActKind.NOTICE:
        subject_id = _duty_subject(work, clue)
        hold_subjects(work, [subject_id])
        told = f"向{done.unit}通报"
        note_act(work, SubjectKind.CLUE, subject_id, Deed.NOTICE, done.happened_at, told)
    return clue


def _must_decide(kind: ClueActKind, given: Mapping[str, Any]) -> None:
    allowed = rules.DECISIONS.get(kind, ())
    if (given["decision"] is not None or allowed) and given["decision"] not in allowed:
        detail = f"decision 可取：{'、'.join(allowed) or '（不填）'}。It may be: {', '.join(allowed) or 'left out'}."
        raise invalid("/decision", "decision_of_kind", detail)


def _must_follow(work: Work, kind: ClueActKind, given: Mapping[str, Any], acts: Sequence[ClueAct]) -> None:
    """Whether a step of a transfer may come now, and by this actor (国务院令第310号第五条)."""
    following = rules.next_step(acts)
    if following is not kind:
        said = following.label_zh if following else "已办结"
        raise Problem("clue_step", detail=f"移送的下一步是“{said}”。The next step is {following or 'none'}.")
    steps = rules.transfer_of(acts)
    before = steps[-1] if steps and kind is not ClueActKind.TRANSFER_PROPOSED else None
    if before is not None and given["happened_at"] < before.happened_at:
        raise invalid(
            "/happened_at", "before_last_step", "早于上一步的时间。It lies before the step before it."
        )
    if kind is ClueActKind.TRANSFER_PROPOSED:
        people = set(given["people"])
        officers = select(Person.id).where(
            Person.bureau_id == work.bureau_id, among(Person.id, sorted(people)), Person.kind == "officer"
        )
        if len(set(work.session.scalars(officers))) < max(2, len(people)):
            detail = "移送须由二名以上执法人员组成专案组提出。At least two officers of the bureau propose it."
            raise invalid("/people", "two_officers_needed", detail)
    if kind is ClueActKind.TRANSFER_DECIDED:
        work.actor.must(Permission.CLUE_DECIDE)
        if before is not None and str(work.actor.person_id) in before.people:
            raise Problem("forbidden", detail="提出移送的人不能自己决定。Who proposed it may not decide it.")


def _other(
    held: Mapping[uuid.UUID, Clue], clue: Clue, kind: ClueActKind, given: Mapping[str, Any]
) -> uuid.UUID | None:
    """The other clue that a merge or a telling-apart names."""
    names_other = kind is ClueActKind.KEPT_APART or given["decision"] == "merged"
    other_id: uuid.UUID | None = given["other_clue_id"]
    if not names_other and other_id is None:
        return None
    other = held.get(other_id) if names_other and other_id is not None else None
    if other is None or other.id == clue.id or other.status == ClueStatus.MERGED:
        detail = "请填写另一条未被并入的线索；其他办理不填。Name another clue that is not merged; else leave it out."
        raise invalid("/other_clue_id", "other_clue_unknown", detail)
    return other.id


def _must_be_past(work: Work, path: str, moment: datetime) -> None:
    if moment > work.now + MAX_FUTURE:
        raise invalid(path, "in_future", "时间还没有到。The moment is still to come.")
