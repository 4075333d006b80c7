"""Any order of what officers and leaders do: no record lost, none doubled, and what is held is what may be seen.

180 examples of 25 steps; with ``--long`` 5,000 of 40. A failure shows the seed, and ``--hypothesis-seed`` replays it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine, create_engine, make_url

from server.app import create_app
from tests.conftest import SettledTown, own_database
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, settings_over
from tests.sync.fieldwork_machine import OFFICERS, Fieldwork, Playground
from tests.sync.handheld import Handheld
from tests.sync.rewind import Rewind
from tests.town import MONDAY, client_of

OpenTown = Callable[[], Playground]
# What begins and ends an example costs more than twenty steps, so few long examples see more than many short ones.
EXAMPLES, STEPS = 180, 25
LONG_EXAMPLES, LONG_STEPS = 5_000, 40


@pytest.fixture(scope="module")
def own_town(superuser: Engine, settled_town: SettledTown) -> Iterator[str]:
    """One database for all examples: each begins where the first did."""
    with own_database(superuser, settled_town[0]) as name:
        yield name


@pytest.fixture
def open_town(
    superuser: Engine, own_town: str, settled_town: SettledTown, clock: Clock
) -> Iterator[OpenTown]:
    with ExitStack() as closing:
        app = create_app(settings_over(own_town))
        kernel = app.extensions["xunge"]
        closing.callback(kernel.close)
        over = create_engine(make_url(superuser.url).set(database=own_town))
        closing.callback(over.dispose)
        settled = deepcopy(settled_town[1])
        clients = {name: client_of(app, kernel, settled, name, device=True) for name in OFFICERS}
        rewind = Rewind(over)

        def open_one() -> Playground:
            rewind.put_back()
            clock.now = MONDAY
            town = deepcopy(settled)

            def enrol(name: str) -> Handheld:
                return Handheld(client_of(app, kernel, town, name, device=True), kernel.sessions, limit=40)

            devices = {name: Handheld(clients[name], kernel.sessions, limit=40) for name in OFFICERS}
            return Playground(Bureau(kernel, town, lambda: clock.now, devices), clock, enrol)

        yield open_one


@pytest.mark.timeout(3 * 3600)
def test_any_order_of_events_loses_nothing_and_leaks_nothing(
    open_town: OpenTown, pytestconfig: pytest.Config
) -> None:
    is_long = pytestconfig.getoption("--long")
    replayed = pytestconfig.getoption("--hypothesis-seed")
    given = replayed or str(secrets.randbits(32))
    print(f"state machine: replay with --hypothesis-seed={given}{' --long' if is_long else ''}")

    class InTown(Fieldwork):
        pass

    InTown.open_town = staticmethod(open_town)
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
