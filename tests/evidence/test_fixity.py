"""``xunge files check``: what is on the disk is what the database knows."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from server.commands.files import group
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.evidence.conftest import MakeDevice, a_record_with, sha256_of
from tests.evidence.pictures import a_photo
from tests.town import Town, client_of


def test_guard_missing_and_damaged_files_are_named(
    app: Flask,
    settings: Settings,
    kernel: Kernel,
    town: Town,
    device: MakeDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_FILES_DIR", str(settings.files_dir))

    def check() -> Result:
        return CliRunner().invoke(group, ["check"])

    photos = [a_photo(seed) for seed in range(70, 74)]
    record = a_record_with(kernel, town, *photos)
    for photo in photos:
        device("li").upload(photo, record_id=record["id"])
    sound = check()
    assert (sound.exit_code, sound.stderr) == (0, "")
    assert "4 files, 0 faults" in sound.stdout

    damaged, missing = (
        settings.files_dir / "originals" / sha256_of(photo)[:2] / sha256_of(photo) for photo in photos[:2]
    )
    damaged.chmod(0o640)
    damaged.write_bytes(bytes(len(photos[0])))
    missing.unlink()
    faulty = check()
    assert faulty.exit_code == 3
    assert {(line.split()[0], line.split()[-1]) for line in faulty.stderr.splitlines()} == {
        (sha256_of(photos[0]), "damaged"),
        (sha256_of(photos[1]), "missing"),
    }
    answer = client_of(app, kernel, town, "wang").get(
        f"/api/v1/files/{sha256_of(photos[1])}?record={record['id']}"
    )
    problem_of(answer, status=503, code="unavailable")
