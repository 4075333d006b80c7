"""Which period a report is about, and as known when."""

from __future__ import annotations

from datetime import datetime

from schemas.vocabulary import CadenceTier
from server.cadence.periods import BadPeriod, ReportingPeriod, period_of, reporting_period
from server.kernel.problems import invalid, problem_at
from server.kernel.work import Work


def moment_for(work: Work, given: datetime | None) -> datetime:
    """The moment asked for in the bureau's time, by default now; without an offset it is that time already.

    Raises:
        Problem: ``invalid`` for a moment to come, of which nothing is known and whose figures would change.
    """
    if given is None:
        return work.now.astimezone(work.zone)
    moment = given.replace(tzinfo=work.zone) if given.tzinfo is None else given.astimezone(work.zone)
    if moment > work.now:
        detail = f"{moment.isoformat(timespec='minutes')} 还没有到，只能查到当前为止。"
        raise invalid("/as_of", "in_future", detail)
    return moment


def period_for(work: Work, text: str | None, as_of: datetime) -> ReportingPeriod:
    """The period asked for; by default the quarter that holds ``as_of``.

    Raises:
        Problem: ``bad_period``.
    """
    try:
        if text is None:
            text = period_of(CadenceTier.QUARTERLY, as_of.astimezone(work.zone).date()).key
        return reporting_period(text)
    except BadPeriod as error:
        raise problem_at("/period", "bad_period", str(error)) from error
