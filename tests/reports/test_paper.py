"""Pages and charts by themselves: what people wrote stays text, and no state is told by colour alone."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from schemas.vocabulary import ObligationState
from server.reports.charts import svg_of
from server.reports.look import MARKS, STATES
from server.reports.pdf import html_of, pdf_of
from server.reports.sheets import Bar, Chart, Column, Sheet, csv_of, xlsx_of
from tests.reports.shapes import read_book, read_csv, read_pdf

NASTY = '=HYPERLINK("http://x.example","点")</td><script>alert(1)</script><img src="file:///etc/passwd">'
COLUMNS = (Column("name", "对象", text=True), Column("count", "次数"), Column("rate", "比率%"))


def sheet(**given: Any) -> Sheet:
    values: dict[str, Any] = {
        "code": "R0",
        "stem": "sample",
        "tab": "样例",
        "title": "样例报表",
        "bureau": "试样局",
        "period": "2026-W31",
        "as_of": datetime(2026, 8, 3, tzinfo=UTC),
        "columns": COLUMNS,
        "rows": [{"name": NASTY, "count": 3, "rate": None}],
        "answer": {},
        **given,
    }
    return Sheet(**values)


def drawn(chart: Chart) -> ElementTree.Element:
    """The chart read as XML, so it is well formed."""
    return ElementTree.fromstring(svg_of(chart))


def texts(chart: Chart) -> list[str]:
    return [element.text or "" for element in drawn(chart).iter() if element.tag.endswith("text")]


def test_what_people_wrote_stays_text_in_every_shape() -> None:
    nasty = sheet(
        bureau=NASTY, marks=[NASTY], basis=[NASTY], chart=Chart(NASTY, [Bar(NASTY, {"missed": 1}, NASTY)])
    )
    page = html_of(nasty)
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert "".join(NASTY.split()) in "".join(read_pdf(pdf_of(nasty)))
    assert read_csv(csv_of(nasty))[0]["name"] == NASTY
    assert csv_of(nasty).splitlines()[1].startswith("\"'=HYPERLINK")
    assert read_book(xlsx_of(nasty)).lines[0][0] == NASTY
    # Nor does a click lead out of a workbook, to a site or to a machine that is told who clicked.
    for link in ("https://x.example/", r"external:\\x.example\share", "mailto:x@x.example"):
        linking = xlsx_of(sheet(bureau=link, rows=[{"name": link, "count": 1, "rate": None}]))
        with zipfile.ZipFile(io.BytesIO(linking)) as book:
            assert not [name for name in book.namelist() if name.startswith("xl/worksheets/_rels/")]
        assert read_book(linking).lines[0][0] == link


def test_a_report_of_nothing_says_so() -> None:
    (page,) = read_pdf(pdf_of(sheet(rows=[])))
    assert "没有数据。" in page


def test_long_tables_repeat_their_heads() -> None:
    rows = [{"name": f"第{number}户", "count": number, "rate": "1.00"} for number in range(120)]
    pages = read_pdf(pdf_of(sheet(rows=rows, totals=[{"name": "合计", "count": 7140, "rate": "1.00"}])))
    assert len(pages) > 2
    assert all("对象次数比率%" in page for page in pages)
    assert "合计71401.00" in pages[-1]
    assert sum(page.count("合计") for page in pages) == 1


def test_every_mark_can_be_told_without_its_colour() -> None:
    stacked = ("on_time", "late", "missed", "pending", "waived")
    assert len({MARKS[name].pattern for name in stacked}) == len(stacked)
    assert set(STATES) == set(ObligationState)
    assert set(STATES.values()) <= set(MARKS)


def test_a_bar_has_its_numbers_and_its_words() -> None:
    chart = Chart("完成情况", [Bar("东乡　周复查", {"on_time": 430, "missed": 20}, "应查 450")])
    told = texts(chart)
    assert told == ["东乡　周复查", "430", "20", "应查 450", "按期完成", "漏查"]


@pytest.mark.parametrize(("shares", "alike"), [(True, True), (False, False)])
def test_shares_are_as_long_as_each_other_and_counts_are_not(shares: bool, alike: bool) -> None:
    chart = Chart("条", [Bar("甲", {"on_time": 10}), Bar("乙", {"on_time": 5})], shares=shares)
    boxes = [float(width) for width in re.findall(r'width="([0-9.]+)" height="16"', svg_of(chart))]
    assert len(boxes) == 2
    assert (boxes[0] == boxes[1]) is alike


def test_a_bar_of_nothing_is_empty() -> None:
    assert texts(Chart("条", [Bar("甲", {"on_time": 0}, "应查 0")])) == ["甲", "应查 0"]
