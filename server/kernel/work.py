"""The unit of work: one actor, one clock, one transaction; upkeep before commit, jobs after it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from server.kernel.actor import Actor
from server.kernel.problems import Problem, problem_of_constraint
from server.kernel.settings import Settings

Statement = Callable[["Work", Sequence[uuid.UUID]], None]
Upkeep = Mapping[str, tuple[Statement, ...]]
Enqueue = Callable[[str, tuple[Any, ...]], None]

# A deadlock of which this transaction is the victim, one that cannot be put in a row with another, a lock not had in time.
CROSSED = frozenset({"40P01", "40001", "55P03"})
_TRY_AGAIN = (
    "与其他操作同时改动了同一批数据，本次没有写入，请重试。"
    "Others changed the same data at the same moment; nothing was written, try again."
)


@dataclass(slots=True)
class Work:
    """What an operation is given. Operations never commit and never ask a clock."""

    session: Session
    actor: Actor
    now: datetime
    settings: Settings
    written: dict[str, set[uuid.UUID]] = field(default_factory=lambda: defaultdict(set))
    jobs: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    # What this unit of work has looked up already and nobody in it changes, such as the policy of a day.
    recalled: dict[Any, Any] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The bureau's civil time."""
        return self.settings.zone

    @property
    def bureau_id(self) -> uuid.UUID:
        """The bureau that the actor acts for."""
        return self.actor.bureau_id

    def wrote(self, table: str, ids: Iterable[uuid.UUID]) -> None:
        """Note written rows, so that what is kept from them is kept true before commit."""
        self.written[table].update(ids)

    def later(self, job: str, *arguments: Any) -> None:
        """Enqueue ``job`` (a dotted name) once the transaction is committed; arguments are ids, not objects."""
        self.jobs.append((job, arguments))


@dataclass(frozen=True, slots=True)
class Kernel:
    """The composed house: what create_app, the worker and the command line open their work with."""

    settings: Settings
    sessions: sessionmaker[Session]
    upkeep: Upkeep
    enqueue: Enqueue

    def close(self) -> None:
        """Give the database connections back."""
        self.sessions.kw["bind"].dispose()

    @contextmanager
    def work(self, actor: Actor, now: datetime) -> Iterator[Work]:
        """Open a transaction for ``actor`` at ``now``; commit if the block returns, roll back if it raises.

        Raises:
            Problem: for a broken constraint, by problems.CONSTRAINTS; ``unavailable`` where another transaction was in
                the way for good, for whoever asks again finds it gone.
        """
        with self.sessions() as session:
            work = Work(session=session, actor=actor, now=now, settings=self.settings)
            try:
                yield work
                keep_up(work, self.upkeep)
                session.commit()
            except IntegrityError as broken:
                session.rollback()
                raise problem_of(broken) from broken
            except OperationalError as failed:
                session.rollback()
                if getattr(failed.orig, "pgcode", None) in CROSSED:
                    raise Problem("unavailable", detail=_TRY_AGAIN, headers={"Retry-After": "1"}) from failed
                raise
        for job, arguments in work.jobs:
            self.enqueue(job, arguments)


def keep_up(work: Work, upkeep: Upkeep) -> None:
    """Run the statements of every written table until nothing more is written by them."""
    for _round in range(8):
        pending = {table: ids for table, ids in work.written.items() if ids and table in upkeep}
        work.written.clear()
        if not pending:
            return
        for table, ids in pending.items():
            for statement in upkeep[table]:
                statement(work, sorted(ids, key=attrgetter("int")))
    raise RuntimeError("Upkeep statements write one another's tables without end.")


def problem_of(broken: IntegrityError) -> Problem:
    """The problem of a broken constraint, told by its name."""
    diagnostics = getattr(broken.orig, "diag", None)
    return problem_of_constraint(
        getattr(diagnostics, "constraint_name", None), getattr(broken.orig, "pgcode", None)
    )
