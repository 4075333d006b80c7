"""Beginnings and ends of patrols, drawn out of records before commit; what does not fit the plan is flagged."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import func, insert, select

from schemas.vocabulary import PlanState
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.work import Work
from server.patrols.drawing import ToldRun, told_run
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolRun
from server.records.models import Record, RecordOfficer
from server.records.stamping import stamp_flags
from server.records.superseding import stands

UNKNOWN, NOT_PUBLISHED = "patrol_unknown", "patrol_not_published"
OF_OTHERS, TOLD_TWICE = "patrol_of_others", "patrol_told_twice"


def draw_out_runs(work: Work, record_ids: Sequence[uuid.UUID]) -> None:
    """Upkeep of ``record.patrol``: keep what these records tell of runs, and flag what the plan does not know."""
    told = [
        (record, run, run.patrol_id)
        for record in work.session.scalars(select(Record).where(among(Record.id, record_ids)))
        if (run := told_run(record.document)) is not None and run.patrol_id is not None
    ]
    if not told:
        return
    patrols = sorted({patrol_id for _, _, patrol_id in told})
    for patrol_id in patrols:
        # Two of a team may end it at once, each on his handheld: one of them is the second, and no dispatch by itself.
        turn = func.pg_advisory_xact_lock(func.hashtextextended(f"patrol:{patrol_id}", 0))
        work.session.execute(select(turn))
    rows = [_row(work, record, run, patrol_id) for record, run, patrol_id in told]
    work.session.execute(insert(table_of(PatrolRun)), rows)
    flags = _misfits(work, {record.id: patrol_id for record, _, patrol_id in told})
    for record_id in _told_twice(work, patrols):
        flags[record_id].append(TOLD_TWICE)
    stamp_flags(work, flags)


def _row(work: Work, record: Record, run: ToldRun, patrol_id: uuid.UUID) -> dict[str, object]:
    return {
        "bureau_id": work.bureau_id,
        "record_id": record.id,
        "patrol_id": patrol_id,
        "act": run.act,
        "started_at": record.performed_at,
        "ended_at": record.ended_at - timedelta(seconds=record.clock_offset_s),
        "metres": run.metres,
        "known_at": record.received_at,
    }


def _misfits(work: Work, named: Mapping[uuid.UUID, uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """By record, what of its patrol the plan does not know; records are given with the patrol that they name."""
    states = dict(
        work.session.execute(
            select(Patrol.id, PatrolPlan.state)
            .join(PatrolPlan, PatrolPlan.id == Patrol.plan_id)
            .where(among(Patrol.id, sorted(set(named.values()))), Patrol.bureau_id == work.bureau_id)
        ).all()
    )
    on_team = (
        select(RecordOfficer.record_id)
        .join(PatrolRun, PatrolRun.record_id == RecordOfficer.record_id)
        .join(
            PatrolMember,
            (PatrolMember.patrol_id == PatrolRun.patrol_id)
            & (PatrolMember.person_id == RecordOfficer.person_id),
        )
        .where(among(RecordOfficer.record_id, sorted(named)))
    )
    own = set(work.session.scalars(on_team))
    flags: dict[uuid.UUID, list[str]] = defaultdict(list)
    for record_id, patrol_id in named.items():
        if patrol_id not in states:
            flags[record_id].append(UNKNOWN)
            continue
        if states[patrol_id] != PlanState.PUBLISHED:
            flags[record_id].append(NOT_PUBLISHED)
        if record_id not in own:
            flags[record_id].append(OF_OTHERS)
    return flags


def _told_twice(work: Work, patrols: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """The records that end one of these patrols besides the one that counts: of those that stand the first to begin."""
    ends = (
        select(PatrolRun.patrol_id, PatrolRun.record_id)
        .join(Record, Record.id == PatrolRun.record_id)
        .where(
            PatrolRun.bureau_id == work.bureau_id,
            among(PatrolRun.patrol_id, patrols),
            PatrolRun.act == "end",
            stands(work, work.now),
        )
        .order_by(PatrolRun.started_at, PatrolRun.record_id)
    )
    first: dict[uuid.UUID, uuid.UUID] = {}
    return [
        record_id
        for patrol_id, record_id in work.session.execute(ends)
        if first.setdefault(patrol_id, record_id) != record_id
    ]
