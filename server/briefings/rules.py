"""What a pack lists as due on a day. Pure: the judged state, the days and the calendar come in as arguments."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from schemas.vocabulary import ObligationState
from server.kernel.workdays import Workdays

STILL_TO_DO = frozenset({ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE})

_DAY = timedelta(days=1)


class Due(StrEnum):
    """Why an obligation stands on the due list of a day; in the order in which the list tells them."""

    GRACE = "grace"
    LAST_DAY = "last_day"
    LAST_WORKDAY = "last_workday"


LABELS = {
    Due.GRACE: "已逾期，在宽限期内",
    Due.LAST_DAY: "今日到期",
    Due.LAST_WORKDAY: "今日为期限前最后一个工作日",
}


def due_on(
    state: ObligationState, last_day: date, grace_last_day: date, day: date, workdays: Workdays
) -> Due | None:
    """Why what is judged so is due on ``day``, or None where it is not.

    Due is what is still to be done (open, attempted, due) and ends on the day itself; what ended before and is forgiven
    while its grace lasts; and what ends on a later day with no working day in between, for nobody works until then: a week
    ends on its Sunday, and its checks are done by Friday.
    """
    if state not in STILL_TO_DO or grace_last_day < day:
        return None
    if last_day < day:
        return Due.GRACE
    if last_day == day:
        return Due.LAST_DAY
    return Due.LAST_WORKDAY if workdays.count(day + _DAY, last_day) == 0 else None


def is_due_soon(state: ObligationState, last_day: date, due: Due | None, day: date) -> bool:
    """Whether it is within the window of its policy in which it is due soon (临期), and not due on the day already."""
    return due is None and state is ObligationState.DUE and last_day > day


def newly_missed(state: ObligationState, grace_last_day: date, day: date, workdays: Workdays) -> bool:
    """Whether its grace ran out since the last working day before ``day``, so that nobody has been told yet."""
    return state is ObligationState.MISSED and workdays.shift(day, -1) <= grace_last_day < day
