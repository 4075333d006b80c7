"""July in the small town, lived through, and the people who sign its report off."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from server.app import create_app
from server.issuing import ops, queries
from server.issuing.queries import Standing
from server.issuing.rules import Act
from server.kernel.actor import Actor
from server.kernel.permissions import Role
from tests.conftest import own_database, settings_for
from tests.reports.conftest import Quarter, at, lived_through
from tests.town import ROLE_ACCOUNTS

# July's last week ends on 2 August; the month's grace, three working days, is over with 5 August.
FIRST_MOMENT = at(8, 6, 0)
REMARK = "设备送修，已电话核实无未传记录"


def signer(quarter: Quarter, name: str) -> Actor:
    """Somebody of the town at a desk."""
    return Actor(
        bureau_id=quarter.town.bureau_id,
        account_id=quarter.town.accounts[name],
        roles=frozenset[Role](ROLE_ACCOUNTS[name]),
        person_id=quarter.town.people.get(name),
        squad_ids=(quarter.town.squads[0],) if name in ("li", "wang") else (),
    )


def draft(quarter: Quarter, when: datetime, name: str = "li", **given: Any) -> Standing:
    """Draft July's report."""
    values = {
        "kind": "R1",
        "period": "2026-07",
        "as_of": None,
        "unsynced_remark": REMARK,
        "remark": None,
        **given,
    }
    with quarter.kernel.work(signer(quarter, name), when) as work:
        return ops.draft(work, values)


def step(
    quarter: Quarter, issue_id: uuid.UUID, act: Act, name: str, when: datetime, remark: Any = None
) -> Standing:
    """Take a step."""
    with quarter.kernel.work(signer(quarter, name), when) as work:
        return ops.take_step(work, issue_id, act, remark)


def issued(quarter: Quarter, when: datetime, **given: Any) -> Standing:
    """July's report, drafted by a squad leader, reviewed by the legal office, issued by the bureau's leader."""
    drafted = draft(quarter, when, **given)
    for act, name in ((Act.SUBMITTED, "li"), (Act.REVIEWED, "fa"), (Act.ISSUED, "ju")):
        standing = step(quarter, drafted.issue.id, act, name, when)
    return standing


def content(quarter: Quarter, standing: Standing) -> bytes:
    """The frozen bytes as they are in the database now."""
    with quarter.kernel.work(signer(quarter, "ju"), at(10, 20)) as work:
        return queries.find(work, standing.issue.id).snapshot.content


def verified(quarter: Quarter, standing: Standing) -> ops.Verification:
    """The report worked out again as of its moment."""
    with quarter.kernel.work(signer(quarter, "ju"), at(10, 20)) as work:
        return ops.verify(work, queries.find(work, standing.issue.id).snapshot)


@pytest.fixture(scope="session")
def lived_july(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Quarter]]:
    """The lived-through quarter, of which every test gets a copy; nobody is connected to it."""
    with own_database(superuser, template_database) as name:
        living = lived_through(settings_for(name, Path(tmp_path_factory.mktemp("files"))))
        quarter = next(living)
        quarter.kernel.close()
        yield name, quarter
        living.close()  # type: ignore[attr-defined]  # It is a generator.


@contextmanager
def copy_of(superuser: Engine, lived: tuple[str, Quarter], folder: Path) -> Iterator[Quarter]:
    """The lived-through quarter once more, over a database of its own."""
    template, first = lived
    with own_database(superuser, template) as name:
        settings = settings_for(name, folder)
        app = create_app(settings)
        kernel = app.extensions["xunge"]
        yield Quarter(app, kernel, settings, first.town, dict(first.tokens), dict(first.records))
        kernel.close()


@pytest.fixture
def july(superuser: Engine, lived_july: tuple[str, Quarter], tmp_path: Path) -> Iterator[Quarter]:
    """A lived-through quarter of the test's own."""
    with copy_of(superuser, lived_july, tmp_path) as quarter:
        yield quarter


@pytest.fixture(scope="module")
def july_to_read(
    superuser: Engine, lived_july: tuple[str, Quarter], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Quarter]:
    """A lived-through quarter to which the file's tests add nothing that stays."""
    with copy_of(superuser, lived_july, Path(tmp_path_factory.mktemp("files"))) as quarter:
        yield quarter
