"""Rule 7: the reasons of a stop say exactly what it is there for, with the right days, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from tests.planning.checker.duties import Standing
from tests.planning.checker.matching import Term, tried
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Json, Plan, Stop, stops_of
from tests.planning.checker.world import World

CODES = {
    *("duty", "also_meets", "follow_up", "overdue", "attempted", "wished", "campaign", "off_pattern"),
    "above_cap",
}
OF_DUTY = {"duty", "also_meets", "follow_up", "overdue"}
WEEKDAYS = "一二三四五六日"
_CJK = re.compile(r"[\u4e00-\u9fff]")


def in_chinese(day: date) -> str:
    """A day as people write it."""
    return f"{day.month}月{day.day}日（周{WEEKDAYS[day.weekday()]}）"


def in_english(day: date) -> str:
    """A day in English."""
    return f"{day:%a} {day.day} {day:%b}"


def check_words(
    world: World, plans: Sequence[Plan], standings: Mapping[str, Standing]
) -> Iterable[Objection]:
    """What is wrong with the reasons of the stops."""
    for plan, _, stop in stops_of(plans):
        for reason in stop.reasons:
            if reason.get("code") not in CODES:
                yield Objection(Rule.REASON_CODE, f"{stop}: {reason.get('code')}")
            yield from _of_languages(stop, reason)
        yield from _of_duties(world, stop, standings[stop.subject_id])
        yield from _of_wish(plan, stop)


def _of_languages(stop: Stop, reason: Json) -> Iterable[Objection]:
    zh, en = str(reason.get("zh") or ""), str(reason.get("en") or "")
    # What a leader noted stands in both as it is.
    own_words = reason.get("code") == "wished"
    if not _CJK.search(zh) or not en.strip() or (_CJK.search(en) and not own_words):
        yield Objection(Rule.REASON_WORDS, f"{stop}: {reason.get('code')}: {zh!r}, {en!r}")


def _of_duties(world: World, stop: Stop, standing: Standing) -> Iterable[Objection]:
    day = world.day(stop.begins_at)
    terms = [standing.open[one] for one in stop.obligation_ids if one in standing.open]
    told = [reason for reason in stop.reasons if reason.get("code") in OF_DUTY]
    by_name = {(reason.get("duty"), reason.get("key")): reason for reason in told}
    wanted = {(term.owed.duty, term.owed.key): term for term in terms}
    if by_name.keys() != wanted.keys() or len(told) != len(wanted):
        yield Objection(Rule.REASON_DUTY, f"{stop}: told {sorted(by_name)}, meets {sorted(wanted)}")
        return
    in_order = sorted(terms, key=lambda term: term.owed.last_day)
    soonest = in_order[0].owed.last_day if in_order else None
    firsts = 0
    for name, term in wanted.items():
        yield from _of_term(world, stop, by_name[name], term, day)
        code = by_name[name]["code"]
        firsts += code in ("duty", "follow_up")
        if (code == "overdue") != (day > term.owed.last_day):
            yield Objection(Rule.REASON_CODE, f"{stop}: {term} is {code}")
        if code == ("follow_up" if term.owed.tier else "duty"):
            yield Objection(Rule.REASON_CODE, f"{stop}: {term} is {code}")
        if code in ("duty", "follow_up") and term.owed.last_day != soonest:
            yield Objection(Rule.REASON_CODE, f"{stop}: {term} is {code}, and something is late sooner")
    late = any(day > term.owed.last_day for term in terms)
    if terms and firsts != (0 if late else 1):
        yield Objection(Rule.REASON_CODE, f"{stop}: {firsts} reasons come first")
    attempts = sum(tried(world, term) for term in terms)
    if stop.codes().count("attempted") != attempts:
        yield Objection(Rule.REASON_ATTEMPTED, f"{stop}: {stop.codes()}, tried for {attempts}")


def _of_term(world: World, stop: Stop, reason: Json, term: Term, day: date) -> Iterable[Objection]:
    if reason.get("last_day") != term.owed.last_day.isoformat():
        yield Objection(Rule.REASON_DAY, f"{stop}: {reason.get('last_day')} for {term}")
    shown = term.grace if day > term.owed.last_day else term.owed.last_day
    zh, en = str(reason.get("zh")), str(reason.get("en"))
    if in_chinese(shown) not in zh or in_english(shown) not in en:
        yield Objection(Rule.REASON_WORDS, f"{stop}: {zh!r}, {en!r} without {in_chinese(shown)}")


def _of_wish(plan: Plan, stop: Stop) -> Iterable[Objection]:
    wish = plan.wish_for(stop.subject_id)
    wanted = wish is not None and wish.wish == "include"
    told = [reason for reason in stop.reasons if reason.get("code") == "wished"]
    if len(told) != int(wanted):
        yield Objection(Rule.REASON_WISHED, f"{plan.day}: {stop}: {stop.codes()}")
    if wish is not None and wish.note and any(wish.note not in str(one.get("zh")) for one in told):
        yield Objection(Rule.REASON_WISHED, f"{plan.day}: {stop} without “{wish.note}”")
