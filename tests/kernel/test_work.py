"""The unit of work: all or nothing, upkeep before the commit, jobs after it, broken constraints as problems."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError

from server.access.models import Account
from server.grids.models import Duty
from server.kernel.actor import house
from server.kernel.events import Event, record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem, problem_of_constraint
from server.kernel.work import Kernel, Work
from server.org.models import Person, Squad
from server.outlets.models import Outlet
from server.records.models import Form
from tests.town import MONDAY, Town


def squad(work: Work, name: str) -> Squad:
    made = Squad(id=new_id(work.now), bureau_id=work.bureau_id, name=name, edit_id=new_edit_id())
    work.session.add(made)
    work.session.flush()
    return made


def squads(kernel: Kernel) -> set[str]:
    with kernel.sessions() as session:
        return set(session.scalars(select(Squad.name)))


def test_what_is_done_is_kept(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        squad(work, "试样三中队")
        assert squads(kernel) == {"试样1中队", "试样2中队"}, "nobody sees it before the commit"
    assert "试样三中队" in squads(kernel)


@pytest.mark.parametrize("error", [Problem("not_found"), RuntimeError("broken"), KeyboardInterrupt()])
def test_whatever_is_raised_undoes_all(kernel: Kernel, town: Town, error: BaseException) -> None:
    def act(work: Work) -> None:
        squad(work, "试样三中队")
        record_event(work, "test.happened", [])
        raise error

    with pytest.raises(type(error)), kernel.work(house(town.bureau_id), MONDAY) as work:
        act(work)
    assert squads(kernel) == {"试样1中队", "试样2中队"}
    with kernel.sessions() as session:
        assert session.scalar(select(func.count()).where(Event.name == "test.happened")) == 0


def broken_rules(town: Town, _before: Squad) -> dict[str, Callable[[Work], None]]:
    """Each problem that a broken constraint is, and what breaks it."""

    def second(entity: type[Any], **changed: Any) -> Callable[[Work], None]:
        def act(work: Work) -> None:
            one = work.session.scalars(
                select(entity).where(entity.bureau_id == work.bureau_id).limit(1)
            ).one()
            values = {column.key: getattr(one, column.key) for column in entity.__table__.columns}
            work.session.execute(insert(entity).values(**{**values, "id": uuid.uuid4(), **changed}))

        return act

    def another_duty(work: Work) -> None:
        work.session.execute(
            insert(Duty).values(
                id=uuid.uuid4(),
                bureau_id=work.bureau_id,
                cell_id=town.cells[0],
                squad_id=town.squads[1],
                lead_person_id=town.people["zhao"],
                valid=Range(date(2026, 8, 1), None),
                known_at=work.now,
            )
        )

    return {
        "username_taken": second(Account),
        "licence_taken": second(Outlet),
        "form_published": second(Form),
        "duty_overlap": another_duty,
        "reference_missing": second(Person, staff_no="X", bureau_id=uuid.uuid4()),
        "conflict": second(Person, staff_no="X", kind="robot"),
    }


@pytest.mark.parametrize(
    "code",
    ["username_taken", "licence_taken", "form_published", "duty_overlap", "reference_missing", "conflict"],
)
def test_a_broken_constraint_is_a_problem(kernel: Kernel, town: Town, code: str) -> None:
    with pytest.raises(Problem) as raised, kernel.work(house(town.bureau_id), MONDAY) as work:
        broken_rules(town, squad(work, "试样三中队"))[code](work)
    assert raised.value.code == code
    assert "试样三中队" not in squads(kernel)


def test_a_constraint_that_breaks_only_at_commit_is_a_problem_too(kernel: Kernel, town: Town) -> None:
    with pytest.raises(Problem, match="conflict"), kernel.work(house(town.bureau_id), MONDAY) as work:
        # Added and not flushed: the database learns of it at the commit.
        work.session.add(
            Squad(id=uuid.uuid4(), bureau_id=town.bureau_id, name="试样1中队", edit_id=new_edit_id())
        )


def test_the_victim_of_a_deadlock_is_asked_to_try_again(kernel: Kernel, town: Town) -> None:
    """Two take the same two squads in either order; whoever the database stops is told, the other goes on."""
    names = [f"试样{number}中队" for number in (1, 2)]
    meeting = threading.Barrier(2, timeout=10)

    def rename(order: list[str]) -> None:
        with kernel.work(house(town.bureau_id), MONDAY) as work:
            for place, name in enumerate(order):
                work.session.execute(update(Squad).where(Squad.name == name).values(edit_id=new_edit_id()))
                if place == 0:
                    meeting.wait()

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(rename, order) for order in (names, names[::-1])]
        (stopped,) = [problem for one in both if (problem := one.exception()) is not None]
    assert isinstance(stopped, Problem)
    assert (stopped.code, stopped.headers) == ("unavailable", {"Retry-After": "1"})


def asked(kernel: Kernel, town: Town, *statements: str) -> None:
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        for statement in statements:
            work.session.execute(text(statement))


def test_a_lock_that_is_not_had_in_time_is_nobody_s_failure(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY) as holder:
        holder.session.execute(select(Squad).with_for_update())
        with pytest.raises(Problem, match="unavailable"):
            asked(kernel, town, "set local lock_timeout = '50ms'", "select * from squad for update")


def test_a_database_that_fails_otherwise_is_a_failure(kernel: Kernel, town: Town) -> None:
    with pytest.raises(OperationalError):
        asked(kernel, town, "set local statement_timeout = '20ms'", "select pg_sleep(1)")


def test_an_unnamed_constraint_is_still_a_problem() -> None:
    assert problem_of_constraint(None, None).code == "conflict"
    assert problem_of_constraint("uq_account_username", "23505").code == "username_taken"


Queue = list[tuple[str, tuple[Any, ...], set[str]]]


@pytest.fixture
def watched(kernel: Kernel) -> tuple[Kernel, Queue]:
    """A kernel whose queue notes each job with what everybody else saw at that moment."""
    queue: Queue = []
    return replace(
        kernel, enqueue=lambda job, arguments: queue.append((job, arguments, squads(kernel)))
    ), queue


def test_jobs_are_enqueued_after_the_commit(watched: Any, town: Town) -> None:
    kernel, queue = watched
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        work.later("jobs.first", "a", 1)
        made = squad(work, "试样三中队")
        work.later("jobs.second", str(made.id))
        assert queue == []
    everybody = {"试样1中队", "试样2中队", "试样三中队"}
    assert queue == [("jobs.first", ("a", 1), everybody), ("jobs.second", (str(made.id),), everybody)]


def test_work_that_fails_enqueues_nothing(watched: Any, town: Town) -> None:
    kernel, queue = watched

    def refuse(work: Work) -> None:
        work.later("jobs.first")
        raise Problem("not_found")

    def break_a_constraint(work: Work) -> None:
        work.later("jobs.first")
        work.session.add(
            Squad(id=uuid.uuid4(), bureau_id=town.bureau_id, name="试样1中队", edit_id=new_edit_id())
        )

    for act in (refuse, break_a_constraint):
        with pytest.raises(Problem), kernel.work(house(town.bureau_id), MONDAY) as work:
            act(work)
    assert queue == []


def test_upkeep_runs_before_the_commit_with_the_ids_once_each(kernel: Kernel, town: Town) -> None:
    seen: list[tuple[str, list[uuid.UUID]]] = []

    def first(work: Work, ids: Sequence[uuid.UUID]) -> None:
        seen.append(("first", list(ids)))
        squad(work, "由维护写下")
        work.wrote("second_table", [uuid.UUID(int=9)])

    def second(_work: Work, ids: Sequence[uuid.UUID]) -> None:
        seen.append(("second", list(ids)))

    kept = replace(kernel, upkeep={"first_table": (first,), "second_table": (second,)})
    with kept.work(house(town.bureau_id), MONDAY) as work:
        work.wrote("first_table", [uuid.UUID(int=2), uuid.UUID(int=1)])
        work.wrote("first_table", [uuid.UUID(int=1)])
        work.wrote("a table that nobody keeps", [uuid.UUID(int=3)])
    assert seen == [("first", [uuid.UUID(int=1), uuid.UUID(int=2)]), ("second", [uuid.UUID(int=9)])]
    assert "由维护写下" in squads(kernel)


def test_upkeep_that_fails_undoes_all(kernel: Kernel, town: Town) -> None:
    def failing(_work: Work, _ids: Sequence[uuid.UUID]) -> None:
        raise Problem("conflict")

    kept = replace(kernel, upkeep={"squad": (failing,)})
    with pytest.raises(Problem, match="conflict"), kept.work(house(town.bureau_id), MONDAY) as work:
        work.wrote("squad", [squad(work, "试样三中队").id])
    assert "试样三中队" not in squads(kernel)


def test_upkeep_without_end_is_told(kernel: Kernel, town: Town) -> None:
    def again(work: Work, ids: Sequence[uuid.UUID]) -> None:
        work.wrote("squad", ids)

    kept = replace(kernel, upkeep={"squad": (again,)})
    with pytest.raises(RuntimeError, match="without end"), kept.work(house(town.bureau_id), MONDAY) as work:
        work.wrote("squad", [squad(work, "试样三中队").id])
    assert "试样三中队" not in squads(kernel)


def test_time_travels_as_a_parameter(kernel: Kernel, town: Town) -> None:
    at = datetime(2030, 1, 1, 12, tzinfo=UTC)
    with kernel.work(house(town.bureau_id), at) as work:
        record_event(work, "test.happened", [uuid.UUID(int=5)], what="x")
        identity = new_id(work.now)
    with kernel.sessions() as session:
        event = session.scalars(select(Event).where(Event.name == "test.happened")).one()
    assert (event.at, event.subject_ids, event.facts) == (at, [str(uuid.UUID(int=5))], {"what": "x"})
    assert identity.version == 7
    assert identity.int >> 80 == int(at.timestamp() * 1000)


def test_the_session_speaks_utc(kernel: Kernel) -> None:
    with kernel.sessions() as session:
        assert session.scalar(text("show timezone")) == "UTC"


def test_a_statement_that_is_not_ours_to_make_fails(kernel: Kernel, town: Town) -> None:
    with pytest.raises((ProgrammingError, InternalError)), kernel.work(house(town.bureau_id), MONDAY) as work:
        work.session.execute(text("drop table squad"))
