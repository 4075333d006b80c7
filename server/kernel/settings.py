"""Settings, read from the environment once, at the composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from environs import Env, validate

from server.kernel.clients import Versions, read_versions

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What one installation is told from outside.

    ``database_url`` signs in as the role that owns no table; ``owner_database_url`` is for migrations only.
    ``zone`` is the bureau's civil time: periods and legal clocks are computed in it.
    ``file_limits`` are bytes by kind of file (schemas.vocabulary.FileKind); ``files_reserve_bytes`` stay free on the disk.
    ``receipt_keys_file`` holds the keys that sign receipts (``xunge keys create``).
    ``min_client`` is the oldest version of each app that may sync; with ``client_required`` every app must tell its own.
    ``trusted_proxies`` is how many proxies of ours stand in front: so many X-Forwarded-For entries are believed.
    """

    database_url: str
    owner_database_url: str
    redis_url: str
    files_dir: Path
    receipt_keys_file: Path
    environment: str
    zone: ZoneInfo
    session_hours: int
    device_days: int
    device_grace_days: int
    record_window_days: int
    late_after_hours: int
    push_state_days: int
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

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over TLS only, save in the demo and in tests, which serve plain loopback."""
        return self.environment == "production"


def read_settings() -> Settings:
    """Read every ``XUNGE_*`` variable; ``environs.EnvError`` names the one that is missing or malformed."""
    env = Env(prefix="XUNGE_")
    database_url: str = env.str("DATABASE_URL")
    device_days: int = env.int("DEVICE_DAYS", 90)
    return Settings(
        database_url=database_url,
        owner_database_url=env.str("OWNER_DATABASE_URL", database_url),
        redis_url=env.str("REDIS_URL"),
        files_dir=Path(env.str("FILES_DIR", "var/files")),
        receipt_keys_file=Path(env.str("RECEIPT_KEYS_FILE", "var/receipt-keys.json")),
        environment=env.str("ENVIRONMENT", "production"),
        zone=ZoneInfo(env.str("ZONE", "Asia/Shanghai")),
        session_hours=env.int("SESSION_HOURS", 12),
        device_days=device_days,
        device_grace_days=env.int("DEVICE_GRACE_DAYS", 90),
        record_window_days=env.int("RECORD_WINDOW_DAYS", 90),
        late_after_hours=env.int("LATE_AFTER_HOURS", 72),
        push_state_days=env.int("PUSH_STATE_DAYS", 180),
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
    )
