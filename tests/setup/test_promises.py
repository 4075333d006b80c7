"""The table of promises names files and tests that exist, and every guard's test stands in one of those files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guards.table import GUARDS

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "sync-protocol.md").read_text(encoding="utf-8").split("## 承诺与测试")[1]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ") and "tests/" in line]
NAMED = sorted({name for line in ROWS for name in re.findall(r"`(tests/[^`]+)`", line)})


def test_every_promise_names_a_test() -> None:
    promises = [line for line in TABLE.splitlines() if line.startswith("| ") and "| promise |" not in line]
    assert promises == ROWS


@pytest.mark.parametrize("named", [*NAMED, *(guard.test for guard in GUARDS)])
def test_what_the_table_names_exists(named: str) -> None:
    file, _, test = named.partition("[")[0].partition("::")
    place = ROOT / file
    assert place.is_dir() if file.endswith("/") else place.is_file(), named
    text = place.read_text(encoding="utf-8") if test else ""
    assert not test or re.search(rf"^def {test}\(", text, re.MULTILINE), named


def test_every_guard_proves_something_that_the_table_promises() -> None:
    files = {named.partition("::")[0] for named in NAMED}
    proving = {guard.test.partition("::")[0] for guard in GUARDS}
    assert all(one in files or one.rpartition("/")[0] + "/" in files for one in proving)
