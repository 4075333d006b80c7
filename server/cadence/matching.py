"""One subject's history, cut down to what was known by a moment, and which visit meets which obligation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Literal
from uuid import UUID

from schemas.vocabulary import CadenceTier, DutyRule, Performed
from server.cadence.rulebook import Window

Track = CadenceTier | tuple[DutyRule, UUID]
"""Within one track a visit meets one obligation at most: a tier, or what one trigger asks for."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an obligation of another rule than the tiers follows from, with the window that it carries itself.

    ``at`` is when the finding, attempt, order or closing happened. The duty counts from ``known_at`` on, with its true
    days, and from ``withdrawn_at`` on nothing is owed for it.
    """

    id: UUID
    rule: DutyRule
    at: datetime
    window: Window
    known_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """One check owed (应查). ``key`` is unique in the track; both days are days of the bureau's zone.

    It has either a ``tier``, whose policy gives the window, or a ``trigger``, which carries it. ``voided`` says that a
    change of policy took it away before it began. Raises ValueError if it has neither or both.
    """

    id: UUID
    tier: CadenceTier | None
    key: str
    first_day: date
    last_day: date
    voided: bool = False
    trigger: Trigger | None = None

    def __post_init__(self) -> None:
        if (self.tier is None) is (self.trigger is None):
            raise ValueError("An obligation has either a tier or a trigger.")

    @property
    def track(self) -> Track:
        """Its tier, or its rule and trigger."""
        return (self.trigger.rule, self.trigger.id) if self.trigger else self.of_tier

    @property
    def of_tier(self) -> CadenceTier:
        """Its tier. Raises ValueError for what something triggered."""
        return CadenceTier(self.tier or "")


@dataclass(frozen=True, slots=True)
class Fact:
    """One version of what a visit's record amounts to.

    ``tier`` is its deepest checklist or what else was done, ``performed_at`` its start by the corrected clock, ``makes_up``
    the key of the missed obligation that the officers named. A later judgement of the same record and tier,
    such as a leader's review, is another version with a later ``known_at``.
    """

    record_id: UUID
    tier: Performed
    performed_at: datetime
    known_at: datetime
    valid: bool
    makes_up: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """That officers came and could not check (到店未查成); it stands in every tier."""

    record_id: UUID
    at: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Waiver:
    """That an obligation need not be done (经批准免查), by rule or by a leader, until it is withdrawn."""

    obligation_id: UUID
    reason: str
    known_at: datetime
    by: Literal["rule", "leader"] = "leader"
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusChange:
    """That the subject is active, or is not (停业、注销、过期), from ``from_day`` on, that day included.

    A later known change of the same day corrects the earlier one.
    """

    from_day: date
    active: bool
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """That the subject lies in a cell, or in none that is known, from ``from_day`` on.

    A later known placement of the same day corrects the earlier one.
    """

    from_day: date
    cell_id: UUID | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Everything about ONE subject, in any order; the subject counts as active before its first change.

    ``changes`` tell whether the subject is in business, ``scopes`` whether its licence covers what is checked: it
    owes only while both hold.
    """

    obligations: Sequence[Obligation]
    facts: Sequence[Fact] = ()
    attempts: Sequence[Attempt] = ()
    waivers: Sequence[Waiver] = ()
    changes: Sequence[StatusChange] = ()
    scopes: Sequence[StatusChange] = ()
    placements: Sequence[Placement] = ()


@dataclass(frozen=True, slots=True)
class Inactivity:
    """A stretch in which a subject owes nothing; ``until`` is the day it is active again, None if never."""

    since: date
    until: date | None

    def holds(self, day: date) -> bool:
        """Whether the subject is inactive on ``day``."""
        return self.since <= day and (self.until is None or day < self.until)

    def voids(self, first_day: date, last_day: date) -> bool:
        """Whether a period of these days ends on or after ``since`` and begins before the return."""
        return self.since <= last_day and (self.until is None or first_day < self.until)


@dataclass(frozen=True, slots=True)
class Term:
    """An obligation with what decides whether a visit can meet it, by the policy under which it came into being.

    ``checklists`` are those that meet it. ``void_from`` is the day of the suspension that voids it, None if there
    is none; a visit before that day may still meet it. ``waived`` says that nobody need come, so no visit meets it.
    """

    obligation: Obligation
    grace_last_day: date
    min_gap_days: int
    checklists: frozenset[Performed]
    waived: bool = False
    void_from: date | None = None

    def takes(self, day: date) -> bool:
        """Whether a visit on ``day``, not before the first day, can still meet it."""
        return (
            not self.waived
            and day <= self.grace_last_day
            and (self.void_from is None or day < self.void_from)
        )

    def rested(self, day: date, last_met: date | None) -> bool:
        """Whether ``day`` is far enough from the day on which the tier was last met."""
        return last_met is None or (day - last_met).days >= self.min_gap_days

    def missed_before(self, day: date) -> bool:
        """Whether grace ran out before ``day``, so that an obligation still unmet was really missed."""
        return not self.waived and self.void_from is None and self.grace_last_day < day


@dataclass(frozen=True, slots=True)
class Visit:
    """A valid record as one track sees it: ``day`` is the bureau's own day of ``performed_at``, ``checklists`` those
    that it was done with, and what else was done.
    """

    record_id: UUID
    checklists: frozenset[Performed]
    day: date
    performed_at: datetime
    makes_up: str | None


def facts_known(facts: Iterable[Fact], as_of: datetime) -> list[Fact]:
    """The valid facts performed and known by ``as_of``, each by its latest version, in order of (time, id).

    A version that moves the visit behind ``as_of`` or makes it invalid hides the earlier ones.
    """
    latest: dict[tuple[UUID, Performed], Fact] = {}
    for fact in facts:
        if fact.known_at <= as_of:
            version = (fact.record_id, fact.tier)
            known = latest.get(version)
            if known is None or _version_order(fact) > _version_order(known):
                latest[version] = fact
    kept = [fact for fact in latest.values() if fact.valid and fact.performed_at <= as_of]
    # A record may stand for several things: the depth, and then the code, settles the order of what is otherwise equal.
    return sorted(kept, key=lambda fact: (fact.performed_at, fact.record_id, *_depth_first(fact.tier)))


def attempts_known(attempts: Iterable[Attempt], as_of: datetime) -> list[Attempt]:
    """The attempts made and known by ``as_of``, each by its latest version, in order of (time, id)."""
    latest: dict[UUID, Attempt] = {}
    for attempt in attempts:
        if attempt.known_at <= as_of:
            known = latest.get(attempt.record_id)
            if known is None or (attempt.known_at, attempt.at) > (known.known_at, known.at):
                latest[attempt.record_id] = attempt
    kept = [attempt for attempt in latest.values() if attempt.at <= as_of]
    return sorted(kept, key=lambda attempt: (attempt.at, attempt.record_id))


def waived_by(waivers: Iterable[Waiver], as_of: datetime) -> frozenset[UUID]:
    """The ids of the obligations that a waiver known by ``as_of``, and not withdrawn by then, lets off."""
    return frozenset(
        waiver.obligation_id
        for waiver in waivers
        if waiver.known_at <= as_of and (waiver.revoked_at is None or as_of < waiver.revoked_at)
    )


def changes_known(changes: Iterable[StatusChange], as_of: datetime) -> list[StatusChange]:
    """The status changes known by ``as_of``, those of days to come included: an expiry is known ahead."""
    return [change for change in changes if change.known_at <= as_of]


def inactivities(*timelines: Iterable[StatusChange]) -> tuple[Inactivity, ...]:
    """The stretches in which any of the timelines is inactive, in order and apart from each other."""
    stretches = sorted(
        (stretch for changes in timelines for stretch in _inactivities(changes)),
        key=lambda stretch: stretch.since,
    )
    merged: list[Inactivity] = []
    for stretch in stretches:
        last = merged[-1] if merged else None
        if last is None or (last.until is not None and last.until < stretch.since):
            merged.append(stretch)
        elif last.until is not None and (stretch.until is None or stretch.until > last.until):
            merged[-1] = Inactivity(last.since, stretch.until)
    return tuple(merged)


def _inactivities(changes: Iterable[StatusChange]) -> list[Inactivity]:
    by_day: dict[date, StatusChange] = {}
    for change in changes:
        known = by_day.get(change.from_day)
        if known is None or (change.known_at, change.active) > (known.known_at, known.active):
            by_day[change.from_day] = change
    found = []
    since: date | None = None
    for day in sorted(by_day):
        if not by_day[day].active:
            since = since or day
        elif since is not None:
            found.append(Inactivity(since, day))
            since = None
    if since is not None:
        found.append(Inactivity(since, None))
    return found


def cell_on(placements: Iterable[Placement], day: date, as_of: datetime) -> UUID | None:
    """The cell in which the subject lay on ``day``, as known by ``as_of``; before its first placement, that one's."""
    known = [placement for placement in placements if placement.known_at <= as_of]
    if not known:
        return None
    begun = [placement for placement in known if placement.from_day <= day]
    if begun:
        return max(begun, key=_placement_order).cell_id
    return min(known, key=_placement_order).cell_id


def visits_of(facts: Sequence[tuple[Fact, date]], checklists: Collection[Performed]) -> list[Visit]:
    """The visits that count in a track: the facts with one of the ``checklists`` that some of its obligations take.

    ``facts`` come sorted by (time, id), each with its day. A record counts once in a track.
    """
    found: dict[UUID, Visit] = {}
    for fact, day in facts:
        if fact.tier in checklists:
            own: frozenset[Performed] = frozenset((fact.tier,))
            known = found.get(fact.record_id)
            if known is None:
                found[fact.record_id] = Visit(fact.record_id, own, day, fact.performed_at, fact.makes_up)
            else:
                found[fact.record_id] = replace(known, checklists=known.checklists | own)
    return list(found.values())


def match(
    terms: Sequence[Term], visits: Sequence[Visit], last_met: date | None = None
) -> tuple[dict[UUID, Visit], dict[UUID, Visit]]:
    """Walk a track's visits in order of time and give each to at most one obligation, the oldest debt first.

    A visit meets an earlier unmet obligation that is still in grace and takes its checklist; else the one whose
    window holds its day, if that takes its checklist and at least ``min_gap_days`` calendar days have passed since the
    day that met the previous one; else it makes up the missed one that it names; else it is extra. The gap keeps two
    periods from being met back to back, so it does not bind a late visit. Naming a missed obligation does not keep a
    visit from a debt or a window: only what is left over makes up.

    ``terms`` are one track's, sorted by (first day, key); ``visits`` are sorted by (time, id). ``last_met`` is the
    day that last met anything before the first of these visits, where the walk is taken up in the middle. Returns the
    visits that met an obligation and those that made one up, both by obligation id.
    """
    met: dict[UUID, Visit] = {}
    made_up: dict[UUID, Visit] = {}
    by_key = {term.obligation.key: term for term in terms}
    waiting: list[Term] = []
    begun = 0
    for visit in visits:
        while begun < len(terms) and terms[begun].obligation.first_day <= visit.day:
            waiting.append(terms[begun])
            begun += 1
        # What can no longer be met is dropped for good, so this list stays as short as grace is.
        waiting = [term for term in waiting if term.takes(visit.day)]
        fit = [term for term in waiting if not term.checklists.isdisjoint(visit.checklists)]
        late = (term for term in fit if term.obligation.last_day < visit.day)
        timely = (
            term for term in fit if visit.day <= term.obligation.last_day and term.rested(visit.day, last_met)
        )
        meets = next(late, None) or next(timely, None)
        if meets is not None:
            met[meets.obligation.id] = visit
            waiting.remove(meets)
            last_met = visit.day
        elif visit.makes_up is not None:
            named = by_key.get(visit.makes_up)
            takes = named is not None and not named.checklists.isdisjoint(visit.checklists)
            if named and takes and named.missed_before(visit.day) and named.obligation.id not in met:
                made_up.setdefault(named.obligation.id, visit)
    return met, made_up


def superseded(triggers: Iterable[Trigger], as_of: datetime) -> dict[UUID, datetime]:
    """The triggers after which another of the same rule came, with the time of the first that did.

    Those that became known after ``as_of`` or were withdrawn by then do not count. Of two at one instant the greater id
    is the later one, so that the order of arrival does not matter.
    """
    by_rule: dict[DutyRule, list[Trigger]] = {}
    # A trigger that was taken back and came again stands here twice, and each of its checks names it.
    live = (
        one for one in triggers if one.rule.supersedes and one.known_at <= as_of and not withdrawn(one, as_of)
    )
    for trigger in {one.id: one for one in live}.values():
        by_rule.setdefault(trigger.rule, []).append(trigger)
    found: dict[UUID, datetime] = {}
    for of_rule in by_rule.values():
        of_rule.sort(key=lambda trigger: (trigger.at, trigger.id))
        found |= {earlier.id: later.at for earlier, later in pairwise(of_rule)}
    return found


def withdrawn(trigger: Trigger, as_of: datetime) -> bool:
    """Whether the trigger was taken back by ``as_of``."""
    return trigger.withdrawn_at is not None and trigger.withdrawn_at <= as_of


def _depth_first(what: Performed) -> tuple[int, str]:
    return (-what.depth if isinstance(what, CadenceTier) else 1), what.value


def _placement_order(placement: Placement) -> tuple[date, datetime, str]:
    return placement.from_day, placement.known_at, str(placement.cell_id)


def _version_order(fact: Fact) -> tuple[datetime, bool, datetime, str]:
    # Versions of one record learned at the same instant are settled by content, so input order never matters.
    return fact.known_at, fact.valid, fact.performed_at, fact.makes_up or ""
