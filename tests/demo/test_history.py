"""The demo city's past: golden figures come out of the rules, and people could have had such days."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import pytest
from pyproj import Geod

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.periods import reporting_period
from server.cadence.rules import (
    DEFAULT_POLICIES,
    Attempt,
    Fact,
    History,
    Judgement,
    Obligation,
    Rulebook,
    StatusChange,
    Waiver,
    judge,
    owed_periods,
)
from server.demo.city import City, build_city
from server.demo.history import (
    ClosedQuarter,
    PlannedVisit,
    PlannedWaiver,
    closed_quarter,
    current_period_visits,
)
from server.demo.register import Outlet
from server.demo.sites import Site
from server.demo.staff import ZONE
from server.kernel.workdays import Workdays

GEOD = Geod(ellps="WGS84")
AS_OF = datetime(2026, 10, 31, 23, 59, tzinfo=ZONE)
GOLDEN = {
    CadenceTier.WEEKLY: {"met": 430, "met_late": 12, "missed": 20, "waived": 6},
    CadenceTier.MONTHLY: {"met": 101, "met_late": 4, "missed": 3},
    CadenceTier.QUARTERLY: {"met": 35, "missed": 1},
}


@pytest.fixture(scope="module")
def city() -> City:
    return build_city()


@pytest.fixture(scope="module")
def quarter(city: City) -> ClosedQuarter:
    return closed_quarter(city)


@pytest.fixture(scope="module")
def workdays() -> Workdays:
    raw = json.loads(files("server.kernel").joinpath("data/workdays_2025_2026.json").read_text("utf-8"))
    return Workdays(
        frozenset(map(date.fromisoformat, raw["off"])),
        frozenset(map(date.fromisoformat, raw["make_up_work"])),
        frozenset({2025, 2026}),
    )


def is_valid(visit: PlannedVisit, certified: frozenset[uuid.UUID]) -> bool:
    """What the record's own rules would say: two certified officers, a usable fix, three minutes."""
    return (
        certified.issuperset(visit.person_ids)
        and len(visit.person_ids) >= 2
        and visit.accuracy_m <= 100
        and visit.ended_at - visit.started_at >= timedelta(minutes=3)
    )


def judged(
    city: City,
    outlet: Outlet,
    visits: Sequence[PlannedVisit],
    waivers: Sequence[PlannedWaiver],
    rulebook: Rulebook,
    *,
    owes_from: date = date(2026, 6, 29),
    as_of: datetime = AS_OF,
) -> tuple[Judgement, ...]:
    """Every obligation of an outlet, as the rules see it."""
    certified = frozenset(certificate.person_id for certificate in city.certificates)
    changes = [StatusChange(s.from_day, s.status == "active", s.known_at) for s in outlet.statuses]
    periods = owed_periods(outlet.licence_from, changes, DEFAULT_POLICIES, owes_from, date(2027, 12, 31))
    obligations = {
        (period.tier.value, period.key): Obligation(
            uuid.uuid4(), period.tier, period.key, period.first_day, period.last_day
        )
        for period in periods
        if period.first_day >= owes_from or period.tier is not CadenceTier.WEEKLY
    }
    own = [visit for visit in visits if visit.subject_id == outlet.id]
    history = History(
        obligations=list(obligations.values()),
        facts=[
            Fact(
                visit.record_id,
                CadenceTier(visit.tier),
                visit.performed_at,
                visit.received_at,
                is_valid(visit, certified),
                visit.makes_up,
            )
            for visit in own
            if visit.tier is not None
        ],
        attempts=[Attempt(v.record_id, v.performed_at, v.received_at) for v in own if v.kind == "attempt"],
        waivers=[
            Waiver(obligations[waiver.tier, waiver.key].id, waiver.reason, waiver.at)
            for waiver in waivers
            if waiver.outlet_id == outlet.id
        ],
        changes=changes,
    )
    return judge(history, rulebook, as_of)


@pytest.fixture(scope="module")
def rulebook(workdays: Workdays) -> Rulebook:
    return Rulebook.of(DEFAULT_POLICIES, workdays, ZONE)


def states(judgements: Sequence[Judgement], period: str) -> dict[CadenceTier, Counter[str]]:
    """How many obligations of each tier ended in which state; made-up ones are missed ones."""
    keys = reporting_period(period).keys
    counts: dict[CadenceTier, Counter[str]] = {tier: Counter() for tier in CadenceTier}
    for each in judgements:
        if each.obligation.key in keys[each.obligation.tier]:
            state = ObligationState.MISSED if each.state is ObligationState.MADE_UP else each.state
            counts[each.obligation.tier][state.value] += 1
    return counts


@pytest.mark.parametrize("owes_from", [date(2026, 6, 29), date(2026, 1, 1)])
@pytest.mark.parametrize("carried_on", [False, True])
def test_golden_figures_come_out_of_the_rules(
    city: City,
    quarter: ClosedQuarter,
    rulebook: Rulebook,
    workdays: Workdays,
    owes_from: date,
    carried_on: bool,
) -> None:
    """Neither what was owed before the quarter nor what is visited after it changes a figure."""
    visits = [*quarter.visits]
    if carried_on:
        visits += current_period_visits(city, date(2026, 10, 31), workdays)
    judgements = [
        each
        for outlet in city.ecig_outlets
        for each in judged(city, outlet, visits, quarter.waivers, rulebook, owes_from=owes_from)
    ]
    counts = states(judgements, "2026Q3")
    assert counts == GOLDEN
    rates = {}
    for tier, found in counts.items():
        owed = sum(found.values()) - found["waived"]
        rates[tier] = round(100 * found["met"] / owed, 2)
    assert rates == {CadenceTier.WEEKLY: 93.07, CadenceTier.MONTHLY: 93.52, CadenceTier.QUARTERLY: 97.22}
    assert (
        sum(each.state is ObligationState.MADE_UP for each in judgements if each.obligation.key < "2026-W40")
        == 3
    )
    if not carried_on:
        later = [each for each in judgements if each.obligation.first_day > date(2026, 9, 27)]
        assert not any(each.met_by for each in later)


def test_resting_outlets_owe_nothing(city: City, quarter: ClosedQuarter, rulebook: Rulebook) -> None:
    resting = [outlet for outlet in city.outlets if outlet.is_ecig and outlet.status != "active"]
    for outlet in resting:
        counts = states(judged(city, outlet, quarter.visits, (), rulebook), "2026Q3")
        assert all(set(found) <= {"void"} for found in counts.values())


def test_486_checks_of_which_44_change_no_count(
    city: City, quarter: ClosedQuarter, rulebook: Rulebook
) -> None:
    checks = {visit.record_id: visit for visit in reversed(quarter.visits) if visit.kind == "ecig_check"}
    assert len(checks) == 486
    meeting = {
        each.met_by
        for outlet in city.ecig_outlets
        for each in judged(city, outlet, quarter.visits, quarter.waivers, rulebook)
        if each.met_by
    }
    assert len(meeting) == 442
    rest = [visit for record_id, visit in checks.items() if record_id not in meeting]
    assert Counter(tag for visit in rest for tag in visit.tags if tag not in ("fast_clock", "late_sync")) == {
        "second_visit": 30,
        "two_devices": 4,
        "coarse_fix": 4,
        "auxiliary": 3,
        "makes_up": 3,
    }
    tags = Counter(tag for visit in quarter.visits for tag in visit.tags)
    assert tags["duplicate_upload"] == 1
    assert tags["working_sunday"] == 3
    assert tags["late_sync"] > 3
    assert tags["fast_clock"] > 50


def test_edge_cases_lie_where_they_should(quarter: ClosedQuarter) -> None:
    nights = [visit for visit in quarter.visits if "sunday_night" in visit.tags]
    assert all(visit.performed_at.weekday() == 6 and visit.received_at.weekday() == 0 for visit in nights)
    # The fast clock shows Monday already.
    assert sorted(visit.started_at.weekday() for visit in nights) == [0, 6]
    assert {v.performed_at.date() for v in quarter.visits if "working_sunday" in v.tags} == {
        date(2026, 9, 20)
    }
    for visit in quarter.visits:
        if "late_sync" in visit.tags:
            assert visit.performed_at.month == 7
            assert visit.received_at.date() == date(2026, 8, 3)
        if "two_devices" in visit.tags:
            week = visit.performed_at.isocalendar()[:2]
            others = {
                v.device_id
                for v in quarter.visits
                if v.subject_id == visit.subject_id and v.tier and v.performed_at.isocalendar()[:2] == week
            }
            assert len(others) == 2
    assert any("late_sync" in visit.tags and visit.tier for visit in quarter.visits)
    again = next(visit for visit in quarter.visits if "duplicate_upload" in visit.tags)
    first = next(visit for visit in quarter.visits if visit.record_id == again.record_id)
    assert first.edit_id == again.edit_id
    assert first.received_at < again.received_at
    checks = [visit for visit in quarter.visits if visit.kind == "ecig_check"]
    assert max(visit.received_at for visit in checks).date() <= date(2026, 10, 12)
    midnight = next(visit for visit in quarter.visits if "midnight_shift" in visit.tags)
    assert (midnight.started_at.strftime("%H:%M"), midnight.ended_at.strftime("%H:%M")) == ("23:30", "00:30")


def test_other_field_work(city: City, quarter: ClosedQuarter) -> None:
    by_kind: dict[str, list[PlannedVisit]] = defaultdict(list)
    for visit in quarter.visits:
        by_kind[visit.kind].append(visit)
    ordinary = by_kind["site_visit"]
    assert len(ordinary) == len({visit.subject_id for visit in ordinary}) == 1150
    assert sum(visit.cause is not None for visit in ordinary) == 69
    stops = [stop for visit in by_kind["road_check"] for stop in visit.stops]
    assert (len(by_kind["road_check"]), len(stops), sum(stop.goods_found for stop in stops)) == (12, 96, 6)
    assert len(by_kind["depot_check"]) == 45
    assert sum(visit.cause is not None for visit in by_kind["depot_check"]) == 7
    assert {visit.subject_id for visit in by_kind["depot_check"]} == {
        site.id for site in city.sites_of("depot")
    }
    assert len(by_kind["attempt"]) == 10
    assert {waiver.by for waiver in quarter.waivers} <= {account.username for account in city.accounts}


def test_days_are_plausible(city: City, quarter: ClosedQuarter, workdays: Workdays) -> None:
    """Nobody is at two places at once, also where the closed quarter meets the present."""
    once = {
        v.record_id: v for v in (*quarter.visits, *current_period_visits(city, date(2026, 11, 22), workdays))
    }
    people = {person.id: person for person in city.people}
    devices = {device.id: device for device in city.devices}
    places: dict[uuid.UUID, Outlet | Site] = {outlet.id: outlet for outlet in city.outlets}
    places |= {site.id: site for site in city.sites}
    days: dict[uuid.UUID, list[PlannedVisit]] = defaultdict(list)
    for visit in once.values():
        place = places[visit.subject_id]
        assert place.cell_id == visit.cell_id
        assert GEOD.inv(place.lon, place.lat, visit.lon, visit.lat)[2] <= visit.accuracy_m
        assert visit.ended_at - visit.started_at >= timedelta(minutes=3)
        assert visit.received_at > visit.ended_at - timedelta(seconds=visit.clock_offset_s)
        assert visit.clock_offset_s == devices[visit.device_id].clock_offset_s
        assert devices[visit.device_id].person_id == visit.person_ids[0]
        assert len(set(visit.person_ids)) == 2
        assert {people[person].squad_id for person in visit.person_ids} == {visit.squad_id}
        if visit.kind != "road_check" and "sunday_night" not in visit.tags:
            assert workdays.is_workday(visit.performed_at.date())
            assert 8 <= visit.performed_at.hour < 18
        for person in visit.person_ids:
            days[person].append(visit)
    for visits in days.values():
        visits.sort(key=lambda visit: visit.performed_at)
        for before, after in pairwise(visits):
            left = before.ended_at - timedelta(seconds=before.clock_offset_s)
            pause = (after.performed_at - left).total_seconds()
            assert pause >= 300
            way = GEOD.inv(before.lon, before.lat, after.lon, after.lat)[2]
            assert way / pause * 3.6 < 60


def test_records_are_ordered_and_stably_named(city: City, quarter: ClosedQuarter) -> None:
    began = time.process_time()
    again = closed_quarter(city)
    assert time.process_time() - began < 2
    assert again == quarter
    arrivals = [visit.received_at for visit in quarter.visits]
    assert arrivals == sorted(arrivals)
    assert len({visit.record_id for visit in quarter.visits}) == len(quarter.visits) - 1
    for visit in quarter.visits:
        assert visit.record_id.version == 7
        assert visit.record_id.variant == uuid.RFC_4122
        assert visit.record_id.int >> 80 == int(visit.started_at.timestamp() * 1000)


def test_present_leaves_the_current_week_open(
    city: City, quarter: ClosedQuarter, rulebook: Rulebook, workdays: Workdays
) -> None:
    assert current_period_visits(city, date(2026, 10, 1), workdays) == ()
    today = date(2026, 11, 22)
    visits = current_period_visits(city, today, workdays)
    assert all(visit.received_at.date() < date(2026, 11, 16) for visit in visits)
    as_of = datetime(2026, 11, 22, 12, tzinfo=ZONE)
    judgements = [
        each
        for outlet in city.ecig_outlets
        for each in judged(city, outlet, [*quarter.visits, *visits], quarter.waivers, rulebook, as_of=as_of)
    ]
    assert states(judgements, "2026Q3") == GOLDEN
    weeks = Counter(
        each.state.value for each in judgements if "2026-W40" <= each.obligation.key <= "2026-W45"
    )
    assert weeks["met"] / weeks.total() > 0.9
    assert weeks["met_late"] >= 1
    assert weeks["missed"] >= 1
    current = Counter(each.state.value for each in judgements if each.obligation.key == "2026-W47")
    assert set(current) == {"due"}
    october = Counter(each.state.value for each in judgements if each.obligation.key == "2026-10")
    assert october["met"] >= 32


@pytest.mark.parametrize("today", [date(2026, 10, 12), date(2026, 12, 31), date(2027, 3, 4)])
def test_present_is_carried_on_record_for_record(city: City, workdays: Workdays, today: date) -> None:
    earlier = current_period_visits(city, today, workdays)
    later = current_period_visits(city, date(2027, 6, 30), workdays)
    assert later[: len(earlier)] == earlier
    assert len(later) > len(earlier) > 0
