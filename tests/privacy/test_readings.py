"""Persons are masked for everybody; who may read them in full says what for, and every reading is kept."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.fieldwork import check_of, push_at
from tests.one_house import Client, app, client, kernel, settings, town
from tests.town import MONDAY, Town

__all__ = ["app", "client", "kernel", "settings", "town"]


@pytest.fixture(scope="module")
def record_id(kernel: Kernel, town: Town) -> str:
    """A check at which somebody was met, who told a phone."""
    document = check_of(town, 0, MONDAY)
    document["answers"]["party_name"] = "周样例"
    document["narrative"] = "周样例留电话10000000017。"
    push_at(kernel, town, "li", MONDAY, document)
    return str(document["id"])


def test_a_record_is_shown_with_persons_masked(client: Client, record_id: str) -> None:
    for name in ("wang", "li", "ju", "fa", "wu"):
        shown = client(name).get(f"/api/v1/records/{record_id}").get_json()
        assert shown["masked"] is True
        assert shown["document"]["answers"]["party_name"] == "周**"
        assert shown["document"]["narrative"] == "周**留电话100****0017。"
        assert "周样例" not in str(shown)


def test_who_may_reads_in_full_and_the_reading_is_kept(client: Client, town: Town, record_id: str) -> None:
    where = f"/api/v1/records/{record_id}/readings"
    before = len(client("fa").get(where).get_json()["items"])
    answer = client("fa").post(where, json={"purpose": "审核案卷"})
    assert answer.status_code == 201
    whole = answer.get_json()
    assert (whole["masked"], whole["document"]["answers"]["party_name"]) == (False, "周样例")
    kept = client("fa").get(where).get_json()["items"][before:]
    assert [(one["name"], one["account_id"], one["facts"]["purpose"]) for one in kept] == [
        ("person_data.read", str(town.accounts["fa"]), "审核案卷")
    ]
    assert "/answers/party_name" in kept[0]["facts"]["places"]
    # The trail is kept for ever, so it says where somebody is told of and not who it is.
    assert "周样例" not in str(kept)


def test_who_wrote_it_may_read_it_and_others_need_the_permission(client: Client, record_id: str) -> None:
    where = f"/api/v1/records/{record_id}/readings"
    assert client("wang").post(where, json={"purpose": "核对本人记录"}).status_code == 201
    problem_of(client("wu").post(where, json={"purpose": "核对入库"}), code="forbidden")
    problem_of(client("wang").get(where), code="forbidden")
    # Out of scope it is not there at all.
    problem_of(client("zhao").post(where, json={"purpose": "核对"}), code="not_found")


@pytest.mark.parametrize(
    "given", [{}, {"purpose": ""}, {"purpose": "   "}, {"purpose": "x" * 401}, {"purpose": None}]
)
def test_nobody_reads_without_saying_what_for(client: Client, record_id: str, given: dict[str, Any]) -> None:
    answer = client("ju").post(f"/api/v1/records/{record_id}/readings", json=given)
    assert {fault["path"] for fault in problem_of(answer, code="invalid")["errors"]} == {"/purpose"}


def test_a_record_that_is_not_there(client: Client) -> None:
    answer = client("ju").post(f"/api/v1/records/{uuid.uuid4()}/readings", json={"purpose": "查阅"})
    problem_of(answer, code="not_found")
