"""R1 by outlet: what is told of the outlet itself beside its obligations."""

from __future__ import annotations

from random import Random
from typing import Any

from schemas.policies import CapIn
from server.cadence.cap_policies import publish_cap
from server.demo import documents
from server.kernel.actor import house
from tests.fieldwork import check_of, push_at, visit_of
from tests.reports.conftest import Quarter, at

CAP = {
    "name": "试样上限",
    "legal_basis": "国办发〔2024〕54号",
    "effective_from": "2026-01-01",
    "limits": {"A": 2},
    "exemptions": [],
}


def told(quarter: Quarter, outlet: int, tier: str = "WEEKLY", **query: Any) -> dict[str, Any]:
    """The row of an outlet and tier."""
    wanted = (str(quarter.town.outlets[outlet]), tier)
    (row,) = (row for row in quarter.rows(by="outlet", **query) if (row["group_id"], row["tier"]) == wanted)
    return row


def test_misses_in_a_row_end_with_a_check(quarter: Quarter) -> None:
    # The third shop was checked in the week of 20 July; the three weeks before and the one after were missed.
    by = {"period": "2026-07"}
    assert told(quarter, 2, as_of="2026-07-24T00:00:00+08:00", **by)["consecutive_misses"] == 0
    assert told(quarter, 2, as_of="2026-07-22T00:00:00+08:00", **by)["consecutive_misses"] == 3
    assert told(quarter, 2, as_of="2026-08-06T00:00:00+08:00", **by)["consecutive_misses"] == 1
    assert told(quarter, 2, "MONTHLY", as_of="2026-08-06T00:00:00+08:00", **by)["consecutive_misses"] == 1


def test_visits_of_the_year_stand_beside_the_cap_as_in_the_ledger(own_quarter: Quarter) -> None:
    assert (told(own_quarter, 2)["cap_used"], told(own_quarter, 2)["cap"]) == (2, None)
    with own_quarter.kernel.work(house(own_quarter.town.bureau_id), at(10, 12)) as work:
        publish_cap(work, CapIn().load(CAP))
    for outlet in range(4):
        row = told(own_quarter, outlet)
        ledger = own_quarter.ask("/api/v1/reports/cap", {"year": 2026, "which": "all", "as_of": AS_OF})
        (account,) = (one for one in ledger.get_json()["rows"] if one["outlet_id"] == row["group_id"])
        assert (row["cap_used"], row["cap"]) == (account["used"], account["cap"]) == (account["used"], 2)


AS_OF = "2026-10-15T00:00:00+08:00"


def test_a_finding_counts_where_it_was_made_and_when(own_quarter: Quarter) -> None:
    town = own_quarter.town
    found = documents.ecig_check(
        "WEEKLY",
        visit_of(town, 0, at(8, 4), by=("li", "wang")),
        Random(4),
        cause="ecig_non_standard",
    )
    sound = check_of(town, 1, at(8, 5), by=("li", "wang"))
    assert push_at(own_quarter.kernel, town, "li", at(8, 6), found, sound) == []
    assert [told(own_quarter, outlet)["findings"] for outlet in (0, 1)] == [1, 0]
    assert told(own_quarter, 0, period="2026-07")["findings"] == 0
    assert told(own_quarter, 0, as_of="2026-08-05T00:00:00+08:00")["findings"] == 0


def test_other_cuts_do_not_speak_of_outlets(quarter: Quarter) -> None:
    assert "cap_used" not in quarter.rows(by="cell")[0]
    assert "consecutive_misses" not in quarter.rows(by="total")[0]
