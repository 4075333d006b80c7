"""The client in Chromium: the page of ``browser.mjs`` on a profile of its own, which outlives the browser."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGE = b'<!doctype html><meta charset="utf-8"><title>handheld</title><script src="/client.js"></script>'


def chromium() -> str:
    """The browser: ``CHROMIUM``, or Debian's."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.fail(
            "没有 chromium：请用 ./dev test（Debian 会自动安装），或设 CHROMIUM=路径 · "
            "no chromium: use ./dev test, which installs Debian's, or set CHROMIUM=path"
        )
    return found


class BrowserClient:
    """Acts like ``programs.Client``: one act at a time, begun and ended apart."""

    def __init__(self, playwright: Playwright, profile: Path, url: str) -> None:
        self._playwright, self._profile, self._url = playwright, profile, url
        self._context: BrowserContext | None = None
        self._page: Page | None = None

    def start(self) -> None:
        """Start the browser on the profile and open the page."""
        self._context = self._playwright.chromium.launch_persistent_context(
            self._profile, executable_path=chromium(), args=FLAGS, headless=True
        )
        self._page = self._context.pages[0] if self._context.pages else self._context.new_page()
        self._page.goto(self._url)
        self._page.wait_for_function("() => globalThis.begin")

    def begin(self, act: str, **given: Any) -> None:
        """Tell the page what to do; ``end`` waits for it."""
        assert self._page is not None
        self._page.evaluate("asked => begin(asked)", {"act": act, **given})

    def end(self, act: str) -> dict[str, Any]:
        """The answer to the act begun."""
        assert self._page is not None
        answer: dict[str, Any] = self._page.evaluate("() => end()")
        assert answer.get("done") == act, f"{act}: {answer}"
        return answer

    def do(self, act: str, **given: Any) -> dict[str, Any]:
        """Tell the page what to do and wait until it is done."""
        self.begin(act, **given)
        return self.end(act)

    def kill(self) -> None:
        """End the browser with all its processes, in the middle of whatever it does."""
        os.killpg(self._main_process(), signal.SIGKILL)
        self.close()

    def _main_process(self) -> int:
        wanted = f"--user-data-dir={self._profile}"
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                arguments = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if wanted in arguments and not any(one.startswith("--type=") for one in arguments):
                    return os.getpgid(int(process.name))
        raise AssertionError("the browser does not run")

    def close(self) -> None:
        """Let go of a browser, also of one that is dead."""
        if self._context is not None:
            with suppress(Error):
                self._context.close()
        self._context = self._page = None


@contextmanager
def browser_client(profile: Path, url: str) -> Iterator[BrowserClient]:
    """The client in Chromium, running for as long as the block runs."""
    with sync_playwright() as playwright:
        client = BrowserClient(playwright, profile, url)
        try:
            client.start()
            yield client
        finally:
            client.close()
