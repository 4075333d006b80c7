"""Days of a leader's desk, drawn by lot: a town, what happened in it, teams, wishes. Plain data that reads like a story.

Hours and days are offsets, so that an example grows smaller by growing simpler. Teams of one plan go by car or on foot, all
of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from hypothesis import strategies as st

# A check by its tier, one that a single officer made, an inspection that finds nothing, illicit goods or something to be put
# right, a closed door, a visit that inspects nothing; and what the desk does.
WHAT = (
    *("WEEKLY", "WEEKLY", "MONTHLY", "QUARTERLY", "alone", "inspection", "finding", "finding", "order"),
    *(
        "attempt",
        "attempt",
        "service",
        "waiver",
        "suspended",
        "back",
        "scope_lost",
        "chain_withdrawn",
        "moved",
    ),
)
# The Mondays of an ordinary week, of one with a month's end, of one with a make-up Sunday before it and a day off in it,
# and of one with a quarter's end before National Day.
MONDAYS = (date(2026, 7, 6), date(2026, 7, 27), date(2026, 9, 21), date(2026, 9, 28))
KINDS = "ZBSNYFQ"
GRADES = ("AAA", "A", "D", None)
NEAR, WIDE = 0.001, 0.0095
# No shift is shorter, in minutes.
SHORTEST = 30


@dataclass(frozen=True, slots=True)
class Shop:
    """An outlet: its cell, where it lies in it by tenths, what it is; ``hours`` is one of HOURS, noted by somebody."""

    cell: int
    east: int
    north: int
    kind: str = "B"
    grade: str | None = "A"
    ecig: bool = True
    placed: bool = True
    hours: int | None = None


# Weeks as somebody may note them; a day that is missing is closed.
HOURS: tuple[dict[str, list[list[str]]], ...] = (
    {str(day): [["08:00", "12:00"], ["14:00", "18:00"]] for day in range(1, 8)},
    {str(day): [["20:00", "03:00"]] for day in range(1, 8)},
    {"2": [["00:00", "00:00"]], "4": [["10:00", "10:30"]]},
    {},
)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened so many ``hours`` before the desk's moment, at one of the shops."""

    hours: int
    shop: int
    what: str


@dataclass(frozen=True, slots=True)
class Crew:
    """A team: a pair, its shift in minutes after midnight, where it begins (None: the squad's base), what it is given."""

    pair: int
    begins: int
    lasts: int
    auxiliary: bool = False
    start: tuple[int, int] | None = None
    cells: tuple[int, ...] = ()
    most_stops: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the leader fixes in the plan of one of the days; times are minutes after the shift begins."""

    plan: int
    shop: int
    out: bool = False
    team: int | None = None
    not_before: int | None = None
    not_after: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the leader asks for: first day, days, teams, and how many shops off the pattern."""

    ahead: int
    days: int
    crews: tuple[Crew, ...]
    mode: str = "car"
    random_checks: int = 0
    even: bool = True
    every_day: bool = True
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the bureau published: a version of the policy (gap, grace, who satisfies), caps by grade, numbers."""

    policy: tuple[int, int, bool] | None = None
    signed: bool = False
    caps: tuple[int, ...] = ()
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A town and a desk in it. ``published`` is a plan that went out before, by the other pair."""

    monday: int
    day: int
    unit: float
    shops: tuple[Shop, ...]
    asked: Asked
    happened: tuple[Happening, ...] = ()
    rules: Rules = field(default_factory=Rules)
    published: Asked | None = None
    handed_over: tuple[int, int] | None = None
    kept: int = 0


_shops = st.builds(
    Shop,
    cell=st.sampled_from((0, 0, 0, 1, 1, 1, 2, 3)),
    east=st.integers(0, 9),
    north=st.integers(0, 9),
    kind=st.sampled_from(KINDS),
    grade=st.sampled_from(GRADES),
    ecig=st.sampled_from((True, True, True, False)),
    placed=st.sampled_from((True,) * 7 + (False,)),
    hours=st.sampled_from((None,) * 6 + tuple(range(len(HOURS)))),
)


def _happenings(shops: int) -> st.SearchStrategy[Happening]:
    # From nine days before up to an hour ago.
    hours = st.integers(1, 9 * 24)
    return st.builds(Happening, hours=hours, shop=st.integers(0, shops - 1), what=st.sampled_from(WHAT))


@st.composite
def _asked(draw: st.DrawFn, shops: int, most_days: int) -> Asked:
    crews = draw(st.integers(1, 2))
    first = draw(st.integers(0, 1))
    # Either long or hardly long enough; a shift that begins late crosses midnight.
    shift = st.tuples(st.integers(7 * 4, 22 * 4), st.integers(SHORTEST // 15, 10 * 4))
    free = [0, 1, 2, 3]
    made = []
    for number in range(crews):
        begins, lasts = draw(shift)
        cells = (
            tuple(draw(st.lists(st.sampled_from(free), max_size=1))) if draw(st.booleans()) and free else ()
        )
        free = [cell for cell in free if cell not in cells]
        start = draw(st.none() | st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
        most = draw(st.sampled_from((None, None, None, 1, 2)))
        made.append(
            Crew((first + number) % 2, begins * 15, lasts * 15, draw(st.booleans()), start, cells, most)
        )
    days = draw(st.integers(1, most_days))
    wishes = draw(
        st.lists(_wishes(days, shops, crews), max_size=3, unique_by=lambda wish: (wish.plan, wish.shop))
    )
    return Asked(
        ahead=draw(st.integers(0, 4)),
        days=days,
        crews=tuple(made),
        mode=draw(st.sampled_from(("car", "car", "foot"))),
        random_checks=draw(st.sampled_from((0, 0, 1, 3))),
        even=draw(st.booleans()),
        every_day=draw(st.booleans()),
        wishes=tuple(wishes),
    )


@st.composite
def _wishes(draw: st.DrawFn, days: int, shops: int, crews: int) -> Wish:
    plan, shop = draw(st.integers(0, days - 1)), draw(st.integers(0, shops - 1))
    if draw(st.booleans()):
        return Wish(plan, shop, out=True)
    team = draw(st.none() | st.integers(0, crews - 1))
    not_before = draw(st.none() | st.integers(0, SHORTEST - 1))
    not_after = draw(st.none() | st.integers(not_before or 0, 240))
    return Wish(plan, shop, False, team, not_before, not_after, draw(st.sampled_from((None, "店主下午在"))))


_rules = st.builds(
    Rules,
    policy=st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()),
    signed=st.booleans(),
    caps=st.just(()) | st.tuples(*[st.integers(0, 6)] * len(GRADES)),
    minutes=st.none() | st.integers(5, 60),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A town of four to fourteen shops with a day or a week to be planned."""
    shops = draw(st.lists(_shops, min_size=4, max_size=14))
    return Story(
        monday=draw(st.integers(0, len(MONDAYS) - 1)),
        day=draw(st.integers(0, 4)),
        unit=draw(st.sampled_from((NEAR, WIDE))),
        shops=tuple(shops),
        asked=draw(_asked(len(shops), 5)),
        happened=tuple(draw(st.lists(_happenings(len(shops)), max_size=12))),
        rules=draw(_rules),
        published=draw(st.none() | _asked(len(shops), 1)),
        handed_over=draw(st.none() | st.tuples(st.integers(0, 3), st.integers(-3, 3))),
        kept=draw(st.integers(0, 2)),
    )
