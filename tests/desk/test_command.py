"""``xunge sync``: the desk on the command line does what the API does."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from click.testing import CliRunner, Result

from server.cli import main
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from tests.desk.conftest import Quarrel, events
from tests.sync.conftest import Clock
from tests.sync.fieldwork import a_check, stored_records
from tests.sync.handheld import Handheld
from tests.town import Town


def run(kernel: Kernel, *arguments: str) -> Result:
    environment = {
        "XUNGE_DATABASE_URL": kernel.settings.database_url,
        "XUNGE_REDIS_URL": kernel.settings.redis_url,
    }
    return CliRunner().invoke(main, ["sync", *arguments], env=environment)


def test_conflicts_on_the_command_line(quarrel: Quarrel, kernel: Kernel) -> None:
    listed = run(kernel, "conflicts", "list")
    assert (listed.exit_code, quarrel[0]["id"] in listed.stdout) == (0, True), listed.output
    number = next(line.split()[0] for line in listed.stdout.splitlines() if quarrel[0]["id"] in line)

    shown = json.loads(run(kernel, "conflicts", "show", number).stdout)

    assert [shown[side] for side in ("base", "theirs", "ours")] == list(quarrel)
    assert events(kernel, "sync.conflict_opened")[0].account_id is None
    assert isinstance(run(kernel, "conflicts", "show", "999999").exception, Problem)


def test_a_row_is_listed_shown_and_put_right_on_the_command_line(
    town: Town, clock: Clock, devices: tuple[Handheld, Handheld], kernel: Kernel, tmp_path: Path
) -> None:
    good = a_check(town, 0, clock.now)
    devices[0].push("records", {**good, "kind": "spell"})
    listed = run(kernel, "quarantine", "list")
    assert "value_unknown" in listed.stdout, listed.output
    kept_id = next(line.split()[0] for line in listed.stdout.splitlines() if good["id"] in line)
    assert json.loads(run(kernel, "quarantine", "show", kept_id).stdout)["document_id"] == good["id"]

    still = run(kernel, "quarantine", "retry", kept_id, "--reason", "试样")
    assert (still.exit_code, json.loads(still.stdout)["outcome"]) == (1, "quarantined")
    file = tmp_path / "right.json"
    file.write_text(json.dumps(good), encoding="utf-8")
    right = run(kernel, "quarantine", "retry", kept_id, "--reason", "试样", "--document", str(file))

    assert json.loads(right.stdout)["outcome"] == "accepted"
    assert stored_records(kernel)[good["id"]].flags[:1] == ["corrected_at_desk"]
    assert good["id"] not in run(kernel, "quarantine", "list").stdout
    assert good["id"] in run(kernel, "quarantine", "list", "--all").stdout
    file.write_text("[", encoding="utf-8")
    wrong = run(kernel, "quarantine", "retry", str(uuid.uuid4()), "--reason", "x", "--document", str(file))
    assert wrong.exit_code == 1
