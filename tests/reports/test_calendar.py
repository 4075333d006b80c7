"""The compliance calendar: weeks as cells, the same states as R1, in a number of queries that does not grow."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event

from schemas.vocabulary import ObligationState
from tests.api.conftest import problem_of
from tests.reports.conftest import AFTERWARDS, Quarter

PATH = "/api/v1/outlets"


def calendar(quarter: Quarter, outlet: int = 0, name: str = "ju", **query: Any) -> dict[str, Any]:
    query = {"as_of": AFTERWARDS, **query}
    answer = quarter.ask(f"{PATH}/{quarter.town.outlets[outlet]}/calendar", query, name)
    assert answer.status_code == 200, answer.get_json()
    (only,) = answer.get_json()["items"]
    found: dict[str, Any] = only
    return found


def page(quarter: Quarter, name: str = "ju", **query: Any) -> dict[str, Any]:
    answer = quarter.ask(f"{PATH}/calendars", {"as_of": AFTERWARDS, **query}, name)
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def states(told: dict[str, Any]) -> dict[str, str | None]:
    return {week["key"]: week["due"] and week["due"]["state"] for week in told["weeks"]}


def test_weeks_are_cells_up_to_the_present_one(quarter: Quarter) -> None:
    told = calendar(quarter)
    keys = [week["key"] for week in told["weeks"]]
    assert (len(keys), keys[0], keys[-1]) == (52, "2025-W43", "2026-W42")
    weeks = states(told)
    assert weeks["2026-W27"] == "missed"
    assert weeks["2026-W28"] == "met"
    assert weeks["2026-W20"] is None, "nothing was owed before the policy began"
    met = next(week["due"] for week in told["weeks"] if week["key"] == "2026-W28")
    assert met["record_id"] == str(quarter.records["on time"])
    assert {due["key"]: due["state"] for due in told["months"]}["2026-07"] == "met"
    assert [due["key"] for due in told["quarters"]] == ["2026-Q3", "2026-Q4"]


def test_a_week_names_the_month_and_quarter_of_its_thursday(quarter: Quarter) -> None:
    weeks = {week["key"]: week for week in calendar(quarter)["weeks"]}
    assert (weeks["2026-W40"]["month"], weeks["2026-W40"]["quarter"]) == ("2026-10", "2026-Q4")
    assert (weeks["2026-W27"]["month"], weeks["2026-W27"]["quarter"]) == ("2026-07", "2026-Q3")


@pytest.mark.parametrize(("year", "number"), [(2026, 53), (2025, 52), (2020, 53), (2024, 52)])
def test_a_year_has_all_its_weeks(quarter: Quarter, year: int, number: int) -> None:
    keys = [week["key"] for week in calendar(quarter, year=year)["weeks"]]
    assert keys == [f"{year}-W{week:02}" for week in range(1, number + 1)]


def test_weeks_run_over_a_year_of_53(quarter: Quarter) -> None:
    told = quarter.ask(
        f"{PATH}/{quarter.town.outlets[0]}/calendar", {"weeks": 106, "as_of": AFTERWARDS}
    ).get_json()["items"][0]
    days = [(week["first_day"], week["last_day"]) for week in told["weeks"]]
    assert days == sorted(set(days))
    assert len(days) == 106


@pytest.mark.parametrize("as_of", [AFTERWARDS, "2026-07-22T12:00:00+08:00", "2026-07-09T12:00:00+08:00"])
def test_it_says_what_the_report_says(quarter: Quarter, as_of: str) -> None:
    told: Counter[tuple[str, str, str, bool]] = Counter()
    for one in page(quarter, as_of=as_of, year=2026)["items"]:
        dues = [week["due"] for week in one["weeks"] if week["due"]] + one["months"] + one["quarters"]
        told.update((due["tier"], due["key"], due["state"], due["unknown"]) for due in dues)
    reported = Counter(
        (item["tier"], item["key"], item["state"], item["unknown"])
        for state in ("", "upcoming", "void")
        for item in quarter.items(period="2026", as_of=as_of, **({"state": state} if state else {}))
    )
    assert told == reported


def test_the_legend_has_every_state_with_word_colour_and_pattern(quarter: Quarter) -> None:
    legend = page(quarter)["legend"]
    assert {entry["state"] for entry in legend} == {*ObligationState, "unknown"}
    assert all(entry["word"] and entry["colour"] and entry["pattern"] for entry in legend)


def test_a_squads_outlets_come_page_by_page(quarter: Quarter) -> None:
    town = quarter.town
    whole = page(quarter)
    assert [one["outlet_id"] for one in whole["items"]] == [str(outlet) for outlet in town.outlets]
    own = page(quarter, squad_id=str(town.squads[1]))
    assert [one["outlet_id"] for one in own["items"]] == [str(outlet) for outlet in town.outlets[2:]]
    assert [one["outlet_id"] for one in page(quarter, cell_id=str(town.cells[3]))["items"]] == [
        str(town.outlets[3])
    ]
    first = page(quarter, limit=3)
    rest = page(quarter, limit=3, after=first["after"])
    assert first["items"] + rest["items"] == whole["items"]
    assert rest["after"] is None


def test_what_is_out_of_scope_is_not_found(quarter: Quarter) -> None:
    other = quarter.town.outlets[2]
    problem_of(quarter.ask(f"{PATH}/{other}/calendar", {}, "li"), status=404, code="not_found")
    assert {one["outlet_id"] for one in page(quarter, "li")["items"]} == {
        str(outlet) for outlet in quarter.town.outlets[:2]
    }
    assert page(quarter, "li", squad_id=str(quarter.town.squads[1]))["items"] == []


def test_queries_do_not_grow_with_the_outlets(quarter: Quarter) -> None:
    engine = quarter.kernel.sessions.kw["bind"]
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    numbers = []
    event.listen(engine, "before_cursor_execute", note)
    try:
        for limit in (1, 4):
            statements.clear()
            assert len(page(quarter, limit=limit)["items"]) == limit
            numbers.append(len(statements))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    # What something triggered is read by one more, once any of the outlets owes such a thing.
    assert numbers[1] - numbers[0] in (0, 1)


@pytest.mark.parametrize(("name", "value"), [("weeks", 0), ("weeks", 107), ("year", 1999), ("limit", 201)])
def test_numbers_out_of_bounds_are_refused(quarter: Quarter, name: str, value: int) -> None:
    problem_of(quarter.ask(f"{PATH}/calendars", {name: value}), status=422, code="invalid")
