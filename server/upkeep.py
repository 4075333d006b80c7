"""One table: written table → the statements that keep what is derived from it, run before commit.

The ids that an operation passes to ``Work.wrote`` are those that the statements are keyed by, as noted here.
"""

from __future__ import annotations

from server.cadence.duties import move_with_workdays
from server.cadence.ops import sync_subjects
from server.cadence.roll_ups import hand_over
from server.cadence.upkeep import follow_workdays, settle_subjects, settle_visits
from server.clues.ops import draw_out_clues
from server.custody.drawing import draw_out_lists, move_deadlines
from server.dispatches.ops import draw_out_dispatches
from server.evidence.photo_checks import flag_by_photos
from server.handovers.ops import open_sheets
from server.kernel.work import Upkeep
from server.notices.incidents import tell_incidents
from server.outlets.upkeep import count_existing, note_registration, place_again
from server.papers.numbering import want_numbers
from server.patrols.running import draw_out_runs
from server.search.indexing import ask_for_texts

UPKEEP: Upkeep = {
    # Keyed by document: when the holidays of a year become known, grace ends on other days, and so does what is counted
    # in working days, by when it must be decided on registered goods too.
    "workday_year": (follow_workdays, move_with_workdays, move_deadlines),
    # Keyed by cell: a border that moved may move outlets and sites.
    "grid_cell": (place_again,),
    # Keyed by cell: what is open goes along with a hand-over, and a sheet is made of it.
    "duty_fact": (hand_over, open_sheets),
    # Keyed by outlet: what the register says becomes a fact, licences in a cell are counted, and a subject's periods
    # follow its status, its scope and its place.
    "outlet": (note_registration, count_existing, sync_subjects),
    # Keyed by site: what is open at a depot goes along to its new cell.
    "site": (settle_subjects,),
    # Keyed by subject: what is newly owed may be met already; a fact, an attempt or a waiver may meet, touch or
    # excuse what the subject owes.
    "obligation": (settle_subjects,),
    "visit_fact": (settle_visits,),
    "attempt_fact": (settle_subjects,),
    "waiver": (settle_subjects,),
    # Keyed by record, of any kind: photos that came before it and say another place or time, and what is found by words.
    "record": (flag_by_photos, ask_for_texts),
    # Keyed by the amending record: one that was linked later than it came may be the word on a clue that stands now.
    "amendment": (draw_out_clues,),
    # Keyed by record, by its kind: what it is to the nouns above. A clue is kept; a dispatch, the end of a patrol and a
    # session that names none tell who was out (of one patrol one after the other, for its runs take turns); an incident
    # is told at once; what gives papers wants numbers for them.
    "record.attempt": (want_numbers,),
    "record.clue": (draw_out_clues,),
    "record.depot_check": (want_numbers,),
    "record.dispatch": (draw_out_dispatches,),
    "record.ecig_check": (want_numbers,),
    "record.household_visit": (want_numbers,),
    "record.incident": (tell_incidents,),
    "record.manufacturer_check": (want_numbers,),
    "record.patrol": (draw_out_runs, draw_out_dispatches),
    "record.registration_list": (draw_out_lists, want_numbers),
    "record.road_check": (draw_out_dispatches, want_numbers),
    "record.site_visit": (want_numbers,),
    "record.unlicensed_check": (want_numbers,),
}
