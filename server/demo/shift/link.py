"""The link between a handheld and the server: up, down, or failing before and after the server commits."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from random import Random

import httpx


class Weather(StrEnum):
    """What the network is like."""

    UP = "up"
    DOWN = "down"
    FLAKY = "flaky"


class LinkDown(Exception):
    """No answer came. Whether the server did the work nobody on this side can tell."""


class Link:
    """HTTP with faults on this side of the wire, so that the server is the real one and knows nothing of them.

    On a flaky link the first two pushes fail once before the request leaves and once after the server has
    committed; what follows fails by the dice.
    """

    def __init__(self, url: str, token: str, rng: Random) -> None:
        self.weather = Weather.UP
        self.faults: Counter[str] = Counter()
        self._rng = rng
        self._script = ["before", "after"]
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def get(self, path: str, **query: str | int) -> httpx.Response:
        """A GET, which may find the link down."""
        self._fault("before")
        return self._client.get(path, params=query)

    def post(self, path: str, body: object) -> httpx.Response:
        """A POST of JSON, which may fail before it leaves or after the server has answered.

        Raises:
            LinkDown: when no answer came.
        """
        self._fault("before")
        response = self._client.post(path, json=body)
        self._fault("after")
        return response

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _fault(self, moment: str) -> None:
        if self.weather is Weather.UP:
            return
        if self.weather is Weather.DOWN:
            raise LinkDown("offline")
        if self._script:
            if self._script[0] != moment:
                return
            self._script.pop(0)
        elif self._rng.random() >= 0.25:
            return
        self.faults[moment] += 1
        raise LinkDown(f"{moment} commit")
