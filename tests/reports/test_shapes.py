"""Every report tells the same figures in JSON, CSV, XLSX and PDF, and its totals are the sums of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.reports import cadence_sheet, cap_sheet, duty_sheet, health_sheet, squads_sheet
from server.reports.sheets import Column
from tests.api.conftest import problem_of
from tests.reports.conftest import AFTERWARDS, Quarter
from tests.reports.shapes import printed, read_book, read_csv, read_pdf, shown


@dataclass(frozen=True, slots=True)
class Case:
    """A report asked for in some way. The totals of its paper are told by JSON too, or follow from the rows."""

    path: str
    query: dict[str, str]
    columns: Sequence[Column]
    summed: Sequence[str]
    title: str
    grouped_by: str | None = None

    def get(self, quarter: Quarter, shape: str) -> Any:
        """The report's answer in a shape."""
        query = {"as_of": AFTERWARDS, **self.query, "format": shape}
        return quarter.ask(f"/api/v1/reports/{self.path}", query)


R1_SUMS = (
    "obligations",
    "waived",
    "due",
    "on_time",
    "late",
    "missed",
    "made_up",
    "pending",
    "unknown",
    "attempts",
)
R1 = ("cadence", cadence_sheet.COLUMNS, R1_SUMS, "周复查、月核查、季抽查执行情况")
CASES = {
    **{
        f"R1 by {by}": Case(R1[0], {"period": "2026Q3", "by": by, "each_period": "true"}, *R1[1:])
        for by in ("total", "squad", "officer", "cell", "town")
    },
    "R1 by outlet": Case(
        R1[0],
        {"period": "2026Q3", "by": "outlet", "each_period": "true"},
        cadence_sheet.OF_OUTLETS,
        *R1[2:],
    ),
    "R7": Case(
        "squads", {"period": "2026-W28"}, squads_sheet.COLUMNS, (), "各中队一周工作情况", grouped_by="squad"
    ),
    "R12": Case("duty-board", {}, duty_sheet.COLUMNS, (), "网格监管职责公示", grouped_by="town"),
    "R10": Case("cap", {"which": "all"}, cap_sheet.COLUMNS, cap_sheet.SUMMED, "年度检查频次台账"),
    **{
        f"R11 by {by}": Case(
            "sync-health",
            {"period": "2026-W28", "by": by},
            health_sheet.COLUMNS,
            health_sheet.SUMMED,
            "手持设备同步情况",
        )
        for by in ("squad", "device")
    },
}


@pytest.fixture(scope="module", params=CASES, name="case")
def a_case(request: pytest.FixtureRequest) -> Case:
    """Each report and cut."""
    return CASES[request.param]


@pytest.fixture(scope="module", name="rows")
def its_rows(quarter: Quarter, case: Case) -> list[dict[str, Any]]:
    """Its rows in JSON."""
    rows: list[dict[str, Any]] = case.get(quarter, "json").get_json()["rows"]
    assert rows
    # JSON tells the kinds of flags apart, the others in a sentence.
    return [{"flags_text": _flags(row), **row} for row in rows]


def _flags(row: dict[str, Any]) -> str | None:
    return "；".join(f"{code} {count}" for code, count in row.get("flags", {}).items()) or None


def test_csv_tells_the_rows(quarter: Quarter, case: Case, rows: list[dict[str, Any]]) -> None:
    answer = case.get(quarter, "csv")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    text = answer.get_data(as_text=True)
    assert text.startswith("\ufeff")
    told = [[line[column.name] for column in case.columns] for line in read_csv(text)]
    assert told == shown(case.columns, rows)


def test_the_workbook_tells_the_rows_and_their_sums(
    quarter: Quarter, case: Case, rows: list[dict[str, Any]]
) -> None:
    answer = case.get(quarter, "xlsx")
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    book = read_book(answer.data)
    assert book.title.startswith(case.title)
    assert "试样局" in book.note
    assert "2026-10-15 00:00" in book.note
    assert book.headings == [column.heading for column in case.columns]
    assert book.lines[: len(rows)] == shown(case.columns, rows)
    places = {column.name: place for place, column in enumerate(case.columns)}
    totals = book.lines[len(rows) :]
    assert bool(totals) is (case.query.get("by") != "total" and case.path != "duty-board")
    for name in case.summed if totals else ():
        assert sum(int(line[places[name]]) for line in totals) == sum(row[name] for row in rows), name


def test_paper_tells_the_same_as_the_workbook(quarter: Quarter, case: Case) -> None:
    answer = case.get(quarter, "pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"].endswith('.pdf"')
    pages = read_pdf(answer.data)
    text = "".join(pages)
    for line in read_book(case.get(quarter, "xlsx").data).lines:
        assert printed(case.columns, line, case.grouped_by) in text, line
    assert case.title in pages[0]
    assert "数据截至2026-10-1500:00（UTC+08:00）" in pages[0]
    headings = [one.heading for one in case.columns if one.printed and one.name != case.grouped_by]
    for number, page in enumerate(pages, start=1):
        assert "试样局" in page
        assert f"第{number}页，共{len(pages)}页" in page
    assert "".join("".join(headings).split()) in pages[0]


@pytest.mark.parametrize("by", ["squad", "officer", "cell", "town", "outlet"])
def test_the_totals_of_every_cut_are_the_whole(quarter: Quarter, by: str) -> None:
    """Rates and means too: they are made of the sums, and not of the rows' rates."""
    whole = quarter.rows(by="total")
    for each_period in ("true", "false"):
        told = quarter.get("cadence", by=by, each_period=each_period).get_json()
        assert told["totals"] == whole
        for total in whole:
            tier = [row for row in told["rows"] if row["tier"] == total["tier"]]
            assert all(total[name] == sum(row[name] for row in tier) for name in R1_SUMS)


def test_paper_names_the_policy_and_how_to_read_it(quarter: Quarter) -> None:
    case = CASES["R1 by squad"]
    (policy,) = case.get(quarter, "json").get_json()["policies"]
    assert (policy["version"], policy["effective_from"]) == (1, "2026-06-29")
    text = "".join(read_pdf(case.get(quarter, "pdf").data))
    assert f"复查制度第1版《{policy['name']}》" in text
    assert "按期检查率＝按期完成÷应完成" in text
    assert "合规率" not in text
    # The chart says in words what it shows in colours.
    assert all(word in text for word in ("按期完成", "逾期完成", "漏查", "免查"))


def test_the_command_line_tells_the_same(quarter: Quarter, case: Case, tmp_path: Path) -> None:
    options = [word for name, value in case.query.items() for word in (f"--{name.replace('_', '-')}", value)]
    command = [case.path, "--as-of", AFTERWARDS, *(word for word in options if word != "true")]
    assert "\ufeff" + quarter.printed(*command, "--format", "csv") == case.get(quarter, "csv").get_data(
        as_text=True
    )
    assert case.title in quarter.printed(*command)
    paper = tmp_path / "report.pdf"
    if case.query.get("by") in (None, "squad"):
        quarter.printed(*command, "--format", "pdf", "--output", str(paper))
        assert read_pdf(paper.read_bytes()) == read_pdf(case.get(quarter, "pdf").data)


def test_the_same_paper_comes_twice(quarter: Quarter) -> None:
    case = CASES["R1 by squad"]
    assert case.get(quarter, "pdf").data == case.get(quarter, "pdf").data


def test_what_is_too_long_for_paper_is_refused_at_once(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.reports.answering.MOST_CELLS", 30)
    answer = CASES["R1 by outlet"].get(quarter, "pdf")
    assert "CSV" in problem_of(answer, status=422, code="report_too_long")["detail"]
    assert CASES["R1 by outlet"].get(quarter, "csv").status_code == 200


def test_a_machine_without_pango_says_so(quarter: Quarter, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: Any, **__: Any) -> Any:
        if name.startswith("weasyprint"):
            raise OSError("cannot load library 'libpango-1.0-0'")
        return loading(name, *_, **__)

    loading = __import__
    monkeypatch.setattr("builtins.__import__", missing)
    problem_of(CASES["R1 by total"].get(quarter, "pdf"), status=503, code="unavailable")
