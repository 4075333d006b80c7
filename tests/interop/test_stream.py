"""The stream over the real server: it speaks when there is something to pull, starves nobody, and ends with the token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from server.access.models import Token
from server.app import STREAMS
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from sync import feed
from tests.interop.programs import served
from tests.town import Town, issue_token

PATIENCE_S = 20.0


@pytest.fixture
def client(settings: Settings, kernel: Kernel, town: Town, tmp_path: Path) -> Iterator[httpx.Client]:
    token = issue_token(kernel, town, "li", device=True)
    with served(settings, tmp_path / "server.log") as port:
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "zstd, br, gzip"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE_S) as made:
            yield made


def next_event(lines: Iterator[str]) -> str:
    return next(line for line in lines if line and not line.startswith((":", "retry")))


def test_a_stream_says_that_there_is_something_to_pull_and_ends_with_the_token(
    client: httpx.Client, kernel: Kernel, town: Town
) -> None:
    with client.stream("GET", "/sync/v1/outlets/pull-stream") as stream:
        assert (stream.status_code, stream.headers["content-type"].split(";")[0]) == (
            200,
            "text/event-stream",
        )
        assert "content-encoding" not in stream.headers
        lines = stream.iter_lines()
        assert next_event(lines) == "data: RESYNC"
        # The stream has looked once by the time that a second look is due.
        time.sleep(4)
        with kernel.sessions.begin() as session:
            feed.touch(
                session, town.bureau_id, "outlets", [(f"officer:{town.people['li']}", town.outlets[0])]
            )
        assert next_event(lines) == "data: RESYNC"
        with kernel.sessions.begin() as session:
            session.execute(update(Token).values(revoked_at=Token.issued_at))
        assert list(lines) in ([], [""])
    assert client.get("/sync/v1/outlets/pull-stream").status_code == 401


def test_guard_streams_are_bounded_and_never_starve_requests(client: httpx.Client) -> None:
    streams = [client.stream("GET", "/sync/v1/pull-stream") for _ in range(STREAMS)]
    opened = [stream.__enter__() for stream in streams]
    assert [next_event(one.iter_lines()) for one in opened] == ["data: RESYNC"] * STREAMS

    refused = client.get("/sync/v1/pull-stream")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert all(client.get("/sync/v1/outlets/pull").status_code == 200 for _ in range(20))
    for stream in streams:
        stream.__exit__(None, None, None)

    until = time.monotonic() + 2 * PATIENCE_S
    while time.monotonic() < until:
        with client.stream("GET", "/sync/v1/pull-stream") as again:
            if again.status_code == 200:
                return
        time.sleep(0.5)
    pytest.fail("The slots of streams that were hung up were not given back.")
