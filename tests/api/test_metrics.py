"""/metrics: who may ask, what is told, and that several processes count nothing twice."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from server.access.models import DeviceContact
from server.app import create_app
from server.house import TIMELY, beat_scheduler, queues_of
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.metrics import State
from tests.api.conftest import problem_of
from tests.interop.programs import served
from tests.town import Town, client_of

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(text: str) -> Samples:
    """Every sample, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(client: FlaskClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return samples_of(answer.text)


@pytest.fixture
def guarded_app(settings: Settings) -> Iterator[Flask]:
    """The application with a token for whoever watches."""
    made = create_app(replace(settings, metrics_token="for-the-watcher"))
    yield made
    made.extensions["xunge"].close()


def test_who_may_ask_guard(app: Flask, guarded_app: Flask) -> None:
    client = app.test_client()
    assert client.get("/metrics").status_code == 200
    afar = {"REMOTE_ADDR": "203.0.113.9"}
    problem_of(client.get("/metrics", environ_base=afar), status=403, code="forbidden")
    through_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    problem_of(client.get("/metrics", headers=through_a_proxy), status=403, code="forbidden")
    client = guarded_app.test_client()
    problem_of(client.get("/metrics"), status=401)
    for wrong in ("Bearer nobody", "Bearer \xe9", "Bearer"):
        problem_of(client.get("/metrics", headers={"Authorization": wrong}), status=401)
    shown = {"Authorization": "Bearer for-the-watcher"}
    assert client.get("/metrics", headers=shown, environ_base=afar).status_code == 200


def test_what_is_told(app: Flask, kernel: Kernel, town: Town) -> None:
    li = client_of(app, kernel, town, "li", device=True)
    now = datetime.now(UTC)
    with kernel.work(house(town.bureau_id), now) as work:
        for queue, ago in ((9, 2), (4, 1)):
            work.session.execute(
                insert(DeviceContact).values(
                    id=new_id(now),
                    bureau_id=town.bureau_id,
                    device_id=town.devices["li"],
                    heard_at=now - timedelta(hours=ago),
                    queue_length=queue,
                    queue_oldest_at=now - timedelta(hours=ago + 3),
                    unread=[],
                )
            )
    watcher = app.test_client()
    before = scraped(watcher)
    assert li.get("/sync/v1/outlets/pull").status_code == 200
    assert li.get("/sync/v1/no-such-thing/pull").status_code == 404
    row = {"newDocumentState": {"id": str(town.outlets[0]), "edit_id": str(town.outlets[0])}}
    assert li.post("/sync/v1/records/push", json=[row]).status_code == 200
    assert watcher.open("/no/such/place", method="BREW").status_code in (404, 405)
    redis = queues_of(kernel.settings)[TIMELY].connection
    beat_scheduler(redis, now)
    redis.close()
    after = scraped(watcher)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after.get(key, 0) - before.get(key, 0)

    assert grown("xunge_sync_requests_total", kind="pull_documents", collection="outlets", status="200") == 1
    assert grown("xunge_sync_requests_total", kind="pull_documents", collection="unknown", status="404") == 1
    assert grown("xunge_sync_requests_total", kind="push_documents", collection="records", status="200") == 1
    assert grown("xunge_http_request_seconds_count", endpoint="sync.push_documents") == 1
    brewed = {dict(labels).get("method") for (name, labels) in after if name == "xunge_http_requests_total"}
    assert "BREW" not in brewed
    assert (
        after[("xunge_pushed_rows_last_hour", (("collection", "records"), ("outcome", "quarantined")))] == 1
    )
    assert after[("xunge_quarantine_open", ())] == 1
    assert after[("xunge_conflicts_open", ())] == 0
    assert after[("xunge_device_queue_length", ())] == 4
    assert 4 * 3600 <= after[("xunge_device_queue_age_seconds", ())] < 4 * 3600 + 600
    assert after[("xunge_devices", (("state", "active"),))] == 1
    assert after[("xunge_scheduler_beat_age_seconds", ())] < 600
    assert ("xunge_last_backup_age_seconds", ()) not in after
    assert after[("xunge_feed_rows_above_horizon", ())] >= 0
    assert {after[("xunge_up", (("part", part),))] for part in ("database", "queue")} == {1}


def test_a_part_that_is_down_is_told_and_breaks_nothing(kernel: Kernel, town: Town) -> None:
    lost = replace(kernel, settings=replace(kernel.settings, redis_url="redis://127.0.0.1:1/0"))
    told = {
        (sample.labels["part"], sample.value)
        for family in State(lost, datetime.now(UTC)).collect()
        if family.name == "xunge_up"
        for sample in family.samples
    }
    assert told == {("database", 1), ("queue", 0)}


def test_two_processes_count_every_request_once(settings: Settings, kernel: Kernel, tmp_path: Path) -> None:
    with served(settings, tmp_path / "serve.log", workers=2) as port:

        def ask(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return str(answer.read().decode())

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, ["/healthz"] * 60))
        # Whichever process answers, it tells of both.
        told = [samples_of(ask("/metrics")) for _ in range(12)]
    key = ("xunge_http_requests_total", (("endpoint", "healthz"), ("method", "GET"), ("status", "200")))
    assert {one[key] for one in told} == {60}
