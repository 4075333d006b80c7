"""The second officer signs on his own handheld, over the digest of the record; what does not fit is told, never refused."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from server.demo import documents
from server.demo.documents import Document
from server.kernel.actor import house as house_actor
from server.kernel.work import Kernel
from server.records.co_signing import compare_waiting, document_digest
from server.records.extraction import extract
from server.replication import COLLECTIONS, reader_of
from sync.push import push
from tests.fieldwork import check_of, field_actor, push_at, visit_of
from tests.one_house import app, kernel, settings
from tests.town import MONDAY, Town, client_of, settle_town

__all__ = ["app", "kernel", "settings"]
HOUR = timedelta(hours=1)


class House:
    def __init__(self, kernel: Kernel, town: Town, leader: FlaskClient) -> None:
        self.kernel, self.town, self.leader = kernel, town, leader

    def push(self, by: str, *records: Document) -> None:
        assert push_at(self.kernel, self.town, by, MONDAY + 9 * HOUR, *records) == []

    def signed(self, record: Document, by: str, **answers: Any) -> Document:
        visit = visit_of(self.town, 0, MONDAY + HOUR, by=(by,), subject_kind=None, subject_id=None)
        told = {"record_id": record["id"], "document_sha256": document_digest(record), "decision": "agree"}
        told |= {"signed_at": (MONDAY + HOUR).isoformat(), **answers}
        form = {"kind": "co_signature", "form_code": "co_signature", "form_version": 1}
        return documents.attempt(visit, Random(1)) | form | {"photos": [], "answers": told}

    def own(self, record: Document) -> list[dict[str, Any]]:
        whole = self.leader.get(f"/api/v1/records/{record['id']}").get_json()
        assert whole["document_sha256"] == document_digest(record)
        return [one for one in whole["signatures"] if one["where"] == "own_device"]

    def listed(self, state: str) -> list[dict[str, Any]]:
        answer = self.leader.get("/api/v1/co-signatures", query_string={"state": state})
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items


@pytest.fixture(scope="module")
def house(app: Flask, kernel: Kernel) -> House:
    town = settle_town(kernel)
    return House(kernel, town, client_of(app, kernel, town, "ju"))


def test_a_co_signature_that_fits(house: House) -> None:
    record = check_of(house.town, 0, MONDAY)
    house.push("li", record)
    house.push("wang", house.signed(record, "wang"))
    (own,) = house.own(record)
    assert (own["name"], own["matches"], own["concerns"], own["ordinal"]) == ("wang", True, [], 2)
    assert own["certificate_valid"] is True
    assert own["decision"] == "agree"
    whole = house.leader.get(f"/api/v1/records/{record['id']}").get_json()
    assert whole["valid"] is True
    assert [one["ordinal"] for one in whole["signatures"]] == [1, 2]
    # Its digest is of a record: no file is waited for.
    assert [one["sha256"] for one in extract(house.signed(record, "wang")).files] == []
    signature = house.leader.get(f"/api/v1/records/{own['co_signature_id']}").get_json()
    assert (signature["valid"], signature["findings"]) == (True, [])


def test_one_that_comes_before_its_record_waits_for_it(house: House) -> None:
    record = check_of(house.town, 1, MONDAY)
    signature = house.signed(record, "wang")
    house.push("wang", signature)
    (waiting,) = house.listed("waiting")
    assert (waiting["record_id"], waiting["matches"]) == (record["id"], None)
    house.push("li", record)
    assert house.listed("waiting") == []
    assert [one["matches"] for one in house.own(record)] == [True]
    # What was compared once is not compared again when the record is sent again.
    push_at(house.kernel, house.town, "li", MONDAY + 10 * HOUR, record)
    assert len(house.own(record)) == 1


def test_two_that_could_not_see_each_other_are_compared_by_night(house: House) -> None:
    record = check_of(house.town, 1, MONDAY + 2 * HOUR)
    with house.kernel.work(field_actor(house.town, "li"), MONDAY + 9 * HOUR) as work:
        push(
            work,
            reader_of(work),
            COLLECTIONS["records"],
            json.dumps([{"newDocumentState": record}]).encode(),
        )
        house.push("wang", house.signed(record, "wang"))
    assert [one["matches"] for one in house.own(record)] == [None]
    told = []
    for _ in range(2):
        with house.kernel.work(house_actor(house.town.bureau_id), MONDAY + 20 * HOUR) as work:
            told.append(compare_waiting(work))
    assert told == [1, 0]
    assert [one["matches"] for one in house.own(record)] == [True]


def test_both_in_one_batch(house: House) -> None:
    record = check_of(house.town, 2, MONDAY, by=("li", "wang"))
    house.push("li", house.signed(record, "wang"), record)
    (own,) = house.own(record)
    # Someone else's handheld sent it, which proves little.
    assert (own["matches"], [one["code"] for one in own["concerns"]]) == (True, ["pushed_by_another"])


def test_what_does_not_fit_is_stored_and_told(house: House) -> None:
    record = check_of(house.town, 3, MONDAY, by=("li", "wang"))
    changed = {**record, "narrative": "与出示时不同"}
    house.push("li", record)
    house.push(
        "wang",
        house.signed(changed, "wang"),
        house.signed(record, "wang", decision="object", note="数量不对，见测A00008"),
    )
    house.push("li", house.signed(record, "li"))
    house.push("zhao", house.signed(record, "zhao"))
    house.push("fu", house.signed(record, "fu"))
    told = {
        (one["name"], one["matches"], tuple(concern["code"] for concern in one["concerns"]))
        for one in house.own(record)
    }
    assert told == {
        ("wang", False, ("digest_differs",)),
        ("wang", True, ("objects",)),
        ("li", True, ("signed_by_author",)),
        ("zhao", True, ("signer_not_on_record",)),
        ("fu", True, ("signer_not_on_record", "signer_not_officer")),
    }
    ours = [one for one in house.listed("concern") if one["record_id"] == record["id"]]
    assert len(ours) == 5
    assert all(concern["detail"] for one in ours for concern in one["concerns"])
    assert {one["note"] for one in ours} == {None, "数量不对，见测A***08"}
    # What the record is worth does not hang on them.
    assert house.leader.get(f"/api/v1/records/{record['id']}").get_json()["valid"] is True


def test_an_auxiliary_as_second_officer_makes_the_record_not_valid_and_it_is_stored(house: House) -> None:
    record = check_of(house.town, 0, MONDAY + 3 * HOUR, by=("li", "fu"))
    house.push("li", record)
    whole = house.leader.get(f"/api/v1/records/{record['id']}").get_json()
    assert whole["valid"] is False
    assert "auxiliary_present_as_officer" in {one["code"] for one in whole["findings"]}
    by_name = {one["name"]: one["certificate_valid"] for one in whole["signatures"]}
    assert by_name == {"li": True, "fu": False}


def test_signatures_drawn_on_the_device_of_the_record(house: House) -> None:
    record = check_of(house.town, 1, MONDAY + 3 * HOUR)
    images = ["a" * 64, "b" * 64]
    record["answers"]["signatures"] = [
        {"role": "officer", "sha256": images[0]},
        {"role": "party", "sha256": "c" * 64},
        {"role": "officer", "sha256": images[1]},
    ]
    house.push("li", record)
    signatures = house.leader.get(f"/api/v1/records/{record['id']}").get_json()["signatures"]
    assert [(one["where"], one["signature_sha256"]) for one in signatures] == [
        ("same_device", images[0]),
        ("same_device", images[1]),
    ]


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=5), st.randoms())
def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written(
    document: dict[str, Any], lots: Any
) -> None:
    names = list(document)
    lots.shuffle(names)
    written = json.loads(json.dumps({name: document[name] for name in names}, indent=2))
    assert document_digest(written) == document_digest(document)
    added = {
        **document,
        "edit_id": str(uuid.uuid4()),
        "_deleted": False,
        "stamp": {"valid": True},
        "review": [],
    }
    bare = {name: value for name, value in document.items() if name not in added.keys() - document.keys()}
    assert document_digest(added) == document_digest(bare)
