"""Working days, grace, and when a door is open or a team is out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from tests.planning.checker.told import Plan, Team
from tests.planning.checker.world import DAY, Span, Subject, World

Stretch = tuple[datetime, datetime]

# What a bureau plans by until it publishes numbers of its own, as GET /planning-numbers tells them.
MINUTES = {
    "WEEKLY": 15,
    "MONTHLY": 25,
    "QUARTERLY": 40,
    "INSPECTION": 20,
    "SERVICE": 10,
    "DEPOT_CHECK": 30,
    "DOOR_CALLBACK": 20,
}
USUAL = {
    "Z": ("07:30", "21:00"),
    "B": ("07:00", "23:00"),
    "S": ("08:30", "21:30"),
    "N": ("10:00", "21:30"),
    "Y": ("09:00", "20:30"),
    "F": ("13:00", "02:00"),
    "Q": ("09:00", "20:00"),
    "depot": ("08:00", "20:00"),
}


def is_workday(world: World, day: date) -> bool:
    """Monday to Friday, unless the notice of a year that is loaded says otherwise (decisions.md 11)."""
    usual = day.weekday() < 5
    if day.year not in world.years:
        return usual
    return (usual and day not in world.off) or day in world.make_up


def working_days_after(world: World, day: date, number: int) -> date:
    """The last of so many working days after a day, which does not count itself."""
    while number:
        day += DAY
        number -= is_workday(world, day)
    return day


def working_days(world: World, first: date, last: date) -> int:
    """How many working days there are from the first day to the last."""
    return sum(is_workday(world, first + DAY * number) for number in range((last - first).days + 1))


def days_out(world: World, team: Team) -> list[date]:
    """The days of which a team's shift has a part."""
    first, last = world.day(team.starts_at), world.day(team.ends_at - timedelta(microseconds=1))
    return [first + DAY * number for number in range((last - first).days + 1)]


def days_of(world: World, plans: Iterable[Plan]) -> list[date]:
    """The days of which a shift of these plans has a part, in order."""
    return sorted({day for plan in plans for team in plan.teams for day in days_out(world, team)})


def numbers_for(world: World, day: date) -> dict[str, dict]:  # type: ignore[type-arg]
    """Minutes at a door by what is performed, and the usual hours, as the numbers in force on a day have them."""
    begun = [one for one in world.numbers if one[0] <= day]
    rules = max(begun, key=lambda one: one[:2])[2] if begun else {}
    hours = {kind: [span] for kind, span in USUAL.items()}
    return {
        "service_minutes": {**MINUTES, **rules.get("service_minutes", {})},  # type: ignore[dict-item]
        "opening_hours": {**hours, **rules.get("opening_hours", {})},  # type: ignore[dict-item]
    }


def open_on(world: World, subject: Subject, day: date, numbers_day: date) -> list[Stretch]:
    """When a subject is open on a day, cut at midnight, by what was noted of it, else by what is usual for its kind.

    A span that does not end after it begins goes on past midnight.
    """
    noted = world.noted_hours.get(subject.id)
    usual = numbers_for(world, numbers_day)["opening_hours"].get(subject.hours_kind, [("00:00", "00:00")])
    midnight = datetime.combine(day, time(), world.zone)
    found = []
    for begun in (day - DAY, day):
        spans: Sequence[Span]
        if noted is not None:
            spans = noted.get(begun.isoweekday(), ())
        else:
            spans = [(time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in usual]
        for opens, closes in spans:
            opened = datetime.combine(begun, opens, world.zone)
            closed = datetime.combine(begun if closes > opens else begun + DAY, closes, world.zone)
            opened, closed = max(opened, midnight), min(closed, midnight + DAY)
            if opened < closed:
                found.append((opened, closed))
    return sorted(found)


def open_around(world: World, subject: Subject, day: date, numbers_day: date) -> list[Stretch]:
    """The stretches in which a subject is open on a day and the one after, those that touch made one."""
    joined: list[Stretch] = []
    both = [*open_on(world, subject, day, numbers_day), *open_on(world, subject, day + DAY, numbers_day)]
    for opens, closes in both:
        if joined and joined[-1][1] >= opens:
            joined[-1] = joined[-1][0], max(joined[-1][1], closes)
        else:
            joined.append((opens, closes))
    return joined
