"""Who may go out together: every fault by its field and code."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from schemas.vocabulary import PersonKind
from server.planning.teams import Away, Known, Team, faults_of, pairs_of

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 12, 1)
SQUAD = UUID(int=500)
VALID = ((date(2024, 1, 1), date(2028, 12, 31)),)
OVER = ((date(2024, 1, 1), date(2026, 11, 30)),)
LEE, WANG, ZHAO, SUN, QIAN, AUX = (UUID(int=n) for n in range(1, 7))
CAR, OTHER_CAR = UUID(int=100), UUID(int=101)
CELL, OTHER_CELL = UUID(int=200), UUID(int=201)


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)


STAFF = {
    LEE: Known("李", PersonKind.OFFICER, VALID, SQUAD),
    WANG: Known("王", PersonKind.OFFICER, VALID, SQUAD),
    ZHAO: Known("赵", PersonKind.OFFICER, OVER, SQUAD),
    SUN: Known("孙", PersonKind.OFFICER, VALID, SQUAD, (Away(at(13), at(18)),)),
    QIAN: Known("钱", PersonKind.OFFICER, VALID, UUID(int=501)),
    AUX: Known("辅", PersonKind.AUXILIARY, (), SQUAD),
}


MORNING, EVENING = at(8, 30), at(17, 30)


def team(
    *people: UUID,
    begins: datetime = MORNING,
    ends: datetime = EVENING,
    car: UUID = CAR,
    cells: frozenset[UUID] = frozenset(),
) -> Team:
    return Team(tuple(people), car, begins, ends, cells)


def faults(*teams: Team) -> list[tuple[str, str]]:
    found = faults_of(teams, DAY, STAFF, {CAR, OTHER_CAR}, {CELL, OTHER_CELL}, timedelta(hours=14), ZONE)
    return [(fault.path, fault.code) for fault in found]


def test_two_certified_officers_with_a_car_may_go() -> None:
    assert faults(team(LEE, WANG)) == []
    assert faults(team(LEE, WANG, AUX)) == [], "an auxiliary may come along"


@pytest.mark.parametrize(
    ("wrong", "path", "code"),
    [
        (team(LEE), "/teams/0/people", "team_of_one"),
        (team(LEE, AUX), "/teams/0/people/1", "not_an_officer"),
        (team(LEE, ZHAO), "/teams/0/people/1", "certificate_expired"),
        (team(LEE, LEE), "/teams/0/people/1", "person_twice"),
        (team(LEE, UUID(int=77)), "/teams/0/people/1", "person_unknown"),
        (team(LEE, SUN), "/teams/0/people/1", "person_away"),
        (team(LEE, WANG, car=UUID(int=9)), "/teams/0/vehicle_id", "vehicle_unknown"),
        (team(LEE, WANG, cells=frozenset({UUID(int=9)})), "/teams/0/cell_ids", "cell_unknown"),
        (team(LEE, WANG, ends=at(8)), "/teams/0/ends_at", "shift_reversed"),
        (team(LEE, WANG, begins=at(0, 30), ends=at(23)), "/teams/0/ends_at", "shift_too_long"),
        (
            team(
                LEE, WANG, begins=at(8, day=DAY + timedelta(days=1)), ends=at(17, day=DAY + timedelta(days=1))
            ),
            "/teams/0/starts_at",
            "shift_of_another_day",
        ),
    ],
)
def test_each_fault_is_told_at_its_field(wrong: Team, path: str, code: str) -> None:
    assert faults(wrong) == [(path, code)]


def test_a_shift_across_midnight_belongs_to_the_day_it_begins() -> None:
    night = team(LEE, WANG, begins=at(21), ends=at(3, day=DAY + timedelta(days=1)))
    assert faults(night) == []


def test_two_teams_share_neither_people_nor_car_at_one_time_nor_cells_ever() -> None:
    first = team(LEE, WANG, cells=frozenset({CELL}))
    assert ("/teams/1/vehicle_id", "vehicle_twice") in faults(first, team(QIAN, SUN, ends=at(12)))
    assert faults(first, team(LEE, QIAN, car=OTHER_CAR)) == [("/teams/1/people/0", "person_twice")]
    later = team(LEE, WANG, begins=at(18), ends=at(21))
    assert faults(first, later) == [], "the same people and car in the evening"
    both = team(QIAN, WANG, begins=at(18), ends=at(21), cells=frozenset({CELL}))
    assert faults(first, both) == [("/teams/1/cell_ids", "cell_twice")]


def test_pairs_are_proposed_of_the_squad_s_officers_who_are_there() -> None:
    assert (
        pairs_of(DAY, at(8), at(12), STAFF, SQUAD, most=5) == [(SUN, LEE)]
        or len(pairs_of(DAY, at(8), at(12), STAFF, SQUAD, most=5)) == 1
    )
    afternoon = pairs_of(DAY, at(12), at(18), STAFF, SQUAD, most=5)
    assert afternoon == [tuple(sorted((LEE, WANG), key=lambda one: STAFF[one].name))]
    assert pairs_of(DAY, at(12), at(18), STAFF, SQUAD, most=0) == []
