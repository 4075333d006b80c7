"""Every guard of the engine: what is taken away, which test must fail then, and what it promises.

Removing is replacing one small function or clause while a test runs. Nothing in the program knows of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, true
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

import sync.api
import sync.documents
import sync.pull
import sync.push
import sync.reconcile
from server import replication
from server.cadence import queries as cadence_queries
from server.cadence import upkeep as cadence_upkeep
from server.cadence.models import Obligation
from server.grids import ops as grids_ops
from server.grids import queries as grids_queries
from server.grids.models import GridCell
from server.outlets import queries as outlets_queries
from server.outlets.models import Outlet
from server.records import ops as records_ops
from server.records import queries as records_queries
from server.records import rectification, storing
from server.records.models import Record, Rectification
from sync import feed
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


def _reader_who_may_pull(**given: Any) -> Any:
    return _reader(**{**given, "may_pull": True})


_reader = replication.Reader


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
        "fed: the documents that lie in the cell now are touched instead",
        "tests/sync/test_scope.py::test_an_outlet_that_moved_to_a_third_squad_leaves_an_officer_who_changes_squads",
        instead(feed, "touch_origins", _current_rows),
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
        instead(replication, "Reader", _reader_who_may_pull),
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
        "subjects are held",
        "Two visits of one outlet pushed at once are judged together",
        "the lock on the outlet whose obligations are settled",
        "tests/sync/test_records_race.py::test_two_visits_of_one_outlet_pushed_at_once_are_judged_together",
        instead(cadence_upkeep, "hold_subjects", _nothing),
    ),
)
