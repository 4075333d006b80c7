"""The state of obligations, by examples from the calendar of 2026.

Of use below: W37 is 7–13 September, an ordinary week with grace to Tuesday the 15th; W38 ends on Sunday the
20th, which works; W39 ends in Mid-Autumn; W40 ends in National Day, with grace to 9 October, inside W41.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from schemas.vocabulary import CadenceTier
from server.cadence.rules import (
    DEFAULT_POLICIES,
    History,
    Rulebook,
    StatusChange,
    TierPolicy,
    judge,
    owed_periods,
)
from tests.cadence.small_histories import (
    BEIJING,
    MONTHLY,
    QUARTERLY,
    RULEBOOK,
    WEEKLY,
    WORKDAYS,
    at,
    attempt,
    judged,
    owed,
    record,
    rulebook,
    states,
    status,
    visit,
    waiver,
)

LATER = "2026-12-01"


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-09-06 23:59", "upcoming"),
        ("2026-09-07 00:00", "open"),
        ("2026-09-09 23:59", "open"),
        ("2026-09-10 00:00", "due"),  # Thursday and Friday are the two working days left
        ("2026-09-13 23:59", "due"),
        ("2026-09-15 23:59", "due"),  # the last day of grace
        ("2026-09-16 00:00", "missed"),
    ],
)
def test_an_ordinary_week_by_the_clock(as_of: str, expected: str) -> None:
    assert states("2026-W37", as_of) == {"2026-W37": expected}


@pytest.mark.parametrize(
    ("key", "due_from", "grace_last_day"),
    [
        ("2026-W37", "2026-09-10", "2026-09-15"),
        ("2026-W38", "2026-09-18", "2026-09-22"),  # Friday and the working Sunday remain
        ("2026-W39", "2026-09-23", "2026-09-29"),
        ("2026-W40", "2026-09-29", "2026-10-09"),
        ("2026-W41", "2026-10-09", "2026-10-13"),
        ("2026-W07", "2026-02-13", "2026-02-25"),
        ("2026-07", "2026-07-30", "2026-08-05"),  # ends on a Friday
        ("2026-09", "2026-09-29", "2026-10-10"),
        ("2026-Q3", "2026-09-29", "2026-10-13"),
    ],
)
def test_the_days_that_decide(key: str, due_from: str, grace_last_day: str) -> None:
    obligation = owed(key)
    window = RULEBOOK.window(obligation.tier, obligation.first_day, obligation.last_day)
    assert window.due_from == date.fromisoformat(due_from)
    assert window.grace_last_day == date.fromisoformat(grace_last_day)
    assert not window.provisional


def test_nothing_is_due_before_it_begins() -> None:
    week = owed("2026-W40")
    patient = rulebook(due_soon_working_days=9)
    assert patient.window(WEEKLY, week.first_day, week.last_day).due_from == week.first_day


def test_sunday_2358_counts_for_sundays_week_whenever_it_arrives() -> None:
    late_upload = visit(1, "2026-09-13 23:58", known="2026-09-14 08:00")
    found = judged("2026-W37 2026-W38", "2026-09-14 09:00", [late_upload])
    assert found["2026-W37"].state == "met"
    assert (found["2026-W37"].met_by, found["2026-W37"].days_late) == (record(1), 0)
    assert found["2026-W38"].state == "open"


def test_midnight_begins_grace_and_grace_ends_at_midnight() -> None:
    first = judged("2026-W37", LATER, [visit(1, "2026-09-14 00:00")])["2026-W37"]
    assert (first.state, first.days_late, first.performed_at) == ("met_late", 1, at("2026-09-14 00:00"))
    last = judged("2026-W37", LATER, [visit(1, "2026-09-15 23:59")])["2026-W37"]
    assert (last.state, last.days_late) == ("met_late", 2)
    assert states("2026-W37", LATER, [visit(1, "2026-09-16 00:00")]) == {"2026-W37": "missed"}


def test_the_oldest_debt_is_paid_first_even_where_two_graces_meet() -> None:
    found = judged("2026-W40 2026-W41", LATER, [visit(1, "2026-10-08"), visit(2, "2026-10-11")])
    assert found["2026-W40"].met_by == record(1)
    assert (found["2026-W41"].met_by, found["2026-W41"].state) == (record(2), "met")
    long_grace = rulebook(grace_working_days=10)
    assert states("2026-W36 2026-W37 2026-W38", "2026-09-15", [visit(1, "2026-09-14")], rules=long_grace) == {
        "2026-W36": "met_late",
        "2026-W37": "due",
        "2026-W38": "open",
    }


def test_the_gap_keeps_two_windows_from_being_met_back_to_back() -> None:
    sunday = visit(1, "2026-09-13")
    assert states("2026-W37 2026-W38", LATER, [sunday, visit(2, "2026-09-15")])["2026-W38"] == "missed"
    assert states("2026-W37 2026-W38", LATER, [sunday, visit(2, "2026-09-16 00:00")])["2026-W38"] == "met"
    late_then_next_day = [visit(1, "2026-10-08"), visit(2, "2026-10-09")]
    assert states("2026-W40 2026-W41", "2026-10-11", late_then_next_day)["2026-W41"] == "due"


def test_the_gap_does_not_bind_a_late_visit() -> None:
    visits = [visit(1, "2026-09-13"), visit(2, "2026-09-21")]
    rules = rulebook(min_gap_days=20)
    assert states("2026-W37 2026-W38", LATER, visits, rules=rules) == {
        "2026-W37": "met",
        "2026-W38": "met_late",
    }


def test_the_gap_counts_from_the_last_period_met() -> None:
    keys = "2026-W36 2026-W37 2026-W38"
    visits = [visit(1, "2026-09-01"), visit(2, "2026-09-13"), visit(3, "2026-09-15")]
    assert states(keys, "2026-09-17", visits) == {"2026-W36": "met", "2026-W37": "met", "2026-W38": "open"}
    assert states(keys, "2026-09-17", [*visits, visit(4, "2026-09-16")])["2026-W38"] == "met"


def test_two_devices_in_one_period_the_earlier_meets_and_the_id_settles_a_tie() -> None:
    visits = [visit(9, "2026-09-11"), visit(5, "2026-09-10"), visit(3, "2026-09-10")]
    assert judged("2026-W37", LATER, visits)["2026-W37"].met_by == record(3)


def test_a_deeper_checklist_goes_through_the_shallower_tiers_by_its_own_instant() -> None:
    keys = "2026-W31 2026-W32 2026-07 2026-08 2026-Q3"
    quarterly = visit(1, "2026-08-03", QUARTERLY)  # Monday of W32, in grace for W31 and for July
    assert states(keys, "2026-08-03 13:00", [quarterly]) == {
        "2026-W31": "met_late",
        "2026-W32": "open",
        "2026-07": "met_late",
        "2026-08": "open",
        "2026-Q3": "met",
    }
    weekly = states(keys, "2026-08-03 13:00", [visit(1, "2026-08-03")])
    assert (weekly["2026-W31"], weekly["2026-07"], weekly["2026-Q3"]) == ("met_late", "due", "open")


def test_a_policy_may_keep_the_tiers_apart() -> None:
    apart = Rulebook.of({WEEKLY: TierPolicy(2), MONTHLY: TierPolicy(3)}, WORKDAYS, BEIJING)
    found = states("2026-W37 2026-09", LATER, [visit(1, "2026-09-09", MONTHLY)], rules=apart)
    assert found == {"2026-W37": "missed", "2026-09": "met"}


def test_a_record_counts_once_in_a_tier() -> None:
    both_forms = [visit(1, "2026-10-08"), visit(1, "2026-10-08", MONTHLY)]
    assert states("2026-W40 2026-W41", "2026-10-08 13:00", both_forms) == {
        "2026-W40": "met_late",
        "2026-W41": "open",
    }


def test_of_a_record_in_two_tiers_the_earlier_counts() -> None:
    two_times = [visit(1, "2026-09-15", WEEKLY), visit(1, "2026-09-09", MONTHLY)]
    assert states("2026-W37 2026-W38", LATER, two_times) == {"2026-W37": "met", "2026-W38": "missed"}


def test_a_week_without_working_days_is_waived_by_rule_and_takes_no_visit() -> None:
    in_w08 = visit(1, "2026-02-18")
    expected = {"2026-W07": "met_late", "2026-W08": "waived"}
    assert states("2026-W07 2026-W08", LATER, [in_w08]) == expected
    assert states("2026-W08", "2026-02-15") == {"2026-W08": "upcoming"}
    assert states("2026-W41", LATER, rules=rulebook(min_workdays=4)) == {"2026-W41": "waived"}


def test_making_up() -> None:
    make_up = visit(2, "2026-09-16", makes_up="2026-W37")
    meets_w38 = visit(1, "2026-09-14", known="2026-09-14")
    keys = "2026-W36 2026-W37 2026-W38"
    # The visit on the 14th pays the debt of W37 even though it names W36, which was missed.
    pays = visit(1, "2026-09-14", makes_up="2026-W36")
    assert states(keys, LATER, [pays])["2026-W36"] == "missed"
    # What could meet a window meets it, whatever it names.
    assert states(keys, LATER, [make_up]) == {"2026-W36": "missed", "2026-W37": "missed", "2026-W38": "met"}
    # What is left over makes up, and the first one does.
    left_over = [visit(2, "2026-09-16"), visit(3, "2026-09-17", makes_up="2026-W37")]
    again = visit(4, "2026-09-18", makes_up="2026-W37")
    found = judged(keys, LATER, [*left_over, again])["2026-W37"]
    assert (found.state, found.made_up_by, found.met_by, found.days_late) == ("made_up", record(3), None, 4)
    # What was met is not made up, and an unknown name is no error.
    extra = [meets_w38, visit(5, "2026-09-15", makes_up="2026-W37"), visit(6, "2026-09-15", makes_up="?")]
    found = judged(keys, LATER, extra)["2026-W37"]
    assert (found.state, found.met_by, found.made_up_by) == ("met_late", record(1), None)


def test_nothing_is_made_up_before_it_was_missed_or_if_it_was_waived() -> None:
    debt_first = [visit(1, "2026-10-08"), visit(2, "2026-10-08 15:00", makes_up="2026-W41")]
    assert states("2026-W40 2026-W41", LATER, debt_first)["2026-W41"] == "missed"
    made_up = visit(1, "2026-10-20", makes_up="2026-W40")
    waived = judged("2026-W40", LATER, [made_up], waivers=[waiver("2026-W40", "2026-10-01")])["2026-W40"]
    assert (waived.state, waived.made_up_by) == ("waived", None)
    # Refused by the gap on the very last day, the week is not missed yet, grace or none.
    same_day = [visit(1, "2026-09-13"), visit(2, "2026-09-20", makes_up="2026-W38")]
    strict = rulebook(grace_working_days=0, min_gap_days=9)
    assert states("2026-W37 2026-W38", LATER, same_day, rules=strict)["2026-W38"] == "missed"
    void = judged("2026-W40", LATER, [made_up], changes=[status("2026-10-02", False)])["2026-W40"]
    assert (void.state, void.made_up_by) == ("void", None)


def test_an_attempt_is_no_visit() -> None:
    tried = [attempt(2, "2026-09-09"), attempt(1, "2026-09-08"), attempt(3, "2026-09-14")]
    found = judged("2026-W37", "2026-09-09 23:00", attempts=tried)["2026-W37"]
    assert (found.state, found.attempts) == ("attempted", (record(1), record(2)))
    assert judged("2026-W37", "2026-09-08 11:00", attempts=tried)["2026-W37"].attempts == ()
    due = judged("2026-W37", "2026-09-15", attempts=tried)["2026-W37"]
    assert (due.state, due.attempts) == ("due", (record(1), record(2)))
    met = judged("2026-W37", LATER, [visit(4, "2026-09-13")], attempts=tried)["2026-W37"]
    assert (met.state, met.attempts) == ("met", (record(1), record(2)))


def test_a_leaders_review_is_a_later_version() -> None:
    versions = [
        visit(1, "2026-09-10", known="2026-09-18", valid=True),
        visit(1, "2026-09-10", known="2026-09-10", valid=False),
    ]
    assert states("2026-W37", "2026-09-17", versions) == {"2026-W37": "missed"}
    assert states("2026-W37", "2026-09-18", versions) == {"2026-W37": "met"}
    withdrawn = visit(1, "2026-09-10", known="2026-09-20", valid=False)
    assert states("2026-W37", LATER, [*versions, withdrawn]) == {"2026-W37": "missed"}


def test_versions_learned_at_one_instant_are_settled_by_content() -> None:
    versions = [visit(1, "2026-09-10", valid=False), visit(1, "2026-09-10", valid=True)]
    assert (
        states("2026-W37", LATER, versions)
        == states("2026-W37", LATER, versions[::-1])
        == {"2026-W37": "met"}
    )


def test_late_sync_after_the_lock_restates_and_does_not_rewrite() -> None:
    late = visit(1, "2026-07-30", MONTHLY, known="2026-08-10")
    assert states("2026-07", "2026-08-06", [late]) == {"2026-07": "missed"}
    assert states("2026-07", "2026-08-10", [late]) == {"2026-07": "met"}


def test_what_is_performed_after_the_moment_is_left_out() -> None:
    ahead = visit(1, "2026-09-12", known="2026-09-11")  # the device's clock ran ahead
    assert states("2026-W37", "2026-09-11 18:00", [ahead]) == {"2026-W37": "due"}
    tried = attempt(1, "2026-09-12", known="2026-09-11")
    assert judged("2026-W37", "2026-09-11 18:00", attempts=[tried])["2026-W37"].attempts == ()
    moved = visit(2, "2026-09-13", known="2026-09-10")
    assert states("2026-W37", "2026-09-11", [visit(2, "2026-09-09"), moved]) == {"2026-W37": "due"}


def test_a_waiver_counts_from_when_it_is_known_until_it_is_withdrawn() -> None:
    waivers = [waiver("2026-W37", "2026-09-09", "2026-09-12")]
    expected = {"2026-09-08": "open", "2026-09-09": "waived", "2026-09-11": "waived", "2026-09-12": "due"}
    assert {day: states("2026-W37", day, waivers=waivers)["2026-W37"] for day in expected} == expected
    freed = states(
        "2026-W37 2026-W38", LATER, [visit(1, "2026-09-14")], waivers=[waiver("2026-W37", "2026-09-12")]
    )
    assert freed == {"2026-W37": "waived", "2026-W38": "met"}


def test_suspension_voids_what_ends_on_or_after_its_day_unless_met_before() -> None:
    keys = "2026-W36 2026-W37 2026-W38 2026-09"
    stop = [status("2026-09-10", False)]
    expected = {"2026-W36": "missed", "2026-W37": "void", "2026-W38": "void", "2026-09": "void"}
    assert states(keys, LATER, changes=stop) == expected
    assert states(keys, LATER, [visit(1, "2026-09-10 08:00")], changes=stop) == expected
    before = states(keys, LATER, [visit(1, "2026-09-09 23:59", MONTHLY)], changes=stop)
    assert before == expected | {"2026-W37": "met", "2026-09": "met"}
    last_day = states("2026-W37", LATER, changes=[status("2026-09-13", False)])
    assert last_day == {"2026-W37": "void"}
    in_grace = [status("2026-09-14", False)]
    assert states("2026-W37", LATER, [visit(1, "2026-09-15")], changes=in_grace) == {"2026-W37": "met_late"}


def test_after_resumption_the_first_full_period_is_owed_again() -> None:
    keys = "2026-W36 2026-W37 2026-W38 2026-W39 2026-09 2026-10"
    away = [status("2026-09-02", False), status("2026-09-16", True)]
    expected = dict.fromkeys(keys.split(), "void") | {"2026-W39": "missed", "2026-10": "missed"}
    assert states(keys, LATER, [visit(1, "2026-09-17", QUARTERLY)], changes=away) == expected
    on_monday = [status("2026-09-02", False), status("2026-09-14", True)]
    assert states(keys, LATER, changes=on_monday)["2026-W38"] == "missed"


def test_status_as_it_was_known() -> None:
    learned_late = [status("2026-09-10", False, known="2026-09-20")]
    assert states("2026-W37", "2026-09-19", changes=learned_late) == {"2026-W37": "missed"}
    assert states("2026-W37", "2026-09-20", changes=learned_late) == {"2026-W37": "void"}
    corrected = [*learned_late, status("2026-09-10", True, known="2026-09-22")]
    assert states("2026-W37", "2026-09-23", changes=corrected) == {"2026-W37": "missed"}
    expiry = [status("2026-09-30", False, known="2026-01-01")]
    assert states("2026-W39 2026-W40", "2026-09-01", changes=expiry) == {
        "2026-W39": "upcoming",
        "2026-W40": "void",
    }


def test_owed_from_the_first_full_period_and_again_after_a_suspension() -> None:
    away = [status("2026-09-02", False), status("2026-09-14", True)]
    found = owed_periods(date(2026, 8, 12), away, DEFAULT_POLICIES, date(2026, 8, 12), date(2026, 10, 4))
    weeks = [period.key for period in found if period.tier is WEEKLY]
    assert weeks == ["2026-W34", "2026-W35", "2026-W36", "2026-W38", "2026-W39", "2026-W40"]
    assert [period.key for period in found if period.tier is not WEEKLY] == ["2026-09", "2026-10", "2026-Q4"]
    from_monday = owed_periods(date(2026, 8, 10), (), [WEEKLY], date(2026, 8, 10), date(2026, 8, 16))
    assert [period.key for period in from_monday] == ["2026-W33"]


def test_the_beginning_of_a_register_is_no_suspension() -> None:
    begun = [StatusChange(date(2026, 9, 10), True, at("2026-09-10"))]
    assert states("2026-W37", LATER, changes=begun) == {"2026-W37": "missed"}


def test_a_year_without_its_notice_is_marked() -> None:
    found = judged("2026-W51 2026-W53 2026-Q4", LATER)
    marks = {key: judgement.provisional for key, judgement in found.items()}
    assert marks == {"2026-W51": False, "2026-W53": True, "2026-Q4": True}


def test_the_zone_is_the_bureaus() -> None:
    utc = datetime.fromisoformat("2026-09-13T16:00:00+00:00")  # midnight in Beijing: grace has begun
    found = judge(History([owed("2026-W37")]), RULEBOOK, utc.replace(day=15))
    assert found[0].state == "missed"
    assert RULEBOOK.day(utc) == date(2026, 9, 14)


def test_wrong_input_is_refused() -> None:
    week = owed("2026-W37")
    with pytest.raises(ValueError, match="zone"):
        judge(History([week]), RULEBOOK, at(LATER).replace(tzinfo=None))
    with pytest.raises(ValueError, match="share a key"):
        judge(History([week, week]), RULEBOOK, at(LATER))
    with pytest.raises(ValueError, match="shallower"):
        Rulebook.of({WEEKLY: TierPolicy(2, satisfies=frozenset({MONTHLY}))}, WORKDAYS, BEIJING)
    with pytest.raises(ValueError, match="negative"):
        TierPolicy(-1)
    with pytest.raises(KeyError):
        judge(History([week]), Rulebook.of({}, WORKDAYS, BEIJING), at(LATER))


def test_the_order_of_the_answer() -> None:
    found = judged("2026-Q3 2026-W38 2026-09 2026-W37", LATER)
    assert list(found) == ["2026-W37", "2026-W38", "2026-09", "2026-Q3"]
    assert {judgement.obligation.tier for judgement in found.values()} == set(CadenceTier)
