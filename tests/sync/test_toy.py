"""The protocol by itself, over HTTP, mounted on a table that has nothing to do with the house."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import uuid
import zlib
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from sync import feed, tables
from sync.api import MAX_INFLATED_BYTES
from tests.sync.handheld import Document, Handheld, new_edit, wait_for_horizon
from tests.sync.toy import BUREAU, EVERYBODY, note, reader_of, toy_app

PUSH, PULL = "/sync/v1/notes/push", "/sync/v1/notes/pull"


@pytest.fixture
def client(toy_sessions: sessionmaker[Session]) -> FlaskClient:
    return toy_app(toy_sessions, reader_of()).test_client()


@pytest.fixture
def device(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> Handheld:
    return Handheld(client, toy_sessions, limit=4)


@pytest.fixture
def other(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> Handheld:
    return Handheld(client, toy_sessions, limit=4)


def a_note(text: str = "a note", **more: Any) -> Document:
    return {"id": str(uuid.uuid4()), "edit_id": str(uuid.uuid4()), "_deleted": False, "text": text, **more}


def as_held(document: Document) -> Document:
    return {"weight": None, "more": None, **document}


def outcomes(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(tables.push_log.c.outcome).order_by(tables.push_log.c.seq)))


def kept_raw(sessions: sessionmaker[Session]) -> list[bytes]:
    with sessions() as session:
        return [bytes(raw) for raw in session.scalars(select(tables.quarantine.c.raw))]


def stored_texts(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(note.c.text).order_by(note.c.text)))


def send(client: FlaskClient, body: bytes | str, **headers: str) -> list[Document]:
    answer = client.post(PUSH, data=body, headers=headers)
    assert answer.status_code == 200, answer.text
    masters: list[Document] = answer.get_json()
    return masters


def row_of(document: Document) -> str:
    return json.dumps({"newDocumentState": document})


# ── pulling and pushing ───────────────────────────────────────────────────────────────────────────


def test_what_one_device_pushes_another_pulls(device: Handheld, other: Handheld) -> None:
    written = [a_note(f"note {n}") for n in range(3)]

    assert device.push("notes", *written) == []
    other.pull("notes")

    assert other.held["notes"] == {document["id"]: as_held(document) for document in written}


def test_an_edit_of_the_present_state_is_applied(device: Handheld, other: Handheld) -> None:
    first = a_note("first")
    device.push("notes", first)
    second, third = new_edit(first, text="second"), new_edit(first, text="third")

    assert device.push("notes", second, assumed=[first]) == []
    assert device.push("notes", third, assumed=[second]) == []

    other.pull("notes")
    assert other.held["notes"][first["id"]]["text"] == "third"


def test_an_edit_of_an_older_state_is_answered_with_the_master_and_kept_in_the_log(
    device: Handheld, other: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    winner, loser = new_edit(first, text="winner"), new_edit(first, text="loser")
    device.push("notes", winner, assumed=[first])

    assert other.push("notes", loser, assumed=[first]) == [as_held(winner)]

    with toy_sessions() as session:
        lines = session.execute(select(tables.push_log.c.outcome, tables.push_log.c.state)).all()
    assert [(outcome, state and state["text"]) for outcome, state in lines] == [
        ("accepted", None),
        ("applied", None),
        ("conflict", "loser"),
    ]


def test_a_new_row_without_assumed_state_conflicts_where_the_id_is_known(
    device: Handheld, other: Handheld
) -> None:
    first = a_note("first")
    device.push("notes", first)

    assert other.push("notes", new_edit(first, text="also first")) == [as_held(first)]


def test_a_delete_comes_to_the_other_device_as_a_tombstone(device: Handheld, other: Handheld) -> None:
    doomed, kept = a_note("doomed"), a_note("kept")
    device.push("notes", doomed, kept)
    other.pull("notes")
    device.push("notes", new_edit(doomed, _deleted=True), assumed=[doomed])

    assert other.pull("notes") == [{"id": doomed["id"], "_deleted": True}]
    assert set(other.held["notes"]) == {kept["id"]}


def test_what_the_reader_may_no_longer_see_is_a_tombstone(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    written = a_note()
    device.push("notes", written)
    device.pull("notes")
    with toy_sessions.begin() as session:
        session.execute(update(note).values(hidden=True))
        feed.touch(session, BUREAU, "notes", [(EVERYBODY, uuid.UUID(written["id"]))])

    device.pull("notes")

    assert device.held["notes"] == {}


def test_a_conflict_over_what_the_reader_may_not_see_is_answered_with_a_tombstone(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    written = a_note()
    device.push("notes", written)
    with toy_sessions.begin() as session:
        session.execute(update(note).values(hidden=True, edit_id=uuid.uuid4()))

    answered = device.push("notes", new_edit(written), assumed=[written])

    assert answered == [{"id": written["id"], "_deleted": True}]


def test_a_push_to_what_is_only_pulled_is_answered_with_the_master(
    client: FlaskClient, device: Handheld
) -> None:
    written = a_note("as it is")
    device.push("notes", written)
    body = [{"assumedMasterState": written, "newDocumentState": new_edit(written, text="as I want it")}]

    assert client.post("/sync/v1/posters/push", json=body).get_json() == [as_held(written)]


# ── the same again ────────────────────────────────────────────────────────────────────────────────


def test_a_batch_sent_again_changes_nothing_and_is_all_well(
    device: Handheld, other: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note()
    edited = new_edit(first, text="edited")
    device.push("notes", first)
    device.push("notes", edited, assumed=[first])
    other.pull("notes")

    assert device.push("notes", edited, assumed=[first]) == []
    assert outcomes(toy_sessions) == ["accepted", "applied", "replayed"]
    assert other.pull("notes") == []


def test_a_replay_of_what_the_reader_no_longer_sees_is_answered(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    written = a_note()
    device.push("notes", written)
    with toy_sessions.begin() as session:
        session.execute(update(note).values(hidden=True))

    assert device.push("notes", written) == [{"id": written["id"], "_deleted": True}]


def test_a_row_twice_in_a_batch_is_stored_once(device: Handheld, toy_sessions: sessionmaker[Session]) -> None:
    written = a_note()

    assert device.push("notes", written, written) == []
    assert outcomes(toy_sessions) == ["accepted", "replayed"]
    assert stored_texts(toy_sessions) == ["a note"]


def test_two_edits_of_a_document_in_a_batch_are_taken_in_their_order(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    second = new_edit(first, text="second")

    assert device.push("notes", first, second, assumed=[None, first]) == []
    assert stored_texts(toy_sessions) == ["second"]


# ── pages and checkpoints ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("count", "pages"), [(0, [0]), (3, [3]), (4, [4, 0]), (9, [4, 4, 1])])
def test_a_page_is_short_only_where_there_is_no_more(
    client: FlaskClient, device: Handheld, toy_sessions: sessionmaker[Session], count: int, pages: list[int]
) -> None:
    if count:
        device.push("notes", *(a_note(f"{n}") for n in range(count)))
    wait_for_horizon(toy_sessions)
    checkpoint, sizes = "null", []
    for _ in pages:
        body = client.get(PULL, query_string={"limit": "4", "checkpoint": checkpoint}).get_json()
        sizes.append(len(body["documents"]))
        checkpoint = json.dumps(body["checkpoint"])

    assert sizes == pages


def test_a_page_is_full_though_a_reader_has_several_principals(toy_sessions: sessionmaker[Session]) -> None:
    client = toy_app(toy_sessions, reader_of((EVERYBODY, "squad:toy", "officer:toy"))).test_client()
    with toy_sessions.begin() as session:
        for principal in (EVERYBODY, "squad:toy", "officer:toy"):
            feed.touch(session, BUREAU, "notes", [(principal, uuid.uuid4()) for _ in range(3)])
    device = Handheld(client, toy_sessions, limit=4)

    assert len(device.pull("notes")) == 9
    assert len({document["id"] for document in device.received}) == 9


def test_a_checkpoint_at_the_end_stays_where_it_is(client: FlaskClient, device: Handheld) -> None:
    device.push("notes", a_note())
    device.pull("notes")
    checkpoint = device.checkpoints["notes"]

    body = client.get(PULL, query_string={"limit": "4", "checkpoint": checkpoint}).get_json()

    assert body == {"documents": [], "checkpoint": json.loads(checkpoint)}
    assert all(isinstance(body["checkpoint"][part], str) for part in ("epoch", "xid", "seq"))


def test_a_checkpoint_of_another_epoch_starts_over(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    written = a_note()
    device.push("notes", written)
    device.pull("notes")
    before = json.loads(device.checkpoints["notes"])
    with toy_sessions.begin() as session:
        session.execute(update(tables.epoch).values(epoch=uuid.uuid4()))

    assert device.pull("notes") == [as_held(written)]
    after = json.loads(device.checkpoints["notes"])
    assert after["epoch"] != before["epoch"]
    assert (after["xid"], after["seq"]) == (before["xid"], before["seq"])


@pytest.mark.parametrize(
    "checkpoint",
    [
        "no JSON",
        "[]",
        "7",
        '"seven"',
        '{"xid": "1", "seq": "1"}',
        '{"epoch": "e", "xid": 1, "seq": "1"}',
        '{"epoch": "e", "xid": "-1", "seq": "1"}',
        '{"epoch": "e", "xid": "1", "seq": "１"}',
        '{"epoch": "e", "xid": "9999999999999999999", "seq": "1"}',
        r'{"epoch": "\u0000", "xid": "1", "seq": "1"}',
        r'{"epoch": "\ud800", "xid": "1", "seq": "1"}',
        "[" * 1500,
    ],
)
def test_a_checkpoint_that_was_never_given_out_is_a_bad_envelope(
    client: FlaskClient, checkpoint: str
) -> None:
    answer = client.get(PULL, query_string={"checkpoint": checkpoint})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_envelope")


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "4.0", "abc", "", "٤", "9" * 5000])
def test_a_limit_out_of_bounds_is_a_bad_envelope(client: FlaskClient, limit: str) -> None:
    answer = client.get(PULL, query_string={"limit": limit})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_envelope")


def test_a_collection_that_is_none_is_not_found(client: FlaskClient) -> None:
    for answer in (client.get("/sync/v1/spells/pull"), client.post("/sync/v1/spells/push", json=[])):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_a_reader_who_may_only_push_is_refused_the_pull(toy_sessions: sessionmaker[Session]) -> None:
    client = toy_app(toy_sessions, reader_of(may_pull=False)).test_client()

    assert send(client, f"[{row_of(a_note())}]") == []
    answer = client.get(PULL)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "device_revoked")


# ── compressed bodies ─────────────────────────────────────────────────────────────────────────────


def test_a_gzip_body_is_taken(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> None:
    body = gzip.compress(f"[{row_of(a_note('packed'))}]".encode())

    assert send(client, body, **{"Content-Encoding": "gzip"}) == []
    assert stored_texts(toy_sessions) == ["packed"]


def a_bomb(megabytes: int) -> bytes:
    """A gzip body, a thousandth of what it swells to: one compressed megabyte of spaces, over and over, without end."""
    squeeze = zlib.compressobj(wbits=31)
    head = squeeze.compress(b" ") + squeeze.flush(zlib.Z_FULL_FLUSH)
    megabyte = squeeze.compress(b" " * 1024 * 1024) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return head + megabyte * megabytes


def test_a_body_that_swells_beyond_the_bound_is_too_large(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    # One byte more than the bound, and so much more that it must not be unpacked to find out.
    for megabytes in (32, 128):
        bomb = a_bomb(megabytes)
        assert len(bomb) < megabytes * 1100
        tracemalloc.start()
        try:
            answer = client.post(PUSH, data=bomb, headers={"Content-Encoding": "gzip"})
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")
        assert peak < 3 * MAX_INFLATED_BYTES
    assert (outcomes(toy_sessions), kept_raw(toy_sessions)) == ([], [])


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"no gzip at all", 400),
        ("gzip", gzip.compress(b"[]", mtime=0)[:-3], 400),
        ("gzip", gzip.compress(b"[", mtime=0) + gzip.compress(b"]", mtime=0), 400),
        ("br", b"[]", 415),
    ],
)
def test_a_body_that_cannot_be_inflated_is_an_error_object(
    client: FlaskClient, encoding: str, body: bytes, status: int
) -> None:
    answer = client.post(PUSH, data=body, headers={"Content-Encoding": encoding})

    assert answer.status_code == status
    assert isinstance(answer.get_json(), dict)
