"""Two connections at once, without chance: one waits with its commit until the other has ended or met a lock."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from server.kernel.actor import Actor
from server.kernel.permissions import Role
from server.kernel.work import Work
from server.replication import COLLECTIONS, reader_of
from sync.push import push
from tests.sync.handheld import Document
from tests.town import SQUAD_OF, Town

_BLOCKED = text(
    "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
)


class Rival:
    """Something done on another thread. It is begun at once, and has come as far as it can when this returns."""

    def __init__(self, sessions: sessionmaker[Session], act: Callable[[], None]) -> None:
        self._act = act
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until = time.monotonic() + 20
        while self._thread.is_alive() and not self._is_blocked(sessions):
            assert time.monotonic() < until, "The rival neither ended nor met a lock."
            time.sleep(0.005)
        self.was_blocked = self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as failure:
            self._failures.append(failure)

    @staticmethod
    def _is_blocked(sessions: sessionmaker[Session]) -> bool:
        with sessions() as session:
            return bool(session.scalar(_BLOCKED))

    def finish(self) -> None:
        """Wait for its end; what it raised is raised here."""
        self._thread.join()
        for failure in self._failures:
            raise failure


def officer(town: Town, name: str) -> Actor:
    """An officer of the town as authentication would tell."""
    return Actor(
        bureau_id=town.bureau_id,
        account_id=town.accounts[name],
        roles=frozenset({Role.OFFICER}),
        person_id=town.people[name],
        squad_ids=(town.squads[SQUAD_OF[name]],),
    )


def push_records(work: Work, *records: Document) -> str:
    """Push records within a unit of work, whose commit is the caller's."""
    body = json.dumps([{"newDocumentState": record} for record in records]).encode()
    return push(work, reader_of(work), COLLECTIONS["records"], body)
