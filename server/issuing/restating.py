"""What a report of a period would tell differently now: 更正, a restatement."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from server.cadence.periods import ReportingPeriod
from server.issuing.freezing import figures, plain, subjects_of
from server.issuing.learned import learned
from server.issuing.models import ReportSnapshot
from server.issuing.queries import last_issued
from server.issuing.rules import changed, figures_changed
from server.kernel.problems import invalid
from server.kernel.work import Work
from server.reports.moment import moment_for


@dataclass(frozen=True, slots=True)
class Restatement:
    """The obligations and the figures that differ between two moments, each with before and after.

    ``obligations`` have ``id``, ``subject`` (what it is called), ``before``, ``after`` (entries of a snapshot) and
    ``learned``, the facts that became known in between. ``facts`` are what of a month's statistics comes from another
    record or dispatch, with its amount before and after. ``changed`` is how many things differ; what is 0 restates nothing.
    """

    since: datetime
    until: datetime
    obligations: list[dict[str, Any]]
    figures: list[dict[str, Any]]
    facts: list[dict[str, Any]] = field(default_factory=list)
    changed: int = 0


def restated(work: Work, period: ReportingPeriod, since: datetime, until: datetime) -> Restatement:
    """What R1 of the period tells differently as known by ``until`` than by ``since``, in the actor's scope."""
    before, after = figures(work, period, since), figures(work, period, until)
    return compared(work, before, after, since, until)


def compared(
    work: Work, before: Mapping[str, Any], after: Mapping[str, Any], since: datetime, until: datetime
) -> Restatement:
    """The differences of two reports as ``freezing.figures`` has them, with what became known in between."""
    obligations = changed(before["obligations"], after["obligations"])
    facts = plain(learned(work, obligations, since, until))
    subject_of = {one["id"]: (one["after"] or one["before"])["subject_id"] for one in obligations}
    names = subjects_of(work, [uuid.UUID(one) for one in set(subject_of.values())])
    return Restatement(
        since=since,
        until=until,
        obligations=[
            {**one, "subject": names.get(subject_of[one["id"]]), "learned": facts[one["id"]]}
            for one in obligations
        ],
        figures=figures_changed(before["lines"], after["lines"]),
        changed=len(obligations),
    )


def moments_between(
    work: Work, period: ReportingPeriod, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """The two moments to compare: by default that of the report as it was issued last, and now.

    Raises:
        Problem: ``invalid`` where nothing was issued and ``since`` is not given, or it does not lie before ``until``.
    """
    end = moment_for(work, until)
    if since is None:
        issued: ReportSnapshot | None = last_issued(work, "R1", period.key)
        if issued is None:
            detail = (
                f"{period.key} 还没有签发过报表，请指明从何时起比较。"
                "No report of the period was issued; say since when to compare."
            )
            raise invalid("/since", "since_needed", detail)
        since = issued.as_of
    begin = moment_for(work, since)
    if begin >= end:
        detail = "比较的起点须早于终点。The first moment has to lie before the second."
        raise invalid("/since", "since_not_before", detail)
    return begin, end
