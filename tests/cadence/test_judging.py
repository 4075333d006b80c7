"""The set-based statement against the pure rules: many random histories at once, in a real database."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from geoalchemy2.shape import from_shape
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, box
from sqlalchemy import Engine, insert, select, text

from schemas.vocabulary import CadenceTier
from server.cadence import rules
from server.cadence.duty_models import DutyRuleVersion
from server.cadence.histories import load_histories
from server.cadence.judging import judged_duties, judged_rows
from server.cadence.models import AttemptFact, Obligation, Policy, PolicyTier, VisitFact, Waiver
from server.cadence.periods import parse_period, reporting_period
from server.cadence.tally import Tally
from server.cadence.timeline import load_timeline
from server.grids.models import DutyFact, GridCell
from server.house import compose
from server.kernel.actor import house
from server.kernel.calendar import import_workdays
from server.kernel.db import table_of
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel, Work
from server.org.models import Bureau, Person, Squad
from server.outlets.models import Outlet, OutletStatus, Registration
from server.reports.cadence import By, CadenceReport, report_of
from server.reports.judged import judged
from server.reports.responsible import load_responsible
from tests.cadence.small_histories import WORKDAYS
from tests.conftest import own_database, settings_for
from tests.vectors.chance import KEYS, START, Chance

OUTLETS, HOUSEHOLDS = 24, 4
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)

# Histories come from a seed, many at once, and a seed cannot be made smaller.
BY_SEED = settings(deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
seeds = st.integers(0, 2**32)


@dataclass(slots=True)
class Ground:
    """A bureau with outlets of which nothing is known yet."""

    kernel: Kernel
    bureau_id: uuid.UUID
    outlets: list[uuid.UUID]
    cells: list[uuid.UUID]
    squads: list[uuid.UUID]
    people: list[uuid.UUID]
    rule_version_id: uuid.UUID

    @contextmanager
    def work(self, chance: Chance) -> Iterator[Work]:
        """A unit of work under a random rulebook in its zone, long after everything; it leaves nothing behind."""
        book = chance.rulebook()
        own_settings = replace(self.kernel.settings, zone=book.zone)
        with self.kernel.sessions() as session:
            work = Work(session, house(self.bureau_id), START + timedelta(days=200), own_settings)
            write_policies(self, work, book)
            yield work
            session.rollback()


@pytest.fixture(scope="module")
def ground(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    with own_database(superuser, template_database) as name:
        kernel = compose(settings_for(name, Path(tmp_path_factory.mktemp("files"))))
        bureau_id = new_id(BEGUN)
        with kernel.work(house(bureau_id), BEGUN) as work:
            work.session.add(Bureau(id=bureau_id, name="试样局", level="county", region_code="990281"))
            work.session.flush()
            sources = dict.fromkeys(WORKDAYS.years, "国务院办公厅通知")
            import_workdays(work, set(WORKDAYS.off), set(WORKDAYS.make_up), sources)
            own = {"bureau_id": bureau_id, "edit_id": new_edit_id()}
            outlets = [_outlet(work, number, own) for number in range(OUTLETS)]
            squads = [Squad(id=new_id(BEGUN), name=f"{number}中队", **own) for number in range(2)]
            people = [
                Person(id=new_id(BEGUN), name=f"{n}号", staff_no=f"S{n}", kind="officer", **own)
                for n in range(2)
            ]
            cells = [_cell(number, own) for number in range(3)]
            work.session.add_all([*outlets, *squads, *people, *cells])
            work.session.flush()
            ids = [[row.id for row in rows] for rows in (outlets, cells, squads, people)]
            version = _rule_version(bureau_id)
            work.session.add(version)
            rule_version_id = version.id
        yield Ground(kernel, bureau_id, *ids, rule_version_id)
        kernel.close()


def _outlet(work: Work, number: int, own: dict[str, Any]) -> Outlet:
    return Outlet(
        id=new_id(work.now),
        licence_no=f"9902811{number:05d}",
        name=f"试样{number}号便利店",
        name_pinyin=f"sy{number}hbld",
        business_kind="B",
        licence_scope=["cigarette", "ecig"],
        licence_from=date(2024, 1, 1),
        licence_to=date(2028, 12, 31),
        status="active",
        **own,
    )


def _cell(number: int, own: dict[str, Any]) -> GridCell:
    return GridCell(
        id=new_id(BEGUN),
        code=f"9902-{number}",
        name=f"试样{number}格",
        cell_level=4,
        cell_type="city_street",
        control_mode="both",
        purpose="both",
        geom=from_shape(MultiPolygon([box(84 + number, 39, 85 + number, 40)]), srid=4326),
        **own,
    )


def _rule_version(bureau_id: uuid.UUID) -> DutyRuleVersion:
    """What triggered obligations point at; they carry what it said."""
    return DutyRuleVersion(
        id=new_id(BEGUN),
        bureau_id=bureau_id,
        code="round",
        version=1,
        name="示例",
        legal_basis="示例",
        effective_from=BEGUN.date(),
        checks=1,
        days=7,
        day_kind="calendar",
        grace_working_days=0,
        due_soon_working_days=0,
        accepts=["INSPECTION"],
        threshold={},
        counts_to_cap=True,
        known_at=BEGUN,
    )


def write_policies(ground: Ground, work: Work, book: rules.Rulebook) -> None:
    """The rulebook's versions as policies in force."""
    own = {"bureau_id": ground.bureau_id}
    policies, tiers = [], []
    for number, version in enumerate(book.versions, start=1):
        policy_id = new_id(work.now)
        policies.append(
            {
                "id": policy_id, "code": "ecig", "version": number, "name": "复查制度", "legal_basis": "示例",
                "state": "active", "effective_from": version.effective_from, "edit_id": new_edit_id(), **own,
            }
        )  # fmt: skip
        for tier, policy in version.tiers.items():
            tiers.append(
                {
                    "id": new_id(work.now), "policy_id": policy_id, "tier": tier.value,
                    "population": {"kind": "all"}, "form_code": "ecig", "form_version": 1,
                    "satisfies": [other.value for other in policy.satisfies],
                    "grace_working_days": policy.grace_working_days, "min_gap_days": policy.min_gap_days,
                    "due_soon_working_days": policy.due_soon_working_days, "min_workdays": policy.min_workdays,
                    "min_officers": 2, "radius_m": 100, "max_accuracy_m": 100, "min_duration_s": 180,
                    "counts_to_cap": True, **own,
                }
            )  # fmt: skip
    work.session.execute(insert(table_of(Policy)), policies)
    work.session.execute(insert(table_of(PolicyTier)), tiers)


def write_histories(ground: Ground, work: Work, chance: Chance) -> None:
    """A random history for every outlet, and for households what something triggered; and who answers for the cells."""
    own = {"bureau_id": ground.bureau_id}
    policy_tier_id = work.session.scalars(select(PolicyTier.id)).first()
    rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for subject_id in (*ground.outlets, *(new_id(work.now) for _ in range(HOUSEHOLDS))):
        history = chance.history()
        registered = subject_id in ground.outlets
        of = {"subject_kind": "outlet" if registered else "household", "subject_id": subject_id, **own}
        obligations = [owed for owed in history.obligations if registered or owed.trigger]
        for owed in obligations:
            rows[Obligation].append(
                {
                    **of, "id": uuid.uuid5(subject_id, owed.key), "key": owed.key, "first_day": owed.first_day,
                    "last_day": owed.last_day, "attempt_count": 0, "edit_id": new_edit_id(),
                    "cell_id": None if registered else ground.cells[chance.random.randrange(3)],
                    **(_triggered(ground, owed.trigger) if owed.trigger else _of_tier(owed, policy_tier_id)),
                }
            )  # fmt: skip
        write_done(rows, of, history, {owed.id: uuid.uuid5(subject_id, owed.key) for owed in obligations})
        if registered:
            write_register(ground, rows, subject_id, history, chance.random)
    for _ in range(chance.random.randrange(7)):
        cell, squad = chance.random.randrange(3), chance.random.randrange(2)
        rows[DutyFact].append(
            {
                "id": new_id(work.now), "cell_id": ground.cells[cell], "squad_id": ground.squads[squad],
                "lead_person_id": ground.people[squad], "from_day": chance.day(), "known_at": chance.moment(),
                **own,
            }
        )  # fmt: skip
    insert_all(work, rows)


def insert_all(work: Work, rows: dict[Any, list[dict[str, Any]]]) -> None:
    for table, given_rows in rows.items():
        work.session.execute(insert(table_of(table)), given_rows)


def _of_tier(owed: rules.Obligation, policy_tier_id: uuid.UUID | None) -> dict[str, Any]:
    carried = (
        "trigger_id",
        "triggered_at",
        "rule_version_id",
        "due_from",
        "accepts",
        "min_gap_days",
        "known_at",
    )
    return {
        "rule": "ecig_cadence", "tier": owed.of_tier.value, "policy_tier_id": policy_tier_id,
        # What is kept of these is not what decides.
        "grace_last_day": owed.last_day, "provisional": False,
        "voided_at": BEGUN if owed.voided else None, "withdrawn_at": None, **dict.fromkeys(carried),
    }  # fmt: skip


def _triggered(ground: Ground, trigger: rules.Trigger) -> dict[str, Any]:
    return {
        "rule": trigger.rule.value, "tier": None, "policy_tier_id": None, "voided_at": None,
        "trigger_id": trigger.id, "triggered_at": trigger.at, "rule_version_id": ground.rule_version_id,
        "due_from": trigger.window.due_from, "grace_last_day": trigger.window.grace_last_day,
        "accepts": sorted(trigger.window.checklists), "min_gap_days": trigger.window.min_gap_days,
        "provisional": trigger.window.provisional, "known_at": trigger.known_at,
        "withdrawn_at": trigger.withdrawn_at,
    }  # fmt: skip


def write_done(
    rows: dict[Any, list[dict[str, Any]]],
    of: dict[str, Any],
    history: rules.History,
    ids: dict[uuid.UUID, uuid.UUID],
) -> None:
    """Visits, attempts and waivers; ``ids`` are the obligations' own by those of the history."""

    def record(id: uuid.UUID) -> uuid.UUID:
        return uuid.uuid5(of["subject_id"], str(id))

    versions = {(fact.record_id, fact.tier, fact.known_at): fact for fact in history.facts}
    rows[VisitFact] += [
        {
            "record_id": record(fact.record_id), "tier": fact.tier.value, "known_at": fact.known_at,
            "performed_at": fact.performed_at, "valid": fact.valid, "makes_up": fact.makes_up, **of,
        }
        for fact in versions.values()
    ]  # fmt: skip
    rows[AttemptFact] += [
        {"record_id": record(tried.record_id), "known_at": tried.known_at, "attempted_at": tried.at, **of}
        for tried in {tried.record_id: tried for tried in history.attempts}.values()
    ]
    rows[Waiver] += [
        {
            "id": uuid.uuid4(), "bureau_id": of["bureau_id"], "obligation_id": ids[waiver.obligation_id],
            "reason": waiver.reason, "known_at": waiver.known_at, "revoked_at": waiver.revoked_at,
        }
        for waiver in history.waivers
        if waiver.obligation_id in ids
    ]  # fmt: skip


def write_register(
    ground: Ground,
    rows: dict[Any, list[dict[str, Any]]],
    outlet_id: uuid.UUID,
    history: rules.History,
    random: Random,
) -> None:
    """Status, scope and place; a register tells the last two at once."""
    about = {"outlet_id": outlet_id, "bureau_id": ground.bureau_id}
    rows[OutletStatus] += [
        {
            "id": uuid.uuid4(), "from_day": change.from_day, "known_at": change.known_at,
            "status": "active" if change.active else "suspended", **about,
        }
        for change in history.changes
    ]  # fmt: skip
    for word in (*history.scopes, *history.placements):
        covered = word.active if isinstance(word, rules.StatusChange) else random.randrange(5) > 0
        rows[Registration].append(
            {
                "from_day": word.from_day, "known_at": word.known_at,
                "licence_scope": ["cigarette", "ecig"] if covered else ["cigarette"],
                "cell_id": random.choice([None, *ground.cells]), **about,
            }
        )  # fmt: skip


def by_the_rules(work: Work, as_of: datetime) -> dict[uuid.UUID, dict[str, Any]]:
    """What the pure function says of every obligation, by its id."""
    responsible_for = load_responsible(work, as_of)
    today = as_of.astimezone(work.zone).date()
    rulebook = load_timeline(work).rulebook
    found: dict[uuid.UUID, dict[str, Any]] = {}
    for subject_id, loaded in load_histories(work, None).items():
        for judgement in rules.judge(loaded.history, rulebook, as_of):
            owed = judgement.obligation
            kept = loaded.owed[owed.id]
            cell_id = judgement.cell_id if kept.subject_kind == "outlet" else kept.cell_id
            responsible = responsible_for(cell_id, min(owed.last_day, today))
            window = (
                owed.trigger.window
                if owed.trigger
                else rulebook.window(owed.of_tier, owed.first_day, owed.last_day)
            )
            found[owed.id] = {
                "obligation_id": owed.id,
                "subject_kind": kept.subject_kind,
                "subject_id": subject_id,
                "cell_id": cell_id,
                "squad_id": responsible.squad_id if responsible else None,
                "officer_id": responsible.lead_person_id if responsible else None,
                "rule": kept.rule,
                "trigger_id": owed.trigger.id if owed.trigger else None,
                "tier": kept.tier,
                "key": owed.key,
                "first_day": owed.first_day,
                "last_day": owed.last_day,
                "grace_last_day": window.grace_last_day,
                "state": judgement.state.value,
                "met_by": judgement.met_by,
                "made_up_by": judgement.made_up_by,
                "performed_at": judgement.performed_at,
                "days_late": judgement.days_late,
                "attempts": list(judgement.attempts),
                "provisional": judgement.provisional,
            }
    return found


def by_the_statement(
    work: Work, as_of: datetime, keys: dict[CadenceTier, list[str]] | None = None
) -> dict[uuid.UUID, dict[str, Any]]:
    """What the statement says, of what something triggered as well unless ``keys`` are given."""
    statements = [judged_rows(work, as_of, keys)] + ([judged_duties(work, as_of)] if keys is None else [])
    rows: list[dict[str, Any]] = []
    for statement in statements:
        with statement as judged:
            rows += [dict(row) for row in work.session.execute(select(judged)).mappings()]
    found = {row["obligation_id"]: row for row in rows}
    assert len(found) == len(rows), "an obligation is told once"
    return found


def moments_of(chance: Chance) -> list[datetime]:
    return [chance.moment(), chance.moment(last=24 * 80)]


@settings(BY_SEED, max_examples=20)
@given(seeds)
def test_the_statement_says_what_the_rules_say(ground: Ground, seed: int) -> None:
    chance = Chance(seed)
    with ground.work(chance) as work:
        write_histories(ground, work, chance)
        for as_of in moments_of(chance):
            expected = by_the_rules(work, as_of)
            assert by_the_statement(work, as_of) == expected
            some = {key for key in KEYS if chance.random.randrange(3) == 0}
            keys = {tier: [key for key in some if parse_period(key).tier is tier] for tier in CadenceTier}
            named = {id: row for id, row in expected.items() if row["tier"] and row["key"] in some}
            assert by_the_statement(work, as_of, keys) == named


def test_the_planner_is_set_for_the_statement_alone(ground: Ground) -> None:
    planner = text("select name, setting from pg_settings")
    with ground.work(Chance(0)) as work:
        before = dict(work.session.execute(planner).all())
        by_the_statement(work, work.now)
        assert dict(work.session.execute(planner).all()) == before


@settings(BY_SEED, max_examples=8)
@given(seeds)
def test_what_becomes_known_later_changes_nothing_of_the_past(ground: Ground, seed: int) -> None:
    chance = Chance(seed)
    with ground.work(chance) as work:
        write_histories(ground, work, chance)
        as_of = chance.moment()
        before = by_the_statement(work, as_of)
        rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for outlet_id in ground.outlets:
            known = work.session.scalars(
                select(Obligation.id).where(Obligation.subject_id == outlet_id)
            ).all()
            of = {"subject_kind": "outlet", "subject_id": outlet_id, "bureau_id": ground.bureau_id}
            more = chance.history()
            # The same records are judged again as well as new ones learned of.
            write_done(rows, of, more, dict(zip((one.id for one in more.obligations), known, strict=False)))
            write_register(ground, rows, outlet_id, more, chance.random)
        for row in rows[AttemptFact]:
            # An attempt is told once.
            row["record_id"] = uuid.uuid4()
        for some in rows.values():
            for number, row in enumerate(some):
                row["known_at"] = as_of + timedelta(seconds=1 + number)
        insert_all(work, rows)
        assert by_the_statement(work, as_of) == before
        assert by_the_statement(work, work.now) != before


@settings(BY_SEED, max_examples=5)
@given(seeds)
def test_every_total_is_the_sum_of_its_parts(ground: Ground, seed: int) -> None:
    chance = Chance(seed)
    with ground.work(chance) as work:
        write_histories(ground, work, chance)
        for as_of in moments_of(chance):
            period = reporting_period("2026")
            items = judged(work, period, as_of)

            cuts = {
                (by, each): sums(report_of(work, period, as_of, by, items, each_period=each))
                for by in By
                for each in (False, True)
            }
            assert cuts[By.TOTAL, False]
            assert all(cut == cuts[By.TOTAL, False] for cut in cuts.values())


def sums(report: CadenceReport) -> dict[CadenceTier, Tally]:
    """The counts of all lines together, by tier."""
    found: dict[CadenceTier, Tally] = defaultdict(Tally)
    for line in report.lines:
        found[line.tier] += line.counts
    return found
