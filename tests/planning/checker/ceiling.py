"""Rule 5: no more inspections in a year than the cap allows, but for what the legal office signed (decisions.md 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from tests.planning.checker.duties import Standing, others_of
from tests.planning.checker.matching import met_by
from tests.planning.checker.objecting import Objection, Rule
from tests.planning.checker.told import Plan, Stop, stops_of
from tests.planning.checker.world import Cap, Inspection, World

LABELS = ("routine", "special", "case")


def cap_on(world: World, day: date) -> Cap | None:
    """The caps in force on a day: the last to have begun."""
    begun = [cap for cap in world.caps if cap.first <= day]
    return max(begun, key=lambda cap: (cap.first, cap.version), default=None)


def remaining(world: World, subject_id: str, day: date, standing: Standing | None) -> int | None:
    """How many counting visits an outlet's year still allows, by what was done; None without a cap."""
    cap = cap_on(world, day)
    graded = [one for one in world.grades.get(subject_id, ()) if one.from_day <= day]
    if cap is None or not graded:
        return None
    limit = cap.limits.get(max(graded, key=lambda one: (one.from_day, one.seq)).grade)
    if limit is None:
        return None
    return max(0, limit - _used(world, subject_id, day.year, cap, standing))


def _used(world: World, subject_id: str, year: int, cap: Cap, standing: Standing | None) -> int:
    """The visits of a year that count; records close to each other are one visit, which counts if one of them does."""
    apart = timedelta(minutes=cap.same_visit_minutes)
    done = [one for one in world.inspections.get(subject_id, ()) if world.day(one.begins).year == year]
    counted = 0
    until: datetime | None = None
    counts = False
    for one in sorted(done, key=lambda one: (one.begins, one.record_id)):
        if until is None or one.begins > until + apart:
            counted += counts
            until, counts = one.ends, False
        until = max(until, one.ends)
        counts = counts or _counts(world, one, cap, standing)
    return counted + counts


def _counts(world: World, one: Inspection, cap: Cap, standing: Standing | None) -> bool:
    if one.label not in LABELS:
        # An inspection under another name is one all the same.
        return True
    if one.exempted or one.label in cap.exempt_kinds:
        return False
    if one.tier is not None:
        day = world.day(one.begins)
        begun = [edition for edition in world.editions if edition.first <= day]
        edition = max(begun, key=lambda edition: (edition.first, edition.version), default=None)
        row = (
            edition.tiers.get(one.tier) if edition and (edition.last is None or day <= edition.last) else None
        )
        return row is None or row.counts_to_cap
    met = met_by(standing.terms, standing.visits) if standing else {}
    rules = [world.owed[owed].rule_version_id for owed, key in met.items() if key == one.record_id]
    return all(world.counts.get(rule, True) for rule in rules if rule)


def is_counting(world: World, visit_kind: str, obligation_ids: Iterable[str]) -> bool:
    """Whether a planned visit counts: every inspection, unless nothing of what it meets does."""
    if visit_kind == "service":
        return False
    owed = [world.owed[one] for one in obligation_ids if one in world.owed]
    ruled = [one.rule_version_id or one.policy_tier_id for one in owed]
    return not ruled or any(world.counts.get(rule or "", True) for rule in ruled)


def planned_before(world: World, plans: Sequence[Plan], subject_id: str, year: int) -> int:
    """The counting visits of a year that other published plans have."""
    return sum(
        is_counting(world, stop.visit_kind, stop.obligation_ids)
        for stop in others_of(world, plans)
        if stop.subject_id == subject_id and world.day(stop.begins_at).year == year
    )


def check_ceiling(
    world: World, plans: Sequence[Plan], standings: Mapping[str, Standing]
) -> Iterable[Objection]:
    """What is planned beyond the cap without being signed, or said to be beyond it without being so."""
    counting: dict[tuple[str, int], list[Stop]] = {}
    for _, _, stop in stops_of(plans):
        subject = world.subjects.get(stop.subject_id)
        if (
            subject is not None
            and subject.kind == "outlet"
            and is_counting(world, stop.visit_kind, stop.obligation_ids)
        ):
            counting.setdefault((stop.subject_id, world.day(stop.begins_at).year), []).append(stop)
        elif "above_cap" in stop.codes():
            yield Objection(Rule.ABOVE_CAP, f"{stop} does not count")
    for (subject_id, year), stops in counting.items():
        day = world.day(stops[0].begins_at)
        left = remaining(world, subject_id, day, standings.get(subject_id))
        above = [stop for stop in stops if "above_cap" in stop.codes()]
        beyond = 0
        if left is not None:
            left = max(0, left - planned_before(world, plans, subject_id, year))
            beyond = max(0, len(stops) - left)
        if len(above) < beyond:
            yield Objection(
                Rule.CAP, f"{stops[0].name}: {len(stops)} planned, {left} left, {len(above)} told"
            )
        if len(above) > beyond:
            yield Objection(Rule.ABOVE_CAP, f"{stops[0].name}: {len(above)} told, {beyond} beyond {left}")
        for stop in above:
            if not any(is_signed(world, one) for one in stop.obligation_ids):
                yield Objection(Rule.ABOVE_CAP, f"{stop}: the legal office signed for nothing of it")


def is_signed(world: World, obligation_id: str) -> bool:
    """Whether the legal office let the policy that asks for it go beyond the cap."""
    owed = world.owed.get(obligation_id)
    return owed is not None and owed.policy_tier_id in world.signed_tiers
