"""Settings, read from the environment once, at the composition root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from environs import Env, EnvError, validate

from server.kernel.clients import Versions, read_versions
from server.kernel.smtp import MailServer, read_mail_server

_MB = 1024 * 1024
_ADDRESS = re.compile(r"[^@\s<>]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one installation is told from outside.

    ``database_url`` signs in as the role that owns no table; ``owner_database_url`` is for migrations only.
    ``zone`` is the bureau's civil time: periods and legal clocks are computed in it.
    ``file_limits`` are bytes by kind of file (schemas.vocabulary.FileKind); ``files_reserve_bytes`` stay free on the disk.
    ``roads_dir`` holds the road network that ``xunge import roads`` makes; without one distances are as the crow flies.
    ``receipt_keys_file`` holds the keys that sign receipts (``xunge keys create``).
    ``public_phone`` is the number that the duty board gives to the public; ``public_url`` the address under which the
    public reaches this server, which the QR codes of papers lead to; ``verify_limit`` and ``board_limit`` are how often
    one address may ask for a paper and for the duty board.
    ``min_client`` is the oldest version of each app that may sync; with ``client_required`` every app must tell its own.
    Briefing packs are made on working days at ``briefing_time``, in the bureau's time. ``calendar_limit`` is how often one
    address may ask for calendar feeds.
    Digests are made from ``notice_hour`` on, in the bureau's time, and stay on handhelds for ``notice_days``; they are
    mailed where there is a ``mail_server``. Webhooks reach public addresses, and private ones in ``webhook_networks``;
    ``ca_file`` names the authorities to trust instead of the machine's. ``secrets_key_file`` seals webhooks' secrets.
    ``trusted_proxies`` is how many proxies of ours stand in front: so many X-Forwarded-For entries are believed.
    """

    database_url: str
    owner_database_url: str
    redis_url: str
    files_dir: Path
    roads_dir: Path
    receipt_keys_file: Path
    environment: str
    zone: ZoneInfo
    session_hours: int
    device_days: int
    device_grace_days: int
    record_window_days: int
    late_after_hours: int
    push_state_days: int
    track_days: int
    write_up_hours: int
    tombstone_days: int
    min_client: Versions
    client_required: bool
    max_body_bytes: int
    sign_in_limit: str
    trusted_proxies: int
    metrics_token: str
    file_limits: Mapping[str, int]
    files_reserve_bytes: int
    upload_days: int
    public_phone: str
    public_url: str
    verify_limit: str
    board_limit: str
    calendar_limit: str
    briefing_time: time
    notice_hour: int
    notice_days: int
    mail_server: MailServer | None
    mail_from: str
    ca_file: Path | None
    webhook_networks: tuple[IPv4Network | IPv6Network, ...]
    secrets_key_file: Path

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over TLS only, save in the demo and in tests, which serve plain loopback."""
        return self.environment == "production"


def read_settings() -> Settings:
    """Read every ``XUNGE_*`` variable; ``environs.EnvError`` names the one that is missing or malformed."""
    env = Env(prefix="XUNGE_")
    database_url: str = env.str("DATABASE_URL")
    device_days: int = env.int("DEVICE_DAYS", 90)
    mail_server, mail_from = _mail(env)
    return Settings(
        database_url=database_url,
        owner_database_url=env.str("OWNER_DATABASE_URL", database_url),
        redis_url=env.str("REDIS_URL"),
        files_dir=Path(env.str("FILES_DIR", "var/files")),
        roads_dir=Path(env.str("ROADS_DIR", "var/roads")),
        receipt_keys_file=Path(env.str("RECEIPT_KEYS_FILE", "var/receipt-keys.json")),
        environment=env.str("ENVIRONMENT", "production"),
        zone=ZoneInfo(env.str("ZONE", "Asia/Shanghai")),
        session_hours=env.int("SESSION_HOURS", 12),
        device_days=device_days,
        device_grace_days=env.int("DEVICE_GRACE_DAYS", 90),
        record_window_days=env.int("RECORD_WINDOW_DAYS", 90),
        late_after_hours=env.int("LATE_AFTER_HOURS", 72),
        push_state_days=env.int("PUSH_STATE_DAYS", 180),
        write_up_hours=env.int("WRITE_UP_HOURS", 24, validate=validate.Range(min=1, max=240)),
        track_days=env.int("TRACK_DAYS", 90, validate=validate.Range(min=1)),
        # A device may stay away for as long as it is enrolled; whoever stays away longer than this starts over.
        tombstone_days=env.int(
            "TOMBSTONE_DAYS", max(90, device_days), validate=validate.Range(min=device_days)
        ),
        min_client=read_versions(env.list("MIN_CLIENT", [])),
        client_required=env.bool("CLIENT_REQUIRED", False),
        max_body_bytes=env.int("MAX_BODY_BYTES", 32 * 1024 * 1024),
        sign_in_limit=env.str("SIGN_IN_LIMIT", "20 per minute"),
        trusted_proxies=env.int("TRUSTED_PROXIES", 0),
        metrics_token=env.str("METRICS_TOKEN", ""),
        file_limits={
            "photo": env.int("MAX_PHOTO_BYTES", 20 * _MB),
            "signature": env.int("MAX_SIGNATURE_BYTES", 1 * _MB),
            "track": env.int("MAX_TRACK_BYTES", 5 * _MB),
            "video": env.int("MAX_VIDEO_BYTES", 500 * _MB),
        },
        files_reserve_bytes=env.int("FILES_RESERVE_BYTES", 1024 * _MB),
        upload_days=env.int("UPLOAD_DAYS", 7),
        public_phone=env.str("PUBLIC_PHONE", ""),
        public_url=env.str("PUBLIC_URL", "").rstrip("/"),
        verify_limit=env.str("VERIFY_LIMIT", "60 per minute"),
        board_limit=env.str("BOARD_LIMIT", "120 per minute"),
        calendar_limit=env.str("CALENDAR_LIMIT", "60 per minute"),
        briefing_time=_time_of_day(env.str("BRIEFING_TIME", "07:30")),
        notice_hour=env.int("NOTICE_HOUR", 8, validate=validate.Range(min=0, max=23)),
        notice_days=env.int("NOTICE_DAYS", 30, validate=validate.Range(min=1, max=366)),
        mail_server=mail_server,
        mail_from=mail_from,
        ca_file=Path(env.str("CA_FILE")) if env.str("CA_FILE", "") else None,
        webhook_networks=_networks(env.list("WEBHOOK_NETWORKS", [])),
        secrets_key_file=Path(env.str("SECRETS_KEY_FILE", "var/secrets.key")),
    )


def _time_of_day(text: str) -> time:
    """A time to the minute, written HH:MM."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise EnvError("XUNGE_BRIEFING_TIME must be a time of day such as 07:30")
    return time.fromisoformat(text)


def _mail(env: Env) -> tuple[MailServer | None, str]:
    """The mail server and who the mail is from; the one is of no use without the other."""
    try:
        server = read_mail_server(env.str("SMTP_URL", ""))
    except ValueError as error:
        raise EnvError(str(error)) from error
    sender: str = env.str("MAIL_FROM", "")
    if server is not None and not _ADDRESS.fullmatch(sender):
        raise EnvError("XUNGE_MAIL_FROM must be the address that digests come from, such as xunge@example.cn")
    return server, sender


def _networks(texts: list[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(text.strip()) for text in texts)
    except ValueError as error:
        raise EnvError(f"XUNGE_WEBHOOK_NETWORKS: {error}") from error
