"""Records of the small town, and pushing them at a moment of the test's own, as the town's handhelds do."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from random import Random
from typing import Any

from server.demo import documents
from server.demo.documents import Document, Signer, Tier, Visit
from server.kernel.actor import Actor
from server.kernel.work import Kernel
from server.replication import COLLECTIONS, reader_of
from sync.push import push
from tests.town import ROLE_ACCOUNTS, SQUAD_OF, Town


def visit_of(
    town: Town, outlet: int, at: datetime, *, by: tuple[str, ...] = ("li", "wang"), **given: Any
) -> Visit:
    """A quarter of an hour at an outlet's door."""
    lon, lat = town.positions[outlet]
    values: dict[str, Any] = {
        "record_id": uuid.uuid4(),
        "edit_id": uuid.uuid4(),
        "signers": [Signer(person_id=town.people[name], cert_no=town.cert_nos.get(name)) for name in by],
        "started_at": at,
        "ended_at": at + timedelta(minutes=15),
        "lon": lon,
        "lat": lat,
        "subject_id": town.outlets[outlet],
        "squad_id": town.squads[SQUAD_OF[by[0]]],
        "cell_id": town.cells[outlet % 4],
        **given,
    }
    return Visit(**values)


def check_of(town: Town, outlet: int, at: datetime, tier: Tier = "WEEKLY", **given: Any) -> Document:
    """A valid e-cigarette check of an outlet, begun at ``at``."""
    visit = visit_of(town, outlet, at, **given)
    return documents.ecig_check(tier, visit, Random(str(visit.record_id)))


def attempt_at(town: Town, outlet: int, at: datetime, **given: Any) -> Document:
    """An attempt at a closed door."""
    visit = visit_of(town, outlet, at, **given)
    return documents.attempt(visit, Random(str(visit.record_id)))


def field_actor(town: Town, name: str) -> Actor:
    """Somebody of the town in the field."""
    return Actor(
        bureau_id=town.bureau_id,
        account_id=town.accounts[name],
        roles=frozenset(ROLE_ACCOUNTS[name]),
        person_id=town.people[name],
        squad_ids=(town.squads[SQUAD_OF[name]],),
        device_id=town.devices.get(name),
    )


def push_at(kernel: Kernel, town: Town, name: str, at: datetime, *records: Document) -> list[Any]:
    """Push records as somebody's handheld, at that moment; the states that the handheld must take over."""
    body = json.dumps([{"newDocumentState": record} for record in records]).encode()
    with kernel.work(field_actor(town, name), at) as work:
        answer: list[Any] = json.loads(push(work, reader_of(work), COLLECTIONS["records"], body))
    return answer
