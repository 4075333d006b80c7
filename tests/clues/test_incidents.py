"""An incident is told to the squad's leaders and the bureau's in the commit that brings it, each by itself and once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from server.demo.documents import Document
from tests.clues.conftest import Watch
from tests.fieldwork import push_at
from tests.town import MONDAY

HOUR = timedelta(hours=1)
SAID = {"nature": "violent_resistance", "what_happened": "张某持械阻拦", "police_called": True}


def told(watch: Watch, name: str, *records: Document) -> list[Any]:
    """By record, in the order of the records: what somebody's notices of incidents say."""
    wanted = [record["id"] for record in records]
    found: dict[str, Any] = {}
    for notice in watch.get("/notices", name, kind="incident")["items"]:
        whole = watch.get(f"/notices/{notice['id']}", name)
        (item,) = whole["items"]
        assert item["record_id"] not in found
        found[item["record_id"]] = whole
    return [found[one] for one in wanted if one in found]


def test_leaders_are_told_at_once(watch: Watch) -> None:
    record = watch.record("incident", MONDAY, by=("fu",), help_needed=True, **SAID)
    watch.push(record, by="fu")
    stored = watch.get(f"/records/{record['id']}")
    assert (stored["valid"], stored["findings"]) == (True, [])
    (leader,), (bureau,) = told(watch, "li", record), told(watch, "ju", record)
    assert (leader["role"], bureau["role"]) == ("squad_leader", "bureau_leader")
    assert leader["title"].startswith("突发情况报告")
    (item,) = leader["items"]
    assert (item["nature_zh"], item["help_needed"]) == ("暴力抗法", True)
    assert leader["cells"][0]["cell_id"] == str(watch.town.cells[0])
    # What happened to whom stands in the record alone.
    assert "张某" not in str(leader)
    for name in ("zhao", "wang", "admin"):
        assert told(watch, name, record) == []


def test_two_on_one_day_are_two_notices_and_one_sent_again_is_none(watch: Watch) -> None:
    first = watch.record("incident", MONDAY + HOUR, **SAID)
    second = watch.record(
        "incident", MONDAY + 2 * HOUR, nature="injury", what_happened="摔伤", police_called=False
    )
    for record in (first, second):
        watch.push(record, received=MONDAY + 4 * HOUR)
    push_at(watch.kernel, watch.town, "li", MONDAY + 5 * HOUR, first)
    amended = watch.record("incident", MONDAY + HOUR, **SAID, deaths=0)
    watch.push(amended | {"amends_id": first["id"], "amend_reason": "补充"}, received=MONDAY + 6 * HOUR)
    for name in ("li", "ju"):
        assert [one["items"][0]["nature"] for one in told(watch, name, first, second)] == [
            "violent_resistance",
            "injury",
        ]
        assert told(watch, name, amended) == []


def test_one_in_the_cell_of_another_squad_tells_both_leaders(watch: Watch) -> None:
    record = watch.record("incident", MONDAY + 3 * HOUR, outlet=2, **SAID)
    watch.push(record)
    assert [len(told(watch, name, record)) for name in ("li", "zhao", "ju")] == [1, 1, 1]


def test_what_no_form_has_a_word_for_is_not_passed_on(watch: Watch) -> None:
    strange = {"nature": "张某13800138000持械", "what_happened": "阻拦", "police_called": True}
    record = watch.record("incident", MONDAY + 5 * HOUR, **strange) | {"form_version": 99}
    watch.push(record)
    (notice,) = told(watch, "ju", record)
    assert (notice["items"][0]["nature"], notice["items"][0]["nature_zh"]) == (None, "未写明")
    assert "138" not in str(notice["items"])
