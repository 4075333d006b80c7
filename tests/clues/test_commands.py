"""Clues, co-signatures and orders on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.kernel.settings import Settings
from tests.clues.conftest import Watch
from tests.command_line import refused, said
from tests.town import MONDAY, PASSWORD

TOLD = {
    "source": "partner",
    "source_unit": "甲派出所",
    "matter": "smuggled",
    "summary": "货车运烟",
    "plate": "测C11111",
}


@pytest.fixture
def shell(watch: Watch, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who types at the server."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("XUNGE_SECRETS_KEY_FILE", str(settings.secrets_key_file))
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "240")


def written(folder: Path, body: dict[str, Any]) -> str:
    file = folder / "body.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    return str(file)


@pytest.mark.usefixtures("shell")
def test_a_clue_from_its_telling_to_its_notice(watch: Watch, tmp_path: Path) -> None:
    body = TOLD | {"found_at": MONDAY.isoformat(), "elsewhere_unit": "邻县烟草专卖局"}
    for _ in range(2):
        assert "已登记" in said("clue", "register", written(tmp_path, body))
    assert "plate" not in said("clue", "duplicates")
    assert "车牌相同" in said("clue", "duplicates")
    listed = json.loads(said("clue", "list", "--format", "json"))["items"]
    clue_id = listed[0]["id"]
    table = said("clue", "list")
    assert "走私烟" in table
    assert "通报 2026-" in table
    assert "verify" not in table
    assert "测C11111" not in table
    notice = {"kind": "notice", "happened_at": MONDAY.isoformat(), "unit": "邻县烟草专卖局"}
    assert "已通报" in said("clue", "act", clue_id, written(tmp_path, notice))
    assert json.loads(said("clue", "show", clue_id))["status"] == "notified"
    said("clue", "keep-informant", clue_id, written(tmp_path, {"name": "举报者乙"}))
    suffix = watch.town.bureau_id.hex[-6:]
    asked = ("clue", "informants", clue_id, "--purpose", "回复举报人", "--as")
    assert "举报者乙" in said(*asked, f"fa-{suffix}")
    assert refused(*asked, f"li-{suffix}").code == "forbidden"
    assert "举报者乙" not in said("clue", "show", clue_id)


@pytest.mark.usefixtures("shell")
def test_what_is_listed_of_signatures_and_orders(watch: Watch) -> None:
    waiting = {
        "record_id": "0198c0de-0000-7000-8000-000000000001",
        "document_sha256": "0" * 64,
        "decision": "agree",
    }
    watch.push(
        watch.record("co_signature", MONDAY, by=("wang",), signed_at=MONDAY.isoformat(), **waiting), by="wang"
    )
    assert "等待" in said("co-signatures", "--state", "waiting")
    assert waiting["record_id"] not in said("co-signatures", "--state", "concern")
    assert "整改令" in said("rectification", "list", "--state", "overdue")
