"""Days by lot: whatever happened in a town and whatever its leader asks for, the checker has no objection to the plan."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from sqlalchemy import Engine

from schemas.vocabulary import SolvingState
from server.house import compose
from server.kernel.work import Kernel
from server.planning import drafting
from tests.conftest import own_database, settings_for
from tests.planning.chance import Story, stories
from tests.planning.checker.doors import check_kept
from tests.planning.checker.judging import objections
from tests.planning.checker.loading import load_world
from tests.planning.checker.told import Plan, plan_of
from tests.planning.happening import Stage, come_true, drafts_of
from tests.planning.steady import steadily
from tests.town import ZONE

EXAMPLES, LONG_EXAMPLES = 30, 600


@pytest.fixture(scope="module")
def kernel(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """One house for all stories; each has a bureau of its own."""
    with own_database(superuser, template_database) as name:
        composed = compose(settings_for(name, tmp_path_factory.mktemp("stories")))
        yield composed
        composed.close()


@pytest.mark.timeout(4 * 3600)
def test_whatever_happened_the_checker_has_no_objection_to_a_plan(
    kernel: Kernel, pytestconfig: pytest.Config
) -> None:
    is_long = pytestconfig.getoption("--long")
    replayed = pytestconfig.getoption("--hypothesis-seed")
    lot = replayed or str(secrets.randbits(32))
    print(f"random days: replay with --hypothesis-seed={lot}{' --long' if is_long else ''}")

    @seed(int(lot))
    @settings(
        max_examples=LONG_EXAMPLES if is_long else EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if replayed or is_long else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(story=stories())
    def every_plan_stands(story: Story) -> None:
        _play(kernel, story)

    every_plan_stands()


def _play(kernel: Kernel, story: Story) -> None:
    with steadily():
        stage = come_true(kernel, story)
        if story.published is not None:
            (first,) = drafts_of(stage, story.published)
            _solved_plans_stand(stage, [first])
            stage.desk.approve(stage.today, 40, stage.now)
            stage.desk.publish(first, stage.now)
        ids = drafts_of(stage, story.asked)
        before = _solved_plans_stand(stage, ids)
        if story.kept:
            _kept_stops_stay(stage, ids, before)


def _solved_plans_stand(stage: Stage, ids: Sequence[uuid.UUID]) -> list[Plan]:
    run = stage.desk.solve(*ids, now=stage.now)
    assert run.state == SolvingState.DONE, run.faults
    plans = told(stage, ids)
    with stage.desk.kernel.sessions() as session:
        world = load_world(session, stage.desk.town.bureau_id, stage.now, ZONE)
    found = objections(world, plans)
    assert not found, "\n".join(map(str, found))
    return plans


def _kept_stops_stay(stage: Stage, ids: Sequence[uuid.UUID], before: Sequence[Plan]) -> None:
    """What the leader keeps outlives a second solving."""
    for plan_id, plan in zip(ids, before, strict=True):
        kept = [stop.id for _, stop in plan.stops][: stage.story.kept]
        if kept:
            with stage.desk.at(stage.now, "ju") as work:
                drafting.keep(work, plan_id, list(map(uuid.UUID, kept)))
    after = _solved_plans_stand(stage, ids)
    for plan, again in zip(before, after, strict=True):
        kept = [stop.id for _, stop in plan.stops][: stage.story.kept]
        found = list(check_kept(plan, again, kept))
        assert not found, "\n".join(map(str, found))


def told(stage: Stage, ids: Sequence[uuid.UUID]) -> list[Plan]:
    """Plans as the checker reads them, by day."""
    plans = [plan_of(as_json(stage.desk.told(plan_id, stage.now))) for plan_id in ids]
    assert all(one.day < other.day for one, other in pairwise(plans))
    return plans


def as_json(described: Any) -> Any:
    """A plan as it goes over the wire."""

    def text(value: Any) -> str:
        return value.isoformat() if isinstance(value, date | datetime) else str(value)

    return json.loads(json.dumps(described, default=text))
