"""The set-based statement against the pure rules: many random histories at once, in a real database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from geoalchemy2.shape import from_shape
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, box
from sqlalchemy import Engine, insert, select

from schemas.vocabulary import CadenceTier
from server.cadence import rules
from server.cadence.histories import load_histories
from server.cadence.judging import judged_rows
from server.cadence.models import AttemptFact, Obligation, Policy, PolicyTier, VisitFact, Waiver
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
from server.reports.responsible import load_responsible
from tests.cadence.small_histories import WORKDAYS
from tests.cadence.test_rules_properties import KEYS, UNHURRIED, days, histories, moments, rulebooks
from tests.conftest import own_database, settings_for

SUBJECTS = 6
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)

# Cell, squad and the day from which it is answerable, and when that became known.
hand_overs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), days, moments), max_size=6)


@dataclass(slots=True)
class Ground:
    """A bureau with outlets of which nothing is known yet."""

    kernel: Kernel
    bureau_id: uuid.UUID
    outlets: list[uuid.UUID]
    cells: list[uuid.UUID]
    squads: list[uuid.UUID]
    people: list[uuid.UUID]

    @contextmanager
    def work(self, now: datetime) -> Iterator[Work]:
        """A unit of work that leaves nothing behind."""
        with self.kernel.sessions() as session:
            yield Work(session, house(self.bureau_id), now, self.kernel.settings)
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
            outlets = [_outlet(work, number, own) for number in range(SUBJECTS)]
            squads = [Squad(id=new_id(BEGUN), name=f"{number}中队", **own) for number in range(2)]
            people = [
                Person(id=new_id(BEGUN), name=f"{n}号", staff_no=f"S{n}", kind="officer", **own)
                for n in range(2)
            ]
            cells = [_cell(number, own) for number in range(3)]
            work.session.add_all([*outlets, *squads, *people, *cells])
            work.session.flush()
            ids = [[row.id for row in rows] for rows in (outlets, cells, squads, people)]
        yield Ground(kernel, bureau_id, *ids)
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


def write_policies(ground: Ground, work: Work, book: rules.Rulebook) -> uuid.UUID:
    """The rulebook's versions as policies in force; returns any tier's id, for obligations to point at."""
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
    return tiers[0]["id"]


def write_histories(
    ground: Ground, work: Work, some: Sequence[rules.History], policy_tier_id: uuid.UUID
) -> None:
    """Each history as facts of an outlet of its own."""
    own = {"bureau_id": ground.bureau_id}
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (Obligation, VisitFact, AttemptFact, Waiver, OutletStatus, Registration)
    }
    for outlet_id, history in zip(ground.outlets, some, strict=False):
        of = {"subject_kind": "outlet", "subject_id": outlet_id, **own}
        about = {"outlet_id": outlet_id, **own}
        ids = {owed.id: uuid.uuid5(outlet_id, owed.key) for owed in history.obligations}
        rows[Obligation] += [
            {
                "id": ids[owed.id], "rule": "ecig_cadence", "key": owed.key, "tier": owed.tier.value,
                "policy_tier_id": policy_tier_id, "first_day": owed.first_day, "last_day": owed.last_day,
                "grace_last_day": owed.last_day, "provisional": False, "attempt_count": 0,
                "voided_at": BEGUN if owed.voided else None, "edit_id": new_edit_id(), **of,
            }
            for owed in history.obligations
        ]  # fmt: skip
        versions = {(fact.record_id, fact.tier, fact.known_at): fact for fact in history.facts}
        rows[VisitFact] += [
            {
                "record_id": uuid.uuid5(outlet_id, str(fact.record_id)), "tier": fact.tier.value,
                "known_at": fact.known_at, "performed_at": fact.performed_at, "valid": fact.valid,
                "makes_up": fact.makes_up, **of,
            }
            for fact in versions.values()
        ]  # fmt: skip
        rows[AttemptFact] += [
            {
                "record_id": uuid.uuid5(outlet_id, str(tried.record_id)), "known_at": tried.known_at,
                "attempted_at": tried.at, **of,
            }
            for tried in {tried.record_id: tried for tried in history.attempts}.values()
        ]  # fmt: skip
        rows[Waiver] += [
            {
                "id": new_id(work.now), "obligation_id": ids[waiver.obligation_id], "reason": waiver.reason,
                "known_at": waiver.known_at, "revoked_at": waiver.revoked_at, **own,
            }
            for waiver in history.waivers
            if waiver.obligation_id in ids
        ]  # fmt: skip
        rows[OutletStatus] += [
            {
                "id": new_id(work.now), "from_day": change.from_day, "known_at": change.known_at,
                "status": "active" if change.active else "suspended", **about,
            }
            for change in history.changes
        ]  # fmt: skip
        # A register tells the scope and the place at once.
        for number, scope in enumerate(history.scopes):
            place = history.placements[number % len(history.placements)] if history.placements else None
            cell = place.cell_id.int % 3 if place and place.cell_id else None
            rows[Registration].append(
                {
                    "from_day": scope.from_day, "known_at": scope.known_at,
                    "licence_scope": ["cigarette", "ecig"] if scope.active else ["cigarette"],
                    "cell_id": None if cell is None else ground.cells[cell], **about,
                }
            )  # fmt: skip
    for table, given_rows in rows.items():
        if given_rows:
            work.session.execute(insert(table_of(table)), given_rows)


def write_duty(ground: Ground, work: Work, duty: Sequence[tuple[int, int, date, datetime]]) -> None:
    if duty:
        work.session.execute(
            insert(table_of(DutyFact)),
            [
                {
                    "id": new_id(work.now), "bureau_id": ground.bureau_id, "cell_id": ground.cells[cell],
                    "squad_id": ground.squads[squad], "lead_person_id": ground.people[squad],
                    "from_day": from_day, "known_at": known_at,
                }
                for cell, squad, from_day, known_at in duty
            ],
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
            responsible = responsible_for(judgement.cell_id, min(owed.last_day, today))
            window = rulebook.window(owed.tier, owed.first_day, owed.last_day)
            found[owed.id] = {
                "obligation_id": owed.id,
                "subject_id": subject_id,
                "cell_id": judgement.cell_id,
                "squad_id": responsible.squad_id if responsible else None,
                "officer_id": responsible.lead_person_id if responsible else None,
                "tier": owed.tier.value,
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
    rows = [dict(row) for row in work.session.execute(select(judged_rows(work, as_of, keys))).mappings()]
    found = {row["obligation_id"]: row for row in rows}
    assert len(found) == len(rows), "an obligation is told once"
    return found


@settings(UNHURRIED, max_examples=50)
@given(
    st.lists(histories, min_size=1, max_size=SUBJECTS),
    rulebooks(),
    hand_overs,
    st.lists(moments, min_size=1, max_size=3),
    st.frozensets(st.sampled_from(KEYS)),
)
def test_the_statement_says_what_the_rules_say(
    ground: Ground,
    some: list[rules.History],
    book: rules.Rulebook,
    duty: list[tuple[int, int, date, datetime]],
    moments_asked: list[datetime],
    keys: frozenset[str],
) -> None:
    with ground.work(max(moments_asked) + timedelta(days=100)) as work:
        write_histories(ground, work, some, write_policies(ground, work, book))
        write_duty(ground, work, duty)
        for as_of in moments_asked:
            expected = by_the_rules(work, as_of)
            assert by_the_statement(work, as_of) == expected
            asked = {tier: [key for key in keys if tier_of(key) is tier] for tier in CadenceTier}
            some_of_them = {id: row for id, row in expected.items() if row["key"] in keys}
            assert by_the_statement(work, as_of, asked) == some_of_them


def tier_of(key: str) -> CadenceTier:
    return CadenceTier.WEEKLY if "W" in key else CadenceTier.QUARTERLY if "Q" in key else CadenceTier.MONTHLY
