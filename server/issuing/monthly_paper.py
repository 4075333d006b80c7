"""Which figures of a signed R3 a later version tells otherwise, as a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.reports.monthly_sheet import COLUMNS
from server.reports.sheets import Column

CHANGES = (
    Column("figure_zh", "指标", brief=True, text=True, width=3.4),
    Column("column_zh", "栏目", brief=True, text=True, width=1.4),
    Column("before", "原数（基本单位）", brief=True, width=1.4),
    Column("after", "现数（基本单位）", brief=True, width=1.4),
    Column("records", "涉及的记录与出动", text=True, width=4),
)
_HEADINGS = {column.name: column.heading for column in COLUMNS}


def changes_told(differences: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a figure and column that differs, with the ids behind it where it is the month's own."""
    by_figure: dict[str, list[str]] = {}
    for one in differences["facts"]:
        by_figure.setdefault(one["figure"], []).append(one["id"])
    return [
        {
            "figure_zh": change["group"],
            "column_zh": _HEADINGS[change["column"]].partition("（")[0],
            "before": change["before"],
            "after": change["after"],
            "records": "，".join(by_figure.get(change["figure"], ())) or None
            if change["column"] == "month_base"
            else None,
        }
        for change in differences["figures"]
    ]
