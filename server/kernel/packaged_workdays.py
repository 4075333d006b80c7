"""The workdays that Xunge brings along: the notices it was checked against, and older years from the package."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path

from chinese_calendar.constants import holidays, workdays

from server.kernel.problems import Problem

Calendar = tuple[set[date], set[date], dict[int, str]]
"""Days off, days made up at weekends, and the notice of each year."""


def packaged_workdays() -> Calendar:
    """Every year that is known without asking anybody.

    The years of the packaged notices come from them; the others from ``chinesecalendar``, which ends with the last
    year whose notice it knew. What comes after is loaded by ``xunge workdays import`` and provisional until then.
    """
    text = (files("server.kernel") / "data" / "workdays_2025_2026.json").read_text(encoding="utf-8")
    off, make_up, sources = read_notice(text)
    for year in {day.year for day in holidays} - set(sources):
        sources[year] = "chinesecalendar"
        off |= {day for day in holidays if day.year == year}
        make_up |= {day for day in workdays if day.year == year}
    return off, make_up, sources


def read_notice(text: str) -> Calendar:
    """Read ``{"source": {"2027": …}, "off": […], "make_up_work": […]}``.

    Raises:
        Problem: ``invalid`` when the text is not of that form.
    """
    try:
        given = json.loads(text)
        sources = {int(year): str(notice) for year, notice in given["source"].items()}
        off = {date.fromisoformat(day) for day in given["off"]}
        return off, {date.fromisoformat(day) for day in given["make_up_work"]}, sources
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem("invalid", detail=f"不是工作日表 · not a workday table: {error}") from error


def read_notice_file(path: Path) -> Calendar:
    """Like ``read_notice``, from a file."""
    return read_notice(path.read_text(encoding="utf-8"))
