"""Rule 1: a round is possible as it is told. Ways, arrivals, work at the door, waiting, the shift and the sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from tests.planning.checker.days import numbers_for, open_on
from tests.planning.checker.matching import performed_by
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Place, Plan, Stop, Team
from tests.planning.checker.world import World

EARTH_M = 6_371_009
DETOUR = 1.35
KMH = {"car": 30.0, "foot": 4.5}
# Whole seconds and metres are rounded; nobody reckons closer than to one of them.
ROUNDING = 1
# Six decimals of a degree, as a line is drawn.
DEGREE = 2e-6


def way(mode: str, one: Place, other: Place) -> tuple[float, float]:
    """Metres and seconds from one place to another as the crow flies, with the detour that a road takes."""
    lon, lat, other_lon, other_lat = map(math.radians, (*one, *other))
    half = math.sin((other_lat - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    metres = 2 * EARTH_M * math.asin(math.sqrt(half)) * DETOUR
    return metres, metres / (KMH[mode] / 3.6)


def check_times(world: World, plans: Sequence[Plan]) -> Iterable[Objection]:
    """What is wrong with the rounds of these plans, which were solved together."""
    first = min(plan.day for plan in plans)
    for plan in plans:
        for team in plan.teams:
            yield from _of_round(world, plan, team, first)


def _of_round(world: World, plan: Plan, team: Team, first: date) -> Iterable[Objection]:
    name = f"{plan.day} {team.name}"
    if not team.stops:
        if any((team.leaves_at, team.returns_at, team.line, team.metres, team.travel_s, team.service_s)):
            yield Objection(Rule.TOTALS, f"{name} visits nobody and has a round")
        return
    if [stop.ordinal for stop in team.stops] != list(range(1, len(team.stops) + 1)):
        yield Objection(Rule.ORDER, f"{name}: {[stop.ordinal for stop in team.stops]}")
    if team.most_stops is not None and len(team.stops) > team.most_stops:
        yield Objection(Rule.MOST_STOPS, f"{name}: {len(team.stops)} of {team.most_stops}")
    if team.leaves_at is None or team.returns_at is None:
        yield Objection(Rule.ENDS, f"{name} neither leaves nor returns")
        return
    yield from _of_way(team, name)
    for stop in team.stops:
        yield from _of_door(world, stop, plan, first, name)
    yield from _of_shift(team, name)
    yield from _of_sums(team, name)
    yield from _of_line(team, name)


def _of_way(team: Team, name: str) -> Iterable[Objection]:
    place, clock = team.start, team.leaves_at
    for stop in team.stops:
        if not stop.leg_by_road:
            metres, seconds = way(team.mode, place, stop.place)
            far = abs(stop.leg_metres - metres) > ROUNDING or abs(stop.leg_s - seconds) > ROUNDING
            if far:
                told = f"{stop.leg_metres} m in {stop.leg_s} s, not {metres:.1f} m in {seconds:.1f} s"
                yield Objection(Rule.LEG, f"{name}, to {stop}: {told}")
        assert clock is not None
        if clock + timedelta(seconds=stop.leg_s) != stop.arrives_at:
            yield Objection(Rule.ARRIVAL, f"{name}, {stop}: {stop.leg_s} s after {clock}")
        place, clock = stop.place, stop.departs_at


def _of_door(world: World, stop: Stop, plan: Plan, first: date, name: str) -> Iterable[Objection]:
    performed = performed_by(world, stop.form_code)
    minutes = numbers_for(world, first)["service_minutes"].get(performed or "", 20)
    if stop.departs_at - stop.begins_at != timedelta(minutes=minutes):
        yield Objection(Rule.SERVICE, f"{name}, {stop}: until {stop.departs_at}, not {minutes} min")
    if stop.begins_at < stop.arrives_at:
        yield Objection(Rule.WAITING, f"{name}, {stop}: begun before the arrival")
        return
    earliest = _earliest(world, stop, plan, first)
    if earliest is not None and earliest < stop.begins_at:
        yield Objection(
            Rule.WAITING, f"{name}, {stop}: there at {stop.arrives_at}, and could begin at {earliest}"
        )


def _earliest(world: World, stop: Stop, plan: Plan, first: date) -> datetime | None:
    """The earliest beginning of a visit on its day, once the team is there."""
    subject = world.subjects.get(stop.subject_id)
    if subject is None:
        return None
    day = world.day(stop.begins_at)
    # What is owed from a day on may have had to wait for midnight.
    since = max(stop.arrives_at, datetime.combine(day, time(), world.zone))
    lasts = stop.departs_at - stop.begins_at
    wish = plan.wish_for(stop.subject_id)
    if wish is not None and wish.not_before is not None:
        since = max(since, wish.not_before)
    begins = (
        max(since, opens) for opens, closes in open_on(world, subject, day, first) if since + lasts <= closes
    )
    return min(begins, default=None)


def _of_shift(team: Team, name: str) -> Iterable[Objection]:
    assert team.leaves_at is not None
    assert team.returns_at is not None
    if team.leaves_at < team.starts_at or team.returns_at > team.ends_at:
        yield Objection(Rule.SHIFT, f"{name} is out from {team.leaves_at} to {team.returns_at}")
    if any(stop.leg_by_road for stop in team.stops):
        return
    last = team.stops[-1]
    _, seconds = way(team.mode, last.place, team.end)
    back = (team.returns_at - last.departs_at).total_seconds()
    if abs(back - seconds) > ROUNDING:
        yield Objection(Rule.ENDS, f"{name} is back {back} s after its last stop, not {seconds:.1f} s")


def _of_sums(team: Team, name: str) -> Iterable[Objection]:
    assert team.leaves_at is not None
    assert team.returns_at is not None
    last = team.stops[-1]
    back = round((team.returns_at - last.departs_at).total_seconds())
    travel = sum(stop.leg_s for stop in team.stops) + back
    service = sum((stop.departs_at - stop.begins_at).total_seconds() for stop in team.stops)
    waiting = sum((stop.begins_at - stop.arrives_at).total_seconds() for stop in team.stops)
    if (team.travel_s, team.service_s, team.waiting_s) != (travel, service, waiting):
        told = f"{team.travel_s}, {team.service_s}, {team.waiting_s} s"
        yield Objection(Rule.TOTALS, f"{name}: {told}, not {travel}, {service}, {waiting}")
    if (team.returns_at - team.leaves_at).total_seconds() != travel + service + waiting:
        yield Objection(Rule.TOTALS, f"{name}: out for another time than it travels, works and waits")
    if not any(stop.leg_by_road for stop in team.stops):
        metres = sum(stop.leg_metres for stop in team.stops) + way(team.mode, last.place, team.end)[0]
        if team.metres is None or abs(team.metres - metres) > ROUNDING:
            yield Objection(Rule.TOTALS, f"{name}: {team.metres} m, not {metres:.1f}")


def _of_line(team: Team, name: str) -> Iterable[Objection]:
    places = (team.start, *(stop.place for stop in team.stops), team.end)
    drawn = iter(team.line)
    for place in places:
        if not any(_same(place, point) for point in drawn):
            yield Objection(Rule.LINE, f"{name}: the line does not come by {place} in its turn")
            return


def _same(one: Place, other: Place) -> bool:
    return abs(one[0] - other[0]) < DEGREE and abs(one[1] - other[1]) < DEGREE
