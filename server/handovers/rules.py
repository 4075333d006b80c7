"""What may be done with a hand-over sheet, by which side, and when one is overdue. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from uuid import UUID

from schemas.vocabulary import HandoverAct, HandoverState

ACKNOWLEDGED_WITHIN = timedelta(days=3)
"""Calendar days after the day from which duty has moved, or on which that became known, within which it is to be taken."""

FAR = timedelta(days=366)
"""How far from today the day of a sheet may lie that is written by hand."""

WAITING = (HandoverState.OPEN, HandoverState.SIGNED, HandoverState.OBJECTED)
"""What somebody still has to do something about."""

_FOLLOWS: Mapping[HandoverState, frozenset[HandoverAct]] = MappingProxyType(
    {
        HandoverState.OPEN: frozenset({HandoverAct.SIGNED, HandoverAct.WITHDRAWN}),
        HandoverState.OBJECTED: frozenset({HandoverAct.SIGNED, HandoverAct.WITHDRAWN}),
        HandoverState.SIGNED: frozenset(
            {HandoverAct.ACKNOWLEDGED, HandoverAct.OBJECTED, HandoverAct.WITHDRAWN}
        ),
    }
)
_GIVEN = frozenset({HandoverAct.SIGNED})
_TAKEN = frozenset({HandoverAct.ACKNOWLEDGED, HandoverAct.OBJECTED})


@dataclass(frozen=True, slots=True)
class Side:
    """A squad and its lead officer: who gives, or who takes."""

    squad_id: UUID
    lead_id: UUID


@dataclass(frozen=True, slots=True)
class Signer:
    """Who acts: the person, the squads that he leads, and whether he does so for the whole bureau."""

    person_id: UUID | None
    leads: Collection[UUID] = ()
    for_bureau: bool = False

    def is_of(self, side: Side) -> bool:
        """Whether he may speak for a side: its lead officer, or who leads its squad."""
        return self.person_id == side.lead_id or side.squad_id in self.leads


def may_follow(state: HandoverState, act: HandoverAct) -> bool:
    """Whether a step may be taken in a state."""
    return act in _FOLLOWS.get(state, frozenset())


def may_take(act: HandoverAct, giving: Side, taking: Side, *, by_hand: bool, signer: Signer) -> bool:
    """Whether somebody may take a step of a sheet at all.

    Its side signs it over, the other side acknowledges or objects. One written by hand is withdrawn by the giving squad's
    leader, and any by whoever does so for the bureau.
    """
    if act in _GIVEN:
        return signer.is_of(giving)
    if act in _TAKEN:
        return signer.is_of(taking)
    return signer.for_bureau or (by_hand and giving.squad_id in signer.leads)


def is_overdue(state: HandoverState, from_day: date, known_on: date, today: date) -> bool:
    """Whether nobody has taken it in time."""
    return state in WAITING and today > overdue_after(from_day, known_on)


def overdue_after(from_day: date, known_on: date) -> date:
    """The last day on which it is in time."""
    return max(from_day, known_on) + ACKNOWLEDGED_WITHIN
