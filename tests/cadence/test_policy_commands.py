"""``xunge policy`` and ``xunge cap``, and the same steps over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from server.access.models import Account
from server.cadence.models import Policy
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.command_line import refused, said
from tests.town import PASSWORD, Town, client_of, today

AHEAD = today() + timedelta(days=30)
DRAFT: dict[str, Any] = {
    "name": "试样制度",
    "legal_basis": "试样依据",
    "effective_from": AHEAD.isoformat(),
    "tiers": [{"tier": "WEEKLY", "form_code": "ecig_weekly", "grace_working_days": 2}],
}
CAP = {
    "name": "试样上限",
    "legal_basis": "国办发〔2024〕54号",
    "effective_from": "2026-01-01",
    "limits": {"A": 4},
}


@pytest.fixture
def town(town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The town, in the database that commands find."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    return town


def username(kernel: Kernel, town: Town, name: str) -> str:
    with kernel.sessions() as session:
        return session.scalars(select(Account.username).where(Account.id == town.accounts[name])).one()


def written(folder: Path, value: Any) -> str:
    path = folder / "given.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("town")
def test_what_is_in_force_is_shown_as_a_draft_to_start_from(tmp_path: Path) -> None:
    shown = json.loads(said("policy", "show", "1", "--as-draft"))
    shown["name"] = "加密周复查制度"
    shown["effective_from"] = AHEAD.isoformat()
    assert "第 2 版" in said("policy", "draft", written(tmp_path, shown))
    drafted = json.loads(said("policy", "show", "2", "--as-draft"))
    assert drafted == shown


def test_a_policy_above_the_cap_goes_through_the_legal_office(
    kernel: Kernel, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "第 1 版" in said("cap", "publish", written(tmp_path, CAP))
    assert json.loads(said("cap", "list"))["items"][0]["limits"] == {"A": 4}
    assert "第 2 版" in said("policy", "draft", written(tmp_path, DRAFT))
    early = refused("policy", "activate", "2")
    assert early.code == "policy_state"
    assert "“草案”，须为“已推算”" in early.detail
    figures = json.loads(said("policy", "plan", "2", "--format", "json"))
    assert figures["above_cap"] is True
    assert "须经法制人员签批" in said("policy", "plan", "2")
    above = refused("policy", "activate", "2")
    assert (above.code, above.errors[0]["visits_planned"], above.errors[0]["cap"]) == (
        "policy_above_cap",
        52,
        4,
    )
    monkeypatch.setenv("XUNGE_PASSWORD", "not-the-password")
    legal = username(kernel, town, "fa")
    sign = ("policy", "sign-off", "2", "--ground", "上级部署，附件一", "--as")
    assert refused(*sign, legal).code == "bad_credentials"
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    assert refused(*sign, username(kernel, town, "admin")).code == "forbidden"
    said(*sign, legal)
    assert str(AHEAD) in said("policy", "activate", "2")
    shown = json.loads(said("policy", "show", "2"))
    assert (shown["state"], shown["sign_offs"][0]["ground"]) == ("active", "上级部署，附件一")
    assert shown["tiers"][0]["period"] == "week"
    # The ledger says what lets the policy ask more than the cap.
    ledger = json.loads(said("report", "cap", "--format", "json"))
    (floor,) = [one for one in ledger["floors"] if one["version"] == 2]
    assert (floor["over"], floor["sign_offs"][0]["ground"]) == ({"A": 4}, "上级部署，附件一")
    assert "上级部署，附件一" in said("report", "cap")
    listed = said("policy", "list")
    assert "试样制度" in listed
    assert "施行" in listed
    last_day = today().isoformat()
    said("policy", "retire", "2", "--last-day", last_day)
    assert json.loads(said("policy", "show", "2"))["state"] == "retired"


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"tiers": []}, "/tiers", "wrong_length"),
        ({"tiers": DRAFT["tiers"] * 2}, "/tiers", "tier_twice"),
        ({"effective_to": "2026-01-01"}, "/effective_to", "ends_before_it_begins"),
        ({"effective_from": "0026-01-01"}, "/effective_from", "year_out_of_range"),
        (
            {"tiers": [{**DRAFT["tiers"][0], "satisfies": ["MONTHLY"]}]},
            "/tiers/0/satisfies",
            "satisfies_too_deep",
        ),
        ({"tiers": [{**DRAFT["tiers"][0], "period": "month"}]}, "/tiers/0/period", "period_not_of_tier"),
        (
            {"tiers": [{**DRAFT["tiers"][0], "population": {"kind": "sample", "seed": "7"}}]},
            "/tiers/0/population",
            "sample_incomplete",
        ),
        (
            {"tiers": [{**DRAFT["tiers"][0], "population": {"kind": "all", "seed": "7"}}]},
            "/tiers/0/population",
            "not_a_sample",
        ),
    ],
)
def test_a_draft_that_will_not_do_names_what_is_wrong(
    app: Flask, kernel: Kernel, town: Town, tmp_path: Path, change: dict[str, Any], path: str, code: str
) -> None:
    given = {**DRAFT, **change}
    problem = refused("policy", "draft", written(tmp_path, given))
    assert [(one["path"], one["code"]) for one in problem.errors] == [(path, code)]
    client = client_of(app, kernel, town, "admin")
    answer = problem_of(client.post("/api/v1/policies", json=given), status=422, code="invalid")
    assert answer["errors"] == problem.errors


def test_the_same_steps_over_http(app: Flask, kernel: Kernel, town: Town) -> None:
    admin, legal = (client_of(app, kernel, town, name) for name in ("admin", "fa"))
    assert legal.post("/api/v1/caps", json=CAP).status_code == 201
    problem_of(admin.post("/api/v1/caps", json=CAP), status=403, code="forbidden")
    sample = {
        "kind": "sample",
        "seed": "7",
        "percent": dict.fromkeys(("AAA", "AA", "A", "B", "C", "D", "ungraded"), 50),
    }
    given = {**DRAFT, "tiers": [{**DRAFT["tiers"][0], "population": sample}]}
    drafted = admin.post("/api/v1/policies", json=given)
    assert drafted.status_code == 201, drafted.get_json()
    own = f"/api/v1/policies/{drafted.get_json()['id']}"
    plan = admin.post(f"{own}/plan").get_json()
    assert plan["above_cap"] is True
    over = problem_of(admin.post(f"{own}/activate"), status=409, code="policy_above_cap")["errors"]
    assert over[0]["path"] == "/grades/A"
    problem_of(admin.post(f"{own}/sign-off", json={"ground": "自行签批"}), status=403, code="forbidden")
    assert legal.post(f"{own}/sign-off", json={"ground": "上级部署"}).status_code == 201
    assert admin.post(f"{own}/activate").get_json()["state"] == "active"
    assert admin.get(own).get_json()["tiers"][0]["population"] == sample
    assert admin.get(f"{own}/draws").get_json() == {"items": []}
    ended = admin.post(f"{own}/retire", json={"last_day": AHEAD.isoformat()}).get_json()
    assert (ended["state"], ended["effective_to"]) == ("active", AHEAD.isoformat())
    items = admin.get("/api/v1/policies").get_json()["items"]
    assert [one["version"] for one in items] == [2, 1]
    with kernel.sessions() as session:
        assert session.scalars(select(Policy.state).order_by(Policy.version)).all() == ["active", "active"]
