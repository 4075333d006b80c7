"""Rule 8: whatever is owed and could be met is visited or told of, once, with a reason that is true and the right day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tests.planning.checker.ceiling import is_counting, is_signed, planned_before, remaining
from tests.planning.checker.days import days_out, numbers_for, open_on
from tests.planning.checker.doors import cells_of
from tests.planning.checker.duties import Standing
from tests.planning.checker.matching import Coming, Term, doable_at
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.times import way
from tests.planning.checker.told import Left, Plan, Team, Wish
from tests.planning.checker.words import in_chinese, in_english
from tests.planning.checker.world import DAY, Subject, World

CODES = {"no_position", "no_team", "closed", "too_far", "gap", "cap", "excluded", "no_time", "planned"}


@dataclass(frozen=True, slots=True)
class Chance:
    """That a team could go to a subject on a day for something; ``wish`` bounds when."""

    plan: Plan
    team: Team
    day: date
    wish: Wish | None


@dataclass(frozen=True, slots=True)
class Case:
    """One obligation that is open, with the plans that it concerns and every chance to meet it."""

    world: World
    plans: Sequence[Plan]
    subject: Subject
    term: Term
    standing: Standing
    concerned: Sequence[Plan]
    first: date

    @property
    def forms(self) -> list[str]:
        """What one could do to meet it, the quickest first."""
        return doable_at(self.term.owed.subject_kind, self.term.accepts)

    def days(self, plans: Iterable[Plan]) -> set[date]:
        """The days of these plans on which it can be met."""
        out = {day for plan in plans for team in plan.teams for day in days_out(self.world, team)}
        return {day for day in out if self.term.takes(day)}

    def is_excluded_from(self, plan: Plan) -> bool:
        """Whether the leader keeps the subject out of a plan."""
        wish = plan.wish_for(self.subject.id)
        return wish is not None and wish.wish == "exclude"

    def chances(self) -> Iterator[Chance]:
        """The teams that may go there on the days on which it can be met, whatever else they do."""
        for plan in self.concerned:
            if self.is_excluded_from(plan):
                continue
            wish = plan.wish_for(self.subject.id)
            pinned = wish.patrol_id if wish else None
            assigned = {team.id for team in plan.teams if self.subject.cell_id in team.cell_ids}
            for team in plan.teams:
                if pinned not in (None, team.id) or (pinned is None and assigned and team.id not in assigned):
                    continue
                for day in days_out(self.world, team):
                    if self.term.takes(day):
                        yield Chance(plan, team, day, wish)


def check_leftovers(
    world: World, plans: Sequence[Plan], standings: Mapping[str, Standing]
) -> Iterable[Objection]:
    """What is neither visited nor told of, told of without being so, or told of wrongly."""
    visited = {one for plan in plans for _, stop in plan.stops for one in stop.obligation_ids}
    told = Counter(one for plan in plans for left in plan.left for one in left.obligation_ids)
    cases = dict(_cases(world, plans, standings))
    for obligation_id, case in cases.items():
        times = told[obligation_id] + (obligation_id in visited)
        about = f"{case.subject.name}: {case.term}"
        if times == 0:
            yield Objection(Rule.MISSING, about)
        if times > 1:
            yield Objection(Rule.LEFT_TWICE, about)
    for plan in plans:
        for left in plan.left:
            yield from _of_left(world, plan, left, cases, standings)


def _cases(
    world: World, plans: Sequence[Plan], standings: Mapping[str, Standing]
) -> Iterable[tuple[str, Case]]:
    first = min(plan.day for plan in plans)
    for subject_id, standing in standings.items():
        subject = world.subjects[subject_id]
        concerned = [
            plan for plan in plans if subject.cell_id in cells_of(world, plan) or plan.wish_for(subject_id)
        ]
        for obligation_id, term in standing.open.items():
            case = Case(world, plans, subject, term, standing, concerned, first)
            if case.forms and case.days(concerned):
                yield obligation_id, case


def _of_left(
    world: World, plan: Plan, left: Left, cases: Mapping[str, Case], standings: Mapping[str, Standing]
) -> Iterable[Objection]:
    about = f"{plan.day}, {left.name}: {left.code}"
    if left.code not in CODES or (left.reasons[0].get("code") if left.reasons else None) != left.code:
        yield Objection(Rule.REASON_CODE, about)
    if not all(reason.get("zh") and reason.get("en") for reason in left.reasons):
        yield Objection(Rule.REASON_WORDS, about)
    standing = standings.get(left.subject_id)
    terms = []
    for obligation_id in left.obligation_ids:
        term = standing.open.get(obligation_id) if standing else None
        if term is None:
            yield Objection(Rule.LEFT_NOT_OWED, f"{about}: {obligation_id}")
            continue
        terms.append(term)
        case = cases.get(obligation_id)
        if case is not None and not _TRUE[left.code](case):
            true = [code for code, is_true in _TRUE.items() if is_true(case)]
            yield Objection(Rule.LEFT_UNTRUE, f"{about}, but {' '.join(true)}: {term}")
    yield from _of_days(plan, left, terms, about)


def _of_days(plan: Plan, left: Left, terms: Sequence[Term], about: str) -> Iterable[Objection]:
    late = {
        (term.owed.duty, term.owed.key): (term.owed.last_day + DAY, term.grace + DAY, term) for term in terms
    }
    days = [day if day > plan.day else missed for day, missed, _ in late.values()]
    if left.late_on != min(days, default=None):
        yield Objection(Rule.LATE_ON, f"{about}: {left.late_on}, not {min(days, default=None)}")
    told = {(one.get("duty"), one.get("key")): one for one in left.reasons[1:]}
    if told.keys() != late.keys():
        yield Objection(Rule.REASON_DUTY, f"{about}: {list(told)}, not {list(late)}")
        return
    for name, (late_on, missed_on, _) in late.items():
        reason = told[name]
        if (reason.get("late_on"), reason.get("missed_on")) != (late_on.isoformat(), missed_on.isoformat()):
            yield Objection(Rule.REASON_DAY, f"{about}: {reason}")
        if in_chinese(late_on) not in str(reason.get("zh")) or in_english(late_on) not in str(
            reason.get("en")
        ):
            yield Objection(Rule.REASON_WORDS, f"{about}: {reason}")


def _no_position(case: Case) -> bool:
    return case.subject.place is None


def _is_planned(case: Case) -> bool:
    return case.term.owed.id in case.standing.elsewhere


def _is_excluded(case: Case) -> bool:
    """On every day on which it can be met the leader keeps the subject out."""
    kept = [plan for plan in case.concerned if not case.is_excluded_from(plan)]
    return not case.days(kept)


def _no_team(case: Case) -> bool:
    return not _is_excluded(case) and not any(True for _ in case.chances())


def _is_blocked_by(code: str) -> Callable[[Case], bool]:
    """Whoever could go is kept from it by closed doors, the way or the gap; and somebody by this one of them."""

    def is_true(case: Case) -> bool:
        reasons = [_why_not(case, chance) for chance in case.chances()]
        return all(reasons) and any(code in why for why in reasons)

    return is_true


def _why_not(case: Case, chance: Chance) -> set[str]:
    """What keeps a team from a visit, were it to do nothing else; nothing where it can be made."""
    if case.subject.place is None:
        return {"no_position"}
    world, team = case.world, chance.team
    lasts = timedelta(minutes=numbers_for(world, case.first)["service_minutes"].get(case.forms[0], 20))
    there = timedelta(seconds=round(way(team.mode, team.start, case.subject.place)[1]))
    back = timedelta(seconds=round(way(team.mode, case.subject.place, team.end)[1]))
    too_far = there + lasts + back > team.ends_at - team.starts_at
    # For a team that is too far away anyhow it is closed if it would be so for a neighbour.
    if too_far:
        there = back = timedelta(0)
    spans = open_on(world, case.subject, chance.day, case.first)
    is_open = any(_fits(chance, opens, closes, there, lasts, back) for opens, closes in spans)
    # Somebody is at the door on that day, or the same team anyhow; or one more visit would meet something else or nothing.
    gap = _is_taken(case, chance.day) or _is_there(case, chance) or not _would_meet(case, chance.day)
    reasons = {"too_far": too_far, "closed": not is_open, "gap": gap}
    return {code for code, holds in reasons.items() if holds}


def _fits(
    chance: Chance, opens: datetime, closes: datetime, there: timedelta, lasts: timedelta, back: timedelta
) -> bool:
    begins = max(opens, chance.team.starts_at + there)
    latest = min(closes - lasts, chance.team.ends_at - back - lasts)
    if chance.wish is not None:
        begins = max(begins, chance.wish.not_before or begins)
        latest = min(latest, chance.wish.not_after or latest)
    return begins <= latest


def _is_taken(case: Case, day: date) -> bool:
    return any(case.world.day(stop.begins_at) == day for stop in case.standing.stops)


def _is_there(case: Case, chance: Chance) -> bool:
    return any(stop.subject_id == case.subject.id for stop in chance.team.stops)


def _would_meet(case: Case, day: date) -> bool:
    for hour in (0, 12, 23):
        at = datetime.combine(day, time(hour, 59), case.world.zone)
        for form in case.forms:
            visit = Coming("one more", at, day, frozenset({form}))
            if case.term.owed.id in case.standing.met_with(visit):
                return True
    return False


def _is_capped(case: Case) -> bool:
    """The year's cap is used up by what was done and what is planned; and nobody signed."""
    owed = case.term.owed
    if owed.subject_kind != "outlet" or is_signed(case.world, owed.id):
        return False
    kind = "service" if case.forms == ["SERVICE"] else "routine"
    day = min(case.days(case.concerned))
    left = remaining(case.world, owed.subject_id, day, case.standing)
    if left is None or not is_counting(case.world, kind, [owed.id]):
        return False
    planned = [
        (stop.visit_kind, stop.obligation_ids)
        for stop in case.standing.stops
        if owed.id not in stop.obligation_ids
    ]
    used = sum(is_counting(case.world, kind, obligations) for kind, obligations in planned)
    return left - planned_before(case.world, case.plans, owed.subject_id, day.year) - used <= 0


def _has_no_time(case: Case) -> bool:
    """None of the other codes is true: there is a team, a door and a visit left, and the days are taken by others."""
    return not any(true(case) for code, true in _TRUE.items() if code != "no_time")


_TRUE: Mapping[str, Callable[[Case], bool]] = {
    "no_position": _no_position,
    "planned": _is_planned,
    "excluded": _is_excluded,
    "no_team": _no_team,
    "closed": _is_blocked_by("closed"),
    "too_far": _is_blocked_by("too_far"),
    "gap": _is_blocked_by("gap"),
    "cap": _is_capped,
    "no_time": _has_no_time,
}
