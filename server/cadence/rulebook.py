"""What a bureau's policy asks and forgives, version by version, and the days that decide about a period."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType

from schemas.vocabulary import CadenceTier, Performed
from server.kernel.workdays import Workdays

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """What one tier forgives, and what its checklist meets besides.

    ``grace_working_days`` and ``due_soon_working_days`` count working days, ``min_gap_days`` calendar days.
    ``satisfies`` are the shallower tiers that a visit with this checklist meets as well. A period with fewer
    than ``min_workdays`` working days is waived by rule. Raises ValueError for a negative number.
    """

    grace_working_days: int
    min_gap_days: int = 3
    due_soon_working_days: int = 2
    satisfies: frozenset[CadenceTier] = frozenset()
    min_workdays: int = 1

    def __post_init__(self) -> None:
        numbers = (self.grace_working_days, self.min_gap_days, self.due_soon_working_days, self.min_workdays)
        if min(numbers) < 0:
            raise ValueError("A tier's policy counts days, and none of its numbers may be negative.")


DEFAULT_POLICIES: Mapping[CadenceTier, TierPolicy] = MappingProxyType(
    {
        CadenceTier.WEEKLY: TierPolicy(2),
        CadenceTier.MONTHLY: TierPolicy(3, satisfies=frozenset({CadenceTier.WEEKLY})),
        CadenceTier.QUARTERLY: TierPolicy(5, satisfies=frozenset({CadenceTier.WEEKLY, CadenceTier.MONTHLY})),
    }
)
"""The project's own proposal, for the sources name tiers but no numbers; a bureau's policy replaces it."""


@dataclass(frozen=True, slots=True)
class Version:
    """The tiers that hold for periods which begin on ``effective_from`` or later, until a later version begins.

    Raises ValueError if a tier claims to satisfy itself or a deeper one.
    """

    effective_from: date
    tiers: Mapping[CadenceTier, TierPolicy]

    def __post_init__(self) -> None:
        for tier, policy in self.tiers.items():
            if any(other.depth >= tier.depth for other in policy.satisfies):
                raise ValueError(f"The {tier.lower()} checklist can meet shallower tiers only.")

    def checklists(self, tier: CadenceTier) -> frozenset[Performed]:
        """The checklists that meet ``tier``: its own, and the deeper ones whose policy says so."""
        deeper = (other for other, policy in self.tiers.items() if tier in policy.satisfies)
        return frozenset((tier, *deeper))


@dataclass(frozen=True, slots=True)
class Window:
    """The days that decide about one period, or about what a trigger asks for.

    ``due_from`` is the first day from which no more than ``due_soon_working_days`` working days remain, that
    day and the period's last day included; it is never before the first day. For a week without holidays and
    2 working days it is Thursday, for a month that ends on a Friday also Thursday. ``grace_last_day`` is the
    last day of grace in working days after the last day. ``provisional`` says that a year whose holidays are
    not loaded had a part in it. ``min_gap_days`` and ``checklists``, those that meet the period, are the policy's.
    A triggered duty carries a window of its own, worked out by the version of its rule that held on its trigger's day.
    """

    due_from: date
    grace_last_day: date
    waived_by_rule: bool
    provisional: bool
    min_gap_days: int
    checklists: frozenset[Performed]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Every version of the policy, working days and zone, with the windows already worked out.

    A period is judged by the version under which it came into being: the last one that had begun by its first
    day. So a new version changes nothing that had begun. Make one rulebook for a whole request and judge every
    subject with it: subjects share their periods, so nearly all windows come from memory.
    """

    versions: Sequence[Version]
    workdays: Workdays
    zone: tzinfo
    _windows: dict[tuple[CadenceTier, date, date], Window] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, tiers: Mapping[CadenceTier, TierPolicy], workdays: Workdays, zone: tzinfo) -> Rulebook:
        """A rulebook of one version that always held."""
        return cls((Version(date.min, tiers),), workdays, zone)

    def day(self, instant: datetime) -> date:
        """The bureau's own day of an aware ``instant``: Sunday 23:58 belongs to Sunday's week."""
        return instant.astimezone(self.zone).date()

    def version(self, tier: CadenceTier, first_day: date) -> Version:
        """The version that judges a period of ``tier`` that begins on ``first_day``.

        What a version has dropped is judged by the one before it that had it. Raises KeyError where no version
        had begun that has the tier.
        """
        having = [one for one in self.versions if tier in one.tiers and one.effective_from <= first_day]
        if not having:
            raise KeyError(tier)
        # Of two that begin on one day the one listed later replaced the other before it began.
        return max(enumerate(having), key=lambda place: (place[1].effective_from, place[0]))[1]

    def policy(self, tier: CadenceTier, first_day: date) -> TierPolicy:
        """What is asked of a period of ``tier`` that begins on ``first_day``. Raises KeyError without a policy."""
        return self.version(tier, first_day).tiers[tier]

    def tiers_met_by(self, checklists: Collection[Performed]) -> list[CadenceTier]:
        """The tiers that any of the checklists meets under any version."""
        return sorted(
            {
                tier
                for version in self.versions
                for tier in version.tiers
                if not version.checklists(tier).isdisjoint(checklists)
            },
            key=lambda tier: tier.depth,
        )

    @property
    def longest_gap_days(self) -> int:
        """The longest minimum gap of any tier under any version; 0 without any."""
        gaps = (policy.min_gap_days for version in self.versions for policy in version.tiers.values())
        return max(gaps, default=0)

    def window(self, tier: CadenceTier, first_day: date, last_day: date) -> Window:
        """The deciding days of a period of ``tier``. Raises KeyError if the tier has no policy then."""
        key = (tier, first_day, last_day)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = self._work_out(tier, first_day, last_day)
        return window

    def _work_out(self, tier: CadenceTier, first_day: date, last_day: date) -> Window:
        version, workdays = self.version(tier, first_day), self.workdays
        policy = version.tiers[tier]
        # One working day more than the limit remains up to this day, so the next day is the first one due.
        too_early = workdays.shift(last_day + _DAY, -(policy.due_soon_working_days + 1))
        grace_last_day = workdays.shift(last_day, policy.grace_working_days)
        return Window(
            due_from=max(first_day, too_early + _DAY),
            grace_last_day=grace_last_day,
            waived_by_rule=workdays.count(first_day, last_day) < policy.min_workdays,
            provisional=workdays.provisional(first_day, grace_last_day),
            min_gap_days=policy.min_gap_days,
            checklists=version.checklists(tier),
        )
