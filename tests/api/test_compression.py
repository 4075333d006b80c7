"""Answers are compressed as asked, transparently: the same bytes, the right Vary, and nothing that should not be."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import brotli
import pytest
from flask.testing import FlaskClient

from server.app import COMPRESSION
from tests.api.conftest import World

try:
    from compression import zstd
except ImportError:
    from backports import zstd

PULL = "/sync/v1/reference/pull"
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.client("li")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
    ],
)
def test_an_answer_is_compressed_as_asked(client: FlaskClient, asked: str, given: str) -> None:
    plain = client.get(PULL)
    packed = client.get(PULL, headers={"Accept-Encoding": asked})

    assert packed.headers["Content-Encoding"] == given
    assert len(packed.data) < len(plain.data) / 2
    assert UNPACK[given](packed.data) == plain.data
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.vary
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("asked", ["", "identity", "deflate", "…"])
def test_an_answer_goes_out_as_it_is_where_nothing_we_have_was_asked(client: FlaskClient, asked: str) -> None:
    answer = client.get(PULL, headers={"Accept-Encoding": asked.encode().decode("latin-1")})

    assert answer.is_json
    assert "Content-Encoding" not in answer.headers


def test_a_small_answer_and_a_problem_go_out_as_they_are(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "zstd, br, gzip"}

    for answer in (
        client.get("/healthz", headers=headers),
        client.get("/sync/v1/none/pull", headers=headers),
    ):
        assert "Content-Encoding" not in answer.headers
        assert answer.is_json or answer.mimetype == "application/problem+json"
    assert COMPRESSION["COMPRESS_STREAMS"] is False
