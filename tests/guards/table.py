"""Every guard of the engine: what is taken away, which test must fail then, and what it promises."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

from sqlalchemy import true
from sqlalchemy.orm import Session

import sync.api
import sync.documents
import sync.pull
import sync.push
import sync.receipts
import sync.reconcile
import sync.retention
import sync.settling
from server import replication
from server.backups import restoring
from server.cadence import upkeep as cadence_upkeep
from server.desk import queries as desk_queries
from server.evidence import ops as evidence_ops
from server.grids import ops as grids_ops
from server.kernel import clients
from server.kernel.work import Kernel
from server.org import ops as org_ops
from server.patrols import stops
from server.records import rectification
from sync import feed
from tests.guards.removals import (
    Remove,
    all_that_is_old,
    answered_and_lost,
    any_upload,
    as_one_who_may_pull,
    attest_all,
    everything_seen,
    files_shown_to_all,
    instead,
    never,
    nothing,
    only_current_rows,
    records_overwritten,
    refuse_all,
)


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard: ``removed`` says in words what ``remove`` takes away."""

    name: str
    promise: str
    removed: str
    test: str
    remove: Remove


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
        instead(grids_ops, "hold_cells", nothing),
    ),
    Guard(
        "grants claim the cell",
        "A record written while its cell is handed over reaches the new squad",
        "FOR UPDATE on the cell by grants and revokes",
        "tests/sync/test_scope_race.py::test_a_record_begun_during_a_hand_over_reaches_the_new_squad",
        instead(grids_ops, "claim_cells", nothing),
    ),
    Guard(
        "one applier at a time",
        "Two who carry out changes of scope at once do not each carry out half",
        "the advisory lock of apply_due_scope",
        "tests/sync/test_scope_race.py::test_a_transfer_and_a_hand_over_at_once_give_the_newcomer_the_cell",
        instead(grids_ops, "await_turn", nothing),
    ),
    Guard(
        "the last word on duty",
        "Of two hand-overs at once the one that is written last is the last by what became known, too",
        "the refusal of a hand-over that asked before another and comes after it",
        "tests/sync/test_duty_race.py::test_whoever_asked_before_and_comes_after_is_refused",
        instead(grids_ops, "refuse_overtaken", nothing),
    ),
    Guard(
        "what the cell ever fed",
        "What left a cell while the officer was offline leaves his device too",
        "fed and what the squad's feed told: the documents that lie in the cell now are touched instead",
        "tests/sync/test_scope.py::test_an_outlet_that_moved_to_a_third_squad_leaves_an_officer_who_changes_squads",
        only_current_rows,
    ),
    Guard(
        "what the squad's feed told",
        "Who leaves a squad keeps what he is on, and loses what the squad lost before he pulled",
        "passing the squad's feed on to whoever leaves",
        "tests/sync/test_scope.py::test_a_new_handheld_gets_what_its_officer_wrote_in_a_squad_that_he_left",
        instead(feed, "pass_on", nothing),
    ),
    Guard(
        "what a squad is told of by itself",
        "Whoever joins a squad gets its patrols, and whoever leaves it loses them, in whatever cells it has duty",
        "passing patrols and stops on to whoever comes to a squad or leaves it",
        "tests/sync/test_patrols_scope.py::test_somebody_who_joins_the_squad_gets_what_was_published_before",
        instead(org_ops, "pass_on", nothing),
    ),
    Guard(
        "visibility when reading",
        "What left the reader's scope comes as a tombstone, and a feed row alone shows nothing",
        "the look into scope when documents are read",
        "tests/sync/test_scope.py::test_a_hand_over_takes_from_one_squad_and_gives_to_the_other",
        everything_seen,
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
        instead(sync.settling, "feed", SimpleNamespace(touch=nothing)),
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
        instead(sync.push, "read_rows", refuse_all),
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
        records_overwritten,
    ),
    Guard(
        "edits begin from the present state",
        "Of two edits from one state the first wins, and the second is kept as a conflict",
        "the comparison of the assumed edit_id of a rectification",
        "tests/sync/test_records_push.py::test_edits_of_one_rectification_on_two_devices_conflict_by_edit",
        instead(rectification, "_began_elsewhere", lambda _order, _row: False),
    ),
    Guard(
        "edit id of a stop",
        "Two of a team who edit one stop conflict, and a word on what was withdrawn does",
        "the comparison of the assumed edit_id of a stop, and of its state",
        "tests/sync/test_patrols_scope.py::test_two_of_a_team_on_the_same_stop_conflict_and_a_replay_does_not",
        instead(stops, "_may_follow", lambda _stop, _row: True),
    ),
    Guard(
        "revoked device",
        "Nothing comes down to a device that was revoked",
        "may_pull of the reader",
        "tests/sync/test_records_push.py::test_a_revoked_device_lands_its_records_and_is_sent_nothing",
        instead(replication, "replace", as_one_who_may_pull),
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
        instead(sync.reconcile, "feed_of", SimpleNamespace(touch=nothing)),
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
        instead(Kernel, "work", answered_and_lost),
    ),
    Guard(
        "what is fed is remembered",
        "A hand-over takes along what was written in the cell before it",
        "the note in fed of what a cell was told of",
        "tests/sync/test_scope_race.py"
        "::test_a_hand_over_waits_for_a_record_that_is_being_written_and_takes_it_along",
        instead(feed, "remember", nothing),
    ),
    Guard(
        "receipt",
        "A receipt speaks of what the server has, and of nothing else",
        "the look into the push log and the quarantine: what is asked for is attested",
        "tests/sync/test_receipts.py::test_guard_what_the_server_does_not_have_is_on_no_receipt",
        instead(sync.receipts, "_rows", attest_all),
    ),
    Guard(
        "sha256",
        "A file is what its device said it is; other bytes are kept apart",
        "the comparison of the bytes' SHA-256 with the one that was announced",
        "tests/evidence/test_files_of_records.py"
        "::test_guard_other_bytes_than_claimed_are_quarantined_and_kept",
        instead(evidence_ops, "judge_upload", lambda *_given: ("stored", None)),
    ),
    Guard(
        "files are seen by scope",
        "A file is served to whoever may see its record",
        "the look into scope when a file is asked for",
        "tests/evidence/test_serving.py::test_guard_a_file_is_served_to_whoever_may_see_its_record_only",
        files_shown_to_all,
    ),
    Guard(
        "restored transaction ids",
        "After a restore devices start over and nothing stays hidden above the horizon",
        "the new epoch and the new transaction ids of a restore",
        "tests/backups/test_restore.py"
        "::test_devices_meet_a_new_epoch_and_every_document_below_the_horizon_guard",
        instead(restoring, "start_over", nothing),
    ),
    Guard(
        "subjects are held",
        "Two visits of one outlet pushed at once are judged together",
        "the lock on the outlet whose obligations are settled",
        "tests/sync/test_records_race.py::test_two_visits_of_one_outlet_pushed_at_once_are_judged_together",
        instead(cadence_upkeep, "hold_subjects", nothing),
    ),
    Guard(
        "retention: what is seen",
        "What a reader may see is never pruned from his feed",
        "the look into what the readers of a feed see before it is pruned",
        "tests/sync/test_retention.py::test_guard_what_one_of_several_readers_may_see_stays",
        instead(sync.retention, "_unseen", all_that_is_old),
    ),
    Guard(
        "retention: who missed it",
        "A device that was away for longer than tombstones are kept starts over",
        "the look into what was pruned beyond the checkpoint",
        "tests/sync/test_retention.py"
        "::test_a_device_away_for_91_days_starts_over_and_ends_with_what_may_be_seen",
        instead(sync.pull, "exists", never),
    ),
    Guard(
        "expired device",
        "A device whose time is over lands what it has and gets nothing down",
        "may_pull of the reader",
        "tests/access/test_expiry.py::test_an_expired_handheld_lands_what_it_has_and_gets_nothing_down_guard",
        instead(replication, "replace", as_one_who_may_pull),
    ),
    Guard(
        "app too old",
        "An app that is older than the bureau allows does not sync",
        "the look at the app's version",
        "tests/api/test_client_version.py::test_only_sync_asks",
        instead(clients, "must_be_new_enough", nothing),
    ),
    Guard(
        "uploads have an owner",
        "An upload is of one account on one device",
        "the account and the device out of the look for an upload",
        "tests/evidence/test_tus.py::test_guard_an_upload_is_of_one_account_on_one_device",
        instead(evidence_ops, "own_upload", any_upload),
    ),
)
