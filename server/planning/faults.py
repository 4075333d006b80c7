"""What makes a day impossible, in words: which team, stop or window; and what ends a run of the solver early."""

from __future__ import annotations

from typing import Any

from gis.routing.infeasible import Code, Reason
from schemas.vocabulary import UnfittedCode
from server.planning.ground import Ground

_CODES: dict[Code, UnfittedCode] = {
    Code.TOO_FAR: UnfittedCode.TOO_FAR,
}
_RUNS: dict[str, tuple[str, str]] = {
    "process_lost": (
        "编排进程已中断，重新编排会从已有结果继续",
        "the process was lost; the next run goes on from what it had",
    ),
    "plan_changed": ("编排期间计划被改动，请重新编排", "the plan was changed meanwhile; solve it again"),
    "failed": ("编排出错，计划没有改动", "the solver failed; the plan is as it was"),
}


def code_of(code: Code) -> UnfittedCode:
    """What a reason of the solver means for something that is left out."""
    return _CODES.get(code, UnfittedCode.NO_TIME)


def of_run(code: str) -> dict[str, Any]:
    """Why a run ended without a plan."""
    zh, en = _RUNS[code]
    return {"code": code, "zh": zh, "en": en}


def of_day(reason: Reason, ground: Ground) -> dict[str, Any]:
    """What makes a day impossible."""
    return {"code": reason.code.value, "zh": "", "en": ""}
