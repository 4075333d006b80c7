"""The checker can object: one good week, and for each rule that it knows the week broken by hand."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from server.house import compose
from tests.conftest import own_database, settings_for
from tests.planning import checker
from tests.planning.chance import NEAR, Asked, Crew, Happening, Rules, Shop, Story, Wish
from tests.planning.checker.doors import check_kept
from tests.planning.checker.judging import objections
from tests.planning.checker.leftovers import CODES
from tests.planning.checker.loading import load_world
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import plan_of
from tests.planning.checker.world import Elsewhere, World
from tests.planning.happening import come_true, drafts_of
from tests.planning.steady import steadily
from tests.planning.test_random_days import as_json
from tests.town import ZONE

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


@pytest.fixture(scope="module")
def good(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Week]:
    """Two days that were planned together, beside a plan of Friday that is out."""
    with own_database(superuser, template_database) as name, steadily():
        kernel = compose(settings_for(name, tmp_path_factory.mktemp("week")))
        stage = come_true(kernel, STORY)
        assert STORY.published is not None
        (friday,) = drafts_of(stage, STORY.published)
        stage.desk.solve(friday, now=stage.now)
        stage.desk.approve(stage.today, 7, stage.now)
        stage.desk.publish(friday, stage.now)
        ids = drafts_of(stage, STORY.asked)
        stage.desk.solve(*ids, now=stage.now)
        with kernel.sessions() as session:
            world = load_world(session, stage.desk.town.bureau_id, stage.now, ZONE)
        plans = [as_json(stage.desk.told(plan_id, stage.now)) for plan_id in ids]
        yield Week(plans, world, [str(one) for one in stage.desk.town.outlets])
        kernel.close()


@pytest.fixture
def week(good: Week) -> Week:
    """A copy to be broken."""
    return deepcopy(good)


BREAKS: dict[Rule, list[Callable[[Week], None]]] = {}


def breaks(rule: Rule) -> Callable[[Callable[[Week], None]], Callable[[Week], None]]:
    """Says which rule a change breaks."""

    def noted(change: Callable[[Week], None]) -> Callable[[Week], None]:
        BREAKS.setdefault(rule, []).append(change)
        return change

    return noted


@breaks(Rule.ORDER)
def _(week: Week) -> None:
    week.stop_at(LATE)["ordinal"] += 1


@breaks(Rule.LEG)
def _(week: Week) -> None:
    week.stop_at(LATE)["leg_metres"] += 3


@breaks(Rule.LEG)
def _(week: Week) -> None:
    week.stop_at(LATE)["leg_s"] -= 3


@breaks(Rule.ARRIVAL)
def _(week: Week) -> None:
    week.stop_at(LATE)["arrives_at"] = later(week.stop_at(LATE)["arrives_at"], timedelta(seconds=-1))


@breaks(Rule.SERVICE)
def _(week: Week) -> None:
    moved(week.stop_at(LATE), timedelta(minutes=-1), "departs_at")


@breaks(Rule.WAITING)
def _(week: Week) -> None:
    moved(week.stop_at(LATE), timedelta(minutes=1), "begins_at", "departs_at")


@breaks(Rule.WAITING)
def _(week: Week) -> None:
    moved(week.stop_at(LATE), timedelta(minutes=-1), "begins_at")


@breaks(Rule.SHIFT)
def _(week: Week) -> None:
    team = week.team_of(week.stop_at(LATE))
    team["ends_at"] = later(team["returns_at"], timedelta(seconds=-1))


@breaks(Rule.SHIFT)
def _(week: Week) -> None:
    team = week.team_of(week.stop_at(LATE))
    team["starts_at"] = later(team["leaves_at"], timedelta(seconds=1))


@breaks(Rule.ENDS)
def _(week: Week) -> None:
    team = week.team_of(week.stop_at(LATE))
    team["returns_at"] = later(team["returns_at"], timedelta(minutes=-2))


@breaks(Rule.ENDS)
def _(week: Week) -> None:
    week.team_of(week.stop_at(LATE))["end"]["lon"] += 0.05


@breaks(Rule.TOTALS)
def _(week: Week) -> None:
    week.team_of(week.stop_at(LATE))["metres"] += 10


@breaks(Rule.TOTALS)
def _(week: Week) -> None:
    week.team_of(week.stop_at(LATE))["waiting_s"] += 1


@breaks(Rule.MOST_STOPS)
def _(week: Week) -> None:
    team = week.team_of(week.stop_at(LATE))
    team["most_stops"] = len(team["stops"]) - 1


@breaks(Rule.LINE)
def _(week: Week) -> None:
    del week.team_of(week.stop_at(LATE))["line"]["coordinates"][0]


@breaks(Rule.SUBJECT)
def _(week: Week) -> None:
    week.stop_at(LATE)["lat"] += 0.001


@breaks(Rule.HOURS)
def _(week: Week) -> None:
    moved(week.stops[0], timedelta(hours=-6))


@breaks(Rule.NOT_BEFORE)
def _(week: Week) -> None:
    wish = fixed(week, WANTED)
    wish["not_before"] = later(week.stop_at(WANTED)["begins_at"], timedelta(seconds=1))


@breaks(Rule.NOT_AFTER)
def _(week: Week) -> None:
    wish = fixed(week, WANTED)
    wish["not_after"] = later(week.stop_at(WANTED)["begins_at"], timedelta(seconds=-1))


@breaks(Rule.PINNED)
def _(week: Week) -> None:
    fixed(week, WANTED)["patrol_id"] = week.plans[0]["patrols"][0]["id"]


@breaks(Rule.EXCLUDED)
def _(week: Week) -> None:
    fixed(week, WANTED)["wish"] = "exclude"


@breaks(Rule.INCLUDED)
def _(week: Week) -> None:
    stop = week.stop_at(WANTED)
    week.team_of(stop)["stops"].remove(stop)
    for plan in week.plans:
        plan["unfitted"] = [row for row in plan["unfitted"] if row["subject_id"] != stop["subject_id"]]


@breaks(Rule.ASSIGNED)
def _(week: Week) -> None:
    stop = week.stop_at(LATE)
    for team in week.plan_with(stop)["patrols"]:
        team["cell_ids"] = [] if stop in team["stops"] else [stop["cell_id"]]


@breaks(Rule.FIXED)
def _(week: Week) -> None:
    week.stop_at(WANTED)["fixed"] = "team"


@breaks(Rule.SCOPE)
def _(week: Week) -> None:
    stop = week.stop_at(NEXT_CELL)
    for team in week.plan_with(stop)["patrols"]:
        team["cell_ids"] = []


@breaks(Rule.PAIR)
def _(week: Week) -> None:
    members = week.plans[0]["patrols"][0]["members"]
    auxiliary = next(member for member in members if member["part"] == "extra")
    members[1]["person_id"], auxiliary["person_id"] = auxiliary["person_id"], members[1]["person_id"]


@breaks(Rule.PAIR)
def _(week: Week) -> None:
    del week.plans[0]["patrols"][0]["members"][1:]


@breaks(Rule.PAIR)
def _(week: Week) -> None:
    lead = week.plans[0]["patrols"][0]["members"][0]["person_id"]
    known = week.world.people[lead]
    (begins, _ends), *_others = known.certified
    over = week.world.today - timedelta(days=1)
    week.world.people[lead] = replace(known, certified=((begins, over),))


@breaks(Rule.EXTRA)
def _(week: Week) -> None:
    members = week.plans[0]["patrols"][0]["members"]
    members[-1]["person_id"] = str(uuid.uuid4())


@breaks(Rule.PERSON_TWICE)
def _(week: Week) -> None:
    one, other = week.plans[0]["patrols"]
    other["members"][1] = one["members"][1]


@breaks(Rule.VEHICLE_TWICE)
def _(week: Week) -> None:
    one, other = week.plans[0]["patrols"]
    other["vehicle_id"] = one["vehicle_id"]


@breaks(Rule.CAP)
def _(week: Week) -> None:
    stop = week.stop_at(SIGNED)
    stop["reasons"] = [reason for reason in stop["reasons"] if reason["code"] != "above_cap"]


@breaks(Rule.ABOVE_CAP)
def _(week: Week) -> None:
    told = next(reason for reason in week.stop_at(SIGNED)["reasons"] if reason["code"] == "above_cap")
    week.stop_at(LATE)["reasons"].append(told)


@breaks(Rule.ABOVE_CAP)
def _(week: Week) -> None:
    week.world.signed_tiers = frozenset()


@breaks(Rule.NOT_OWED)
def _(week: Week) -> None:
    week.stop_at(LATE)["obligation_ids"].append(str(uuid.uuid4()))


@breaks(Rule.NOT_OWED)
def _(week: Week) -> None:
    one = week.stop_at(LATE)["obligation_ids"][0]
    week.world.owed[one] = replace(week.world.owed[one], voided_at=week.world.now)


@breaks(Rule.WRONG_DAY)
def _(week: Week) -> None:
    moved(week.stop_at(LATE), timedelta(days=14))


@breaks(Rule.WRONG_FORM)
def _(week: Week) -> None:
    week.stop_at(LATE)["form_code"] = "service_visit"


@breaks(Rule.ONE_A_TRACK)
def _(week: Week) -> None:
    week.stop_at(LATE)["obligation_ids"].append(week.owed(LATE, "2026-W28"))


@breaks(Rule.OLDEST_FIRST)
def _(week: Week) -> None:
    stop, before = week.stop_at(LATE), week.owed(LATE, "2026-W27")
    stop["obligation_ids"][stop["obligation_ids"].index(before)] = week.owed(LATE, "2026-W28")


@breaks(Rule.GAP)
def _(week: Week) -> None:
    week.again_on_wednesday(week.stop_at(LATE), week.owed(LATE, "2026-W28"))


@breaks(Rule.TWICE)
def _(week: Week) -> None:
    stop = week.stop_at(LATE)
    week.again_on_wednesday(stop, *stop["obligation_ids"])


@breaks(Rule.PLANNED_ELSEWHERE)
def _(week: Week) -> None:
    one = week.world.elsewhere[0]
    named = frozenset(week.stop_at(LATE)["obligation_ids"])
    other: Elsewhere = replace(one, subject_id=week.shops[LATE], obligation_ids=named, form_code=None)
    week.world.elsewhere.append(other)


@breaks(Rule.UNNAMED)
def _(week: Week) -> None:
    week.stop_at(LATE)["obligation_ids"].pop()


@breaks(Rule.NOTHING_OWED)
def _(week: Week) -> None:
    stop = next(stop for stop in week.stops if "off_pattern" in codes(stop))
    stop["reasons"] = []


@breaks(Rule.VISIT_KIND)
def _(week: Week) -> None:
    week.stop_at(LATE)["visit_kind"] = "service"


@breaks(Rule.REASON_CODE)
def _(week: Week) -> None:
    week.stop_at(LATE)["reasons"].append({"code": "because", "zh": "因为", "en": "because"})


@breaks(Rule.REASON_CODE)
def _(week: Week) -> None:
    overdue = next(reason for reason in week.stop_at(LATE)["reasons"] if reason["code"] == "overdue")
    overdue["code"] = "duty"


@breaks(Rule.REASON_CODE)
def _(week: Week) -> None:
    first = next(reason for reason in week.stop_at(FOUND)["reasons"] if reason["code"] == "overdue")
    also = next(reason for reason in week.stop_at(FOUND)["reasons"] if reason["code"] == "also_meets")
    first["code"], also["code"] = "also_meets", "follow_up"


@breaks(Rule.REASON_DUTY)
def _(week: Week) -> None:
    stop = week.stop_at(LATE)
    stop["reasons"] = [reason for reason in stop["reasons"] if reason["code"] != "also_meets"]


@breaks(Rule.REASON_DAY)
def _(week: Week) -> None:
    reason = next(reason for reason in week.stop_at(LATE)["reasons"] if "last_day" in reason)
    reason["last_day"] = "2026-07-06"


@breaks(Rule.REASON_WORDS)
def _(week: Week) -> None:
    reason = next(reason for reason in week.stop_at(LATE)["reasons"] if "last_day" in reason)
    reason["zh"] = "周复查已逾期"


@breaks(Rule.REASON_WORDS)
def _(week: Week) -> None:
    next(stop for stop in week.stops if "off_pattern" in codes(stop))["reasons"][0]["en"] = " "


@breaks(Rule.REASON_ATTEMPTED)
def _(week: Week) -> None:
    stop = week.stop_at(TRIED)
    stop["reasons"] = [reason for reason in stop["reasons"] if reason["code"] != "attempted"]


@breaks(Rule.REASON_WISHED)
def _(week: Week) -> None:
    stop = week.stop_at(WANTED)
    stop["reasons"] = [reason for reason in stop["reasons"] if reason["code"] != "wished"]


@breaks(Rule.REASON_WISHED)
def _(week: Week) -> None:
    fixed(week, WANTED)["note"] = "店主上午在"


@breaks(Rule.DRAWN)
def _(week: Week) -> None:
    stop = next(stop for stop in week.stops if "off_pattern" in codes(stop))
    stop["reasons"][0]["seed"] = "another"


@breaks(Rule.DRAWN)
def _(week: Week) -> None:
    for plan in week.plans:
        plan["wishes"]["random_checks"] = 0


@breaks(Rule.MISSING)
def _(week: Week) -> None:
    for plan in week.plans:
        plan["unfitted"] = [row for row in plan["unfitted"] if row["code"] != "no_position"]


@breaks(Rule.LEFT_TWICE)
def _(week: Week) -> None:
    week.plans[0]["unfitted"].append(deepcopy(week.left("no_position")))


@breaks(Rule.LEFT_NOT_OWED)
def _(week: Week) -> None:
    week.left("no_position")["obligation_ids"].append(str(uuid.uuid4()))


@breaks(Rule.LATE_ON)
def _(week: Week) -> None:
    week.left("no_position")["late_on"] = "2026-07-30"


def fixed(week: Week, shop: int) -> Json:
    return next(wish for wish in week.plans[0]["fixed"] if wish["subject_id"] == week.shops[shop])


def codes(stop: Json) -> list[str]:
    return [reason["code"] for reason in stop["reasons"]]


LEFT = ("no_position", "closed", "gap", "cap", "excluded", "planned", "no_time")


def test_a_good_week_is_let_stand(week: Week) -> None:
    assert week.objections() == []
    # It has something of everything, or the breaking below would break nothing.
    told = {code for stop in week.stops for code in codes(stop)}
    assert told == {
        *("duty", "overdue", "also_meets", "follow_up", "attempted", "wished", "off_pattern", "above_cap")
    }
    left = {row["code"] for plan in week.plans for row in plan["unfitted"]}
    assert left >= set(LEFT)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param(rule, change, id=f"{rule}-{number}")
        for rule, changes in BREAKS.items()
        for number, change in enumerate(changes)
    ],
)
def test_what_breaks_a_rule_is_objected_to_by_its_name(
    week: Week, rule: Rule, change: Callable[[Week], None]
) -> None:
    change(week)
    assert rule in {objection.rule for objection in week.objections()}


@pytest.mark.parametrize("false", sorted(CODES))
@pytest.mark.parametrize("code", LEFT)
def test_no_code_stands_for_another(week: Week, code: str, false: str) -> None:
    if false == code:
        return
    row = week.left(code)
    row["code"] = row["reasons"][0]["code"] = false
    found = {objection.rule for objection in week.objections()}
    # What is closed for everybody is kept out by nothing else, and so on; but of what has no position nobody knows more.
    assert Rule.LEFT_UNTRUE in found or (code, false) in BOTH_TRUE


BOTH_TRUE = {("closed", "gap")}


def test_a_stop_that_was_kept_is_where_it_was(week: Week) -> None:
    before, after = plan_of(week.plans[0]), deepcopy(week.plans[0])
    kept = [stop.id for _, stop in before.stops]
    assert list(check_kept(before, plan_of(after), kept)) == []
    first, second = after["patrols"]
    for broken in ("gone", "moved", "another team"):
        changed = deepcopy(after)
        first, second = changed["patrols"]
        if broken == "gone":
            del first["stops"][0]
        elif broken == "moved":
            moved(first["stops"][0], timedelta(minutes=10, seconds=1))
        else:
            second["stops"].append(first["stops"].pop())
        found = list(check_kept(before, plan_of(changed), kept))
        assert [objection.rule for objection in found] == [Rule.KEPT], broken


def test_every_rule_that_the_checker_knows_is_broken_here() -> None:
    assert BREAKS.keys() | {Rule.KEPT, Rule.LEFT_UNTRUE} == set(Rule)


def test_the_checker_shares_nothing_with_the_planner_its_solver_or_the_rules() -> None:
    assert checker.__file__ is not None
    for file in Path(checker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] not in {"server", "gis", "schemas", "sync"}, f"{file.name}: {name}"
