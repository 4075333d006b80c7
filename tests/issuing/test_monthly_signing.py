"""R3 is signed off like R1: locked at midnight, frozen with what stands behind it, restated when something comes late."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from server.cli import main
from server.issuing import ops, queries
from server.issuing.queries import Standing
from server.issuing.rules import Act
from server.kernel.actor import Actor
from server.kernel.permissions import Role
from server.kernel.problems import Problem
from tests.conftest import own_database, settings_for
from tests.dispatches.conftest import Roads, at, roads_of
from tests.town import ROLE_ACCOUNTS

FIRST = at(1, 0, month=8)
NOON = at(1, 12, month=8)


@pytest.fixture(scope="module")
def signing(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Roads, Any]]:
    """July with one session of three stops, at one of which there were goods."""
    with own_database(superuser, template_database) as name:
        settings = settings_for(name, Path(tmp_path_factory.mktemp("files")))
        for roads in roads_of(settings):
            moments = [at(20, 9, minute) for minute in (10, 20, 30)]
            roads.push(roads.session(at(20, 9), [(one, one == moments[0]) for one in moments]))
            yield roads, settings


def signer(roads: Roads, name: str) -> Actor:
    return Actor(
        bureau_id=roads.town.bureau_id,
        account_id=roads.town.accounts[name],
        roles=frozenset[Role](ROLE_ACCOUNTS[name]),
        person_id=roads.town.people.get(name),
        squad_ids=(roads.town.squads[0],),
    )


def draft(roads: Roads, when: Any, **given: Any) -> Standing:
    values = {"kind": "R3", "period": "2026-07", "as_of": None, "unsynced_remark": None, "remark": None}
    with roads.kernel.work(signer(roads, "li"), when) as work:
        return ops.draft(work, values | given)


def issue(roads: Roads, drafted: Standing, when: Any) -> None:
    for act, name in ((Act.SUBMITTED, "li"), (Act.REVIEWED, "fa"), (Act.ISSUED, "ju")):
        with roads.kernel.work(signer(roads, name), when) as work:
            ops.take_step(work, drafted.issue.id, act, None)


def content(roads: Roads, issue_id: uuid.UUID) -> dict[str, Any]:
    with roads.kernel.work(signer(roads, "ju"), NOON) as work:
        found: dict[str, Any] = orjson.loads(queries.find(work, issue_id).snapshot.content)
    return found


def line(told: dict[str, Any], figure: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in told["lines"] if one["figure"] == figure)
    return found


def test_a_month_from_midnight_to_its_restatement(signing: tuple[Roads, Any]) -> None:
    roads, _ = signing
    for period in ("2026Q3", "2026-W30"):
        with pytest.raises(Problem) as refused:
            draft(roads, NOON, period=period)
        assert refused.value.code == "bad_period"
    # July's last week runs on to 2 August, which a month's statistics does not wait for; midnight it does.
    with pytest.raises(Problem) as refused:
        draft(roads, FIRST - timedelta(hours=1))
    assert refused.value.code == "issue_too_early"
    first = draft(roads, FIRST + timedelta(minutes=6))
    assert first.snapshot.as_of == FIRST
    issue(roads, first, NOON)
    told = content(roads, first.issue.id)
    assert (line(told, "road_stops")["month"], line(told, "person_times")["month"]) == ("3", "2")
    assert {one["figure"] for one in told["facts"]} >= {"road_stops", "person_times", "cigarettes"}
    with pytest.raises(Problem) as refused:
        draft(roads, NOON)
    assert refused.value.code == "issue_unchanged"
    # What was done on 31 July comes on 2 August: the issued month stays, and the next version lists what differs.
    late = roads.session(at(31, 22), [(at(31, 22, 10), False)], by=("zhao", "qian"))
    roads.push(late, by="zhao", received=at(2, 9, month=8))
    assert content(roads, first.issue.id) == told
    with roads.kernel.work(signer(roads, "ju"), at(3, month=8)) as work:
        assert ops.verify(work, queries.find(work, first.issue.id).snapshot).agrees
    second = draft(roads, at(3, month=8))
    issue(roads, second, at(3, month=8))
    differences = content(roads, second.issue.id)["differences"]
    changed = {
        (one["figure"], one["column"]): (one["before"], one["after"]) for one in differences["figures"]
    }
    assert changed["road_stops", "month_base"] == (3, 4)
    assert changed["person_times", "to_date_base"] == (2, 4)
    assert not any(column == "last_year_base" for _, column in changed)
    assert {one["id"] for one in differences["facts"] if one["figure"] == "road_stops"} == {late["id"]}
    assert (differences["version"], second.issue.version) == (1, 2)


def test_whoever_asks_is_told_over_http_on_paper_and_in_a_terminal(signing: tuple[Roads, Any]) -> None:
    roads, settings = signing
    listed = roads.all("/report-issues", kind="R3")
    assert [(one["version"], one["state"]) for one in listed] == [(2, "issued"), (1, "issued")]
    assert {one["figure"]: one["month"] for one in listed[0]["figures"]}["road_stops"] == "4"
    newest = listed[0]["id"]
    assert roads.get(f"/report-issues/{newest}/verification").get_json()["agrees"] is True
    told = roads.get(f"/report-issues/{newest}/differences").get_json()
    assert told["facts"]
    assert roads.get(f"/report-issues/{newest}/pdf").data.startswith(b"%PDF")
    environment = {"XUNGE_DATABASE_URL": settings.database_url, "XUNGE_REDIS_URL": settings.redis_url}
    for command in ("differences", "verify"):
        result = CliRunner().invoke(main, ["issue", command, "2026-07", "--kind", "R3"], env=environment)
        assert result.exit_code == 0, result.output
    assert "一致" in result.stdout
