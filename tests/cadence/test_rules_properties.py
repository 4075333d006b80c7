"""The state function against a slow second reading of the same rules, and what must hold of every history."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.rules import (
    Attempt,
    Fact,
    History,
    Judgement,
    Obligation,
    Placement,
    Rulebook,
    StatusChange,
    TierPolicy,
    Version,
    Waiver,
    judge,
)
from server.cadence.tally import tally
from tests.cadence.small_histories import BEIJING, MONTHLY, QUARTERLY, WEEKLY, WORKDAYS, owed, record

KEYS = [f"2026-W{week}" for week in range(35, 43)] + ["2026-08", "2026-09", "2026-10", "2026-Q3", "2026-Q4"]
# Seven weeks around National Day, short enough for visits to come close upon each other.
START = datetime(2026, 8, 24, tzinfo=BEIJING)
HOURS = 24 * 56
DAY = timedelta(days=1)
# A loaded machine must not fail a test of rules; the whole run has its own limit.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

moments = st.integers(0, HOURS).map(lambda hours: START + timedelta(hours=hours))
days = moments.map(datetime.date)
# Known at once, hours late, weeks late, or ahead of a device's fast clock.
delays = st.one_of(st.just(0), st.integers(0, 48), st.integers(0, 700), st.integers(-5, 0)).map(
    lambda hours: timedelta(hours=hours)
)
records = st.integers(1, 40).map(record)
keys = st.sampled_from(KEYS)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    when = draw(moments)
    return Fact(
        record_id=draw(records),
        tier=draw(st.sampled_from(CadenceTier)),
        performed_at=when,
        known_at=when + draw(delays),
        valid=draw(st.sampled_from([True, True, True, False])),
        makes_up=draw(st.none() | keys),
    )


attempts = st.builds(
    lambda number, when, delay: Attempt(number, when, when + delay), records, moments, delays
)
waivers = st.builds(
    lambda key, when, length: Waiver(
        owed(key).id, "门店装修", when, revoked_at=None if length is None else when + timedelta(hours=length)
    ),
    keys,
    moments,
    st.none() | st.integers(0, 500),
)
changes = st.builds(StatusChange, days, st.booleans(), moments)
placements = st.builds(Placement, days, st.none() | st.integers(1, 3).map(record), moments)


def many(items: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    """Lists of every length alike; left to itself the generator seldom makes a long one."""
    return st.integers(0, most).flatmap(lambda length: st.lists(items, min_size=length, max_size=length))


histories = st.builds(
    History,
    st.tuples(
        st.one_of(st.just(KEYS), st.lists(keys, unique=True)),
        st.one_of(st.just(frozenset()), st.frozensets(keys)),
    ).map(lambda some: [replace(owed(key), voided=key in some[1]) for key in some[0]]),
    many(facts(), 30),
    many(attempts, 5),
    many(waivers, 4),
    many(changes, 3),
    many(changes, 3),
    many(placements, 3),
)


@st.composite
def tier_policies(draw: st.DrawFn) -> dict[CadenceTier, TierPolicy]:
    shallower = {WEEKLY: [], MONTHLY: [WEEKLY], QUARTERLY: [WEEKLY, MONTHLY]}
    policies: dict[CadenceTier, TierPolicy] = {
        tier: TierPolicy(
            grace_working_days=draw(st.integers(0, 9)),
            min_gap_days=draw(st.integers(0, 8)),
            due_soon_working_days=draw(st.integers(0, 4)),
            satisfies=draw(st.frozensets(st.sampled_from(below))) if below else frozenset(),
            min_workdays=draw(st.integers(0, 4)),
        )
        for tier, below in shallower.items()
    }
    return policies


@st.composite
def rulebooks(draw: st.DrawFn) -> Rulebook:
    """One version of the policy, or a second that begins in the middle."""
    versions = [Version(date(2026, 1, 1), draw(tier_policies()))]
    if draw(st.booleans()):
        versions.append(Version(draw(days), draw(tier_policies())))
    return Rulebook(versions, WORKDAYS, BEIJING)


def span(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def working(some: list[date]) -> int:
    return sum(WORKDAYS.is_workday(day) for day in some)


def slow_judge(
    history: History, book: Rulebook, as_of: datetime
) -> dict[UUID, tuple[str, UUID | None, UUID | None, UUID | None]]:
    """The rules read literally: every visit looks at every obligation, every day at every change."""
    today = as_of.astimezone(BEIJING).date()

    def active(day: date) -> bool:
        for timeline in (history.changes, history.scopes):
            known = [c for c in timeline if c.known_at <= as_of and c.from_day <= day]
            if known and not max(known, key=lambda c: (c.from_day, c.known_at, c.active)).active:
                return False
        return True

    def cell(owed: Obligation, visit: Fact | None) -> UUID | None:
        """Walk back from the day on which it was settled, or from today, to the last that was known."""
        day = visit.performed_at.astimezone(BEIJING).date() if visit else min(today, grace(owed))
        known = [p for p in history.placements if p.known_at <= as_of]
        if not known:
            return None
        first = min(p.from_day for p in known)
        for back in reversed(span(first, max(day, first))):
            here = [p for p in known if p.from_day == back]
            if here:
                pick = min if first > day else max
                return pick(here, key=lambda p: (p.known_at, str(p.cell_id))).cell_id
        raise AssertionError("a known placement has a day")

    def version_of(owed: Obligation) -> Version:
        return [version for version in book.versions if version.effective_from <= owed.first_day][-1]

    def policy_of(owed: Obligation) -> TierPolicy:
        return version_of(owed).tiers[owed.tier]

    def takes(owed: Obligation, fact: Fact) -> bool:
        """Whether any of the checklists that the record was done with meets it, by its own version."""
        return any(
            f.tier is owed.tier or owed.tier in version_of(owed).tiers[f.tier].satisfies
            for f in valid
            if f.record_id == fact.record_id
        )

    def grace(owed: Obligation) -> date:
        return next(
            day
            for day in span(owed.last_day, owed.last_day + 60 * DAY)
            if working(span(owed.last_day + DAY, day)) == policy_of(owed).grace_working_days
        )

    def waived(owed: Obligation) -> bool:
        return working(span(owed.first_day, owed.last_day)) < policy_of(owed).min_workdays or any(
            w.obligation_id == owed.id
            and w.known_at <= as_of
            and not (w.revoked_at and w.revoked_at <= as_of)
            for w in history.waivers
        )

    def version(fact: Fact) -> tuple[object, ...]:
        return fact.known_at, fact.valid, fact.performed_at, fact.makes_up or ""

    known = [f for f in history.facts if f.known_at <= as_of]
    current = {max((f for f in known if (f.record_id, f.tier) == v), key=version) for v in
               {(f.record_id, f.tier) for f in known}}  # fmt: skip
    valid = [f for f in current if f.valid and f.performed_at <= as_of]

    met: dict[UUID, Fact] = {}
    made: dict[UUID, Fact] = {}
    gone = {
        o.id: next((d for d in span(o.first_day, o.last_day) if o.voided or not active(d)), None)
        for o in history.obligations
    }
    for tier in CadenceTier:
        mine = sorted((o for o in history.obligations if o.tier is tier), key=lambda o: o.first_day)
        serving = [
            f
            for f in valid
            if any(f.tier is tier or tier in version_of(o).tiers[f.tier].satisfies for o in mine)
        ]
        used: set[UUID] = set()
        previous: date | None = None
        for fact in sorted(serving, key=lambda f: (f.performed_at, f.record_id, -f.tier.depth)):
            if fact.record_id in used:
                continue
            used.add(fact.record_id)
            day = fact.performed_at.astimezone(BEIJING).date()
            free = [o for o in mine if o.id not in met and not waived(o) and takes(o, fact)]
            debts = [o for o in free if gone[o.id] is None and o.last_day < day <= grace(o)]
            here = [
                o
                for o in free
                if o.first_day <= day <= o.last_day and (gone[o.id] is None or day < gone[o.id])
            ]
            if previous:
                here = [o for o in here if (day - previous).days >= policy_of(o).min_gap_days]
            if debts or here:
                met[(debts or here)[0].id] = fact
                previous = day
            else:
                for o in free:
                    if o.key == fact.makes_up and gone[o.id] is None and grace(o) < day and o.id not in made:
                        made[o.id] = fact

    latest: dict[UUID, Attempt] = {}
    for tried in sorted(history.attempts, key=lambda a: (a.known_at, a.at)):
        if tried.known_at <= as_of:
            latest[tried.record_id] = tried
    tries = [a.at.astimezone(BEIJING).date() for a in latest.values() if a.at <= as_of]

    def state(o: Obligation) -> str:
        if o.id in met:
            return "met" if met[o.id].performed_at.astimezone(BEIJING).date() <= o.last_day else "met_late"
        if gone[o.id] is not None:
            return "void"
        if today < o.first_day:
            return "upcoming"
        if waived(o):
            return "waived"
        if today > grace(o):
            return "made_up" if o.id in made else "missed"
        if working(span(today, o.last_day)) <= policy_of(o).due_soon_working_days:
            return "due"
        return "attempted" if any(o.first_day <= d <= o.last_day for d in tries) else "open"

    def record_of(found: Fact | None) -> UUID | None:
        return found.record_id if found else None

    return {
        o.id: (state(o), record_of(met.get(o.id)), record_of(made.get(o.id)), cell(o, met.get(o.id)))
        for o in history.obligations
    }


@settings(UNHURRIED, max_examples=400)
@given(histories, rulebooks(), moments)
def test_it_agrees_with_the_slow_reading(history: History, book: Rulebook, as_of: datetime) -> None:
    found = {
        j.obligation.id: (j.state.value, j.met_by, j.made_up_by, j.cell_id)
        for j in judge(history, book, as_of)
    }
    assert found == slow_judge(history, book, as_of)


@UNHURRIED
@given(histories, rulebooks(), moments, st.integers())
def test_the_order_of_input_does_not_matter(
    history: History, book: Rulebook, as_of: datetime, seed: int
) -> None:
    def shuffled(some: Sequence[Any]) -> list[Any]:
        return random.Random(seed).sample(list(some), len(some))

    other = History(
        shuffled(history.obligations),
        shuffled(history.facts),
        shuffled(history.attempts),
        shuffled(history.waivers),
        shuffled(history.changes),
        shuffled(history.scopes),
        shuffled(history.placements),
    )
    assert judge(history, book, as_of) == judge(other, book, as_of)


@UNHURRIED
@given(histories, histories, rulebooks(), moments, st.integers(1, 10**6))
def test_what_becomes_known_later_never_changes_the_answer(
    history: History, more: History, book: Rulebook, as_of: datetime, seconds: int
) -> None:
    later = as_of + timedelta(seconds=seconds)
    grown = replace(
        history,
        facts=[*history.facts, *(replace(fact, known_at=later) for fact in more.facts)],
        attempts=[*history.attempts, *(replace(tried, known_at=later) for tried in more.attempts)],
        waivers=[*history.waivers, *(replace(let, known_at=later, revoked_at=None) for let in more.waivers)],
        changes=[*history.changes, *(replace(change, known_at=later) for change in more.changes)],
        scopes=[*history.scopes, *(replace(scope, known_at=later) for scope in more.scopes)],
        placements=[*history.placements, *(replace(place, known_at=later) for place in more.placements)],
    )
    assert judge(history, book, as_of) == judge(grown, book, as_of)


@UNHURRIED
@given(histories, rulebooks(), moments)
def test_a_record_serves_at_most_one_obligation_of_a_tier(
    history: History, book: Rulebook, as_of: datetime
) -> None:
    found = judge(history, book, as_of)
    served = Counter((j.obligation.tier, used) for j in found for used in (j.met_by, j.made_up_by) if used)
    assert all(times == 1 for times in served.values())


@UNHURRIED
@given(histories, rulebooks(), moments)
def test_counts_add_up(history: History, book: Rulebook, as_of: datetime) -> None:
    found = judge(history, book, as_of)
    counts = tally(found)
    assert counts.due == counts.on_time + counts.late + counts.missed + counts.pending
    outside = sum(j.state in (ObligationState.UPCOMING, ObligationState.VOID) for j in found)
    assert counts.obligations + outside == len(history.obligations) == len(found)


def met_day(judgement: Judgement) -> date:
    assert judgement.performed_at is not None
    return judgement.performed_at.astimezone(BEIJING).date()


@UNHURRIED
@given(histories, rulebooks(), moments)
def test_window_and_gap_hold_for_every_match(history: History, book: Rulebook, as_of: datetime) -> None:
    found = judge(history, book, as_of)
    for judgement in found:
        owed = judgement.obligation
        window = book.window(owed.tier, owed.first_day, owed.last_day)
        assert (judgement.met_by is not None) == (judgement.state in ("met", "met_late"))
        assert (judgement.made_up_by is not None) == (judgement.state == "made_up")
        if judgement.state == "met":
            assert owed.first_day <= met_day(judgement) <= owed.last_day
            assert judgement.days_late == 0
        elif judgement.state == "met_late":
            assert owed.last_day < met_day(judgement) <= window.grace_last_day
            assert judgement.days_late == (met_day(judgement) - owed.last_day).days
        elif judgement.state == "made_up":
            assert window.grace_last_day < met_day(judgement)
        else:
            assert (judgement.performed_at, judgement.days_late) == (None, 0)
    for tier in CadenceTier:
        met = [j for j in found if j.obligation.tier is tier and j.met_by]
        for before, after in itertools.pairwise(met):
            gap = (met_day(after) - met_day(before)).days
            assert gap >= 0
            asked = book.policy(tier, after.obligation.first_day).min_gap_days
            assert after.state == "met_late" or gap >= asked


@UNHURRIED
@given(histories, rulebooks(), moments, st.integers(0, HOURS))
def test_time_alone_never_undoes_a_match(
    history: History, book: Rulebook, as_of: datetime, hours: int
) -> None:
    """If nothing more is learned, only what was upcoming or pending moves on."""
    settled = replace(
        history,
        facts=[fact for fact in history.facts if fact.known_at <= as_of and fact.performed_at <= as_of],
        attempts=[tried for tried in history.attempts if tried.known_at <= as_of and tried.at <= as_of],
        waivers=[replace(let, revoked_at=None) for let in history.waivers if let.known_at <= as_of],
        changes=[change for change in history.changes if change.known_at <= as_of],
        scopes=[scope for scope in history.scopes if scope.known_at <= as_of],
        placements=(),
    )
    moving = {"upcoming", "open", "attempted", "due"}
    after = judge(settled, book, as_of + timedelta(hours=hours))
    for one, two in zip(judge(settled, book, as_of), after, strict=True):
        assert (one.met_by, one.made_up_by, one.attempts) == (two.met_by, two.made_up_by, two.attempts)
        if one.state not in moving:
            assert one == two
        elif one.state != "upcoming":
            assert two.state in moving - {"upcoming"} | {"missed"}


@UNHURRIED
@given(many(facts(), 30), rulebooks(), moments)
def test_dropping_the_invalid_and_the_unused_changes_nothing_met(
    some: list[Fact], book: Rulebook, as_of: datetime
) -> None:
    """Visits that served nothing can be left out: an extra visit is never in anybody's way."""
    once = list({fact.record_id: replace(fact, makes_up=None) for fact in some}.values())
    obligations = [owed(key) for key in KEYS]
    found = judge(History(obligations, once), book, as_of)
    used = {judgement.met_by for judgement in found}
    kept = [fact for fact in once if fact.record_id in used]
    assert judge(History(obligations, kept), book, as_of) == found


def test_ids_of_the_builders_are_stable() -> None:
    assert owed("2026-W37").id == uuid5(NAMESPACE_OID, "2026-W37")


@UNHURRIED
@given(histories, rulebooks(), tier_policies(), days, moments)
def test_a_later_version_changes_nothing_of_what_had_begun(
    history: History, book: Rulebook, tiers: dict[CadenceTier, TierPolicy], begins: date, as_of: datetime
) -> None:
    """Where every period had begun before it, a new version is not seen at all."""
    begun = [owed for owed in history.obligations if owed.first_day < begins]
    old = Rulebook([one for one in book.versions if one.effective_from < begins], WORKDAYS, BEIJING)
    new = Rulebook([*old.versions, Version(begins, tiers)], WORKDAYS, BEIJING)
    history = replace(history, obligations=begun)
    assert judge(history, old, as_of) == judge(history, new, as_of)
