"""The link between a handheld and the server: up, down, or failing before and after the server commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import Any

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

    def __init__(self, url: str, token: str, client: str, rng: Random) -> None:
        self.weather = Weather.UP
        self.faults: Counter[str] = Counter()
        self._rng = rng
        self._script = ["before", "after"]
        self._cuts = 1.0
        headers = {"Authorization": f"Bearer {token}", "Xunge-Client": client}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60)

    def get(self, path: str, **query: str | int) -> httpx.Response:
        """A GET, which may find the link down."""
        self._fault("before")
        return self._exchange("GET", path, params=query)

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
        """A POST of JSON, which may fail before it leaves or after the server has answered.

        Raises:
            LinkDown: when no answer came.
        """
        self._fault("before")
        response = self._exchange("POST", path, json=body, headers=headers)
        self._fault("after")
        return response

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
        """A request of bytes. On a flaky link its body may break off in the middle: the first one does.

        Raises:
            LinkDown: when no answer came.
        """
        if not body or self.weather is not Weather.FLAKY or self._rng.random() >= self._cuts:
            self._fault("before")
            return self._exchange(method, path, headers=headers, content=body)
        self._cuts = 0.25
        self.faults["cut"] += 1

        def broken() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            raise LinkDown("cut")

        length = {"Content-Length": str(len(body))}
        return self._exchange(method, path, headers={**headers, **length}, content=broken())

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _exchange(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request. What really goes wrong on the wire is to a handheld what is made to go wrong."""
        try:
            return self._client.request(method, path, **given)
        except httpx.TransportError as error:
            raise LinkDown(str(error)) from error

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
