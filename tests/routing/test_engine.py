"""The routing engine is there wherever it can be, so that no machine skips its tests in silence."""

from __future__ import annotations

import platform
import sys

import pytest

from gis.routing import engine

MACHINES = {"x86_64"} if sys.version_info < (3, 12) else {"x86_64", "aarch64"}


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or platform.machine() not in MACHINES,
    reason="there is no wheel of the routing engine for this machine",
)
def test_the_engine_is_installed() -> None:
    assert engine.package() is not None, "uv sync --frozen --extra roads"
    assert engine.version().startswith("3.")
    assert engine.reads("3.1.0")
    assert not engine.reads("2.9")
