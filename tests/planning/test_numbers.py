"""The numbers that plans go by, opening hours above all, and how reasons read."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from schemas.vocabulary import CadenceTier, Deed, DutyRule, UnfittedCode
from server.planning.priorities import prize_of
from server.planning.reasons import day_zh, in_words, reasons_of, unfitted
from server.planning.rulebook import PlanningNumbers, cut_on
from server.planning.visits import Debt

ZONE = ZoneInfo("Asia/Shanghai")
SUNDAY = date(2026, 12, 6)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=ZONE)


def test_hours_past_midnight_belong_to_the_evening_before() -> None:
    week = {"6": [["20:00", "02:00"]], "7": [["09:00", "12:00"], ["14:00", "18:00"]]}
    assert cut_on(week, SUNDAY, ZONE) == [
        (at(6, 0), at(6, 2)),
        (at(6, 9), at(6, 12)),
        (at(6, 14), at(6, 18)),
    ]
    assert cut_on(week, date(2026, 12, 5), ZONE) == [(at(5, 20), at(6, 0))]
    assert cut_on(week, date(2026, 12, 8), ZONE) == []


def test_what_a_bureau_gives_stands_beside_the_defaults() -> None:
    numbers = PlanningNumbers.read(
        {"service_minutes": {"WEEKLY": 8}, "opening_hours": {"Z": [["06:00", "22:00"]]}}
    )
    assert numbers.service_s(CadenceTier.WEEKLY) == 480
    assert numbers.service_s(Deed.DEPOT_CHECK) == 1800
    assert numbers.open_on("Z", SUNDAY, ZONE) == [(at(6, 6), at(6, 22))]
    assert numbers.open_on("complaint", SUNDAY, ZONE) == [(at(6, 0), at(7, 0))]


def debt(number: int, tier: CadenceTier | None, key: str, last: date, grace: date | None = None) -> Debt:
    return Debt(
        id=UUID(int=number),
        duty=tier.value if tier else "rectification_recheck",
        key=key,
        track=tier or (DutyRule.RECTIFICATION_RECHECK, UUID(int=1)),
        first_day=date(2026, 11, 1),
        last_day=last,
        grace_last_day=grace or last,
        checklists=frozenset({CadenceTier.MONTHLY}),
        min_gap_days=3,
    )


def test_reasons_name_what_closes_first_and_what_is_met_besides() -> None:
    week = debt(1, CadenceTier.WEEKLY, "2026-W49", SUNDAY)
    month = debt(2, CadenceTier.MONTHLY, "2026-12", date(2026, 12, 31))
    told = reasons_of([month, week], date(2026, 12, 2))
    assert (
        in_words(told)
        == "2026年第49周周复查，12月6日（周日）截止；同时完成12月月核查（12月31日（周四）截止）"
    )
    assert told[0]["en"] == "week 2026-W49 closes on Sun 6 Dec"
    assert told[1]["en"] == "also meets month 2026-12, due by Thu 31 Dec"
    late = reasons_of([week], date(2026, 12, 7))
    assert late[0]["code"] == "overdue"


def test_what_does_not_fit_says_from_when_it_is_late() -> None:
    told = unfitted(UnfittedCode.NO_TIME, [debt(1, CadenceTier.WEEKLY, "2026-W49", SUNDAY)])
    assert [one["code"] for one in told] == ["no_time", "late_on"]
    assert told[1]["late_on"] == "2026-12-07"
    assert day_zh(date(2026, 12, 7)) in told[1]["zh"]


def test_what_is_late_sooner_is_worth_more_and_one_more_duty_never_makes_it_worth_less() -> None:
    day = date(2026, 12, 2)
    days = [day.replace(day=n) for n in (1, 2, 4, 9, 31)]
    worths = [prize_of([debt(1, CadenceTier.WEEKLY, "k", last)], day, key_place=False) for last in days]
    assert worths == sorted(worths, reverse=True)
    assert len(set(worths)) == len(worths)
    week, month = debt(1, CadenceTier.WEEKLY, "k", days[2]), debt(2, CadenceTier.MONTHLY, "m", days[4])
    both = prize_of([week, month], day, key_place=False)
    assert both > max(prize_of([one], day, key_place=False) for one in (week, month))
    assert prize_of([week], day, key_place=True) > prize_of([week], day, key_place=False)
    assert prize_of([], day, key_place=True) == 0
