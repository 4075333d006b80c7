"""Orders to put something right: overdue without a re-check, proved by a later valid inspection, settled by a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from flask import Flask

from server.demo import documents
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.fieldwork import check_of, push_at, visit_of
from tests.one_house import app, kernel, settings
from tests.town import ZONE, client_of, settle_town

__all__ = ["app", "kernel", "settings"]

DAY = timedelta(days=1)


def test_an_order_is_overdue_until_somebody_looks_again_and_done_when_a_person_says_so(
    app: Flask, kernel: Kernel
) -> None:
    town = settle_town(kernel)
    leader = client_of(app, kernel, town, "li")
    today = datetime.now(UTC).astimezone(ZONE).date()

    def check(days_ago: int, **given: Any) -> documents.Document:
        began = datetime.combine(today - timedelta(days=days_ago), datetime.min.time(), ZONE) + timedelta(
            hours=9
        )
        record = documents.site_visit(visit_of(town, 0, began, **given), Random(1))
        push_at(kernel, town, "li", began + timedelta(hours=1), record)
        return record

    def orders(**query: Any) -> list[dict[str, Any]]:
        answer = leader.get("/api/v1/rectifications", query_string=query)
        assert answer.status_code == 200, answer.get_json()
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items

    began = datetime.combine(today - timedelta(days=20), datetime.min.time(), ZONE) + timedelta(hours=9)
    first = documents.site_visit(visit_of(town, 0, began), Random(1), cause="no_minors_sign")
    first["answers"]["rectify"] = {
        "demand": "张贴标志，联系13800138000",
        "due_on": (today - timedelta(days=10)).isoformat(),
    }
    first["answers"]["disposal"] = "rectify"
    push_at(kernel, town, "li", began + timedelta(hours=1), first)
    (order,) = orders(state="overdue")
    # A number that somebody wrote into it is masked, as in every list.
    assert order["demand"] == "张贴标志，联系138****8000"
    assert (order["days_overdue"], order["proposed_proof_id"]) == (10, None)

    # Not before its day, not by too few, not somewhere else: none of them proves it.
    before, alone = check(15), check(5, by=("li",))
    elsewhere = documents.site_visit(visit_of(town, 1, began + timedelta(days=15)), Random(1))
    push_at(kernel, town, "li", began + timedelta(days=15, hours=1), elsewhere)
    assert [one["id"] for one in orders(state="overdue")] == [order["id"]]
    path = f"/api/v1/rectifications/{order['id']}/proof"
    for record in (before, alone, elsewhere, first):
        problem_of(leader.post(path, json={"proof_record_id": record["id"]}), code="invalid")

    recheck = check(3)
    assert orders(state="overdue") == []
    (proposed,) = orders(state="rechecked")
    assert (proposed["proposed_proof_id"], proposed["proof_record_id"]) == (recheck["id"], None)
    other = client_of(app, kernel, town, "zhao")
    problem_of(other.post(path, json={"proof_record_id": recheck["id"]}), code="not_found")
    done = leader.post(path, json={"proof_record_id": recheck["id"], "note": "已张贴"})
    assert done.status_code == 201, done.get_json()
    told = done.get_json()
    assert (told["state"], told["proof_record_id"]) == ("done", recheck["id"])
    assert told["done_on"] == (today - timedelta(days=3)).isoformat()
    problem_of(leader.post(path, json={"proof_record_id": recheck["id"]}), code="conflict")
    assert [one["id"] for one in orders(state="done")] == [order["id"]]

    # Before its day is over, an inspection counts that says former findings are in order.
    began = datetime.combine(today - timedelta(days=2), datetime.min.time(), ZONE) + timedelta(hours=9)
    second = documents.site_visit(visit_of(town, 1, began), Random(1), cause="no_minors_sign")
    second["answers"] |= {
        "rectify": {"demand": "拆除", "due_on": (today + DAY).isoformat()},
        "disposal": "rectify",
    }
    push_at(kernel, town, "li", began + timedelta(hours=1), second)
    for said, state in (("fail", "open"), ("pass", "rechecked")):
        began += timedelta(hours=4)
        look = check_of(town, 1, began)
        look["answers"]["items"]["findings_rechecked"] = {
            "result": said,
            "note": "已看",
            "photo": look["photos"][0]["sha256"],
        }
        push_at(kernel, town, "li", began + timedelta(hours=1), look)
        assert [one["state"] for one in orders(subject_id=second["subject_id"])] == [state]
