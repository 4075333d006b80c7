"""What each subject owes by now, and which visit meets which obligation: the oldest debt first (decisions.md 3, 8, 9, 14a).

Written anew from the decisions: nothing of the server's own rules is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from tests.planning.checker.days import working_days, working_days_after
from tests.planning.checker.world import DAY, Change, Edition, Elsewhere, Fact, Owed, World

# A new trigger of these ends what is open of the ones before it.
SUPERSEDING = ("triple_recheck", "attempt_retry")
# What is performed with a form that is no tier's checklist.
BY_FORM = {
    "site_visit": "INSPECTION",
    "unlicensed_check": "INSPECTION",
    "service_visit": "SERVICE",
    "household_visit": "SERVICE",
    "depot_check": "DEPOT_CHECK",
    "callback": "DOOR_CALLBACK",
}
# What somebody can go and do, the quickest first, by kind of subject.
AT_OUTLETS = ("INSPECTION", "WEEKLY", "MONTHLY", "QUARTERLY", "SERVICE")
AT_OTHERS = {"outlet": AT_OUTLETS, "depot": ("DEPOT_CHECK",)}
ELSEWHERE = ("SERVICE", "INSPECTION", "DOOR_CALLBACK")


@dataclass(frozen=True, slots=True)
class Term:
    """An obligation with the days and the checklists that decide about it."""

    owed: Owed
    grace: date
    gap: int
    accepts: frozenset[str]
    waived: bool
    void_from: date | None

    def takes(self, day: date) -> bool:
        """Whether its window or its grace holds a day, and nobody has let it off."""
        return (
            not self.waived
            and self.owed.first_day <= day <= self.grace
            and (self.void_from is None or day < self.void_from)
        )

    def __str__(self) -> str:
        return (
            f"{self.owed.duty} {self.owed.key} ({self.owed.first_day} to {self.owed.last_day}, {self.grace})"
        )


@dataclass(frozen=True, slots=True)
class Coming:
    """A visit that was made or is planned; ``key`` tells which."""

    key: str
    at: datetime
    day: date
    performed: frozenset[str]


def performed_by(world: World, form_code: str | None) -> str | None:
    """What filling a form performs; None for a form that nobody has or that meets nothing."""
    form = world.forms.get(form_code or "")
    if form is None:
        return None
    return form.tier or BY_FORM.get(form_code or "")


def doable_at(kind: str, accepts: Iterable[str]) -> list[str]:
    """What of this somebody can do there in person, the quickest first."""
    accepted = set(accepts)
    return [one for one in AT_OTHERS.get(kind, ELSEWHERE) if one in accepted]


def terms_of(world: World, subject_id: str) -> list[Term]:
    """What the subject owes or owed, as known now, oldest first within each track."""
    owed = [one for one in world.of_subject(subject_id) if one.known_at is None or one.known_at <= world.now]
    waived = {
        waiver.obligation_id
        for waiver in world.waivers
        if waiver.known_at <= world.now and not (waiver.revoked_at and waiver.revoked_at <= world.now)
    }
    statuses = _known(world, world.statuses.get(subject_id, ()))
    scopes = _known(world, world.scopes.get(subject_id, ()))
    ended = _superseded(world, owed)
    found = []
    for one in owed:
        lapses = _lapses(statuses) + (_lapses(scopes) if one.tier else [])
        term = _of_tier(world, one) if one.tier else _of_trigger(world, one)
        grace, gap, accepts, by_rule = term
        void = [
            since
            for since, until in lapses
            if since <= one.last_day and (until is None or one.first_day < until)
        ]
        if one.voided_at is not None or (one.withdrawn_at is not None and one.withdrawn_at <= world.now):
            void.append(one.first_day)
        later = ended.get(one.trigger_id or "")
        if later is not None and later <= one.last_day:
            void.append(later + DAY)
        waiving = by_rule or one.id in waived
        found.append(Term(one, grace, gap, accepts, waiving, min(void, default=None)))
    return sorted(found, key=lambda term: (term.owed.track, term.owed.first_day, term.owed.key))


def _of_tier(world: World, owed: Owed) -> tuple[date, int, frozenset[str], bool]:
    edition = edition_for(world, str(owed.tier), owed.first_day)
    tier = edition.tiers[str(owed.tier)]
    deeper = {name for name, row in edition.tiers.items() if owed.tier in row.satisfies}
    grace = working_days_after(world, owed.last_day, tier.grace_working_days)
    too_short = working_days(world, owed.first_day, owed.last_day) < tier.min_workdays
    return grace, tier.min_gap_days, frozenset({str(owed.tier), *deeper}), too_short


def _of_trigger(_world: World, owed: Owed) -> tuple[date, int, frozenset[str], bool]:
    return owed.grace_last_day, owed.min_gap_days or 0, owed.accepts, False


def edition_for(world: World, tier: str, first_day: date) -> Edition:
    """The version of the policy under which a period came into being: the last that had begun and has the tier."""
    begun = [one for one in world.editions if tier in one.tiers and one.first <= first_day]
    return max(begun, key=lambda one: (one.first, one.version))


def _known(world: World, changes: Iterable[Change]) -> list[tuple[date, bool]]:
    latest: dict[date, tuple[datetime, bool]] = {}
    for change in changes:
        if change.known_at <= world.now and (
            change.from_day not in latest or change.known_at >= latest[change.from_day][0]
        ):
            latest[change.from_day] = change.known_at, change.holds
    return [(day, holds) for day, (_, holds) in sorted(latest.items())]


def _lapses(changes: Sequence[tuple[date, bool]]) -> list[tuple[date, date | None]]:
    """The stretches in which it does not hold: since a day, until the day on which it holds again."""
    found: list[tuple[date, date | None]] = []
    for day, holds in changes:
        if not holds and not (found and found[-1][1] is None):
            found.append((day, None))
        elif holds and found and found[-1][1] is None:
            found[-1] = found[-1][0], day
    return found


def is_active_on(world: World, subject_id: str, day: date) -> bool:
    """Whether the register has the subject in business on a day."""
    lapses = _lapses(_known(world, world.statuses.get(subject_id, ())))
    return not any(since <= day and (until is None or day < until) for since, until in lapses)


def _superseded(world: World, owed: Iterable[Owed]) -> dict[str, date]:
    """The triggers after which another of the rule came, with its day."""
    alive: dict[str, dict[str, datetime]] = {}
    for one in owed:
        taken_back = one.withdrawn_at is not None and one.withdrawn_at <= world.now
        if one.rule in SUPERSEDING and one.trigger_id and one.triggered_at and not taken_back:
            alive.setdefault(one.rule, {})[one.trigger_id] = one.triggered_at
    found: dict[str, date] = {}
    for of_rule in alive.values():
        in_order = sorted(of_rule, key=lambda trigger: (of_rule[trigger], trigger))
        for earlier, later in pairwise(in_order):
            found[earlier] = world.day(of_rule[later])
    return found


def visits_made(world: World, subject_id: str) -> list[Coming]:
    """The valid visits that are known now, each by its last version; what one record stands for is one visit."""
    latest: dict[tuple[str, str], Fact] = {}
    for fact in world.facts.get(subject_id, ()):
        version = fact.record_id, fact.performed
        if fact.known_at <= world.now and (version not in latest or latest[version].known_at < fact.known_at):
            latest[version] = fact
    made: dict[str, Coming] = {}
    for fact in latest.values():
        if fact.valid and fact.at <= world.now:
            before = made[fact.record_id].performed if fact.record_id in made else frozenset()
            performed = before | {fact.performed}
            made[fact.record_id] = Coming(fact.record_id, fact.at, world.day(fact.at), performed)
    return list(made.values())


def planned_elsewhere(world: World, stops: Iterable[Elsewhere]) -> list[Coming]:
    """The visits that other plans have."""
    found = []
    for stop in stops:
        performed = performed_by(world, stop.form_code)
        if performed is not None:
            day = world.day(stop.begins_at)
            found.append(Coming(f"elsewhere {stop.stop_id}", stop.begins_at, day, frozenset({performed})))
    return found


def met_by(terms: Iterable[Term], visits: Iterable[Coming]) -> dict[str, str]:
    """Which visit meets which obligation: ``{obligation: key of the visit}``.

    In order of time each visit meets one obligation of a track at most: an earlier one that is late and in grace, the
    oldest first; else the one whose window holds the day, once so many days have passed since the track was last met.
    """
    tracks: dict[tuple[str, str], list[Term]] = {}
    for term in sorted(terms, key=lambda one: (one.owed.first_day, one.owed.key)):
        tracks.setdefault(term.owed.track, []).append(term)
    in_order = sorted(visits, key=lambda visit: (visit.at, visit.key))
    met: dict[str, str] = {}
    for of_track in tracks.values():
        last: date | None = None
        for visit in in_order:
            fitting = [
                term
                for term in of_track
                if term.owed.id not in met and term.takes(visit.day) and term.accepts & visit.performed
            ]
            late = [term for term in fitting if term.owed.last_day < visit.day]
            in_time = [
                term
                for term in fitting
                if visit.day <= term.owed.last_day and (last is None or (visit.day - last).days >= term.gap)
            ]
            if late or in_time:
                met[(late or in_time)[0].owed.id] = visit.key
                last = visit.day
    return met


def open_terms(world: World, subject_id: str) -> dict[str, Term]:
    """What is still to be met by somebody: not met, not void, not let off, and grace not over."""
    terms = terms_of(world, subject_id)
    met = met_by(terms, visits_made(world, subject_id))
    return {
        term.owed.id: term
        for term in terms
        if term.owed.id not in met
        and term.void_from is None
        and not term.waived
        and world.today <= term.grace
    }


def tried(world: World, term: Term) -> bool:
    """Whether officers stood before a closed door in its window."""
    days = (world.day(at) for at in world.attempts.get(term.owed.subject_id, ()) if at <= world.now)
    return any(term.owed.first_day <= day <= term.owed.last_day for day in days)
