"""The checker can object: one good week, and for each rule that it knows the week broken by hand."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from server.house import compose
from tests.conftest import own_database, settings_for
from tests.planning import checker
from tests.planning.broken_weeks import BREAKS
from tests.planning.checker.doors import check_kept
from tests.planning.checker.leftovers import CODES
from tests.planning.checker.loading import load_world
from tests.planning.checker.objecting import Rule
from tests.planning.checker.told import plan_of
from tests.planning.good_week import STORY, Week, codes, moved
from tests.planning.happening import come_true, drafts_of
from tests.planning.steady import steadily
from tests.planning.test_random_days import as_json
from tests.town import ZONE


@pytest.fixture(scope="module")
def good(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Week]:
    """Two days that were planned together, beside a plan of Friday that is out."""
    with own_database(superuser, template_database) as name, steadily():
        kernel = compose(settings_for(name, tmp_path_factory.mktemp("week")))
        stage = come_true(kernel, STORY)
        assert STORY.published is not None
        (friday,) = drafts_of(stage, STORY.published)
        stage.desk.solve(friday, now=stage.now)
        stage.desk.approve(stage.today, 7, stage.now)
        stage.desk.publish(friday, stage.now)
        ids = drafts_of(stage, STORY.asked)
        stage.desk.solve(*ids, now=stage.now)
        with kernel.sessions() as session:
            world = load_world(session, stage.desk.town.bureau_id, stage.now, ZONE)
        plans = [as_json(stage.desk.told(plan_id, stage.now)) for plan_id in ids]
        yield Week(plans, world, [str(one) for one in stage.desk.town.outlets])
        kernel.close()


@pytest.fixture
def week(good: Week) -> Week:
    """A copy to be broken."""
    return deepcopy(good)


LEFT = ("no_position", "closed", "gap", "cap", "excluded", "planned", "no_time")


def test_a_good_week_is_let_stand(week: Week) -> None:
    assert week.objections() == []
    # It has something of everything, or the breaking below would break nothing.
    told = {code for stop in week.stops for code in codes(stop)}
    assert told == {
        *("duty", "overdue", "also_meets", "follow_up", "attempted", "wished", "off_pattern", "above_cap")
    }
    left = {row["code"] for plan in week.plans for row in plan["unfitted"]}
    assert left >= set(LEFT)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param(rule, change, id=f"{rule}-{number}")
        for rule, changes in BREAKS.items()
        for number, change in enumerate(changes)
    ],
)
def test_what_breaks_a_rule_is_objected_to_by_its_name(
    week: Week, rule: Rule, change: Callable[[Week], None]
) -> None:
    change(week)
    assert rule in {objection.rule for objection in week.objections()}


@pytest.mark.parametrize("false", sorted(CODES))
@pytest.mark.parametrize("code", LEFT)
def test_no_code_stands_for_another(week: Week, code: str, false: str) -> None:
    if false == code:
        return
    row = week.left(code)
    row["code"] = row["reasons"][0]["code"] = false
    found = {objection.rule for objection in week.objections()}
    # What is closed for everybody is kept out by nothing else, and so on; but of what has no position nobody knows more.
    assert Rule.LEFT_UNTRUE in found or (code, false) in BOTH_TRUE


BOTH_TRUE = {("closed", "gap")}


def test_a_stop_that_was_kept_is_where_it_was(week: Week) -> None:
    before, after = plan_of(week.plans[0]), deepcopy(week.plans[0])
    kept = [stop.id for _, stop in before.stops]
    assert list(check_kept(before, plan_of(after), kept)) == []
    first, second = after["patrols"]
    for broken in ("gone", "moved", "another team"):
        changed = deepcopy(after)
        first, second = changed["patrols"]
        if broken == "gone":
            del first["stops"][0]
        elif broken == "moved":
            moved(first["stops"][0], timedelta(minutes=10, seconds=1))
        else:
            second["stops"].append(first["stops"].pop())
        found = list(check_kept(before, plan_of(changed), kept))
        assert [objection.rule for objection in found] == [Rule.KEPT], broken


def test_every_rule_that_the_checker_knows_is_broken_here() -> None:
    assert BREAKS.keys() | {Rule.KEPT, Rule.LEFT_UNTRUE} == set(Rule)


def test_the_checker_shares_nothing_with_the_planner_its_solver_or_the_rules() -> None:
    assert checker.__file__ is not None
    for file in Path(checker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] not in {"server", "gis", "schemas", "sync"}, f"{file.name}: {name}"
