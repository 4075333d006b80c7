"""R6: sessions, stops, hits and sticks; depot checks, letters and what of them is still open, all traced to records."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from server.cadence.models import Obligation
from server.demo import documents
from tests.api.conftest import problem_of
from tests.dispatches.conftest import Roads, at
from tests.fieldwork import visit_of
from tests.reports.shapes import read_csv

CARTONS = {"category": "cigarette", "quantity": 60, "unit": "carton"}
# Long after everything here was received.
LATER = at(30, 12, month=9).isoformat()


def stops(*moments: tuple[datetime, bool]) -> list[tuple[datetime, bool]]:
    return list(moments)


@pytest.fixture(scope="module")
def summer(roads: Roads) -> Iterator[Roads]:
    """Two checkpoints, a moving session of the other squad, one across midnight; two depot checks."""
    one = roads.session(at(6, 9), stops((at(6, 9, 10), True), (at(6, 9, 20), False), (at(6, 9, 30), False)))
    one["answers"]["stops"][0]["goods"] = [CARTONS]
    roads.push(one)
    # 31 July 23:30 to 1 August 00:30 is July's, and counts once.
    night = roads.session(
        at(31, 23, 30), stops((at(31, 23, 50), False), (at(1, 0, 20, month=8), True)), site="bridge"
    )
    night["answers"]["stops"][1]["goods"] = [{"category": "cigarette", "quantity": 101, "unit": "stick"}]
    roads.push(night)
    moving = roads.session(at(10, 9), stops((at(10, 9, 10), False)), site=None, by=("zhao", "qian"))
    # One officer alone: it is kept, counted, and told apart.
    moving["officers"] = moving["officers"][:1]
    roads.push(moving, by="zhao")
    for day, disposal in ((7, "letter"), (8, "none")):
        visit = visit_of(roads.town, 0, at(day, 15), subject_kind="site", subject_id=roads.sites["depot"])
        check = documents.depot_check(visit, Random(day), abnormal=disposal == "letter")
        check["answers"]["disposal"] = disposal
        if disposal == "letter":
            check["answers"]["suspects"] = []
            roads.push(check)
    return roads


def report(roads: Roads, name: str = "ju", **query: Any) -> Any:
    answer = roads.get("/reports/road", name, **{"period": "2026-07", "as_of": LATER, **query})
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def test_the_month_in_all(summer: Roads) -> None:
    total = report(summer)["total"]
    assert {name: total[name] for name in total if name.startswith(("road", "hit", "sticks"))} == {
        "road_sessions": 3,
        "road_not_valid": 1,
        "road_stops": 6,
        "road_hits": 2,
        "hit_rate": "33.33",
        "road_sticks": 12_101,
        "sticks_per_stop": "2016.83",
    }
    # What began on 31 July is not August's.
    assert report(summer, period="2026-08")["total"]["road_sessions"] == 0
    assert report(summer, period="2026-08")["total"]["hit_rate"] is None


def test_by_checkpoint_squad_and_month(summer: Roads) -> None:
    def rows(by: str, *names: str, **query: Any) -> dict[str, tuple[Any, ...]]:
        return {
            row["group"]: tuple(row[name] for name in names) for row in report(summer, by=by, **query)["rows"]
        }

    assert rows("checkpoint", "road_sessions", "road_hits", "depot_checks") == {
        "甲收费站": (1, 1, None),
        "乙桥头": (1, 1, None),
        "（流动）": (1, 0, None),
    }
    assert rows("squad", "road_sessions", "depot_checks") == {"试样1中队": (2, 1), "试样2中队": (1, 0)}
    assert rows("month", "road_stops", period="2026Q3") == {"2026-07": (6,)}
    assert rows("depot", "depot_checks", "depot_findings", "letters", "road_sessions") == {
        "丙快递网点": (1, 1, 1, None)
    }
    # A squad's people see their own squad's.
    assert rows("squad", "road_sessions", name="zhao") == {"试样2中队": (1,)}


def test_a_letter_is_open_and_the_day_after_its_last_overdue(summer: Roads) -> None:
    def standing(moment: datetime) -> tuple[int, int]:
        total = report(summer, as_of=moment.isoformat())["total"]
        return total["rechecks_open"], total["rechecks_overdue"]

    with summer.kernel.sessions() as session:
        last = session.scalars(select(Obligation.last_day).where(Obligation.rule == "depot_recheck")).one()
    noon = datetime.combine(last, time(12), at(1).tzinfo)
    assert standing(at(7, 18)) == (1, 0)
    assert standing(noon) == (1, 0)
    assert standing(noon + timedelta(days=1)) == (1, 1)
    assert standing(datetime.fromisoformat(LATER)) == (1, 1)


def test_every_figure_leads_to_its_records(summer: Roads) -> None:
    total = report(summer)["total"]
    for figure in (
        "road_sessions",
        "road_stops",
        "road_hits",
        "road_sticks",
        "depot_checks",
        "letters",
        "rechecks_open",
    ):
        query = {"period": "2026-07", "as_of": LATER, "figure": figure}
        items = summer.all("/reports/road/items", **query)
        assert sum(one["amount"] for one in items) == total[figure], figure
        for one in items:
            if one["kind"] == "record":
                assert summer.get(f"/records/{one['id']}").status_code == 200
    problem_of(summer.get("/reports/road/items", figure="nonsense"), status=422, code="invalid")


def test_as_of_never_changes(summer: Roads) -> None:
    before = report(summer, as_of=at(20).isoformat())
    late = summer.session(at(9, 9), stops((at(9, 9, 10), False)))
    summer.push(late, received=at(25))
    assert report(summer, as_of=at(20).isoformat()) == before
    assert report(summer, as_of=at(26).isoformat())["total"]["road_sessions"] == 3
    amended = summer.session(at(9, 9), stops((at(9, 9, 10), False), (at(9, 9, 20), False)))
    summer.push(amended | {"amends_id": late["id"], "amend_reason": "漏登一车"}, received=at(27))
    # The amendment speaks for the session: two stops, and still one session.
    total = report(summer, as_of=at(28).isoformat())["total"]
    assert (total["road_sessions"], total["road_stops"]) == (3, 6)
    assert report(summer, as_of=at(26).isoformat())["total"]["road_stops"] == 5


def test_all_shapes_tell_the_same(summer: Roads) -> None:
    query = {"period": "2026-07", "as_of": at(20).isoformat(), "by": "squad"}
    rows = report(summer, **query)["rows"]
    told = read_csv(summer.get("/reports/road", **query, format="csv").get_data(as_text=True))
    assert [row["road_stops"] for row in told] == [str(row["road_stops"]) for row in rows]
    for shape, mark in (("pdf", b"%PDF"), ("xlsx", b"PK")):
        assert summer.get("/reports/road", **query, format=shape).data.startswith(mark)
    assert uuid.UUID(rows[0]["group_id"]) in summer.town.squads
