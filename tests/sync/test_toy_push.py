"""What becomes of each row of a push, and what is kept of a row that lost."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select, update
from sqlalchemy.orm import Session, sessionmaker

from sync.push import push
from sync.tables import push_log, quarantine
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.interleaving import Rival
from tests.sync.test_toy import PULL, a_note, as_held, client, kept_raw, outcomes, row_of, send, stored_texts
from tests.sync.toy import COLLECTIONS, DEVICE, READER, ToyWork, note, reader_of, toy_app

__all__ = ["client"]


@pytest.fixture
def device(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> Handheld:
    return Handheld(client, toy_sessions, limit=4)


def lines(sessions: sessionmaker[Session]) -> list[Any]:
    with sessions() as session:
        return list(session.execute(select(push_log).order_by(push_log.c.seq)))


def contested(sessions: sessionmaker[Session]) -> list[str]:
    return [line.state["text"] for line in lines(sessions) if line.contested]


@contextmanager
def savepoints(engine: Engine) -> Iterator[list[str]]:
    """The savepoints that are begun while the block runs."""
    begun: list[str] = []

    def note_one(_connection: Any, name: str) -> None:
        begun.append(name)

    event.listen(engine, "savepoint", note_one)
    yield begun
    event.remove(engine, "savepoint", note_one)


# ── one bad row ───────────────────────────────────────────────────────────────────────────────────


def test_guard_a_row_that_the_database_refuses_leaves_its_neighbours_stored(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    rows = [a_note("before"), a_note("bad", weight=2**40), a_note("after")]

    (answered,) = send(client, "[" + ",".join(map(row_of, rows)) + "]")

    assert answered["id"] == rows[1]["id"]
    assert stored_texts(toy_sessions) == ["after", "before"]


def test_guard_a_malformed_row_leaves_its_neighbours_stored(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    rows = [row_of(a_note("before")), "{]", row_of({**a_note("bad"), "_deleted": 1}), row_of(a_note("after"))]

    (answered,) = send(client, f"[{','.join(rows)}]")

    assert answered["review"] == [{"code": "deleted_malformed", "path": "/_deleted"}]
    assert stored_texts(toy_sessions) == ["after", "before"]
    assert {*kept_raw(toy_sessions)} == {rows[1].encode(), rows[2].encode()}


@pytest.mark.parametrize(("bad", "most"), [([250], 19), ([0, 499], 37), ([], 1)])
def test_guard_a_bad_row_among_500_does_not_cost_500_savepoints(
    client: FlaskClient, toy_engine: Engine, toy_sessions: sessionmaker[Session], bad: list[int], most: int
) -> None:
    rows = [a_note(f"{n:03}", weight=2**40 if n in bad else n) for n in range(500)]

    with savepoints(toy_engine) as begun:
        answered = send(client, "[" + ",".join(map(row_of, rows)) + "]")

    assert len(begun) <= most
    assert [one["id"] for one in answered] == [rows[n]["id"] for n in bad]
    assert stored_texts(toy_sessions) == [f"{n:03}" for n in range(500) if n not in bad]


def test_a_row_that_is_refused_is_kept_with_the_state_it_began_from(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    send(client, f"[{row_of(first)}]")
    row = json.dumps(
        {"assumedMasterState": first, "newDocumentState": new_edit(first, weight=2**40)}, indent=1
    )

    send(client, f"[ {row} ]")

    assert kept_raw(toy_sessions) == [row.encode()]


# ── the log ───────────────────────────────────────────────────────────────────────────────────────


def test_every_row_has_a_line_and_a_quarantined_one_names_what_was_kept(
    client: FlaskClient, toy_sessions: sessionmaker[Session]
) -> None:
    good, bad = a_note("good"), {**a_note("bad"), "edit_id": "seven"}
    send(client, f"[7,{row_of(bad)},{row_of(good)}]")

    with toy_sessions() as session:
        kept = {bytes(raw): key for key, raw in session.execute(select(quarantine.c.id, quarantine.c.raw))}
    found = lines(toy_sessions)
    assert [(line.outcome, line.document_id, line.edit_id, line.quarantine_id) for line in found] == [
        ("accepted", uuid.UUID(good["id"]), uuid.UUID(good["edit_id"]), None),
        ("quarantined", None, None, kept[b"7"]),
        ("quarantined", uuid.UUID(bad["id"]), None, kept[row_of(bad).encode()]),
    ]
    assert {(line.reader_id, line.device_id, line.state) for line in found} == {(READER, DEVICE, None)}


def test_the_log_keeps_three_sides_of_an_edit_that_lost(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    winner, loser = new_edit(first, text="winner"), new_edit(first, text="loser")
    device.push("notes", first)
    device.push("notes", winner, assumed=[first])

    assert device.push("notes", loser, assumed=[first]) == [as_held(winner)]

    line = lines(toy_sessions)[-1]
    assert (line.outcome, line.contested) == ("conflict", True)
    assert (line.base, line.state, line.theirs) == (first, loser, as_held(winner))
    assert line.their_edit_id == uuid.UUID(winner["edit_id"])
    device.push("notes", new_edit(winner, text="moved on"), assumed=[winner])
    assert lines(toy_sessions)[2] == line


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_a_state_to_begin_from_that_the_database_cannot_hold_is_kept_readable(
    client: FlaskClient, toy_sessions: sessionmaker[Session], text: str
) -> None:
    first = a_note("first")
    send(client, f"[{row_of(first)}]")
    assumed = {**new_edit(first), "text": text}
    row = json.dumps({"assumedMasterState": assumed, "newDocumentState": new_edit(first, text="lost")})

    assert send(client, f"[{row}]") == [as_held(first)]
    assert lines(toy_sessions)[-1].base["text"] == "a\ufffdb"


@pytest.mark.parametrize("depth", [300, 900, 1015])
def test_a_state_to_begin_from_that_nests_without_end_is_not_kept_and_stops_nothing(
    client: FlaskClient, toy_sessions: sessionmaker[Session], depth: int
) -> None:
    first = a_note("first")
    send(client, f"[{row_of(first)}]")
    row = json.dumps({"assumedMasterState": {"x": "DEEP"}, "newDocumentState": new_edit(first, text="lost")})

    send(client, f"[{row}]".replace('"DEEP"', "[" * depth + "]" * depth))

    assert (lines(toy_sessions)[-1].base, contested(toy_sessions)) == (None, ["lost"])


# ── who has to decide ─────────────────────────────────────────────────────────────────────────────


def test_an_edit_that_says_what_the_master_says_is_nobody_s_case(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)

    device.push("notes", new_edit(first, stamp="of the server", weight=None), assumed=[new_edit(first)])

    line = lines(toy_sessions)[-1]
    assert (line.outcome, line.contested) == ("conflict", False)


def test_an_edit_that_lost_is_one_case_however_often_it_is_sent(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    loser = new_edit(first, text="loser")

    for _ in range(2):
        assert device.push("notes", loser, loser) == [as_held(first)]
    assert contested(toy_sessions) == ["loser"]
    device.push("notes", {**loser, "text": "under the same edit"})
    assert contested(toy_sessions) == ["loser", "under the same edit"]


def test_a_delete_of_what_is_gone_is_nobody_s_case(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    device.push("notes", new_edit(first, _deleted=True), assumed=[first])

    device.push("notes", new_edit(first, _deleted=True), assumed=[first])
    assert contested(toy_sessions) == []
    device.push("notes", new_edit(first, text="it is still wanted"), assumed=[first])
    assert contested(toy_sessions) == ["it is still wanted"]


# ── replays ───────────────────────────────────────────────────────────────────────────────────────


def test_guard_a_replay_is_well_only_where_the_reader_still_sees_that_edit(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    assert device.push("notes", first) == []
    second = new_edit(first, text="second")
    device.push("notes", second, assumed=[first])

    assert device.push("notes", first) == [as_held(second)]
    assert outcomes(toy_sessions) == ["accepted", "replayed", "applied", "replayed"]
    assert contested(toy_sessions) == []


def test_guard_a_replay_of_what_the_reader_no_longer_sees_takes_it_off_the_device(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    with toy_sessions.begin() as session:
        session.execute(update(note).values(hidden=True))

    assert device.push("notes", first) == [{"id": first["id"], "_deleted": True}]


def push_in(session: Session, new: Document, assumed: Document | None = None) -> list[Document]:
    """Push one row in a transaction whose commit is the caller's."""
    row = {"newDocumentState": new} | ({"assumedMasterState": assumed} if assumed else {})
    answer = push(ToyWork(session), reader_of(), COLLECTIONS["notes"], json.dumps([row]).encode())
    masters: list[Document] = json.loads(answer)
    return masters


def test_a_replay_that_meets_an_overwrite_is_answered_by_what_overwrote(
    toy_sessions: sessionmaker[Session], device: Handheld
) -> None:
    """The answer was lost, the device sends again, and meanwhile somebody else's edit of it is not yet committed."""
    first = a_note("first")
    device.push("notes", first)
    second = new_edit(first, text="second")
    answers: list[Document] = []

    def replay() -> None:
        with toy_sessions.begin() as session:
            answers.extend(push_in(session, first))

    with toy_sessions.begin() as session:
        push_in(session, second, first)
        rival = Rival(toy_sessions, replay)
        assert rival.was_blocked
    rival.finish()

    assert answers == [as_held(second)]
    assert contested(toy_sessions) == []


def test_an_overwrite_that_meets_a_replay_comes_after_it(
    toy_sessions: sessionmaker[Session], device: Handheld
) -> None:
    first = a_note("first")
    device.push("notes", first)
    second = new_edit(first, text="second")

    def overwrite() -> None:
        with toy_sessions.begin() as session:
            assert push_in(session, second, first) == []

    with toy_sessions.begin() as session:
        assert push_in(session, first) == []
        rival = Rival(toy_sessions, overwrite)
        assert rival.was_blocked
    rival.finish()

    assert stored_texts(toy_sessions) == ["second"]


def test_an_edit_sent_twice_at_once_is_taken_once(toy_sessions: sessionmaker[Session]) -> None:
    first = a_note("first")
    answers: list[Document] = []

    def again() -> None:
        with toy_sessions.begin() as session:
            answers.extend(push_in(session, first))

    with toy_sessions.begin() as session:
        assert push_in(session, first) == []
        rival = Rival(toy_sessions, again)
        assert rival.was_blocked
    rival.finish()

    assert (answers, stored_texts(toy_sessions)) == ([], ["first"])
    assert outcomes(toy_sessions) == ["accepted", "replayed"]


# ── tombstones that come back ─────────────────────────────────────────────────────────────────────


def test_a_tombstone_of_ours_that_a_client_sends_back_is_answered_by_what_it_sees(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    held = a_note("still there")
    device.push("notes", held)
    gone = str(uuid.uuid4())
    tombstones = [{"id": one, "_deleted": True} for one in (held["id"], gone)]

    there, nowhere = send(device.client, f"[{','.join(map(row_of, tombstones))}]")

    assert there["text"] == "still there"
    assert nowhere == {"id": gone, "_deleted": True}
    assert kept_raw(toy_sessions) == []
    assert stored_texts(toy_sessions) == ["still there"]
    assert outcomes(toy_sessions) == ["accepted", "replayed", "replayed"]
    assert contested(toy_sessions) == []
    silenced = toy_app(toy_sessions, reader_of(may_pull=False)).test_client()
    assert send(silenced, f"[{','.join(map(row_of, tombstones))}]") == []


# ── a device that was taken back ──────────────────────────────────────────────────────────────────


def test_guard_a_device_that_was_taken_back_lands_its_rows_and_is_told_nothing(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    secret = new_edit(first, text="nothing for it")
    device.push("notes", secret, assumed=[first])
    silenced = toy_app(toy_sessions, reader_of(may_pull=False)).test_client()
    loser, fresh, bad = new_edit(first, text="loser"), a_note("fresh"), {**a_note("bad"), "_deleted": 0}

    answered = send(silenced, f"[{','.join(map(row_of, (first, loser, fresh, bad)))}]")

    # Its own malformed row comes back as it was sent, so that whoever has it in hand sees what is wrong.
    assert [one["text"] for one in answered] == ["bad"]
    assert stored_texts(toy_sessions) == ["fresh", "nothing for it"]
    assert contested(toy_sessions) == ["loser"]
    answer = silenced.get(PULL)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "device_revoked")


# ── rows that come back from quarantine ───────────────────────────────────────────────────────────


def test_an_answer_that_comes_back_unchanged_is_not_kept_again(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    (answered,) = device.push("notes", {**a_note("bad"), "weight": 2**40})

    assert device.push("notes", answered) == []
    assert device.push("notes", answered, assumed=[answered]) == []
    assert len(kept_raw(toy_sessions)) == 1
    assert outcomes(toy_sessions) == ["quarantined"] * 3
    assert len({line.quarantine_id for line in lines(toy_sessions)}) == 1


@pytest.mark.parametrize("rounds", [1, 3])
def test_an_edit_put_right_begins_where_the_edit_began_that_was_kept(
    device: Handheld, toy_sessions: sessionmaker[Session], rounds: int
) -> None:
    first = a_note("first")
    device.push("notes", first)
    bad, assumed = new_edit(first, weight=2**40), first
    for _ in range(rounds):
        (assumed,) = device.push("notes", bad, assumed=[assumed])
        bad = new_edit(assumed, weight=2**41)

    assert device.push("notes", new_edit(assumed, weight=7, text="right"), assumed=[assumed]) == []
    assert stored_texts(toy_sessions) == ["right"]


def test_an_edit_put_right_too_late_is_a_conflict_with_its_true_beginning(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    (answered,) = device.push("notes", new_edit(first, weight=2**40), assumed=[first])
    second = new_edit(first, text="second")
    device.push("notes", second, assumed=[first])

    right = new_edit(answered, weight=7)
    assert device.push("notes", right, assumed=[answered]) == [as_held(second)]
    line = lines(toy_sessions)[-1]
    assert (line.base, line.assumed_edit_id) == (first, uuid.UUID(first["edit_id"]))


def test_an_answer_that_comes_back_with_other_words_is_kept(
    device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    (answered,) = device.push("notes", {**a_note("bad"), "weight": 2**40})

    (again,) = device.push("notes", {**answered, "text": "worse"})

    assert again["edit_id"] != answered["edit_id"]
    assert len(kept_raw(toy_sessions)) == 2
