"""The mail server that digests go out by, as one URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. ``security`` is ``tls`` from the first byte, ``starttls``, or ``none``."""

    host: str
    port: int
    security: str
    username: str = ""
    password: str = field(default="", repr=False)


def read_mail_server(url: str) -> MailServer | None:
    """``smtps://user:password@host:465`` (TLS), ``smtp://…:587`` (STARTTLS, demanded) or ``smtp+plain://host:25``.

    An empty text is no mail server. User and password are percent-encoded. Raises ValueError, without the URL in its
    words: a password would never leave this machine unencrypted.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("XUNGE_SMTP_URL is no URL") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError(
            "XUNGE_SMTP_URL must be smtps://, smtp:// or smtp+plain:// with a host and nothing behind"
        )
    security = {"smtps": "tls", "smtp": "starttls", "smtp+plain": "none"}[parts.scheme]
    if security == "none" and parts.username:
        raise ValueError("XUNGE_SMTP_URL: no password over an unencrypted line; use smtps:// or smtp://")
    return MailServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        security=security,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
