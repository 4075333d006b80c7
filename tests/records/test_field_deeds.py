"""What is done in the field meets what is owed, without a word at the desk."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import select

from schemas.duties import DutyOpening
from schemas.vocabulary import DutyRule
from server.cadence.duty_acts import open_duty
from server.cadence.duty_models import DutySubject
from server.cadence.models import Obligation, VisitFact
from server.demo import documents
from server.demo.documents import Document
from server.demo.further_answers import CallMode
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel
from server.outlets.models import Site
from server.records.models import Record
from tests.fieldwork import push_at, visit_of
from tests.town import MONDAY, Town

DAY = timedelta(days=1)


def opened(kernel: Kernel, town: Town, **given: Any) -> uuid.UUID:
    """The subject of a duty that is opened on the Monday."""
    given["subjects"] = [{"name": "试样对象", "cell_id": str(town.cells[0]), **given["subject"]}]
    del given["subject"]
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        (first, *_) = open_duty(work, DutyOpening().load(given))
        owed = work.session.get(Obligation, first)
        assert owed is not None
        return owed.subject_id


def met(kernel: Kernel, rule: DutyRule) -> list[uuid.UUID | None]:
    """By what each obligation of a rule is met, in order of their days."""
    with kernel.sessions() as session:
        wanted = select(Obligation.met_by).where(Obligation.rule == rule.value)
        return list(session.scalars(wanted.order_by(Obligation.first_day, Obligation.key)))


def test_a_call_back_meets_its_duty_and_one_that_reaches_nobody_does_not(kernel: Kernel, town: Town) -> None:
    def called(number: int, mode: CallMode, reached: bool, by: str) -> Document:
        at = MONDAY + number * timedelta(hours=3)
        visit = visit_of(town, 0, at, by=(by,), subject_kind="complaint", subject_id=complaint, lon=None)
        return documents.callback(visit, Random(3), mode=mode, reached=reached)

    about: Mapping[str, Any] = {"subject_kind": "complaint", "subject": {"number": "12313-7"}}
    complaint = opened(kernel, town, rule="complaint_callback", day="2026-07-06", **about)
    assert opened(kernel, town, rule="complaint_visit", day="2026-07-06", **about) == complaint
    unheard, phoned = called(1, "phone", False, "fu"), called(2, "phone", True, "fu")
    push_at(kernel, town, "fu", MONDAY + 8 * timedelta(hours=1), unheard, phoned)
    assert met(kernel, DutyRule.COMPLAINT_CALLBACK) == [uuid.UUID(phoned["id"])]
    # A major complaint asks for somebody at the door.
    assert met(kernel, DutyRule.COMPLAINT_VISIT) == [None]
    at_the_door = called(8, "door", True, "wang")
    push_at(kernel, town, "wang", MONDAY + 2 * DAY, at_the_door)
    assert met(kernel, DutyRule.COMPLAINT_VISIT) == [uuid.UUID(at_the_door["id"])]
    with kernel.sessions() as session:
        stored = {record.valid: record for record in session.scalars(select(Record))}
    assert stored.keys() == {True}


def test_a_household_is_called_on_by_one_person_without_certificate(kernel: Kernel, town: Town) -> None:
    household = opened(
        kernel,
        town,
        rule="household_visit",
        subject_kind="household",
        subject={"number": "H-7"},
        first_day="2026-07-06",
        last_day="2026-07-19",
    )
    visit = visit_of(
        town, 0, MONDAY + DAY, by=("fu",), subject_kind="household", subject_id=household, cell_id=None
    )
    record = documents.household_visit(visit, Random(1))

    push_at(kernel, town, "fu", MONDAY + DAY + timedelta(hours=1), record)

    assert met(kernel, DutyRule.HOUSEHOLD_VISIT) == [uuid.UUID(record["id"]), None]
    with kernel.sessions() as session:
        stored = session.scalars(select(Record)).one()
    assert (stored.valid, stored.findings, stored.cell_id) == (True, [], town.cells[0])


def test_a_seller_without_licence_is_looked_at_again_on_the_same_form(kernel: Kernel, town: Town) -> None:
    first = visit_of(town, 0, MONDAY, subject_kind="unlicensed", subject_id=None)
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), documents.unlicensed_check(first, Random(2)))
    assert met(kernel, DutyRule.TRIPLE_RECHECK) == [None] * 3
    with kernel.sessions() as session:
        seller = session.scalars(select(DutySubject.id).where(DutySubject.kind == "unlicensed")).one()
    again = [
        documents.unlicensed_check(
            visit_of(town, 0, MONDAY + day * DAY, subject_kind="unlicensed", subject_id=seller),
            Random(day),
            selling=False,
        )
        for day in (1, 2, 3)
    ]
    push_at(kernel, town, "li", MONDAY + 4 * DAY, *again)
    assert met(kernel, DutyRule.TRIPLE_RECHECK) == [uuid.UUID(one["id"]) for one in again]


def test_an_order_to_a_manufacturer_is_re_checked_and_a_depot_is_none(kernel: Kernel, town: Town) -> None:
    sites = {kind: new_id(MONDAY) for kind in ("manufacturer", "depot")}
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        for kind, site in sites.items():
            place = from_shape(Point(*town.positions[0]), srid=4326)
            own: dict[str, Any] = {"code": kind, "name": "试样场所", "facts": {}, "edit_id": new_edit_id()}
            work.session.add(
                Site(id=site, kind=kind, bureau_id=town.bureau_id, geom=place, cell_id=town.cells[0], **own)
            )

    def checked(kind: str, day: int) -> Document:
        visit = visit_of(town, 0, MONDAY + day * DAY, subject_kind="site", subject_id=sites[kind])
        return documents.manufacturer_check(visit, Random(day))

    ordered, elsewhere = checked("manufacturer", 0), checked("depot", 0)
    ordered["answers"] |= {
        "result": "abnormal",
        "cause": "licence_irregular",
        "party_opinion": "agree",
        "disposal": "rectify",
        "rectify": {"demand": "补齐原料凭证", "due_on": "2026-07-08"},
    }
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), ordered, elsewhere)
    again = checked("manufacturer", 3)
    push_at(kernel, town, "li", MONDAY + 4 * DAY, again)

    assert met(kernel, DutyRule.RECTIFICATION_RECHECK) == [uuid.UUID(again["id"])]
    with kernel.sessions() as session:
        flags = {str(record.id): record.flags for record in session.scalars(select(Record))}
        assert session.scalars(select(VisitFact.tier)).all() == ["INSPECTION"] * 3
    assert "site_kind_not_of_form" in flags[elsewhere["id"]]
    assert "site_kind_not_of_form" not in flags[ordered["id"]]
