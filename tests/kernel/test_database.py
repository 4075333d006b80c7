"""What the migrated database promises: who may write what, and that it reads no clock of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DataError, ProgrammingError

from server.kernel.db import make_engine
from server.kernel.settings import Settings
from server.tables import METADATA

# What the application keeps up to date. Whatever is not named here is a fact, evidence or a trail.
WORKING = {
    *("account", "bureau", "cadence_roll_up", "device", "duty", "fed", "feed", "feed_mark", "feed_pruned"),
    *("form_draft", "grid_cell", "number_wanted", "obligation", "outlet", "partner_unit", "person", "policy"),
    *("patrol", "patrol_cell", "patrol_member", "patrol_plan", "patrol_stop", "plan_solving"),
    *("plan_unfitted", "plan_wish"),
    *("policy_tier", "record_text", "rectification", "scope", "scope_applied", "secondment", "site"),
    *("squad", "squad_member", "squad_roll_up", "sync_epoch", "token", "vehicle", "workday", "workday_year"),
}
# The only columns of the other tables that change: how far a thing has gone, and who ended it.
STAMPS = {
    "campaign": {"edit_id"},
    "calendar_token": {"last_used_on", "revoked_at", "revoked_by"},
    "clue": {
        *("record_id", "from_record_id", "matter", "summary", "subject_kind", "subject_id", "place"),
        *("position", "plate", "confidence", "elsewhere_unit", "status"),
    },
    "custody_holding": {"quantity"},
    "custody_store": {"name"},
    "delivery": {"state", "next_at", "claimed_until", "attempts", "error", "ended_at"},
    "duty_subject": {
        "kind",
        "number",
        "name",
        "cell_id",
        "closed_on",
        "major",
        "known_at",
        "id",
        "bureau_id",
    },
    "file_erasure": {"removed_at"},
    "form": {"state", "edit_id", "retired_at", "retired_by", "retire_reason"},
    "inspection_approval": {"edit_id"},
    "notice": {"read_at", "retired_at", "edit_id"},
    "push_log": {"resolved_at"},
    "quarantine": {"resolved_at", "resolved_by", "resolution", "reason", "collection"},
    "record": {"edit_id", "valid", "findings", "flags", "cell_id", "numbers"},
    "registration_list": {"root_id"},
    "roll_up_kept": {"bureau_id", "at"},
    "roster_entry": {"withdrawn_at", "withdrawn_by", "withdraw_reason"},
    "scope_grant": {"revoked_at", "revoked_by", "revoke_reason"},
    "upload": {"state", "settled_at", "found_sha256", "reason"},
    "waiver": {"revoked_at", "revoked_by", "revoke_reason"},
    "webhook": {"url", "secret", "disabled_at", "removed_at"},
}


def tables() -> set[str]:
    return {table.name for metadata in METADATA for table in metadata.sorted_tables}


@pytest.fixture
def as_app(settings: Settings) -> Iterator[Connection]:
    """A connection of the role that serves requests."""
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_guard_an_error_tells_the_log_nothing_of_what_was_sent(settings: Settings) -> None:
    """It names the statement, and none of the values; what the database itself quotes is beyond us."""
    engine = make_engine(settings.database_url)
    with engine.connect() as connection, pytest.raises(DataError) as told:
        connection.execute(text("select 1 / cast(:number as bigint), :name"), {"number": 0, "name": "李建国"})
    engine.dispose()

    assert "李建国" not in str(told.value)
    assert "select 1 / cast" in str(told.value)


def test_no_default_and_no_trigger_reads_a_clock(as_app: Connection) -> None:
    defaults = as_app.execute(
        text(
            "select table_name, column_name, column_default from information_schema.columns"
            " where table_schema = 'public' and column_default ~* "
            "'now\\(|current_(date|time)|clock_timestamp|localtime|transaction_timestamp|statement_timestamp|timeofday'"
        )
    ).all()
    assert defaults == []
    triggers = text("select tgname from pg_trigger where not tgisinternal")
    assert as_app.execute(triggers).all() == []
    ours = text(
        "select proname, prosrc from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " join pg_roles r on r.oid = p.proowner where nspname = 'public' and rolname = 'xunge_owner'"
    )
    functions = as_app.execute(ours).all()
    assert {name for name, _ in functions} >= {"uuid7"}
    assert not [name for name, source in functions if "now(" in source or "timestamp()" in source]


def test_the_app_s_role_owns_nothing(as_app: Connection) -> None:
    owned = text(
        "select relname from pg_class c join pg_roles r on r.oid = c.relowner where rolname = current_user"
        " union all select proname from pg_proc p join pg_roles r on r.oid = p.proowner where rolname = current_user"
    )
    assert as_app.execute(owned).all() == []
    powers = text(
        "select rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles where rolname = current_user"
    )
    assert as_app.execute(powers).one() == (False, False, False, False)
    members = text(
        "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where rolname = current_user"
    )
    assert as_app.scalar(members) == 0


def test_the_app_s_role_makes_and_changes_no_structure(as_app: Connection) -> None:
    for statement in (
        "create table mine (id int)",
        "alter table outlet add column mine int",
        "drop table outlet",
        "truncate outlet",
        "create function mine() returns int language sql as 'select 1'",
        "update alembic_version set version_num = 'x'",
        "set role xunge_owner",
    ):
        with pytest.raises(ProgrammingError):
            as_app.execute(text(statement))
        as_app.rollback()


def test_every_table_can_be_used(as_app: Connection) -> None:
    """A migration that adds a table must also grant it; backups are written by the owner's command alone."""
    for table in sorted(tables()):
        for right in ("select",) if table == "backup" else ("select", "insert"):
            may = text("select has_table_privilege(current_user, :table, :right)")
            assert as_app.scalar(may, {"table": f'public."{table}"', "right": right}), (table, right)


def test_what_is_a_fact_cannot_be_rewritten(as_app: Connection) -> None:
    columns = text(
        "select column_name from information_schema.columns where table_schema = 'public' and table_name = :table"
        " and has_column_privilege(current_user, 'public.' || table_name, column_name, 'update')"
    )
    rewritten = {}
    for table in sorted(tables() - WORKING):
        with pytest.raises(ProgrammingError, match="permission denied"):
            as_app.execute(text(f"delete from {table}"))
        as_app.rollback()
        with pytest.raises(ProgrammingError, match="permission denied"):
            as_app.execute(text(f"truncate {table}"))
        as_app.rollback()
        rewritten[table] = set(as_app.scalars(columns, {"table": table}))
    assert {table: names for table, names in rewritten.items() if names} == STAMPS


def test_every_table_names_its_bureau(as_app: Connection) -> None:
    without = text(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where nspname = 'public' and relkind = 'r' and relowner = 'xunge_owner'::regrole and not exists"
        " (select from pg_attribute a where a.attrelid = c.oid and attname = 'bureau_id' and attnotnull)"
    )
    # A backup is of the whole installation, and transaction ids are the whole cluster's.
    engine_wide = {"backup", "feed_mark", "sync_epoch"}
    assert set(as_app.scalars(without)) == {"alembic_version", "bureau", *engine_wide}


def test_every_constraint_has_a_name_of_ours(as_app: Connection) -> None:
    """Names that PostgreSQL makes up would change with the next column; problems.py and migrations rely on ours."""
    names = text(
        "select conname, contype from pg_constraint c join pg_class t on t.oid = c.conrelid"
        " where t.relowner = 'xunge_owner'::regrole and contype in ('p', 'u', 'f', 'c', 'x')"
        " and t.relname <> 'alembic_version'"
    )
    starts = {"p": "pk_", "u": "uq_", "f": "fk_", "c": "ck_", "x": "ex_"}
    wrong = {name for name, kind in as_app.execute(names) if not name.startswith(starts[kind])}
    # The engine's own tables leave their primary keys to PostgreSQL.
    assert wrong <= {"push_log_pkey", "quarantine_pkey", "sync_epoch_pkey"}


def test_models_and_migrations_agree(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_OWNER_DATABASE_URL", settings.owner_database_url)
    from server import migrate

    assert migrate.check() is None


def test_a_second_migration_changes_nothing(
    settings: Settings, superuser: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_OWNER_DATABASE_URL", settings.owner_database_url)
    engine = create_engine(settings.owner_database_url)
    with engine.connect() as connection:
        before = connection.scalar(text("select epoch from sync_epoch"))
    from server import migrate

    migrate.apply()
    with engine.connect() as connection:
        assert connection.scalar(text("select epoch from sync_epoch")) == before
    engine.dispose()
