"""``xunge draw`` from the frozen pool to the public sheet, and drawing again offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server.cli import main
from server.house import compose
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.town import ZONE, Town, settle_town

TODAY = datetime.now(UTC).astimezone(ZONE).date()
SPECIAL: dict[str, Any] = {
    "name": "试样抽查",
    "basis": "试样检查计划",
    "purpose": "special",
    "outlets": {},
    "from_day": (TODAY + timedelta(days=1)).isoformat(),
    "to_day": (TODAY + timedelta(days=9)).isoformat(),
    "count": 2,
}


@pytest.fixture
def town(kernel: Kernel, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    settled = compose(settings)
    yield settle_town(settled)
    settled.close()


def xunge(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def said(*words: str) -> str:
    result = xunge(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(*words: str) -> Problem:
    result = xunge(*words)
    assert isinstance(result.exception, Problem), (result.output, result.exception)
    return result.exception


def test_a_draw_on_the_command_line_and_again_from_its_file_alone(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "draw.json"
    file.write_text(json.dumps(SPECIAL), encoding="utf-8")
    draw_id = said("draw", "freeze", str(file)).splitlines()[0]
    assert refused("draw", "publish", draw_id).code == "draw_state"
    half = ("draw", "draw", draw_id, "--seed", "417")
    assert [one["code"] for one in refused(*half).errors] == ["seed_incomplete"]
    assert "种子" in said("draw", "draw", draw_id)
    assert refused("draw", "draw", draw_id).code == "draw_state"
    assert "已公布" in said("draw", "publish", draw_id)
    published = tmp_path / "published.json"
    published.write_text(said("draw", "show", draw_id, "--format", "json"), encoding="utf-8")
    out = json.loads(published.read_text(encoding="utf-8"))["teams"][0]["cert_nos"][0]
    assert "第 1 轮种子" in said("draw", "replace", draw_id, "--officer", out, "--reason", "试样：病假")
    assert (
        refused("draw", "replace", draw_id, "--officer", "样执99999", "--reason", "试样").code == "not_found"
    )
    published.write_text(said("draw", "show", draw_id, "--format", "json"), encoding="utf-8")
    assert "agrees" in said("draw", "verify", draw_id)
    assert draw_id in said("draw", "list")
    told = said("draw", "results", draw_id)
    assert all(team["licence_no"] in told for team in json.loads(published.read_text("utf-8"))["teams"])
    assert said("draw", "public", draw_id, "--format", "csv") == "licence_no,outlet,date,result,officers\n"
    assert json.loads(said("draw", "public", draw_id, "--format", "json"))["rows"] == []
    assert "已取消" in said("draw", "cancel", draw_id, "--reason", "试样")
    assert "已取消" in said("draw", "show", draw_id)

    # No database: whoever has the file gets the same.
    monkeypatch.setenv("XUNGE_DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    assert "agrees" in said("draw", "run", str(published))
    bent = json.loads(published.read_text(encoding="utf-8"))
    bent["rounds"][0]["seed"] = "0" * 64
    published.write_text(json.dumps(bent), encoding="utf-8")
    assert xunge("draw", "run", str(published)).exit_code == 3
    published.write_text("[]", encoding="utf-8")
    assert refused("draw", "run", str(published)).code == "draw_unreadable"
    published.write_text("{", encoding="utf-8")
    assert refused("draw", "run", str(published)).code == "bad_request"


def test_recusals_on_the_command_line(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "recusal.json"
    body = {"person_id": str(town.people["li"]), "from_day": TODAY.isoformat(), "reason": "试样：近亲属"}
    file.write_text(json.dumps(body), encoding="utf-8")
    recusal = said("draw", "recuse", str(file)).strip()
    assert "已解除" in said("draw", "end-recusal", recusal, "--reason", "试样")
    (told,) = json.loads(said("draw", "recusals"))["items"]
    assert (told["id"], told["outlet_id"]) == (recusal, None)
    assert told["ended_at"] is not None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"count": None}, "not_exactly_one"),
        ({"percent": {"A": 5}}, "not_exactly_one"),
        ({"from_day": None}, "days_missing"),
        ({"outlets": {"tier": "QUARTERLY", "period": "2026-Q4"}}, "tier_of_spot_check"),
        ({"purpose": "spot_check"}, "tier_and_period_only"),
        ({"from_other_squads": 3}, "more_than_the_team"),
        ({"team_size": 1}, "out_of_range"),
    ],
)
def test_a_draw_that_makes_no_sense_is_told_by_field(tmp_path: Path, change: Any, code: str) -> None:
    file = tmp_path / "draw.json"
    file.write_text(json.dumps({**SPECIAL, **change}), encoding="utf-8")
    assert code in {one["code"] for one in refused("draw", "freeze", str(file)).errors}
