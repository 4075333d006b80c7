"""Malformed rows are kept as they were sent and answered one by one; only a body that is no array is refused."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker

from sync.envelope import MAX_DOCUMENT_BYTES, MAX_ROWS, BadEnvelope, read_rows
from tests.sync.test_toy import PUSH, a_note, client, kept_raw, outcomes, row_of, send, stored_texts

__all__ = ["client"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b"{}",
        b'{"0": []}',
        b"no JSON",
        b"[",
        b"[{}",
        b"[{}]]",
        b"[{}] []",
        b"[{},]",
        b"\xff",
    ],
)
def test_a_body_that_is_no_array_is_an_error_object(
    client: FlaskClient, toy_sessions: sessionmaker[Session], body: bytes
) -> None:
    answer = client.post(PUSH, data=body)

    assert answer.status_code == 400
    assert answer.get_json()["code"] == "bad_envelope"
    assert kept_raw(toy_sessions) == []


def test_guard_a_body_that_breaks_off_in_a_text_full_of_quotes_takes_no_time() -> None:
    """80 kB took two minutes of a processor when the end of the text was searched for behind each of its quotes."""
    begun = time.process_time()

    with pytest.raises(BadEnvelope):
        read_rows(b'[{"text": "' + b'\\"' * 40_000)

    assert time.process_time() - begun < 5


@pytest.mark.parametrize("row", [b"1", b"\xff"], ids=["strict", "lenient"])
def test_guard_more_rows_than_any_client_sends_are_refused_before_any_is_kept(
    client: FlaskClient, toy_sessions: sessionmaker[Session], row: bytes
) -> None:
    answer = client.post(PUSH, data=b"[%b]" % b",".join([row] * (MAX_ROWS + 1)))

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_envelope")
    assert kept_raw(toy_sessions) == []


def test_an_empty_array_is_all_well(client: FlaskClient) -> None:
    assert send(client, " [ ] ") == []


def test_a_malformed_row_is_kept_raw_and_answered_while_the_others_are_stored(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    bad = {**a_note("bad"), "edit_id": 7}
    before, after = a_note("before"), a_note("after")

    (answered,) = send(client, f"[{row_of(before)}, {row_of(bad)} ,{row_of(after)}]")

    assert stored_texts(toy_sessions) == ["after", "before"]
    assert kept_raw(toy_sessions) == [row_of(bad).encode()]
    assert answered["review"] == [{"code": "edit_id_malformed", "path": "/edit_id"}]
    assert {**answered, "edit_id": 7, "review": None} == {**bad, "review": None}
    assert uuid.UUID(answered["edit_id"])


def test_a_malformed_row_sent_again_is_kept_once_and_answered_alike(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    bad = row_of({**a_note(), "_deleted": "yes"})

    assert send(client, f"[{bad}]") == send(client, f"[{row_of(a_note())},{bad}]")
    assert len(kept_raw(toy_sessions)) == 1


def test_a_row_put_right_is_stored(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> None:
    bad = {**a_note("right"), "_deleted": 0}
    (answered,) = send(client, f"[{row_of(bad)}]")
    right = {**answered, "edit_id": str(uuid.uuid4())}

    assert send(client, f"[{row_of(right)}]") == []
    assert stored_texts(toy_sessions) == ["right"]


@pytest.mark.parametrize(
    "text", [r"a\u0000b", r"a\ud800b", r"\udfff", r"\udc00\ud800"], ids=["nul", "high", "low", "swapped"]
)
def test_text_that_the_database_cannot_hold_is_kept_raw(
    client: FlaskClient, toy_sessions: sessionmaker[Session], text: str
) -> None:
    bad, good = row_of(a_note("TEXT")).replace("TEXT", text), row_of(a_note("good"))

    (answered,) = send(client, f"[{bad},{good}]")

    assert answered["review"] == [{"code": "text_not_storable", "path": "/text"}]
    assert answered["text"] == json.loads(f'"{text}"')
    assert kept_raw(toy_sessions) == [bad.encode()]
    assert stored_texts(toy_sessions) == ["good"]


@pytest.mark.parametrize("text", [r"a\\u0000b", r"\ud83d\ude00", "巡格"])
def test_text_that_only_looks_like_it_is_stored(
    client: FlaskClient, toy_sessions: sessionmaker[Session], text: str
) -> None:
    assert send(client, "[" + row_of(a_note("TEXT")).replace("TEXT", text) + "]") == []
    assert stored_texts(toy_sessions) == [json.loads(f'"{text}"')]


def test_the_pointer_leads_into_the_document(client: FlaskClient) -> None:
    bad = row_of(a_note(more={"lines": [{"of": "fine"}, {"of": "TEXT"}]})).replace("TEXT", r"\u0000")

    (answered,) = send(client, f"[{bad}]")

    assert answered["review"][0]["path"] == "/more/lines/1/of"


def test_a_document_beyond_the_bound_is_kept_raw_and_one_within_is_stored(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    frame = len(json.dumps(a_note(""), separators=(",", ":")))
    fits = a_note("x" * (MAX_DOCUMENT_BYTES - frame))
    too_large = a_note("y" * (MAX_DOCUMENT_BYTES - frame + 1))

    (answered,) = send(client, f"[{row_of(fits)},{row_of(too_large)}]")

    assert answered["id"] == too_large["id"]
    assert answered["review"] == [{"code": "document_too_large", "path": ""}]
    assert stored_texts(toy_sessions) == [fits["text"]]


@pytest.mark.parametrize("depth", [300, 1100, 50_000])
def test_a_document_nested_without_end_is_kept_raw_and_stops_nothing(
    client: FlaskClient, toy_sessions: sessionmaker[Session], depth: int
) -> None:
    nested = row_of(a_note(more="DEEP")).replace('"DEEP"', "[" * depth + r'"\u0000"' + "]" * depth)

    assert send(client, f"[{nested},{row_of(a_note('good'))}]") == []
    assert kept_raw(toy_sessions) == [nested.encode()]
    assert stored_texts(toy_sessions) == ["good"]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "01"])
def test_a_number_that_json_does_not_have_stops_nothing(
    client: FlaskClient, toy_sessions: sessionmaker[Session], number: str
) -> None:
    bad = row_of(a_note(more="NUMBER")).replace('"NUMBER"', number)

    assert send(client, f"[{bad},{row_of(a_note('good'))}]") == []
    assert kept_raw(toy_sessions) == [bad.encode()]
    assert stored_texts(toy_sessions) == ["good"]


def test_a_number_beyond_64_bits_is_stored(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> None:
    beyond = row_of(a_note("good", more=2**70))
    surrogate = row_of(a_note("TEXT")).replace("TEXT", r"\ud800")

    assert len(send(client, f"[{beyond},{surrogate}]")) == 1
    assert stored_texts(toy_sessions) == ["good"]


@pytest.mark.parametrize(
    "document_id", ["7", 7, None, "not-a-uuid", "0196f000-0000-7000-8000-00000000000g", ["x"], "\ud800"]
)
def test_a_row_whose_id_is_no_uuid_is_kept_and_answered_by_nothing(
    client: FlaskClient, toy_sessions: sessionmaker[Session], document_id: Any
) -> None:
    bad = row_of({**a_note(), "id": document_id})

    assert send(client, f"[{bad},{row_of(a_note('good'))}]") == []
    assert kept_raw(toy_sessions) == [bad.encode()]
    assert stored_texts(toy_sessions) == ["good"]


def test_an_id_in_other_letters_than_the_database_writes_is_answered_in_its_own(client: FlaskClient) -> None:
    shouted = {**a_note(), "id": "0196F000-0000-7000-8000-00000000000A"}

    (answered,) = send(client, f"[{row_of(shouted)}]")

    assert answered["id"] == shouted["id"]
    assert answered["review"] == [{"code": "id_malformed", "path": "/id"}]


@pytest.mark.parametrize("row", ["7", "null", '"text"', "[]", "{}", '{"newDocumentState": null}', "{]", "x"])
def test_a_row_of_another_shape_is_kept_and_answered_by_nothing(
    client: FlaskClient, toy_sessions: sessionmaker[Session], row: str
) -> None:
    if row == "{]":
        row = '{"newDocumentState": }'

    assert send(client, f"[{row},{row_of(a_note('good'))}]") == []
    assert kept_raw(toy_sessions) == [row.encode()]
    assert stored_texts(toy_sessions) == ["good"]


def test_an_assumed_state_of_another_shape_is_answered(client: FlaskClient) -> None:
    row = json.dumps({"newDocumentState": a_note(), "assumedMasterState": ["x"]})

    (answered,) = send(client, f"[{row}]")

    assert answered["review"] == [{"code": "assumed_malformed", "path": "/assumedMasterState"}]


def test_a_row_that_the_table_refuses_is_kept_and_the_others_are_stored(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    rows = [a_note("a"), a_note("b", weight=2**40), a_note("c"), {**a_note(), "text": None}, a_note("d")]

    answered = send(client, "[" + ",".join(map(row_of, rows)) + "]")

    assert stored_texts(toy_sessions) == ["a", "c", "d"]
    assert {one["id"]: one["review"] for one in answered} == {
        rows[1]["id"]: [{"code": "not_storable", "path": ""}],
        rows[3]["id"]: [{"code": "not_storable", "path": "/text"}],
    }
    assert sorted(outcomes(toy_sessions)) == ["accepted"] * 3 + ["quarantined"] * 2
    assert len(kept_raw(toy_sessions)) == 2
