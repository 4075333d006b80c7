"""Sessions that were received before there were dispatches get the very rows that a push would have drawn out of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Engine, make_url, text

from tests.conftest import _superuser_engine
from tests.dispatches.conftest import Roads, at

TABLES = ("dispatch_partner", "dispatch_vehicle", "dispatch_person", "dispatch")


def rows(connection: Connection) -> dict[str, list[Any]]:
    return {
        table: sorted(map(str, connection.execute(text(f"select * from {table}")).all())) for table in TABLES
    }


def test_the_migration_draws_what_a_push_draws(roads: Roads) -> None:
    units = [{"name": "样例交警", "people": 4}, {"name": "样例邮管局"}]
    told = {"vehicles_used": 2, "partner_units": units, "road": "国道一段"}
    roads.push(roads.session(at(6, 9), version=1, answers=told))
    roads.push(roads.session(at(7, 23, 30), version=1, by=("li", "fu"), clock_offset_s=540))
    twice = roads.session(at(8, 9), version=1)
    twice["officers"] = [*twice["officers"], twice["officers"][0], {"cert_no": "不知是谁"}]
    roads.push(twice)
    database = make_url(roads.kernel.settings.database_url).database
    assert database is not None
    engine: Engine = _superuser_engine(database)
    with engine.connect() as connection:
        drawn = rows(connection)
        for table in TABLES:
            connection.execute(text(f"delete from {table}"))
        for statement in import_module("migrations.versions.0022_dispatches").BACKFILL:
            connection.execute(text(statement))
        kept = rows(connection)
    engine.dispose()
    assert kept == drawn
    assert len(drawn["dispatch_person"]) == 7
