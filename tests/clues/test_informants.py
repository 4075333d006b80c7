"""Who told a clue is sealed, is read at the desk alone with a purpose, and is on no form and in no pulled document."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from server.records.forms import load_forms
from server.replication import COLLECTIONS
from tests.api.conftest import problem_of
from tests.clues.conftest import Watch
from tests.town import MONDAY, client_of

TELLER = {"name": "举报者甲", "phone": "13911112222", "note": "不愿公开"}
# Sealed with them is nothing that a handheld needs: not even that somebody told.
NAMED = ("informant", "举报人", "complainant", "reporter")


def told_clue(watch: Watch) -> str:
    clue = watch.post(
        "/clues",
        {
            "source": "12313",
            "matter": "counterfeit",
            "summary": "村口有人卖假烟",
            "found_at": MONDAY.isoformat(),
            "cell_id": str(watch.town.cells[0]),
            "elsewhere_unit": "邻县烟草专卖局",
        },
    )
    kept = watch.post(f"/clues/{clue['id']}/informants", TELLER)
    assert set(kept) == {"id", "clue_id", "known_at"}
    return str(clue["id"])


def test_only_whoever_may_reads_it_and_says_what_for(watch: Watch) -> None:
    clue_id = told_clue(watch)
    path = f"/clues/{clue_id}/informants/readings"
    for name in ("li", "wang", "admin", "gis"):
        answer = watch.client(name).post(f"/api/v1{path}", json={"purpose": "想知道"})
        problem_of(answer, code="forbidden")
    problem_of(watch.client("fa").post(f"/api/v1{path}", json={}), code="invalid")
    (read,) = watch.post(path, {"purpose": "核实后回复举报人"}, "fa")["items"]
    assert {name: read[name] for name in TELLER} == TELLER
    with watch.kernel.sessions() as session:
        (event,) = session.execute(
            text(
                "select account_id, facts from event where name = 'person_data.read' and facts->>'purpose' like '核实后%'"
            )
        )
        everything = session.scalar(text("select string_agg(facts::text, ' ') from event"))
        sealed = session.scalar(text("select string_agg(sealed, ' ') from clue_informant"))
    assert event.account_id == watch.town.accounts["fa"]
    assert event.facts["places"] == ["/informant"]
    for secret in TELLER.values():
        assert secret not in everything
        assert secret not in sealed
    # Not from a handheld, whoever holds it.
    handheld = client_of(watch.app, watch.kernel, watch.town, "li", device=True)
    problem_of(handheld.post(f"/api/v1/clues/{clue_id}/informants", json=TELLER), code="forbidden")


def test_the_history_of_a_record_does_not_tell_that_somebody_told(watch: Watch) -> None:
    record = watch.record("clue", MONDAY, matter="counterfeit", summary="村口有人卖假烟", confidence="high")
    clue_id = watch.push(record)
    watch.post(f"/clues/{clue_id}/informants", TELLER)
    for name in ("wang", "fu"):
        acts = {one["name"] for one in watch.get(f"/records/{clue_id}/history", name)["acts"]}
        assert acts == {"records.received"}


def test_no_form_asks_for_an_informant() -> None:
    for form in load_forms():
        fields = list(_fields(form.answers_schema))
        assert fields
        for name, title in fields:
            assert not any(word in name.lower() or word in title for word in NAMED), (form.form_code, name)


def _fields(schema: dict[str, Any]) -> Any:
    for name, child in schema.get("properties", {}).items():
        yield name, child.get("title", "")
        yield from _fields(child)
    if "items" in schema:
        yield from _fields(schema["items"])


def test_no_pulled_document_carries_one(watch: Watch) -> None:
    told_clue(watch)
    handheld = client_of(watch.app, watch.kernel, watch.town, "li", device=True)
    pulled = ""
    for name in COLLECTIONS:
        answer = handheld.get(f"/sync/v1/{name}/pull?limit=1000")
        assert answer.status_code == 200, answer.data
        pulled += answer.data.decode()
    # The duty to notify is there, so what was pulled is of this clue as well.
    assert "clue_notice" in pulled
    assert "村口" not in pulled
    for word in (*TELLER.values(), "informant"):
        assert word not in pulled
