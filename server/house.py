"""Composing the kernel: settings, engine, upkeep, queue. The web, the worker and the command line share it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy.orm import sessionmaker

from server.kernel.db import make_engine
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.upkeep import UPKEEP

# What people or other people's machines wait for, what follows a push, and what may take minutes: in the order in which a
# worker takes them up.
TIMELY, USUAL, LONG = "xunge-timely", "xunge", "xunge-long"
QUEUE_OF = {
    **dict.fromkeys(
        (
            "server.worker.carry_out_scope",
            "server.worker.deliver",
            "server.worker.deliver_due",
            "server.worker.erase_file",
            "server.worker.make_briefings",
            "server.worker.number_waiting",
            "server.worker.seal_trail",
            "server.worker.tell_people",
        ),
        TIMELY,
    ),
    "server.worker.index_waiting": LONG,
    "server.worker.solve_plans": LONG,
}
# RQ ends a job after three minutes; the solver may look for ten, and reads and writes beside.
_LONGEST_S = {"server.worker.solve_plans": 900}
_BEAT = "xunge:scheduler:beat"


def queues_of(settings: Settings) -> dict[str, Queue]:
    """The job queues by name, the most timely first; arguments travel as JSON, never as pickles."""
    redis = Redis.from_url(settings.redis_url)
    return {name: Queue(name, connection=redis, serializer=JSONSerializer) for name in (TIMELY, USUAL, LONG)}


def queue_name(job: str) -> str:
    """In which queue a job waits, by its dotted name."""
    return QUEUE_OF.get(job, USUAL)


def beat_scheduler(redis: Redis, now: datetime) -> None:
    """Note that the scheduler lives and has looked what is due."""
    redis.set(_BEAT, now.isoformat())


def scheduler_beat(redis: Redis) -> datetime | None:
    """When the scheduler last did, ``None`` if it never has."""
    told = redis.get(_BEAT)
    return datetime.fromisoformat(told.decode()) if isinstance(told, bytes) else None


def plain_logs() -> None:
    """Failures are logged as Python tells them: the default would print what every variable held, secrets and people too."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


def compose(settings: Settings) -> Kernel:
    """The kernel over the settings' database and redis."""
    plain_logs()
    engine = make_engine(settings.database_url)
    queues = queues_of(settings)

    def enqueue(job: str, arguments: tuple[Any, ...]) -> None:
        queues[queue_name(job)].enqueue(job, *arguments, job_timeout=_LONGEST_S.get(job))

    return Kernel(
        settings=settings,
        sessions=sessionmaker(engine, expire_on_commit=False),
        upkeep=UPKEEP,
        enqueue=enqueue,
    )
