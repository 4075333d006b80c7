"""An app too old is told so with 426, and only where it syncs; a program that tells nothing may sync."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.kernel.clients import HEADER, must_be_new_enough, read_versions
from server.kernel.problems import Problem
from server.kernel.settings import read_settings
from tests.api.conftest import World, problem_of

OLDEST = read_versions(["field/1.4", "console/2"])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "field/1.4.0",
        "field/1.10",
        "field/1.4.0-beta",
        "console/2.0.0.0",
        "somebody-elses/0.1",
        "field",
        "FIELD/9",
        "field/１",
        "",
        "a" * 999,
    ],
)
def test_a_client_that_is_new_enough_or_not_ours_may_sync(header: str | None) -> None:
    must_be_new_enough(header, OLDEST, must_tell=False)


@pytest.mark.parametrize("header", ["field/1.3.9", "field/0", "console/1.99.99"])
def test_guard_a_client_that_is_too_old_may_not(header: str) -> None:
    with pytest.raises(Problem, match="client_too_old"):
        must_be_new_enough(header, OLDEST, must_tell=False)


@pytest.mark.parametrize("header", [None, "field", "field/", ""])
def test_a_client_must_tell_where_the_bureau_asks_for_it(header: str | None) -> None:
    with pytest.raises(Problem, match="client_too_old"):
        must_be_new_enough(header, OLDEST, must_tell=True)


def test_only_sync_asks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.client("li")
    strict = replace(world.kernel.settings, min_client=OLDEST)
    monkeypatch.setitem(world.app.extensions, "xunge", replace(world.kernel, settings=strict))
    old = {HEADER: "field/1.3"}

    problem_of(client.get("/sync/v1/outlets/pull", headers=old), status=426, code="client_too_old")
    problem_of(client.post("/sync/v1/records/push", json=[], headers=old), status=426, code="client_too_old")
    assert client.get("/sync/v1/outlets/pull").status_code == 200
    assert client.get("/sync/v1/keys", headers=old).status_code == 200
    assert client.get("/api/v1/me", headers=old).status_code == 200


def test_a_setting_that_is_no_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_MIN_CLIENT", "field/1.4.0,console/2.1")
    assert read_settings().min_client == {"field": (1, 4, 0, 0), "console": (2, 1, 0, 0)}

    monkeypatch.setenv("XUNGE_MIN_CLIENT", "the newest")
    with pytest.raises(ValueError, match="the newest"):
        read_settings()
