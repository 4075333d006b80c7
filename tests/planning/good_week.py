"""A week in which everything happens that the checker judges: the town, what became of its shops, and what was planned."""

from __future__ import annotations

import uuid
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.planning.chance import NEAR, Asked, Crew, Happening, Rules, Shop, Story, Wish
from tests.planning.checker.judging import objections
from tests.planning.checker.objecting import Objection
from tests.planning.checker.told import plan_of
from tests.planning.checker.world import World

Json = dict[str, Any]
NOTE = "店主下午在"
# Who of the town is what: its first debts are late on Tuesday, the day on which its leader plans Tuesday and Wednesday.
(
    LATE,
    TRIED,
    FOUND,
    UNPLACED,
    OUT,
    PLAIN_A,
    PLAIN_B,
    WANTED,
    CLOSED,
    NEXT_CELL,
    CAPPED,
    SIGNED,
    TAKEN,
    CHECKED,
) = range(14)
SHOPS = (
    Shop(0, 0, 0),
    Shop(0, 1, 1),
    Shop(1, 1, 0),
    Shop(0, 2, 0, placed=False),
    Shop(0, 3, 0),
    Shop(1, 4, 2, ecig=False),
    Shop(1, 5, 2, ecig=False),
    Shop(1, 2, 2),
    Shop(0, 4, 4, hours=3),
    Shop(2, 0, 0),
    Shop(1, 0, 5, grade="D", ecig=False),
    Shop(1, 0, 6, grade="D"),
    Shop(0, 5, 5),
    Shop(1, 6, 4),
    *(Shop(0, 6 + north % 3, north) for north in range(9)),
)
STORY = Story(
    monday=0,
    day=1,
    unit=NEAR,
    shops=SHOPS,
    asked=Asked(
        ahead=0,
        days=2,
        crews=(
            Crew(0, 510, 540, auxiliary=True, cells=(2,)),
            Crew(1, 540, 300, start=(3, 3), most_stops=3),
        ),
        random_checks=1,
        wishes=(
            Wish(0, OUT, out=True),
            Wish(1, OUT, out=True),
            Wish(0, WANTED, team=1, not_before=30, not_after=120, note=NOTE),
        ),
    ),
    happened=(
        Happening(20, TRIED, "attempt"),
        Happening(40, FOUND, "finding"),
        Happening(41, CAPPED, "finding"),
        Happening(42, NEXT_CELL, "finding"),
        Happening(3 * 24 + 16, CHECKED, "WEEKLY"),
    ),
    rules=Rules(policy=(3, 2, True), signed=True, caps=(9, 9, 0, 9)),
    published=Asked(ahead=3, days=1, crews=(Crew(1, 540, 240, most_stops=1),), wishes=(Wish(0, TAKEN),)),
)


@dataclass(slots=True)
class Week:
    """What the leader reads, as JSON, and the world in which it stands; broken copies are judged anew."""

    plans: list[Json]
    world: World
    shops: list[str]

    def objections(self) -> list[Objection]:
        return objections(self.world, [plan_of(plan) for plan in self.plans])

    @property
    def stops(self) -> list[Json]:
        return [stop for plan in self.plans for team in plan["patrols"] for stop in team["stops"]]

    def stop_at(self, shop: int) -> Json:
        """The first stop at a shop."""
        return next(stop for stop in self.stops if stop["subject_id"] == self.shops[shop])

    def team_of(self, stop: Json) -> Json:
        return next(team for plan in self.plans for team in plan["patrols"] if stop in team["stops"])

    def plan_with(self, stop: Json) -> Json:
        return next(plan for plan in self.plans if any(stop in team["stops"] for team in plan["patrols"]))

    def left(self, code: str) -> Json:
        """A row of what did not fit, by its code."""
        return next(row for plan in self.plans for row in plan["unfitted"] if row["code"] == code)

    def left_of(self, shop: int) -> Json:
        rows = (row for plan in self.plans for row in plan["unfitted"])
        return next(row for row in rows if row["subject_id"] == self.shops[shop])

    def owed(self, shop: int, key: str) -> str:
        """The id of what a shop owes by a key."""
        of_shop = (one for one in self.world.owed.values() if one.subject_id == self.shops[shop])
        return next(one.id for one in of_shop if one.key == key)

    def again_on_wednesday(self, stop: Json, *obligations: str) -> Json:
        """The same stop once more, a day later."""
        again = deepcopy(stop)
        again["id"], again["obligation_ids"] = str(uuid.uuid4()), list(obligations)
        moved(again, timedelta(days=1))
        self.plans[1]["patrols"][0]["stops"].append(again)
        return again


def moved(stop: Json, by: timedelta, *names: str) -> None:
    """Move the times of a stop."""
    for name in names or ("arrives_at", "begins_at", "departs_at"):
        stop[name] = later(stop[name], by)


def later(moment: str, by: timedelta) -> str:
    return (datetime.fromisoformat(moment) + by).isoformat()


def fixed(week: Week, shop: int) -> Json:
    return next(wish for wish in week.plans[0]["fixed"] if wish["subject_id"] == week.shops[shop])


def codes(stop: Json) -> list[str]:
    return [reason["code"] for reason in stop["reasons"]]
