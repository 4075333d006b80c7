"""Plan and deed of patrols: what was planned, what was done, skipped and added, metres and time, as known by a moment.

Figures are of patrols, and sums of plans, squads and days; there is none of a person. Each leads to the records behind it.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import defer, load_only

from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.patrols.comparing import Deed, Run, compared, subjects_of
from server.patrols.deed_rules import (
    Outing,
    Visit,
    Word,
    shared_out,
    visits_somebody,
)
from server.patrols.drawing import told_run
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolRun, PatrolStop, StopWord
from server.records.kinds import deed_of
from server.records.models import OF_ITS_FORM, Form, Record, RecordOfficer
from server.records.superseding import stands

_DAY = timedelta(days=1)
# What of a stop is compared: of a year there are many, and the rest of each is long.
_COMPARED = (
    *(PatrolStop.patrol_id, PatrolStop.ordinal, PatrolStop.subject_kind, PatrolStop.subject_id),
    PatrolStop.status,
)
# Of most kinds the kind says all; answers are long, and are read of those alone that may have reached nobody.
_ANSWERS = case((Record.kind.in_(("callback", "household_visit")), Record.document["answers"]))


def deeds_of(work: Work, as_of: datetime, permission: Permission, *which: ColumnElement[bool]) -> list[Deed]:
    """The patrols in the actor's scope that meet conditions on ``Patrol``, by day, squad and place in their plan.

    A plan counts as it was by ``as_of``: published by then; one that was withdrawn by then only where a team went out on
    it all the same, for it may not have heard.
    """
    known = and_(
        Patrol.bureau_id == work.bureau_id,
        PatrolPlan.published_at.is_not(None),
        PatrolPlan.published_at <= as_of,
    )
    without_places = (defer(column) for column in (Patrol.line, Patrol.start_place, Patrol.end_place))
    planned = select(Patrol).join(PatrolPlan, PatrolPlan.id == Patrol.plan_id).where(known)
    planned = planned.options(*without_places)
    wanted = work.session.scalars(planned.where(_in_scope(work, permission), *which)).all()
    if not wanted:
        return []
    days = [patrol.day for patrol in wanted]
    # A record may belong to another patrol of somebody who was on two, also across midnight.
    around = work.session.scalars(
        planned.where(Patrol.day >= min(days) - _DAY, Patrol.day <= max(days) + _DAY)
    ).all()
    runs = _runs(work, as_of, [patrol.id for patrol in around])
    withdrawn = set(
        work.session.scalars(
            select(PatrolPlan.id).where(
                PatrolPlan.bureau_id == work.bureau_id,
                among(PatrolPlan.id, sorted({patrol.plan_id for patrol in around})),
                PatrolPlan.withdrawn_at <= as_of,
            )
        )
    )
    counting = {one.id: one for one in around if one.plan_id not in withdrawn or one.id in runs}
    if not counting:
        return []
    stops = _stops(work, sorted(counting))
    outings = _outings(work, list(counting.values()), runs, stops)
    visits = _visits(work, as_of, outings, [one for run in runs.values() for one in run.record_ids])
    shared = shared_out(visits.values(), outings)
    words = _words(work, as_of, sorted(counting))
    told = _told(work, as_of, words)
    return [
        compared(
            patrol, runs.get(patrol.id), stops[patrol.id], shared.get(patrol.id, []), words, told, visits
        )
        for patrol in sorted(wanted, key=lambda one: (one.day, one.squad_id, one.plan_id, one.ordinal))
        if patrol.id in counting
    ]


def _in_scope(work: Work, permission: Permission) -> ColumnElement[bool]:
    """A condition on ``Patrol``: of the actor's squads, or his own; all of them for who sees the bureau."""
    if work.actor.reaches_bureau(permission):
        return true()
    on_team = select(PatrolMember.patrol_id).where(PatrolMember.person_id == work.actor.person_id)
    return or_(Patrol.squad_id.in_(work.actor.squad_ids), Patrol.id.in_(on_team))


def _runs(work: Work, as_of: datetime, patrols: Sequence[uuid.UUID]) -> dict[uuid.UUID, Run]:
    """By patrol, its run as the records tell that stand: the end that began first, else the earliest beginning."""
    rows = work.session.execute(
        select(PatrolRun, Record.document)
        .join(Record, Record.id == PatrolRun.record_id)
        .where(
            PatrolRun.bureau_id == work.bureau_id,
            among(PatrolRun.patrol_id, sorted(patrols)),
            stands(work, as_of),
            PatrolRun.started_at <= as_of,
        )
        .order_by(PatrolRun.started_at, PatrolRun.record_id)
    )
    told: dict[uuid.UUID, list[tuple[PatrolRun, Mapping[str, Any]]]] = defaultdict(list)
    for run, document in rows:
        told[run.patrol_id].append((run, document))
    found: dict[uuid.UUID, Run] = {}
    for patrol_id, runs in told.items():
        begins = next((run for run, _ in runs if run.act == "start"), None)
        ends = next((run for run, _ in runs if run.act == "end"), None)
        counts, document = next(one for one in runs if one[0] is (ends or begins))
        drawn = told_run(document)
        counting = {run.record_id for run in (begins, ends) if run is not None}
        found[patrol_id] = Run(
            started_at=counts.started_at,
            ended_at=max(ends.started_at, ends.ended_at) if ends else None,
            metres=ends.metres if ends else None,
            people=drawn.people if drawn else frozenset(),
            start_id=begins.record_id if begins else None,
            end_id=ends.record_id if ends else None,
            other_ids=tuple(run.record_id for run, _ in runs if run.record_id not in counting),
        )
    return found


def _stops(work: Work, patrols: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[PatrolStop]]:
    stops: dict[uuid.UUID, list[PatrolStop]] = defaultdict(list)
    found = (
        select(PatrolStop)
        .where(among(PatrolStop.patrol_id, patrols))
        .order_by(PatrolStop.ordinal)
        .options(load_only(*_COMPARED))
    )
    for stop in work.session.scalars(found):
        stops[stop.patrol_id].append(stop)
    return stops


def _outings(
    work: Work,
    patrols: Sequence[Patrol],
    runs: Mapping[uuid.UUID, Run],
    stops: Mapping[uuid.UUID, Sequence[PatrolStop]],
) -> list[Outing]:
    """Each patrol as records are told to be of it: the planned team and whoever its records say was out instead."""
    teams: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    members = select(PatrolMember.patrol_id, PatrolMember.person_id).where(
        among(PatrolMember.patrol_id, sorted(patrol.id for patrol in patrols))
    )
    for patrol_id, person_id in work.session.execute(members):
        teams[patrol_id].add(person_id)
    outings = []
    for patrol in patrols:
        run = runs.get(patrol.id)
        midnight = datetime.combine(patrol.day, time(), work.zone)
        begins, ends = min(midnight, patrol.starts_at), max(midnight + _DAY, patrol.ends_at)
        if run is not None:
            begins, ends = run.started_at, run.ended_at or max(ends, run.started_at)
        outings.append(
            Outing(
                patrol_id=patrol.id,
                people=frozenset(teams[patrol.id] | (run.people if run else frozenset())),
                subjects=subjects_of(stops.get(patrol.id, ())),
                begins=begins,
                ends=ends,
                run_known=run is not None,
            )
        )
    return outings


def _visits(
    work: Work, as_of: datetime, outings: Sequence[Outing], telling: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Visit]:
    """The records that stand by then and may be of one of the patrols, by the patrol that they name or by whom they are
    of; and those that tell of runs.
    """
    people = sorted({person for outing in outings for person in outing.people})
    signed = select(RecordOfficer.record_id).where(among(RecordOfficer.person_id, people))
    named = among(Record.dispatch_id, sorted(outing.patrol_id for outing in outings))
    # Whatever a record names, it is none of a patrol that was out on another day.
    begins, ends = min(one.begins for one in outings), max(one.ends for one in outings)
    within = and_(Record.performed_at >= begins - _DAY, Record.performed_at <= min(ends + _DAY, as_of))
    rows = work.session.execute(
        select(
            Record.id,
            Record.kind,
            Record.subject_kind,
            Record.subject_id,
            Record.performed_at,
            Record.ended_at,
            Record.clock_offset_s,
            Record.dispatch_id,
            _ANSWERS.label("answers"),
            Form.demands["certified"].as_boolean().label("certified"),
            func.ST_X(Record.position).label("lon"),
            func.ST_Y(Record.position).label("lat"),
            select(func.array_agg(RecordOfficer.person_id))
            .where(RecordOfficer.record_id == Record.id, RecordOfficer.person_id.is_not(None))
            .scalar_subquery()
            .label("people"),
        )
        .outerjoin(Form, OF_ITS_FORM)
        .where(
            stands(work, as_of), within, or_(named, Record.id.in_(signed), among(Record.id, sorted(telling)))
        )
    )
    return {row.id: _visit(row) for row in rows}


def _visit(row: Any) -> Visit:
    return Visit(
        id=row.id,
        kind=row.kind,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        begins=row.performed_at,
        ends=row.ended_at - timedelta(seconds=row.clock_offset_s),
        people=frozenset(row.people or ()),
        dispatch_id=row.dispatch_id,
        reached=_reached(row.kind, row.answers),
        certified=row.certified,
        place=None if row.lon is None else (row.lon, row.lat),
    )


def _reached(kind: str, answers: Mapping[str, Any] | None) -> bool:
    """Whether a record reached whom it was for; a road check stops whoever comes."""
    return kind == "road_check" or deed_of(kind, answers or {}, certified=True) is not None


def _words(work: Work, as_of: datetime, patrols: Sequence[uuid.UUID]) -> dict[uuid.UUID, Word]:
    """By stop, what was said of it last by then."""
    rows = work.session.scalars(
        select(StopWord)
        .join(PatrolStop, PatrolStop.id == StopWord.stop_id)
        .where(among(PatrolStop.patrol_id, patrols), StopWord.known_at <= as_of)
        .order_by(StopWord.seq)
    )
    return {
        said.stop_id: Word(said.status, said.skip_reason, said.note, said.record_id, said.field_ordinal)
        for said in rows
    }


def _told(work: Work, as_of: datetime, words: Mapping[uuid.UUID, Word]) -> dict[uuid.UUID, bool | None]:
    """Of the records that words name those that were here by then: whether they reached anybody, None for no visit."""
    named = sorted({word.record_id for word in words.values() if word.record_id is not None})
    rows = work.session.execute(
        select(Record.id, Record.kind, _ANSWERS).where(
            among(Record.id, named), Record.bureau_id == work.bureau_id, Record.received_at <= as_of
        )
    )
    return {
        record_id: _reached(kind, answers) if visits_somebody(kind) else None
        for record_id, kind, answers in rows
    }
