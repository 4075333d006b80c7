"""Running the solver over drafts: asked for, watched, cancelled; what it finds goes into the plans when it ends.

No transaction is open while it searches. Each second what it has so far is written down, so that a run which is cancelled
or whose process dies has kept it, and the next one begins there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select

from gis.routing.days import Progress, Solution
from gis.routing.infeasible import Reason, explain
from gis.routing.solving import solve
from schemas.vocabulary import PlanState, SolvingState
from server.kernel.actor import house
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, problem_at
from server.kernel.work import Kernel, Work
from server.patrols.models import PatrolPlan, PlanSolving
from server.planning.applying import apply
from server.planning.faults import of_day, of_run
from server.planning.ground import Ground, load_ground
from server.planning.kept import start_of, to_json
from server.planning.lawful import lawful
from server.planning.meeting import Meeting
from server.planning.queries import find_plan, find_solving
from server.planning.ways import Ways, routing_day

JOB = "server.worker.solve_plans"
SEEDS = (1, 2)
# A run that has not ended by so long after its limit has lost its process.
LOST_AFTER = timedelta(minutes=3)
_WRITTEN_EVERY_S = 1.0
_ALIVE = (SolvingState.QUEUED, SolvingState.RUNNING)

log = structlog.get_logger()
Watch = Callable[[Progress], None]


def ask(work: Work, plan_ids: Sequence[uuid.UUID], limit_s: int, *, enqueue: bool = True) -> PlanSolving:
    """Ask for a run over drafts of one squad, each of another day; with ``enqueue`` a worker takes it up.

    Raises:
        Problem: ``not_found``; ``plan_state`` unless all are drafts; ``plans_differ`` for plans of two squads or two of a
            day; ``solving_running`` while another run works on one of them.
    """
    plans = [find_plan(work, plan_id, to_write=True) for plan_id in dict.fromkeys(plan_ids)]
    if any(plan.state != PlanState.DRAFT for plan in plans):
        raise Problem("plan_state")
    if len({plan.squad_id for plan in plans}) > 1 or len({plan.day for plan in plans}) < len(plans):
        detail = "一起编排的计划须属于同一中队、各占一天。Plans that are solved together are of one squad, each of a day."
        raise problem_at("/plan_ids", "plans_differ", detail)
    for running in _alive(work, plans):
        if not _is_lost(running, work.now):
            raise Problem("solving_running")
        running.state, running.ended_at = SolvingState.FAILED, work.now
        running.faults = [of_run("process_lost")]
    solving = PlanSolving(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        squad_id=plans[0].squad_id,
        plan_ids=[str(plan.id) for plan in plans],
        state=SolvingState.QUEUED,
        limit_s=limit_s,
        elapsed_s=0,
        faults=[],
        asked_by=work.actor.account_id,
        asked_at=work.now,
    )
    work.session.add(solving)
    work.session.flush()
    if enqueue:
        work.later(JOB, str(work.bureau_id), str(solving.id))
    return solving


def _alive(work: Work, plans: Sequence[PatrolPlan]) -> list[PlanSolving]:
    found = work.session.scalars(
        select(PlanSolving).where(
            PlanSolving.squad_id == plans[0].squad_id,
            PlanSolving.state.in_(_ALIVE),
        )
    )
    ids = {str(plan.id) for plan in plans}
    return [one for one in found if ids.intersection(one.plan_ids)]


def _is_lost(solving: PlanSolving, now: datetime) -> bool:
    began = solving.started_at or solving.asked_at
    return now > began + timedelta(seconds=solving.limit_s) + LOST_AFTER


def cancel(work: Work, solving_id: uuid.UUID) -> PlanSolving:
    """Ask a run to end with what it has; the plans get that.

    Raises:
        Problem: ``not_found``; ``solving_over``.
    """
    solving = find_solving(work, solving_id)
    if solving.state not in _ALIVE:
        raise Problem("solving_over")
    solving.cancel_asked_at = solving.cancel_asked_at or work.now
    return solving


def run(
    kernel: Kernel,
    bureau_id: uuid.UUID,
    solving_id: uuid.UUID,
    clock: Callable[[], datetime],
    watch: Watch | None = None,
) -> SolvingState:
    """Carry a run out; a second call for the same run does nothing. What became of it stands in its row."""
    with kernel.work(house(bureau_id), clock()) as work:
        taken = _take_up(work, solving_id)
        if taken is None:
            return SolvingState.CANCELLED
        solving, ground, start = taken
    try:
        return _Run(kernel, bureau_id, solving, ground, clock, watch).carry_out(start)
    except Exception:
        with kernel.work(house(bureau_id), clock()) as work:
            _end(work, solving_id, SolvingState.FAILED, [of_run("failed")])
        raise


def _take_up(work: Work, solving_id: uuid.UUID) -> tuple[PlanSolving, Ground, Solution | None] | None:
    solving = work.session.scalar(select(PlanSolving).where(PlanSolving.id == solving_id).with_for_update())
    if solving is None or solving.state != SolvingState.QUEUED:
        return None
    if solving.cancel_asked_at is not None:
        _end(work, solving_id, SolvingState.CANCELLED, [])
        return None
    solving.state, solving.started_at = SolvingState.RUNNING, work.now
    plans = [find_plan(work, uuid.UUID(plan_id)) for plan_id in solving.plan_ids]
    return solving, load_ground(work, plans), start_of(work, solving)


def _end(work: Work, solving_id: uuid.UUID, state: SolvingState, faults: list[dict[str, Any]]) -> None:
    solving = work.session.get_one(PlanSolving, solving_id)
    solving.state, solving.ended_at, solving.faults = state, work.now, faults
    record_event(work, "plan.solved", [solving_id, *map(uuid.UUID, solving.plan_ids)], state=state.value)


class _Run:
    """One run: what was read, the search, and writing what it found."""

    def __init__(
        self,
        kernel: Kernel,
        bureau_id: uuid.UUID,
        solving: PlanSolving,
        ground: Ground,
        clock: Callable[[], datetime],
        watch: Watch | None,
    ) -> None:
        self.kernel, self.bureau_id, self.solving = kernel, bureau_id, solving
        self.ground, self.clock, self.watch = ground, clock, watch
        self.written_s = 0.0
        self.cancelled = False

    def carry_out(self, start: Solution | None) -> SolvingState:
        ways, day = routing_day(self.ground, self.kernel.settings)
        solution = solve(
            day,
            limit_s=float(self.solving.limit_s),
            seeds=SEEDS,
            start=start,
            on_progress=self._progress,
        )
        solution, meeting = lawful(self.ground, day, solution)
        return self._write(ways, solution, meeting, explain(day, solution=solution))

    def _progress(self, progress: Progress) -> bool:
        if self.watch is not None:
            self.watch(progress)
        if progress.elapsed_s - self.written_s >= _WRITTEN_EVERY_S:
            self.written_s = progress.elapsed_s
            with self.kernel.work(house(self.bureau_id), self.clock()) as work:
                row = work.session.get_one(PlanSolving, self.solving.id)
                row.elapsed_s, row.objective = int(progress.elapsed_s), progress.objective
                row.served, row.unserved = progress.served, len(self.ground.doings) - progress.served
                row.best = to_json(progress.best)
                self.cancelled = row.cancel_asked_at is not None
        return not self.cancelled

    def _write(
        self, ways: Ways, solution: Solution, meeting: Meeting, faults: Sequence[Reason]
    ) -> SolvingState:
        told = [of_day(fault, self.ground) for fault in faults]
        with self.kernel.work(house(self.bureau_id), self.clock()) as work:
            row = work.session.get_one(PlanSolving, self.solving.id)
            row.best, row.objective = to_json(solution), solution.objective
            row.served, row.unserved = solution.served, len(solution.unserved)
            row.elapsed_s = int((work.now - (row.started_at or work.now)).total_seconds())
            if not self._unchanged(work):
                _end(work, row.id, SolvingState.FAILED, [of_run("plan_changed")])
                return SolvingState.FAILED
            apply(work, self.ground, ways, solution, meeting)
            state = SolvingState.CANCELLED if self.cancelled else SolvingState.DONE
            _end(work, row.id, state, told)
            return state

    def _unchanged(self, work: Work) -> bool:
        """Whether nobody changed the drafts while the search went on."""
        for plan in self.ground.plans:
            now = work.session.scalar(
                select(PatrolPlan.edit_id)
                .where(PatrolPlan.id == plan.id, PatrolPlan.state == PlanState.DRAFT)
                .with_for_update()
            )
            if now != plan.edit_id:
                return False
        return True


__all__ = ["JOB", "ask", "cancel", "run"]
