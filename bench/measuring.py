"""Measuring in interleaved rounds, CPU of processes, and the tables that are printed.

Single times say little on a shared machine. Every candidate runs once a round, in an order that turns with the
round, and what is compared is the ratio of two candidates of the same round. On a machine that others use as well,
CPU is the steadier of the two figures; where both are printed, both are held against the target.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

ROUNDS = 7
QUICK_ROUNDS = 3
TICKS = os.sysconf("SC_CLK_TCK")

console = Console(width=118, highlight=False)


@dataclass(slots=True)
class Candidate:
    """Something measured. ``prepare`` runs off the clock and returns what is timed; ``after`` runs off it again.

    ``backend`` is the process id of the PostgreSQL backend that serves it.
    """

    name: str
    prepare: Callable[[], Callable[[], object]]
    after: Callable[[], object] = lambda: None
    backend: Callable[[], int] | None = None


@dataclass(slots=True)
class Samples:
    """Seconds a round: on the wall, of this process's CPU, of the backend's CPU."""

    wall: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    backend: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> list[float]:
        """CPU of this process and the backend together."""
        return [mine + its for mine, its in zip(self.client, self.backend, strict=True)]


def measure(candidates: Sequence[Candidate], rounds: int, warm_up: int = 1) -> dict[str, Samples]:
    """Run every candidate ``rounds`` times, interleaved, after ``warm_up`` rounds that do not count."""
    samples = {candidate.name: Samples() for candidate in candidates}
    for number in range(rounds + warm_up):
        turned = number % len(candidates)
        for candidate in (*candidates[turned:], *candidates[:turned]):
            act = candidate.prepare()
            pid = candidate.backend() if candidate.backend else None
            gc.collect()
            backend_before = thread_cpu(pid)
            wall, client = time.perf_counter(), time.process_time()
            act()
            wall, client = time.perf_counter() - wall, time.process_time() - client
            backend = thread_cpu(pid) - backend_before
            candidate.after()
            if number >= warm_up:
                taken = samples[candidate.name]
                taken.wall.append(wall)
                taken.client.append(client)
                taken.backend.append(backend)
    return samples


def thread_cpu(pid: int | None) -> float:
    """CPU seconds so far of a process with one thread, by the scheduler's own nanoseconds."""
    if pid is None:
        return 0.0
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def process_cpu(pids: Iterable[int]) -> float:
    """CPU seconds so far of processes with all their threads, in ticks: for long stretches."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def process_tree(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


T = TypeVar("T")


def clocked(act: Callable[[], T]) -> tuple[T, float]:
    """What ``act`` returns, and the seconds it took."""
    begun = time.perf_counter()
    returned = act()
    return returned, time.perf_counter() - begun


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round, so that a load that comes and goes weighs on both."""
    return [one / other for one, other in zip(over, under, strict=True)]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a median: ``at_least`` or ``at_most``."""

    at_least: float | None = None
    at_most: float | None = None

    def words(self) -> str:
        """As the design says it."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else "–"

    def verdict(self, reached: float) -> str:
        """Whether it is reached."""
        if self.at_least is None and self.at_most is None:
            return ""
        good = (self.at_least is None or reached >= self.at_least) and (
            self.at_most is None or reached <= self.at_most
        )
        return "[green]达到[/]" if good else "[red]未达到[/]"


class Report:
    """A table of figures, each with its spread and, where there is one, its target."""

    def __init__(self, title: str) -> None:
        console.print(f"[bold]{title}[/]")
        self._table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        self._table.add_column("", width=54, overflow="fold")
        for heading in ("最小 min", "中位 median", "最大 max", "目标 target", ""):
            self._table.add_column(heading, justify="right", no_wrap=True)
        self._remarks: list[str] = []

    def add(
        self,
        name: str,
        values: Sequence[float],
        *,
        unit: str = "",
        target: Target | None = None,
        digits: int = 2,
    ) -> float:
        """A row of figures, one a round; returns their median."""
        median = statistics.median(values)
        low, middle, high = (f"{value:,.{digits}f}{unit}" for value in (min(values), median, max(values)))
        wanted = target or Target()
        self._table.add_row(name, low, middle, high, wanted.words(), wanted.verdict(median))
        return median

    def add_times(self, name: str, samples: Samples) -> None:
        """Two rows of milliseconds: on the wall, and CPU of client and backend together."""
        self.add(name, [value * 1000 for value in samples.wall], unit=" ms", digits=1)
        mine, its = statistics.median(samples.client) * 1000, statistics.median(samples.backend) * 1000
        words = f"  CPU = Python {mine:.0f} + PostgreSQL {its:.0f}"
        self.add(words, [value * 1000 for value in samples.cpu], unit=" ms", digits=1)

    def remark(self, words: str) -> None:
        """A line below the table, for what could not be measured."""
        self._remarks.append(words)

    def line(self) -> None:
        """A rule before the next row."""
        self._table.add_section()

    def show(self) -> None:
        """Print it."""
        console.print(self._table)
        for remark in self._remarks:
            console.print(f"  · {remark}")
        console.print()


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line asked for."""

    quick: bool
    rounds: int


def chosen(description: str) -> Choice:
    """Read ``[--quick] [--rounds N]``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="3 rounds and less data")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS} if not given")
    given = parser.parse_args()
    return Choice(given.quick, given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS))


def say(words: str) -> None:
    """One line on what is being done."""
    console.print(f"· {words}")
