"""What makes a day impossible, in words: which team, stop or window; and what ends a run of the solver early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gis.routing.infeasible import Reason, ReasonCode
from server.planning.ground import Ground

Sentence = tuple[str, str]

_RUNS: Mapping[str, Sentence] = MappingProxyType(
    {
        "process_lost": (
            "编排进程已中断，重新编排会从已有结果继续",
            "the process was lost; the next run goes on from what it had",
        ),
        "plan_changed": (
            "编排期间计划被改动，请重新编排",
            "the plan was changed meanwhile; solve it again",
        ),
        "failed": ("编排出错，计划没有改动", "the solver failed; the plan is as it was"),
    }
)


def of_run(code: str) -> dict[str, Any]:
    """Why a run ended without a plan."""
    zh, en = _RUNS[code]
    return {"code": code, "zh": zh, "en": en}


def of_day(reason: Reason, ground: Ground) -> dict[str, Any]:
    """What makes a day impossible, as a plan's leader reads it: the code, the team, the subjects and the numbers."""
    turn = next((crew.patrol for crew in ground.crews if str(crew.patrol.id) == reason.turn), None)
    keys = reason.tasks or ((reason.task,) if reason.task else ())
    doings = [ground.doings[key] for key in keys]
    team_zh = turn.name if turn else "各组"
    team_en = f"team {turn.ordinal}" if turn else "the teams"
    names = "、".join(doing.subject.name for doing in doings)
    zh, en = _SENTENCES[reason.code](reason, ground)
    return {
        "code": reason.code.value,
        "patrol_id": str(turn.id) if turn else None,
        "subject_ids": [str(doing.subject.id) for doing in doings],
        "detail": dict(reason.detail),
        "zh": zh.format(team=team_zh, names=names),
        "en": en.format(team=team_en, names=names),
    }


def _minutes(seconds: int) -> int:
    return -(-seconds // 60)


def _long(zh: str, en: str) -> Callable[[Reason, Ground], Sentence]:
    """A sentence with how long something takes and how long there is."""

    def told(reason: Reason, _ground: Ground) -> Sentence:
        needs, has = (_minutes(reason.detail[name]) for name in ("needs_s", "has_s"))
        return (
            f"{zh}，需要 {needs} 分钟，只有 {has} 分钟",
            f"{en}: it takes {needs} minutes and there are {has}",
        )

    return told


def _at(zh: str, en: str, first: str, second: str) -> Callable[[Reason, Ground], Sentence]:
    """A sentence with two moments of the day."""

    def told(reason: Reason, ground: Ground) -> Sentence:
        one, other = (
            f"{ground.moment(reason.detail[name]).astimezone(ground.doors.zone):%H:%M}"
            for name in (first, second)
        )

        def filled(text: str) -> str:
            return text.replace("#1", one).replace("#2", other)

        return filled(zh), filled(en)

    return told


def _plain(zh: str, en: str) -> Callable[[Reason, Ground], Sentence]:
    return lambda _reason, _ground: (zh, en)


_SENTENCES: Mapping[ReasonCode, Callable[[Reason, Ground], Sentence]] = MappingProxyType(
    {
        ReasonCode.NO_TURNS: _plain("没有小组", "there is no team"),
        ReasonCode.TURN_TOO_SHORT: _long(
            "{team}的班次不够从出发地到结束地", "{team} cannot even get from its start to its end"
        ),
        ReasonCode.NO_WINDOW: _plain("{names}没有可去的时间", "{names} has no time at which to come"),
        ReasonCode.NOT_ALLOWED: _plain("没有小组可去{names}", "no team may go to {names}"),
        ReasonCode.TOO_FAR: _long(
            "{team}往返{names}超过班次", "there and back to {names} is longer than the shift of {team}"
        ),
        ReasonCode.SHIFT_TOO_SHORT: _long(
            "{team}往返并检查{names}超过班次", "a visit to {names} is longer than the shift of {team}"
        ),
        ReasonCode.WINDOW_CLOSED: _at(
            "{names}须在 #2 前开始，{team}最早 #1 到达",
            "{names} has to be begun by #2, and {team} is there at #1 at the earliest",
            "arrives",
            "closes",
        ),
        ReasonCode.WINDOW_OPENS_LATE: _at(
            "{names} #1 才能开始，{team}检查后来不及在班次内返回（最早 #2）",
            "{names} opens at #1 only; {team} would be back at #2, after its shift",
            "opens",
            "returns",
        ),
        ReasonCode.NOT_TOGETHER: _plain(
            "{team}不能都去：{names}；去掉其中一户即可",
            "{team} cannot visit all of {names}; without one of them it can",
        ),
        ReasonCode.TOO_MANY_REQUIRED: _long(
            "指定的对象排不下，未排入：{names}", "not all that was fixed fits; left out: {names}"
        ),
    }
)
