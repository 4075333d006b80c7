"""How states look on paper: a colour, a pattern and a word for each, so that none is told by colour alone.

The colours are those of the screens (met teal, late amber, missed vermilion, pending blue, waived violet, unknown grey).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from schemas.vocabulary import ObligationState

TEAL, AMBER, VERMILION, BLUE, VIOLET, GREY = "#00796b", "#c77700", "#c62f17", "#1565c0", "#7b3fa0", "#5f6b73"


class Pattern(StrEnum):
    """How a bar's part is filled; in black and white they can still be told apart."""

    SOLID = "solid"
    RISING = "rising"
    CROSSED = "crossed"
    DOTTED = "dotted"
    OUTLINE = "outline"


@dataclass(frozen=True, slots=True)
class Mark:
    """One kind of part in a chart."""

    word: str
    colour: str
    pattern: Pattern


# In the order in which a bar is stacked.
MARKS: Mapping[str, Mark] = MappingProxyType(
    {
        "on_time": Mark("按期完成", TEAL, Pattern.SOLID),
        "late": Mark("逾期完成", AMBER, Pattern.RISING),
        "missed": Mark("漏查", VERMILION, Pattern.CROSSED),
        "pending": Mark("待查", BLUE, Pattern.DOTTED),
        "waived": Mark("免查", VIOLET, Pattern.OUTLINE),
        "due": Mark("临期", AMBER, Pattern.DOTTED),
        "upcoming": Mark("未到期", GREY, Pattern.OUTLINE),
        "void": Mark("终止", GREY, Pattern.SOLID),
        "unknown": Mark("待同步", GREY, Pattern.RISING),
        "within": Mark("未超上限", TEAL, Pattern.SOLID),
        "over": Mark("超过上限", VERMILION, Pattern.CROSSED),
        "unvisited": Mark("本年未检查", GREY, Pattern.OUTLINE),
        "prompt": Mark("按时上报", TEAL, Pattern.SOLID),
        "delayed": Mark("迟报", AMBER, Pattern.RISING),
        "decided": Mark("已作出决定", TEAL, Pattern.SOLID),
        "undecided": Mark("未作出决定", BLUE, Pattern.DOTTED),
        "nearing": Mark("临近七个工作日", AMBER, Pattern.RISING),
        "overdue": Mark("逾期未决定", VERMILION, Pattern.CROSSED),
    }
)

# How each state of an obligation is marked. Unknown is no state: it lies over missed and pending ones.
STATES: Mapping[ObligationState, str] = MappingProxyType(
    {
        ObligationState.UPCOMING: "upcoming",
        ObligationState.OPEN: "pending",
        ObligationState.ATTEMPTED: "pending",
        ObligationState.DUE: "due",
        ObligationState.MET: "on_time",
        ObligationState.MET_LATE: "late",
        ObligationState.MISSED: "missed",
        ObligationState.MADE_UP: "missed",
        ObligationState.WAIVED: "waived",
        ObligationState.VOID: "void",
    }
)
