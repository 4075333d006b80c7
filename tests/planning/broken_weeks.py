"""The good week broken by hand: for each rule that the checker knows, what breaks it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

from tests.planning.checker.objecting import Rule
from tests.planning.checker.world import Elsewhere
from tests.planning.good_week import (
    FOUND,
    LATE,
    NEXT_CELL,
    SIGNED,
    TRIED,
    WANTED,
    Week,
    codes,
    fixed,
    later,
    moved,
)

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
