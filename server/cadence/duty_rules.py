"""What a trigger asks for: the versions of the duty rules, the days that they give, and who is looked at again.

Pure: whatever is decided here follows from the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from schemas.vocabulary import CadenceTier, Deed, DutyRule, Performed
from server.cadence.periods import Period, periods_between
from server.cadence.rulebook import Window
from server.kernel.workdays import Workdays

_DAY = timedelta(days=1)
INSPECTIONS: frozenset[Performed] = frozenset({*CadenceTier, Deed.INSPECTION})
"""A tier's checklist is an inspection too, so both count where an inspection is asked for."""


class DayKind(StrEnum):
    """How the days of a duty are counted."""

    CALENDAR = "calendar"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class DutyTerms:
    """What a version of a duty rule asks: ``checks`` within ``days`` after the trigger, and what meets them.

    ``threshold`` holds what is counted first: ``attempts`` and ``within_days`` of a dormancy check, ``years`` of a
    look-back review. Raises ValueError for numbers that mean nothing.
    """

    checks: int
    days: int
    day_kind: DayKind
    accepts: frozenset[Performed]
    grace_working_days: int = 0
    due_soon_working_days: int = 2
    threshold: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        least = min(self.checks, self.days, 1 + self.grace_working_days, 1 + self.due_soon_working_days)
        if least < 1 or min(self.threshold.values(), default=1) < 1 or not self.accepts:
            raise ValueError(
                "A duty rule asks for at least one check within one day, and for something done."
            )


@dataclass(frozen=True, slots=True)
class DutyRuleText:
    """How a version of a duty rule reads: its name, where it comes from, and what it asks."""

    name: str
    legal_basis: str
    terms: DutyTerms
    counts_to_cap: bool = True


def _one(days: int, day_kind: DayKind, accepts: Iterable[Performed], **threshold: int) -> DutyTerms:
    return DutyTerms(1, days, day_kind, frozenset(accepts), threshold=MappingProxyType(threshold))


DEFAULT_DUTY_RULES: Mapping[DutyRule, DutyRuleText] = MappingProxyType(
    {
        DutyRule.TRIPLE_RECHECK: DutyRuleText(
            "查一补三",
            "本局查一补三制度：查获违规烟后一个星期内连续补查三次",
            DutyTerms(3, 7, DayKind.CALENDAR, INSPECTIONS),
        ),
        DutyRule.RECTIFICATION_RECHECK: DutyRuleText(
            "责令改正复查", "《行政处罚法》第二十八条", _one(5, DayKind.WORKING, INSPECTIONS)
        ),
        DutyRule.DEPOT_RECHECK: DutyRuleText(
            "寄递网点函告后复查",
            "《烟草专卖法》第三十八条",
            _one(30, DayKind.CALENDAR, (Deed.DEPOT_CHECK,)),
        ),
        DutyRule.ATTEMPT_RETRY: DutyRuleText(
            "未查成再访", "本局复查制度", _one(3, DayKind.WORKING, INSPECTIONS)
        ),
        DutyRule.DORMANCY_CHECK: DutyRuleText(
            "休眠证嫌疑核实",
            "本局复查制度：三十日内三次未查成",
            _one(10, DayKind.WORKING, (*INSPECTIONS, Deed.SERVICE), attempts=3, within_days=30),
        ),
        DutyRule.COMPLAINT_CALLBACK: DutyRuleText(
            "一般举报投诉电话回访",
            "本局举报投诉办理制度：处置结束后5个工作日电话回访",
            _one(5, DayKind.WORKING, (Deed.CALLBACK, Deed.DOOR_CALLBACK)),
        ),
        DutyRule.COMPLAINT_VISIT: DutyRuleText(
            "重大举报投诉上门回访",
            "本局举报投诉办理制度：处置结束后2个工作日内上门回访",
            _one(2, DayKind.WORKING, (Deed.DOOR_CALLBACK,)),
        ),
        DutyRule.CLUE_NOTICE: DutyRuleText(
            "线索通报",
            "打击制售假烟工作制度：与其他地方或者单位相关的线索于3个工作日内通报",
            _one(3, DayKind.WORKING, (Deed.NOTICE,)),
        ),
        DutyRule.HOUSEHOLD_VISIT: DutyRuleText(
            "收购季入户检查",
            "本局烟叶收购秩序制度：每周入户检查一次，直到收购完成",
            _one(7, DayKind.CALENDAR, (Deed.SERVICE,)),
        ),
        DutyRule.ROUND: DutyRuleText(
            "轮次核实",
            "本局电子烟市场主体核实制度",
            _one(90, DayKind.CALENDAR, (*INSPECTIONS, Deed.SERVICE, Deed.DEPOT_CHECK)),
        ),
        DutyRule.LOOK_BACK_REVIEW: DutyRuleText(
            "涉烟案件回头看",
            "本局案件回头看制度：复查近两年内重大案件",
            _one(60, DayKind.CALENDAR, (Deed.REVIEW,), years=2),
        ),
    }
)
"""What a new bureau begins with; a bureau's own versions replace it from their days on."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days of what one trigger asks for, and the window that decides about them."""

    first_day: date
    last_day: date
    window: Window


# Whose check may come on the very day of the trigger: at a door found closed one may ring again in the afternoon.
_SAME_DAY = frozenset({DutyRule.ATTEMPT_RETRY, DutyRule.COMPLAINT_CALLBACK, DutyRule.COMPLAINT_VISIT})
_SAME_DAY |= {DutyRule.CLUE_NOTICE}


def span_after(rule: DutyRule, terms: DutyTerms, day: date, workdays: Workdays) -> Span:
    """What is owed after a trigger on ``day``, which does not count itself (行政处罚法第八十五条 counts working days).

    Calendar days are not lengthened by holidays: 查一补三 found before National Day ends within it.
    """
    working = terms.day_kind is DayKind.WORKING
    last_day = workdays.shift(day, terms.days) if working else day + terms.days * _DAY
    first_day = day if rule in _SAME_DAY else day + _DAY
    return span_of(terms, first_day, last_day, workdays, since=day)


def span_of(
    terms: DutyTerms,
    first_day: date,
    last_day: date,
    workdays: Workdays,
    *,
    since: date | None = None,
) -> Span:
    """What is owed from ``first_day`` to ``last_day``, both given: a season's week, a round.

    ``since`` is the day from which working days were counted, so that an answer resting on it is known to be
    provisional.
    """
    too_early = workdays.shift(last_day + _DAY, -(terms.due_soon_working_days + 1))
    grace_last_day = workdays.shift(last_day, terms.grace_working_days)
    working = terms.day_kind is DayKind.WORKING or terms.grace_working_days > 0
    window = Window(
        due_from=min(max(first_day, too_early + _DAY), last_day),
        grace_last_day=grace_last_day,
        waived_by_rule=False,
        provisional=working and workdays.provisional(since or first_day, grace_last_day),
        # 查一补三 is three checks on three different days (范文三: 連續補查三次).
        min_gap_days=1 if terms.checks > 1 else 0,
        checklists=terms.accepts,
    )
    return Span(first_day, last_day, window)


def season_weeks(first: date, last: date) -> tuple[Period, ...]:
    """The ISO weeks that lie in a season from ``first`` to ``last``, whole ones only."""
    weeks = periods_between(CadenceTier.WEEKLY, first, last)
    return tuple(week for week in weeks if first <= week.first_day and week.last_day <= last)


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that asks for a duty: a finding, an attempt, an order. ``at`` is when it happened."""

    id: UUID
    at: datetime


def dormancy_causes(
    attempts: Iterable[Cause], zone: tzinfo, terms_on: Callable[[date], DutyTerms | None]
) -> tuple[Cause, ...]:
    """The attempts at which a shop comes to look dormant (休眠证): the one that makes ``attempts`` within ``within_days``
    calendar days, by the version of the rule that held on its own day. After it the count begins anew.
    """
    found: list[Cause] = []
    recent: list[tuple[Cause, date]] = []
    for attempt in sorted(attempts, key=lambda attempt: (attempt.at, attempt.id)):
        day = attempt.at.astimezone(zone).date()
        terms = terms_on(day)
        if terms is None:
            continue
        within = timedelta(days=terms.threshold["within_days"])
        recent = [*((one, its) for one, its in recent if day - its < within), (attempt, day)]
        if len(recent) >= terms.threshold["attempts"]:
            found.append(attempt)
            recent = []
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ClosedCase:
    """A case as far as a look-back review (回头看) asks: when it was closed, and whether it is a major one."""

    id: UUID
    closed_on: date
    major: bool


def look_back(cases: Sequence[ClosedCase], start: date, years: int) -> tuple[UUID, ...]:
    """The major cases closed within ``years`` before ``start``, in order of closing.

    The same day ``years`` ago is within; the day before it is not (范文: 近两年内重大涉烟案件).
    """
    since = _years_before(start, years)
    chosen = [case for case in cases if case.major and since <= case.closed_on < start]
    return tuple(case.id for case in sorted(chosen, key=lambda case: (case.closed_on, case.id)))


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        # 29 February of a year that has none: the first day that is within.
        return date(day.year - years, 3, 1)
