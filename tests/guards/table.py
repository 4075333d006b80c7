"""Every guard of the engine: what is taken away, which test must fail then, and what it promises.

Removing is replacing one small function or clause while a test runs. Nothing in the program knows of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, true
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

import sync.api
import sync.documents
import sync.pull
import sync.push
import sync.receipts
import sync.reconcile
import sync.settling
from server import replication
from server.backups import restoring
from server.cadence import queries as cadence_queries
from server.cadence import upkeep as cadence_upkeep
from server.cadence.models import Obligation
from server.desk import queries as desk_queries
from server.evidence import ops as evidence_ops
from server.evidence import queries as evidence_queries
from server.grids import ops as grids_ops
from server.grids import queries as grids_queries
from server.grids.models import GridCell
from server.kernel.actor import Actor
from server.kernel.work import Kernel, Work, keep_up
from server.outlets import queries as outlets_queries
from server.outlets.models import Outlet
from server.records import ops as records_ops
from server.records import queries as records_queries
from server.records import rectification, storing
from server.records.models import Record, Rectification
from sync import feed
from sync.collection import Reader
from sync.envelope import BadEnvelope

Remove = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard: ``removed`` says in words what ``remove`` takes away."""

    name: str
    promise: str
    removed: str
    test: str
    remove: Remove


def forget_statements() -> None:
    """Statements are built once and remembered, so they are built anew where a guard goes or comes back."""
    for module in (sync.pull, sync.documents, sync.reconcile):
        for made in vars(module).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()


def instead(place: object, name: str, by: Any) -> Remove:
    """Replace one function or value of a module."""
    return lambda patch: patch.setattr(place, name, by)


def _nothing(*_given: Any, **_named: Any) -> None:
    """What is left of a guard that was a step of its own."""


# ── what replaces a guard where that takes more than a line ──────────────────────────────────────


def _current_rows(session: Session, bureau_id: uuid.UUID, grants: Iterable[tuple[str, uuid.UUID]]) -> None:
    """Touch what lies in the cells now, in place of what they ever fed."""
    tables = {
        "cells": (GridCell.id, GridCell.id),
        "outlets": (Outlet.id, Outlet.cell_id),
        "obligations": (Obligation.id, Obligation.cell_id),
        "records": (Record.id, Record.cell_id),
        "rectifications": (Rectification.id, Rectification.cell_id),
    }
    for principal, cell in sorted(set(grants)):
        for collection, (own, lies_in) in tables.items():
            found = session.scalars(select(own).where(lies_in == cell)).all()
            feed.touch(session, bureau_id, collection, [(principal, one) for one in found])


def _only_current_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(feed, "touch_origins", _current_rows)
    patch.setattr(feed, "pass_on", _nothing)


def _everything_seen(patch: pytest.MonkeyPatch) -> None:
    for module in (grids_queries, outlets_queries, cadence_queries, records_queries):
        patch.setattr(module, "scope_holds", lambda _person, _cell: true())


def _refuse_all(body: bytes) -> Any:
    rows, malformed = read_rows(body)
    if malformed:
        raise BadEnvelope("a row of the body is malformed")
    return rows, malformed


read_rows = sync.push.read_rows


class _Overwriting(Insert):
    """An insert that lets the last word win where there is a record already."""

    inherit_cache = False

    def on_conflict_do_nothing(self, *_given: Any, **_named: Any) -> Any:
        stamps = ("edit_id", "flags", "findings", "valid")
        return self.on_conflict_do_update(
            index_elements=["id"], set_={name: self.excluded[name] for name in stamps}
        )


def _records_overwritten(patch: pytest.MonkeyPatch) -> None:
    look_round = records_ops.look_round
    patch.setattr(storing, "upsert", _Overwriting)
    patch.setattr(storing, "_store_children", _nothing)
    patch.setattr(
        records_ops,
        "look_round",
        lambda work, documents: [replace(one, known_edit_id=None) for one in look_round(work, documents)],
    )


@contextmanager
def _answered_and_lost(kernel: Kernel, actor: Actor, now: datetime) -> Iterator[Work]:
    """A unit of work of a server that answers first and dies before it commits."""
    with kernel.sessions() as session:
        work = Work(session=session, actor=actor, now=now, settings=kernel.settings)
        yield work
        keep_up(work, kernel.upkeep)
        session.rollback()


def _attest_all(_transaction: Any, _reader: Any, _files_of: Any, ids: Iterable[uuid.UUID]) -> list[Any]:
    return [
        {
            "id": one,
            "collection": "notes",
            "edit_id": one,
            "state": "stored",
            "received_at": None,
            "files": [],
            "missing_files": [],
        }
        for one in ids
    ]


def _files_shown_to_all(patch: pytest.MonkeyPatch) -> None:
    opened = FlaskClient.open

    def read_whole(self: FlaskClient, *given: Any, **named: Any) -> Any:
        """A file that nobody expected to be served is not left open."""
        return opened(self, *given, **{**named, "buffered": True})

    patch.setattr(FlaskClient, "open", read_whole)
    patch.setattr(evidence_queries, "visible_record", lambda work, one: work.session.get(Record, one))


def _as_one_who_may_pull(reader: Reader, **changes: Any) -> Reader:
    return replace(reader, **{**changes, "may_pull": True})


GUARDS: tuple[Guard, ...] = (
    Guard(
        "horizon",
        "A row that commits late is not skipped by a device that has pulled past it",
        "the condition xid < pg_snapshot_xmin(…) of the pull",
        "tests/sync/test_cursor.py::test_a_transaction_that_began_first_and_commits_last_is_pulled",
        instead(sync.pull, "below_horizon", true),
    ),
    Guard(
        "cursor: transaction",
        "The cursor goes by transaction first: numbers are drawn in another order than transactions begin",
        "xid out of the pair (xid, seq) that a page begins after",
        "tests/sync/test_cursor.py"
        "::test_a_row_of_a_later_transaction_is_pulled_though_an_earlier_one_has_greater_numbers",
        instead(sync.pull, "tuple_", lambda _xid, seq: seq),
    ),
    Guard(
        "cursor: number",
        "A transaction that is longer than a page comes whole",
        "seq out of the pair (xid, seq) that a page begins after",
        "tests/sync/test_cursor.py::test_a_transaction_that_is_cut_by_the_end_of_a_page_is_pulled_whole",
        instead(sync.pull, "tuple_", lambda xid, _seq: xid),
    ),
    Guard(
        "epoch",
        "A checkpoint of another database starts over",
        "the comparison of the checkpoint's epoch",
        "tests/sync/test_toy.py::test_a_checkpoint_of_another_epoch_starts_over",
        instead(sync.pull, "case", lambda *_whens, else_: else_),
    ),
    Guard(
        "writers hold the cell",
        "A document written while its cell is handed over reaches the new squad as it is",
        "FOR KEY SHARE on the cell by whoever writes in it",
        "tests/sync/test_scope_race.py::test_an_edit_begun_during_a_hand_over_reaches_the_new_squad",
        instead(grids_ops, "hold_cells", _nothing),
    ),
    Guard(
        "grants claim the cell",
        "A record written while its cell is handed over reaches the new squad",
        "FOR UPDATE on the cell by grants and revokes",
        "tests/sync/test_scope_race.py::test_a_record_begun_during_a_hand_over_reaches_the_new_squad",
        instead(grids_ops, "claim_cells", _nothing),
    ),
    Guard(
        "one applier at a time",
        "Two who carry out changes of scope at once do not each carry out half",
        "the advisory lock of apply_due_scope",
        "tests/sync/test_scope_race.py::test_a_transfer_and_a_hand_over_at_once_give_the_newcomer_the_cell",
        instead(grids_ops, "await_turn", _nothing),
    ),
    Guard(
        "what the cell ever fed",
        "What left a cell while the officer was offline leaves his device too",
        "fed and what the squad's feed told: the documents that lie in the cell now are touched instead",
        "tests/sync/test_scope.py::test_an_outlet_that_moved_to_a_third_squad_leaves_an_officer_who_changes_squads",
        _only_current_rows,
    ),
    Guard(
        "what the squad's feed told",
        "Who leaves a squad keeps what he is on, and loses what the squad lost before he pulled",
        "passing the squad's feed on to whoever leaves",
        "tests/sync/test_scope.py::test_a_new_handheld_gets_what_its_officer_wrote_in_a_squad_that_he_left",
        instead(feed, "pass_on", _nothing),
    ),
    Guard(
        "visibility when reading",
        "What left the reader's scope comes as a tombstone, and a feed row alone shows nothing",
        "the look into scope when documents are read",
        "tests/sync/test_scope.py::test_a_hand_over_takes_from_one_squad_and_gives_to_the_other",
        _everything_seen,
    ),
    Guard(
        "savepoint",
        "A row that the database refuses does not take its neighbours with it",
        "the savepoint round the operation",
        "tests/sync/test_toy_push.py::test_guard_a_row_that_the_database_refuses_leaves_its_neighbours_stored",
        instead(Session, "begin_nested", lambda _self: nullcontext()),
    ),
    Guard(
        "halving",
        "One bad row among 500 costs 19 savepoints, and the good ones go in bulk again",
        "halving: after a data error every row goes by itself",
        "tests/sync/test_toy_push.py::test_guard_a_bad_row_among_500_does_not_cost_500_savepoints[bad0-19]",
        instead(sync.push, "_halves", lambda rows: [[row] for row in rows]),
    ),
    Guard(
        "decided on what was seen",
        "A decision at the desk does not write over a document that moved on meanwhile",
        "the comparison of the master with the one that was looked at",
        "tests/desk/test_conflicts.py::test_a_document_that_moved_on_is_not_written_over",
        instead(sync.settling, "_looked_at", lambda _now, _decision: True),
    ),
    Guard(
        "desk: scope",
        "A leader sees and settles the conflicts of his scope only",
        "the look into scope at the desk",
        "tests/desk/test_conflicts.py::test_a_leader_sees_the_conflicts_of_his_scope_and_no_others",
        instead(desk_queries, "_reached", lambda *_given: true()),
    ),
    Guard(
        "desk: the sender's device",
        "A row put right at the desk reaches the device that sent it",
        "the touch of the sender's own feed",
        "tests/sync/test_toy_settling.py::test_the_sender_s_own_feed_is_touched",
        instead(sync.settling, "feed", SimpleNamespace(touch=_nothing)),
    ),
    Guard(
        "desk: stored meanwhile",
        "A row that was stored from the desk is not answered as malformed when it is sent again",
        "answering such a row by what was stored",
        "tests/sync/test_toy_settling.py"
        "::test_guard_a_device_that_sends_a_stored_row_again_gets_what_was_stored",
        instead(sync.push, "RETRIED", "nothing is"),
    ),
    Guard(
        "quarantine",
        "A malformed row is kept, and its neighbours go through",
        "setting malformed rows apart: the body is refused",
        "tests/sync/test_toy_push.py::test_guard_a_malformed_row_leaves_its_neighbours_stored",
        instead(sync.push, "read_rows", _refuse_all),
    ),
    Guard(
        "replay",
        "A replay is all well only where the reader still sees that edit",
        "the comparison of a replayed edit with what is seen",
        "tests/sync/test_toy_push.py::test_guard_a_replay_is_well_only_where_the_reader_still_sees_that_edit",
        instead(sync.push, "_still_stands", lambda _document, _edit: True),
    ),
    Guard(
        "insert only",
        "A record that is stored is never changed by a push",
        "insert-only: the last push of an id wins",
        "tests/sync/test_records_push.py::test_a_record_cannot_be_edited",
        _records_overwritten,
    ),
    Guard(
        "edits begin from the present state",
        "Of two edits from one state the first wins, and the second is kept as a conflict",
        "the comparison of the assumed edit_id of a rectification",
        "tests/sync/test_records_push.py::test_edits_of_one_rectification_on_two_devices_conflict_by_edit",
        instead(rectification, "_began_elsewhere", lambda _order, _row: False),
    ),
    Guard(
        "revoked device",
        "Nothing comes down to a device that was revoked",
        "may_pull of the reader",
        "tests/sync/test_records_push.py::test_a_revoked_device_lands_its_records_and_is_sent_nothing",
        instead(replication, "replace", _as_one_who_may_pull),
    ),
    Guard(
        "bounded inflation",
        "A small body that swells without end is refused",
        "the bound on what is inflated",
        "tests/sync/test_toy.py::test_a_body_that_swells_beyond_the_bound_is_too_large",
        instead(sync.api, "MAX_INFLATED_BYTES", 1 << 40),
    ),
    Guard(
        "reconcile touches",
        "A device that diverged is healed by reconciling",
        "the touch of what differs",
        "tests/sync/test_reconcile.py::test_what_is_held_in_another_edit_comes_again",
        instead(sync.reconcile, "feed_of", SimpleNamespace(touch=_nothing)),
    ),
    Guard(
        "told nothing",
        "A push of a revoked device lands and tells it nothing of what became of the documents",
        "the look at may_pull before a push is answered",
        "tests/sync/test_toy_push.py"
        "::test_guard_a_device_that_was_taken_back_lands_its_rows_and_is_told_nothing",
        instead(sync.push, "_may_be_told", lambda _reader: True),
    ),
    Guard(
        "answer after commit",
        "What is answered is stored, whatever happens to the server then",
        "the commit before the answer",
        "tests/sync/test_records_push.py::test_what_is_answered_is_there_for_everybody",
        instead(Kernel, "work", _answered_and_lost),
    ),
    Guard(
        "what is fed is remembered",
        "A hand-over takes along what was written in the cell before it",
        "the note in fed of what a cell was told of",
        "tests/sync/test_scope_race.py"
        "::test_a_hand_over_waits_for_a_record_that_is_being_written_and_takes_it_along",
        instead(feed, "remember", _nothing),
    ),
    Guard(
        "receipt",
        "A receipt speaks of what the server has, and of nothing else",
        "the look into the push log and the quarantine: what is asked for is attested",
        "tests/sync/test_receipts.py::test_guard_what_the_server_does_not_have_is_on_no_receipt",
        instead(sync.receipts, "_rows", _attest_all),
    ),
    Guard(
        "sha256",
        "A file is what its device said it is; other bytes are kept apart",
        "the comparison of the bytes' SHA-256 with the one that was announced",
        "tests/evidence/test_files_of_records.py"
        "::test_guard_other_bytes_than_claimed_are_quarantined_and_kept",
        instead(evidence_ops, "judge_upload", lambda *_given: "stored"),
    ),
    Guard(
        "files are seen by scope",
        "A file is served to whoever may see its record",
        "the look into scope when a file is asked for",
        "tests/evidence/test_serving.py::test_guard_a_file_is_served_to_whoever_may_see_its_record_only",
        _files_shown_to_all,
    ),
    Guard(
        "restored transaction ids",
        "After a restore devices start over and nothing stays hidden above the horizon",
        "the new epoch and the new transaction ids of a restore",
        "tests/backups/test_restore.py"
        "::test_devices_meet_a_new_epoch_and_every_document_below_the_horizon_guard",
        instead(restoring, "start_over", _nothing),
    ),
    Guard(
        "subjects are held",
        "Two visits of one outlet pushed at once are judged together",
        "the lock on the outlet whose obligations are settled",
        "tests/sync/test_records_race.py::test_two_visits_of_one_outlet_pushed_at_once_are_judged_together",
        instead(cadence_upkeep, "hold_subjects", _nothing),
    ),
)
