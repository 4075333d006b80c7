"""What became known since a report: ``xunge report cadence --restated``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from server.commands.bureau import bureau_work
from server.commands.sheets import deliver
from server.commands.times import Moment
from server.issuing.restated_sheet import restated_sheet
from server.issuing.restating import moments_between, restated
from server.reports.moment import moment_for, period_for


def restated_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options by which R1 is compared with an earlier moment."""
    restated = click.option(
        "--restated", is_flag=True, help="签发后的变化 · what changed since it was issued"
    )
    since = click.option("--since", type=Moment(), help="与此刻比较，默认最近签发 · default: the last issue")
    return restated(since(command))


def deliver_restated(
    period: str | None,
    since: datetime | None,
    until: datetime | None,
    shape: str,
    output: Path | None,
    bureau: str | None,
) -> None:
    """What R1 of a period tells differently, in the shape that was asked for.

    Raises:
        Problem: ``invalid`` where no report of it was issued and ``since`` is not given.
    """
    with bureau_work(bureau) as work:
        wanted = period_for(work, period, moment_for(work, until))
        since_until = moments_between(work, wanted, since, until)
        sheet = restated_sheet(work, wanted, restated(work, wanted, *since_until))
    deliver(sheet, shape, output)
