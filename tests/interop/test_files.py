"""An unmodified tus client: cut, killed, side by side, and told what it must be told."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from server.evidence.models import RecordFile, Upload
from server.house import compose
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.evidence.conftest import sha256_of
from tests.evidence.pictures import a_photo
from tests.interop.cuts import cutting_wire
from tests.interop.programs import Client, Server, node_client
from tests.one_house import settings
from tests.town import issue_token, settle_town

__all__ = ["settings"]

SIZE = 3_000_000


@dataclass(slots=True)
class Files:
    """A folder of photos as a handheld has them, and what it says of each."""

    folder: Path
    contents: dict[str, bytes] = field(default_factory=dict)

    def photo(self, seed: int, size: int = SIZE) -> dict[str, Any]:
        """A photo of about ``size`` bytes; what the client is told to send."""
        picture = a_photo(seed)
        content = picture + Random(seed).randbytes(size - len(picture))
        path = self.folder / f"{seed}.jpg"
        path.write_bytes(content)
        record_id = str(uuid.uuid4())
        self.contents[record_id] = content
        return {
            "path": str(path),
            "metadata": {
                "sha256": sha256_of(content),
                "record_id": record_id,
                "taken_at": "2026-07-06T09:31:00+08:00",
                "kind": "photo",
                "filename": "现场.jpg",
                "filetype": "image/jpeg",
            },
        }


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """No photos yet."""
    folder = tmp_path / "handheld"
    folder.mkdir()
    return Files(folder)


@pytest.fixture(scope="module")
def kernel(settings: Settings) -> Iterator[Kernel]:
    """The composed house over them, for looking at what has come."""
    composed = compose(settings)
    yield composed
    composed.close()


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Server]:
    """The server as it is served."""
    running = Server(settings, settings.files_dir / "server.log")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def token(kernel: Kernel) -> str:
    """Of a device of Li."""
    return issue_token(kernel, settle_town(kernel, datetime.now(UTC)), "li", device=True)


def opened(client: Client, port: int, token: str) -> Client:
    client.do("open", url=f"http://127.0.0.1:{port}", token=token)
    return client


def assert_received(settings: Settings, kernel: Kernel, files: Files) -> None:
    """Each file belongs to its record, and is equal byte for byte.

    Where the answer to a creation was lost, the client begins another upload, and the first expires unfinished.
    """
    with kernel.sessions() as session:
        ours = select(Upload).where(Upload.record_id.in_(files.contents))
        finished = session.scalars(ours.where(Upload.state != "open")).all()
        given = session.scalars(select(RecordFile).where(RecordFile.record_id.in_(files.contents)))
        received = {str(row.record_id): row.sha256 for row in given}
    assert received == {record_id: sha256_of(content) for record_id, content in files.contents.items()}
    assert [upload.state for upload in finished] == ["stored"] * len(files.contents)
    for upload in finished:
        assert original(settings, upload.sha256).read_bytes() == files.contents[str(upload.record_id)]
        assert not (settings.files_dir / "partial" / str(upload.id)).exists()


def original(settings: Settings, sha256: str) -> Path:
    return settings.files_dir / "originals" / sha256[:2] / sha256


def wait_for_offset(settings: Settings, kernel: Kernel, files: Files, least: int) -> Path:
    """Wait until the partial file of the only photo has grown to ``least`` bytes; where it is."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with kernel.sessions() as session:
            ids = session.scalars(select(Upload.id).where(Upload.record_id.in_(files.contents))).all()
        for partial in (settings.files_dir / "partial" / str(one) for one in ids):
            if partial.exists() and partial.stat().st_size >= least:
                return partial
        time.sleep(0.002)
    pytest.fail("the upload did not get on")


@pytest.mark.parametrize(
    ("seed", "chunk", "with_creation"), [(1, None, False), (2, 256 * 1024, False), (3, None, True)]
)
def test_a_file_cut_again_and_again_arrives_equal(
    seed: int,
    chunk: int | None,
    with_creation: bool,
    server: Server,
    settings: Settings,
    kernel: Kernel,
    token: str,
    files: Files,
    tmp_path: Path,
) -> None:
    order = files.photo(seed) | ({"chunkSize": chunk} if chunk else {}) | {"withCreation": with_creation}
    with (
        node_client(tmp_path / "client.log", "files.mjs") as client,
        cutting_wire(server.port, seed, cuts=8) as wire,
    ):
        opened(client, wire.port, token)
        (outcome,) = client.do("send", files=[order])["outcomes"]
    assert outcome["sent"], outcome
    assert wire.cut >= 3, "the wire was not cut"
    assert_received(settings, kernel, files)


def test_many_files_at_once_over_a_bad_wire(
    server: Server, settings: Settings, kernel: Kernel, token: str, files: Files, tmp_path: Path
) -> None:
    orders = [files.photo(seed, 400_000) for seed in range(10, 20)]
    with (
        node_client(tmp_path / "client.log", "files.mjs") as client,
        cutting_wire(server.port, 10, cuts=20) as wire,
    ):
        opened(client, wire.port, token)
        outcomes = client.do("send", files=orders)["outcomes"]
    assert [outcome["sent"] for outcome in outcomes] == [True] * 10, outcomes
    assert_received(settings, kernel, files)


def test_a_killed_app_goes_on_where_it_was(
    server: Server, settings: Settings, kernel: Kernel, token: str, files: Files, tmp_path: Path
) -> None:
    order = files.photo(30) | {"chunkSize": 100_000}
    with node_client(tmp_path / "client.log", "files.mjs") as client:
        opened(client, server.port, token).begin("send", files=[order])
        partial = wait_for_offset(settings, kernel, files, 500_000)
    with node_client(tmp_path / "again.log", "files.mjs") as client:
        opened(client, server.port, token)
        (outcome,) = client.do("send", files=[order])["outcomes"]
    assert outcome["sent"], outcome
    assert partial.name in outcome["url"]
    assert outcome["began"] >= 500_000, "it began anew"
    assert_received(settings, kernel, files)


def test_a_server_killed_in_the_middle_goes_on_where_it_was(
    server: Server, settings: Settings, kernel: Kernel, token: str, files: Files, tmp_path: Path
) -> None:
    order = files.photo(31) | {"chunkSize": 100_000}
    with node_client(tmp_path / "client.log", "files.mjs") as client:
        opened(client, server.port, token).begin("send", files=[order])
        partial = wait_for_offset(settings, kernel, files, 500_000)
        server.kill()
        server.start()
        (outcome,) = client.end("send")["outcomes"]
    assert outcome["sent"], outcome
    assert partial.name in outcome["url"]
    # One creation, and not a byte of the first half twice: at most a few requests more than there are chunks.
    assert outcome["requests"] < SIZE / 100_000 + 60, outcome
    assert_received(settings, kernel, files)


def test_guard_a_wrong_sha256_is_quarantined_and_the_client_is_told(
    server: Server, settings: Settings, kernel: Kernel, token: str, files: Files, tmp_path: Path
) -> None:
    order = files.photo(40, 100_000)
    order["metadata"]["sha256"] = "0" * 64
    with node_client(tmp_path / "client.log", "files.mjs") as client:
        opened(client, server.port, token)
        (outcome,) = client.do("send", files=[order])["outcomes"]
    assert (outcome["sent"], outcome["status"]) == (False, 422)
    assert json.loads(outcome["body"])["code"] == "file_mismatch"
    with kernel.sessions() as session:
        (upload,) = session.scalars(select(Upload).where(Upload.record_id.in_(files.contents)))
        assert session.scalars(select(RecordFile).where(RecordFile.record_id.in_(files.contents))).all() == []
    (content,) = files.contents.values()
    assert (upload.state, upload.found_sha256) == ("mismatch", sha256_of(content))
    assert original(settings, sha256_of(content)).read_bytes() == content


def test_guard_a_claim_of_two_gigabytes_is_refused_before_a_byte_is_sent(
    server: Server, kernel: Kernel, token: str, files: Files, tmp_path: Path
) -> None:
    order = files.photo(41, 100_000)
    with Path(order["path"]).open("r+b") as sparse:
        sparse.truncate(2 << 30)
    with node_client(tmp_path / "client.log", "files.mjs") as client:
        opened(client, server.port, token)
        (outcome,) = client.do("send", files=[order])["outcomes"]
    assert (outcome["sent"], outcome["status"], outcome["requests"]) == (False, 413, 1)
    assert json.loads(outcome["body"])["code"] == "file_too_large"
    with kernel.sessions() as session:
        assert session.scalars(select(Upload).where(Upload.record_id.in_(files.contents))).all() == []
