"""The RQ worker and the schedule. Jobs are idempotent, so a schedule that runs twice does no harm."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
from rq import Worker
from rq.cron import CronScheduler
from rq.serializers import JSONSerializer
from sqlalchemy import select

from server import retention
from server.audit.chaining import seal_events
from server.briefings import ops as briefings
from server.briefings import queries as briefing_queries
from server.cadence import ops as cadence_ops
from server.cadence.policies import retire_superseded
from server.cadence.rebuilding import count_waiting
from server.cadence.roll_ups import fold
from server.cadence.upkeep import bring_up_to_date, settle_dated_ahead
from server.covered import CONTENTS
from server.evidence import jobs as evidence
from server.evidence.retention import remove_bytes
from server.evidence.storage import LocalDisk
from server.house import LONG, TIMELY, beat_scheduler, compose, queue_name, queues_of
from server.kernel.actor import house
from server.kernel.settings import Settings, read_settings
from server.kernel.work import Kernel, Work
from server.notices import outbox
from server.notices.briefings import Pack, tell_of_packs
from server.notices.ops import retire_notices, send_digests
from server.org.models import Bureau
from server.papers import numbering
from server.patrols.syncing import retire_plans
from server.planning import kept, solving
from server.records.amending import link_waiting
from server.records.co_signing import compare_waiting
from server.records.window import carry_out_dates
from server.replication import prune_feeds
from server.search import indexing

log = structlog.get_logger()

INDEX_WAITING_JOB = "server.worker.index_waiting"


@lru_cache(maxsize=1)
def _kernel() -> Kernel:
    """One kernel a worker process; the work-horse that is forked from it drops the connections."""
    return compose(read_settings())


def _for_each_bureau(name: str, act: Callable[[Work], int], at: datetime | None = None) -> int:
    """Run ``act`` in a transaction of its own for every bureau; one that fails keeps no other from its turn."""
    kernel = _kernel()
    now = at or datetime.now(UTC)
    failed: list[Exception] = []
    total = 0
    for bureau_id in _bureaus(kernel):
        try:
            with kernel.work(house(bureau_id), now) as work:
                changed = act(work)
            total += changed
            log.info(name, bureau_id=str(bureau_id), changed=changed)
        except Exception as error:
            log.exception(name, bureau_id=str(bureau_id))
            failed.append(error)
    if failed:
        # The job counts as failed, so that whoever watches the queue sees it.
        raise ExceptionGroup(f"{name} failed for {len(failed)} bureaus", failed)
    return total


def _bureaus(kernel: Kernel) -> list[uuid.UUID]:
    with kernel.sessions() as session:
        return list(session.scalars(select(Bureau.id)))


def carry_out_scope() -> None:
    """At midnight: duty and membership of the new day become scope, and patrols of old days leave the handhelds.

    What could not see each other when it came meets.
    """
    _for_each_bureau("scope", carry_out_dates)
    _for_each_bureau("plans_retired", retire_plans)
    _for_each_bureau("roll_ups", bring_up_to_date)
    while _for_each_bureau("amendments", link_waiting):
        pass
    _for_each_bureau("co_signatures", compare_waiting)


def materialise_obligations() -> None:
    """Every night: policies end, what is owed up to the end of the coming period, visits whose time has come since.

    After an upgrade the roll-ups are counted, a batch at a time; and the day's rows of them become one each.
    """
    _for_each_bureau("policies", retire_superseded)
    _for_each_bureau("obligations", cadence_ops.materialise)
    _for_each_bureau("dated_ahead", settle_dated_ahead)
    while _for_each_bureau("roll_ups_counted", count_waiting):
        pass
    _for_each_bureau("roll_ups_folded", fold)


def end_retention() -> None:
    """Every night: what is kept of persons for a time only, and whose time is over; and what runs of the solver had."""
    _for_each_bureau("retention", lambda work: sum(retention.carry_out(work).values()))
    _for_each_bureau("solvings_forgotten", kept.forget_old)


def erase_file(bureau_id: str, sha256: str) -> None:
    """After a file was noted as erased: its bytes leave the disk."""
    kernel = _kernel()
    with kernel.work(house(uuid.UUID(bureau_id)), datetime.now(UTC)) as work:
        remove_bytes(work, LocalDisk(kernel.settings.files_dir), sha256)


def make_thumbnails(bureau_id: str, sha256: str) -> None:
    """After a picture has come: small ones of it."""
    kernel = _kernel()
    with kernel.work(house(uuid.UUID(bureau_id)), datetime.now(UTC)) as work:
        evidence.draw_thumbnails(work, LocalDisk(kernel.settings.files_dir), sha256)


def number_records(bureau_id: str) -> None:
    """After a push: official numbers for the papers of its records."""
    kernel = _kernel()
    numbered = 1
    while numbered:
        with kernel.work(house(uuid.UUID(bureau_id)), datetime.now(UTC)) as work:
            numbered = numbering.number_records(work)


def index_records(bureau_id: str, ids: list[str]) -> None:
    """After a push: the texts by which its records are found."""
    with _kernel().work(house(uuid.UUID(bureau_id)), datetime.now(UTC)) as work:
        indexing.index_records(work, ids)


def solve_plans(bureau_id: str, solving_id: str) -> None:
    """After a leader asked for it: the solver orders drafts of patrols."""
    solving.run(_kernel(), uuid.UUID(bureau_id), uuid.UUID(solving_id), lambda: datetime.now(UTC))


def index_waiting() -> None:
    """Every night: records whose indexing was lost, and those of before there was a search.

    A batch a job, and the next behind whatever waits by then: after an upgrade it is hours of work.
    """
    if _for_each_bureau("records_indexed", indexing.index_waiting):
        _kernel().enqueue(INDEX_WAITING_JOB, ())


def number_waiting() -> None:
    """Every minute: papers that a transaction still open kept from being numbered, or whose job was lost."""
    while _for_each_bureau("papers_numbered", numbering.number_records):
        pass


def clear_uploads() -> None:
    """Every hour: uploads that were never finished end, and small pictures whose job was lost are made."""
    storage = LocalDisk(_kernel().settings.files_dir)
    _for_each_bureau("uploads", lambda work: evidence.clear_uploads(work, storage))


def seal_trail() -> None:
    """Every minute: the events that nothing can come before any more are sealed into their bureau's chain."""
    while _for_each_bureau("sealed", lambda work: seal_events(work, CONTENTS)):
        pass


def prune_tombstones() -> None:
    """Every night: what every device has had time to hear of leaves the feed."""
    kernel, now = _kernel(), datetime.now(UTC)
    for bureau_id in _bureaus(kernel):
        log.info("feed", bureau_id=str(bureau_id), pruned=prune_feeds(kernel, bureau_id, now))


def tell_people(at: str | None = None) -> None:
    """Every morning: the day's digests, and notices that are old leave the handhelds.

    Before the hour of the setting there is no digest: a scheduler that starts at night asks for every job. ``at`` is
    the moment, in RFC 3339, where it is not now.
    """
    kernel = _kernel()
    now = datetime.fromisoformat(at) if at else datetime.now(UTC)
    _for_each_bureau("retired_notices", retire_notices, now)
    if now.astimezone(kernel.settings.zone).hour >= kernel.settings.notice_hour:
        _for_each_bureau("notices", send_digests, now)


def make_briefings(at: str | None = None) -> None:
    """Every morning before the meeting: the pack of each squad, on working days, and its leaders are told of it.

    ``at`` is the moment, in RFC 3339, where it is not now.
    """

    def make(work: Work) -> int:
        packs = briefings.make_due(work)
        tell_of_packs(work, [_pack(pack) for pack in briefing_queries.described(work, packs)])
        return len(packs)

    _for_each_bureau("briefings", make, datetime.fromisoformat(at) if at else None)


def _pack(told: Mapping[str, Any]) -> Pack:
    counts = told["counts"]
    named = {name: told[name] for name in ("id", "squad_id", "squad", "day", "version")}
    return Pack(**named, **{name: counts[name] for name in ("due", "not_planned", "alerts")})


def deliver(bureau_id: str, delivery_id: str) -> None:
    """After a digest was made: one mail or webhook of it. What does not get through is tried again by ``deliver_due``."""
    outbox.deliver(_kernel(), uuid.UUID(bureau_id), uuid.UUID(delivery_id), lambda: datetime.now(UTC))


def deliver_due() -> None:
    """Every minute: what waits in the outbox and was not sent, because it failed before or its job was lost."""
    kernel = _kernel()
    failed: list[Exception] = []
    for bureau_id in _bureaus(kernel):
        with kernel.work(house(bureau_id), datetime.now(UTC)) as work:
            due = outbox.due_deliveries(work)
        for delivery_id in due:
            try:
                outbox.deliver(kernel, bureau_id, delivery_id, lambda: datetime.now(UTC))
            except Exception as error:
                log.exception("delivery", delivery_id=str(delivery_id))
                failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} deliveries failed", failed)


def run_worker(settings: Settings, *, without_long: bool = False, until_empty: bool = False) -> None:
    """Work the queues until told to stop, or ``until_empty``, what is timely first; ``without_long`` leaves what takes
    minutes to others.
    """
    queues = [queue for name, queue in queues_of(settings).items() if not (without_long and name == LONG)]
    worker = Worker(queues, connection=queues[0].connection, serializer=JSONSerializer)
    worker.work(burst=until_empty, logging_level="WARNING")


class Schedule(CronScheduler):
    """RQ's schedule, enqueuing on our queues: RQ's own would pickle what our workers read as JSON."""

    def __init__(self, settings: Settings) -> None:
        self.queues = queues_of(settings)
        self.redis = self.queues[TIMELY].connection
        super().__init__(connection=self.redis, name="xunge")

    def ask_for(self, job: str) -> None:
        """Put a job into its queue."""
        self.queues[queue_name(job)].enqueue(job)

    def enqueue_jobs(self) -> list[Any]:
        beat_scheduler(self.redis, datetime.now(UTC))
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            self.ask_for(job.func_name)
            job.set_enqueue_time(datetime.now(UTC))
        return due


JOBS = (
    (carry_out_scope, "0 0 * * *"),
    (materialise_obligations, "5 0 * * *"),
    (end_retention, "10 0 * * *"),
    (index_waiting, "40 0 * * *"),
    (prune_tombstones, "30 2 * * *"),
    (clear_uploads, "20 * * * *"),
    (deliver_due, "* * * * *"),
    (seal_trail, "* * * * *"),
    (number_waiting, "* * * * *"),
)


def jobs_of(settings: Settings) -> tuple[tuple[Callable[..., None], str], ...]:
    """Every job with its time, in cron's five fields and the bureau's zone."""
    meeting = settings.briefing_time
    return (
        *JOBS,
        (make_briefings, f"{meeting.minute} {meeting.hour} * * *"),
        (tell_people, f"0 {settings.notice_hour} * * *"),
    )


def run_scheduler(settings: Settings) -> None:
    """Enqueue the nightly jobs at the bureau's midnight, and once now for the nights it was down."""
    # RQ reads cron fields in the process's local time, so the process lives in the bureau's zone.
    os.environ["TZ"] = settings.zone.key
    time.tzset()
    schedule = Schedule(settings)
    for job, cron in jobs_of(settings):
        name = f"{job.__module__}.{job.__name__}"
        schedule.register(job, queue_name=queue_name(name), cron=cron)
        schedule.ask_for(name)
    schedule.start()  # type: ignore[no-untyped-call]  # rq leaves it untyped.
