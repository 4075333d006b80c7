"""A quarter in the small town, lived through day by day, and R1 asked for over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, select, update

from server.access.models import Device, DeviceContact
from server.app import create_app
from server.cadence.models import Obligation
from server.cadence.ops import materialise, waive
from server.cli import main
from server.grids.ops import assign_duty
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.org.models import Squad
from tests.conftest import own_database, settings_for
from tests.fieldwork import attempt_at, check_of, field_actor, push_at
from tests.town import ZONE, Town, issue_token, settle_town

COUNTS = (
    *(
        "obligations",
        "waived",
        "due",
        "on_time",
        "late",
        "missed",
        "made_up",
        "pending",
        "unknown",
        "attempts",
    ),
)
# The quarter is over and nothing of it is pending.
AFTERWARDS = "2026-10-15T00:00:00+08:00"
HAND_OVER = date(2026, 8, 1)


def at(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    """A moment of 2026 in the bureau's own time."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


@dataclass(slots=True)
class Quarter:
    """The application over the lived-through quarter."""

    app: Flask
    kernel: Kernel
    settings: Settings
    town: Town
    tokens: dict[str, str]
    records: dict[str, uuid.UUID]

    def get(self, path: str, name: str = "ju", **query: Any) -> Any:
        """An answer of the report's address."""
        return self.ask(f"/api/v1/reports/{path}", {"period": "2026Q3", "as_of": AFTERWARDS, **query}, name)

    def ask(self, path: str, query: dict[str, Any], name: str = "ju") -> Any:
        """An answer of any address, as somebody of the town."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        return self.app.test_client().get(path, query_string=query, headers=headers)

    def rows(self, name: str = "ju", **query: Any) -> list[dict[str, Any]]:
        """The rows of R1."""
        answer = self.get("cadence", name, **query)
        assert answer.status_code == 200, answer.get_json()
        rows: list[dict[str, Any]] = answer.get_json()["rows"]
        return rows

    def items(self, name: str = "ju", **query: Any) -> list[dict[str, Any]]:
        """What stands behind figures."""
        items: list[dict[str, Any]] = self.get("cadence/obligations", name, **query).get_json()["items"]
        return items

    def command(self, *arguments: str) -> str:
        """What ``xunge report cadence`` prints."""
        return self.printed("cadence", *arguments)

    def printed(self, *arguments: str) -> str:
        """What ``xunge report …`` prints."""
        environment = {
            "XUNGE_DATABASE_URL": self.settings.database_url,
            "XUNGE_REDIS_URL": self.settings.redis_url,
        }
        result = CliRunner().invoke(main, ["report", *arguments], env=environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    def obligation(self, outlet: int, key: str) -> uuid.UUID:
        """What an outlet owes for a period."""
        with self.kernel.sessions() as session:
            owed = select(Obligation.id).where(
                Obligation.subject_id == self.town.outlets[outlet], Obligation.key == key
            )
            return session.scalars(owed).one()


def read_csv(text: str) -> list[dict[str, str]]:
    """The rows of a CSV answer, its mark removed."""
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.fixture(scope="module")
def quarter(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Quarter]:
    """One quarter for a file; its tests only read it."""
    with own_database(superuser, template_database) as name:
        yield from lived_through(settings_for(name, Path(tmp_path_factory.mktemp("files"))))


@pytest.fixture
def own_quarter(settings: Settings) -> Iterator[Quarter]:
    """A quarter of the test's own, to which it may add."""
    yield from lived_through(settings)


def lived_through(settings: Settings) -> Iterator[Quarter]:
    """Weekly checks, one late, one missed, one waived, one made up; a month met; a hand-over on 1 August."""
    app = create_app(settings)
    kernel: Kernel = app.extensions["xunge"]
    town = settle_town(kernel)
    quarter = Quarter(app, kernel, settings, town, {}, {})
    _hold_devices(quarter)
    night = at(7, 6, 1)
    while night < at(10, 12):
        with kernel.work(house(town.bureau_id), night) as work:
            materialise(work)
        night += timedelta(days=7)

    def check(label: str, outlet: int, began: datetime, tier: Any = "WEEKLY", **given: Any) -> None:
        by = ("li", "wang") if outlet < 2 else ("zhao", "qian")
        record = check_of(town, outlet, began, tier, by=by, **given)
        assert push_at(kernel, town, by[0], began + timedelta(hours=2), record) == []
        quarter.records[label] = uuid.UUID(record["id"])

    # Until 7 July a check would still meet the week before, for the oldest debt comes first.
    check("on time", 0, at(7, 9))
    check("late", 1, at(7, 14))
    tried = attempt_at(town, 2, at(7, 8), by=("zhao", "qian"))
    assert push_at(kernel, town, "zhao", at(7, 8, 12), tried) == []
    quarter.records["attempt"] = uuid.UUID(tried["id"])
    with kernel.work(field_actor(town, "zhao"), at(7, 9)) as work:
        waive(work, [quarter.obligation(3, "2026-W28")], "店主住院，经批准免查")
    check("month", 0, at(7, 15), "MONTHLY")
    check("week 30", 2, at(7, 22))
    check("made up", 2, at(7, 24), makes_up="2026-W28")
    check("quarter", 3, at(8, 20), "QUARTERLY")
    with kernel.work(house(town.bureau_id), at(7, 30)) as work:
        assign_duty(work, [town.cells[0]], town.squads[0], town.people["wang"], HAND_OVER)
    with kernel.work(house(town.bureau_id), at(7, 6)) as work:
        work.session.execute(update(Squad).where(Squad.id == town.squads[1]).values(name="=1+1中队"))
    for who in ("ju", "li", "zhao", "wang", "gis"):
        quarter.tokens[who] = issue_token(kernel, town, who)
    yield quarter
    kernel.close()


def _hold_devices(quarter: Quarter) -> None:
    """A handheld of the first squad that was last heard on 20 July, with nothing left to send."""
    town = quarter.town
    with quarter.kernel.work(house(town.bureau_id), at(7, 6, 8)) as work:
        device = Device(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            person_id=town.people["li"],
            label="li 的手持机",
            state="active",
            enrolled_at=work.now,
            expires_at=datetime(2099, 1, 1, tzinfo=UTC),
        )
        work.session.add(device)
        work.session.flush()
        for heard_at, queue in ((at(7, 13, 8), 0), (at(7, 20, 8), 0), (at(7, 21, 8), 3)):
            work.session.add(
                DeviceContact(
                    id=new_id(heard_at),
                    bureau_id=town.bureau_id,
                    device_id=device.id,
                    heard_at=heard_at,
                    queue_length=queue,
                    clock_offset_s=0,
                )
            )
