"""Random hand-overs, endings, withdrawals, loans and moves of people while days pass: after every act each cell has one
duty or is vacant on every day, by every table, and every device holds exactly the cells of that day.

25 examples of 12 steps; with ``--long`` 2,000 of 30. A failure shows the seed, and ``--hypothesis-seed`` replays it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from datetime import date

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.dialects.postgresql import Range

from server.access.models import Account
from server.app import create_app
from server.grids.ops import apply_due_scope
from server.house import compose
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Role
from server.org.models import Certificate, Person, SquadMember
from tests.conftest import SettledTown, own_database
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, settings_over
from tests.sync.duty_machine import LAST_OF_OLD, OFFICERS, DutyMachine, Ground
from tests.sync.handheld import Handheld
from tests.sync.rewind import Rewind
from tests.town import MONDAY, Town, client_of

EXAMPLES, STEPS = 25, 12
LONG_EXAMPLES, LONG_STEPS = 2_000, 30


@pytest.fixture(scope="module")
def own_town(superuser: Engine, settled_town: SettledTown) -> Iterator[SettledTown]:
    """One database for all examples, with an officer more whose certificate ends; each begins where the first did."""
    usual, settled = settled_town
    town = deepcopy(settled)
    with own_database(superuser, usual) as name:
        kernel = compose(settings_over(name))
        with kernel.work(house(town.bureau_id), MONDAY) as work:
            own = {"bureau_id": town.bureau_id}
            person = Person(
                id=new_id(work.now), name="old", staff_no="S900", kind="officer", edit_id=new_edit_id(), **own
            )
            account = Account(
                id=new_id(work.now),
                username=f"old-{town.bureau_id.hex[-6:]}",
                password_hash="none",
                roles=[Role.OFFICER.value],
                person_id=person.id,
                **own,
            )
            member = SquadMember(
                id=new_id(work.now),
                person_id=person.id,
                squad_id=town.squads[1],
                leads=False,
                valid=Range(date(2026, 1, 1), None),
                known_at=work.now,
                **own,
            )
            certificate = Certificate(
                id=new_id(work.now),
                person_id=person.id,
                cert_no="样执900",
                valid_from=date(2024, 1, 1),
                valid_to=LAST_OF_OLD,
                known_at=work.now,
                **own,
            )
            for row in (person, account, member, certificate):
                work.session.add(row)
                work.session.flush()
            town.people["old"], town.accounts["old"] = person.id, account.id
            apply_due_scope(work, changed=True)
        kernel.close()
        yield name, town


@pytest.fixture
def open_ground(superuser: Engine, own_town: SettledTown, clock: Clock) -> Iterator[object]:
    name, settled = own_town
    with ExitStack() as closing:
        app = create_app(settings_over(name))
        kernel = app.extensions["xunge"]
        closing.callback(kernel.close)
        over = create_engine(make_url(superuser.url).set(database=name))
        closing.callback(over.dispose)
        clients = {one: client_of(app, kernel, settled, one, device=True) for one in OFFICERS}
        rewind = Rewind(over)

        def open_one() -> Ground:
            rewind.put_back()
            clock.now = MONDAY
            town: Town = deepcopy(settled)
            devices = {one: Handheld(clients[one], kernel.sessions, limit=40) for one in OFFICERS}
            return Ground(Bureau(kernel, town, lambda: clock.now, devices), clock)

        yield open_one


@pytest.mark.timeout(3 * 3600)
def test_duty_has_no_gap_and_no_overlap_and_sync_follows(
    open_ground: object, pytestconfig: pytest.Config
) -> None:
    is_long = pytestconfig.getoption("--long")
    replayed = pytestconfig.getoption("--hypothesis-seed")
    given = replayed or str(secrets.randbits(32))
    print(f"duty machine: replay with --hypothesis-seed={given}{' --long' if is_long else ''}")

    class InTown(DutyMachine):
        pass

    InTown.open_ground = staticmethod(open_ground)  # type: ignore[assignment, arg-type]
    run_state_machine_as_test(
        seed(int(given))(InTown),
        settings=settings(
            max_examples=LONG_EXAMPLES if is_long else EXAMPLES,
            stateful_step_count=LONG_STEPS if is_long else STEPS,
            deadline=None,
            database=None,
            # A replay takes the time to make the steps fewer.
            phases=[Phase.generate, Phase.shrink] if replayed or is_long else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
