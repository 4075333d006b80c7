"""Each digest is sent once, by real RQ workers: two that run the job at once, and after a day on which none ran."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, select

from server.house import TIMELY, queues_of
from server.kernel.settings import Settings, read_settings
from server.kernel.smtp import MailServer
from server.notices.models import Delivery
from server.worker import jobs_of, tell_people
from tests.conftest import own_database
from tests.notices.conftest import Place, moment, settled
from tests.notices.receivers import (
    PASSWORD,
    USER,
    Hook,
    Mailbox,
    certificate,
    https_server,
    mail_server,
)


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A redis of this test's own: the queue that others share holds jobs of databases that are gone."""
    url = os.environ["XUNGE_REDIS_URL"].replace("db=0", "db=9")
    with Redis.from_url(url) as redis:
        redis.flushdb()
        yield url
        redis.flushdb()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path)


def work_off(settings: Settings, *, workers: int) -> None:
    """Run so many real workers at once until the queue is empty."""
    server = settings.mail_server
    assert server is not None
    environment = {
        **os.environ,
        "XUNGE_DATABASE_URL": settings.database_url,
        "XUNGE_REDIS_URL": settings.redis_url,
        "XUNGE_FILES_DIR": str(settings.files_dir),
        "XUNGE_SMTP_URL": f"smtp://{USER}:{PASSWORD.replace(':', '%3A').replace('@', '%40')}@localhost:{server.port}",
        "XUNGE_MAIL_FROM": settings.mail_from,
        "XUNGE_CA_FILE": str(settings.ca_file),
        "XUNGE_WEBHOOK_NETWORKS": "127.0.0.0/8,::1/128",
        "XUNGE_SECRETS_KEY_FILE": str(settings.secrets_key_file),
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "server", "worker", "--until-empty"],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(workers)
    ]
    printed_by = [worker.communicate(timeout=120)[0] for worker in running]
    for worker, printed in zip(running, printed_by, strict=True):
        assert worker.returncode == 0, printed[-2000:]
        for secret in ("zhao@example.cn", "pass:word", "whsec_", "for=xunge"):
            assert secret not in printed
    queues = queues_of(settings)
    for queue in queues.values():
        assert (queue.count, queue.failed_job_registry.count) == (0, 0)
    queues[TIMELY].connection.close()


def ask(settings: Settings, at: datetime, times: int) -> None:
    """Enqueue the morning's job so many times, as schedules do that run side by side."""
    queue = queues_of(settings)[TIMELY]
    for _ in range(times):
        queue.enqueue(tell_people, at.isoformat())
    queue.connection.close()


def told(place: Place) -> Counter[tuple[int, str]]:
    """How many digests there are of each day and kind."""
    return Counter((notice.day.day, notice.kind) for notice in place.notices())


def test_workers_at_once_and_a_day_without_any(
    superuser: Engine,
    template_database: str,
    tmp_path: Path,
    redis_url: str,
    tls: tuple[Path, ssl.SSLContext],
) -> None:
    box: Mailbox
    hook: Hook
    with (
        own_database(superuser, template_database) as name,
        mail_server(tls[1]) as box,
        https_server(tls[1]) as hook,
    ):
        place = settled(
            name,
            tmp_path,
            redis_url=redis_url,
            mail_server=MailServer("localhost", box.port, "starttls", USER, PASSWORD),
            mail_from="xunge@example.cn",
            ca_file=tls[0],
            secrets_key_file=tmp_path / "secrets.key",
        )
        settings = place.settings
        place.client("zhao").put("/api/v1/me/mail", json={"email": "zhao@example.cn"})
        given = {"name": "大屏", "url": hook.url}
        hook.secret = place.client("admin").post("/api/v1/webhooks", json=given).get_json()["secret"]

        # Wednesday morning, asked for three times, worked by two at once.
        ask(settings, moment(7, 8), times=3)
        # A schedule that starts at night asks for every job: it is too early to tell anybody.
        ask(settings, moment(7, 9, hour=3), times=1)
        work_off(settings, workers=2)
        assert told(place) == {(8, "missed"): 1}

        # Nobody runs anything on Thursday. Friday tells what Thursday would have, as it is now, and Friday's own.
        ask(settings, moment(7, 10), times=3)
        ask(settings, moment(7, 10, hour=9), times=1)
        work_off(settings, workers=2)
        assert told(place) == {(8, "missed"): 1, (10, "due_soon"): 2, (10, "due_today"): 2}

        with place.kernel.sessions() as session:
            states = session.scalars(select(Delivery.state)).all()
        assert states == ["sent"] * 7
        assert sorted(mail["Subject"][4:14] for mail in box.mails) == [
            "2 项应查到期未完成",
            "2 项应查即将到期（",
        ]
        assert len({mail["Message-ID"] for mail in box.mails}) == 2
        assert Counter(body["type"] for _, body in hook.received) == {
            "notice.missed": 1,
            "notice.due_soon": 2,
            "notice.due_today": 2,
        }
        assert len({message_id for message_id, _ in hook.received}) == 5
        place.kernel.close()


def test_the_schedule_has_the_mornings_job_at_the_hour_of_the_setting() -> None:
    assert dict(jobs_of(replace(read_settings(), notice_hour=7)))[tell_people] == "0 7 * * *"
