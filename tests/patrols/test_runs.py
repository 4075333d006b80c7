"""Beginnings and ends of patrols: drawn out of records, never refused, and no inspection of anybody."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from threading import Thread

from sqlalchemy import func, select, text

from server.cadence.models import AttemptFact, VisitFact
from server.kernel.actor import house
from server.kernel.work import keep_up
from server.patrols.drawing import told_run
from server.records.models import Record
from server.replication import COLLECTIONS, reader_of
from server.upkeep import UPKEEP
from sync.push import push
from tests.fieldwork import field_actor, push_at
from tests.patrols.conftest import Days, at
from tests.patrols.plans import Team, withdraw
from tests.records import documents
from tests.records.documents import AUXILIARY, FIRST_OFFICER, PATROL, SECOND_OFFICER

TEAM = Team(("li", "wang"), (0, 1))


def test_a_beginning_and_an_end_are_drawn_out(days: Days) -> None:
    (patrol,) = days.plan(7, TEAM).patrols
    start = days.push(days.run("start", patrol, at(7, 8, 40)), received=at(7, 8, 41))
    assert days.flags(start) == set()
    end = days.push(
        days.run("end", patrol, at(7, 8, 40), at(7, 17), told={"metres": 21_500}), received=at(7, 17, 5)
    )
    first, second = days.runs(patrol)
    assert (first.record_id, first.act, first.started_at, first.ended_at) == (
        start,
        "start",
        at(7, 8, 40),
        at(7, 8, 40),
    )
    assert (second.record_id, second.act, second.started_at, second.ended_at, second.metres) == (
        end,
        "end",
        at(7, 8, 40),
        at(7, 17),
        21_500,
    )
    told = days.roads.get(f"/records/{end}").get_json()
    assert (told["valid"], told["findings"], told["kind"]) == (True, [], "patrol")


def test_a_clock_that_goes_wrong_is_put_right(days: Days) -> None:
    (patrol,) = days.plan(8, TEAM).patrols
    fast = timedelta(minutes=9)
    days.push(
        days.run("end", patrol, at(8, 8, 40) + fast, at(8, 17) + fast, clock_offset_s=540), received=at(8, 18)
    )
    (run,) = days.runs(patrol)
    assert (run.started_at, run.ended_at) == (at(8, 8, 40), at(8, 17))


def test_it_proves_no_inspection_and_meets_nothing(days: Days) -> None:
    (patrol,) = days.plan(9, TEAM).patrols
    with days.roads.kernel.sessions() as session:
        before = [session.scalar(select(func.count()).select_from(one)) for one in (VisitFact, AttemptFact)]
    # At a shop's door, and said to be at it.
    record = days.run("end", patrol, at(9, 8, 40), at(9, 17), place=days.town.positions[0])
    record |= {"subject_kind": "outlet", "subject_id": str(days.town.outlets[0])}
    days.push(record, received=at(9, 18))
    with days.roads.kernel.sessions() as session:
        after = [session.scalar(select(func.count()).select_from(one)) for one in (VisitFact, AttemptFact)]
    assert after == before


def test_what_the_plan_does_not_know_is_flagged_and_never_refused(days: Days) -> None:
    unknown = days.push(days.run("end", uuid.uuid4(), at(10, 8), at(10, 9)))
    assert days.flags(unknown) == {"patrol_unknown"}
    draft = days.plan(10, TEAM, published=False)
    assert days.flags(days.push(days.run("start", draft.patrols[0], at(10, 10)))) == {"patrol_not_published"}
    others = days.plan(10, TEAM)
    by_zhao = days.run("start", others.patrols[0], at(10, 11), by=("zhao",))
    assert days.flags(days.push(by_zhao, by="zhao")) == {"patrol_of_others"}
    with days.roads.kernel.work(house(days.town.bureau_id), at(10, 12)) as work:
        withdraw(work, others)
    assert days.flags(days.push(days.run("start", others.patrols[0], at(10, 13)))) == {"patrol_not_published"}


def test_one_that_does_not_say_what_it_is_about_is_kept_and_explained(days: Days) -> None:
    (patrol,) = days.plan(11, TEAM).patrols
    nameless = days.run("end", patrol, at(11, 8), at(11, 9))
    nameless["answers"]["patrol_id"] = None
    neither = days.run("end", patrol, at(11, 10), at(11, 11))
    del neither["answers"]["act"]
    strange = days.run("end", patrol, at(11, 12), at(11, 13)) | {"form_version": 9}
    strange["answers"] |= {"people": "两人", "metres": "很远", "vehicles": [1], "partner_units": {"a": 1}}
    for record, path in ((nameless, "/answers/patrol_id"), (neither, "/answers/act")):
        told = days.roads.get(f"/records/{days.push(record)}").get_json()
        assert [(one["code"], one["path"]) for one in told["findings"]] == [("item_missing", path)]
    days.push(strange)
    assert [run.metres for run in days.runs(patrol)] == [None]
    # Whoever was out without saying on which patrol was out all the same.
    assert len(days.dispatches(11)) == 2


def test_of_two_that_end_a_patrol_the_second_is_told_apart(days: Days) -> None:
    (patrol,) = days.plan(13, TEAM).patrols
    late = days.push(
        days.run("end", patrol, at(13, 8, 32), at(13, 17), by=("wang",)), by="wang", received=at(13, 17)
    )
    assert days.flags(late) == set()
    # The one that began first comes second, and it is the other one that does not count then.
    first = days.push(days.run("end", patrol, at(13, 8, 30), at(13, 17)), received=at(13, 18))
    assert (days.flags(first), days.flags(late)) == (set(), {"patrol_told_twice"})


def test_an_amendment_of_an_end_is_no_second_one(days: Days) -> None:
    (patrol,) = days.plan(14, TEAM).patrols
    wrong = days.run("end", patrol, at(14, 8, 30), at(14, 17), told={"metres": 1})
    days.push(wrong, received=at(14, 18))
    right = days.run("end", patrol, at(14, 8, 30), at(14, 17, 30), told={"metres": 20_000})
    amended = days.push(right | {"amends_id": wrong["id"], "amend_reason": "里程填错"}, received=at(14, 19))
    assert "patrol_told_twice" not in days.flags(amended)
    assert "patrol_told_twice" not in days.flags(uuid.UUID(wrong["id"]))


def test_two_ends_at_the_same_moment_wait_for_one_another(days: Days) -> None:
    """The second push finds what the first drew out, and is not in its way: it is committed before."""
    (patrol,) = days.plan(15, TEAM).patrols
    one = days.run("end", patrol, at(15, 8, 30), at(15, 17))
    other = days.run("end", patrol, at(15, 8, 40), at(15, 17), by=("wang",))
    kernel, town = days.roads.kernel, days.town
    answers: list[list[object]] = []

    def push_other() -> None:
        answers.append(push_at(kernel, town, "wang", at(15, 18), other))

    second = Thread(target=push_other)
    with kernel.work(field_actor(town, "li"), at(15, 18)) as work:
        body = json.dumps([{"newDocumentState": one}]).encode()
        assert push(work, reader_of(work), COLLECTIONS["records"], body) == "[]"
        keep_up(work, UPKEEP)
        second.start()
        waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        deadline = time.monotonic() + 20
        with kernel.sessions() as session:
            while not session.scalar(waiting):
                assert time.monotonic() < deadline, "the second push does not wait"
                time.sleep(0.01)
    second.join()
    assert answers == [[]]
    assert [dispatch["record_id"] for dispatch in days.dispatches(15)] == [one["id"]]
    assert len(days.dispatches(15, all="true")) == 2
    assert days.flags(uuid.UUID(other["id"])) == {"patrol_told_twice"}


def test_what_a_record_tells_of_a_run() -> None:
    end = documents.patrol()
    told = told_run(end)
    assert told is not None
    assert (told.patrol_id, told.act, told.metres) == (PATROL, "end", 21_500)
    # Who is listed was out; who only signed was not.
    assert told.people == {FIRST_OFFICER, AUXILIARY}
    start = told_run(documents.patrol(act="start"))
    assert start is not None
    assert start.people == {FIRST_OFFICER, SECOND_OFFICER}
    assert told_run(documents.attempt()) is None
    for metres in (True, -1, 10**9, "7"):
        end["answers"]["metres"] = metres
        found = told_run(end)
        assert found is not None
        assert found.metres is None


def test_the_record_is_as_it_was_sent(days: Days) -> None:
    (patrol,) = days.plan(16, TEAM).patrols
    record = days.run("end", patrol, at(16, 8), at(16, 17))
    with days.roads.kernel.sessions() as session:
        stored = session.get_one(Record, days.push(record, received=at(16, 18)))
    assert stored.document["answers"] == record["answers"]
    assert stored.numbers == {}
