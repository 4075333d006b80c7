"""What the registers, the facts and the rules of a bureau say, as rows: loaded once, never changed. Ids are text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class TierRow:
    """One tier of a version of the policy."""

    id: str
    satisfies: frozenset[str]
    grace_working_days: int
    min_gap_days: int
    min_workdays: int
    counts_to_cap: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """A version of the policy that came or will come into force."""

    first: date
    last: date | None
    version: int
    tiers: Mapping[str, TierRow]


@dataclass(frozen=True, slots=True)
class Owed:
    """An obligation as its row says; ``tier`` is None for what something triggered, which carries its own window."""

    id: str
    subject_kind: str
    subject_id: str
    rule: str
    key: str
    tier: str | None
    policy_tier_id: str | None
    trigger_id: str | None
    triggered_at: datetime | None
    rule_version_id: str | None
    accepts: frozenset[str]
    min_gap_days: int | None
    known_at: datetime | None
    withdrawn_at: datetime | None
    voided_at: datetime | None
    met_by: str | None
    first_day: date
    last_day: date
    grace_last_day: date

    @property
    def duty(self) -> str:
        """What reasons call it: its tier, or its rule."""
        return self.tier or self.rule

    @property
    def track(self) -> tuple[str, str]:
        """Within it one visit meets one obligation at most."""
        return ("tier", self.tier) if self.tier else (self.rule, self.trigger_id or "")


@dataclass(frozen=True, slots=True)
class Fact:
    """A version of what a record amounts to."""

    record_id: str
    performed: str
    at: datetime
    known_at: datetime
    valid: bool


@dataclass(frozen=True, slots=True)
class Waiver:
    """That an obligation need not be done."""

    obligation_id: str
    known_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """That something holds, or does not, from a day on."""

    from_day: date
    known_at: datetime
    holds: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom one may visit; ``hours_kind`` is what the usual hours go by, ``active`` what the register says now."""

    id: str
    kind: str
    name: str
    number: str
    cell_id: str | None
    place: tuple[float, float] | None
    hours_kind: str
    active: bool


@dataclass(frozen=True, slots=True)
class Graded:
    """The credit grade that the register told from a day on."""

    from_day: date
    seq: int
    grade: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """A record of an inspection at a shop: its label, the tier of its form if it has one; ``exempted`` by a decision."""

    record_id: str
    label: str
    tier: str | None
    begins: datetime
    ends: datetime
    exempted: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A person with the days of the certificates."""

    kind: str
    certified: tuple[tuple[date, date], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """That a squad answers for a cell from a day on, up to the day before ``until``."""

    squad_id: str
    cell_id: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Form:
    """A checklist as far as a plan names it: its tier if it has one, and the kind of its records."""

    tier: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A stop that a published plan has and nobody has made yet."""

    plan_id: str
    squad_id: str
    day: date
    stop_id: str
    subject_id: str
    begins_at: datetime
    form_code: str | None
    visit_kind: str
    obligation_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Out:
    """Somebody or a vehicle that is out with a published plan."""

    plan_id: str
    who: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Cap:
    """How often a grade may be inspected in a year, which kinds do not count, and how far records of one visit lie apart."""

    first: date
    version: int
    limits: Mapping[str, int]
    exempt_kinds: frozenset[str]
    same_visit_minutes: int


@dataclass(slots=True)
class World:
    """Everything the checker knows, as known at ``now``."""

    now: datetime
    zone: ZoneInfo
    off: frozenset[date] = frozenset()
    make_up: frozenset[date] = frozenset()
    years: frozenset[int] = frozenset()
    editions: Sequence[Edition] = ()
    # Rows of tiers and of versions of duty rules → whether what they ask for counts to the cap.
    counts: dict[str, bool] = field(default_factory=dict)
    signed_tiers: frozenset[str] = frozenset()
    owed: dict[str, Owed] = field(default_factory=dict)
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    attempts: dict[str, list[datetime]] = field(default_factory=dict)
    waivers: list[Waiver] = field(default_factory=list)
    statuses: dict[str, list[Change]] = field(default_factory=dict)
    scopes: dict[str, list[Change]] = field(default_factory=dict)
    subjects: dict[str, Subject] = field(default_factory=dict)
    grades: dict[str, list[Graded]] = field(default_factory=dict)
    caps: list[Cap] = field(default_factory=list)
    inspections: dict[str, list[Inspection]] = field(default_factory=dict)
    people: dict[str, Known] = field(default_factory=dict)
    duty: list[Held] = field(default_factory=list)
    forms: dict[str, Form] = field(default_factory=dict)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    people_out: list[Out] = field(default_factory=list)
    vehicles_out: list[Out] = field(default_factory=list)
    # Rules of planning by their first day, and the hours that somebody noted by subject and ISO weekday.
    numbers: list[tuple[date, int, Mapping[str, object]]] = field(default_factory=list)
    noted_hours: dict[str, Mapping[int, Sequence[Span]]] = field(default_factory=dict)

    def day(self, moment: datetime) -> date:
        """The bureau's own day of a moment."""
        return moment.astimezone(self.zone).date()

    @property
    def today(self) -> date:
        """The day it is."""
        return self.day(self.now)

    def of_subject(self, subject_id: str) -> list[Owed]:
        """The obligations of one subject."""
        return [one for one in self.owed.values() if one.subject_id == subject_id]
