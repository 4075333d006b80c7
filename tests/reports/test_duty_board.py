"""R12: who answers for each cell, as known by a moment, and nothing that the public may not know."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from sqlalchemy import update

from server.grids.models import GridCell
from server.kernel.actor import house
from server.org.models import Person
from server.outlets.models import Outlet
from tests.reports.conftest import AFTERWARDS, Quarter, at
from tests.reports.shapes import read_pdf

PUBLIC = {"cell_code", "cell_name", "town", "cell_type", "squad", "lead", "cert_no", "since"}
SHAPES = ("json", "csv", "xlsx", "pdf", "html")


def board(quarter: Quarter, name: str = "ju", **query: Any) -> Any:
    query = {"as_of": AFTERWARDS, **query}
    answer = quarter.ask("/api/v1/reports/duty-board", query, name)
    assert answer.status_code == 200, answer.get_json()
    return answer


def posts(quarter: Quarter, **query: Any) -> dict[str, dict[str, Any]]:
    return {row["cell_code"]: row for row in board(quarter, **query).get_json()["rows"]}


def test_every_cell_names_its_squad_and_its_officer(quarter: Quarter) -> None:
    answer = board(quarter).get_json()
    assert (answer["cells"], answer["unassigned"], answer["day"]) == (4, 0, "2026-10-15")
    assert posts(quarter)["9902-1"] == {
        "cell_code": "9902-1",
        "cell_name": "试样1格",
        "town": None,
        "cell_type": "城市街道",
        "squad": "试样1中队",
        "lead": "li",
        "cert_no": "样执00000",
        "since": "2026-01-01",
    }


def test_a_hand_over_shows_from_its_day_and_not_before_it_was_known(quarter: Quarter) -> None:
    def lead(**query: Any) -> tuple[str, str]:
        row = posts(quarter, **query)["9902-0"]
        return row["lead"], row["since"]

    assert lead(day="2026-07-31") == ("li", "2026-01-01")
    assert lead(day="2026-08-01") == ("wang", "2026-08-01")
    assert lead(day="2026-08-01", as_of="2026-07-29T00:00:00+08:00") == ("li", "2026-01-01")
    assert lead(day="2026-08-01", as_of="2026-07-31T00:00:00+08:00") == ("wang", "2026-08-01")


def test_it_is_whole_for_whoever_may_read_it(quarter: Quarter) -> None:
    assert board(quarter, "li").get_json() == board(quarter, "ju").get_json()


def test_cells_that_nobody_answers_for_are_shown_and_counted(quarter: Quarter) -> None:
    # Duty was first given from the first of January on.
    before = "2025-12-31"
    answer = board(quarter, day=before).get_json()
    assert (answer["cells"], answer["unassigned"]) == (4, 4)
    row = posts(quarter, day=before)["9902-3"]
    assert [row[name] for name in ("squad", "lead", "cert_no", "since")] == [None] * 4
    paper = "".join(read_pdf(board(quarter, day=before, format="pdf").data))
    assert "4个网格尚未落实责任人" in paper
    assert "网格4个，已落实责任0个，未落实4个" in paper


def test_no_shape_tells_more_than_the_public_may_know(own_quarter: Quarter) -> None:
    """Whatever else is known of the officers, the cells and the shops is in none of the shapes."""
    town = own_quarter.town
    with own_quarter.kernel.work(house(town.bureau_id), at(10, 14)) as work:
        for table, name in ((Person, "phone"), (Outlet, "holder_name"), (Outlet, "address")):
            work.session.execute(update(table).values({name: f"秘密{name}"}))
        work.session.execute(update(Person).values(staff_no=Person.staff_no + "秘密"))
        work.session.execute(update(GridCell).values(planned_count=98765))
    for row in board(own_quarter).get_json()["rows"]:
        assert set(row) == PUBLIC
    for shape in SHAPES:
        answer = board(own_quarter, format=shape)
        text = told(answer, shape)
        assert "样执00000" in text, shape
        assert "秘密" not in text, shape
        assert "98765" not in text, shape
        assert not re.search("[0-9a-f]{8}-[0-9a-f]{4}-", text), f"{shape} tells an id"


def told(answer: Any, shape: str) -> str:
    if shape == "pdf":
        return "".join(read_pdf(answer.data))
    if shape == "xlsx":
        with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
            return "".join(book.read(name).decode() for name in book.namelist())
    text: str = answer.get_data(as_text=True)
    return text


def test_the_page_for_the_wall_runs_nothing(quarter: Quarter) -> None:
    page = board(quarter, format="html")
    assert page.mimetype == "text/html"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    text = page.get_data(as_text=True)
    assert "网格监管职责公示" in text
    assert "<script" not in text
    # Squads may be called what they like.
    assert "=1+1中队" in text
