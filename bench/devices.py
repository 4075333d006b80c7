"""A thousand handhelds at shift end, as one process of its own: ``python devices.py PLAN`` prints what it measured.

Each device waits for its moment, pulls a page, pushes its records and asks for their receipt, one request at a time,
and tries again with jittered back-off as the client glue does.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import orjson

RETRY_S = 0.5
TRIES = 8
TIMEOUT_S = 60.0


class Measured:
    """Seconds of every answered request by kind; what had to be sent again; what failed for good."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.retries = 0
        self.errors: list[str] = []
        self.last_receipt = 0.0
        self.lag = 0.0


async def ask(
    client: httpx.AsyncClient, measured: Measured, kind: str, method: str, url: str, **more: Any
) -> httpx.Response | None:
    """One request, sent again until it is answered; ``None`` when the tries are used up."""
    problem = ""
    for number in range(TRIES):
        begun = time.perf_counter()
        try:
            response = await client.request(method, url, **more)
            measured.seconds[kind].append(time.perf_counter() - begun)
            if response.status_code == 200:
                return response
            problem = f"{kind}: {response.status_code} {response.text[:200]}"
            if response.status_code < 500 and response.status_code != 429:
                break
        except httpx.TransportError as error:
            problem = f"{kind}: {error!r}"
        measured.retries += 1
        await asyncio.sleep(min(RETRY_S * 2**number, 8.0) * (0.5 + random.random()))
    measured.errors.append(problem)
    return None


async def sync(device: dict[str, Any], measured: Measured, url: str, begun: float) -> None:
    """One device's shift end."""
    await asyncio.sleep(max(0.0, device["starts_at"] - (time.perf_counter() - begun)))
    headers = {"Authorization": f"Bearer {device['token']}", "Accept-Encoding": "gzip"}
    transport = httpx.AsyncHTTPTransport(verify=False)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, transport=transport, timeout=TIMEOUT_S
    ) as client:
        parameters = {"checkpoint": device["checkpoint"], "limit": str(device["pulls"])}
        page = await ask(client, measured, "pull", "GET", "/sync/v1/records/pull", params=parameters)
        if page is not None and len(orjson.loads(page.content)["documents"]) != device["pulls"]:
            measured.errors.append("pull: a short page")
        body = device["body"].encode()
        answer = await ask(client, measured, "push", "POST", "/sync/v1/records/push", content=body)
        if answer is not None and answer.content != b"[]":
            measured.errors.append(f"push: {answer.text[:200]}")
        await ask(
            client, measured, "receipt", "POST", "/sync/v1/receipts", content=orjson.dumps(device["ids"])
        )
    measured.last_receipt = max(measured.last_receipt, time.perf_counter() - begun)


async def watch(measured: Measured) -> None:
    """How late this process itself is: if it lags, its figures say more of it than of the server."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.05)
        measured.lag = max(measured.lag, time.perf_counter() - begun - 0.05)


async def run(plan: dict[str, Any]) -> Measured:
    """All devices at once; they start as the plan says."""
    measured = Measured()
    watching = asyncio.create_task(watch(measured))
    begun = time.perf_counter()
    await asyncio.gather(*(sync(device, measured, plan["url"], begun) for device in plan["devices"]))
    watching.cancel()
    return measured


def main() -> None:
    """Run the plan; JSON on the standard output."""
    plan = orjson.loads(Path(sys.argv[1]).read_bytes())
    measured = asyncio.run(run(plan))
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": measured.seconds,
        "retries": measured.retries,
        "errors": measured.errors,
        "total": measured.last_receipt,
        "cpu": used.ru_utime + used.ru_stime,
        "lag": measured.lag,
    }
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main()
