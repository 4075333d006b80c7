"""Whatever is sent, the server does not break, and what it refuses it refuses by a documented problem."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from tests.api.bodies import sound_body
from tests.api.conftest import World, problem_of
from tests.api.furniture import furnish
from tests.api.routes import UNSAFE, guarded, strongest

GARBAGE: list[Any] = [
    "",
    " ",
    "%",
    "null",
    "-1",
    "0",
    "1e999",
    "99999999999999999999999999",
    "9" * 5000,
    "abc,def",
    "1,2,3",
    "nan,nan,nan,nan",
    "inf,0,0,0",
    "-181,0,0,0",
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-07-06T09:00:00",
    "2026-02-30",
    "0000Q1",
    "9999-W53",
    "2026Q5",
    "WyJhIiwgImIiXQ",
    "WzEsIDJd",
    "W1tdLCB7fV0",
    "\0",
    "\ud800",
    "'; drop table outlet; --",
    "𠮷" * 300,
    "a\nb",
]
JSON_GARBAGE: list[Any] = [
    *GARBAGE,
    None,
    True,
    0,
    -1,
    2**63,
    10**30,
    1.5,
    [],
    [[]],
    [None],
    ["x"],
    {},
    {"a": 1},
]
BODIES = [
    b"",
    b"{",
    b"[]",
    b"[1]",
    b"null",
    b"1",
    b'"text"',
    b"\xff\xfe",
    b'{"a": 1e999}',
    b'{"a": NaN}',
    b'{"\\u0000": "\\ud800"}',
    b"[" * 50_000,
    b'{"a":' * 5_000,
    b'{"a": ' + b"9" * 5_000 + b"}",
]


def harmless(response: Any, what: object) -> None:
    """Not a failure of ours, and a documented problem if it is an error at all."""
    if response.status_code >= 400:
        problem_of(response)
    # A stream that nobody hangs up would keep its place from the next one.
    response.close()
    assert response.status_code < 500, what


def test_garbage_in_the_query_never_breaks(world: World) -> None:
    spec = world.app.test_client().get("/api/openapi.json").get_json()
    tried = 0
    for endpoint, method, path in guarded(world):
        client = world.client(strongest(world, endpoint))
        if method in UNSAFE:
            continue
        documented: dict[str, Any] = next(
            (paths for rule, paths in spec["paths"].items() if path == rule), {}
        )
        names = [one["name"] for one in documented.get("get", {}).get("parameters", [])]
        names += ["checkpoint", "limit"] if endpoint.startswith("sync.") else []
        for name in names:
            for value in GARBAGE:
                text = value.encode("utf-8", "surrogatepass")
                harmless(client.get(path, query_string={name: text}), (endpoint, name, value))
                tried += 1
        problem = client.get(path, query_string={"no_such_parameter": "1"})
        if names and not endpoint.startswith("sync."):
            faults = problem_of(problem, status=422)["errors"]
            assert "/no_such_parameter" in {fault["path"] for fault in faults}
        problem.close()
    assert tried > 500


def test_garbage_in_the_body_never_breaks(world: World) -> None:
    furnish(world)
    spec = world.app.test_client().get("/api/openapi.json").get_json()
    schemas = spec["components"]["schemas"]
    for endpoint, method, path in guarded(world):
        if method not in UNSAFE or endpoint == "access.sign_out":
            continue
        client = world.client("li's handheld" if endpoint == "access.contact" else strongest(world, endpoint))
        for body in BODIES:
            answer = client.open(path, method=method, data=body, content_type="application/json")
            harmless(answer, (endpoint, body[:40]))
        name = body_schema(spec, world, endpoint, method)
        if name is None:
            continue
        sound = sound_body(world, name)
        assert set(schemas[name]["properties"]) == set(sound)
        for field in sound:
            for value in JSON_GARBAGE:
                given = json.dumps({**sound, field: value})
                answer = client.open(path, method=method, data=given, content_type="application/json")
                harmless(answer, (endpoint, field, value))


def body_schema(spec: dict[str, Any], world: World, endpoint: str, method: str) -> str | None:
    """The name of the schema that an address takes as its body, none for replication and for tus."""
    if endpoint.startswith(("sync.", "tus.")):
        return None
    rule = next(rule.rule for rule in world.app.url_map.iter_rules() if rule.endpoint == endpoint)
    operation = spec["paths"][re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)][method.lower()]
    if "requestBody" not in operation:
        return None
    reference: str = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]


def test_garbage_at_the_door_never_breaks(world: World) -> None:
    client = world.app.test_client()
    for body in BODIES:
        harmless(client.post("/api/v1/sessions", data=body, content_type="application/json"), body[:40])
    # Every sound pair costs an argon2, so the password is given fewer kinds.
    kinds: list[tuple[str, list[Any]]] = [
        ("username", JSON_GARBAGE[::2]),
        ("password", ["\0", "\ud800", "x" * 201, None, 1, {}]),
    ]
    for field, values in kinds:
        for value in values:
            given = json.dumps({"username": "x", "password": "y", field: value})
            answer = client.post("/api/v1/sessions", data=given, content_type="application/json")
            harmless(answer, (field, value))


@pytest.mark.parametrize(
    "path", ["", "x", "..", "%00", "%ff", "a" * 3000, "0" * 36, f"{uuid.UUID(int=0)}/x", "%2e%2e%2f"]
)
def test_garbage_in_the_path_never_breaks(world: World, path: str) -> None:
    for start in ("outlets", "records", "devices", "sync/conflicts", "sync/quarantine", "nothing"):
        harmless(world.client("ju").get(f"/api/v1/{start}/{path}"), path)
    harmless(world.client("li").get(f"/sync/v1/{path}/pull"), path)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "HEAD", "BREW"])
def test_other_methods_never_break(world: World, method: str) -> None:
    for _, _, path in guarded(world):
        answer = world.client("ju").open(path, method=method)
        assert answer.status_code < 500
        if answer.status_code == 405:
            assert "Allow" in answer.headers
