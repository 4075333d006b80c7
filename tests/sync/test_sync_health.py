"""R11: what devices tell and what was received, by squad and by device, and what stands behind each figure."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text, update

from server.access.models import Device
from server.cli import main
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.reports.health_sheet import COLUMNS
from server.reports.machine import machine_now
from tests.api.conftest import problem_of
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, an_order_to_rectify
from tests.sync.handheld import new_edit, wait_for_horizon
from tests.town import Town, client_of


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    """A morning: Li pushed on time and late, lost an edit to Wang, sent a broken row; Zhao was never heard."""
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "wang", "zhao")})
    with made.work() as work:
        # The town's devices are enrolled by the real clock, months after the morning of these tests.
        work.session.execute(update(Device).values(enrolled_at=clock.now - timedelta(days=3)))
    li, wang = made.devices["li"], made.devices["wang"]
    li.push("records", an_order_to_rectify(town, 0, clock.now))
    late = a_check(town, 1, clock.now - timedelta(days=30))
    li.push("records", late)
    li.pull("rectifications")
    wang.pull("rectifications")
    (order,) = li.held["rectifications"].values()
    wang.push("rectifications", new_edit(order, note="已张贴"), assumed=[order])
    li.push("rectifications", new_edit(order, note="尚未张贴"), assumed=[order])
    broken = {**a_check(town, 0, clock.now), "started_at": "sometime"}
    li.push("records", broken)
    clock.pass_by(minutes=30)
    told = {
        "queue_length": 4,
        "queue_oldest": (clock.now - timedelta(hours=5, minutes=59)).isoformat(),
        "device_time": (clock.now + timedelta(seconds=90)).isoformat(),
    }
    headers = {"Xunge-Client": "field/1.4.2"}
    assert li.client.post("/api/v1/devices/contact", json=told, headers=headers).status_code == 200
    told = {"queue_length": 0, "device_time": clock.now.isoformat()}
    assert wang.client.post("/api/v1/devices/contact", json=told).status_code == 200
    return made


def rows_of(client: Any, **query: Any) -> dict[str, dict[str, Any]]:
    answer = client.get("/api/v1/reports/sync-health", query_string=query)
    assert answer.status_code == 200, answer.text
    return {row["group"]: row for row in answer.get_json()["rows"]}


def test_every_figure_and_what_stands_behind_it(
    app: Flask, kernel: Kernel, town: Town, clock: Clock, bureau: Bureau
) -> None:
    leader = client_of(app, kernel, town, "ju")
    squads = rows_of(leader)
    first, second = squads["试样1中队"], squads["试样2中队"]
    assert {
        name: first[name] for name in ("devices_in_use", "devices_silent", "never_heard", "never_empty")
    } == {
        "devices_in_use": 2,
        "devices_silent": 0,
        "never_heard": 0,
        "never_empty": 1,
    }
    assert (first["queue_length"], first["queue_age_h"], first["clock_offset_s"]) == (4, 6, 90)
    assert first["app_versions"] == "field/1.4.2"
    assert (first["records"], first["late"], first["late_share"]) == (2, 1, "50.00")
    assert first["flags"] == {"late": 1}
    assert (first["flagged"], first["flagged_share"]) == (0, "0.00")
    assert (first["conflicts_open"], first["quarantine_open"]) == (1, 1)
    assert first["evidence_missing"] == len(leader_items(leader, "evidence_missing")) > 0
    assert (second["devices_in_use"], second["devices_silent"], second["never_heard"]) == (1, 1, 1)
    assert (second["records"], second["late_share"], second["last_heard_at"]) == (0, None, None)

    devices = rows_of(leader, by="device")
    assert {name: row["records"] for name, row in devices.items()} == {
        "li 的手持机": 2,
        "wang 的手持机": 0,
        "zhao 的手持机": 0,
    }
    li = str(town.devices["li"])
    for figure, count in (
        ("records", 2),
        ("late", 1),
        ("flagged", 0),
        ("conflicts", 1),
        ("quarantine", 1),
        ("evidence_missing", first["evidence_missing"]),
    ):
        items = leader_items(leader, figure)
        assert len(items) == count, figure
        assert {item["device_id"] for item in items} <= {li}
        assert leader_items(leader, figure, device_id=li) == items
        assert leader_items(leader, figure, device_id=str(town.devices["wang"])) == []
        assert leader_items(leader, figure, squad_id=str(town.squads[0])) == items
        assert leader_items(leader, figure, squad_id=str(town.squads[1])) == []
    (conflict,) = leader_items(leader, "conflicts")
    assert conflict["collection"] == "rectifications"
    assert leader_items(leader, "records", flag="late") == leader_items(leader, "late")

    # Another week received nothing, and as of before, nothing had come; the devices are as they were then.
    assert rows_of(leader, period="2026-W20")["试样1中队"]["records"] == 0
    before = rows_of(leader, as_of=(clock.now - timedelta(minutes=15)).isoformat())["试样1中队"]
    assert (before["queue_length"], before["never_empty"], before["clock_offset_s"]) == (0, 2, 0)

    # A squad sees its own, and nothing of the machine.
    own = client_of(app, kernel, town, "zhao")
    assert set(rows_of(own)) == {"试样2中队"}
    assert own.get("/api/v1/reports/sync-health").get_json()["machine"] is None
    assert leader_items(own, "records") == []
    problem_of(client_of(app, kernel, town, "fu").get("/api/v1/reports/sync-health"), status=403)
    machine = leader.get("/api/v1/reports/sync-health").get_json()["machine"]
    assert machine["last_backup_at"] is None


def leader_items(client: Any, figure: str, **query: Any) -> list[dict[str, Any]]:
    """What stands behind a figure."""
    query = {"figure": figure, **query}
    answer = client.get("/api/v1/reports/sync-health/items", query_string=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


def test_every_shape_tells_the_same(
    app: Flask, settings: Settings, kernel: Kernel, town: Town, clock: Clock, bureau: Bureau
) -> None:
    leader = client_of(app, kernel, town, "ju")
    rows = leader.get("/api/v1/reports/sync-health", query_string={"by": "device"}).get_json()["rows"]
    names = [column.name for column in COLUMNS if column.name != "flags_text"]
    shown = [["—" if row[name] is None else str(row[name]) for name in names] for row in rows]
    sheet = leader.get("/api/v1/reports/sync-health", query_string={"by": "device", "format": "csv"})
    read = list(csv.DictReader(io.StringIO(sheet.get_data(as_text=True).removeprefix("\ufeff"))))
    assert [[line[name].lstrip("'") for name in names] for line in read] == shown
    book = leader.get("/api/v1/reports/sync-health", query_string={"by": "device", "format": "xlsx"})
    lines = list(openpyxl.load_workbook(io.BytesIO(book.data)).active.iter_rows(values_only=True))
    assert [column.heading for column in COLUMNS] == list(lines[2])
    kept = [place for place, column in enumerate(COLUMNS) if column.name != "flags_text"]
    assert [[str(line[place]) for place in kept] for line in lines[3:-1]] == shown
    environment = {"XUNGE_DATABASE_URL": settings.database_url, "XUNGE_REDIS_URL": settings.redis_url}
    for shape in ("table", "csv", "json"):
        command = ["report", "sync-health", "--period", "2026-W28", "--by", "device", "--format", shape]
        told = CliRunner().invoke(main, command, env=environment)
        assert told.exit_code == 0, told.output
        # A table folds what does not fit the terminal.
        assert ("2026-W28" if shape == "table" else "li 的手持机") in told.stdout


def test_an_open_writer_is_named_with_the_rows_that_it_holds_back(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    wait_for_horizon(kernel.sessions)
    with kernel.sessions() as session:
        before = machine_now(session)
    with kernel.sessions() as holding:
        holding.execute(text("select pg_current_xact_id()"))
        handheld("li").push("records", a_check(town, 0, clock.now))
        with kernel.sessions() as session:
            during = machine_now(session)
            counted = session.scalar(
                text("select count(*) from feed where xid >= pg_snapshot_xmin(pg_current_snapshot())")
            )
        holding.rollback()
    assert before.rows_above_horizon == 0
    assert during.rows_above_horizon == counted
    assert during.rows_above_horizon > 0
    assert during.oldest_writer is not None
    assert "idle in transaction" in during.oldest_writer
