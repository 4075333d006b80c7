"""Where commands print."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

# Wide enough for the tables of Chinese headings where no terminal says how wide it is.
PIPED_WIDTH = 120

# How wide a piped table may become before its cells are folded: ids and licence numbers stay in one piece.
WIDEST_TABLE = 200


def console() -> Console:
    """The console of standard output; piped output is as wide as the tables need."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, soft_wrap=True)


def headed(*headings: str, title: str | None = None) -> Table:
    """A table with these columns and no rows yet."""
    return Table(*headings, title=title)


def print_table(table: Table) -> None:
    """Print a table; narrow terminals fold its cells, piped lines are longer, and one without rows says that it is empty."""
    for column in table.columns:
        column.overflow = "fold"
    to = console()
    if not sys.stdout.isatty():
        needed = Measurement.get(to, to.options.update(max_width=WIDEST_TABLE), table).maximum
        to.width = max(PIPED_WIDTH, needed)
    to.print(table, soft_wrap=False)
    if not table.rows:
        to.print("没有数据 · nothing to list")


def byte_progress() -> Progress:
    """A bar of bytes on standard error, silent where nobody looks on."""
    return _progress(DownloadColumn())


def count_progress() -> Progress:
    """A bar of things done on standard error, silent where nobody looks on."""
    return _progress(MofNCompleteColumn())


def _progress(amount: ProgressColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        amount,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
