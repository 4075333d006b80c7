"""What a trigger asks for and what meets it: the worked dates, and what holds of every history."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier, Deed, DutyRule
from server.cadence.duty_rules import (
    DEFAULT_DUTY_RULES,
    INSPECTIONS,
    Cause,
    ClosedCase,
    DayKind,
    DutyTerms,
    dormancy_causes,
    look_back,
    season_weeks,
    span_after,
)
from server.cadence.rules import Fact, Obligation
from tests.cadence.duty_histories import inspection, judged, last_day, met_by, states, triggered
from tests.cadence.small_histories import (
    BEIJING,
    WEEKLY,
    WORKDAYS,
    at,
    attempt,
    owed,
    record,
    status,
    visit,
)
from tests.cadence.test_rules_properties import UNHURRIED

R = DutyRule
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rule", "trigger", "expected"),
    [
        # 查一补三: seven calendar days, National Day or not.
        (R.TRIPLE_RECHECK, "2026-07-06", "2026-07-13"),
        (R.TRIPLE_RECHECK, "2026-09-30", "2026-10-07"),
        # A2: callbacks after the closing day, in working days.
        (R.COMPLAINT_CALLBACK, "2026-09-29", "2026-10-12"),
        (R.COMPLAINT_VISIT, "2026-09-30", "2026-10-09"),
        (R.COMPLAINT_VISIT, "2026-09-18", "2026-09-21"),
        # A8: a clue that belongs elsewhere.
        (R.CLUE_NOTICE, "2026-02-12", "2026-02-24"),
        (R.ATTEMPT_RETRY, "2026-07-10", "2026-07-15"),
    ],
)
def test_days_after_a_trigger(rule: DutyRule, trigger: str, expected: str) -> None:
    assert last_day(rule, trigger) == (date.fromisoformat(expected), False)


@pytest.mark.parametrize(
    ("days", "trigger", "expected"),
    [(7, "2026-02-13", "2026-03-02"), (7, "2026-09-28", "2026-10-13"), (2, "2026-09-18", "2026-09-21")],
)
def test_working_days_of_a_bureaus_own_numbers(days: int, trigger: str, expected: str) -> None:
    terms = DutyTerms(1, days, DayKind.WORKING, frozenset({Deed.NOTICE}))
    span = span_after(R.CLUE_NOTICE, terms, date.fromisoformat(trigger), WORKDAYS)
    assert span.last_day == date.fromisoformat(expected)


def test_a_clock_that_runs_into_a_year_without_workdays_is_provisional() -> None:
    assert last_day(R.CLUE_NOTICE, "2026-12-30") == (date(2027, 1, 4), True)
    # Calendar days rest on no notice.
    assert last_day(R.TRIPLE_RECHECK, "2026-12-30") == (date(2027, 1, 6), False)
    (judgement,) = judged(triggered(1, "2026-12-30", R.CLUE_NOTICE), "2026-12-31")
    assert judgement.provisional


def test_three_days_make_a_chain_whole() -> None:
    chain = triggered(1, "2026-07-06 10:00")
    checks = [inspection(2, "2026-07-07"), visit(3, "2026-07-10", WEEKLY), inspection(4, "2026-07-13 23:58")]
    assert states(chain, "2026-07-14", checks) == ["met", "met", "met"]
    # Two of three is a breach; a day later is late and there is no grace.
    assert states(chain, "2026-07-14", checks[:2]) == ["met", "met", "missed"]
    late = [*checks[:2], inspection(5, "2026-07-14 09:00")]
    assert states(chain, "2026-07-15", late) == ["met", "met", "missed"]


def test_two_on_one_day_count_once() -> None:
    chain = triggered(1, "2026-07-06 10:00")
    twice = [
        inspection(2, "2026-07-08 09:00"),
        inspection(3, "2026-07-08 16:00"),
        inspection(4, "2026-07-09"),
    ]
    assert met_by(judged(chain, "2026-07-09 20:00", twice)) == [record(2), record(4), None]
    # The day of the finding is before the first of the seven.
    assert states(chain, "2026-07-06 20:00", [inspection(5, "2026-07-06 15:00")]) == ["upcoming"] * 3


def test_a_weekly_check_meets_its_week_and_the_chain_beside_it() -> None:
    week = owed("2026-W28")
    found = judged([week, *triggered(1, "2026-07-06 10:00")], "2026-07-08", [visit(2, "2026-07-08 09:00")])
    assert met_by(found) == [record(2), record(2), None, None]
    # An inspection that is no checklist meets the chain alone.
    found = judged(
        [week, *triggered(1, "2026-07-06 10:00")], "2026-07-08", [inspection(2, "2026-07-08 09:00")]
    )
    assert met_by(found) == [None, record(2), None, None]


def test_a_new_finding_ends_what_is_open_and_starts_anew() -> None:
    first, second = triggered(1, "2026-07-06 10:00"), triggered(2, "2026-07-09 11:00")
    # The visit that found goods again was the second check of the first chain.
    checks = [inspection(3, "2026-07-07"), visit(2, "2026-07-09 11:00"), inspection(4, "2026-07-10")]
    assert states([*first, *second], "2026-07-10 20:00", checks) == [
        "met",
        "met",
        "void",
        "met",
        "open",
        "open",
    ]
    # Before it was known, the third check was owed; what was asked then stays answered so.
    later = triggered(2, "2026-07-09 11:00", known=at("2026-07-12 08:00"))
    assert states([*first, *later], "2026-07-11", checks) == ["met", "met", "met"]
    assert states([*first, *later], "2026-07-12", checks)[:3] == ["met", "met", "void"]
    # A finding after the seven days ends nothing: what was missed stays missed.
    after = triggered(5, "2026-07-14 09:00")
    assert states([*first, *after], "2026-07-15", checks[:1])[:3] == ["met", "missed", "missed"]


def test_two_findings_of_one_day_are_one_chain() -> None:
    both = [*triggered(1, "2026-07-06 10:00"), *triggered(2, "2026-07-06 15:00")]
    assert states(both, "2026-07-08", [inspection(3, "2026-07-07")]) == ["void"] * 3 + ["met", "open", "open"]


def test_a_finding_that_is_taken_back_asks_for_nothing_and_ends_nothing() -> None:
    first = triggered(1, "2026-07-06 10:00")
    taken_back = triggered(2, "2026-07-09 11:00", withdrawn=at("2026-07-11 09:00"))
    assert states([*first, *taken_back], "2026-07-10") == ["void"] * 3 + ["open"] * 3
    assert states([*first, *taken_back], "2026-07-11 12:00") == ["due"] * 3 + ["void"] * 3
    # It may come again, from another day: then it ends the first one's rest again.
    again = triggered(2, "2026-07-10 11:00", known=at("2026-07-12 09:00"))
    again = [Obligation(o.id, None, f"{o.key}b", o.first_day, o.last_day, trigger=o.trigger) for o in again]
    assert states([*first, *taken_back, *again], "2026-07-12 12:00") == ["void"] * 6 + ["open"] * 3


def test_suspension_ends_a_chain_and_the_scope_of_the_licence_does_not() -> None:
    chain = triggered(1, "2026-07-06 10:00")
    closed = [status("2026-07-09", active=False)]
    checks = [inspection(2, "2026-07-07"), inspection(3, "2026-07-10")]
    assert states(chain, "2026-07-11", checks, changes=closed) == ["met", "void", "void"]


def test_an_attempt_is_tried_and_a_later_attempt_asks_anew() -> None:
    first, second = (
        triggered(1, "2026-07-06 10:00", R.ATTEMPT_RETRY),
        triggered(2, "2026-07-08 10:00", R.ATTEMPT_RETRY),
    )
    tried = [attempt(1, "2026-07-06 10:00"), attempt(2, "2026-07-08 10:00")]
    assert states(first, "2026-07-07", attempts=tried) == ["attempted"]
    assert states([*first, *second], "2026-07-08 12:00", attempts=tried) == ["void", "attempted"]
    assert states([*first, *second], "2026-07-09", [inspection(3, "2026-07-08 15:00")], attempts=tried) == [
        "met",
        "met",
    ]
    assert states(second, "2026-07-14", attempts=tried) == ["missed"]


def test_what_is_accepted_is_the_rules_own() -> None:
    call = triggered(1, "2026-09-29", R.COMPLAINT_CALLBACK)
    visit_ = triggered(2, "2026-09-30", R.COMPLAINT_VISIT)
    phoned = [inspection(3, "2026-10-08", deed=Deed.CALLBACK)]
    assert states([*call, *visit_], "2026-10-10", phoned) == ["met", "missed"]
    assert states(visit_, "2026-10-10", [inspection(3, "2026-10-08", deed=Deed.DOOR_CALLBACK)]) == ["met"]


def test_a_duty_is_not_there_before_it_became_known() -> None:
    late = triggered(1, "2026-07-06 10:00", known=at("2026-07-20 09:00"))
    assert judged(late, "2026-07-19") == []
    # A late finding makes the chain with its true days, and what was done meanwhile counts.
    assert states(late, "2026-07-20", [inspection(2, "2026-07-08")]) == ["met", "missed", "missed"]


def test_an_obligation_has_a_tier_or_a_trigger() -> None:
    with pytest.raises(ValueError, match="either a tier or a trigger"):
        Obligation(UUID(int=1), None, "x", date(2026, 7, 6), date(2026, 7, 12))


def test_dormant_after_three_attempts_in_thirty_days() -> None:
    def on(*days: str) -> list[Cause]:
        return [Cause(UUID(int=n), at(day)) for n, day in enumerate(days, start=1)]

    def found(attempts: list[Cause]) -> list[int]:
        terms = DEFAULT_DUTY_RULES[R.DORMANCY_CHECK].terms
        return [cause.id.int for cause in dormancy_causes(attempts, BEIJING, lambda _day: terms)]

    assert found(on("2026-07-01", "2026-07-15", "2026-07-30")) == [3]
    assert found(on("2026-07-01", "2026-07-15", "2026-07-31")) == []
    # The count begins anew after a suspicion.
    assert found(on("2026-07-01", "2026-07-02", "2026-07-03", "2026-07-04", "2026-07-05")) == [3]
    shuffled = on("2026-07-01", "2026-07-15", "2026-07-30")
    Random(7).shuffle(shuffled)
    assert found(shuffled) == [3]
    assert dormancy_causes(on("2026-07-01"), BEIJING, lambda _day: None) == ()


def test_look_back_takes_major_cases_of_two_years() -> None:
    def case(number: int, closed_on: str, major: bool = True) -> ClosedCase:
        return ClosedCase(UUID(int=number), date.fromisoformat(closed_on), major)

    cases = [
        case(1, "2018-10-20"),
        case(2, "2018-10-22"),
        case(3, "2018-10-21"),
        case(4, "2020-01-05", major=False),
        case(5, "2020-10-21"),
        case(6, "2020-10-20"),
    ]
    assert [one.int for one in look_back(cases, date(2020, 10, 21), 2)] == [3, 2, 6]
    assert look_back([case(1, "2018-02-28")], date(2020, 2, 29), 2) == ()
    assert look_back([case(1, "2018-03-01")], date(2020, 2, 29), 2) != ()


def test_a_seasons_weeks_are_whole() -> None:
    assert [week.key for week in season_weeks(date(2026, 9, 2), date(2026, 9, 28))] == [
        "2026-W37",
        "2026-W38",
        "2026-W39",
    ]


@pytest.mark.parametrize(
    "wrong", [{"checks": 0}, {"days": 0}, {"accepts": frozenset()}, {"threshold": {"attempts": 0}}]
)
def test_numbers_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    sound: dict[str, object] = {"checks": 1, "days": 1, "day_kind": DayKind.WORKING, "accepts": INSPECTIONS}
    with pytest.raises(ValueError, match="duty rule"):
        DutyTerms(**(sound | wrong))  # type: ignore[arg-type]


START = datetime(2026, 9, 24, tzinfo=BEIJING)
moments = st.integers(0, 24 * 25).map(lambda hours: START + timedelta(hours=hours))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Obligation]], list[Fact]]:
    """Findings and inspections round National Day, each known at once or later; some findings taken back."""
    chains: list[list[Obligation]] = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        when = draw(moments)
        known = when + timedelta(hours=draw(st.integers(0, 200)))
        withdrawn = draw(
            st.none() | st.integers(0, 200).map(lambda hours, known=known: known + timedelta(hours=hours))
        )
        chains.append(triggered(number, when, known=known, withdrawn=withdrawn))
    facts = []
    for number in range(10, 10 + draw(st.integers(0, 14))):
        when = draw(moments)
        what = draw(st.sampled_from([Deed.INSPECTION, Deed.SERVICE, *CadenceTier]))
        facts.append(
            Fact(record(number), what, when, when + timedelta(hours=draw(st.integers(0, 100))), valid=True)
        )
    return chains, facts


@UNHURRIED
@given(histories(), moments, st.randoms(use_true_random=False))
def test_chains_of_every_history(
    history: tuple[list[list[Obligation]], list[Fact]], as_of: datetime, dice: Random
) -> None:
    chains, facts = history
    obligations = [owed for chain in chains for owed in chain]
    found = judged(obligations, as_of, facts)
    by_trigger: dict[UUID, list[date]] = {}
    for judgement in found:
        trigger = judgement.obligation.trigger
        assert trigger is not None
        assert trigger.known_at <= as_of
        if judgement.performed_at is not None:
            day = judgement.performed_at.astimezone(BEIJING).date()
            assert judgement.obligation.first_day <= day <= judgement.obligation.last_day
            by_trigger.setdefault(trigger.id, []).append(day)
            assert trigger.withdrawn_at is None or trigger.withdrawn_at > as_of
    for days in by_trigger.values():
        assert len(days) == len(set(days))
    # At most one chain is open at a moment, and its trigger is the last that stands.
    standing = {
        judgement.obligation.trigger.id
        for judgement in found
        if judgement.obligation.trigger and judgement.state.value in ("open", "due", "upcoming")
    }
    assert len(standing) <= 1
    # The order in which anything arrived, or is given, changes nothing.
    dice.shuffle(obligations)
    dice.shuffle(facts)
    assert judged(obligations, as_of, facts) == found


@UNHURRIED
@given(histories())
def test_what_is_known_in_the_end_does_not_depend_on_when_it_came(
    history: tuple[list[list[Obligation]], list[Fact]],
) -> None:
    """Late and early arrivals of the same findings and visits end in the same states."""
    chains, facts = history
    end = START + timedelta(days=60)
    standing = [chain for chain in chains if chain[0].trigger and chain[0].trigger.withdrawn_at is None]
    prompt = [
        triggered(chain[0].trigger.id.int, chain[0].trigger.at) for chain in standing if chain[0].trigger
    ]
    at_once = [Fact(one.record_id, one.tier, one.performed_at, one.performed_at, valid=True) for one in facts]

    def outcome(of: list[list[Obligation]], done: list[Fact]) -> list[tuple[str, str, UUID | None]]:
        judgements = judged([owed for chain in of for owed in chain], end, done)
        return [(one.obligation.key, one.state.value, one.met_by) for one in judgements]

    assert outcome(standing, facts) == outcome(prompt, at_once)
