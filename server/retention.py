"""What is kept of persons for a time only: each kind, how long, and the step that ends it (个人信息保护法第十九条)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from server.desk.retention import forget_kept_rows, forget_states
from server.evidence.retention import erase_tracks
from server.kernel.settings import Settings
from server.kernel.work import Work


class Step(NamedTuple):
    """One kind of data with an end: its code and names, the days it is kept, and what ends it for one bureau."""

    code: str
    name_zh: str
    name_en: str
    days: Callable[[Settings], int]
    carry_out: Callable[[Work], int]


STEPS = (
    Step("tracks", "原始轨迹文件", "raw tracks", lambda settings: settings.track_days, erase_tracks),
    Step(
        "push_states",
        "已裁定冲突的各方内容",
        "the sides of settled conflicts",
        lambda settings: settings.push_state_days,
        forget_states,
    ),
    Step(
        "kept_rows",
        "已处理隔离数据的原文",
        "the bytes of settled rows in quarantine",
        lambda settings: settings.push_state_days,
        forget_kept_rows,
    ),
)


def carry_out(work: Work) -> dict[str, int]:
    """End whatever has reached its end in this bureau; by the step's code, how many.

    Where the unit of work is rolled back, nothing has gone: bytes leave the disk after commit.
    """
    return {step.code: step.carry_out(work) for step in STEPS}
