"""Every version of every form, there and back: what a handheld sends is what it and the desk get, and what is counted."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from schemas.record import SUBJECT_KINDS, VISIT_KINDS
from server.app import create_app
from server.demo.documents import Document
from server.kernel.work import Kernel
from server.records.forms import FormDefinition, load_forms
from server.records.models import DeclaredFile, GoodsLine, Record, RecordOfficer, Rectification, RoadStop
from tests.conftest import SettledTowns, own_database, settings_for
from tests.fieldwork import check_of, push_at
from tests.records.answering import answers_of
from tests.sync.handheld import Handheld
from tests.town import Town, client_of

FORMS = load_forms()
# A few versions a batch: each is there for certain, and none has to be drawn out of all of them at once.
BATCHES = [FORMS[number::6] for number in range(6)]


@dataclass(slots=True)
class World:
    """One database for all that is sent here."""

    kernel: Kernel
    town: Town
    handheld: Handheld
    desk: FlaskClient


@pytest.fixture(scope="module")
def world(
    superuser: Engine, settled_towns: SettledTowns, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    template, town = settled_towns()
    with own_database(superuser, template) as database:
        app = create_app(settings_for(database, tmp_path_factory.mktemp("round-trip")))
        kernel: Kernel = app.extensions["xunge"]
        device = client_of(app, kernel, town, "li", device=True)
        yield World(
            kernel, town, Handheld(device, kernel.sessions, limit=200), client_of(app, kernel, town, "li")
        )
        kernel.close()


@st.composite
def sent(draw: st.DrawFn, form: FormDefinition) -> Document:
    """A record of that version with any answers, and an envelope that leaves out and fills in what it may."""
    about = draw(st.sampled_from([*SUBJECT_KINDS, None]))
    return {
        "kind": form.kind,
        "form_code": form.form_code,
        "form_version": form.version,
        "subject_kind": about,
        **({} if about == "outlet" else {"subject_id": draw(st.none() | st.uuids().map(str))}),
        "visit_kind": draw(st.sampled_from(VISIT_KINDS)),
        "approval_no": draw(st.none() | st.just("样烟检审〔2026〕7号")),
        "narrative": draw(
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=9)
        ),
        "answers": draw(answers_of(form.answers_schema, full=draw(st.booleans()))),
    }


def rows_in(node: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value: list[dict[str, Any]] | None = node.get(name)
    return value or []


def goods_in(answers: Mapping[str, Any]) -> Counter[tuple[Any, ...]]:
    """The lines of goods that a document names, by the vehicle from which they came."""
    placed: list[tuple[int | None, dict[str, Any]]] = [(None, line) for line in rows_in(answers, "goods")]
    for number, stop in enumerate(rows_in(answers, "stops"), start=1):
        placed += [(number, line) for line in rows_in(stop, "goods")]
    for suspect in rows_in(answers, "suspects"):
        placed += [(None, line) for line in rows_in(suspect, "goods")]
    return Counter(
        (number, line["category"], line["quantity"], line["unit"], line.get("product_spec"))
        for number, line in placed
    )


def plain(plate: str | None) -> str | None:
    """A plate as it is compared: letters and digits, in capitals; nothing where there are none."""
    return "".join(sign for sign in plate or "" if sign.isalnum()).upper() or None


def hashes_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        # What was signed is named by its digest, which is no file.
        files = (inner for name, inner in value.items() if name != "document_sha256")
        return {one for inner in files for one in hashes_in(inner)}
    if isinstance(value, list):
        return {one for inner in value for one in hashes_in(inner)}
    is_hash = isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
    return {value} if is_hash else set()


def assert_counted_as_sent(world: World, document: Document) -> None:
    """The tables that reports count hold what the document says, read from it without the server's own code."""
    answers, own = document["answers"], {"record_id": uuid.UUID(document["id"])}
    with world.kernel.sessions() as session:
        lines = session.scalars(select(GoodsLine).filter_by(**own)).all()
        stops = session.scalars(select(RoadStop).filter_by(**own).order_by(RoadStop.ordinal)).all()
        officers = session.scalars(
            select(RecordOfficer).filter_by(**own).order_by(RecordOfficer.ordinal)
        ).all()
        files = set(session.scalars(select(DeclaredFile.sha256).filter_by(**own)))
        orders = session.scalars(select(Rectification).filter_by(**own)).all()
    found = ((one.stop_ordinal, one.category, one.quantity, one.unit, one.product_spec) for one in lines)
    assert Counter(found) == goods_in(answers)
    assert [one.plate for one in stops] == [plain(stop.get("plate")) for stop in rows_in(answers, "stops")]
    assert [str(one.person_id) for one in officers] == [one["person_id"] for one in document["officers"]]
    assert files == hashes_in(answers) | {photo["sha256"] for photo in document["photos"]}
    order = answers.get("rectify") or {}
    ordered = answers.get("disposal") == "rectify" and order.get("demand") and order.get("due_on")
    if ordered and document["subject_kind"] and document["subject_id"]:
        assert [(one.demand, one.due_on) for one in orders] == [
            (order["demand"], date.fromisoformat(order["due_on"]))
        ]
    else:
        assert orders == []


@pytest.mark.parametrize("forms", BATCHES, ids=lambda forms: "+".join(form.form_code for form in forms))
def test_what_is_sent_comes_back_and_is_counted(world: World, forms: tuple[FormDefinition, ...]) -> None:
    @settings(
        max_examples=5,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.tuples(*(sent(form) for form in forms)))
    def there_and_back(drawn: tuple[Document, ...]) -> None:
        assert_there_and_back(world, drawn)

    there_and_back()


def assert_there_and_back(world: World, drawn: tuple[Document, ...]) -> None:
    now = datetime.now(UTC)
    batch: list[Document] = []
    for number, own in enumerate(drawn):
        batch.append(check_of(world.town, number % 4, now - timedelta(hours=2)) | own)

    assert push_at(world.kernel, world.town, "li", now, *batch) == []
    world.handheld.pull("records")

    for document in batch:
        held = dict(world.handheld.held["records"][document["id"]])
        stamp = held.pop("stamp")
        expected = {name: value for name, value in document.items() if name != "edit_id"}
        assert {**held, "edit_id": None} == {**expected, "edit_id": None}
        with world.kernel.sessions() as session:
            record = session.get(Record, uuid.UUID(document["id"]))
        assert record is not None
        assert (record.valid, record.findings, record.flags) == (
            stamp["valid"],
            stamp["findings"],
            stamp["flags"],
        )
        assert_counted_as_sent(world, document)
    read = world.desk.post(f"/api/v1/records/{batch[-1]['id']}/readings", json={"purpose": "往返核对"})
    assert read.status_code == 201, read.get_json()
    told = {name: value for name, value in batch[-1].items() if name not in ("edit_id", "_deleted")}
    assert {name: read.get_json()["document"].get(name) for name in told} == told
