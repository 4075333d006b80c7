"""Reconcile: a device that diverged is healed, whatever it holds, and nothing is told that it may not know."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from sync import feed, tables
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.toy import BUREAU, EVERYBODY, MYSELF, note, reader_of, toy_app

Answer = dict[str, Any]
HEALED: Answer = {"touched": 0, "push": [], "differs": [], "malformed": 0}


@pytest.fixture
def client(toy_sessions: sessionmaker[Session]) -> FlaskClient:
    return toy_app(toy_sessions, reader_of()).test_client()


@pytest.fixture
def device(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> Handheld:
    return Handheld(client, toy_sessions, limit=4)


def a_note(text: str = "a note") -> Document:
    return {"id": str(uuid.uuid4()), "edit_id": str(uuid.uuid4()), "_deleted": False, "text": text}


def write_behind(sessions: sessionmaker[Session], text: str, *, hidden: bool = False) -> str:
    """A note that the server has and that no feed has told of since the device pulled."""
    written = uuid.uuid4()
    with sessions.begin() as session:
        session.execute(insert(note).values(id=written, edit_id=uuid.uuid4(), text=text, hidden=hidden))
        feed.touch(session, BUREAU, "notes", [(EVERYBODY, written)])
    return str(written)


def change_behind(sessions: sessionmaker[Session], document_id: str, **values: Any) -> None:
    """A change that the device missed: written, and never touched."""
    with sessions.begin() as session:
        session.execute(update(note).where(note.c.id == uuid.UUID(document_id)).values(**values))


# ── what differs ──────────────────────────────────────────────────────────────────────────────────


def test_a_device_that_holds_what_it_may_see_is_told_nothing(device: Handheld) -> None:
    device.push("notes", *(a_note(f"{n}") for n in range(9)))
    device.pull("notes")

    assert device.reconcile("notes") == HEALED


def test_what_is_held_in_another_edit_comes_again(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    stale, fresh = a_note("stale"), a_note("fresh")
    device.push("notes", stale, fresh)
    device.pull("notes")
    change_behind(toy_sessions, stale["id"], edit_id=uuid.uuid4(), text="newer")
    assert device.pull("notes") == []

    assert device.reconcile("notes") == HEALED | {"touched": 1, "differs": [stale["id"]]}

    assert [document["text"] for document in device.pull("notes")] == ["newer"]
    assert device.reconcile("notes") == HEALED


def test_what_may_no_longer_be_seen_goes_as_a_tombstone(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    lost = a_note()
    device.push("notes", lost)
    device.pull("notes")
    change_behind(toy_sessions, lost["id"], hidden=True)

    assert device.reconcile("notes") == HEALED | {"touched": 1, "differs": [lost["id"]]}

    assert device.pull("notes") == [{"id": lost["id"], "_deleted": True}]
    assert device.held["notes"] == {}


def test_what_may_be_seen_and_is_not_held_comes(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    device.pull("notes")
    write_behind(toy_sessions, "hidden", hidden=True)
    seen = write_behind(toy_sessions, "seen")
    device.pull("notes")
    device.held["notes"].clear()

    assert device.reconcile("notes") == HEALED | {"touched": 1}
    device.pull("notes")
    assert set(device.held["notes"]) == {seen}


def test_a_row_that_the_server_never_had_is_to_be_pushed(device: Handheld) -> None:
    device.push("notes", a_note("known"))
    device.pull("notes")
    skipped = a_note("skipped by the client")
    device.held["notes"][skipped["id"]] = skipped

    assert device.reconcile("notes") == HEALED | {"push": [skipped["id"]]}

    assert device.push("notes", skipped) == []
    device.pull("notes")
    assert device.reconcile("notes") == HEALED


def test_a_row_that_the_server_never_had_goes_where_devices_create_none(
    client: FlaskClient, device: Handheld
) -> None:
    unknown = str(uuid.uuid4())
    device.held["posters"] = {unknown: {"id": unknown, "edit_id": str(uuid.uuid4())}}

    assert device.reconcile("posters") == HEALED | {"touched": 1, "differs": [unknown]}
    assert device.pull("posters") == [{"id": unknown, "_deleted": True}]
    assert device.reconcile("posters") == HEALED


def test_what_still_differs_on_the_second_pass_is_stuck_in_the_client(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    stuck = a_note()
    device.push("notes", stuck)
    device.pull("notes")
    change_behind(toy_sessions, stuck["id"], edit_id=uuid.uuid4())
    first = device.reconcile("notes")
    device.pull("notes")
    device.held["notes"][stuck["id"]] = stuck

    assert device.reconcile("notes")["differs"] == first["differs"] == [stuck["id"]]


# ── rows in quarantine ────────────────────────────────────────────────────────────────────────────


def test_a_row_in_quarantine_is_left_as_it_was_answered(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    unfit = a_note() | {"weight": 2**40}
    device.push("notes", unfit)
    assert device.held["notes"][unfit["id"]]["review"]

    assert device.reconcile("notes") == HEALED

    for resolution, answer in (("dismissed", HEALED), ("retried", HEALED | {"push": [unfit["id"]]})):
        with toy_sessions.begin() as session:
            session.execute(
                update(tables.quarantine).values(resolved_at=tables.quarantine.c.at, resolution=resolution)
            )
        assert device.reconcile("notes") == answer


def test_a_row_in_quarantine_whose_answer_was_lost_is_to_be_pushed_again(device: Handheld) -> None:
    unfit = a_note() | {"weight": 2**40}
    device.push("notes", unfit)
    device.held["notes"][unfit["id"]] = unfit

    assert device.reconcile("notes") == HEALED | {"push": [unfit["id"]]}


# ── who asks ──────────────────────────────────────────────────────────────────────────────────────


def test_only_the_reader_who_differs_is_touched(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    device.push("notes", a_note())
    device.pull("notes")
    device.held["notes"].clear()
    device.reconcile("notes")

    with toy_sessions() as session:
        rows = session.execute(
            select(tables.feed.c.principal).order_by(tables.feed.c.xid.desc(), tables.feed.c.seq.desc())
        )
        assert list(rows.scalars()) == [MYSELF, EVERYBODY]


def test_guard_a_reader_who_may_not_pull_learns_only_what_to_push(
    toy_sessions: sessionmaker[Session],
) -> None:
    write_behind(toy_sessions, "not his any more")
    client = toy_app(toy_sessions, reader_of(may_pull=False)).test_client()
    device = Handheld(client, toy_sessions)
    stale, unsent = a_note("stale"), a_note("unsent")
    device.push("notes", stale)
    device.held["notes"] = {one["id"]: one for one in (new_edit(stale), unsent)}

    assert device.reconcile("notes") == HEALED | {"push": [unsent["id"]]}
    with toy_sessions() as session:
        assert session.scalars(select(tables.feed.c.principal).distinct()).all() == [EVERYBODY]


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────


def test_pairs_that_are_none_are_counted_and_left_out(device: Handheld, client: FlaskClient) -> None:
    written = a_note()
    device.push("notes", written)
    pairs: list[Any] = [
        [written["id"], written["edit_id"]],
        [written["id"].upper(), written["edit_id"]],
        ["no uuid", written["edit_id"]],
        [written["id"], None],
        [written["id"]],
        [[], {}],
        {"id": written["id"]},
        7,
        None,
    ]

    answer = client.post("/sync/v1/notes/reconcile", json=pairs)

    assert answer.get_json() == HEALED | {"malformed": 8}


@pytest.mark.parametrize("body", ["", "{}", "7", "null", "[", '["\ud800"', "[" * 100_000, "[[1,2],]"])
def test_a_body_that_is_no_array_is_a_bad_envelope(client: FlaskClient, body: str) -> None:
    answer = client.post("/sync/v1/notes/reconcile", data=body.encode("utf-8", "surrogatepass"))

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_envelope")


def test_more_pairs_than_the_bound_are_a_bad_envelope(client: FlaskClient) -> None:
    answer = client.post("/sync/v1/notes/reconcile", json=[0] * 100_001)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_envelope")


def test_an_empty_device_and_an_empty_server_agree(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    with toy_sessions.begin() as session:
        session.execute(delete(note))

    assert device.reconcile("notes") == HEALED
