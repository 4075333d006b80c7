"""Whom a plan is about: the subjects with their place and hours, what they owe, and what their cap still allows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import func, select

from gis.routing.places import Place
from schemas.vocabulary import ObligationState, OutletStatus, Performed, SubjectKind
from server.cadence.duty_models import DutySubject
from server.cadence.histories import Loaded, Owed, load_histories
from server.cadence.matching import History, Track
from server.cadence.models import Obligation
from server.cadence.rulebook import Rulebook
from server.cadence.rules import Fact, Judgement, judge
from server.cadence.timeline import load_timeline
from server.grids.models import Duty
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import Outlet, Site
from server.planning.ceiling import counting_of, signed_off
from server.planning.elsewhere import Elsewhere
from server.planning.visits import Debt, is_of_the_road

# What is still to be done, or will be once its period begins.
_OWED = frozenset(
    {ObligationState.UPCOMING, ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE}
)
_DONE = frozenset({ObligationState.MET, ObligationState.MET_LATE})


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who may be visited; ``lon`` and ``lat`` are EPSG:4326, null for who has no place.

    ``hours_kind`` is what the usual opening hours go by; ``number`` the one by which people know it.
    """

    id: uuid.UUID
    kind: SubjectKind
    name: str
    number: str
    cell_id: uuid.UUID | None
    lon: float | None
    lat: float | None
    hours_kind: str
    active: bool

    @property
    def is_placed(self) -> bool:
        """Whether there is a place to go to."""
        return self.place is not None

    @property
    def place(self) -> Place | None:
        """Where it is, EPSG:4326; None where nobody knows."""
        return None if self.lon is None or self.lat is None else Place(self.lon, self.lat)


def cells_of(work: Work, squad_id: uuid.UUID, day: date) -> set[uuid.UUID]:
    """The leaf cells that the squad has duty for on a day."""
    duty = select(Duty.cell_id).where(
        Duty.bureau_id == work.bureau_id, Duty.squad_id == squad_id, Duty.valid.op("@>")(day)
    )
    return set(work.session.scalars(duty))


def load_subjects(work: Work, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Subject]:
    """The subjects of the bureau among these ids."""
    wanted = sorted(set(ids))
    found: dict[uuid.UUID, Subject] = {}
    outlets = select(
        *(Outlet.id, Outlet.name, Outlet.licence_no, Outlet.cell_id, Outlet.business_kind, Outlet.status),
        func.ST_X(Outlet.geom).label("lon"),
        func.ST_Y(Outlet.geom).label("lat"),
    ).where(Outlet.bureau_id == work.bureau_id, among(Outlet.id, wanted))
    for row in work.session.execute(outlets):
        active = row.status == OutletStatus.ACTIVE
        found[row.id] = Subject(
            *(row.id, SubjectKind.OUTLET, row.name, row.licence_no, row.cell_id, row.lon, row.lat),
            row.business_kind,
            active,
        )
    sites = select(
        *(Site.id, Site.name, Site.code, Site.cell_id),
        func.ST_X(Site.geom).label("lon"),
        func.ST_Y(Site.geom).label("lat"),
    ).where(Site.bureau_id == work.bureau_id, Site.kind == "depot", among(Site.id, wanted))
    for row in work.session.execute(sites):
        place = (row.id, SubjectKind.DEPOT, row.name, row.code, row.cell_id, row.lon, row.lat)
        found[row.id] = Subject(*place, SubjectKind.DEPOT, active=True)
    others = select(DutySubject).where(DutySubject.bureau_id == work.bureau_id, among(DutySubject.id, wanted))
    for other in work.session.scalars(others):
        kind = SubjectKind(other.kind)
        place = (other.id, kind, other.name, other.number, other.cell_id, None, None)
        found[other.id] = Subject(*place, kind.value, active=True)
    return found


def owing_in(work: Work, cells: Collection[uuid.UUID], first: date, last: date) -> list[uuid.UUID]:
    """The subjects in these cells with something that nobody met and that can be met from ``first`` to ``last``."""
    owed = (
        select(Obligation.subject_id)
        .where(
            Obligation.bureau_id == work.bureau_id,
            among(Obligation.cell_id, sorted(cells)),
            Obligation.first_day <= last,
            Obligation.grace_last_day >= first,
            Obligation.met_by.is_(None),
            Obligation.voided_at.is_(None),
            Obligation.withdrawn_at.is_(None),
        )
        .distinct()
    )
    return list(work.session.scalars(owed))


@dataclass(frozen=True, slots=True)
class Owing:
    """What a subject owes that somebody has to go for, and the history from which it follows.

    ``taken`` are the debts that other plans mean to meet or will, ``elsewhere`` their visits as facts to come.
    """

    debts: tuple[Debt, ...]
    taken: tuple[Debt, ...]
    history: History
    last_met: Mapping[Track, date]
    elsewhere: tuple[Fact, ...] = ()

    def met_with(self, planned: Iterable[Fact], rulebook: Rulebook) -> dict[uuid.UUID, uuid.UUID]:
        """Which debt which visit meets once all that is planned is done, by the rules: ``{debt: record of the fact}``."""
        coming = (*self.elsewhere, *planned)
        if not coming:
            return {}
        history = replace(self.history, facts=(*self.history.facts, *coming))
        ours = {fact.record_id for fact in coming}
        done = max(max(fact.known_at, fact.performed_at) for fact in coming)
        judged = judge(history, rulebook, done, self.last_met)
        return {one.obligation.id: one.met_by for one in judged if one.met_by in ours and one.met_by}


def owing_of(
    work: Work,
    subject_ids: Sequence[uuid.UUID],
    first: date,
    last: date,
    elsewhere: Mapping[uuid.UUID, Sequence[Elsewhere]],
) -> dict[uuid.UUID, Owing]:
    """What each of these subjects owes that somebody has to go for from ``first`` to ``last``, judged by the rules now."""
    if not subject_ids:
        return {}
    rulebook = load_timeline(work).rulebook
    counting, signed = counting_of(work), signed_off(work)
    found: dict[uuid.UUID, Owing] = {}
    for subject_id, loaded in load_histories(work, subject_ids).items():
        judged = judge(loaded.history, rulebook, work.now, loaded.last_met)
        met = _last_met(judged, loaded, rulebook)
        debts = [
            _debt(loaded.owed[one.obligation.id], one, rulebook, met, counting, signed)
            for one in judged
            if one.state in _OWED
        ]
        wanted = tuple(debt for debt, kind in debts if is_of_the_road(kind, debt.checklists))
        others = elsewhere.get(subject_id, ())
        coming = tuple(
            as_fact(stop.stop_id, stop.performed, stop.at, work.now) for stop in others if stop.performed
        )
        owing = _parted(Owing(wanted, (), loaded.history, loaded.last_met, coming), others, rulebook)
        found[subject_id] = replace(
            owing, debts=_within(owing.debts, first, last), taken=_within(owing.taken, first, last)
        )
    return found


def _within(debts: Iterable[Debt], first: date, last: date) -> tuple[Debt, ...]:
    return tuple(debt for debt in debts if debt.first_day <= last and debt.grace_last_day >= first)


def as_fact(record_id: uuid.UUID, performed: Performed, at: datetime, now: datetime) -> Fact:
    """A visit that is planned, as the fact that it will be."""
    return Fact(record_id, performed, at, now, valid=True)


def _parted(owing: Owing, others: Sequence[Elsewhere], rulebook: Rulebook) -> Owing:
    """What other plans mean to meet is theirs, and what else their visits will meet; the gap counts from their days."""
    if not others:
        return owing
    will_meet = owing.met_with((), rulebook)
    day_of = {stop.stop_id: stop.day for stop in others}
    theirs: dict[uuid.UUID, date] = {}
    for stop in others:
        theirs.update({uuid.UUID(one): stop.day for one in stop.obligation_ids})
    theirs.update({debt: day_of[stop] for debt, stop in will_meet.items()})
    taken = tuple(debt for debt in owing.debts if debt.id in theirs)
    debts = []
    for debt in owing.debts:
        if debt.id not in theirs:
            earlier = [theirs[one.id] for one in taken if one.track == debt.track and one.precedes(debt)]
            days = [day for day in (debt.last_met, *earlier) if day is not None]
            debts.append(replace(debt, last_met=max(days, default=None)))
    return replace(owing, debts=tuple(debts), taken=taken)


def _last_met(judged: Iterable[Judgement], loaded: Loaded, rulebook: Rulebook) -> Mapping[Track, date]:
    met: dict[Track, date] = dict(loaded.last_met)
    for one in judged:
        if one.state in _DONE and one.performed_at is not None:
            day, track = rulebook.day(one.performed_at), one.obligation.track
            met[track] = max(day, met.get(track, day))
    return met


def _debt(
    owed: Owed,
    judged: Judgement,
    rulebook: Rulebook,
    met: Mapping[Track, date],
    counting: Mapping[uuid.UUID, bool],
    signed: Collection[uuid.UUID],
) -> tuple[Debt, SubjectKind]:
    obligation = judged.obligation
    trigger = obligation.trigger
    window = (
        trigger.window
        if trigger
        else rulebook.window(obligation.of_tier, obligation.first_day, obligation.last_day)
    )
    ruled_by = owed.rule_version_id or owed.policy_tier_id
    debt = Debt(
        id=owed.id,
        duty=owed.tier or owed.rule,
        key=owed.key,
        track=obligation.track,
        first_day=owed.first_day,
        last_day=owed.last_day,
        grace_last_day=window.grace_last_day,
        checklists=window.checklists,
        min_gap_days=window.min_gap_days,
        last_met=met.get(obligation.track),
        attempted=judged.state is ObligationState.ATTEMPTED or bool(judged.attempts),
        counts_to_cap=counting.get(ruled_by, True) if ruled_by else True,
        above_cap=ruled_by in signed,
    )
    return debt, SubjectKind(owed.subject_kind)


def others_in(work: Work, cells: Collection[uuid.UUID], without: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """The active, located outlets of these cells that are not named, in the order of their licences."""
    outlets = (
        select(Outlet.id)
        .where(
            Outlet.bureau_id == work.bureau_id,
            among(Outlet.cell_id, sorted(cells)),
            Outlet.status == OutletStatus.ACTIVE,
            Outlet.geom.is_not(None),
        )
        .order_by(Outlet.licence_no)
    )
    left = set(without)
    return [outlet for outlet in work.session.scalars(outlets) if outlet not in left]


def outlets_by_cell(work: Work, cells: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many active outlets lie in each of these cells."""
    counted = (
        select(Outlet.cell_id, func.count())
        .where(among(Outlet.cell_id, sorted(cells)), Outlet.status == OutletStatus.ACTIVE)
        .group_by(Outlet.cell_id)
    )
    found: dict[uuid.UUID, int] = defaultdict(int)
    for cell_id, number in work.session.execute(counted):
        if cell_id is not None:
            found[cell_id] = number
    return found
