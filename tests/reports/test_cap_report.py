"""R10: inspections counted from records beside the cap of the credit grade, the same over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import update

from schemas.policies import CapIn
from server.cadence.cap_policies import publish_cap
from server.cli import main
from server.kernel.actor import house
from server.kernel.work import Kernel
from server.outlets.models import Outlet
from tests.api.conftest import problem_of
from tests.fieldwork import attempt_at, check_of, push_at
from tests.town import MONDAY, Town, client_of

DAY = timedelta(days=1)
CAP = {
    "name": "试样上限",
    "legal_basis": "国办发〔2024〕54号",
    "effective_from": "2026-01-01",
    "limits": {"A": 2, "B": 4},
    "exemptions": [
        {"code": "ordered", "ground": "上级部署的专项检查", "visit_kinds": ["special"]},
        {"code": "tip_off", "ground": "投诉举报", "visit_kinds": ["case"], "automatic": True},
    ],
}


class Place:
    """The application over a town in which some checks were made."""

    def __init__(self, app: Flask, kernel: Kernel, town: Town) -> None:
        self.app = app
        self.kernel = kernel
        self.town = town
        self.records: dict[str, str] = {}

    def check(self, label: str, outlet: int, at: datetime, tier: Any = "WEEKLY", **given: Any) -> None:
        by = ("li", "wang") if outlet < 2 else ("zhao", "qian")
        record = check_of(self.town, outlet, at, tier, by=by, **given)
        push_at(self.kernel, self.town, by[0], at + timedelta(hours=3), record)
        self.records[label] = record["id"]

    def get(self, name: str = "ju", **query: Any) -> Any:
        """R10 of 2026, of every outlet unless something else is asked for."""
        query = {"year": 2026, "which": "all", **query}
        return client_of(self.app, self.kernel, self.town, name).get(
            "/api/v1/reports/cap", query_string=query
        )

    def rows(self, name: str = "ju", **query: Any) -> dict[str, dict[str, Any]]:
        answer = self.get(name, **query)
        assert answer.status_code == 200, answer.get_json()
        return {row["outlet_id"]: row for row in answer.get_json()["rows"]}

    def row(self, outlet: int, **query: Any) -> dict[str, Any]:
        return self.rows(**query)[str(self.town.outlets[outlet])]


@pytest.fixture
def place(app: Flask, kernel: Kernel, town: Town) -> Place:
    found = Place(app, kernel, town)
    with found.kernel.work(house(found.town.bureau_id), MONDAY) as work:
        publish_cap(work, CapIn().load(CAP))
    return found


def test_a_visit_counts_once_however_many_checklists_are_filled(place: Place) -> None:
    place.check("weekly", 0, MONDAY + DAY)
    place.check("monthly", 0, MONDAY + DAY + timedelta(minutes=20), "MONTHLY")
    place.check("special", 0, MONDAY + 8 * DAY, visit_kind="special")
    place.check("afternoon", 0, MONDAY + 8 * DAY + timedelta(hours=5))
    closed = attempt_at(place.town, 0, MONDAY + 9 * DAY)
    push_at(place.kernel, place.town, "li", MONDAY + 9 * DAY, closed)
    row = place.row(0)
    assert [row[name] for name in ("grade", "cap", "routine", "special", "case", "used")] == [
        *("A", 2, 2, 1, 0, 3)
    ]
    assert (row["remaining"], row["over"], row["exempt"]) == (0, 1, 0)
    assert list(place.rows(which="over")) == [str(place.town.outlets[0])]
    quiet = place.row(1)
    assert (quiet["used"], quiet["remaining"], quiet["over"]) == (0, 2, 0)


def test_exemptions_have_their_ground_and_a_label_hides_nothing(place: Place) -> None:
    place.check("complaint", 0, MONDAY + DAY, visit_kind="case")
    place.check("hidden", 1, MONDAY + DAY, visit_kind="service")
    place.check("ordered", 1, MONDAY + 8 * DAY, visit_kind="special")
    exempt = place.row(0)
    assert (exempt["used"], exempt["exempt"], exempt["grounds"]) == (0, 1, "投诉举报（1）")
    hidden = place.row(1)
    assert (hidden["routine"], hidden["special"], hidden["relabelled"]) == (1, 1, 1)
    legal = client_of(place.app, place.kernel, place.town, "fa")
    path = f"/api/v1/records/{place.records['ordered']}/cap-exemption"
    answer = legal.post(path, json={"code": "ordered", "reference": "样烟专〔2026〕7号"})
    assert answer.status_code == 201, answer.get_json()
    noted = place.row(1)
    assert (noted["used"], noted["exempt"], noted["grounds"]) == (1, 1, "上级部署的专项检查（1）")
    # As it was known before anybody noted it.
    assert place.row(1, as_of="2026-10-01T00:00:00+08:00")["used"] == 2
    assert legal.post(path, json={"code": None, "reference": "误登"}).status_code == 201
    assert place.row(1)["used"] == 2


@pytest.mark.parametrize(
    ("label", "code", "fault"),
    [("special", "no_such", "exemption_unknown"), ("routine", "ordered", "exemption_of_another_kind")],
)
def test_an_exemption_is_one_that_the_caps_name(place: Place, label: str, code: str, fault: str) -> None:
    place.check("visit", 0, MONDAY + DAY, visit_kind=label)
    legal = client_of(place.app, place.kernel, place.town, "fa")
    path = f"/api/v1/records/{place.records['visit']}/cap-exemption"
    answer = legal.post(path, json={"code": code, "reference": "样烟专〔2026〕7号"})
    assert problem_of(answer, status=422, code="invalid")["errors"][0]["code"] == fault
    missing = f"/api/v1/records/{uuid.uuid4()}/cap-exemption"
    problem_of(legal.post(missing, json={"code": None, "reference": "无此记录"}), status=404)


def test_the_past_is_told_as_it_was_known(place: Place) -> None:
    place.check("first", 0, MONDAY + DAY)
    late = check_of(place.town, 0, MONDAY + 2 * DAY)
    push_at(place.kernel, place.town, "li", MONDAY + 30 * DAY, late)
    moment = "2026-07-20T00:00:00+08:00"
    before = place.get(as_of=moment).get_json()
    assert place.row(0, as_of=moment)["used"] == 1
    assert place.row(0)["used"] == 2
    with place.kernel.work(house(place.town.bureau_id), MONDAY + 40 * DAY) as work:
        work.session.execute(
            update(Outlet).where(Outlet.id == place.town.outlets[0]).values(credit_grade="B")
        )
        work.wrote("outlet", place.town.outlets[:1])
        publish_cap(work, CapIn().load({**CAP, "limits": {"A": 1, "B": 1}}))
    assert place.get(as_of=moment).get_json() == before
    row = place.row(0)
    assert (row["grade"], row["cap"], row["over"]) == ("B", 1, 1)


def test_rows_add_up_and_are_the_same_everywhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for outlet in range(4):
        place.check(f"{outlet}", outlet, MONDAY + (outlet + 1) * DAY, visit_kind="special")
    answer = place.get().get_json()
    (total,) = answer["totals"]
    assert (total["outlets"], total["visited"], total["used"]) == (
        4,
        4,
        sum(r["used"] for r in answer["rows"]),
    )
    assert answer["cap"]["version"] == 1
    sheet = place.get(format="csv").data.decode("utf-8-sig")
    told = list(csv.DictReader(io.StringIO(sheet)))
    assert [(one["licence_no"], one["used"]) for one in told] == [
        (row["licence_no"], str(row["used"])) for row in answer["rows"]
    ]
    assert place.get(format="xlsx").data.startswith(b"PK")
    monkeypatch.setenv("XUNGE_DATABASE_URL", place.kernel.settings.database_url)
    command = ["report", "cap", "--year", "2026", "--which", "all", "--format", "json"]
    printed = CliRunner().invoke(main, command)
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.output)["rows"] == answer["rows"]


def test_a_squad_sees_its_own_outlets(place: Place) -> None:
    assert set(place.rows("li")) == {str(one) for one in place.town.outlets[:2]}
    problem_of(place.get("admin"), status=403)


def test_a_year_to_come_is_not_told(place: Place) -> None:
    answer = place.get(year=2190)
    assert problem_of(answer, status=422, code="bad_period")["errors"][0]["path"] == "/year"
