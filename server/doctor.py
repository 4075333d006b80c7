"""What an administrator asks first when something is wrong: each part looked at once, with what to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from tempfile import NamedTemporaryFile

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.cron import CronScheduler
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from gis.routing.tiles import Standing, state_of
from server.audit.queries import oldest_unsealed
from server.backups.queries import last_backup
from server.cadence.models import Obligation
from server.house import LONG, TIMELY, USUAL
from server.kernel.sealing import SealBroken, unseal
from server.kernel.settings import Settings
from server.notices.channels import Undelivered, greet_mail_server
from server.notices.queries import outbox_now, sealed_secrets
from server.org.models import Bureau
from sync.gauges import oldest_writer
from sync.keys import KeyRing, KeysUnusable

BACKUP_MAY_BE_OLD = timedelta(hours=36)
CLOCKS_MAY_DIFFER = timedelta(seconds=5)
WRITER_MAY_TAKE = timedelta(minutes=1)
FAILED_LATELY = timedelta(days=7)
# Longer than the first attempts take.
MESSAGE_MAY_WAIT = timedelta(hours=1)
# The job runs every minute, and a long writer may keep it waiting for a while.
TAIL_MAY_BE = timedelta(minutes=10)
ROADS_MAY_BE_OLD = timedelta(days=365)
LITTLE_ROOM, NO_ROOM = 20 << 30, 2 << 30

# Facts of which these are some: were one of them open to change, the grants of the migrations did not arrive.
_APPEND_ONLY = ("event", "event_seal", "amendment", "visit_fact", "duty_fact", "duty_change", "push_log")


class Level(StrEnum):
    """How a part is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part and how it is; ``advice`` says what to do where it is not well."""

    part: str
    level: Level
    told: str
    advice: str = ""


def examine(settings: Settings, newest_revision: str, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Look at every part; a part that cannot be looked at because another is down is left out."""
    yield from _database(settings, newest_revision, clock)
    yield from _redis(settings)
    yield _files(settings)
    yield _roads(settings, clock())
    yield _keys(settings)
    yield _mail(settings)


def _database(settings: Settings, newest_revision: str, clock: Callable[[], datetime]) -> Iterator[Finding]:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    try:
        with Session(engine) as session:
            theirs: datetime = session.execute(select(text("clock_timestamp()"))).scalar_one()
            yield Finding("database", Level.OK, session.scalar(text("select version()")) or "")
            yield _clock(theirs - clock())
            revision = _migration(session, newest_revision)
            yield revision
            if revision.level is Level.FAIL:
                return
            yield _privileges(session)
            yield from _server_settings(session)
            now = clock()
            yield _writers(session, now)
            yield _backup(session, now, settings.environment)
            yield _outbox(session, now)
            yield _secrets(session, settings)
            yield _roll_ups(session)
            yield _trail(session, now)
    except SQLAlchemyError as error:
        yield Finding(
            "database",
            Level.FAIL,
            str(getattr(error, "orig", None) or error).strip(),
            "检查 XUNGE_DATABASE_URL 和 PostgreSQL 是否在运行 · check the address and whether PostgreSQL runs",
        )


def _clock(difference: timedelta) -> Finding:
    told = f"与数据库相差 {abs(difference).total_seconds():.1f} s · apart from the database's"
    if abs(difference) <= CLOCKS_MAY_DIFFER:
        return Finding("clock", Level.OK, told)
    return Finding("clock", Level.WARN, told, "启用时间同步（NTP）· keep both machines' clocks by NTP")


def _migration(session: Session, newest: str) -> Finding:
    if session.scalar(text("select to_regclass('alembic_version')")) is None:
        return Finding("migrations", Level.FAIL, "空数据库 · an empty database", "xunge migrate")
    revision = session.scalar(text("select version_num from alembic_version"))
    if revision == newest:
        return Finding("migrations", Level.OK, newest)
    return Finding(
        "migrations",
        Level.FAIL,
        f"{revision} ≠ {newest}",
        "运行 xunge migrate；若数据库更新，则更新程序 · migrate, or update the program if the database is newer",
    )


def _privileges(session: Session) -> Finding:
    """The application's role owns nothing, sees everything, and cannot change facts."""
    wrong: list[str] = []
    if session.scalar(text("select rolsuper from pg_roles where rolname = current_user")):
        wrong.append("超级用户 · a superuser")
    if session.scalar(text("select count(*) from pg_tables where tableowner = current_user")):
        wrong.append("拥有数据表 · owns tables")
    unseen = session.scalars(
        text(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            " and not has_table_privilege(oid, 'select') order by 1"
        )
    ).all()
    wrong += [f"读不到 · cannot read {table}" for table in unseen]
    wrong += [
        f"能改写 · can rewrite {table}"
        for table in _APPEND_ONLY
        if session.scalar(text("select has_table_privilege(:table, 'update, delete')"), {"table": table})
    ]
    role = session.scalar(text("select current_user")) or ""
    if not wrong:
        return Finding("privileges", Level.OK, role)
    return Finding(
        "privileges",
        Level.FAIL,
        f"{role}: {'；'.join(wrong)}",
        "XUNGE_DATABASE_URL 应为 xunge_app，表归 xunge_owner 所有 · sign in as xunge_app; xunge_owner owns the tables",
    )


def _server_settings(session: Session) -> Iterator[Finding]:
    wanted: tuple[tuple[str, Callable[[str], bool], str], ...] = (
        ("max_prepared_transactions", lambda value: value == "0", "0"),
        ("idle_in_transaction_session_timeout", lambda value: value != "0", "60s"),
        ("jit", lambda value: value == "off", "off"),
    )
    for name, fits, advised in wanted:
        value = str(session.execute(text("select current_setting(:name)"), {"name": name}).scalar_one())
        fine = fits(value)
        yield Finding(
            name,
            Level.OK if fine else Level.WARN,
            value,
            "" if fine else f"在 postgresql.conf 中设为 {advised} · set it in postgresql.conf",
        )


def _writers(session: Session, now: datetime) -> Finding:
    """An open writer anywhere in the cluster holds back what devices may pull."""
    writer = oldest_writer(session)
    if writer is None:
        return Finding("open writers", Level.OK, "无 · none")
    told = f"{writer.database} {writer.application} {(now - writer.since).total_seconds():.0f} s"
    if now - writer.since <= WRITER_MAY_TAKE:
        return Finding("open writers", Level.OK, told)
    return Finding(
        "open writers",
        Level.WARN,
        told,
        "手持机暂时拉取不到新数据；见 pg_stat_activity · devices get nothing new meanwhile; see pg_stat_activity",
    )


def _backup(session: Session, now: datetime, environment: str) -> Finding:
    last = last_backup(session)
    advice = (
        "定时运行 xunge backup，见 docs/operations.md · run xunge backup by a timer, see docs/operations.md"
    )
    if last is None and environment == "demo":
        return Finding("backup", Level.OK, "无，样例数据不需要 · none, for an invented city needs none")
    if last is None:
        return Finding("backup", Level.WARN, "从未备份 · there is none", advice)
    told = f"{last.name}，{(now - last.snapshot_at) / timedelta(hours=1):.0f} h"
    if last.faults:
        advice = "文件缺失或损坏，再运行一次 xunge backup 查看 · files are missing or damaged; xunge backup names them"
        return Finding("backup", Level.FAIL, f"{told}，{last.faults} 处缺损 · faults", advice)
    if now - last.snapshot_at > BACKUP_MAY_BE_OLD:
        return Finding("backup", Level.WARN, told, advice)
    return Finding("backup", Level.OK, told)


def _outbox(session: Session, now: datetime) -> Finding:
    """Digests that did not get through by mail or webhook."""
    box = outbox_now(session, now, FAILED_LATELY)
    told = (
        f"待发 {box.waiting}，近七天失败 {box.failed}，停用的回调 {box.disabled} · waiting, failed, disabled"
    )
    late = box.oldest is not None and now - box.oldest > MESSAGE_MAY_WAIT
    if not (box.failed or box.disabled or late):
        return Finding("outbox", Level.OK, told)
    advice = "xunge webhook deliveries 查看原因，retry 重发 · see why with deliveries, send again with retry"
    return Finding("outbox", Level.WARN, told, advice)


def _secrets(session: Session, settings: Settings) -> Finding:
    """Whether the secrets of the webhooks can be read."""
    sealed = sealed_secrets(session)
    try:
        for secret in sealed:
            unseal(settings.secrets_key_file, secret)
    except SealBroken as error:
        advice = (
            "放回密钥文件，或删除后重新添加回调 · put the file back, or remove the webhooks and add them anew"
        )
        return Finding("webhook secrets", Level.FAIL, str(error), advice)
    return Finding("webhook secrets", Level.OK, f"{len(sealed)}")


def _mail(settings: Settings) -> Finding:
    """The mail server is greeted and signed in to; nothing is sent."""
    if settings.mail_server is None:
        return Finding("mail", Level.OK, "未设置，不发邮件 · none is set, no mail is sent")
    server = f"{settings.mail_server.host}:{settings.mail_server.port}"
    try:
        greet_mail_server(settings.mail_server, settings.mail_from, settings.ca_file)
    except Undelivered as error:
        return Finding(
            "mail", Level.WARN, f"{server}: {error.code}", "检查 XUNGE_SMTP_URL · check XUNGE_SMTP_URL"
        )
    return Finding("mail", Level.OK, server)


def _roll_ups(session: Session) -> Finding:
    """What no roll-up holds yet keeps reports from being read from them; whether they are true, a recompute tells."""
    waiting = session.scalar(
        select(func.count()).where(Obligation.tier.is_not(None), Obligation.outcome.is_(None))
    )
    if not waiting:
        return Finding("roll-ups", Level.OK, "齐全 · complete")
    return Finding(
        "roll-ups",
        Level.WARN,
        f"{waiting} 项应查尚未汇总，报表较慢但正确 · obligations not counted yet: reports are slower, and right",
        "xunge cadence rebuild",
    )


def _trail(session: Session, now: datetime) -> Finding:
    """Events that no seal covers yet, and that therefore nothing proves."""
    since = oldest_unsealed(session, session.scalars(select(Bureau.id)))
    if since is None:
        return Finding("audit chain", Level.OK, "已全部封存 · all events are sealed")
    told = f"最早未封存的事件 {since:%Y-%m-%d %H:%M:%S} UTC · the oldest event that is not sealed"
    if now - since <= TAIL_MAY_BE:
        return Finding("audit chain", Level.OK, told)
    advice = "检查 worker、scheduler 和长事务，或运行 xunge audit seal · see the worker, the scheduler and long writers"
    return Finding("audit chain", Level.WARN, told, advice)


def _redis(settings: Settings) -> Iterator[Finding]:
    try:
        with Redis.from_url(settings.redis_url) as redis:
            redis.ping()
            yield Finding("redis", Level.OK, f"{redis.info('server')['redis_version']}")
            workers = Worker.all(connection=redis)
            taken = {name for worker in workers for name in worker.queue_names()}
            schedulers = CronScheduler.all(redis)
    except (RedisError, OSError) as error:
        yield Finding("redis", Level.FAIL, str(error), "检查 XUNGE_REDIS_URL · check XUNGE_REDIS_URL")
        return
    left = [name for name in (TIMELY, USUAL, LONG) if name not in taken]
    yield Finding(
        "worker",
        Level.FAIL if left else Level.OK,
        f"{len(workers)}" + (f"，无人处理 · nobody takes {'、'.join(left)}" if left else ""),
        "启动一个不带 --without-long 的 xunge worker · start one without --without-long" if left else "",
    )
    yield Finding(
        "scheduler",
        {0: Level.FAIL, 1: Level.OK}.get(len(schedulers), Level.WARN),
        f"{len(schedulers)}",
        "" if len(schedulers) == 1 else "启动一个 xunge scheduler，且只一个 · start one, and one only",
    )


def _files(settings: Settings) -> Finding:
    folder = settings.files_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            "files", Level.FAIL, str(error), "检查 XUNGE_FILES_DIR 的所有者和权限 · check its owner and mode"
        )
    told = f"{folder}，剩余 {free / (1 << 30):.0f} GiB · free"
    if free > LITTLE_ROOM:
        return Finding("files", Level.OK, told)
    level = Level.FAIL if free < NO_ROOM else Level.WARN
    return Finding("files", level, told, "空间不足，请扩容 · little room is left: make the disk larger")


def _roads(settings: Settings, now: datetime) -> Finding:
    """Roads are optional; what was imported but cannot be used, or has grown old, is worth a word."""
    state = state_of(settings.roads_dir)
    if state.info is None and state.standing is not Standing.DAMAGED:
        return Finding("roads", Level.OK, state.standing.say())
    if state.packed is None or state.info is None:
        return Finding("roads", Level.WARN, state.standing.say(), "xunge import roads FILE.osm.pbf")
    info = state.info
    age = now - (info.data_as_of or info.built_at)
    told = f"{info.extract}，{info.built_at:%Y-%m-%d}，{age.days} d，{info.attribution}"
    if age <= ROADS_MAY_BE_OLD:
        return Finding("roads", Level.OK, told)
    return Finding("roads", Level.WARN, told, "xunge import roads 导入新的路网 · import a newer extract")


def _keys(settings: Settings) -> Finding:
    try:
        key = KeyRing(settings.receipt_keys_file).signing()
    except KeysUnusable as error:
        return Finding("receipt keys", Level.FAIL, str(error), "xunge keys create")
    return Finding("receipt keys", Level.OK, str(key.kid))
