"""Reading the trail over the API and on the command line, and verifying it there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import text

from server.app import create_app
from server.cli import main
from server.kernel.settings import Settings
from tests.audit.conftest import Chain
from tests.town import client_of

Client = Callable[[str], FlaskClient]


@pytest.fixture(scope="module")
def clients(chain: Chain) -> Any:
    app = create_app(chain.settings)
    made: dict[str, FlaskClient] = {}

    def client(name: str) -> FlaskClient:
        if name not in made:
            made[name] = client_of(app, chain.kernel, chain.town, name)
        return made[name]

    yield client
    app.extensions["xunge"].close()


def events(client: FlaskClient, **asked: Any) -> Any:
    answer = client.get("/api/v1/audit/events", query_string=asked)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def test_the_trail_is_paged_and_narrowed(chain: Chain, clients: Client) -> None:
    legal = clients("fa")
    first = events(legal, limit=10)
    rest = events(legal, limit=1000, after=first["after"])
    seqs = [one["seq"] for one in first["items"] + rest["items"]]
    assert len(first["items"]) == 10
    assert seqs == sorted(set(seqs))
    assert len(seqs) > 36
    named = events(legal, name="records.received")["items"]
    assert len(named) == 12
    assert events(legal, name="records.")["items"] == named
    of_one = events(legal, subject=named[3]["subject_ids"][1])["items"]
    assert [one["seq"] for one in of_one] == [named[3]["seq"]]
    account = named[0]["account_id"]
    assert {one["account_id"] for one in events(legal, account=account)["items"]} == {account}
    later = events(legal, since=named[4]["at"], until=named[5]["at"], name="records.received")["items"]
    assert [one["seq"] for one in later] == [named[4]["seq"]]
    assert named[0]["position"] is not None
    assert len(named[0]["digest"]) == 64


def test_an_administrator_sees_that_it_was_and_not_what_a_case_says(chain: Chain, clients: Client) -> None:
    pushed, renamed = (
        events(clients("admin"), name=name)["items"][0] for name in ("records.received", "device.renamed")
    )
    assert (pushed["facts"], pushed["withheld"]) == (None, True)
    assert (renamed["facts"]["label"], renamed["withheld"]) == ("甲0", False)
    assert events(clients("fa"), name="records.received")["items"][0]["withheld"] is False


def test_the_trail_of_another_bureau_is_nobodys_here(chain: Chain, clients: Client) -> None:
    assert events(clients("fa"), account=uuid.uuid4())["items"] == []


def test_the_head_is_told_with_its_signature(chain: Chain, clients: Client) -> None:
    head = clients("fa").get("/api/v1/audit/head").get_json()
    assert (head["position"], head["digest"]) == (chain.head.position, chain.head.digest.hex())
    assert head["signed"].count(".") == 2


# ── the command line ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def command(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    settings: Settings = chain.settings
    for name in ("database_url", "owner_database_url", "files_dir", "receipt_keys_file"):
        monkeypatch.setenv(f"XUNGE_{name.upper()}", str(getattr(settings, name)))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["audit", *arguments])

    return run


def test_verify_tells_of_a_sound_chain_and_of_one_that_is_none(
    chain: Chain, command: Callable[..., Result], tmp_path: Path
) -> None:
    heads = tmp_path / "heads.txt"
    heads.write_text(f"# kept elsewhere\n\n{chain.signed}\n")
    sound = command("verify", "--anchor", str(heads))
    assert sound.exit_code == 0, sound.output
    assert "链完好" in sound.output
    assert chain.head.digest.hex() in sound.output

    name = text(
        "update event set name = :to where seq = (select seq from event_seal where position = 9) returning seq"
    )
    with chain.superuser.begin() as connection:
        seq, was = connection.execute(
            text("select seq, name from event where seq = (select seq from event_seal where position = 9)")
        ).one()
        connection.execute(name, {"to": "something.else"})
    try:
        broken = command("verify")
    finally:
        with chain.superuser.begin() as connection:
            connection.execute(name, {"to": was})
    assert broken.exit_code == 1
    assert "事件被改动" in broken.output
    assert "an event was changed" in broken.output
    assert "position: 9" in broken.output
    assert f"event seq: {seq}" in broken.output


def test_verify_refuses_a_head_that_nobody_here_signed(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "heads.txt").write_text("eyJhbGciOiJFZDI1NTE5In0.e30.AA\n")
    refused = command("verify", "--anchor", str(tmp_path / "heads.txt"))
    assert refused.exit_code == 1
    assert "签名无效" in refused.output


def test_the_trail_of_a_subject_is_shown(chain: Chain, command: Callable[..., Result]) -> None:
    shown = command("show", "--name", "records.received", "--format", "json", "--limit", "1")
    assert shown.exit_code == 0, shown.output
    (one,) = json.loads(shown.stdout)
    table = command("show", "--subject", one["subject_ids"][0])
    assert "records.received" in table.output


def test_the_head_that_is_printed_is_an_anchor(command: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "heads.txt").write_text(command("head").output)
    assert command("verify", "--anchor", str(tmp_path / "heads.txt")).exit_code == 0
    assert "余 0 个" in command("seal").output or "封存" in command("seal").output
