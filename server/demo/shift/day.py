"""What the officer does in the day: chooses what is due, and records it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from schemas.vocabulary import CadenceTier
from server.demo import documents
from server.demo.shift import findings
from server.demo.shift.errand import Errand
from server.demo.shift.handheld import Document, Handheld
from server.demo.shift.patrolling import Patrol, at_stop, began, ended
from server.kernel.ids import new_edit_id, new_id

ZONE = ZoneInfo("Asia/Shanghai")
_TIERS: dict[CadenceTier, documents.Tier] = {
    CadenceTier.WEEKLY: "WEEKLY",
    CadenceTier.MONTHLY: "MONTHLY",
    CadenceTier.QUARTERLY: "QUARTERLY",
}
VISIT = timedelta(minutes=6)
STEP = timedelta(minutes=13)
GAP = timedelta(days=3)
ERRANDS = 10


@dataclass(frozen=True, slots=True)
class Team:
    """Two certified officers and their device."""

    device_id: uuid.UUID
    squad_id: uuid.UUID
    signers: tuple[documents.Signer, documents.Signer]


def choose_team(
    handheld: Handheld, me: Mapping[str, Any], device_id: str, today: date, patrol: Patrol | None = None
) -> Team:
    """The signed-in officer and whoever is with him on his patrol, or a colleague of the same squad whose certificate is
    valid today.

    Raises:
        LookupError: when the squad has no second certified officer.
    """
    people = handheld.documents["people"]
    own = people[me["person_id"]]
    mates = [
        person
        for person in people.values()
        if person["squad"] == own["squad"] and person["id"] != own["id"] and _certificate(person, today)
    ]
    if patrol is not None:
        with_him = {member["person_id"] for member in patrol.document["members"]}
        mates = [person for person in mates if person["id"] in with_him] or mates
    if not mates or not _certificate(own, today):
        raise LookupError("本中队没有两名持证执法人员 · the squad has no two certified officers")
    second = min(mates, key=lambda person: str(person["name"]))
    return Team(
        uuid.UUID(device_id),
        uuid.UUID(me["squad_ids"][0]),
        (_signer(own, today), _signer(second, today)),
    )


def _certificate(person: Document, today: date) -> str | None:
    if person["kind"] != "officer":
        return None
    day = today.isoformat()
    held = (c["cert_no"] for c in person["certificates"] if c["valid_from"] <= day <= c["valid_to"])
    return next(held, None)


def _signer(person: Document, today: date) -> documents.Signer:
    return documents.Signer(person_id=uuid.UUID(person["id"]), cert_no=_certificate(person, today))


def open_on(handheld: Handheld, tier: CadenceTier, today: date) -> list[Document]:
    """The outlets of the device at which a visit today meets this tier's open window, by the facts on the device."""
    day = today.isoformat()
    owed = [o for o in handheld.documents["obligations"].values() if o["tier"] == tier]
    last_met: dict[str, date] = {}
    for one in owed:
        if one["met_at"]:
            met_on = datetime.fromisoformat(one["met_at"]).astimezone(ZONE).date()
            last_met[one["subject_id"]] = max(met_on, last_met.get(one["subject_id"], met_on))
    outlets = handheld.documents["outlets"]
    return [
        outlets[one["subject_id"]]
        for one in sorted(owed, key=lambda one: str(one["subject_id"]))
        if one["first_day"] <= day <= one["last_day"]
        and one["met_by"] is None
        and one["waiver"] is None
        and one["subject_id"] in outlets
        and today - last_met.get(one["subject_id"], today - GAP) >= GAP
    ]


def errands(
    handheld: Handheld, team: Team, now: datetime, rng: Random, patrol: Patrol | None = None
) -> Iterator[Errand]:
    """The day: a check of each tier, or the stops of the team's patrol; a closed door, a road check with two stops, one of
    them with goods; an order to put something right and a word of it put right, goods registered, and a depot from which a
    letter follows.
    """
    today = now.astimezone(ZONE).date()
    midnight = datetime.combine(today, datetime.min.time(), ZONE)
    number = ERRANDS if patrol is None else ERRANDS - len(CadenceTier) + len(patrol.visited) + 1
    start = max(now - number * STEP, midnight)
    step = (now - start) / number
    visited: set[str] = set()
    hour = start
    if patrol is None:
        first = _of_each_tier(handheld, team, hour, step, visited, rng)
    else:
        first = _of_the_patrol(handheld, team, patrol, hour, step, rng)
        visited |= {stop["subject_id"] for stop in patrol.stops}
    for errand in first:
        yield errand
        hour += step
    closed = next(outlet for outlet in handheld.documents["outlets"].values() if outlet["id"] not in visited)
    waiting = [o for o in open_on(handheld, CadenceTier.WEEKLY, today) if o["id"] not in visited]
    closed = waiting[0] if waiting else closed
    yield Errand(
        f"到店未查成（关门）{closed['name']}",
        documents.attempt(_visit(team, closed, "outlet", hour, rng), rng),
    )
    hour += step
    checkpoints = (site for site in handheld.documents["sites"].values() if site["kind"] == "checkpoint")
    cells = handheld.documents["cells"]
    # One in the officer's own cells, where there is one.
    checkpoint = min(checkpoints, key=lambda site: (site["cell_id"] not in cells, site["name"]))
    stops = [(hour + timedelta(minutes=2), False), (hour + timedelta(minutes=4), True)]
    yield Errand(
        f"路检路查 {checkpoint['name']}，拦检 2 辆，1 辆查获",
        documents.road_check(_visit(team, checkpoint, "site", hour, rng), rng, stops=stops),
    )
    hour += step
    visited.add(closed["id"])
    shops = (
        outlet for outlet in handheld.documents["outlets"].values() if _sells_cigarettes(outlet, visited)
    )
    careless, dishonest = next(shops), next(shops)
    ordered = findings.order_to_rectify(careless, _visit(team, careless, "outlet", hour, rng), rng)
    yield ordered
    hour += step
    inspected = _visit(team, dishonest, "outlet", hour, rng)
    registered = _visit(team, dishonest, "outlet", hour + findings.pause_of(step), rng)
    yield from findings.goods_registered(dishonest, inspected, registered, rng)
    hour += step
    depots = (site for site in handheld.documents["sites"].values() if site["kind"] == "depot")
    depot = min(depots, key=lambda site: (site["cell_id"] not in cells, site["name"]))
    yield findings.letter_to_the_postal_authority(depot, _visit(team, depot, "site", hour, rng), rng)
    yield findings.word_put_right(ordered, now)
    if patrol is not None:
        yield ended(patrol, _visit(team, depot, "site", now - VISIT, rng), start, rng)


def _of_the_patrol(
    handheld: Handheld, team: Team, patrol: Patrol, hour: datetime, step: timedelta, rng: Random
) -> Iterator[Errand]:
    """Setting out, and each stop that the team gets to, in the order of the plan."""
    begins_at = next(iter(handheld.documents["outlets"].values()))
    yield began(patrol, _visit(team, begins_at, "outlet", hour, rng), rng)
    for stop in patrol.visited:
        hour += step
        place = handheld.documents["outlets"].get(stop["subject_id"])
        place = place or handheld.documents["sites"][stop["subject_id"]]
        kind = "outlet" if "licence_no" in place else "site"
        yield at_stop(stop, place, _visit(team, place, kind, hour, rng), rng)


def _of_each_tier(
    handheld: Handheld, team: Team, hour: datetime, step: timedelta, visited: set[str], rng: Random
) -> Iterator[Errand]:
    """A check of each tier, where it is open; where nothing of a tier is open any more it is still recorded, as an extra
    visit that changes no figure.
    """
    today = hour.astimezone(ZONE).date()
    for tier in reversed(CadenceTier):
        wanted = [outlet for outlet in open_on(handheld, tier, today) if outlet["id"] not in visited]
        fallback = [
            outlet
            for outlet in handheld.documents["outlets"].values()
            if "ecig" in outlet["licence_scope"]
            and outlet["status"] == "active"
            and outlet["id"] not in visited
        ]
        outlet = (wanted or fallback)[0]
        visited.add(outlet["id"])
        document = documents.ecig_check(_TIERS[tier], _visit(team, outlet, "outlet", hour, rng), rng)
        extra = "" if wanted else "（本期已完成，属多查）"
        yield Errand(f"{tier.label_zh} {outlet['name']}{extra}", document, tier if wanted else None)
        hour += step


def _sells_cigarettes(outlet: Document, visited: set[str]) -> bool:
    """An active shop without e-cigarettes that nobody was at today: what it owes is nothing of this day's figures."""
    return (
        outlet["status"] == "active" and "ecig" not in outlet["licence_scope"] and outlet["id"] not in visited
    )


def _visit(
    team: Team, place: Document, subject_kind: str, started_at: datetime, rng: Random
) -> documents.Visit:
    """A visit at a place, with a fix some metres off as a handheld gives it."""
    return documents.Visit(
        record_id=new_id(started_at),
        edit_id=new_edit_id(),
        signers=team.signers,
        started_at=started_at,
        ended_at=started_at + VISIT,
        lon=place["lon"] + rng.uniform(-1, 1) * 1e-4,
        lat=place["lat"] + rng.uniform(-1, 1) * 1e-4,
        subject_id=uuid.UUID(place["id"]),
        subject_kind=subject_kind,
        licence_no=place.get("licence_no"),
        accuracy_m=round(rng.uniform(5, 15), 1),
        device_id=team.device_id,
        squad_id=team.squad_id,
        cell_id=uuid.UUID(place["cell_id"]) if place["cell_id"] else None,
    )
