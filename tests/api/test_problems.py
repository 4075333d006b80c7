"""Every wrong request is answered by a documented problem that names the field at fault."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from server.app import create_app
from server.kernel.settings import Settings
from tests.api.conftest import World, problem_of

LOGIN = {"username": "x", "password": "y"}


def at_fault(response: Any, path: str, *, status: int = 422, code: str = "invalid") -> dict[str, Any]:
    """The answer's problem, if it names the field."""
    body = problem_of(response, status=status, code=code)
    assert path in [fault["path"] for fault in body["errors"]], body
    return body


@pytest.mark.parametrize(
    "body", [b"{", b'{"username": "x",}', b"\xff\xfe{", b"nonsense", b"[1, 2", b"[" * 9000]
)
def test_a_body_that_is_no_json(world: World, body: bytes) -> None:
    answer = world.app.test_client().post("/api/v1/sessions", data=body, content_type="application/json")
    assert at_fault(answer, "", status=400, code="bad_request")["errors"][0]["code"] == "json_malformed"


def test_the_place_of_the_fault_is_told(world: World) -> None:
    answer = world.app.test_client().post(
        "/api/v1/sessions", data=b'{"username": "x",\n "password": }', content_type="application/json"
    )
    assert "第 2 行第 14 列" in problem_of(answer, status=400)["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
def test_another_content_type(world: World, kind: str | None) -> None:
    answer = world.app.test_client().post("/api/v1/sessions", data=json.dumps(LOGIN), content_type=kind)
    problem_of(answer, status=415, code="unsupported_media_type")


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "null"])
def test_a_body_that_is_no_object(world: World, body: str) -> None:
    answer = world.app.test_client().post("/api/v1/sessions", data=body, content_type="application/json")
    problem_of(answer, status=422, code="invalid")


def test_what_is_missing_and_what_is_too_much(world: World) -> None:
    client = world.app.test_client()
    at_fault(client.post("/api/v1/sessions", json={"username": "x"}), "/password")
    at_fault(client.post("/api/v1/sessions"), "/username")
    at_fault(client.post("/api/v1/sessions", json={**LOGIN, "remember": True}), "/remember")


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_cannot_be_stored(world: World, text: str) -> None:
    given = json.dumps({"username": "x", "password": text})
    answer = world.app.test_client().post("/api/v1/sessions", data=given, content_type="application/json")
    assert at_fault(answer, "/password")["errors"][0]["code"] == "text_not_storable"
    label = json.dumps({"label": text})
    answer = world.client("li").post("/api/v1/devices", data=label, content_type="application/json")
    at_fault(answer, "/label")
    answer = world.client("ju").get("/api/v1/outlets", query_string={"q": "a\0b"})
    at_fault(answer, "/q")


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/nothing", "/api/v1/outlets/1", "/sync/v1/nothing/pull"]
)
def test_an_unknown_address(world: World, path: str) -> None:
    problem_of(world.client("li").get(path), status=404, code="not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/outlets", "GET"),
        ("POST", "/api/v1/outlets", "GET"),
        ("GET", "/api/v1/sessions", "POST"),
        ("DELETE", "/api/v1/waivers", "POST"),
        ("GET", "/sync/v1/records/push", "POST"),
        ("POST", "/sync/v1/records/pull", "GET"),
    ],
)
def test_a_wrong_method_names_the_right_ones(world: World, method: str, path: str, allowed: str) -> None:
    answer = world.client("li").open(path, method=method)
    problem_of(answer, status=405, code="method_not_allowed")
    assert allowed in answer.headers["Allow"]


@pytest.fixture
def narrow_app(settings: Settings) -> Iterator[Flask]:
    """An application that takes no more than a kilobyte."""
    made = create_app(replace(settings, max_body_bytes=1024))
    yield made
    made.extensions["xunge"].close()


def test_a_body_that_is_too_large(narrow_app: Flask) -> None:
    client = narrow_app.test_client()
    answer = client.post("/api/v1/sessions", json={**LOGIN, "username": "x" * 2000})
    problem_of(answer, status=413, code="body_too_large")


def test_an_unknown_query_parameter_is_not_passed_over(world: World) -> None:
    for path in (
        "outlets?statu=active",
        "records?kin=attempt",
        "reports/cadence?asof=2026-08-01",
        "cells?Level=4",
    ):
        name = path.partition("?")[2].partition("=")[0]
        at_fault(world.client("ju").get(f"/api/v1/{path}"), f"/{name}")


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("outlets", "limit", "0"),
        ("outlets", "limit", "1001"),
        ("outlets", "limit", "abc"),
        ("outlets", "limit", "1.5"),
        ("outlets", "cell_id", "abc"),
        ("outlets", "status", "open"),
        ("outlets", "scope", "cigar"),
        ("outlets", "q", ""),
        ("cells", "level", "5"),
        ("cells", "level", "four"),
        ("records", "valid", "perhaps"),
        ("records", "since", "2026-07-06"),
        ("records", "since", "2026-07-06T09:00:00"),
        ("records", "until", "0001-01-01T00:00:00Z"),
        ("obligations", "tier", "weekly"),
        ("obligations", "open_on", "2026-02-30"),
        ("reports/cadence", "by", "people"),
        ("reports/cadence", "format", "docx"),
        ("reports/cadence", "each_period", "2"),
        ("reports/cadence", "as_of", "yesterday"),
        ("reports/cadence", "as_of", "2026-08-01"),
        ("reports/cadence", "as_of", "2026-08-01T00:00:00"),
        ("reports/cadence", "as_of", "9999-12-31T23:59:59Z"),
        ("reports/cadence", "as_of", "0001-01-01T00:00:00+14:00"),
        ("reports/cadence", "as_of", "2198-01-01T00:00:00Z"),
        ("reports/cadence/obligations", "state", "done"),
        ("reports/cadence/obligations", "squad_id", "1"),
    ],
)
def test_a_bad_parameter_is_named(world: World, path: str, name: str, value: str) -> None:
    at_fault(world.client("ju").get(f"/api/v1/{path}", query_string={name: value}), f"/{name}")


@pytest.mark.parametrize(
    "box",
    [
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "84,40,83,39",
        "84,39,84.1,38",
        "-181,0,0,0",
        "0,-91,0,0",
        "nan,0,1,1",
        "0,0,inf,1",
        "",
    ],
)
def test_a_bad_box_is_named(world: World, box: str) -> None:
    for path in ("outlets", "cells"):
        at_fault(world.client("ju").get(f"/api/v1/{path}", query_string={"bbox": box}), "/bbox")


def test_a_good_box_is_taken(world: World) -> None:
    answer = world.client("ju").get("/api/v1/outlets", query_string={"bbox": "84,39,84.1,39.1"})
    assert [item["id"] for item in answer.get_json()["items"]] == [str(world.town.outlets[0])]
    whole = world.client("ju").get("/api/v1/outlets", query_string={"bbox": "-180,-90,180,90"})
    assert len(whole.get_json()["items"]) == 4


def given_out(*values: object) -> str:
    """An ``after`` of the right shape."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "%%%",
        "a",
        "WyJh",
        given_out("a"),
        given_out("a", "b"),
        given_out("a", "b", "c"),
        given_out(1, 2),
        given_out("2026-07-06 09:00:00", "0196f000-0000-7000-8000-000000000001"),
        given_out("a\0", "0196f000-0000-7000-8000-000000000001"),
        given_out("\ud800", "0196f000-0000-7000-8000-000000000001"),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xff").decode(),
    ],
)
def test_a_bad_page_is_named(world: World, after: str) -> None:
    for path in ("obligations", "records"):
        at_fault(world.client("ju").get(f"/api/v1/{path}", query_string={"after": after}), "/after")


@pytest.mark.parametrize(
    "period", ["2026Q5", "2026-13", "2026-W54", "26Q3", "", "last", "2026-00", "０", "2026Q3 "]
)
def test_a_bad_period_is_named(world: World, period: str) -> None:
    for path in ("reports/cadence", "reports/cadence/obligations"):
        answer = world.client("ju").get(f"/api/v1/{path}", query_string={"period": period})
        at_fault(answer, "/period", code="bad_period")


@pytest.mark.parametrize("period", ["2026Q3", "2026-Q3", "2026-07", "2026-W31", "2026", "2026q3"])
def test_a_good_period_is_taken(world: World, period: str) -> None:
    answer = world.client("ju").get("/api/v1/reports/cadence", query_string={"period": period})
    assert answer.status_code == 200 or period == "2026q3", answer.get_json()


def test_a_moment_before_any_policy(world: World) -> None:
    answer = world.client("ju").get("/api/v1/reports/cadence", query_string={"as_of": "2020-01-01T00:00:00Z"})
    problem_of(answer, status=404, code="not_found")


@pytest.mark.parametrize(
    "checkpoint", ["x", "[]", '{"epoch": 1}', '{"epoch": "a", "xid": "-1", "seq": "0"}', "1"]
)
def test_a_bad_checkpoint(world: World, checkpoint: str) -> None:
    answer = world.client("li").get("/sync/v1/outlets/pull", query_string={"checkpoint": checkpoint})
    problem_of(answer, status=400, code="bad_envelope")


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "1.0", "１"])
def test_a_bad_pull_limit(world: World, limit: str) -> None:
    answer = world.client("li").get("/sync/v1/outlets/pull", query_string={"limit": limit})
    problem_of(answer, status=400, code="bad_envelope")


def test_a_failure_of_ours_tells_a_number_and_nothing_else(
    narrow_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("select secret from somewhere")

    monkeypatch.setitem(narrow_app.view_functions, "healthz", broken)
    answer = narrow_app.test_client().get("/healthz")
    body = problem_of(answer, status=500, code="internal")
    assert "编号" in body["detail"]
    assert b"secret" not in answer.data


def test_not_ready_without_redis(settings: Settings) -> None:
    app = create_app(replace(settings, redis_url="unix:///nowhere/redis.sock?db=0"))
    problem_of(app.test_client().get("/readyz"), status=503, code="unavailable")
    assert app.test_client().get("/healthz").get_json() == {"status": "ok"}
    app.extensions["xunge"].close()


def test_ready(world: World) -> None:
    assert world.app.test_client().get("/readyz").get_json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("path", "body", "fault", "code"),
    [
        ("/sessions", {"password": "x" * 9}, "/username", "required"),
        ("/sessions", {"username": None, "password": "x" * 9}, "/username", "null"),
        ("/sessions", {"username": 7, "password": "x" * 9}, "/username", "not_text"),
        ("/sessions", {"username": "", "password": "x" * 9}, "/username", "wrong_length"),
        ("/sessions", {**LOGIN, "remember": True}, "/remember", "unknown"),
        ("/sessions", [LOGIN], "", "type"),
        (
            "/devices/contact",
            {"queue_length": -1, "device_time": "2026-07-06T09:00:00Z"},
            "/queue_length",
            "out_of_range",
        ),
        (
            "/devices/contact",
            {"queue_length": "many", "device_time": "2026-07-06T09:00:00Z"},
            "/queue_length",
            "not_a_whole_number",
        ),
        (
            "/devices/contact",
            {"queue_length": 0, "device_time": "2026-07-06T09:00:00"},
            "/device_time",
            "not_a_moment",
        ),
    ],
)
def test_a_wrong_field_is_told_by_code_and_in_both_languages(
    world: World, path: str, body: object, fault: str, code: str
) -> None:
    told = at_fault(world.client("li").post(f"/api/v1{path}", json=body), fault)["errors"][0]
    assert told["code"] == code
    assert re.search(r"[一-鿿]", told["detail"])
    assert re.search(r"[a-z]{3}", told["detail"])
