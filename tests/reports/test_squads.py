"""R7: squads by their own figures, from facts known by then; every figure leads to its ids."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from server.demo import documents
from tests.api.conftest import problem_of
from tests.fieldwork import check_of, push_at, visit_of
from tests.reports.conftest import AFTERWARDS, Quarter, at
from tests.reports.rechecks import owe_rechecks

FIRST, SECOND = "试样1中队", "=1+1中队"
SHARES = {
    "coverage": ("ecig_visited", "ecig_outlets"),
    "finding_rate": ("findings", "visits"),
    "late_share": ("late_records", "records"),
    "weekly_on_time_rate": ("weekly_on_time", "weekly_due"),
}


def answer(quarter: Quarter, name: str = "ju", **query: Any) -> Any:
    query = {"as_of": AFTERWARDS, "period": "2026-W28", **query}
    return quarter.ask("/api/v1/reports/squads", query, name)


def figures(quarter: Quarter, squad: str, column: str = "value", **query: Any) -> dict[str, Any]:
    body = answer(quarter, **query).get_json()
    rows = body["totals"] if squad == "合计" else body["rows"]
    return {row["figure"]: row[column] for row in rows if row["squad"] == squad}


def items(quarter: Quarter, figure: str, **query: Any) -> list[dict[str, Any]]:
    query = {"as_of": AFTERWARDS, "period": "2026-W28", "figure": figure, **query}
    found: list[dict[str, Any]] = quarter.ask("/api/v1/reports/squads/items", query).get_json()["items"]
    return found


def some(told: dict[str, Any], *names: str) -> list[Any]:
    return [told[name] for name in names]


def test_a_week_as_it_was_lived(quarter: Quarter) -> None:
    first, second = figures(quarter, FIRST), figures(quarter, SECOND)
    assert some(first, "weekly_due", "weekly_on_time", "weekly_late", "weekly_missed") == [2, 1, 1, 0]
    assert some(second, "weekly_due", "weekly_on_time", "weekly_late", "weekly_missed") == [1, 0, 0, 1]
    assert first["weekly_on_time_rate"] == "50.00"
    # One visit on 9 July; the late one was made in the week after. A closed door is an attempt and no visit.
    assert some(first, "visits", "outlets_visited", "attempts") == [1, 1, 0]
    assert some(second, "visits", "outlets_visited", "attempts") == [0, 0, 1]
    assert some(first, "ecig_outlets", "ecig_visited", "coverage") == [2, 1, "50.00"]
    assert some(second, "ecig_outlets", "ecig_visited", "coverage") == [2, 0, "0.00"]
    # Nothing was visited, so nothing could be found.
    assert second["finding_rate"] is None
    assert first["finding_rate"] == "0.00"


def test_a_month_counts_in_the_week_in_which_it_ends(quarter: Quarter) -> None:
    assert figures(quarter, FIRST, period="2026-W30")["monthly_due"] == 0
    last = figures(quarter, "合计", period="2026-W31")
    assert some(last, "monthly_due", "monthly_on_time", "weekly_due") == [4, 1, 4]
    assert figures(quarter, "合计", period="2026-W40")["quarterly_due"] == 4


def test_each_squad_stands_beside_its_own_weeks_before(quarter: Quarter) -> None:
    now, before = figures(quarter, FIRST, period="2026-W29"), figures(quarter, FIRST)
    assert figures(quarter, FIRST, "before", period="2026-W29") == before
    weeks = [figures(quarter, FIRST, period=f"2026-W{week}") for week in (28, 29, 30, 31)]
    mean = figures(quarter, FIRST, "mean", period="2026-W32")
    assert mean["weekly_due"] == "2.0"
    assert sum(week["visits"] for week in weeks) == 3
    assert mean["visits"] == "0.8"
    for share, (part, whole) in SHARES.items():
        sums = [sum(week[name] for week in weeks) for name in (part, whole)]
        assert mean[share] == (f"{100 * sums[0] / sums[1]:.2f}" if sums[1] else None), share
    assert now["weekly_due"] == 2


def test_squads_stand_by_name_and_add_up(quarter: Quarter) -> None:
    for period in ("2026-W28", "2026-W30", "2026-W31", "2026-W34"):
        body = answer(quarter, period=period).get_json()
        squads = list(dict.fromkeys(row["squad"] for row in body["rows"]))
        assert squads == sorted(squads)
        assert not {"rank", "名次", "排名"} & set(body["rows"][0])
        for total in body["totals"]:
            parts = [row["value"] for row in body["rows"] if row["figure"] == total["figure"]]
            if isinstance(total["value"], int):
                assert total["value"] == sum(parts), total


def test_every_figure_leads_to_its_ids(quarter: Quarter) -> None:
    for period in ("2026-W28", "2026-W29", "2026-W30"):
        for row in answer(quarter, period=period).get_json()["rows"]:
            if isinstance(row["value"], int):
                found = items(quarter, row["figure"], period=period, squad_id=row["squad_id"])
                assert len({item["id"] for item in found}) == len(found) == row["value"], row
    (visit,) = items(quarter, "visits")
    assert visit["id"] == str(quarter.records["on time"])
    (attempt,) = items(quarter, "attempts")
    assert attempt == {
        "id": str(quarter.records["attempt"]),
        "kind": "record",
        "squad_id": str(quarter.town.squads[1]),
    }


def test_an_abnormal_visit_is_a_finding_and_a_late_record_is_late(own_quarter: Quarter) -> None:
    town = own_quarter.town
    # One with a finding, the same by an officer alone, which is not valid, and a call that inspects nothing.
    abnormal, alone = (
        documents.ecig_check(
            "WEEKLY", visit_of(town, 0, at(8, day), by=by), Random(day), cause="ecig_non_standard"
        )
        for day, by in ((4, ("li", "wang")), (5, ("li",)))
    )
    call = documents.service_visit(visit_of(town, 1, at(8, 6)), Random(6))
    assert push_at(own_quarter.kernel, town, "li", at(8, 12), abnormal, alone, call) == []
    told = figures(own_quarter, FIRST, period="2026-W32")
    assert some(told, "visits", "findings", "finding_rate") == [1, 1, "100.00"]
    assert some(told, "ecig_visited", "coverage") == [1, "50.00"]
    assert some(told, "records", "late_records", "late_share") == [3, 3, "100.00"]
    # As it was known before the records came.
    earlier = figures(own_quarter, FIRST, period="2026-W32", as_of="2026-08-11T00:00:00+08:00")
    assert some(earlier, "visits", "records", "finding_rate", "late_share") == [0, 0, None, None]


def test_rechecks_after_a_finding_count_where_their_days_end(own_quarter: Quarter) -> None:
    """And the shop's calendar and row tell of them too."""
    town = own_quarter.town
    owe_rechecks(own_quarter, 0, at(8, 4, 12), at(8, 5).date(), at(8, 11).date())
    recheck = check_of(town, 0, at(8, 6), by=("li", "wang"))
    assert push_at(own_quarter.kernel, town, "li", at(8, 6, 12), recheck) == []
    names = [f"triple_recheck_{name}" for name in ("due", "on_time", "missed", "pending", "on_time_rate")]
    assert some(figures(own_quarter, FIRST, period="2026-W33"), *names) == [3, 1, 2, 0, "33.33"]
    earlier = figures(own_quarter, FIRST, period="2026-W33", as_of="2026-08-10T12:00:00+08:00")
    assert some(earlier, *names) == [3, 1, 0, 2, "33.33"]
    assert set(some(figures(own_quarter, SECOND, period="2026-W33"), *names)) == {0, None}
    assert len(items(own_quarter, "triple_recheck_missed", period="2026-W33")) == 2
    calendar = own_quarter.ask(f"/api/v1/outlets/{town.outlets[0]}/calendar", {"as_of": AFTERWARDS})
    (shop,) = calendar.get_json()["items"]
    assert sorted(due["state"] for due in shop["triggered"]) == ["met", "missed", "missed"]
    rows = own_quarter.rows(by="outlet", period="2026-08")
    told = {row["follow_ups"] for row in rows if row["group_id"] == str(town.outlets[0])}
    assert told == {1}


def test_what_is_learned_later_changes_no_past_report(own_quarter: Quarter) -> None:
    past = {"period": "2026-W30", "as_of": "2026-08-03T12:00:00+08:00"}
    before = answer(own_quarter, **past).get_json()
    record = check_of(own_quarter.town, 1, at(7, 21), by=("li", "wang"))
    assert push_at(own_quarter.kernel, own_quarter.town, "li", at(9, 1), record) == []
    assert answer(own_quarter, **past).get_json() == before
    assert figures(own_quarter, FIRST, period="2026-W30")["visits"] == 1


def test_a_squad_sees_its_own(quarter: Quarter) -> None:
    own = answer(quarter, "li").get_json()
    assert {row["squad"] for row in own["rows"]} == {FIRST}
    whole = answer(quarter).get_json()["rows"]
    assert own["rows"] == [row for row in whole if row["squad"] == FIRST]


def test_by_default_it_is_the_week_that_was_over_last(quarter: Quarter) -> None:
    query = {"as_of": AFTERWARDS}
    told = quarter.ask("/api/v1/reports/squads", query).get_json()
    assert told["period"] == "2026-W41"


@pytest.mark.parametrize("period", ["2026-07", "2026Q3", "2026", "2026-W54", "last week"])
def test_what_is_no_week_is_refused(quarter: Quarter, period: str) -> None:
    refused = problem_of(answer(quarter, period=period), status=422, code="bad_period")
    assert refused["errors"][0]["path"] == "/period"


def test_a_figure_that_it_does_not_have_is_refused(quarter: Quarter) -> None:
    query = {"as_of": AFTERWARDS, "period": "2026-W28", "figure": "rank"}
    refused = problem_of(quarter.ask("/api/v1/reports/squads/items", query), status=422, code="invalid")
    assert refused["errors"][0]["path"] == "/figure"


def test_a_week_to_come_has_nothing(quarter: Quarter) -> None:
    told = figures(quarter, FIRST, period="2026-W50")
    assert set(told.values()) == {0, None}
