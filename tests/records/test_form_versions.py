"""A bureau's own versions of forms: drafted by one, published by another, retired, compared; by API and command line."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import ProgrammingError

from server.access.models import Account
from server.cli import main
from server.kernel.work import Kernel
from server.records.forms import find_form
from server.records.models import Form, Record
from tests.api.conftest import problem_of
from tests.fieldwork import check_of, push_at
from tests.sync.handheld import Handheld
from tests.town import Town, client_of

Client = Callable[[str], FlaskClient]
Json = dict[str, Any]
HOUR = timedelta(hours=1)
FORM_FLAGS = {"form_retired", "form_not_yet_in_force"}


@pytest.fixture
def client(app: Flask, kernel: Kernel, town: Town) -> Client:
    return lambda name: client_of(app, kernel, town, name)


def next_weekly() -> Json:
    """A draft that asks one item more than the weekly check, of the shop's own fire extinguisher."""
    newest = find_form("ecig_weekly", 2)
    assert newest is not None
    content = copy.deepcopy(newest.to_row())
    del content["version"]
    content["answers_schema"]["properties"]["fire_extinguisher"] = {
        "title": "灭火器是否有效",
        "type": ["boolean", "null"],
    }
    content["answers_schema"]["order"].append("fire_extinguisher")
    content["demands"]["required_items"].append(["/fire_extinguisher", {"/access": ["open"]}])
    content["demands"]["photos"] = 2
    return content


def published(client: Client, content: Json, **given: Any) -> Json:
    drafted = client("admin").post("/api/v1/forms", json=content)
    assert drafted.status_code == 201, drafted.get_json()
    answer = client("fa").post(f"/api/v1/forms/{content['form_code']}/publish", json=given)
    assert answer.status_code == 201, answer.get_json()
    body: Json = answer.get_json()
    return body


def stored(kernel: Kernel, record: Json) -> Record:
    with kernel.sessions() as session:
        return session.scalars(select(Record).where(Record.id == uuid.UUID(record["id"]))).one()


def test_a_version_is_drafted_by_one_compared_and_published_by_another(client: Client, town: Town) -> None:
    admin, legal = client("admin"), client("fa")
    drafted = admin.post("/api/v1/forms", json=next_weekly())
    assert (drafted.status_code, drafted.get_json()["version"]) == (201, 3)
    # A draft is nobody's form yet.
    problem_of(admin.get("/api/v1/forms/ecig_weekly/versions/3"), code="not_found")
    compared = legal.get("/api/v1/forms/ecig_weekly/compare?from=2").get_json()
    assert (compared["from"], compared["to"]) == (2, 3)
    assert [(one["what"], one["path"]) for one in compared["changes"]] == [
        ("added", "/fire_extinguisher"),
        ("required", "/fire_extinguisher"),
        ("demand", "photos"),
    ]
    assert [one["sentence"] for one in compared["changes"]] == [
        "新增项目“灭火器是否有效”（是否）。",
        "“灭火器是否有效”的必填要求由「未要求」改为「当“到店情况”为“正常营业”时必填」。",
        "要求“最少照片数”由“1”改为“2”。",
    ]
    problem_of(admin.post("/api/v1/forms/ecig_weekly/publish", json={}), code="forbidden")
    problem_of(legal.post("/api/v1/forms", json=next_weekly()), code="forbidden")
    version = legal.post("/api/v1/forms/ecig_weekly/publish", json={}).get_json()
    assert (version["version"], version["state"]) == (3, "published")
    assert (version["drafted_by"], version["published_by"]) == (
        str(town.accounts["admin"]),
        str(town.accounts["fa"]),
    )
    listed = admin.get("/api/v1/forms").get_json()
    assert listed["drafts"] == []
    assert [one["version"] for one in listed["items"] if one["form_code"] == "ecig_weekly"] == [1, 2, 3]
    # The same again is no version, and there is nothing left to publish.
    unchanged = problem_of(admin.post("/api/v1/forms", json=next_weekly()), code="invalid")
    assert unchanged["errors"][0]["code"] == "form_unchanged"
    missing = problem_of(legal.post("/api/v1/forms/ecig_weekly/publish", json={}), code="not_found")
    assert "ecig_weekly 没有草案" in missing["detail"]
    missing = problem_of(legal.get("/api/v1/forms/ecig_weekly/versions/9"), code="not_found")
    assert "ecig_weekly 第 9 版" in missing["detail"]


def test_nobody_publishes_what_he_drafted(client: Client, kernel: Kernel, town: Town) -> None:
    with kernel.sessions.begin() as session:
        both = update(Account).where(Account.id == town.accounts["admin"])
        session.execute(both.values(roles=["admin", "legal"]))
    alone = client("admin")
    alone.post("/api/v1/forms", json=next_weekly())
    problem_of(alone.post("/api/v1/forms/ecig_weekly/publish", json={}), code="form_own_draft")
    assert client("ju").post("/api/v1/forms/ecig_weekly/publish", json={}).status_code == 201
    assert alone.delete("/api/v1/forms/ecig_weekly/draft").status_code == 404


def test_what_was_made_offline_on_an_old_version_still_syncs(
    client: Client, kernel: Kernel, town: Town
) -> None:
    now = datetime.now(UTC)
    old = check_of(town, 0, now - 2 * HOUR)
    # The form is read here before anything changes: what is remembered of it must not hide what changes.
    push_at(kernel, town, "li", now, check_of(town, 1, now - 3 * HOUR))
    published(client, next_weekly())
    push_at(kernel, town, "li", now, old)
    assert stored(kernel, old).valid
    assert not FORM_FLAGS & set(stored(kernel, old).flags)

    new = check_of(town, 1, now) | {"form_version": 3}
    push_at(kernel, town, "li", now + HOUR, new)
    assert {one["path"] for one in stored(kernel, new).findings} == {"/answers/fire_extinguisher"}

    for version in (1, 2):
        retired = client("fa").post(
            f"/api/v1/forms/ecig_weekly/versions/{version}/retire", json={"reason": "改用第3版"}
        )
        assert (retired.status_code, retired.get_json()["state"]) == (200, "retired")
    before = check_of(town, 2, now - HOUR, by=("zhao", "qian"))
    after = check_of(town, 3, now + 2 * HOUR, by=("zhao", "qian"))
    push_at(kernel, town, "zhao", now + 3 * HOUR, before, after)
    # Both are kept and count: that the form was retired is shown, and is not the officers' fault.
    assert "form_retired" not in stored(kernel, before).flags
    assert (stored(kernel, after).valid, "form_retired" in stored(kernel, after).flags) == (True, True)
    again = client("fa").post("/api/v1/forms/ecig_weekly/versions/1/retire", json={"reason": "再停用"})
    problem_of(again, code="form_retired")
    # The policy in force asks for this checklist, so one version has to stay.
    last = client("fa").post("/api/v1/forms/ecig_weekly/versions/3/retire", json={"reason": "停用"})
    problem_of(last, code="form_in_use")


def test_a_version_may_begin_later(client: Client, kernel: Kernel, town: Town) -> None:
    now = datetime.now(UTC)
    client("admin").post("/api/v1/forms", json=next_weekly())
    over = client("fa").post(
        "/api/v1/forms/ecig_weekly/publish", json={"effective_from": (now - HOUR).isoformat()}
    )
    assert problem_of(over, code="invalid")["errors"][0]["code"] == "form_backdated"
    begins = now + timedelta(days=3)
    published(client, next_weekly(), effective_from=begins.isoformat())
    early = check_of(town, 0, now) | {"form_version": 3}
    push_at(kernel, town, "li", now + HOUR, early)
    assert "form_not_yet_in_force" in stored(kernel, early).flags


def test_a_new_form_of_a_known_kind_is_taken(client: Client, kernel: Kernel, town: Town) -> None:
    content = {**next_weekly(), "form_code": "fire_visit", "kind": "site_visit", "tier": None}
    content["answers_schema"] = {
        "type": "object",
        "properties": {"fire_extinguisher": {"title": "灭火器", "type": ["boolean", "null"]}},
        "order": ["fire_extinguisher"],
    }
    content["demands"] = {
        "title_en": "Fire safety visit",
        "min_officers": 1,
        "certified": False,
        "cert_shown": False,
        "approval": False,
        "subject": "outlet",
        "visit_kinds": ["service"],
    }
    version = published(client, content)
    assert version["version"] == 1
    now = datetime.now(UTC)
    record = check_of(town, 0, now - HOUR, by=("fu",)) | {
        "kind": "site_visit",
        "form_code": "fire_visit",
        "visit_kind": "service",
        "answers": {"fire_extinguisher": True},
    }
    push_at(kernel, town, "fu", now, record)
    assert (stored(kernel, record).valid, stored(kernel, record).findings) == (True, [])


def test_handhelds_get_what_is_published_and_what_is_retired(
    client: Client, kernel: Kernel, town: Town, app: Flask
) -> None:
    def reference() -> dict[int, Json]:
        wang = Handheld(client_of(app, kernel, town, "wang", device=True), kernel.sessions, limit=500)
        documents = wang.pull("reference")
        return {one["version"]: one for one in documents if one.get("form_code") == "site_visit"}

    content = copy.deepcopy(find_form("site_visit", 2).to_row())  # type: ignore[union-attr]
    del content["version"]
    content["title"] = "零售户检查表（试行）"
    published(client, content)
    client("fa").post("/api/v1/forms/site_visit/versions/1/retire", json={"reason": "改用新版"})
    held = reference()
    assert {number: one["state"] for number, one in held.items()} == {
        1: "retired",
        2: "published",
        3: "published",
    }
    assert held[3]["effective_from"]
    assert [bool(held[number]["retired_at"]) for number in (1, 2, 3)] == [True, False, False]


def test_what_was_published_cannot_be_written_over(kernel: Kernel, town: Town) -> None:
    changes: list[Json] = [{"answers_schema": {}}, {"demands": {}}, {"version": 7}]
    for change in changes:
        with pytest.raises(ProgrammingError, match="permission denied"), kernel.sessions.begin() as session:
            session.execute(update(Form).values(**change))


def test_the_command_line_drafts_publishes_compares_and_retires(
    kernel: Kernel, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", kernel.settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", "one-password-for-tests")
    monkeypatch.setenv("COLUMNS", "200")

    def told(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["form", *words])
        assert result.exit_code == code, result.output
        return result.output

    shown = json.loads(told("show", "ecig_weekly", "2", "--as-draft"))
    assert shown["kind"] == "ecig_check"
    file = tmp_path / "weekly.json"
    file.write_text(json.dumps(next_weekly(), ensure_ascii=False), encoding="utf-8")
    assert "第 3 版" in told("draft", str(file))
    assert "灭火器是否有效" in told("compare", "ecig_weekly", "2")
    legal = f"fa-{town.bureau_id.hex[-6:]}"
    assert "已发布" in told("publish", "ecig_weekly", "--as", legal)
    assert json.loads(told("show", "ecig_weekly", "3"))["published_by"] == str(town.accounts["fa"])
    assert "已停用" in told("retire", "ecig_weekly", "1", "--reason", "改用新版", "--as", legal)
    assert "已停用" in told("list")
    assert json.loads(told("compare", "ecig_weekly", "2", "3", "--format", "json"))["to"] == 3
    assert "已发布 0 个" in told("packaged")
    told("draft", str(file), code=1)
