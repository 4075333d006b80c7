"""Cuts and resumes in any order, clocks and disks that run out, processes that die: the bytes are equal or not there."""

from __future__ import annotations

import os
import resource
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from server.evidence import jobs
from server.evidence.models import Upload
from server.evidence.storage import LocalDisk, Overtaken
from server.kernel.actor import house
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.evidence.conftest import BYTES, TUS, Device, MakeDevice, sha256_of
from tests.evidence.pictures import a_photo
from tests.town import Town


@pytest.fixture(scope="module")
def disk(settings: Settings) -> LocalDisk:
    """The storage behind the application."""
    return LocalDisk(settings.files_dir)


class Cut:
    """A request body whose connection breaks after some bytes: what is announced does not all come."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        part, self._content = self._content[:size], self._content[size:]
        if not part:
            raise ConnectionResetError("cut")
        return part


def send_cut(device: Device, address: str, offset: int, announced: int, content: bytes) -> None:
    """Send what breaks off; nobody hears the answer."""
    device.client.patch(
        address,
        headers={**TUS, **BYTES, "Upload-Offset": str(offset)},
        environ_overrides={"wsgi.input": Cut(content), "CONTENT_LENGTH": str(announced)},
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(["send", "cut", "twice", "wrong", "ask"]), st.integers(min_value=0, max_value=9000)
    ),
    max_size=12,
)


@given(steps=steps, seed=st.integers(min_value=0, max_value=50))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cuts_and_resumes_give_equal_bytes(
    steps: list[tuple[str, int]], seed: int, disk: LocalDisk, device: MakeDevice
) -> None:
    photo = a_photo(seed)
    li = device("li")
    address, acknowledged = li.begin(photo), 0
    for act, size in steps:
        offset = li.offset(address)
        assert offset >= acknowledged, "what was acknowledged was lost"
        acknowledged = offset
        part = photo[offset : offset + size]
        if act == "send":
            acknowledged = int(li.send(address, offset, part).headers["Upload-Offset"])
            assert acknowledged == offset + len(part)
        elif act == "cut":
            send_cut(li, address, offset, len(photo) - offset, part[: size // 2])
        elif act == "twice":
            li.send(address, offset, part)
            again = li.send(address, offset, part)
            assert again.status_code == (409 if part else 204)
        elif act == "wrong" and size:
            assert li.send(address, offset + size, photo[offset + size :]).status_code in (409, 413)
    offset = li.offset(address)
    assert offset >= acknowledged
    li.send(address, offset, photo[offset:])
    with disk.open(sha256_of(photo)) as stored:
        assert stored.read() == photo


@contextmanager
def folder_of_no_superuser() -> Iterator[Path]:
    """A folder, and an account that owns it and is bound by permissions, as the server's is."""
    with TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_guard_what_was_kept_and_not_yet_noted_is_told_by_a_server_that_is_no_superuser() -> None:
    """What is kept is read-only, and so is the partial file, which is the same: to ask for it is not to write in it."""
    photo = a_photo(66)
    with folder_of_no_superuser() as folder:
        disk = LocalDisk(folder)
        disk.append("one", 0, [photo])
        disk.keep("one", sha256_of(photo))

        assert disk.size("one") == len(photo)
        with pytest.raises(Overtaken) as overtaken:
            disk.append("one", len(photo) - 1, [photo[-1:]])
        assert overtaken.value.offset == len(photo)


def test_what_was_all_there_when_the_server_died_is_settled_when_it_is_asked_for(
    kernel: Kernel, disk: LocalDisk, device: MakeDevice
) -> None:
    photo = a_photo(60)
    li = device("li")
    address = li.begin(photo)
    name = address.rpartition("/")[2]
    # As SIGKILL leaves it: every byte on the disk, kept even, and nothing noted.
    disk.append(name, 0, [photo])
    disk.keep(name, sha256_of(photo))
    assert li.offset(address) == len(photo)
    with kernel.sessions() as session:
        upload = session.get_one(Upload, uuid.UUID(name))
        assert (upload.state, upload.found_sha256) == ("stored", sha256_of(photo))
    assert name not in set(disk.partial())


def test_guard_originals_are_read_only_and_never_replaced(disk: LocalDisk) -> None:
    photo = a_photo(61)
    disk.append("first", 0, [photo])
    disk.keep("first", sha256_of(photo))
    disk.discard("first")
    path = disk.root / "originals" / sha256_of(photo)[:2] / sha256_of(photo)
    before = path.stat()
    assert before.st_mode & 0o222 == 0
    disk.append("second", 0, [photo])
    disk.keep("second", sha256_of(photo))
    disk.discard("second")
    assert path.stat().st_ino == before.st_ino
    assert path.read_bytes() == photo


def test_guard_an_original_that_the_disk_has_spoilt_is_healed_by_the_same_bytes(disk: LocalDisk) -> None:
    photo = a_photo(65)
    disk.append("first", 0, [photo])
    disk.keep("first", sha256_of(photo))
    disk.discard("first")
    path = disk.root / "originals" / sha256_of(photo)[:2] / sha256_of(photo)
    path.chmod(0o640)
    path.write_bytes(photo[:-1])

    disk.append("again", 0, [photo])
    disk.keep("again", sha256_of(photo))
    disk.discard("again")

    assert path.read_bytes() == photo
    assert path.stat().st_mode & 0o222 == 0
    assert [spoilt.read_bytes() for spoilt in (disk.root / "damaged").iterdir()] == [photo[:-1]]


def test_guard_a_writer_that_was_overtaken_writes_nothing(disk: LocalDisk) -> None:
    def hanging() -> Iterator[bytes]:
        yield b"ab"
        disk.append("raced", 2, [b"cd"])
        yield b"XX"

    with pytest.raises(Overtaken) as told:
        disk.append("raced", 0, hanging())
    assert told.value.offset == 4
    with disk.open_partial("raced") as stream:
        assert stream.read() == b"abcd"
    disk.discard("raced")


def test_guard_a_writer_whose_upload_was_given_up_writes_nothing(disk: LocalDisk) -> None:
    def given_up() -> Iterator[bytes]:
        yield b"ab"
        disk.discard("gone")
        yield b"cd"

    with pytest.raises(Overtaken):
        disk.append("gone", 0, given_up())
    assert disk.size("gone") == 0


def test_guard_uploads_that_were_never_finished_expire_and_nothing_else_does(
    app: Flask, kernel: Kernel, town: Town, disk: LocalDisk, device: MakeDevice
) -> None:
    old, young, done = (a_photo(seed) for seed in (62, 63, 64))
    li = device("li")
    addresses = [li.begin(content) for content in (old, young)]
    for address, content in zip(addresses, (old, young), strict=True):
        li.send(address, 0, content[:100])
    assert li.upload(done).status_code == 204
    now = datetime.now(UTC)
    names = [address.rpartition("/")[2] for address in addresses]
    with kernel.work(house(town.bureau_id), now) as work:
        everything = update(Upload).where(Upload.state == "stored")
        work.session.execute(everything.values(state="stored", settled_at=now - timedelta(days=400)))
    with kernel.work(house(town.bureau_id), now + timedelta(days=6)) as work:
        jobs.clear_uploads(work, disk)
    assert set(names) <= set(disk.partial())
    with kernel.sessions() as session:
        first = session.get_one(Upload, uuid.UUID(names[0]))
    with kernel.work(house(town.bureau_id), first.expires_at) as work:
        jobs.clear_uploads(work, disk)
    assert li.client.head(addresses[0], headers=TUS).status_code == 410
    problem_of(li.send(addresses[0], 100, old[100:]), status=410, code="upload_gone")
    assert names[0] not in set(disk.partial())
    assert li.send(addresses[1], 100, young[100:]).status_code == 204
    for content in (young, done):
        with disk.open(sha256_of(content)) as stored:
            assert stored.read() == content


def test_what_a_server_that_died_had_not_forgotten_is_forgotten_later_and_what_is_kept_stays(
    kernel: Kernel, town: Town, disk: LocalDisk, device: MakeDevice
) -> None:
    photo, li = a_photo(67), device("li")
    settled, begun = li.begin(photo), li.begin(photo)
    for address, part in ((settled, photo), (begun, photo[:100])):
        assert li.send(address, 0, part).status_code == 204
    name = settled.rpartition("/")[2]
    os.link(disk.root / "originals" / sha256_of(photo)[:2] / sha256_of(photo), disk.root / "partial" / name)

    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        jobs.clear_uploads(work, disk)

    assert name not in set(disk.partial())
    assert li.offset(begun) == 100
    with disk.open(sha256_of(photo)) as stored:
        assert stored.read() == photo


@pytest.fixture
def short_of_room() -> Iterator[int]:
    """No file of this process may grow beyond so many bytes: as a full disk, told by the same system call."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    yield room
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_guard_a_full_disk_is_told_and_nothing_acknowledged_is_lost(
    device: MakeDevice, disk: LocalDisk, short_of_room: int
) -> None:
    photo = a_photo(65) + bytes(200_000)
    li = device("li")
    address = li.begin(photo)
    assert li.send(address, 0, photo[:70_000]).status_code == 204
    answer = li.send(address, 70_000, photo[70_000:])
    problem_of(answer, status=507, code="storage_full")
    assert "Retry-After" in answer.headers
    offset = li.offset(address)
    assert 70_000 <= offset <= short_of_room
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert li.send(address, offset, photo[offset:]).status_code == 204
    with disk.open(sha256_of(photo)) as stored:
        assert stored.read() == photo


def test_a_disk_that_is_nearly_full_takes_no_new_upload(
    app: Flask, device: MakeDevice, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = a_photo(66)
    li = device("li")
    begun = li.begin(photo)
    monkeypatch.setattr(LocalDisk, "room", lambda _disk: settings.files_reserve_bytes + len(photo) - 1)
    problem_of(li.create(photo), status=507, code="storage_full")
    assert li.send(begun, 0, photo).status_code == 204
