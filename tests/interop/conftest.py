"""Fixtures of the interoperation tests: a town that lives today, for the server that is served reads the real clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.kernel.work import Kernel
from tests.town import Town, settle_town


@pytest.fixture
def now() -> datetime:
    """The real time at the start of the test."""
    return datetime.now(UTC)


@pytest.fixture
def town(kernel: Kernel, now: datetime) -> Town:
    """The town, settled today."""
    return settle_town(kernel, now)
