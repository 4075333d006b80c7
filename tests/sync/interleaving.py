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
from tests.sync.handheld import Document, new_edit
from tests.town import SQUAD_OF, Town

_BLOCKED = text(
    "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
)


class Pause:
    """Where an act stops until it is told to go on: it calls the pause, and whoever began it calls ``end``."""

    def __init__(self) -> None:
        self.reached, self._over = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self._over.wait(20), "The pause was not ended."

    def end(self) -> None:
        """Let the act go on, also where it has not come to the pause yet."""
        self._over.set()


class Rival:
    """Something done on another thread. It is begun at once, and has come as far as it can when this returns.

    That is to its end, to a lock, or to its pause.
    """

    def __init__(
        self, sessions: sessionmaker[Session], act: Callable[[], None], pause: Pause | None = None
    ) -> None:
        self._act = act
        self._pause = pause or Pause()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until = time.monotonic() + 20
        while not self._has_stopped(sessions):
            assert time.monotonic() < until, "The rival neither ended nor met a lock."
            time.sleep(0.005)
        self.was_blocked = self._thread.is_alive() and not self._pause.reached.is_set()

    def _has_stopped(self, sessions: sessionmaker[Session]) -> bool:
        return not self._thread.is_alive() or self._pause.reached.is_set() or self._is_blocked(sessions)

    def come_to_pause(self) -> None:
        """Wait until it stands at its pause, once what it waited for is gone."""
        assert self._pause.reached.wait(20), "The rival did not come to its pause."

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
        """Let it go on to its end and wait for it; what it raised is raised here."""
        self._pause.end()
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


def edit_order(work: Work, order: Document, **changes: object) -> str:
    """Edit a rectification within a unit of work, whose commit is the caller's."""
    row = {"assumedMasterState": order, "newDocumentState": new_edit(order, **changes)}
    return push(work, reader_of(work), COLLECTIONS["rectifications"], json.dumps([row]).encode())


def push_records(work: Work, *records: Document) -> str:
    """Push records within a unit of work, whose commit is the caller's."""
    body = json.dumps([{"newDocumentState": record} for record in records]).encode()
    return push(work, reader_of(work), COLLECTIONS["records"], body)
