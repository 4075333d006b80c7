"""R1: the same figures in every shape and cut, each of them traceable to obligations and records."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import openpyxl
import pytest

from tests.reports.conftest import AFTERWARDS, COUNTS, Quarter, read_csv

CUTS = ("squad", "officer", "cell", "outlet")
BEFORE_HAND_OVER = "2026-07-29T00:00:00+08:00"


def by_tier(rows: Iterable[dict[str, Any]]) -> dict[str, Counter[str]]:
    """The counts of each tier, summed over groups and periods."""
    sums: dict[str, Counter[str]] = {}
    for row in rows:
        sums.setdefault(row["tier"], Counter()).update({name: int(row[name]) for name in COUNTS})
    return sums


def one(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one row with these values."""
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def test_a_week_as_it_was_lived(quarter: Quarter) -> None:
    (row,) = quarter.rows(by="total", period="2026-W28", as_of="2026-07-31T00:00:00+08:00")
    assert (row["group"], row["tier_zh"], row["period"]) == ("合计", "周复查", "2026-W28")
    figures = {name: row[name] for name in COUNTS}
    assert figures == {
        "obligations": 4,
        "waived": 1,
        "due": 3,
        "on_time": 1,
        "late": 1,
        "missed": 1,
        "made_up": 1,
        "pending": 0,
        "unknown": 0,
        "attempts": 1,
    }
    assert (row["on_time_rate"], row["completion_rate"], row["waived_share"]) == ("33.33", "66.67", "25.00")
    assert row["mean_days_late"] == "2.0"


@pytest.mark.parametrize("by", CUTS)
@pytest.mark.parametrize("each_period", [False, True])
@pytest.mark.parametrize("as_of", [AFTERWARDS, "2026-07-22T12:00:00+08:00", BEFORE_HAND_OVER])
def test_every_cut_adds_up_to_the_total(quarter: Quarter, by: str, each_period: bool, as_of: str) -> None:
    total = by_tier(quarter.rows(by="total", as_of=as_of))
    assert total["WEEKLY"]["obligations"] > 10
    rows = quarter.rows(by=by, each_period=str(each_period).lower(), as_of=as_of)
    assert by_tier(rows) == total
    for row in rows:
        assert row["due"] == row["on_time"] + row["late"] + row["missed"] + row["pending"]
        assert row["due"] == row["obligations"] - row["waived"]
        assert row["made_up"] <= row["missed"]
        assert row["unknown"] <= row["missed"] + row["pending"]


def test_a_year_is_its_quarters(quarter: Quarter) -> None:
    months = [quarter.rows(by="total", period=f"2026-{month:02}") for month in (7, 8, 9)]
    whole = by_tier(quarter.rows(by="total"))
    for tier in ("WEEKLY", "MONTHLY"):
        assert sum((by_tier(rows)[tier] for rows in months), Counter()) == +whole[tier]


def sheet_of(book: openpyxl.Workbook) -> Any:
    """The workbook's one sheet."""
    return book.active


@pytest.mark.parametrize("by", ["total", *CUTS])
def test_the_command_line_tells_the_same(quarter: Quarter, by: str) -> None:
    options = ("--period", "2026Q3", "--as-of", AFTERWARDS, "--by", by)
    overhttp = quarter.get("cadence", by=by, format="csv").get_data(as_text=True)
    assert "\ufeff" + quarter.command(*options, "--format", "csv") == overhttp
    told = json.loads(quarter.command(*options, "--format", "json"))
    assert told == quarter.get("cadence", by=by).get_json()


def test_the_command_line_takes_local_time_and_shows_a_table(quarter: Quarter) -> None:
    local = quarter.command("--period", "2026Q3", "--as-of", AFTERWARDS[:19], "--format", "csv")
    assert local == quarter.command("--period", "2026Q3", "--as-of", AFTERWARDS, "--format", "csv")
    assert "周复查" in quarter.command("--period", "2026Q3", "--as-of", AFTERWARDS)


def test_figures_lead_to_obligations_and_records(quarter: Quarter) -> None:
    columns = {
        "on_time": {"met"},
        "late": {"met_late"},
        "missed": {"missed", "made_up"},
        "made_up": {"made_up"},
        "waived": {"waived"},
        "pending": {"open", "attempted", "due"},
    }
    for row in quarter.rows(by="total"):
        items = quarter.items(tier=row["tier"])
        states = Counter(item["state"] for item in items)
        for column, counted in columns.items():
            assert row[column] == sum(states[state] for state in counted), (row["tier"], column)
        assert row["unknown"] == sum(item["unknown"] for item in items)
        assert row["attempts"] == sum(len(item["attempts"]) for item in items)
    headers = {"Authorization": f"Bearer {quarter.tokens['ju']}"}
    named = set()
    for item in quarter.items():
        assert (item["record_id"] is not None) == (item["state"] in ("met", "met_late", "made_up")), item
        if item["record_id"]:
            answer = quarter.app.test_client().get(f"/api/v1/records/{item['record_id']}", headers=headers)
            assert answer.get_json()["subject_id"] == item["subject_id"]
            named.add(item["record_id"])
    assert named == {str(record) for label, record in quarter.records.items() if label != "attempt"}


def test_a_figure_of_a_group_leads_to_its_own(quarter: Quarter) -> None:
    for row in quarter.rows(by="squad"):
        items = quarter.items(tier=row["tier"], squad_id=row["group_id"])
        assert len(items) == row["obligations"]
    for row in quarter.rows(by="outlet"):
        items = quarter.items(tier=row["tier"], subject_id=row["group_id"], state="met")
        assert len(items) == row["on_time"]


def test_what_is_in_no_figure_is_told_only_when_asked_for(quarter: Quarter) -> None:
    early = "2026-07-08T12:00:00+08:00"
    assert not {"upcoming", "void"} & {item["state"] for item in quarter.items(as_of=early)}
    assert {item["state"] for item in quarter.items(as_of=early, state="upcoming")} == {"upcoming"}


def test_the_attempt_is_named(quarter: Quarter) -> None:
    (item,) = quarter.items(period="2026-W28", subject_id=str(quarter.town.outlets[2]))
    assert item["attempts"] == [str(quarter.records["attempt"])]
    assert (item["state"], item["record_id"]) == ("made_up", str(quarter.records["made up"]))
    earlier = {"period": "2026-W28", "subject_id": str(quarter.town.outlets[2])}
    (item,) = quarter.items(**earlier, as_of="2026-07-08T18:00:00+08:00")
    assert item["state"] == "attempted"
    (item,) = quarter.items(**earlier, as_of="2026-07-09T18:00:00+08:00")
    assert item["state"] == "due"
    (item,) = quarter.items(**earlier, as_of="2026-07-15T00:00:00+08:00")
    assert item["state"] == "missed"


def test_a_deeper_check_meets_the_shallower_tiers(quarter: Quarter) -> None:
    month = str(quarter.records["month"])
    met = [(item["tier"], item["key"]) for item in quarter.items() if item["record_id"] == month]
    assert met == [("WEEKLY", "2026-W29"), ("MONTHLY", "2026-07")]


def test_a_hand_over_splits_the_officers(quarter: Quarter) -> None:
    weeks = {
        (row["group"], row["period"]): row["obligations"]
        for row in quarter.rows(by="officer", each_period="true")
        if row["tier"] == "WEEKLY" and row["group"] in ("li", "wang")
    }
    # Two cells are li's up to July; the week that ends on 2 August counts for who has the cell by then.
    assert weeks[("li", "2026-W30")] == 2
    assert ("wang", "2026-W30") not in weeks
    assert (weeks[("li", "2026-W31")], weeks[("wang", "2026-W31")]) == (1, 1)
    assert (weeks[("li", "2026-W32")], weeks[("wang", "2026-W32")]) == (1, 1)
    squads = {row["group"] for row in quarter.rows(by="squad")}
    assert squads == {"试样1中队", "=1+1中队"}


def test_before_it_was_known_the_hand_over_does_not_count(quarter: Quarter) -> None:
    officers = {row["group"] for row in quarter.rows(by="officer", as_of=BEFORE_HAND_OVER)}
    assert officers == {"li", "zhao"}


def test_what_may_still_lie_on_a_handheld_is_shown(quarter: Quarter) -> None:
    # The squad's one handheld was last heard with an empty queue on 20 July, at eight in the morning.
    weeks = {
        row["period"]: row
        for row in quarter.rows(by="squad", each_period="true")
        if row["group"] == "试样1中队"
    }
    assert weeks["2026-W29"]["missed"] == 1
    assert weeks["2026-W29"]["unknown"] == 0
    assert weeks["2026-W30"]["missed"] == weeks["2026-W30"]["unknown"] == 2
    other = [row for row in quarter.rows(by="squad") if row["group"] == "=1+1中队"]
    assert {row["unknown"] for row in other} == {0}, "a squad without handhelds hides nothing"
    assert all(not item["unknown"] for item in quarter.items(state="met"))


def test_while_a_window_is_open_a_day_of_silence_is_shown(quarter: Quarter) -> None:
    def unknown(as_of: str) -> int:
        rows = quarter.rows(by="squad", period="2026-W30", as_of=as_of)
        return int(one(rows, group="试样1中队", tier="WEEKLY")["unknown"])

    assert unknown("2026-07-20T12:00:00+08:00") == 0
    assert unknown("2026-07-21T07:00:00+08:00") == 0
    assert unknown("2026-07-21T09:00:00+08:00") == 2, "it says that three changes wait"
    assert unknown("2026-07-23T09:00:00+08:00") == 2


def test_a_rate_of_nothing_is_none(quarter: Quarter) -> None:
    rows = quarter.rows(by="outlet", period="2026-W28")
    waived = one(rows, group_id=str(quarter.town.outlets[3]))
    assert (waived["obligations"], waived["due"]) == (1, 0)
    for name in ("on_time_rate", "on_time_rate_to_date", "completion_rate", "mean_days_late"):
        assert waived[name] is None
    assert waived["waived_share"] == "100.00"
    printed = read_csv(
        quarter.get("cadence", by="outlet", period="2026-W28", format="csv").get_data(as_text=True)
    )
    line = one(printed, group=waived["group"])
    assert (line["on_time_rate"], line["waived_share"]) == ("—", "100.00")


def test_a_period_of_nothing_has_no_rows(quarter: Quarter) -> None:
    assert quarter.rows(by="total", period="2025Q1") == []
    assert quarter.rows(by="total", period="2027Q1") == []
    assert quarter.items(period="2027Q1") == []


@pytest.mark.parametrize("name", ["li", "wang"])
def test_a_squad_sees_its_own_cells_only(quarter: Quarter, name: str) -> None:
    town = quarter.town
    assert {row["group_id"] for row in quarter.rows(name, by="cell")} == {
        str(cell) for cell in town.cells[:2]
    }
    assert {row["group"] for row in quarter.rows(name, by="squad")} == {"试样1中队"}
    assert {item["subject_id"] for item in quarter.items(name)} == {str(one) for one in town.outlets[:2]}
    own = by_tier(quarter.rows(name, by="total"))
    whole = quarter.rows(by="squad")
    assert own == by_tier(row for row in whole if row["group"] == "试样1中队")


@pytest.mark.parametrize("name", ["ju", "gis"])
def test_the_bureau_sees_all(quarter: Quarter, name: str) -> None:
    assert len({row["group_id"] for row in quarter.rows(name, by="cell")}) == 4


def test_a_name_that_is_a_formula_stays_a_name(quarter: Quarter) -> None:
    text = quarter.get("cadence", by="squad", format="csv").get_data(as_text=True)
    assert "\n'=1+1中队," in text
    assert "\n=1+1" not in text
    book = openpyxl.load_workbook(io.BytesIO(quarter.get("cadence", by="squad", format="xlsx").data))
    names = [row[0] for row in sheet_of(book).iter_rows(min_row=4) if str(row[0].value).endswith("=1+1中队")]
    assert names
    assert {cell.data_type for cell in names} == {"s"}
