"""Which record is of which patrol, what became of a stop, and seconds and metres, over whatever days there may be."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import PatrolPurpose, StopOutcome
from server.patrols.deed_rules import (
    Outing,
    Visit,
    Word,
    added_among,
    metres_through,
    outcome_of,
    seconds_at_doors,
    shared_out,
)

DAWN = datetime(2026, 7, 6, tzinfo=UTC)
PEOPLE = [uuid.UUID(int=number) for number in range(1, 5)]
SUBJECTS = [uuid.UUID(int=number) for number in range(10, 14)]
PATROLS = [uuid.UUID(int=number) for number in range(20, 24)]


def moment(seconds: int) -> datetime:
    return DAWN + timedelta(seconds=seconds)


def a_visit(number: int = 99, begins: int = 0, lasts: int = 60, **given: Any) -> Visit:
    values: dict[str, Any] = {
        "id": uuid.UUID(int=1000 + number),
        "kind": "ecig_check",
        "subject_kind": "outlet",
        "subject_id": SUBJECTS[0],
        "begins": moment(begins),
        "ends": moment(begins + lasts),
        "people": frozenset(PEOPLE[:2]),
        "dispatch_id": None,
        "reached": True,
        "certified": True,
        "place": None,
        **given,
    }
    return Visit(**values)


people = st.frozensets(st.sampled_from(PEOPLE), max_size=3)
kinds = st.sampled_from(["ecig_check", "road_check", "depot_check", "attempt", "clue", "patrol", "callback"])
visits = st.lists(
    st.builds(
        lambda begins, lasts, signed, kind, subject, names: a_visit(
            begins=begins, lasts=lasts, people=signed, kind=kind, subject_id=subject, dispatch_id=names
        ),
        st.integers(0, 200_000),
        st.integers(-60, 7_200),
        people,
        kinds,
        st.sampled_from([*SUBJECTS, None]),
        st.sampled_from([None, None, *PATROLS, uuid.UUID(int=77)]),
    ),
    max_size=20,
).map(
    lambda made: [
        Visit(**{name: getattr(one, name) for name in Visit.__slots__} | {"id": uuid.UUID(int=1000 + place)})
        for place, one in enumerate(made)
    ]
)
outings = st.lists(
    st.builds(
        lambda begins, lasts, out, subjects, known: (begins, lasts, out, subjects, known),
        st.integers(0, 150_000),
        st.integers(0, 90_000),
        people,
        st.frozensets(st.sampled_from(SUBJECTS)),
        st.booleans(),
    ),
    max_size=4,
).map(
    lambda made: [
        Outing(PATROLS[place], out, subjects, moment(begins), moment(begins + lasts), known)
        for place, (begins, lasts, out, subjects, known) in enumerate(made)
    ]
)


def may_be(visit: Visit, outing: Outing) -> bool:
    return bool(visit.people & outing.people) and outing.begins <= visit.begins <= outing.ends


@given(visits, outings)
def test_every_record_that_fits_a_patrol_is_one_patrol_s_and_no_other_is(
    made: list[Visit], planned: list[Outing]
) -> None:
    shared = shared_out(made, planned)
    given_out = [visit.id for own in shared.values() for visit in own]
    assert len(given_out) == len(set(given_out))
    named = {outing.patrol_id for outing in planned}
    for visit in made:
        owner = next((patrol for patrol, own in shared.items() if visit in own), None)
        fitting = [outing for outing in planned if may_be(visit, outing)]
        if visit.dispatch_id in named:
            assert owner == visit.dispatch_id
        elif not fitting:
            assert owner is None
        else:
            chosen = next(outing for outing in fitting if outing.patrol_id == owner)
            if any(visit.subject_id in outing.subjects for outing in fitting):
                assert visit.subject_id in chosen.subjects
            elif any(outing.run_known for outing in fitting):
                assert chosen.run_known
    for own in shared.values():
        assert [visit.begins for visit in own] == sorted(visit.begins for visit in own)


@given(visits, st.none() | st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)))
def test_no_second_at_a_door_counts_twice_and_none_is_lost(
    made: list[Visit], run: tuple[int, int] | None
) -> None:
    begins, ends = (moment(run[0]), moment(run[0] + run[1])) if run else (None, None)
    told = seconds_at_doors(made, begins, ends)
    covered: set[int] = set()
    for visit in made:
        if visit.kind != "patrol":
            first = int((visit.begins - DAWN).total_seconds())
            covered.update(range(first, first + int((visit.ends - visit.begins).total_seconds())))
    if run:
        covered &= set(range(run[0], run[0] + run[1]))
    assert told.total() == len(covered)


def test_where_records_overlap_it_is_the_first_one_s_time() -> None:
    made = [
        a_visit(1, 0, 600),
        a_visit(2, 300, 600, kind="attempt", reached=False),
        a_visit(3, 800, 50, kind="road_check"),
        a_visit(4, 1_000, 100, kind="depot_check"),
        a_visit(5, 1_200, 60, kind="site_visit", certified=False),
    ]
    assert seconds_at_doors(made, None, None) == {
        PatrolPurpose.INSPECTIONS: 600,
        PatrolPurpose.OTHER: 300 + 60,
        PatrolPurpose.DEPOT_CHECKS: 100,
    }


WORDS = {
    "done": Word("done", None, None, None, 1),
    "skipped": Word("skipped", "weather", None, None, 1),
    "planned": Word("planned", None, None, None, 1),
}
HERE, ON_ITS_WAY = uuid.UUID(int=500), uuid.UUID(int=501)


def told_done(record_id: uuid.UUID) -> Word:
    return Word("done", None, None, record_id, 1)


ATTEMPT = a_visit(2, kind="attempt", reached=False)


@pytest.mark.parametrize(
    ("word", "made", "told", "outcome", "records"),
    [
        (None, [], {}, StopOutcome.NOT_REACHED, []),
        (WORDS["planned"], [], {}, StopOutcome.NOT_REACHED, []),
        (WORDS["skipped"], [], {}, StopOutcome.SKIPPED, []),
        (WORDS["done"], [], {}, StopOutcome.UNPROVED, []),
        # What is on its way is believed, what is here is looked at.
        (told_done(ON_ITS_WAY), [], {}, StopOutcome.DONE, [ON_ITS_WAY]),
        (told_done(HERE), [], {HERE: True}, StopOutcome.DONE, [HERE]),
        (told_done(HERE), [], {HERE: False}, StopOutcome.ATTEMPTED, [HERE]),
        (told_done(HERE), [], {HERE: None}, StopOutcome.UNPROVED, []),
        # A record comes before every word, a visit before an attempt.
        (WORDS["skipped"], [a_visit(1)], {}, StopOutcome.DONE, [a_visit(1).id]),
        (WORDS["skipped"], [ATTEMPT], {}, StopOutcome.ATTEMPTED, [ATTEMPT.id]),
        (None, [ATTEMPT, a_visit(1)], {}, StopOutcome.DONE, [a_visit(1).id]),
        # A clue found at the door, and a paper of it, are no visit.
        (
            None,
            [a_visit(3, kind="clue"), a_visit(4, kind="registration_list")],
            {},
            StopOutcome.NOT_REACHED,
            [],
        ),
    ],
)
def test_what_became_of_a_stop(
    word: Word | None,
    made: list[Visit],
    told: dict[uuid.UUID, bool | None],
    outcome: StopOutcome,
    records: list[uuid.UUID],
) -> None:
    assert outcome_of(word, made, told) == (outcome, records)


def test_what_was_added_stands_by_subject() -> None:
    twice = [a_visit(1, subject_id=SUBJECTS[1]), a_visit(2, subject_id=SUBJECTS[1])]
    nowhere = [a_visit(3, kind="road_check", subject_id=None), a_visit(4, kind="road_check", subject_id=None)]
    by_the_way = [a_visit(5, kind="clue", subject_id=SUBJECTS[2]), a_visit(6, kind="patrol", subject_id=None)]
    planned = [a_visit(7)]
    found = added_among([*twice, *nowhere, *by_the_way, *planned], frozenset({SUBJECTS[0]}))
    assert [[visit.id for visit in one] for one in found] == [
        [one.id for one in twice],
        [nowhere[0].id],
        [nowhere[1].id],
    ]


def test_metres_are_great_circles_times_the_detour() -> None:
    # A degree of latitude is 111.195 km; one of longitude at 60° north is half of it, but for the curve of the circle.
    assert metres_through([(84.0, 39.0), (84.0, 40.0)]) == pytest.approx(111_195 * 1.35, abs=5)
    assert metres_through([(84.0, 60.0), (84.1, 60.0)]) == pytest.approx(5_559.7 * 1.35, abs=2)
    there_and_back = [(84.0, 39.0), (84.0, 39.01), (84.0, 39.0)]
    assert metres_through(there_and_back) == pytest.approx(2 * 1_111.95 * 1.35, abs=1)
    assert metres_through([(84.0, 39.0)]) == metres_through([]) == 0
