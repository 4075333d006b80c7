"""Reads the rows of one bureau into a world. Nothing here judges; what holds when is left to whoever reads it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.planning.checker.world import (
    Cap,
    Change,
    Edition,
    Elsewhere,
    Fact,
    Form,
    Graded,
    Held,
    Inspection,
    Known,
    Out,
    Owed,
    Span,
    Subject,
    TierRow,
    Waiver,
    World,
)

Row = dict[str, Any]


def load_world(session: Session, bureau_id: uuid.UUID, now: datetime, zone: ZoneInfo) -> World:
    """The bureau as it is known at ``now``; the session must see nothing that came later."""
    read = _Reader(session, bureau_id, now)
    world = World(now, zone)
    _load_calendar(read, world)
    _load_policy(read, world)
    _load_owed(read, world)
    _load_register(read, world)
    _load_done(read, world)
    _load_caps(read, world)
    _load_people(read, world)
    _load_plans(read, world)
    return world


class _Reader:
    """Rows of one bureau, ids as text."""

    def __init__(self, session: Session, bureau_id: uuid.UUID, now: datetime) -> None:
        self._session, self._given = session, {"bureau": bureau_id, "now": now}

    def __call__(self, query: str) -> list[Row]:
        rows = self._session.execute(text(query), self._given).mappings()
        return [{name: _as_text(value) for name, value in row.items()} for row in rows]


def _as_text(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return [_as_text(one) for one in value] if isinstance(value, list) else value


def _load_calendar(read: _Reader, world: World) -> None:
    days = read("select day, kind from workday where bureau_id = :bureau")
    world.off = frozenset(row["day"] for row in days if row["kind"] == "off")
    world.make_up = frozenset(row["day"] for row in days if row["kind"] == "make_up")
    years = read("select year from workday_year where bureau_id = :bureau")
    world.years = frozenset(row["year"] for row in years)


def _load_policy(read: _Reader, world: World) -> None:
    tiers: dict[str, dict[str, TierRow]] = defaultdict(dict)
    for row in read("select * from policy_tier where bureau_id = :bureau"):
        tiers[row["policy_id"]][row["tier"]] = TierRow(
            row["id"],
            frozenset(row["satisfies"]),
            row["grace_working_days"],
            row["min_gap_days"],
            row["min_workdays"],
            row["counts_to_cap"],
        )
        world.counts[row["id"]] = row["counts_to_cap"]
    for row in read("select id, counts_to_cap from duty_rule_version where bureau_id = :bureau"):
        world.counts[row["id"]] = row["counts_to_cap"]
    editions = []
    for row in read("select * from policy where bureau_id = :bureau and state in ('active', 'retired')"):
        if row["effective_to"] is None or row["effective_to"] >= row["effective_from"]:
            editions.append(
                Edition(row["effective_from"], row["effective_to"], row["version"], tiers[row["id"]])
            )
    world.editions = sorted(editions, key=lambda edition: (edition.first, edition.version))
    signed = {
        row["policy_id"] for row in read("select policy_id from policy_sign_off where bureau_id = :bureau")
    }
    world.signed_tiers = frozenset(tier.id for policy in signed for tier in tiers[policy].values())


_OWED_AS_IT_IS = (
    *("id", "subject_kind", "subject_id", "rule", "key", "tier", "policy_tier_id", "trigger_id"),
    *("triggered_at", "rule_version_id", "min_gap_days", "known_at", "withdrawn_at", "voided_at", "met_by"),
    *("first_day", "last_day", "grace_last_day"),
)


def _load_owed(read: _Reader, world: World) -> None:
    for row in read("select * from obligation where bureau_id = :bureau"):
        kept = {name: row[name] for name in _OWED_AS_IT_IS}
        world.owed[row["id"]] = Owed(**kept, accepts=frozenset(row["accepts"] or ()))
    waivers = "select w.* from waiver w where w.bureau_id = :bureau"
    world.waivers = [
        Waiver(row["obligation_id"], row["known_at"], row["revoked_at"]) for row in read(waivers)
    ]


def _load_register(read: _Reader, world: World) -> None:
    for row in read("select *, st_x(geom) lon, st_y(geom) lat from outlet where bureau_id = :bureau"):
        place = None if row["lon"] is None else (row["lon"], row["lat"])
        known = (row["id"], "outlet", row["name"], row["licence_no"], row["cell_id"], place)
        world.subjects[row["id"]] = Subject(*known, row["business_kind"], row["status"] == "active")
    sites = "select *, st_x(geom) lon, st_y(geom) lat from site where bureau_id = :bureau and kind = 'depot'"
    for row in read(sites):
        known = (row["id"], "depot", row["name"], row["code"], row["cell_id"], (row["lon"], row["lat"]))
        world.subjects[row["id"]] = Subject(*known, "depot", active=True)
    for row in read("select * from duty_subject where bureau_id = :bureau"):
        known = (row["id"], row["kind"], row["name"], row["number"], row["cell_id"], None)
        world.subjects[row["id"]] = Subject(*known, row["kind"], active=True)
    for row in read("select * from outlet_status where bureau_id = :bureau"):
        change = Change(row["from_day"], row["known_at"], row["status"] == "active")
        world.statuses.setdefault(row["outlet_id"], []).append(change)
    for row in read("select * from outlet_registration where bureau_id = :bureau order by seq"):
        change = Change(row["from_day"], row["known_at"], "ecig" in row["licence_scope"])
        world.scopes.setdefault(row["outlet_id"], []).append(change)
        graded = Graded(row["from_day"], row["seq"], row["credit_grade"] or "ungraded")
        world.grades.setdefault(row["outlet_id"], []).append(graded)
    hours = "select subject_id, week from opening_hours where bureau_id = :bureau order by known_at, id"
    for row in read(hours):
        if row["week"] is None:
            world.noted_hours.pop(row["subject_id"], None)
        else:
            week = {int(weekday): _spans(spans) for weekday, spans in row["week"].items()}
            world.noted_hours[row["subject_id"]] = week


def _spans(spans: Iterable[tuple[str, str]]) -> list[Span]:
    return [(time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in spans]


def _load_done(read: _Reader, world: World) -> None:
    for row in read("select * from visit_fact where bureau_id = :bureau"):
        fact = Fact(row["record_id"], row["tier"], row["performed_at"], row["known_at"], row["valid"])
        world.facts.setdefault(row["subject_id"], []).append(fact)
    for row in read("select * from attempt_fact where bureau_id = :bureau and known_at <= :now"):
        world.attempts.setdefault(row["subject_id"], []).append(row["attempted_at"])
    for row in read("select form_code, tier, kind from form where bureau_id = :bureau order by version"):
        world.forms[row["form_code"]] = Form(row["tier"], row["kind"])


def _load_caps(read: _Reader, world: World) -> None:
    for row in read("select * from cap_policy where bureau_id = :bureau and known_at <= :now"):
        exempt = [kind for one in row["exemptions"] if one["automatic"] for kind in one["visit_kinds"]]
        cap = (row["effective_from"], row["version"], row["limits"], frozenset(exempt))
        world.caps.append(Cap(*cap, row["same_visit_minutes"]))
    exempted: dict[str, bool] = {}
    for row in read("select record_id, code from cap_exemption where bureau_id = :bureau order by seq"):
        exempted[row["record_id"]] = row["code"] is not None
    inspections = """
        select r.id, r.subject_id, r.visit_kind, f.tier, r.performed_at, r.started_at, r.ended_at
        from record r
        left join form f
            on f.bureau_id = r.bureau_id and f.form_code = r.form_code and f.version = r.form_version
        where r.bureau_id = :bureau and r.received_at <= :now and r.performed_at <= :now
            and r.subject_kind = 'outlet' and r.kind <> 'attempt' and r.amends_id is null
            and (r.visit_kind in ('routine', 'special', 'case') or (f.demands ->> 'certified')::boolean)
    """
    for row in read(inspections):
        lasted = max(row["ended_at"] - row["started_at"], timedelta(0))
        one = Inspection(
            row["id"],
            row["visit_kind"],
            row["tier"],
            row["performed_at"],
            row["performed_at"] + lasted,
            exempted.get(row["id"], False),
        )
        world.inspections.setdefault(row["subject_id"], []).append(one)


def _load_people(read: _Reader, world: World) -> None:
    certified: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for row in read("select * from certificate where bureau_id = :bureau"):
        certified[row["person_id"]].append((row["valid_from"], row["valid_to"]))
    for row in read("select id, kind from person where bureau_id = :bureau"):
        world.people[row["id"]] = Known(row["kind"], tuple(certified[row["id"]]))
    duty = (
        "select squad_id, cell_id, lower(valid) since, upper(valid) until from duty where bureau_id = :bureau"
    )
    world.duty = [Held(row["squad_id"], row["cell_id"], row["since"], row["until"]) for row in read(duty)]


def _load_plans(read: _Reader, world: World) -> None:
    published = """
        select s.*, p.squad_id, p.day from patrol_stop s join patrol_plan p on p.id = s.plan_id
        where p.bureau_id = :bureau and p.state = 'published' and s.status = 'planned'
    """
    for row in read(published):
        if row["day"] >= world.today:
            stop = (
                row["plan_id"],
                row["squad_id"],
                row["day"],
                row["id"],
                row["subject_id"],
                row["begins_at"],
            )
            obligations = frozenset(row["obligation_ids"])
            world.elsewhere.append(Elsewhere(*stop, row["form_code"], row["visit_kind"], obligations))
    patrols = """
        select t.plan_id, t.id, t.vehicle_id, t.starts_at, t.ends_at
        from patrol t join patrol_plan p on p.id = t.plan_id
        where p.bureau_id = :bureau and p.state = 'published'
    """
    members: dict[str, list[str]] = defaultdict(list)
    for row in read("select patrol_id, person_id from patrol_member where bureau_id = :bureau"):
        members[row["patrol_id"]].append(row["person_id"])
    for row in read(patrols):
        when = (row["starts_at"], row["ends_at"])
        world.people_out += [Out(row["plan_id"], one, *when) for one in members[row["id"]]]
        if row["vehicle_id"]:
            world.vehicles_out.append(Out(row["plan_id"], row["vehicle_id"], *when))
    rules = "select effective_from, version, rules from planning_rules where bureau_id = :bureau"
    world.numbers = [(row["effective_from"], row["version"], row["rules"]) for row in read(rules)]
