"""Days and moments as options and arguments of the command line."""

from __future__ import annotations

from datetime import date, datetime

import click


class Day(click.ParamType[date]):
    """A civil day, written 2026-08-01."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            day = date.fromisoformat(str(value))
            if 1970 <= day.year < 2200:
                return day
            raise ValueError("another age")
        except ValueError:
            self.fail(f"{value} 不是日期，例如 2026-08-01 · write a day like 2026-08-01", param, ctx)


class Moment(click.ParamType[datetime]):
    """An RFC 3339 moment; without an offset it is the bureau's own time."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
            if 1970 <= moment.year < 2200:
                return moment
            raise ValueError("another age")
        except ValueError:
            self.fail(
                f"{value} 不是时间，例如 2026-08-01T00:00+08:00 · write a moment like this one", param, ctx
            )
