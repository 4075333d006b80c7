"""Where commands print."""

from __future__ import annotations

import sys

from rich.console import Console

# Wide enough for the tables of Chinese headings where no terminal says how wide it is.
PIPED_WIDTH = 120


def console() -> Console:
    """The console of standard output; piped output is as wide as the tables need."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, soft_wrap=True)
