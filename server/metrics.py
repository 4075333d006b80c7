"""/metrics for Prometheus: requests as this server's processes count them, and the state as the database tells it.

Web workers are processes. What they count goes through files that they share (``PROMETHEUS_MULTIPROC_DIR``, set by
``xunge serve``); what is state is read when asked for, so no worker's answer counts it twice.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from time import perf_counter

import structlog
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from redis import RedisError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.access.models import Device, DeviceContact
from server.audit.queries import oldest_unsealed
from server.house import TIMELY, queues_of, scheduler_beat
from server.kernel import http
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.org.models import Bureau
from server.reports.machine import machine_now
from sync.tables import push_log, quarantine

log = structlog.get_logger()

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_COUNTED = CollectorRegistry()
REQUESTS = Counter(
    "xunge_http_requests", "Requests answered", ["endpoint", "method", "status"], registry=_COUNTED
)
SECONDS = Histogram(
    "xunge_http_request_seconds", "Time to the answer's first byte", ["endpoint"], registry=_COUNTED
)
SYNCED = Counter(
    "xunge_sync_requests",
    "Requests of handhelds, by collection",
    ["kind", "collection", "status"],
    registry=_COUNTED,
)


def add_metrics(app: Flask, kernel: Kernel, collections: frozenset[str]) -> None:
    """Count every request of the application, and answer /metrics.

    It is answered to whoever shows ``XUNGE_METRICS_TOKEN``; where none is set, to this machine alone.
    """

    @app.before_request
    def begin() -> None:
        g.began = perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        # Labels are bounded: addresses by their rule, and whatever a stranger invents by one word.
        endpoint = request.endpoint or "unknown"
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.labels(endpoint, method, response.status_code).inc()
        if "began" in g:
            SECONDS.labels(endpoint).observe(perf_counter() - g.began)
        if endpoint.startswith("sync."):
            name = (request.view_args or {}).get("name")
            collection = name if name in collections else "none" if name is None else "unknown"
            SYNCED.labels(endpoint.removeprefix("sync."), collection, response.status_code).inc()
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        _admit(kernel.settings.metrics_token)
        counted = _COUNTED
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            counted = CollectorRegistry()
            multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # Left untyped there.
        state = CollectorRegistry()
        state.register(State(kernel, http.now()))
        return Response(
            generate_latest(counted) + generate_latest(state), content_type=CONTENT_TYPE_PLAIN_0_0_4
        )


def _admit(token: str) -> None:
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if token:
        if not secrets.compare_digest(shown.encode(), token.encode()):
            raise Problem("sign_in_needed", headers={"WWW-Authenticate": "Bearer"})
    elif "X-Forwarded-For" in request.headers or not _is_this_machine(request.remote_addr or ""):
        # A proxy on this machine asks for whoever is before it.
        raise Problem(
            "forbidden", detail="请设置 XUNGE_METRICS_TOKEN。Set XUNGE_METRICS_TOKEN to be asked from afar."
        )


def _is_this_machine(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class State(Collector):
    """What the database and the queue tell at one moment. A part that does not answer is down, and is no failure."""

    def __init__(self, kernel: Kernel, now: datetime) -> None:
        self._kernel, self._now = kernel, now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("xunge_up", "Whether a part answers", labels=["part"])
        families: list[GaugeMetricFamily] = []
        for part, read in (("database", self._of_database), ("queue", self._of_queue)):
            try:
                families += read()
            except (SQLAlchemyError, RedisError) as error:
                log.warning("metrics", part=part, error=type(error).__name__)
                up.add_metric([part], 0)
            else:
                up.add_metric([part], 1)
        yield up
        yield from families

    def _of_database(self) -> list[GaugeMetricFamily]:
        with self._kernel.sessions() as session:
            machine = machine_now(session)
            families = [
                _gauge(
                    "xunge_feed_rows_above_horizon",
                    "Feed rows that no device is handed yet",
                    machine.rows_above_horizon,
                ),
                _gauge(
                    "xunge_oldest_writer_age_seconds",
                    "How long the longest open writer of the cluster has been open; 0 without one",
                    self._age(machine.oldest_writer_since) or 0,
                ),
                _gauge(
                    "xunge_last_backup_age_seconds",
                    "Since the newest backup",
                    self._age(machine.last_backup_at),
                ),
                _gauge(
                    "xunge_audit_unsealed_age_seconds",
                    "Since the oldest event that the audit chain does not cover; 0 without one",
                    self._age(oldest_unsealed(session, session.scalars(select(Bureau.id)))) or 0,
                ),
                _gauge(
                    "xunge_conflicts_open",
                    "Edits that lost and that nobody has settled",
                    _count(session, push_log.c.contested, push_log.c.resolved_at.is_(None)),
                ),
                _gauge(
                    "xunge_quarantine_open",
                    "Rows kept raw that nobody has settled",
                    _count(session, quarantine.c.resolved_at.is_(None)),
                ),
            ]
            return families + self._of_devices(session) + self._of_pushes(session)

    def _of_devices(self, session: Session) -> list[GaugeMetricFamily]:
        states = GaugeMetricFamily("xunge_devices", "Handhelds by state", labels=["state"])
        for state, count in session.execute(select(Device.state, func.count()).group_by(Device.state)):
            states.add_metric([state], count)
        last = (
            select(DeviceContact.device_id, DeviceContact.queue_length, DeviceContact.queue_oldest_at)
            .where(DeviceContact.queue_length.is_not(None))
            .ext(distinct_on(DeviceContact.device_id))
            .order_by(DeviceContact.device_id, DeviceContact.heard_at.desc(), DeviceContact.id.desc())
            .subquery()
        )
        waiting, oldest = session.execute(
            select(func.coalesce(func.sum(last.c.queue_length), 0), func.min(last.c.queue_oldest_at))
            .join(Device, Device.id == last.c.device_id)
            .where(Device.state == "active", last.c.queue_length > 0)
        ).one()
        return [
            states,
            _gauge(
                "xunge_device_queue_length", "Changes that wait on handhelds, as they last told", int(waiting)
            ),
            _gauge(
                "xunge_device_queue_age_seconds",
                "Since the oldest change that waits on a handheld was made",
                self._age(oldest) or 0,
            ),
        ]

    def _of_pushes(self, session: Session) -> list[GaugeMetricFamily]:
        pushed = GaugeMetricFamily(
            "xunge_pushed_rows_last_hour", "Rows pushed in the last hour", labels=["collection", "outcome"]
        )
        rows = session.execute(
            select(push_log.c.collection, push_log.c.outcome, func.count())
            .where(push_log.c.at > self._now - timedelta(hours=1))
            .group_by(push_log.c.collection, push_log.c.outcome)
        )
        for collection, outcome, count in rows:
            pushed.add_metric([collection, outcome], count)
        return [pushed]

    def _of_queue(self) -> list[GaugeMetricFamily]:
        queues = queues_of(self._kernel.settings)
        redis = queues[TIMELY].connection
        waiting = GaugeMetricFamily("xunge_jobs_waiting", "Jobs that wait for a worker", labels=["queue"])
        failed = GaugeMetricFamily("xunge_jobs_failed", "Jobs that failed and are kept", labels=["queue"])
        with redis:
            for name, queue in queues.items():
                waiting.add_metric([name], queue.count)
                failed.add_metric([name], queue.failed_job_registry.count)
            return [
                waiting,
                failed,
                _gauge(
                    "xunge_scheduler_beat_age_seconds",
                    "Since the scheduler last looked what is due",
                    self._age(scheduler_beat(redis)),
                ),
            ]

    def _age(self, moment: datetime | None) -> float | None:
        return None if moment is None else max(0.0, (self._now - moment).total_seconds())


def _gauge(name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    """One figure; without a value (never backed up, never beaten) there is none, and alerts say ``absent``."""
    family = GaugeMetricFamily(name, meaning)
    if value is not None:
        family.add_metric([], value)
    return family


def _count(session: Session, *which: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.count()).where(*which)) or 0)
