"""Retention over the town: officers who come back after months hold what they may see, and nothing else."""

from __future__ import annotations

import pytest
from environs import EnvError

from server.kernel.settings import read_settings
from server.kernel.work import Kernel
from server.replication import prune_feeds
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import an_order_to_rectify
from tests.sync.handheld import Handheld
from tests.sync.oracle import COLLECTIONS, may_see, pulled
from tests.town import Town


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "wang", "zhao")})
    made.devices["li"].push("records", an_order_to_rectify(town, 1, clock.now))
    made.check()
    return made


def nights(bureau: Bureau, clock: Clock, days: int) -> int:
    """The job of this night and of the last one of so many days; how many rows were pruned."""
    pruned = prune_feeds(bureau.kernel, bureau.town.bureau_id, clock.now)
    clock.pass_by(days=days)
    return pruned + prune_feeds(bureau.kernel, bureau.town.bureau_id, clock.now)


def come_back(bureau: Bureau, name: str) -> set[str]:
    """What the client is told to do when it starts over; the collections that did."""
    device: Handheld = bureau.devices[name]
    device.pull(*COLLECTIONS)
    for collection in device.started_over:
        device.reconcile(collection)
    assert pulled(device) == may_see(bureau.kernel, bureau.town, name, bureau.now)
    return device.started_over


def test_a_hand_over_missed_for_91_days_is_made_up_by_starting_over(
    bureau: Bureau, clock: Clock, handheld: MakeHandheld
) -> None:
    bureau.assign([1], squad=1)
    bureau.check("li", "zhao")

    assert nights(bureau, clock, days=91) > 0

    assert come_back(bureau, "wang") >= {"cells", "outlets"}
    assert come_back(bureau, "li") == set()
    bureau.devices["newcomer"] = handheld("wang")
    assert come_back_as(bureau, "wang", bureau.devices.pop("newcomer")) == set()


def come_back_as(bureau: Bureau, name: str, device: Handheld) -> set[str]:
    bureau.devices[name] = device
    return come_back(bureau, name)


def test_a_hand_over_missed_for_89_days_needs_nothing(bureau: Bureau, clock: Clock) -> None:
    bureau.assign([1], squad=1)
    bureau.check("li", "zhao")

    assert nights(bureau, clock, days=89) == 0

    assert come_back(bureau, "wang") == set()


def test_nothing_that_anybody_may_see_is_pruned(bureau: Bureau, clock: Clock, handheld: MakeHandheld) -> None:
    bureau.move_outlet(1, cell=2)
    bureau.assign([0], squad=1)
    bureau.transfer("wang", squad=1)
    clock.pass_by(days=1)
    bureau.check()

    assert nights(bureau, clock, days=91) > 0
    assert nights(bureau, clock, days=91) == 0

    for name in ("li", "wang", "zhao"):
        assert come_back_as(bureau, name, handheld(name)) == set()


def test_a_retention_shorter_than_a_device_may_stay_away_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_DEVICE_DAYS", "120")
    assert read_settings().tombstone_days == 120

    monkeypatch.setenv("XUNGE_TOMBSTONE_DAYS", "119")
    with pytest.raises(EnvError):
        read_settings()
