"""What an administrator watches: rows that no device is handed yet, and who holds them back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

# The feed's index leads with principal and collection, so their pairs are hopped through (a loose index scan) and in
# each only what stands above the horizon is read. Counting the table itself would read all of it.
_ABOVE: TextClause = text("""
with recursive head as (
    (select principal, collection from feed order by principal, collection limit 1)
    union all
    select following.principal, following.collection
    from head cross join lateral (
        select principal, collection from feed
        where (feed.principal, feed.collection) > (head.principal, head.collection)
        order by principal, collection limit 1
    ) following
)
select count(*) from head cross join lateral (
    select from feed
    where feed.principal = head.principal and feed.collection = head.collection
      and feed.xid >= pg_snapshot_xmin(pg_current_snapshot())
) above
""")

_OLDEST_WRITER: TextClause = text("""
select xact_start, datname, application_name, state
from pg_stat_activity
where backend_xid is not null and xact_start is not null and pid <> pg_backend_pid()
order by xact_start limit 1
""")


@dataclass(frozen=True, slots=True)
class Writer:
    """A transaction of the cluster that writes and is still open: when it began, where, and what it does."""

    since: datetime
    database: str | None
    application: str | None
    state: str | None


def rows_above_horizon(session: Session) -> int:
    """How many rows of the feed wait for an open transaction to end before any device is handed them."""
    return int(session.scalar(_ABOVE) or 0)


def oldest_writer(session: Session) -> Writer | None:
    """The writer of the cluster that has been open longest, ``None`` where there is none.

    PostgreSQL shows other roles' transactions to members of ``pg_read_all_stats`` only.
    """
    found = session.execute(_OLDEST_WRITER).one_or_none()
    return Writer(*found) if found else None
