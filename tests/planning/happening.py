"""Makes a story come true: the town settles, things happen in it at their hours, and its leader asks for plans.

Everything goes the way it goes in a bureau, by the operations that handhelds and desks call; only what has no operation
yet (noted opening hours, a register's own changes) is written down as their import would.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import select, update

from schemas.plans import WishIn
from schemas.policies import CapIn, PolicyDraft
from server.cadence.cap_policies import publish_cap
from server.cadence.duties import withdraw_triggers
from server.cadence.models import Obligation
from server.cadence.ops import materialise, waive
from server.cadence.policies import activate_policy, draft_policy, plan_policy, sign_off_policy
from server.cadence.upkeep import settle_dated_ahead
from server.demo import documents
from server.grids.ops import apply_due_scope, assign_duty
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel, Work
from server.outlets.models import Outlet, OutletStatus
from server.patrols.models import OpeningHours
from server.planning import drafting
from server.planning.numbers import publish_numbers
from tests.fieldwork import attempt_at, check_of, push_at, visit_of
from tests.planning.chance import GRADES, HOURS, MONDAYS, Asked, Crew, Happening, Shop, Story, Wish
from tests.planning.conftest import Desk, settle_desk
from tests.town import ZONE

PAIRS = (("li", "wang"), ("zhao", "qian"))
MIDDLE = (84.1, 39.05)
DAY = timedelta(days=1)
TIERS = ("WEEKLY", "MONTHLY", "QUARTERLY")
_IN_CELL = ((-1, 0.0), (1, 0.0), (1, 0.1), (1, 0.2))


@dataclass(slots=True)
class Stage:
    """A town in which a story came true, at the moment at which its leader sits down."""

    desk: Desk
    story: Story
    now: datetime
    shops: list[uuid.UUID] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The day it is."""
        return self.now.date()


def come_true(kernel: Kernel, story: Story) -> Stage:
    """The town of a story as its leader finds it at seven in the morning."""
    monday = datetime.combine(MONDAYS[story.monday], time(7), ZONE)
    settled = monday - 14 * DAY
    desk = settle_desk(kernel, now=settled, outlets=0, ecig=0, bureau=f"试样局{uuid.uuid4().hex[:8]}")
    stage = Stage(desk, story, monday + story.day * DAY)
    with desk.at(settled, "admin") as work:
        _add_shops(work, stage)
    _publish_rules(stage, settled + timedelta(hours=1))
    with _house(stage, settled + timedelta(hours=2)) as work:
        materialise(work)
    for happening in sorted(story.happened, key=lambda one: -one.hours):
        _happen(stage, happening, stage.now - timedelta(hours=happening.hours))
    if story.handed_over is not None:
        cell, ahead = story.handed_over
        squad = int(cell < 2)
        with _house(stage, stage.now - timedelta(minutes=30)) as work:
            lead = desk.town.people[PAIRS[squad][0]]
            day = stage.today + ahead * DAY
            assign_duty(work, [desk.town.cells[cell]], desk.town.squads[squad], lead, day)
    with _house(stage, stage.now - timedelta(minutes=10)) as work:
        materialise(work)
        settle_dated_ahead(work)
        apply_due_scope(work)
    return stage


def _house(stage: Stage, at: datetime) -> Any:
    return stage.desk.kernel.work(house(stage.desk.town.bureau_id), at)


def _add_shops(work: Work, stage: Stage) -> None:
    town = stage.desk.town
    for number, shop in enumerate(stage.story.shops):
        lon, lat = _place(shop, stage.story.unit)
        outlet = Outlet(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            licence_no=f"9902811{number:05d}",
            name=f"试样{number}号店",
            name_pinyin=f"sy{number}hd",
            business_kind=shop.kind,
            credit_grade=shop.grade,
            licence_scope=["cigarette", "ecig"] if shop.ecig else ["cigarette"],
            licence_from=date(2024, 1, 1),
            licence_to=date(2028, 12, 31),
            status="active",
            geom=from_shape(Point(lon, lat), srid=4326) if shop.placed else None,
            location_source="register",
            crs_of_origin="wgs84",
            cell_id=town.cells[shop.cell],
            edit_id=new_edit_id(),
        )
        work.session.add(outlet)
        work.session.flush()
        known_at = datetime(2025, 12, 1, 9, 0, tzinfo=ZONE)
        _note_status(work, outlet.id, date(2024, 1, 1), "active", known_at)
        if shop.hours is not None:
            work.session.add(
                OpeningHours(
                    id=new_id(work.now),
                    bureau_id=town.bureau_id,
                    subject_kind="outlet",
                    subject_id=outlet.id,
                    week=HOURS[shop.hours],
                    known_at=work.now,
                )
            )
        town.outlets.append(outlet.id)
        town.positions.append((lon, lat))
    work.wrote("outlet", town.outlets)


def _place(shop: Shop, unit: float) -> tuple[float, float]:
    """Cells 0 and 1 meet in the middle; 2 and 3 lie further and further east."""
    side, beyond = _IN_CELL[shop.cell]
    lon = MIDDLE[0] + beyond + side * (shop.east + 0.5) * unit
    return round(lon, 6), round(MIDDLE[1] + (shop.north - 4.5) * unit, 6)


def _note_status(work: Work, outlet_id: uuid.UUID, day: date, status: str, known_at: datetime) -> None:
    row = {"from_day": day, "status": status, "known_at": known_at}
    work.session.add(OutletStatus(id=new_id(work.now), bureau_id=work.bureau_id, outlet_id=outlet_id, **row))


def _publish_rules(stage: Stage, at: datetime) -> None:
    """Caps that are published after the policy was put in force bind it without a signature."""
    rules, monday = stage.story.rules, MONDAYS[stage.story.monday]
    if rules.minutes is not None:
        with stage.desk.at(at, "admin") as work:
            given = {"service_minutes": {"WEEKLY": rules.minutes, "INSPECTION": rules.minutes}}
            publish_numbers(work, monday - 7 * DAY, given)
    if rules.caps and rules.signed:
        _limit(stage, at)
    if rules.policy is not None:
        with stage.desk.at(at, "admin") as work:
            policy_id = draft_policy(work, PolicyDraft().load(_policy(stage, monday - 7 * DAY))).id
            plan_policy(work, policy_id)
        if rules.signed:
            with stage.desk.at(at, "fa") as work:
                sign_off_policy(work, policy_id, "上级专项部署，附件一")
        with stage.desk.at(at, "admin") as work:
            activate_policy(work, policy_id)
    if rules.caps and not rules.signed:
        _limit(stage, at)


def _policy(stage: Stage, effective_from: date) -> dict[str, Any]:
    assert stage.story.rules.policy is not None
    gap, grace, satisfies = stage.story.rules.policy
    tiers = [
        {
            "tier": tier,
            "form_code": f"ecig_{tier.lower()}",
            "satisfies": list(TIERS[:depth]) if satisfies else [],
            "grace_working_days": grace,
            "min_gap_days": gap,
        }
        for depth, tier in enumerate(TIERS)
    ]
    named = {"name": "试样制度", "legal_basis": "试样依据"}
    return {**named, "effective_from": effective_from.isoformat(), "tiers": tiers}


def _limit(stage: Stage, at: datetime) -> None:
    names = [grade or "ungraded" for grade in GRADES]
    limits = dict(zip(names, stage.story.rules.caps, strict=True))
    given = {"name": "试样上限", "legal_basis": "试样依据", "effective_from": "2026-01-01", "limits": limits}
    with stage.desk.at(at, "fa") as work:
        publish_cap(work, CapIn().load(given))


def _happen(stage: Stage, happening: Happening, at: datetime) -> None:
    what, number = happening.what, happening.shop
    town, shop = stage.desk.town, stage.story.shops[number]
    outlet_id = town.outlets[number]
    if what == "waiver":
        _waive(stage, outlet_id, at)
    elif what in ("suspended", "back", "scope_lost", "moved"):
        _register(stage, number, what, at)
    elif what == "chain_withdrawn":
        with _house(stage, at) as work:
            chains = select(Obligation.trigger_id).where(
                Obligation.subject_id == outlet_id, Obligation.rule == "triple_recheck"
            )
            withdraw_triggers(work, sorted(filter(None, set(work.session.scalars(chains)))), "认定有误")
    else:
        pair = PAIRS[shop.cell // 2]
        given = {"by": pair[:1] if what == "alone" else pair, "cell_id": town.cells[shop.cell]}
        push_at(
            stage.desk.kernel,
            town,
            pair[0],
            at + timedelta(minutes=20),
            _record(stage, number, what, at, given),
        )


def _record(stage: Stage, number: int, what: str, at: datetime, given: dict[str, Any]) -> dict[str, Any]:
    town, ecig = stage.desk.town, stage.story.shops[number].ecig
    # The same story gives the same records, whatever else was told before it.
    dice = Random(f"{number}/{what}/{at}")
    given["record_id"] = uuid.UUID(int=uuid.uuid4().int)
    if what == "attempt":
        return attempt_at(town, number, at, **given)
    if what in (*TIERS, "alone") and ecig:
        return check_of(town, number, at, "WEEKLY" if what == "alone" else what, **given)  # type: ignore[arg-type]
    if what == "service":
        return documents.service_visit(visit_of(town, number, at, visit_kind="service", **given), dice)
    causes = {"finding": "not_from_local_wholesaler", "order": "no_minors_sign"}
    return documents.site_visit(visit_of(town, number, at, **given), dice, cause=causes.get(what))


def _waive(stage: Stage, outlet_id: uuid.UUID, at: datetime) -> None:
    """The bureau's leader lets the shop off what is open of its shallowest tier."""
    with stage.desk.at(at, "ju") as work:
        owed = (
            select(Obligation.id)
            .where(
                Obligation.subject_id == outlet_id,
                Obligation.tier == "WEEKLY",
                Obligation.met_by.is_(None),
                Obligation.last_day >= at.date(),
            )
            .order_by(Obligation.first_day)
            .limit(1)
        )
        waive(work, list(work.session.scalars(owed)), "店铺装修，暂缓检查")


def _register(stage: Stage, number: int, what: str, at: datetime) -> None:
    town = stage.desk.town
    outlet_id = town.outlets[number]
    with stage.desk.at(at, "admin") as work:
        news: dict[str, Any] = {}
        if what == "scope_lost":
            news["licence_scope"] = ["cigarette"]
        elif what == "moved":
            shop = stage.story.shops[number]
            cell = (shop.cell + 1) % 4
            town.positions[number] = _place(Shop(cell, shop.east, shop.north), stage.story.unit)
            news["cell_id"] = town.cells[cell]
            if shop.placed:
                news["geom"] = from_shape(Point(*town.positions[number]), srid=4326)
        else:
            status = "active" if what == "back" else "suspended"
            _note_status(work, outlet_id, at.date(), status, work.now)
            news["status"] = status
        work.session.execute(update(Outlet).where(Outlet.id == outlet_id).values(**news))
        work.wrote("outlet", [outlet_id])


def drafts_of(stage: Stage, asked: Asked) -> list[uuid.UUID]:
    """The drafts that the leader asks for, with what he fixes in them."""
    first = stage.today + asked.ahead * DAY
    days = [first + number * DAY for number in range(asked.days)]
    teams = [_team(stage, asked, crew, number, first) for number, crew in enumerate(asked.crews)]
    ids = stage.desk.draft(
        *teams,
        now=stage.now,
        day=first,
        days=asked.days,
        every_day=asked.every_day or not any(map(_is_worked, days)),
        random_checks=asked.random_checks,
        even=asked.even,
    )
    for wish in asked.wishes:
        if wish.plan < len(ids):
            fix(stage, ids[wish.plan], wish)
    return ids


def _is_worked(day: date) -> bool:
    """Of the days of these stories those of a weekend are free, and the Mid-Autumn and National Day holidays."""
    return day.weekday() < 5 and day != date(2026, 9, 25) and day < date(2026, 9, 30)


def _team(stage: Stage, asked: Asked, crew: Crew, number: int, day: date) -> dict[str, Any]:
    town, unit = stage.desk.town, stage.story.unit
    begins = datetime.combine(day, time(), ZONE) + timedelta(minutes=crew.begins)
    start = None
    if crew.start is not None:
        east, north = crew.start
        start = {"name": "集合点", "lon": MIDDLE[0] + east * unit, "lat": MIDDLE[1] + north * unit}
    people = [*PAIRS[crew.pair], *(["fu"] if crew.auxiliary and number == 0 else [])]
    return {
        "people": [str(town.people[name]) for name in people],
        "vehicle_id": str(stage.desk.cars[number]) if asked.mode == "car" else None,
        "mode": asked.mode,
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(minutes=crew.lasts)).isoformat(),
        "start": start,
        "cell_ids": [str(town.cells[cell]) for cell in crew.cells],
        "most_stops": crew.most_stops,
    }


def fix(stage: Stage, plan_id: uuid.UUID, wish: Wish) -> None:
    """What the bureau's leader fixes about a shop, with its times counted from the beginning of the team's shift."""
    patrols = stage.desk.told(plan_id, stage.now)["patrols"]
    team = patrols[wish.team or 0]
    times = {"not_before": wish.not_before, "not_after": wish.not_after}
    body = {
        "subject_id": str(stage.desk.town.outlets[wish.shop]),
        "wish": "exclude" if wish.out else "include",
        "patrol_id": None if wish.team is None else str(team["id"]),
        "note": wish.note,
        **{
            name: None if minutes is None else (team["starts_at"] + timedelta(minutes=minutes)).isoformat()
            for name, minutes in times.items()
        },
    }
    with stage.desk.at(stage.now, "ju") as work:
        drafting.wish(work, plan_id, WishIn().load(body))
