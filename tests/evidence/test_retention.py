"""Raw tracks end when their time is over; that there was one stays, and so does everything else."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from server.cli import main
from server.demo import documents
from server.evidence.fixity import known_files
from server.evidence.models import FileErasure
from server.evidence.queries import every_original
from server.evidence.retention import erase_tracks, remove_bytes
from server.evidence.storage import LocalDisk
from server.kernel.actor import house
from server.kernel.work import Kernel, Work
from tests.api.conftest import problem_of
from tests.evidence.conftest import MakeDevice, a_record_with, sha256_of
from tests.evidence.pictures import a_photo
from tests.fieldwork import push_at, visit_of
from tests.town import Town, client_of

NOW = datetime.now(UTC)


def a_track(seed: int) -> bytes:
    """What a handheld sends of a morning's way."""
    points = [[83.9 + seed / 1e4 + step / 1e5, 39.0, step] for step in range(20)]
    return gzip.compress(json.dumps(points).encode(), mtime=0)


def taken(days_ago: int) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat()


def retain(kernel: Kernel, town: Town, *, keep: bool = True) -> int:
    """One night's run; the bytes go as the worker's job takes them."""
    jobs: list[tuple[Any, ...]] = []

    def run(work: Work) -> int:
        count = erase_tracks(work)
        jobs.extend(arguments for _, arguments in work.jobs)
        work.jobs.clear()
        if not keep:
            work.session.rollback()
        return count

    with kernel.work(house(town.bureau_id), NOW) as work:
        erased = run(work)
    for _bureau, sha256 in jobs if keep else ():
        with kernel.work(house(town.bureau_id), NOW) as work:
            remove_bytes(work, LocalDisk(kernel.settings.files_dir), sha256)
    return erased


def is_there(kernel: Kernel, content: bytes) -> bool:
    try:
        LocalDisk(kernel.settings.files_dir).open(sha256_of(content)).close()
    except FileNotFoundError:
        return False
    return True


@pytest.fixture
def leader(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """The leader of the squad, at a desk."""
    return client_of(app, kernel, town, "li")


def test_an_old_track_goes_and_that_there_was_one_stays(
    kernel: Kernel, town: Town, elsewhere: Town, device: MakeDevice, leader: FlaskClient
) -> None:
    old, young, shared = a_track(1), a_track(2), a_track(3)
    record = a_record_with(kernel, town)
    claim = {
        "record_id": record["id"],
        "kind": "track",
        "filetype": "application/gzip",
        "filename": "轨迹.gz",
    }
    li = device("li")
    li.upload(old, **{**claim, "taken_at": taken(91)})
    li.upload(young, **{**claim, "taken_at": taken(89)})
    li.upload(shared, **{**claim, "taken_at": taken(200)})
    device("li", elsewhere).upload(shared, **{**claim, "taken_at": taken(1)})

    assert retain(kernel, town) == 2
    assert retain(kernel, town) == 0

    assert [is_there(kernel, track) for track in (old, young, shared)] == [False, True, True]
    listed = leader.get(f"/api/v1/records/{record['id']}/files").get_json()["items"]
    assert {item["sha256"]: item["state"] for item in listed} == {
        sha256_of(old): "erased",
        sha256_of(young): "received",
        # The other bureau keeps the bytes; this one has no claim to them any more.
        sha256_of(shared): "erased",
    }
    where = f"/files/{sha256_of(old)}?record={record['id']}"
    problem_of(leader.get(f"/api/v1{where}"), status=410, code="file_erased")
    with leader.get(f"/api/v1/files/{sha256_of(young)}?record={record['id']}") as answer:
        assert answer.status_code == 200
    with kernel.sessions() as session:
        originals = set(session.scalars(every_original()))
        assert {file.sha256 for file in known_files(session)} <= originals
    assert sha256_of(old) not in originals
    assert {sha256_of(young), sha256_of(shared)} <= originals


def test_a_track_that_is_a_photo_s_bytes_too_stays(
    kernel: Kernel, town: Town, device: MakeDevice, photo: bytes
) -> None:
    record = a_record_with(kernel, town, photo)
    li = device("li")
    li.upload(photo, record_id=record["id"], taken_at=taken(200))
    li.upload(photo, record_id=a_record_with(kernel, town)["id"], kind="track", taken_at=taken(200))
    assert retain(kernel, town) == 0
    assert is_there(kernel, photo)


def test_a_photo_of_a_record_stays_though_its_device_sent_it_as_a_track(
    kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    photo = a_photo(seed=77)
    record = a_record_with(kernel, town, photo)
    device("li").upload(photo, record_id=record["id"], kind="track", taken_at=taken(400))
    assert retain(kernel, town) == 0
    assert is_there(kernel, photo)


def test_the_track_of_a_patrol_goes_though_its_record_declares_it(
    kernel: Kernel, town: Town, device: MakeDevice, leader: FlaskClient
) -> None:
    track, kept = a_track(51), a_track(52)
    visit = visit_of(town, 0, NOW - timedelta(days=100))
    end = documents.patrol(visit, Random(5), "end", uuid.uuid4(), track=sha256_of(track))
    # What another record calls so is kept as long as the record.
    other = documents.attempt(visit_of(town, 1, NOW - timedelta(days=100)), Random(6))
    other["form_version"] = 9
    other["answers"] |= {"track": sha256_of(kept)}
    assert push_at(kernel, town, "li", NOW - timedelta(days=99), end, other) == []
    for content, record in ((track, end), (kept, other)):
        device("li").upload(
            content, record_id=record["id"], kind="track", taken_at=taken(100), filetype="application/gzip"
        )
    assert retain(kernel, town) == 1
    assert [is_there(kernel, one) for one in (track, kept)] == [False, True]
    listed = leader.get(f"/api/v1/records/{end['id']}/files").get_json()
    assert [(one["kind"], one["state"]) for one in listed["items"]] == [("track", "erased")]
    assert listed["evidence_complete"] is True


def test_a_job_that_was_lost_is_asked_for_again(kernel: Kernel, town: Town, device: MakeDevice) -> None:
    track = a_track(4)
    record = a_record_with(kernel, town)
    device("li").upload(
        track, record_id=record["id"], kind="track", taken_at=taken(120), filetype="application/gzip"
    )
    with kernel.work(house(town.bureau_id), NOW) as work:
        assert erase_tracks(work) == 1
        work.jobs.clear()
    assert is_there(kernel, track)
    assert retain(kernel, town) == 0
    assert not is_there(kernel, track)


def test_a_track_that_comes_again_after_its_end_goes_again(
    kernel: Kernel, town: Town, device: MakeDevice
) -> None:
    track = a_track(6)
    claim = {"kind": "track", "taken_at": taken(120), "filetype": "application/gzip"}
    li = device("li")
    li.upload(track, record_id=a_record_with(kernel, town)["id"], **claim)
    assert retain(kernel, town) == 1
    li.upload(track, record_id=a_record_with(kernel, town)["id"], **claim)
    assert is_there(kernel, track)
    retain(kernel, town)
    assert not is_there(kernel, track)


def test_a_dry_run_shows_and_keeps(kernel: Kernel, town: Town, elsewhere: Town, device: MakeDevice) -> None:
    track = a_track(5)
    record = a_record_with(kernel, town)
    device("li").upload(
        track, record_id=record["id"], kind="track", taken_at=taken(120), filetype="application/gzip"
    )
    environment = {
        "XUNGE_DATABASE_URL": kernel.settings.database_url,
        "XUNGE_REDIS_URL": kernel.settings.redis_url,
        "XUNGE_FILES_DIR": str(kernel.settings.files_dir),
    }
    shown = CliRunner().invoke(main, ["retention", "--dry-run", "--bureau", "试样局"], env=environment)
    assert shown.exit_code == 0, shown.output
    (line,) = (line for line in shown.output.splitlines() if "raw tracks" in line)
    assert line.replace("│", " ").split()[-2:] == ["90", "1"]
    with kernel.sessions() as session:
        assert session.scalar(select(FileErasure).filter_by(sha256=sha256_of(track))) is None
    assert is_there(kernel, track)
    assert retain(kernel, town, keep=False) == 1
    assert retain(kernel, town) == 1
