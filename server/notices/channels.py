"""The two ways out: mail by SMTP and a signed POST. Neither knows a table, and neither tells an address to a log."""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

import httpx
from standardwebhooks import Webhook as Signer

from server.kernel.smtp import MailServer

PATIENCE_S, CONNECT_S = 20.0, 5.0
GONE = 410
# Through these prefixes an IPv6 address may mean a private IPv4 one.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))

Networks = Sequence[IPv4Network | IPv6Network]

# httpx tells every address that it asks at level INFO, and an address may hold a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Undelivered(Exception):
    """It did not get through. ``code`` is short and names no address; ``for_good`` says that trying again is no use."""

    def __init__(self, code: str, *, for_good: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, to one address."""

    sender: str
    to: str = field(repr=False)
    subject: str
    text: str
    message_id: str


def send_mail(server: MailServer, mail: Mail, now: datetime, ca_file: Path | None) -> None:
    """Hand a mail over to the server.

    Raises:
        Undelivered: for good where the server refuses it with a 5xx of its own.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("巡格 Xunge", addr_spec=mail.sender)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="base64")
    try:
        with _connected(server, mail.sender.rpartition("@")[2], ca_file) as connection:
            connection.send_message(message, mail.sender, [mail.to])
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        raise Undelivered(f"smtp_{code}", for_good=code >= 500) from None
    except smtplib.SMTPAuthenticationError as error:
        # The address is none the worse for it: the administrator mends the password, and it goes out.
        raise Undelivered(f"smtp_{error.smtp_code}") from None
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"smtp_{error.smtp_code}", for_good=error.smtp_code >= 500) from None
    except smtplib.SMTPException as error:
        raise Undelivered(f"smtp_{type(error).__name__}") from None
    except OSError as error:
        raise Undelivered(_of_network(error)) from None


def greet_mail_server(server: MailServer, sender: str, ca_file: Path | None) -> None:
    """Connect, secure the line and sign in, and send nothing. Raises Undelivered."""
    try:
        with _connected(server, sender.rpartition("@")[2], ca_file) as connection:
            connection.noop()
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"smtp_{error.smtp_code}") from None
    except smtplib.SMTPException as error:
        raise Undelivered(f"smtp_{type(error).__name__}") from None
    except OSError as error:
        raise Undelivered(_of_network(error)) from None


def _connected(server: MailServer, name: str, ca_file: Path | None) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=ca_file)
    connection: smtplib.SMTP
    if server.security == "tls":
        connection = smtplib.SMTP_SSL(server.host, server.port, name, timeout=PATIENCE_S, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, name, timeout=PATIENCE_S)
    try:
        if server.security == "starttls":
            connection.starttls(context=context)
        if server.username:
            connection.login(server.username, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Posting:
    """One POST to a webhook; ``message_id`` is the same at every attempt, so that a receiver knows a repeat."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    message_id: str
    body: str


def post_signed(posting: Posting, now: datetime, networks: Networks, ca_file: Path | None) -> None:
    """POST the body, signed by the Standard Webhooks scheme (v1, HMAC-SHA256 of id, timestamp and body).

    The host's addresses are looked up once and one of them is asked, so that a name cannot turn into a private address
    between the check and the call. Redirects are not followed, proxies of the environment are not used.

    Raises:
        Undelivered: for every answer but 2xx; for good where the receiver says that it is gone (410).
    """
    url = httpx.URL(posting.url)
    host = url.raw_host.decode("ascii")
    try:
        address = reachable(host, url.port or 443, networks)
        signature = Signer(posting.secret).sign(posting.message_id, now.astimezone(UTC), posting.body)
        headers = {
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Xunge-Webhook",
            "webhook-id": posting.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        context = ssl.create_default_context(cafile=ca_file)
        timeout = httpx.Timeout(PATIENCE_S, connect=CONNECT_S)
        with (
            httpx.Client(verify=context, trust_env=False, timeout=timeout) as client,
            client.stream(
                "POST",
                url.copy_with(host=str(address)),
                content=posting.body.encode(),
                headers=headers,
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            # The body is not read: nothing in it matters, and it may have no end.
            status = answer.status_code
    except httpx.TimeoutException:
        raise Undelivered("timeout") from None
    except httpx.HTTPError as error:
        raise Undelivered(_of_network(error.__cause__ or error)) from None
    except OSError as error:
        raise Undelivered(_of_network(error)) from None
    if not 200 <= status < 300:
        raise Undelivered(f"http_{status}", for_good=status == GONE)


def reachable(host: str, port: int, networks: Networks) -> IPv4Address | IPv6Address:
    """An address of the host, all of whose addresses are public or in ``networks``.

    Raises:
        Undelivered: ``private_address`` or ``unknown_host``.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise Undelivered("unknown_host") from None
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(is_allowed(address, networks) for address in addresses):
        raise Undelivered("private_address")
    return addresses[0]


def is_allowed(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    """Whether a webhook may reach the address: it is public, or the setting names its network."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in networks if network.version == address.version):
        return True
    if isinstance(address, IPv6Address) and any(address in network for network in _TRANSLATED):
        return False
    return address.is_global and not address.is_multicast


def _of_network(error: BaseException) -> str:
    """A short code for what the network said."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return "tls"
        if isinstance(seen, TimeoutError):
            return "timeout"
        if isinstance(seen, ConnectionError):
            return "connection"
        if isinstance(seen, socket.gaierror):
            return "unknown_host"
        seen = seen.__cause__ or seen.__context__
    return "network"
