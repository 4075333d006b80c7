"""The roll-ups hold what a recount holds, and R1 read from them is R1 counted from judged facts, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select, text, update

from server.cadence.models import Obligation
from server.cadence.ops import materialise, waive
from server.cadence.rebuilding import count_waiting
from server.cadence.roll_ups import differing, fold, is_complete
from server.cli import main
from server.grids.models import GridCell
from server.grids.ops import assign_duty
from server.house import compose
from server.kernel.actor import Actor, house
from server.kernel.calendar import import_workdays
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel
from server.outlets.models import Outlet, OutletStatus
from server.reports.cadence import By, CadenceReport, cadence_report, report_of
from server.reports.judged import judged
from server.reports.moment import period_for
from tests.cadence.test_policies import in_force, tier, version
from tests.conftest import own_database, settings_for
from tests.fieldwork import attempt_at, check_of, field_actor, push_at
from tests.reports.conftest import Quarter, at
from tests.town import CALENDAR, MONDAY, OFFICERS, Town, settle_town

NOTHING_DIFFERED = (
    "状态不符 0 项，责任人不符 0 项，汇总不符 0 组 · 0 obligations, 0 responsible, 0 sums differed\n"
)
DAY = timedelta(days=1)
TIERS: tuple[Any, ...] = ("WEEKLY", "WEEKLY", "MONTHLY", "QUARTERLY")


@pytest.fixture(scope="module")
def shared(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """One database for the file; every example settles a town of its own in it."""
    with own_database(superuser, template_database) as name:
        composed = compose(settings_for(name, Path(tmp_path_factory.mktemp("files"))))
        yield composed
        composed.close()


@dataclass(slots=True)
class Life:
    """A town, its clock, and dice for what an act leaves open."""

    kernel: Kernel
    town: Town
    now: datetime
    dice: Random

    def work(self, actor: Actor | None = None) -> Any:
        """A unit of work a minute later."""
        self.now += timedelta(minutes=1)
        return self.kernel.work(actor or house(self.town.bureau_id), self.now)

    def days(self, first: int, last: int) -> timedelta:
        return timedelta(days=self.dice.randint(first, last))

    def outlet(self) -> int:
        return self.dice.randrange(len(self.town.outlets))


def days_pass(life: Life) -> None:
    life.now += life.days(1, 9)
    if life.dice.random() < 0.7:
        with life.work() as work:
            materialise(work)


def push_check(life: Life) -> None:
    outlet = life.outlet()
    signers = OFFICERS[:2] if outlet < 2 else OFFICERS[2:]
    # Now and then the clock of the handheld runs ahead, and now and then only one officer signs.
    began = life.now + timedelta(hours=2) if life.dice.random() < 0.1 else life.now - life.days(0, 18)
    check = check_of(
        life.town,
        outlet,
        began,
        life.dice.choice(TIERS),
        by=signers[:1] if life.dice.random() < 0.1 else signers,
        makes_up=life.dice.choice((None, None, "2026-W28", "2026-W30")),
    )
    life.now += timedelta(minutes=1)
    assert push_at(life.kernel, life.town, signers[0], life.now, check) == []


def push_attempt(life: Life) -> None:
    outlet = life.outlet()
    signers = OFFICERS[:2] if outlet < 2 else OFFICERS[2:]
    tried = attempt_at(life.town, outlet, life.now - life.days(0, 10), by=signers)
    life.now += timedelta(minutes=1)
    assert push_at(life.kernel, life.town, signers[0], life.now, tried) == []


def excuse(life: Life) -> None:
    with life.work() as work:
        owed = work.session.scalars(
            select(Obligation.id)
            .where(Obligation.bureau_id == life.town.bureau_id, Obligation.met_by.is_(None))
            .order_by(Obligation.id)
        ).all()
        waive(work, [life.dice.choice(owed)], "店主住院")


def hand_over(life: Life) -> None:
    lead = life.dice.choice(OFFICERS)
    cells = life.dice.sample(life.town.cells, life.dice.randint(1, 3))
    squad = life.town.squads[OFFICERS.index(lead) // 2]
    with life.work() as work:
        assign_duty(work, cells, squad, life.town.people[lead], (life.now + life.days(-20, 10)).date())


def move_outlet(life: Life) -> None:
    values = {"cell_id": life.dice.choice([*life.town.cells, None]), "edit_id": new_edit_id()}
    _change_outlet(life, **values)


def change_scope(life: Life) -> None:
    scope = life.dice.choice((["cigarette"], ["cigarette", "ecig"]))
    _change_outlet(life, licence_scope=scope)


def _change_outlet(life: Life, **values: Any) -> None:
    outlet = life.town.outlets[life.outlet()]
    with life.work() as work:
        work.session.execute(update(Outlet).where(Outlet.id == outlet).values(**values))
        work.wrote("outlet", [outlet])


def change_status(life: Life) -> None:
    outlet = life.town.outlets[life.outlet()]
    with life.work() as work:
        work.session.add(
            OutletStatus(
                id=new_id(work.now),
                bureau_id=life.town.bureau_id,
                outlet_id=outlet,
                from_day=(life.now + life.days(-10, 14)).date(),
                status=life.dice.choice(("active", "suspended")),
                known_at=work.now,
            )
        )
        work.session.flush()
        work.wrote("outlet", [outlet])


def change_policy(life: Life) -> None:
    weekly = tier("WEEKLY", grace_working_days=life.dice.randint(0, 4), min_workdays=life.dice.randint(1, 4))
    given = version(
        weekly, tier("QUARTERLY", satisfies=["WEEKLY"]), first=(life.now + life.days(1, 10)).date()
    )
    life.now += timedelta(minutes=1)
    in_force(life.kernel, life.town, given, life.now)


def load_workdays(life: Life) -> None:
    """The year's notice is corrected: grace ends on other days, and a week may have no working day."""
    off, make_up, sources = CALENDAR
    monday = (life.now + life.days(-14, 14)).date()
    monday -= timedelta(days=monday.weekday())
    extra = {monday + timedelta(days=n) for n in range(life.dice.choice((2, 5)))}
    with life.work() as work:
        import_workdays(work, off | extra - make_up, make_up, dict.fromkeys(sources, f"更正 {life.now}"))


def fold_up(life: Life) -> None:
    with life.work() as work:
        fold(work)


ACTS: tuple[Callable[[Life], None], ...] = (
    days_pass,
    push_check,
    push_attempt,
    excuse,
    hand_over,
    move_outlet,
    change_scope,
    change_status,
    change_policy,
    load_workdays,
    fold_up,
)


def assert_true(life: Life) -> None:
    """Kept, recounted, and judged anew from facts: the same figures in every cut, for the bureau and for a squad."""
    period = "2026Q3"
    for actor in (house(life.town.bureau_id), field_actor(life.town, "li")):
        with life.work(actor) as work:
            asked = period_for(work, period, work.now)
            items = judged(work, asked, work.now)
            for by in By:
                each_period = life.dice.random() < 0.5
                read = cadence_report(work, asked, work.now, by, each_period=each_period)
                assert is_complete(work)
                counted = report_of(work, asked, work.now, by, items, each_period=each_period)
                assert read == counted, (by, each_period)
    with life.work() as work:
        assert differing(work) == 0


def town_with_towns(kernel: Kernel) -> Town:
    """The small town, two of whose cells lie in a town of the third level."""
    town = settle_town(kernel)
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        leaf = work.session.get_one(GridCell, town.cells[0])
        parent = GridCell(
            id=new_id(MONDAY),
            bureau_id=town.bureau_id,
            code="9902-T",
            name="试样镇",
            cell_level=3,
            control_mode="both",
            purpose="both",
            existing_count=0,
            geom=leaf.geom,
            edit_id=new_edit_id(),
        )
        work.session.add(parent)
        work.session.flush()
        work.session.execute(
            update(GridCell).where(GridCell.id.in_(town.cells[1:3])).values(parent_id=parent.id)
        )
    return town


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    acts=st.lists(st.sampled_from(ACTS), min_size=6, max_size=24),
    seed=st.integers(min_value=0, max_value=2**32),
)
def test_r1_from_the_roll_ups_is_r1_from_facts(shared: Kernel, acts: list[Any], seed: int) -> None:
    life = Life(shared, town_with_towns(shared), MONDAY + 2 * DAY, Random(seed))
    for number, act in enumerate(acts):
        act(life)
        if number % 6 == 5:
            assert_true(life)
    days_pass(life)
    assert_true(life)


def lose_the_roll_ups(kernel: Kernel, superuser: Engine) -> None:
    """As it is after the upgrade that brought them: nothing is counted."""
    url = superuser.url.set(database=kernel.sessions.kw["bind"].url.database)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("truncate cadence_roll_up, squad_roll_up, roll_up_kept"))
        connection.execute(text("update obligation set outcome = null, squad_id = null, officer_id = null"))
    engine.dispose()


def test_until_it_is_counted_a_report_reads_the_facts(own_quarter: Quarter, superuser: Engine) -> None:
    kernel, bureau_id = own_quarter.kernel, own_quarter.town.bureau_id

    def told() -> CadenceReport:
        with kernel.work(house(bureau_id), at(10, 15)) as work:
            return cadence_report(work, period_for(work, "2026Q3", work.now), work.now, By.OFFICER)

    before = told()
    lose_the_roll_ups(kernel, superuser)
    assert told() == before
    with kernel.work(house(bureau_id), at(10, 15)) as work:
        assert not is_complete(work)
        assert count_waiting(work) == 4
        assert count_waiting(work) == 0
    with kernel.work(house(bureau_id), at(10, 15)) as work:
        assert is_complete(work)
        assert differing(work) == 0
    assert told() == before


def test_a_rebuild_tells_what_differed_and_mends_it(own_quarter: Quarter, superuser: Engine) -> None:
    kernel = own_quarter.kernel

    def rebuild(*options: str) -> tuple[int, str]:
        environment = {"XUNGE_DATABASE_URL": own_quarter.settings.database_url}
        result = CliRunner().invoke(main, ["cadence", "rebuild", *options], env=environment)
        return result.exit_code, result.stdout

    rebuild()
    assert rebuild("--check") == (0, NOTHING_DIFFERED)
    engine = create_engine(superuser.url.set(database=kernel.sessions.kw["bind"].url.database))
    with engine.begin() as connection:
        connection.execute(
            text("update obligation set outcome = 'met' where key = '2026-W29' and outcome = 'open'")
        )
        connection.execute(text("update obligation set squad_id = null where key = '2026-W30'"))
        connection.execute(text("delete from squad_roll_up where key = '2026-Q3'"))
    engine.dispose()
    code, words = rebuild("--check")
    assert code == 3
    assert words != NOTHING_DIFFERED
    assert rebuild("--check")[1] == words
    assert rebuild() == (0, words)
    assert rebuild("--check") == (0, NOTHING_DIFFERED)
    lose_the_roll_ups(kernel, superuser)
    rebuild()
    with kernel.work(house(own_quarter.town.bureau_id), datetime.now(UTC)) as work:
        assert differing(work) == 0
        assert is_complete(work)
