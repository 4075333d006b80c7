"""Deciding at the desk, on the toy: lost edits put on the master by its own operation, kept rows tried again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sync.collection import Outcome, Retry
from sync.settling import (
    AlreadyResolved,
    Choice,
    Decision,
    MasterMoved,
    NotTaken,
    Tried,
    dismiss,
    retry,
    settle,
)
from sync.tables import push_log, push_settlement, quarantine
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.test_toy import a_note, as_held, client, row_of, send, stored_texts
from tests.sync.toy import COLLECTIONS, MYSELF, NOW, ToyWork, reader_of

__all__ = ["client"]
WHO = uuid.UUID(int=9)
NOTES = COLLECTIONS["notes"]


@pytest.fixture
def device(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> Handheld:
    return Handheld(client, toy_sessions, limit=4)


@pytest.fixture
def quarrel(device: Handheld) -> tuple[Document, Document]:
    """A master whose text and weight were changed, and an edit that lost: another text, and ``more``."""
    first = a_note("first", weight=1)
    master, loser = new_edit(first, text="theirs", weight=2), new_edit(first, text="ours", more={"by": "us"})
    device.push("notes", first)
    device.push("notes", master, assumed=[first])
    device.push("notes", loser, assumed=[first])
    return master, loser


Decide = Callable[..., uuid.UUID | None]


@pytest.fixture
def decide(toy_sessions: sessionmaker[Session]) -> Decide:
    """Settles the last lost edit."""

    def act(choice: Choice, seen: Document | None, fields: dict[str, Any] | None = None) -> uuid.UUID | None:
        edit = uuid.UUID(seen["edit_id"]) if seen else None
        with toy_sessions.begin() as session:
            line = session.execute(
                select(push_log).where(push_log.c.contested).order_by(push_log.c.seq.desc()).limit(1)
            ).one()
            decision = Decision(choice, fields or {}, "because", edit, WHO)
            return settle(ToyWork(session), reader_of(), NOTES, line, decision)

    return act


def decisions(sessions: sessionmaker[Session]) -> list[tuple[str, Any, bool]]:
    with sessions() as session:
        rows = session.execute(select(push_settlement).order_by(push_settlement.c.at, push_settlement.c.id))
        return sorted((row.choice, row.fields, row.edit_id is not None) for row in rows)


# ── edits that lost ───────────────────────────────────────────────────────────────────────────────


def test_the_master_stays_where_their_word_stands(
    device: Handheld, quarrel: tuple[Document, Document], decide: Decide, toy_sessions: sessionmaker[Session]
) -> None:
    master, _ = quarrel
    device.pull("notes")

    assert decide(Choice.THEIRS, master) is None
    assert device.pull("notes") == []
    assert decisions(toy_sessions) == [("theirs", {}, False)]
    with toy_sessions() as session:
        line = session.execute(select(push_log).where(push_log.c.contested)).one()
        (row,) = session.execute(select(push_settlement)).all()
    assert line.resolved_at == row.at == NOW
    assert (row.push_seq, row.settled_by, row.reason) == (line.seq, WHO, "because")


def test_what_the_lost_edit_changed_is_put_on_the_master(
    device: Handheld, quarrel: tuple[Document, Document], decide: Decide
) -> None:
    master, _ = quarrel

    edit_id = decide(Choice.OURS, master)
    device.pull("notes")

    merged = {**as_held(master), "text": "ours", "more": {"by": "us"}, "edit_id": str(edit_id)}
    assert device.held["notes"][master["id"]] == merged


def test_fields_of_a_merge_are_put_on_the_master(
    device: Handheld, quarrel: tuple[Document, Document], decide: Decide, toy_sessions: sessionmaker[Session]
) -> None:
    master, _ = quarrel

    edit_id = decide(Choice.MERGED, master, {"text": "both of us", "weight": 2})
    device.pull("notes")

    held = device.held["notes"][master["id"]]
    assert held == {**as_held(master), "text": "both of us", "edit_id": str(edit_id)}
    # What the master said already is no change.
    assert decisions(toy_sessions) == [("merged", {"text": "both of us"}, True)]


def test_a_decision_may_be_followed_by_another(
    device: Handheld, quarrel: tuple[Document, Document], decide: Decide, toy_sessions: sessionmaker[Session]
) -> None:
    master, _ = quarrel
    decide(Choice.OURS, master)
    device.pull("notes")
    decided = device.held["notes"][master["id"]]

    decide(Choice.MERGED, decided, {"text": "theirs", "more": None})
    device.pull("notes")

    after = device.held["notes"][master["id"]]
    assert {**after, "edit_id": ""} == {**as_held(master), "edit_id": ""}
    assert [choice for choice, _, _ in decisions(toy_sessions)] == ["merged", "ours"]


def test_a_master_that_moved_on_is_not_written_over(
    device: Handheld, quarrel: tuple[Document, Document], decide: Decide, toy_sessions: sessionmaker[Session]
) -> None:
    master, _ = quarrel
    later = new_edit(master, weight=3)
    device.push("notes", later, assumed=[master])

    for choice in Choice:
        with pytest.raises(MasterMoved) as moved:
            decide(choice, master, {"text": "x"} if choice is Choice.MERGED else None)
        assert moved.value.fields == ["weight"]
    assert decisions(toy_sessions) == []
    assert decide(Choice.OURS, later) is not None


@pytest.mark.parametrize(
    ("fields", "named", "codes"),
    [
        ({"colour": "red"}, ["colour"], []),
        ({"edit_id": "x"}, ["edit_id"], []),
        ({"stamp": 1}, ["stamp"], []),
        ({"weight": 2**40}, [], ["not_storable"]),
    ],
)
def test_a_decision_that_the_operation_does_not_take_is_none(
    quarrel: tuple[Document, Document],
    decide: Decide,
    toy_sessions: sessionmaker[Session],
    fields: dict[str, Any],
    named: list[str],
    codes: list[str],
) -> None:
    with pytest.raises(NotTaken) as refused:
        decide(Choice.MERGED, quarrel[0], fields)

    assert (refused.value.fields, [one["code"] for one in refused.value.review]) == (named, codes)
    assert (decisions(toy_sessions), stored_texts(toy_sessions)) == ([], ["theirs"])


def test_an_edit_of_what_was_deleted_meanwhile_can_stand(device: Handheld, decide: Decide) -> None:
    first = a_note("first")
    device.push("notes", first)
    gone = new_edit(first, _deleted=True)
    device.push("notes", gone, assumed=[first])
    device.push("notes", new_edit(first, text="it is still wanted"), assumed=[first])

    decide(Choice.OURS, gone)
    device.pull("notes")

    assert device.held["notes"][first["id"]]["text"] == "it is still wanted"


def test_a_delete_that_lost_can_stand(device: Handheld, decide: Decide) -> None:
    first = a_note("first")
    device.push("notes", first)
    master = new_edit(first, text="edited")
    device.push("notes", master, assumed=[first])
    device.push("notes", new_edit(first, _deleted=True), assumed=[first])

    decide(Choice.OURS, master)

    assert device.pull("notes") == [{"id": first["id"], "_deleted": True}]


# ── rows in quarantine ────────────────────────────────────────────────────────────────────────────

Again = Callable[..., Tried]


@pytest.fixture
def again(toy_sessions: sessionmaker[Session]) -> Again:
    """Tries the last kept row again, as the one who sent it."""

    def act(corrected: Document | None = None) -> Tried:
        with toy_sessions.begin() as session:
            kept = session.execute(select(quarantine).order_by(quarantine.c.at.desc()).limit(1)).one()
            reader = replace(reader_of(), retry=Retry(kept.at, corrected is not None))
            return retry(
                ToyWork(session), reader, NOTES, kept, corrected=corrected, reason="because", resolved_by=WHO
            )

    return act


def test_a_row_that_still_cannot_be_taken_stays_open(
    device: Handheld, again: Again, toy_sessions: sessionmaker[Session]
) -> None:
    bad = a_note("bad", weight=2**40)
    device.push("notes", bad)

    for _ in range(2):
        tried = again()
        assert (tried.outcome, tried.review[0]["code"]) == (Outcome.QUARANTINED, "not_storable")
    with toy_sessions() as session:
        assert session.scalars(select(quarantine.c.resolved_at)).all() == [None]


def test_a_row_put_right_at_the_desk_reaches_the_device_that_sent_it(
    device: Handheld, again: Again, toy_sessions: sessionmaker[Session]
) -> None:
    bad = a_note("bad", weight=2**40)
    device.push("notes", bad)
    held = device.held["notes"][bad["id"]]
    assert held["review"]

    tried = again({**bad, "weight": 4})
    device.pull("notes")

    assert (tried.outcome, tried.document_id) == (Outcome.ACCEPTED, uuid.UUID(bad["id"]))
    stored = device.held["notes"][bad["id"]]
    assert (stored["weight"], "review" in stored) == (4, False)
    assert stored["edit_id"] not in (bad["edit_id"], held["edit_id"])
    with toy_sessions() as session:
        kept = session.execute(select(quarantine)).one()
        line = session.execute(select(push_log).order_by(push_log.c.seq.desc()).limit(1)).one()
    assert (kept.resolution, kept.resolved_at, kept.resolved_by, kept.reason) == (
        "retried",
        NOW,
        WHO,
        "because",
    )
    assert json.loads(bytes(kept.raw))["newDocumentState"] == bad
    assert (line.outcome, line.quarantine_id) == ("accepted", kept.id)


def test_the_sender_s_own_feed_is_touched(
    again: Again, toy_sessions: sessionmaker[Session], device: Handheld
) -> None:
    from sync.tables import feed

    bad = a_note("bad", weight=2**40)
    device.push("notes", bad)
    again({**bad, "weight": 4})

    with toy_sessions() as session:
        assert (
            MYSELF in session.scalars(select(feed.c.principal).where(feed.c.id == uuid.UUID(bad["id"]))).all()
        )


def test_guard_a_device_that_sends_a_stored_row_again_gets_what_was_stored(
    device: Handheld, client: FlaskClient, again: Again
) -> None:
    """Its answer was lost, or it reconciles: neither the bad row nor our own answer may stay on it."""
    bad = {**a_note("bad"), "_deleted": 0}
    (answered,) = send(client, f"[{row_of(bad)}]")
    again({**bad, "_deleted": False, "weight": 4})
    device.pull("notes")
    stored = device.held["notes"][bad["id"]]

    assert send(client, f"[{row_of(bad)}]") == [stored]
    assert send(client, f"[{row_of(answered)}]") == [stored]


def test_an_edit_put_right_at_the_desk_begins_where_the_edit_began(device: Handheld, again: Again) -> None:
    first = a_note("first")
    device.push("notes", first)
    device.push("notes", new_edit(first, weight=2**40), assumed=[first])

    assert again({**first, "text": "right"}).outcome is Outcome.APPLIED


def test_an_edit_put_right_too_late_is_a_case_of_its_own(
    device: Handheld, again: Again, toy_sessions: sessionmaker[Session]
) -> None:
    first = a_note("first")
    device.push("notes", first)
    device.push("notes", new_edit(first, weight=2**40), assumed=[first])
    second = new_edit(first, text="second")
    device.push("notes", second, assumed=[first])

    assert again({**first, "text": "right"}).outcome is Outcome.CONFLICT
    with toy_sessions() as session:
        line = session.execute(select(push_log).where(push_log.c.contested)).one()
    assert (line.base, line.state["text"], line.theirs["text"]) == (first, "right", "second")
    device.pull("notes")
    assert device.held["notes"][first["id"]] == as_held(second)


@pytest.mark.parametrize("raw", ["{]", "7", '{"a": x}', '{"newDocumentState": null}'])
def test_a_row_that_was_none_can_be_put_right(client: FlaskClient, again: Again, raw: str) -> None:
    send(client, f"[{raw}]")

    assert again().outcome is Outcome.QUARANTINED
    assert again(a_note("right")).outcome is Outcome.ACCEPTED


def test_a_correction_that_is_no_document_is_told_why(device: Handheld, again: Again) -> None:
    device.push("notes", a_note("bad", weight=2**40))

    assert again({"id": "7", "text": "x"}).review == [{"code": "id_malformed", "path": "/id"}]


def test_a_row_is_dealt_with_once_and_may_be_taken_up_after_it_was_put_aside(
    device: Handheld, again: Again, toy_sessions: sessionmaker[Session]
) -> None:
    bad = a_note("bad", weight=2**40)
    device.push("notes", bad)

    def put_aside() -> None:
        with toy_sessions.begin() as session:
            kept = session.execute(select(quarantine)).one()
            dismiss(ToyWork(session), kept, reason="a test", resolved_by=WHO)

    put_aside()
    with pytest.raises(AlreadyResolved):
        put_aside()
    assert again({**bad, "weight": 4}).outcome is Outcome.ACCEPTED
    for act in (put_aside, again):
        with pytest.raises(AlreadyResolved):
            act()
