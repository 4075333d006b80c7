"""How Alembic reaches the database and what it compares."""

from __future__ import annotations

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql.base import ischema_names

from server.kernel.settings import read_settings
from server.tables import METADATA
from sync.tables import Xid8

# Two migrations at once would both try; the second waits here and then finds nothing left to do.
ADVISORY_LOCK = 0x78756E6765

# SQLAlchemy's reflection does not know the type by itself.
ischema_names["xid8"] = Xid8


def run() -> None:
    """Migrate as the owner of the tables; the application's role owns none."""
    url = context.config.attributes["owner_database_url"] or read_settings().owner_database_url
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text("set lock_timeout = '5s'"))
        connection.execute(text("set statement_timeout = '10min'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            compare_type=True,
            compare_server_default=False,
            include_object=alembic_helpers.include_object,
            process_revision_directives=alembic_helpers.writer,
            render_item=alembic_helpers.render_item,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("select pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()
    engine.dispose()


run()
