"""The command ``xunge`` in this process, over the database that the environment names."""

from __future__ import annotations

from click.testing import CliRunner, Result

from server.cli import main
from server.kernel.problems import Problem


def xunge(*words: str) -> Result:
    """What the command answers to these words."""
    return CliRunner().invoke(main, list(words))


def said(*words: str) -> str:
    """What a command prints that succeeds."""
    result = xunge(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(*words: str) -> Problem:
    """The problem with which a command is refused."""
    result = xunge(*words)
    assert isinstance(result.exception, Problem), (result.output, result.exception)
    return result.exception
