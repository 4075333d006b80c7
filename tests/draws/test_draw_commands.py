"""``xunge draw`` from the frozen pool to the public sheet, and drawing again offline."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server.kernel.settings import Settings
from tests.command_line import refused, said, xunge
from tests.town import Town, today


def special(**given: Any) -> dict[str, Any]:
    """A special check that begins tomorrow."""
    return {
        "name": "试样抽查",
        "basis": "试样检查计划",
        "purpose": "special",
        "outlets": {},
        "from_day": (today() + timedelta(days=1)).isoformat(),
        "to_day": (today() + timedelta(days=9)).isoformat(),
        "count": 2,
        **given,
    }


@pytest.fixture
def town(town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The town, in the database that commands find."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    return town


def test_a_draw_on_the_command_line_and_again_from_its_file_alone(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "draw.json"
    file.write_text(json.dumps(special()), encoding="utf-8")
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
    body = {"person_id": str(town.people["li"]), "from_day": today().isoformat(), "reason": "试样：近亲属"}
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
    file.write_text(json.dumps(special(**change)), encoding="utf-8")
    assert code in {one["code"] for one in refused("draw", "freeze", str(file)).errors}
