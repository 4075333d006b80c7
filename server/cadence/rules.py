"""The state of every obligation of one subject, as known by a moment and judged at it.

This is the reference: the set-based SQL and the handheld's own computation are checked against it. It reads
no clock and no table; whatever it decides follows from its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.matching import (
    Attempt,
    Fact,
    History,
    Inactivity,
    Obligation,
    Placement,
    StatusChange,
    Term,
    Track,
    Trigger,
    Visit,
    Waiver,
    attempts_known,
    cell_on,
    changes_known,
    facts_known,
    inactivities,
    match,
    superseded,
    visits_of,
    waived_by,
    withdrawn,
)
from server.cadence.periods import Period, periods_between
from server.cadence.rulebook import DEFAULT_POLICIES, Rulebook, TierPolicy, Version, Window

_DAY = timedelta(days=1)
_NO_TRIGGER = UUID(int=0)

__all__ = [
    "DEFAULT_POLICIES",
    "Attempt",
    "Fact",
    "History",
    "Judgement",
    "Obligation",
    "Placement",
    "Rulebook",
    "StatusChange",
    "TierPolicy",
    "Track",
    "Trigger",
    "Version",
    "Waiver",
    "Window",
    "cell_on",
    "judge",
    "owed_periods",
]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one obligation.

    ``met_by`` is the record that met it and ``made_up_by`` the one that made up for it; ``performed_at`` is
    the time of whichever there is. ``days_late`` counts calendar days from the last day to that visit's
    day, and is 0 for an obligation that is not met late or made up. ``attempts`` are the records of
    attempts within the window, in order of time, whatever the state. ``provisional`` marks an answer that
    rests on a year whose holidays are not loaded. ``cell_id`` is where the subject lay when the obligation was
    met or its grace ended, until then where it lies: an open one goes along when the subject moves or its cell
    is drawn anew, a closed one stays.
    """

    obligation: Obligation
    state: ObligationState
    met_by: UUID | None = None
    performed_at: datetime | None = None
    days_late: int = 0
    attempts: tuple[UUID, ...] = ()
    made_up_by: UUID | None = None
    provisional: bool = False
    cell_id: UUID | None = None


def judge(
    history: History,
    rulebook: Rulebook,
    as_of: datetime,
    last_met: Mapping[Track, date] = MappingProxyType({}),
) -> tuple[Judgement, ...]:
    """Every obligation's state as known by ``as_of`` and judged at it, by track, first day and key.

    What became known after ``as_of`` is left out, and so is what was performed after it. The state is, in
    this order: met or met_late; void where a change of policy took it away, and from a suspension on, which a
    visit before it forestalls; upcoming before the first day; waived; then, while grace lasts, due from
    ``Window.due_from``, attempted after an attempt in the window, open; and once grace is over missed, or made_up.

    The walk may be taken up in the middle: visits go to obligations in order of time, so those of an earlier
    time are not moved by later ones. The history then holds only visits from some instant on and the obligations
    not met before it, and ``last_met`` says on which day each track was last met before it.

    Each obligation is judged by the version of the policy that held on its first day, whatever holds now. One that
    something triggered is judged by the window that it carries; it is not there before it became known, and is void
    when its trigger is withdrawn, or from the day after the one on which a later trigger superseded it. What the
    licence covers does not matter to it.

    Raises ValueError if ``as_of`` is naive or two obligations of a track share a key, KeyError if a tier has
    no policy.
    """
    if as_of.utcoffset() is None:
        raise ValueError("The moment to judge at must carry its zone.")
    today = rulebook.day(as_of)
    facts = [(fact, rulebook.day(fact.performed_at)) for fact in facts_known(history.facts, as_of)]
    attempts = [(rulebook.day(a.at), a.record_id) for a in attempts_known(history.attempts, as_of)]
    waived = waived_by(history.waivers, as_of)
    changes = changes_known(history.changes, as_of)
    out_of_business = inactivities(changes)
    stretches = inactivities(changes, changes_known(history.scopes, as_of))
    ended = {
        trigger: rulebook.day(at) + _DAY
        for trigger, at in superseded(
            (owed.trigger for owed in history.obligations if owed.trigger is not None), as_of
        ).items()
    }

    judgements: list[Judgement] = []
    for track, obligations in _by_track(history.obligations, as_of):
        windows = [_window(owed, rulebook) for owed in obligations]
        terms = [
            Term(
                obligation=owed,
                grace_last_day=window.grace_last_day,
                min_gap_days=window.min_gap_days,
                checklists=window.checklists,
                waived=window.waived_by_rule or owed.id in waived,
                void_from=_void_from(
                    owed, stretches if owed.trigger is None else out_of_business, ended, as_of
                ),
            )
            for owed, window in zip(obligations, windows, strict=True)
        ]
        visits = visits_of(facts, frozenset().union(*(term.checklists for term in terms)))
        met, made_up = match(terms, visits, last_met.get(track))
        for term, window in zip(terms, windows, strict=True):
            owed = term.obligation
            tried = tuple(record for day, record in attempts if owed.first_day <= day <= owed.last_day)
            visit = met.get(owed.id)
            closed = visit.day if visit else min(window.grace_last_day, today)
            cell_id = cell_on(history.placements, closed, as_of)
            judgements.append(_judgement(term, window, visit, made_up.get(owed.id), tried, today, cell_id))
    return tuple(judgements)


def owed_periods(
    active_from: date,
    changes: Iterable[StatusChange],
    tiers: Iterable[CadenceTier],
    first: date,
    last: date,
    scopes: Iterable[StatusChange] = (),
) -> tuple[Period, ...]:
    """The periods with a day from ``first`` to ``last`` for which a subject comes to owe a check.

    A subject owes from its first full period after ``active_from``, and after a suspension, or once its licence
    covers what is checked (``scopes``), again from the first full period. A period that begins while it is
    active is generated even if it is suspended before
    the end: the obligation came into being, and ``judge`` finds it void, or met before that. So the result
    does not depend on whether it is asked for ahead or afterwards. Pass the changes known by then;
    ``tiers`` may be the policies themselves, which are keyed by tier.
    """
    stretches = inactivities(changes, scopes)
    return tuple(
        period
        for tier in sorted(tiers, key=lambda tier: tier.depth)
        for period in periods_between(tier, first, last)
        if period.first_day >= active_from
        and not any(stretch.holds(period.first_day) for stretch in stretches)
    )


def _by_track(obligations: Iterable[Obligation], as_of: datetime) -> list[tuple[Track, list[Obligation]]]:
    """The obligations of each track that are known, oldest first: tiers from the shallowest, then rule by rule."""
    tracks: dict[Track, list[Obligation]] = {}
    for obligation in obligations:
        if obligation.trigger is None or obligation.trigger.known_at <= as_of:
            tracks.setdefault(obligation.track, []).append(obligation)
    for track, owed in tracks.items():
        owed.sort(key=lambda obligation: (obligation.first_day, obligation.key))
        if len({obligation.key for obligation in owed}) < len(owed):
            name = track.lower() if isinstance(track, CadenceTier) else track[0]
            raise ValueError(f"Two {name} obligations of the subject share a key.")
    return sorted(tracks.items(), key=lambda item: _track_order(item[0]))


def _track_order(track: Track) -> tuple[int, str, UUID]:
    return (track.depth, "", _NO_TRIGGER) if isinstance(track, CadenceTier) else (len(CadenceTier), *track)


def _window(owed: Obligation, rulebook: Rulebook) -> Window:
    if owed.trigger is not None:
        return owed.trigger.window
    return rulebook.window(owed.of_tier, owed.first_day, owed.last_day)


def _void_from(
    owed: Obligation, stretches: tuple[Inactivity, ...], ended: Mapping[UUID, date], as_of: datetime
) -> date | None:
    """The first day from which it is owed no more; ``ended`` has the day after a later trigger, by trigger."""
    if owed.voided or (owed.trigger is not None and withdrawn(owed.trigger, as_of)):
        return owed.first_day
    void = [stretch.since for stretch in stretches if stretch.voids(owed.first_day, owed.last_day)]
    later = ended.get(owed.trigger.id) if owed.trigger is not None else None
    # A later trigger within the window ends what is open of it; what it comes after has been missed.
    if later is not None and later - _DAY <= owed.last_day:
        void.append(later)
    return min(void, default=None)


def _judgement(
    term: Term,
    window: Window,
    met: Visit | None,
    made_up: Visit | None,
    tried: tuple[UUID, ...],
    today: date,
    cell_id: UUID | None,
) -> Judgement:
    owed, visit = term.obligation, met or made_up
    late = max(0, (visit.day - owed.last_day).days) if visit else 0
    return Judgement(
        obligation=owed,
        state=_state(term, window, met, made_up, tried, today),
        met_by=met.record_id if met else None,
        performed_at=visit.performed_at if visit else None,
        days_late=late,
        attempts=tried,
        made_up_by=made_up.record_id if made_up else None,
        provisional=window.provisional,
        cell_id=cell_id,
    )


def _state(
    term: Term, window: Window, met: Visit | None, made_up: Visit | None, tried: tuple[UUID, ...], today: date
) -> ObligationState:
    if met is not None:
        return ObligationState.MET if met.day <= term.obligation.last_day else ObligationState.MET_LATE
    if term.void_from is not None:
        return ObligationState.VOID
    if today < term.obligation.first_day:
        return ObligationState.UPCOMING
    if term.waived:
        return ObligationState.WAIVED
    if today > term.grace_last_day:
        return ObligationState.MADE_UP if made_up is not None else ObligationState.MISSED
    if today >= window.due_from:
        return ObligationState.DUE
    return ObligationState.ATTEMPTED if tried else ObligationState.OPEN
