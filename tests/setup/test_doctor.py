"""``xunge doctor``: what is wrong is named, with what to do, and what is well stays quiet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from rq import Worker
from rq.cron import CronScheduler
from sqlalchemy import Engine, create_engine, insert, make_url, text
from sqlalchemy.pool import NullPool

from server import house, migrate
from server.backups.models import Backup
from server.doctor import Finding, Level, examine
from server.house import LONG, TIMELY, USUAL, queues_of
from server.kernel.db import table_of
from server.kernel.settings import Settings
from tests.backups.programs import xunge

NOW = datetime(2026, 7, 6, 2, 0, tzinfo=UTC)


def found(settings: Settings, now: datetime | None = None) -> dict[str, Finding]:
    """The findings by part; the real clock, unless one is given."""
    findings = examine(settings, migrate.newest_revision(), lambda: now or datetime.now(UTC))
    return {finding.part: finding for finding in findings}


@pytest.fixture
def owner(settings: Settings) -> Engine:
    """The owner of the tables."""
    return create_engine(settings.owner_database_url, poolclass=NullPool)


@pytest.fixture
def running(settings: Settings) -> Iterator[None]:
    """A worker and a scheduler that have said that they live."""
    queues = queues_of(settings)
    redis = queues[TIMELY].connection
    worker = Worker(list(queues.values()), connection=redis)
    scheduler = CronScheduler(connection=redis, name="xunge")
    worker.register_birth()
    scheduler.register_birth()
    yield
    worker.register_death()
    scheduler.register_death()
    redis.close()


def note_backup(owner: Engine, at: datetime, faults: int = 0) -> None:
    """Note a backup as the command does."""
    with owner.begin() as connection:
        connection.execute(
            insert(table_of(Backup)).values(
                id="019f34f0-6e80-7d51-bde9-36bf4d291753",
                name="20260706T020000.000000Z",
                snapshot_at=at,
                finished_at=at,
                revision="0007",
                manifest_sha256=b"",
                dump_bytes=1,
                file_count=0,
                file_bytes=0,
                faults=faults,
            )
        )


def test_a_sound_installation_has_no_faults(settings: Settings, owner: Engine, running: None) -> None:
    note_backup(owner, datetime.now(UTC))

    findings = found(settings)

    assert {part for part, one in findings.items() if one.level is not Level.OK} <= {"files"}, findings
    assert {"database", "clock", "migrations", "privileges", "backup", "worker", "receipt keys"} <= set(
        findings
    )
    assert all(not one.advice for one in findings.values() if one.level is Level.OK)


def test_the_command_says_what_to_do_and_exits_with_1_where_a_part_fails(settings: Settings) -> None:
    code, output, errors = xunge(settings, "doctor", "--format", "json")

    assert code == 1, errors
    told = {one["part"]: one for one in json.loads(output)}
    assert told["migrations"]["level"] == "ok"
    assert told["worker"]["level"] == "fail"
    assert "xunge worker" in told["worker"]["advice"]


def test_long_work_that_no_worker_takes_is_found(settings: Settings) -> None:
    queues = queues_of(settings)
    redis = queues[TIMELY].connection
    worker = Worker([queues[TIMELY], queues[USUAL]], connection=redis)
    worker.register_birth()
    finding = found(settings)["worker"]
    worker.register_death()
    redis.close()
    assert finding.level is Level.FAIL
    assert "xunge-long" in finding.told
    assert "xunge-timely" not in finding.told


def test_each_job_waits_in_the_queue_of_its_kind(settings: Settings) -> None:
    for name in house.QUEUE_OF:
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(module), function)), name
    kernel, queues = house.compose(settings), queues_of(settings)
    for queue in queues.values():
        queue.empty()
    for job in ("solve_plans", "seal_trail", "number_records"):
        kernel.enqueue(f"server.worker.{job}", ())
    waiting = {name: [job.func_name for job in queue.get_jobs()] for name, queue in queues.items()}
    assert waiting == {
        TIMELY: ["server.worker.seal_trail"],
        USUAL: ["server.worker.number_records"],
        LONG: ["server.worker.solve_plans"],
    }
    for queue in queues.values():
        queue.empty()
    kernel.close()


def test_an_application_that_may_rewrite_facts_is_found(settings: Settings, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("grant update on event to xunge_app"))
        connection.execute(text("revoke select on record from xunge_app"))

    finding = found(settings)["privileges"]
    assert finding.level is Level.FAIL
    assert "can rewrite event" in finding.told
    assert "cannot read record" in finding.told


def test_signing_in_as_the_owner_is_found(settings: Settings) -> None:
    finding = found(replace(settings, database_url=settings.owner_database_url))["privileges"]
    assert finding.level is Level.FAIL
    assert "owns tables" in finding.told


def test_a_database_that_is_not_migrated_is_found(settings: Settings, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0001'"))
    assert found(settings)["migrations"].level is Level.FAIL


def test_a_database_that_is_not_there_is_a_finding_and_the_rest_is_looked_at(settings: Settings) -> None:
    findings = found(
        replace(settings, database_url=settings.database_url.replace("xunge_app@/", "xunge_app@/no_"))
    )
    assert findings["database"].level is Level.FAIL
    assert {"redis", "files", "receipt keys"} <= set(findings)


def test_redis_files_and_keys_that_are_not_there_are_found(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    broken = replace(
        settings,
        redis_url="unix:///nonexistent/redis.sock",
        files_dir=tmp_path / "a file",
        receipt_keys_file=tmp_path / "none.json",
    )
    findings = found(broken)
    for part in ("redis", "files", "receipt keys"):
        assert findings[part].level is Level.FAIL, part
        assert findings[part].advice, part


def test_a_wrong_clock_is_found(settings: Settings) -> None:
    assert found(settings, datetime.now(UTC) - timedelta(minutes=3))["clock"].level is Level.WARN


@pytest.mark.parametrize(
    ("age", "faults", "level"),
    [(timedelta(hours=20), 0, Level.OK), (timedelta(days=3), 0, Level.WARN), (timedelta(0), 2, Level.FAIL)],
)
def test_an_old_or_faulty_backup_is_found(
    settings: Settings, owner: Engine, age: timedelta, faults: int, level: Level
) -> None:
    note_backup(owner, NOW - age, faults)
    assert found(settings, NOW)["backup"].level is level


def test_a_writer_that_stays_open_is_found(settings: Settings) -> None:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("select pg_current_xact_id()"))
        # By a clock that is some minutes ahead it has been open for as long.
        finding = found(settings, datetime.now(UTC) + timedelta(minutes=5))["open writers"]
    assert finding.level is Level.WARN


def test_no_backup_at_all_is_found_save_in_the_demo(settings: Settings) -> None:
    assert found(settings)["backup"].level is Level.WARN
    assert found(replace(settings, environment="demo"))["backup"].level is Level.OK


@pytest.mark.parametrize(
    ("database", "told"), [("postgres", 'relation "bureau" does not exist'), ("none", "does not exist")]
)
def test_a_command_over_a_database_that_is_none_of_ours_says_so_without_a_trace(
    settings: Settings, database: str, told: str
) -> None:
    url = make_url(settings.database_url).set(database=database).render_as_string(hide_password=False)

    code, _, errors = xunge(replace(settings, database_url=url), "sync", "quarantine", "list")

    assert (code, "Traceback" in errors) == (1, False)
    assert told in errors
    assert "xunge doctor" in errors
