"""What the kind of a record settles: that it is taken, who must be there, what was performed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from schemas.record import KINDS, SUBJECT_KINDS
from schemas.vocabulary import Deed
from server.kernel.work import Kernel
from server.records.forms import Demands, load_forms
from server.records.kinds import ANYBODY, INSPECTION, KIND_NAMES, attendance_of, deed_of
from server.records.models import Record
from tests.fieldwork import check_of, push_at
from tests.records import documents
from tests.records.documents import FIRST_OFFICER
from tests.records.judging import codes, judged, signers
from tests.town import MONDAY, Town


def test_a_record_of_a_form_that_nobody_published_is_stored_and_explained(kernel: Kernel, town: Town) -> None:
    records = [
        check_of(town, 0, MONDAY + timedelta(hours=1))
        | {
            "id": str(uuid.uuid4()),
            "kind": kind,
            "form_code": "of_the_bureau",
            "subject_kind": subject_kind,
            "subject_id": subject_kind and str(uuid.uuid4()),
        }
        for kind, subject_kind in product(KINDS, (*SUBJECT_KINDS, None))
    ]

    push_at(kernel, town, "li", MONDAY + timedelta(hours=2), *records)

    with kernel.sessions() as session:
        stored = {str(record.id): record for record in session.query(Record)}
    assert stored.keys() == {record["id"] for record in records}
    for record in stored.values():
        assert not record.valid
        assert "form_unknown" in {finding["code"] for finding in record.findings}


# What a field may hold on a form that is not known here, by itself or in the rows of a list.
RUBBISH: tuple[Any, ...] = (True, 10**18, "x", "2026-02-30", "9999-12-31T23:59:59Z", [[]], {"a": [1]})


def test_whatever_a_form_that_nobody_knows_asked_its_records_are_stored(kernel: Kernel, town: Town) -> None:
    asked: dict[str, set[str]] = {}
    for form in load_forms():
        for name, one in form.answers_schema["properties"].items():
            rows = one.get("items", {}).get("properties", {}) if one.get("type") != "object" else {}
            asked.setdefault(name, set()).update(one.get("properties") or rows)
    records = []
    for kind, rubbish in product(KINDS, RUBBISH):
        rows = {name: [dict.fromkeys(inner, rubbish)] for name, inner in asked.items() if inner}
        order = {"disposal": "rectify", "rectify": {"demand": "x", "due_on": rubbish}}
        for answers in (dict.fromkeys(asked, rubbish), rows | order):
            record = check_of(town, 0, MONDAY + timedelta(hours=1)) | {"id": str(uuid.uuid4()), "kind": kind}
            records.append(record | {"form_code": "asks_anything", "answers": answers})

    assert push_at(kernel, town, "li", MONDAY + timedelta(hours=2), *records) == []

    with kernel.sessions() as session:
        stored = session.scalars(select(Record.id).where(Record.form_code == "asks_anything"))
        assert {str(one) for one in stored} == {record["id"] for record in records}


LAX = {"min_officers": 0, "certified": False, "cert_shown": False, "approval": False, "photos": 0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_may_ask_for_more_people_than_its_kind_and_never_for_fewer(kind: str) -> None:
    people, certified = attendance_of(kind)
    assert (people, certified) in (INSPECTION, ANYBODY)
    least = Demands.of(LAX, kind)
    assert (least.min_officers, least.certified) == (people, certified)
    assert least.cert_shown == certified
    # A registration list has an approval of its own among its answers.
    assert least.approval == (certified and kind != "registration_list")
    assert Demands.of({"min_officers": 3, "certified": True}, kind).min_officers == 3


def test_only_a_form_that_serves_is_for_one_person_at_an_outlet() -> None:
    assert attendance_of("site_visit", ("service", "patrol")) == ANYBODY
    assert attendance_of("site_visit", ("service", "routine")) == INSPECTION
    assert attendance_of("depot_check", ("patrol",)) == INSPECTION


@pytest.mark.parametrize(
    ("kind", "answers", "certified", "deed"),
    [
        ("callback", {"mode": "phone", "reached": True}, False, Deed.CALLBACK),
        ("callback", {"mode": "door", "reached": True}, False, Deed.DOOR_CALLBACK),
        ("callback", {"mode": "door", "reached": False}, False, None),
        ("callback", {}, False, Deed.CALLBACK),
        ("household_visit", {"access": "met"}, False, Deed.SERVICE),
        ("household_visit", {"access": "absent"}, False, None),
        ("site_visit", {}, True, Deed.INSPECTION),
        ("site_visit", {}, False, Deed.SERVICE),
        ("depot_check", {}, True, Deed.DEPOT_CHECK),
        ("manufacturer_check", {}, True, Deed.INSPECTION),
        ("unlicensed_check", {}, True, Deed.INSPECTION),
        ("attempt", {}, False, None),
        ("road_check", {}, True, None),
        ("dispatch", {}, False, None),
        ("patrol", {"act": "end"}, False, None),
        ("co_signature", {}, True, None),
    ],
)
def test_what_a_record_performed(
    kind: str, answers: dict[str, Any], certified: bool, deed: Deed | None
) -> None:
    assert deed_of(kind, answers, certified=certified) is deed


def test_one_person_without_certificate_calls_back_and_visits_households() -> None:
    """行政处罚法第四十二条 is about inspections; whoever asks how satisfied somebody was inspects nothing."""
    for document in (documents.callback(), documents.callback(mode="door"), documents.household_visit()):
        assert judged(document).findings == []
    alone = documents.manufacturer_check(officers=signers(FIRST_OFFICER))
    assert codes(judged(alone)) == ["too_few_officers"]


def test_every_kind_has_a_name() -> None:
    assert set(KIND_NAMES) == set(KINDS)
