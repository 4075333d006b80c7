"""An unmodified RxDB client over a bad network: nothing lost, nothing doubled, and it holds what may be seen."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from server.cadence.models import VisitFact
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.records.models import RecordOfficer, Rectification
from tests.interop.faults import fault_proxy
from tests.interop.programs import Client, node_client, served
from tests.sync.bureau import Bureau
from tests.sync.fieldwork import a_check, an_order_to_rectify, push_lines, stored_records
from tests.sync.handheld import Document, Handheld, new_edit, wait_for_horizon
from tests.sync.oracle import may_see
from tests.town import Town, client_of, issue_token

COLLECTIONS = {"outlets": False, "obligations": False, "rectifications": True, "records": True}
SEEDS = [int(os.environ["XUNGE_INTEROP_SEED"])] if "XUNGE_INTEROP_SEED" in os.environ else [1, 2, 3]
OFFLINE = 24
ONLINE = 12


@pytest.fixture
def wang(app: Flask, kernel: Kernel, town: Town) -> Handheld:
    """Another device of the squad, which makes what the client in node finds when it comes online."""
    return Handheld(client_of(app, kernel, town, "wang", device=True), kernel.sessions)


def ordered_by(kernel: Kernel, record: Document) -> str:
    with kernel.sessions() as session:
        return str(session.scalar(select(Rectification.id).where(Rectification.record_id == record["id"])))


def notes(kernel: Kernel) -> dict[str, str | None]:
    with kernel.sessions() as session:
        return {str(one): note for one, note in session.execute(select(Rectification.id, Rectification.note))}


def differences(held: dict[str, dict[str, str]], expected: dict[str, dict[str, str]]) -> dict[str, Any]:
    """By collection, the documents that are missing, too many, or held in another edit."""
    return {
        collection: {
            one: (held[collection].get(one), expected[collection].get(one))
            for one in held[collection].keys() | expected[collection].keys()
            if held[collection].get(one) != expected[collection].get(one)
        }
        for collection in expected
        if held[collection] != expected[collection]
    }


def sync_until_quiet(client: Client, kernel: Kernel) -> None:
    """Two rounds over a sound network: what a push changed on the server comes with the second."""
    for _ in range(2):
        wait_for_horizon(kernel.sessions)
        client.do("sync")


@pytest.mark.parametrize("seed", SEEDS)
def test_an_unmodified_client_over_a_bad_network_ends_up_with_what_may_be_seen(
    seed: int,
    settings: Settings,
    kernel: Kernel,
    town: Town,
    wang: Handheld,
    now: datetime,
    tmp_path: Path,
) -> None:
    replay = f"replay with XUNGE_INTEROP_SEED={seed}"
    bureau = Bureau(kernel, town, lambda: now, {"wang": wang})
    earlier = [an_order_to_rectify(town, outlet, now, "wang", "li") for outlet in (0, 0, 1)]
    wang.push("records", *earlier)
    free, contested, lost_cell = (ordered_by(kernel, one) for one in earlier)
    offline = [a_check(town, n % 2, now - timedelta(minutes=n), seed=n) for n in range(OFFLINE - 4)]
    offline += [an_order_to_rectify(town, n % 2, now - timedelta(hours=n + 1)) for n in range(4)]
    online = [a_check(town, n % 4, now - timedelta(hours=2, minutes=n), seed=n) for n in range(ONLINE)]

    with (
        node_client(tmp_path / "client.log") as client,
        served(settings, tmp_path / "server.log") as port,
        fault_proxy(port, seed) as proxy,
    ):
        client.do(
            "open",
            url=f"http://127.0.0.1:{proxy.port}",
            token=issue_token(kernel, town, "li", device=True),
            officer=str(town.people["li"]),
            collections=COLLECTIONS,
        )
        proxy.spoiling = True
        client.do("online")
        sync_until_quiet(client, kernel)
        before = may_see(kernel, town, "li", now, tuple(COLLECTIONS))
        assert not differences(client.do("dump")["held"], before), f"after the first pull; {replay}"

        # Offline: the officer writes, and the world goes on without him.
        client.do("offline")
        client.do("insert", collection="records", documents=offline)
        client.do("edit", collection="rectifications", id=free, notes=["once", "twice"])
        client.do("edit", collection="rectifications", id=contested, notes=["mine"])
        client.do("edit", collection="rectifications", id=lost_cell, notes=["too late"])
        wang.pull("rectifications")
        theirs = wang.held["rectifications"][contested]
        wang.push("rectifications", new_edit(theirs, note="theirs"), assumed=[theirs])
        bureau.move_outlet(0, cell=2)
        bureau.assign([1], squad=1)

        # Online again over the bad network, while he goes on working.
        client.do("online")
        client.do("edit", collection="rectifications", id=free, notes=["thrice", "four times", "at last"])
        client.do("insert", collection="records", documents=online)
        bureau.move_outlet(3, cell=0)
        client.do("sync")

        proxy.spoiling = False
        sync_until_quiet(client, kernel)
        dumped = client.do("dump")
        client.do("close")

    context = f"{replay}; faults {dict(proxy.spoilt)}, errors seen by the client {dumped['errors']}"
    assert not differences(dumped["held"], may_see(kernel, town, "li", now, tuple(COLLECTIONS))), context
    pushed = [*earlier, *offline, *online]
    stored = stored_records(kernel)
    assert set(stored) == {one["id"] for one in pushed}, context
    assert all(stored[one["id"]].document["answers"] == one["answers"] for one in pushed), context
    assert {free: "at last", contested: "theirs", lost_cell: None}.items() <= notes(kernel).items(), context
    assert len(notes(kernel)) == len(earlier) + 4, context
    assert ("conflict", True) in push_lines(kernel, contested), context
    assert ("conflict", True) in push_lines(kernel, lost_cell), context
    with kernel.sessions() as session:
        assert session.scalar(select(func.count()).select_from(RecordOfficer)) == 2 * len(pushed), context
        assert session.scalar(select(func.count()).select_from(VisitFact)) == len(pushed), context
    assert sum(proxy.spoilt.values()) > 5, context
