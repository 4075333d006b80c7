"""Why a stop is in a plan, or something is not, in words: a stable code, the facts, Chinese and English. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from schemas.vocabulary import CadenceTier, DutyRule, StopReason, UnfittedCode
from server.planning.visits import Debt

# The code of a line that tells from which day on something is late.
LATE_ON = "late_on"
_WEEKDAYS = "一二三四五六日"
_QUARTERS = {"Q1": "一季度", "Q2": "二季度", "Q3": "三季度", "Q4": "四季度"}
_TIERS_EN = {CadenceTier.WEEKLY: "week", CadenceTier.MONTHLY: "month", CadenceTier.QUARTERLY: "quarter"}

_UNFITTED: dict[UnfittedCode, tuple[str, str]] = {
    UnfittedCode.NO_POSITION: ("没有位置坐标，请先补录", "it has no position; locate it first"),
    UnfittedCode.NO_TEAM: ("没有可去的小组", "no team may go there"),
    UnfittedCode.CLOSED: ("班次内不营业", "it is closed during the shifts"),
    UnfittedCode.TOO_FAR: ("班次内往返不及", "there and back takes longer than a shift"),
    UnfittedCode.GAP: (
        "距上次检查（或本计划内的另一次检查）间隔不足",
        "too soon after the check before, or after another one of this plan",
    ),
    UnfittedCode.CAP: ("本年度检查频次已达上限", "the year's cap of inspections is reached"),
    UnfittedCode.EXCLUDED: ("队长已排除", "the leader keeps it out"),
    UnfittedCode.NO_TIME: ("各组时间已排满", "the teams have no time left for it"),
    UnfittedCode.PLANNED: ("已排入另一计划", "another plan has it"),
}


def day_zh(day: date) -> str:
    """A day as people write it, ``12月6日（周日）``."""
    return f"{day.month}月{day.day}日（周{_WEEKDAYS[day.weekday()]}）"


def day_en(day: date) -> str:
    """A day as ``Sun 6 Dec``."""
    return f"{day:%a} {day.day} {day:%b}"


def _duty_zh(debt: Debt) -> str:
    if debt.tier:
        return f"{_period_zh(debt.key)}{debt.tier.label_zh}"
    return DutyRule(debt.duty).label_zh


def _duty_en(debt: Debt) -> str:
    if debt.tier:
        return f"{_TIERS_EN[debt.tier]} {debt.key}"
    return debt.duty.replace("_", " ")


def _period_zh(key: str) -> str:
    year, _, part = key.partition("-")
    if part.startswith("W"):
        return f"{year}年第{int(part[1:])}周"
    return _QUARTERS.get(part, f"{int(part)}月" if part.isdigit() else key)


def reasons_of(debts: Sequence[Debt], day: date) -> list[dict[str, Any]]:
    """The reasons of a stop that meets these debts on ``day``, the one that is late soonest first.

    Each is ``{"code", "zh", "en", …facts}``: for example 周复查12月6日（周日）截止, then 同时完成12月核查.
    """
    reasons = []
    for place, debt in enumerate(sorted(debts, key=lambda one: (one.last_day, one.key, one.id))):
        facts = {"duty": debt.duty, "key": debt.key, "last_day": debt.last_day.isoformat()}
        if day > debt.last_day:
            code = StopReason.OVERDUE
            zh = f"{_duty_zh(debt)}已逾期，宽限至{day_zh(debt.grace_last_day)}"
            en = f"{_duty_en(debt)} is late; grace ends on {day_en(debt.grace_last_day)}"
        elif place:
            code = StopReason.ALSO_MEETS
            zh = f"同时完成{_duty_zh(debt)}（{day_zh(debt.last_day)}截止）"
            en = f"also meets {_duty_en(debt)}, due by {day_en(debt.last_day)}"
        else:
            code = StopReason.DUTY if debt.tier else StopReason.FOLLOW_UP
            zh = f"{_duty_zh(debt)}，{day_zh(debt.last_day)}截止"
            en = f"{_duty_en(debt)} closes on {day_en(debt.last_day)}"
        reasons.append({"code": code.value, "zh": zh, "en": en, **facts})
        if debt.attempted:
            zh, en = "上次到店未查成", "officers found it closed last time"
            reasons.append({"code": StopReason.ATTEMPTED.value, "zh": zh, "en": en})
    return reasons


def wished(note: str | None) -> dict[str, Any]:
    """That the leader wants it in the plan."""
    zh = f"队长指定：{note}" if note else "队长指定"
    return {
        "code": StopReason.WISHED.value,
        "zh": zh,
        "en": f"the leader's pick{f': {note}' if note else ''}",
    }


def off_pattern(seed: str) -> dict[str, Any]:
    """That it was drawn, so that nobody can foresee when officers come (不定期检查)."""
    zh, en = "不定期抽查，随机选取", "off-pattern check, picked at random"
    return {"code": StopReason.OFF_PATTERN.value, "zh": zh, "en": en, "seed": seed}


def campaign(name: str) -> dict[str, Any]:
    """That it lies in the scope of a campaign (专项行动) which lasts on that day."""
    zh, en = f"属专项行动“{name}”范围", f"in the scope of the campaign {name}"
    return {"code": StopReason.CAMPAIGN.value, "zh": zh, "en": en, "campaign": name}


def above_cap() -> dict[str, Any]:
    """That the year's cap is used up, and why it is planned all the same."""
    zh = "已达年度频次上限（法制已审核）"
    en = "the year's cap is used up; the legal office signed for it"
    return {"code": StopReason.ABOVE_CAP.value, "zh": zh, "en": en}


def unfitted(code: UnfittedCode, debts: Sequence[Debt]) -> list[dict[str, Any]]:
    """Why it is not in the plan, and what is owed with the first day on which it is late."""
    zh, en = _UNFITTED[code]
    reasons: list[dict[str, Any]] = [{"code": code.value, "zh": zh, "en": en}]
    for debt in sorted(debts, key=lambda one: (one.last_day, one.key, one.id)):
        reasons.append(
            {
                "code": LATE_ON,
                "duty": debt.duty,
                "key": debt.key,
                "late_on": debt.late_on.isoformat(),
                "missed_on": _day_after(debt.grace_last_day).isoformat(),
                "zh": f"{_duty_zh(debt)}自{day_zh(debt.late_on)}起逾期",
                "en": f"{_duty_en(debt)} is late from {day_en(debt.late_on)}",
            }
        )
    return reasons


def _day_after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def in_words(reasons: Sequence[dict[str, Any]]) -> str:
    """The reasons as one line of Chinese."""
    return "；".join(reason["zh"] for reason in reasons)
