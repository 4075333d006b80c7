"""What stands behind the figures of R7: by squad and week, the ids of obligations, records, outlets and lost edits."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import false, select

from schemas.vocabulary import CadenceTier, DutyRule, ObligationState
from server.cadence import rules
from server.cadence.histories import Loaded, load_histories, load_subjects
from server.cadence.matching import changes_known, inactivities
from server.cadence.models import Obligation
from server.cadence.periods import Period, ReportingPeriod, period_of, periods_between
from server.cadence.tally import PENDING
from server.cadence.timeline import need_rulebook
from server.grids.queries import cells_in_scope
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports import health_rows
from server.reports.judged import judged
from server.reports.outlet_records import records_at_outlets
from server.reports.responsible import Responsible, load_responsible
from server.reports.sync_health import Census

_COUNTED_AS = {
    ObligationState.MET: "on_time",
    ObligationState.MET_LATE: "late",
    ObligationState.MISSED: "missed",
    ObligationState.MADE_UP: "missed",
} | dict.fromkeys(PENDING, "pending")

SquadId = uuid.UUID | None


@dataclass(slots=True)
class Found:
    """By squad and week, under each name the ids counted and what kind of thing each is."""

    by: dict[tuple[SquadId, str], dict[str, dict[Any, str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )

    def add(self, squad_id: SquadId, week: str, name: str, one: Any, kind: str) -> None:
        """Count a thing under a name, once."""
        self.by[squad_id, week][name][one] = kind

    def of(self, squad_id: SquadId, week: Period) -> Mapping[str, Mapping[Any, str]]:
        """What a squad's week comes to."""
        return self.by.get((squad_id, week.key), {})

    def of_all(self, week: Period) -> Mapping[str, Mapping[Any, str]]:
        """What a week comes to over all squads: what two of them have is there once."""
        whole: dict[str, dict[Any, str]] = defaultdict(dict)
        for (_, key), names in self.by.items():
            for name, ids in names.items() if key == week.key else ():
                whole[name].update(ids)
        return whole

    @property
    def squads(self) -> list[SquadId]:
        """Whoever has anything at all; ``None`` stands for what nobody answered for."""
        return list({squad_id: None for squad_id, _ in self.by})


def found_in(work: Work, weeks: Sequence[Period], as_of: datetime) -> Found:
    """Everything counted in the weeks, as known by ``as_of`` and in the actor's scope."""
    today = as_of.astimezone(work.zone).date()
    begun = [week for week in weeks if week.first_day <= today]
    found = Found()
    if begun:
        gathering = _Gathering(work, as_of, today, begun, found)
        gathering.obligations()
        gathering.rechecks()
        gathering.records()
        gathering.ecig_outlets()
        gathering.conflicts()
    return found


class _Gathering:
    """One run over all that is counted. ``weeks`` follow one another and have begun."""

    def __init__(
        self, work: Work, as_of: datetime, today: date, weeks: Sequence[Period], found: Found
    ) -> None:
        self.work, self.as_of, self.today, self.found = work, as_of, today, found
        self.weeks = weeks
        self.first = min(week.first_day for week in weeks)
        self.last = max(week.last_day for week in weeks)
        self.responsible = load_responsible(work, as_of)
        self.cells: set[uuid.UUID] | None = None
        if not work.actor.reaches_bureau(Permission.REPORT_READ):
            self.cells = set(work.session.scalars(cells_in_scope(work.actor, Permission.REPORT_READ)))
        # Outlets with a valid visit, by week.
        self.visited: dict[str, set[uuid.UUID]] = defaultdict(set)

    def obligations(self) -> None:
        """Those of the tiers, by the week of their last day."""
        keys = {
            tier: tuple(
                period.key
                for period in periods_between(tier, self.first, self.last)
                if period.last_day <= self.last
            )
            for tier in CadenceTier
        }
        span = ReportingPeriod(self.weeks[0].key, self.first, self.last, keys)
        for item in judged(self.work, span, self.as_of):
            self._owed(item.tier.lower(), item.judgement, item.responsible)

    def rechecks(self) -> None:
        """The re-checks of 查一补三, likewise."""
        recheck = DutyRule.TRIPLE_RECHECK.value
        subjects = self.work.session.scalars(
            select(Obligation.subject_id)
            .where(
                Obligation.bureau_id == self.work.bureau_id,
                Obligation.rule == recheck,
                Obligation.subject_kind == "outlet",
                Obligation.last_day.between(self.first, self.last),
            )
            .distinct()
        ).all()
        if not subjects:
            return
        rulebook = need_rulebook(self.work, self.today)
        for loaded in load_histories(self.work, subjects).values():
            for judgement in rules.judge(loaded.history, rulebook, self.as_of):
                owed = loaded.owed[judgement.obligation.id]
                if (
                    owed.rule == recheck
                    and self.first <= owed.last_day <= self.last
                    and self._sees(judgement.cell_id)
                ):
                    on = min(owed.last_day, self.today)
                    self._owed(recheck, judgement, self.responsible(judgement.cell_id, on))

    def _owed(self, track: str, judgement: rules.Judgement, responsible: Responsible | None) -> None:
        counted = _COUNTED_AS.get(judgement.state)
        if counted is None:
            return
        week = period_of(CadenceTier.WEEKLY, judgement.obligation.last_day).key
        squad_id = responsible.squad_id if responsible else None
        for name in (f"{track}_due", f"{track}_{counted}"):
            self.found.add(squad_id, week, name, judgement.obligation.id, "obligation")

    def records(self) -> None:
        """Visits and attempts at outlets, by the day on which they were made."""
        for row in records_at_outlets(self.work, self.first, self.last, self.as_of):
            if not self._sees(row.cell_id):
                continue
            day = row.performed_at.astimezone(self.work.zone).date()
            week = period_of(CadenceTier.WEEKLY, day).key
            squad_id = self._squad(row.cell_id, day)
            self.found.add(squad_id, week, "records", row.id, "record")
            if "late" in row.flags:
                self.found.add(squad_id, week, "late_records", row.id, "record")
            if row.kind == "attempt":
                self.found.add(squad_id, week, "attempts", row.id, "record")
            elif row.valid and row.inspects:
                self.visited[week].add(row.subject_id)
                self.found.add(squad_id, week, "visits", row.id, "record")
                self.found.add(squad_id, week, "outlets_visited", row.subject_id, "outlet")
                if row.result == "abnormal":
                    self.found.add(squad_id, week, "findings", row.id, "record")

    def ecig_outlets(self) -> None:
        """The outlets that could sell e-cigarettes on some day of the week, and those of them with a valid visit."""
        for outlet_id, loaded in load_subjects(self.work, None, false()).items():
            for week in self.weeks:
                if not _open_in(loaded, week, self.as_of):
                    continue
                day = min(week.last_day, self.today)
                cell_id = rules.cell_on(loaded.placements, day, self.as_of)
                if not self._sees(cell_id):
                    continue
                squad_id = self._squad(cell_id, day)
                self.found.add(squad_id, week.key, "ecig_outlets", outlet_id, "outlet")
                if outlet_id in self.visited[week.key]:
                    self.found.add(squad_id, week.key, "ecig_visited", outlet_id, "outlet")

    def conflicts(self) -> None:
        """Edits that had lost and were not settled when the week was over, or are not by now."""
        for week in self.weeks:
            over = datetime.combine(week.last_day + timedelta(days=1), time(), self.work.zone)
            moment = min(over, self.as_of)
            census = Census(self.work, moment)
            for row in health_rows.open_conflicts(self.work, moment):
                holder = census.holder(row.person_id, row.device_id)
                if holder is not None:
                    self.found.add(holder.squad_id, week.key, "conflicts_open", row.id, "conflict")

    def _sees(self, cell_id: uuid.UUID | None) -> bool:
        return self.cells is None or cell_id in self.cells

    def _squad(self, cell_id: uuid.UUID | None, day: date) -> SquadId:
        found = self.responsible(cell_id, day)
        return found.squad_id if found else None


def _open_in(loaded: Loaded, week: Period, as_of: datetime) -> bool:
    """Whether the outlet was in business and licensed for e-cigarettes on some day of the week, as known by then."""
    changes, scopes = changes_known(loaded.changes, as_of), changes_known(loaded.scopes, as_of)
    if not changes or not scopes:
        return False
    begun = max(min(change.from_day for change in timeline) for timeline in (changes, scopes))
    stretches = inactivities(changes, scopes)
    days = (week.first_day + timedelta(days=number) for number in range(7))
    return any(
        day >= max(begun, loaded.active_from) and not any(stretch.holds(day) for stretch in stretches)
        for day in days
    )
