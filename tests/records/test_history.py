"""The history of a record over the API: who changed what, when and why, with persons masked."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from server.kernel.work import Kernel
from server.records.amended import as_amended, differences, value_at_pointer
from tests.fieldwork import check_of, push_at
from tests.town import MONDAY, Town, client_of, settle_town

HOUR = timedelta(hours=1)


@pytest.fixture
def town(kernel: Kernel) -> Town:
    return settle_town(kernel, ecig=2)


def test_the_history_tells_each_word_and_what_it_changed(kernel: Kernel, town: Town, app: Flask) -> None:
    first = check_of(town, 0, MONDAY)
    said: dict[str, Any] = {
        **first,
        "id": str(uuid.uuid4()),
        "edit_id": str(uuid.uuid4()),
        "amends_id": first["id"],
        "amend_reason": "电话 13900000000 听错",
        "narrative": "当事人电话 13800000000。",
    }
    again = {
        **said,
        "id": str(uuid.uuid4()),
        "amends_id": said["id"],
        "narrative": "当事人电话 13800000001。",
    }
    push_at(kernel, town, "li", MONDAY + HOUR, first)
    push_at(kernel, town, "wang", MONDAY + 2 * HOUR, said)
    push_at(kernel, town, "li", MONDAY + 3 * HOUR, again)
    li = client_of(app, kernel, town, "li")

    for one in (first, said, again):
        answer = li.get(f"/api/v1/records/{one['id']}/history")
        assert answer.status_code == 200, answer.get_json()
        history = answer.get_json()
        assert (history["original_id"], history["standing_id"]) == (first["id"], again["id"])
        assert [word["record_id"] for word in history["words"]] == [first["id"], said["id"], again["id"]]
        whole = li.get(f"/api/v1/records/{one['id']}").get_json()
        assert (whole["original_id"], whole["amended_by"]) == (first["id"], again["id"])

    original, second, third = history["words"]
    assert (original["ordinal"], original["stands"], original["differences"]) == (0, True, [])
    assert second["author_id"] == str(town.people["wang"])
    assert second["reason"].startswith("电话 139****")
    (changed,) = second["differences"]
    assert (changed["path"], changed["old"]) == ("/narrative", first["narrative"])
    # That it changed is told, though both look alike once they are masked.
    (changed,) = third["differences"]
    assert changed["path"] == "/narrative"
    assert changed["old"] is not None
    assert "13800000001" not in answer.get_data(as_text=True)
    names = [act["name"] for act in history["acts"]]
    assert names.count("records.received") == 3
    assert names.count("record.amended") == 2
    assert {one["record_id"] for one in history["files"]} == {first["id"], said["id"], again["id"]}


def test_an_amendment_alone_waits_for_what_it_amends(kernel: Kernel, town: Town, app: Flask) -> None:
    alone = check_of(town, 0, MONDAY) | {"amends_id": str(uuid.uuid4()), "amend_reason": "先到"}
    push_at(kernel, town, "li", MONDAY + HOUR, alone)
    history = client_of(app, kernel, town, "li").get(f"/api/v1/records/{alone['id']}/history").get_json()
    assert history["waits_for"] == alone["amends_id"]
    assert history["words"][0]["stands"] is False


def test_nobody_sees_the_history_of_what_he_does_not_see(kernel: Kernel, town: Town, app: Flask) -> None:
    first = check_of(town, 0, MONDAY)
    push_at(kernel, town, "li", MONDAY + HOUR, first)
    answer = client_of(app, kernel, town, "qian").get(f"/api/v1/records/{first['id']}/history")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, [("/a/b/1", 2, 3)]),
        ({"a": [1]}, {"a": [1, 2]}, [("/a", [1], [1, 2])]),
        ({"a": 1}, {}, [("/a", 1, None)]),
        ({}, {"x/y~z": True}, [("/x~1y~0z", None, True)]),
        ({"a": 1}, {"a": True}, [("/a", 1, True)]),
        ({"id": "1", "amend_reason": "x"}, {"id": "2"}, []),
    ],
)
def test_differences_are_told_by_pointer(old: Any, new: Any, told: list[Any]) -> None:
    found = differences(old, new)
    assert [tuple(one) for one in found] == told
    for one in found:
        assert value_at_pointer(old, one.path) == one.old
        assert value_at_pointer(new, one.path) == one.new


def test_an_amended_record_says_the_last_word_and_stays_itself() -> None:
    first = {"id": "1", "device_id": "d", "edit_id": "e", "narrative": "甲", "answers": {"result": "normal"}}
    words = [
        {"id": "2", "device_id": "x", "edit_id": "f", "amends_id": "1", "narrative": "乙", "answers": {}},
        {
            "id": "3",
            "device_id": "y",
            "edit_id": "g",
            "amends_id": "2",
            "narrative": "丙",
            "answers": {"result": "no"},
        },
    ]
    assert as_amended(first, []) == first
    assert as_amended(first, words) == {**first, "narrative": "丙", "answers": {"result": "no"}}
