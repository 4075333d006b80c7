"""The command line over a test's own database, and what an import must not touch when nothing changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text

from server.cli import main
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.outlets.models import Outlet
from tests.conftest import SettledTown, SettledTowns
from tests.town import Town


@dataclass(slots=True)
class Registry:
    """A town without outlets, its kernel, and ``xunge`` as typed."""

    kernel: Kernel
    town: Town
    environment: dict[str, str | None]

    def xunge(self, *arguments: str | Path) -> Result:
        """Run a command; an exception that the command does not turn into a message fails the test."""
        runner = CliRunner()
        result = runner.invoke(main, [str(argument) for argument in arguments], env=self.environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def outcome(self, *arguments: str | Path) -> dict[str, Any]:
        """What an import tells with ``--format json``."""
        result = self.xunge("import", *arguments, "--format", "json")
        assert result.exit_code == 0, result.output
        told: dict[str, Any] = json.loads(result.stdout)
        assert told["rows"] == told["good"] + len(told["bad"])
        return told

    def refused(self, *arguments: str | Path) -> str:
        """The message of an import that fails as a whole."""
        before = self.state()
        result = self.xunge("import", *arguments)
        assert result.exit_code == 1, result.output
        assert self.state() == before
        return result.output

    def state(self) -> list[Any]:
        """Everything that an import could touch: rows with their edits, the feed with its positions, events."""
        with self.kernel.sessions() as session:
            return [
                session.execute(text(f"select * from {table} order by {order}")).all()
                for table, order in (
                    ("feed", "principal, collection, id"),
                    ("fed", "origin, collection, id"),
                    ("outlet", "id"),
                    ("outlet_status", "id"),
                    ("grid_cell", "id"),
                    ("person", "id"),
                    ("certificate", "id"),
                    ("squad", "id"),
                    ("squad_member", "id"),
                    ("scope", "person_id, squad_id, cell_id"),
                    ("obligation", "id"),
                    ("event", "seq"),
                )
            ]

    def outlet(self, licence_no: str) -> Outlet:
        """One registered outlet."""
        with self.kernel.sessions() as session:
            return session.scalars(select(Outlet).where(Outlet.licence_no == licence_no)).one()

    def column(self, query: str, **parameters: Any) -> list[Any]:
        """The one column of a query."""
        with self.kernel.sessions() as session:
            return list(session.scalars(text(query), parameters))


@pytest.fixture
def settled_town(settled_towns: SettledTowns) -> SettledTown:
    """The small town with four cells and no outlet yet."""
    return settled_towns(outlets=0)


@pytest.fixture
def registry(kernel: Kernel, town: Town, settings: Settings) -> Registry:
    """``xunge`` in that town."""
    return Registry(
        kernel,
        town,
        {
            "XUNGE_DATABASE_URL": settings.database_url,
            "XUNGE_OWNER_DATABASE_URL": settings.owner_database_url,
            "XUNGE_REDIS_URL": settings.redis_url,
            "XUNGE_FILES_DIR": str(settings.files_dir),
        },
    )
