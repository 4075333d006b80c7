"""A chain of some forty events in a town, made once for the tests that only read it or roll back what they do to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, make_url, select
from sqlalchemy.orm import Session

from server.audit.chaining import last_seal, seal_events
from server.audit.heads import Head, read_head, sign_head
from server.covered import CONTENTS
from server.house import compose
from server.kernel.actor import house
from server.kernel.events import Event, record_event
from server.kernel.ids import new_id
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from sync.keys import KeyRing
from tests.conftest import own_database, settings_for
from tests.fieldwork import check_of, push_at
from tests.town import MONDAY, Town, settle_town

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Chain:
    """The town's trail, sealed; ``head`` was signed at its end. ``superuser`` may rewrite everything."""

    settings: Settings
    kernel: Kernel
    town: Town
    head: Head
    signed: str
    superuser: Engine


def seal_all(kernel: Kernel, town: Town, limit: int = 1000) -> int:
    """Seal what can be sealed, in as many transactions as that takes; how many events."""
    done = 0
    while True:
        with kernel.work(house(town.bureau_id), MONDAY + 24 * HOUR) as work:
            sealed = seal_events(work, CONTENTS, limit)
        if not sealed:
            return done
        done += sealed


@pytest.fixture(scope="module")
def chain(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """Twelve pushes of records, labels of devices, and what founding the town itself told."""
    folder: Path = tmp_path_factory.mktemp("chain")
    with own_database(superuser, template_database) as name:
        settings = settings_for(name, folder)
        kernel = compose(settings)
        town = settle_town(kernel, ecig=2)
        for day in range(12):
            at = MONDAY + timedelta(days=day)
            records = [check_of(town, outlet, at + outlet * HOUR) for outlet in (0, 1)]
            push_at(kernel, town, "li", at + 3 * HOUR, *records)
            with kernel.work(house(town.bureau_id), at + 4 * HOUR) as work:
                for label in ("甲", "乙"):
                    record_event(
                        work, "device.renamed", [new_id(work.now)], label=f"{label}{day}", share=day / 7
                    )
        with kernel.sessions() as session:
            assert (session.scalar(select(func.count()).select_from(Event)) or 0) >= 36
        # A small limit, so that the chain was made in many transactions.
        seal_all(kernel, town, limit=7)
        with kernel.sessions() as session:
            last = last_seal(session, town.bureau_id)
            assert last is not None
            keys = KeyRing(settings.receipt_keys_file)
            signed = sign_head(last, MONDAY, keys)
        head = read_head(signed, keys.public())
        url = make_url(superuser.url).set(database=name)
        above_all = create_engine(url)
        yield Chain(settings, kernel, town, head, signed, above_all)
        above_all.dispose()
        kernel.close()


@pytest.fixture
def tampering(chain: Chain) -> Iterator[Session]:
    """A session that may do anything to what is stored, and whose doings are undone."""
    with Session(chain.superuser) as session:
        yield session
        session.rollback()
