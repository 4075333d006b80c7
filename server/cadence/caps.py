"""The ceiling beside the floor: how often a licensee may be inspected in a year (国办发〔2024〕54号).

``least_visits`` tells what a policy asks at least; the ledger counts what was done.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.vocabulary import CadenceTier


def least_visits(
    periods: Mapping[CadenceTier, int],
    satisfies: Mapping[CadenceTier, frozenset[CadenceTier]],
    counts: Mapping[CadenceTier, bool],
) -> int:
    """The fewest visits counting to the cap with which so many periods of each tier can be met.

    A visit meets one period of its own tier and one of each shallower tier that it satisfies, and counts once however
    many it meets. Visits with the checklist of a tier that does not count are left out.
    """
    visits: dict[CadenceTier, int] = {}
    for tier in sorted(periods, key=lambda tier: -tier.depth):
        met = sum(number for deeper, number in visits.items() if tier in satisfies[deeper])
        visits[tier] = max(0, periods[tier] - met)
    return sum(number for tier, number in visits.items() if counts[tier])
