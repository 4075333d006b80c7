"""R3: the year of 119 cases with its 540 person-times and 168 vehicle-times comes out of the rows, to the stick and fen."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from server.cli import main
from server.dispatches import ops
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.org.models import Person
from tests import year_fixture as year
from tests.api.conftest import problem_of
from tests.conftest import own_database, settings_for
from tests.dispatches.conftest import PLATES, Roads, at, roads_of
from tests.fieldwork import push_at, visit_of
from tests.town import MONDAY

# 64 dispatches of five officers and 55 of four are 540; 49 with two vehicles and 70 with one are 168.
PERSON_TIMES, VEHICLE_TIMES, POLICE = 540, 168, 86
AFTERWARDS = datetime(2026, 11, 22, 12, tzinfo=year.ZONE)


@dataclass(slots=True)
class Year:
    """The town with a year of cases, told by November: the cases of the rest of the year are not yet."""

    roads: Roads
    settings: Any
    cases: list[year.Case]

    def report(self, month: str, **query: Any) -> dict[str, Any]:
        """R3 of a month as JSON."""
        answer = self.roads.get("/reports/monthly", period=month, **query)
        assert answer.status_code == 200, answer.get_json()
        told: dict[str, Any] = answer.get_json()
        return told

    def figures(self, month: str, column: str = "month", **query: Any) -> dict[str, Any]:
        """One column of a month by figure."""
        return {row["figure"]: row[column] for row in self.report(month, **query)["rows"]}


@pytest.fixture(scope="module")
def lived(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    """All cases moved to 2025, which is over, each on a dispatch of its own."""
    with own_database(superuser, template_database) as name:
        settings = settings_for(name, Path(tmp_path_factory.mktemp("files")))
        for roads in roads_of(settings):
            yield Year(roads, settings, _live(roads))


def _live(roads: Roads) -> list[year.Case]:
    town, cases = roads.town, year.county_cases(2025)
    with roads.kernel.work(house(town.bureau_id), MONDAY) as work:
        person = Person(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            name="sun",
            staff_no="S099",
            kind="officer",
            edit_id=new_edit_id(),
        )
        work.session.add(person)
        fifth = person.id
    records = []
    for place, case in enumerate(cases):
        began = year.noon(case.day) - timedelta(minutes=case.number)
        four = ("li", "wang", "zhao", "qian")
        told = roads.dispatch(
            began - timedelta(hours=1),
            by=four,
            people=[{"person_id": str(fifth)}, {"person_id": str(town.people["li"])}] if place < 64 else [],
            vehicles=[{"plate": plate} for plate in PLATES[: 2 if place < 49 else 1]],
            partner_units=[{"name": "样例公安局", "people": POLICE}] if place == 0 else [],
        )
        record = year.case_record(case, visit_of(town, case.number % 2, began, by=four))
        records += [told, record | {"dispatch_id": told["id"]}]
    assert push_at(roads.kernel, town, "li", MONDAY, *records) == []
    return cases


def test_the_year_reproduces(lived: Year) -> None:
    row = lived.figures("2025-12", "to_date")
    base = lived.figures("2025-12", "to_date_base")
    assert (row["person_times"], row["vehicle_times"], row["dispatches"]) == ("540", "168", "119")
    assert (base["person_times"], base["vehicle_times"]) == (PERSON_TIMES, VEHICLE_TIMES)
    # The police's people are none of the bureau's.
    assert (row["partner_person_times"], row["partners/样例公安局"], row["other_person_times"]) == (
        "86",
        "86",
        "0",
    )
    # Every record names its dispatch, so nothing is guessed.
    assert (row["derived_dispatches"], row["derived_person_times"]) == ("0", "0")
    assert row["findings"] == "119"
    assert {cause.code: row[f"cause/{cause.code}"] for cause in year.COUNTY} == {
        cause.code: str(cause.cases) for cause in year.COUNTY
    }
    assert (row["cigarettes"], row["case_value_fen"], row["amount_involved_fen"]) == (
        "282.98",
        "86.62",
        "12.50",
    )
    assert base["cigarettes"] == year.COUNTY_STICKS
    assert base["case_value_fen"] == year.COUNTY_VALUE_FEN


def test_months_add_up_to_the_year(lived: Year) -> None:
    months = [lived.figures(f"2025-{month:02}", "month_base") for month in range(1, 13)]
    whole = lived.figures("2025-12", "to_date_base")
    for figure in ("person_times", "vehicle_times", "dispatches", "findings", "cigarettes", "case_value_fen"):
        assert sum(month.get(figure, 0) for month in months) == whole[figure], figure
    counted = [sum(case.day.month == month for case in lived.cases) for month in range(1, 13)]
    assert [month["findings"] for month in months] == counted


def test_parts_add_up_in_every_column(lived: Year) -> None:
    checks = lived.report("2025-12")["checks"]
    assert {one["figure"] for one in checks} == {"findings", "cigarettes", "partner_person_times"}
    assert {one["column"] for one in checks} == {"month", "to_date", "last_year"}
    assert all(one["agrees"] for one in checks)
    told = lived.figures("2025-12", "to_date_base")
    parts = [told[f"cigarettes/{nature}"] for nature in ("counterfeit", "smuggled", "off_channel", "other")]
    assert sum(parts) == told["cigarettes"]


def test_last_year_and_the_change(lived: Year) -> None:
    rows = {row["figure"]: row for row in lived.report("2026-03")["rows"]}
    before = lived.figures("2025-03")
    assert rows["person_times"]["last_year"] == before["person_times"]
    assert (rows["person_times"]["month"], rows["person_times"]["change"]) == ("0", "-100.00")
    assert rows["tobacco"]["change"] is None
    csv = lived.roads.get("/reports/monthly", period="2026-03", format="csv").get_data(as_text=True)
    assert "人次,0,0," in csv
    assert ",-100.00," in csv


def test_figures_lead_to_records_and_dispatches(lived: Year) -> None:
    base = lived.figures("2025-12", "to_date_base")
    for figure in (
        "person_times",
        "vehicle_times",
        "findings",
        "cigarettes",
        "outlets_visited",
        "case_value_fen",
    ):
        items = lived.roads.all("/reports/monthly/items", period="2025-12", figure=figure, column="to_date")
        assert sum(one["amount"] for one in items) == base[figure], figure
    (one, *_) = lived.roads.all("/reports/monthly/items", period="2025-12", figure="findings")
    assert lived.roads.get(f"/records/{one['id']}").status_code == 200
    (one, *_) = lived.roads.all("/reports/monthly/items", period="2025-12", figure="person_times")
    assert lived.roads.get(f"/dispatches/{one['id']}").status_code == 200
    problem_of(
        lived.roads.get("/reports/monthly/items", period="2025-12", figure="x"), status=422, code="invalid"
    )
    problem_of(lived.roads.get("/reports/monthly", period="2025Q4"), status=422, code="bad_period")


def test_records_that_name_no_dispatch_are_guessed_apart(lived: Year) -> None:
    roads = lived.roads

    def attempt(moment: datetime, by: tuple[str, ...], **given: Any) -> dict[str, Any]:
        record = roads.dispatch(moment, by=by, hours=0.25)
        return record | {
            "kind": "attempt",
            "form_code": "attempt",
            "subject_kind": "outlet",
            "subject_id": str(roads.town.outlets[0]),
            "answers": {"reason": "closed"},
            **given,
        }

    # Li and Wang, then Li and Zhao: one team of three. Qian with an auxiliary: one of one officer.
    roads.push(attempt(at(6, 9), ("li", "wang")))
    roads.push(attempt(at(6, 10), ("li", "zhao")))
    roads.push(attempt(at(6, 11), ("qian", "fu")), by="qian")
    # On the next day the same two are out on a dispatch that is told of, and made this while they were.
    auxiliary = {"person_id": str(roads.town.people["fu"])}
    roads.push(roads.dispatch(at(7, 8), by=("li", "wang"), people=[auxiliary]))
    roads.push(attempt(at(7, 9), ("li", "zhao")))
    # In the evening nobody tells of one; and a record that names one which never came is guessed too.
    roads.push(attempt(at(7, 20), ("li", "wang")))
    roads.push(attempt(at(8, 9), ("li", "wang"), dispatch_id=str(uuid.uuid4())))
    told = lived.figures("2026-07")
    assert (told["derived_dispatches"], told["derived_person_times"]) == ("4", "8")
    assert (told["dispatches"], told["person_times"], told["other_person_times"]) == ("1", "2", "1")


def test_as_of_never_changes(lived: Year) -> None:
    roads, people = lived.roads, lived.roads.town.people
    given = {
        "squad_id": roads.town.squads[0],
        "started_at": at(2, 9, month=8),
        "ended_at": at(2, 12, month=8),
        "task": "补登记",
        "joint_mode": None,
        "people": [people["li"], people["wang"]],
        "vehicles": [],
        "partner_units": [],
        "people_told": None,
        "vehicles_told": None,
    }
    with roads.kernel.work(house(roads.town.bureau_id), at(3, month=8)) as work:
        first = ops.register(work, given).id
    # As known on the fourth, with what the desk said on the third and nothing of what comes after.
    past = at(4, month=8).isoformat()
    before = lived.report("2026-08", as_of=past)
    with roads.kernel.work(house(roads.town.bureau_id), at(5, month=8)) as work:
        ops.correct(work, first, given | {"people": [people["li"]], "reason": "只去了一人"})
    roads.push(roads.dispatch(at(1, 9, month=8), by=("zhao", "qian")), received=at(6, month=8))
    assert lived.report("2026-08", as_of=past) == before
    known = [
        lived.figures("2026-08", as_of=at(day, month=8).isoformat())["person_times"] for day in (2, 4, 5, 7)
    ]
    assert known == ["0", "2", "1", "3"]


def test_due_during_the_first_and_on_the_command_line(lived: Year) -> None:
    told = lived.report("2025-12", as_of=MONDAY.isoformat())
    assert told["due_at"].startswith("2026-01-02T00:00:00")
    environment = {
        "XUNGE_DATABASE_URL": lived.settings.database_url,
        "XUNGE_REDIS_URL": lived.settings.redis_url,
    }
    arguments = ["report", "monthly", "--month", "2025-12", "--format", "csv"]
    result = CliRunner().invoke(main, arguments, env=environment)
    assert result.exit_code == 0, result.output
    assert ",540," in result.stdout
    assert CliRunner().invoke(main, ["report", "road", "--period", "2025-12"], env=environment).exit_code == 0
    assert lived.roads.get("/reports/monthly", period="2025-12", format="pdf").data.startswith(b"%PDF")
    assert date(2025, 12, 31) in {case.day for case in lived.cases} or lived.cases[-1].day.year == 2025
