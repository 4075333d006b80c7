"""Receipts of the house: who gets them, what the command line makes of them, and what is said without a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from server.commands.keys import group
from server.kernel.settings import Settings
from sync.receipts import verify_receipt
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check
from tests.town import Town


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """``xunge keys`` over this test's keys."""
    monkeypatch.setenv("XUNGE_RECEIPT_KEYS_FILE", str(settings.receipt_keys_file))
    return CliRunner()


def test_an_officer_gets_a_receipt_for_what_he_pushed_and_nobody_else_does(
    handheld: MakeHandheld, app: Flask, town: Town, clock: Clock
) -> None:
    li, wang = handheld("li"), handheld("wang")
    record = a_check(town, 0, clock.now)
    li.push("records", record)
    keys = json.loads(app.test_client().get("/sync/v1/keys").data)

    mine, his = (
        verify_receipt(one.client.post("/sync/v1/receipts", json=[record["id"]]).text, keys)
        for one in (li, wang)
    )

    assert (mine["iss"], mine["sub"]) == (str(town.bureau_id), str(town.people["li"]))
    assert [(row["id"], row["edit_id"], row["state"]) for row in mine["rows"]] == [
        (record["id"], record["edit_id"], "stored")
    ]
    assert his["rows"] == []


def test_a_running_server_signs_with_a_rotated_key_and_verifies_on_the_command_line(
    handheld: MakeHandheld, run: CliRunner, town: Town, clock: Clock, tmp_path: Path
) -> None:
    li = handheld("li")
    record = a_check(town, 0, clock.now)
    li.push("records", record)
    receipts = [tmp_path / "before", tmp_path / "after"]
    receipts[0].write_text(li.client.post("/sync/v1/receipts", json=[record["id"]]).text)
    public = tmp_path / "public.json"
    public.write_text(run.invoke(group, ["show"]).stdout)
    assert run.invoke(group, ["create"]).exit_code == 0
    rotated = run.invoke(group, ["rotate"]).stdout.strip()
    receipts[1].write_text(li.client.post("/sync/v1/receipts", json=[record["id"]]).text)

    assert json.loads(run.invoke(group, ["show"]).stdout)["keys"][0]["kid"] == rotated
    for receipt in receipts:
        told = run.invoke(group, ["verify", str(receipt)])
        assert (told.exit_code, json.loads(told.stdout)["rows"][0]["id"]) == (0, record["id"])
    assert run.invoke(group, ["verify", str(receipts[0]), "--keys", str(public)]).exit_code == 0
    unknown = run.invoke(group, ["verify", str(receipts[1]), "--keys", str(public)])
    assert unknown.exit_code == 1
    assert "not a valid receipt" in unknown.stderr


def test_without_a_key_receipts_wait_and_readiness_says_what_to_do(
    handheld: MakeHandheld, settings: Settings, run: CliRunner, town: Town, clock: Clock
) -> None:
    li = handheld("li")
    settings.receipt_keys_file.unlink()

    assert li.push("records", a_check(town, 0, clock.now)) == []
    for answer in (
        li.client.post("/sync/v1/receipts", json=[]),
        li.client.get("/sync/v1/keys"),
        li.client.get("/readyz"),
    ):
        told = answer.get_json()
        assert (answer.status_code, told["code"]) == (503, "unavailable")
        assert "xunge keys create" in told["detail"]
        assert str(settings.receipt_keys_file) not in told["detail"]
    assert run.invoke(group, ["show"]).exit_code == 1
    assert run.invoke(group, ["rotate"]).exit_code == 1

    assert run.invoke(group, ["create"]).exit_code == 0
    assert li.client.get("/readyz").status_code == 200
