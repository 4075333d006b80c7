"""Accounts on the command line."""

from __future__ import annotations

import pytest

from server.kernel.settings import Settings
from tests.command_line import said
from tests.town import Town


def test_accounts_are_listed_with_whose_they_are(
    settings: Settings, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    listed = said("account", "list")
    lines = {line.split("│")[1].strip(): line for line in listed.splitlines() if line.count("│") > 5}
    suffix = town.bureau_id.hex[-6:]
    assert str(town.people["li"]) in lines[f"li-{suffix}"]
    assert "officer、squad_leader" in lines[f"li-{suffix}"]
    assert str(town.accounts["ju"]) in lines[f"ju-{suffix}"]
