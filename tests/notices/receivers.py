"""Real receivers on loopback: a mail server with TLS and sign-in, and an HTTPS server that checks signatures."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook

USER, PASSWORD = "xunge", "pass:word@mail"


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that nobody but a reader of this file trusts, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "receiver.pem", folder / "receiver.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return cert_file, context


@dataclass(slots=True)
class Mailbox:
    """What the mail server took. ``refusals`` are answered first, one a mail, instead of taking it."""

    port: int = 0
    at_once: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        for kept in (self.mails, self.signed_in, self.encrypted, self.refusals):
            kept.clear()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.signed_in.append(session.authenticated is True)
        self.encrypted.append(session.ssl is not None or self.at_once)
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    sound = isinstance(given, LoginPassword) and (given.login, given.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=sound, handled=False)


@contextmanager
def mail_server(context: ssl.SSLContext, *, at_once: bool = False) -> Iterator[Mailbox]:
    """A mail server that demands STARTTLS and a password, or one that speaks TLS from the first byte."""
    mailbox = Mailbox(at_once=at_once)
    controller = _Anywhere(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if at_once else None,
        tls_context=None if at_once else context,
        require_starttls=not at_once,
        authenticator=_authenticate,
        # Of TLS from the first byte it does not know that the line is safe, and would refuse passwords.
        auth_required=not at_once,
    )
    controller.start()
    try:
        mailbox.port = controller.port
        yield mailbox
    finally:
        controller.stop()


class _Anywhere(Controller):
    """On a port that the system picks: the controller greets itself once, and has to be told which it is."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass(slots=True)
class Hook:
    """What the HTTPS server was sent: the bodies whose signature is right, by message id. ``answers`` come first."""

    url: str = ""
    secret: str = ""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    elsewhere: int = 0

    def forget(self) -> None:
        """Begin anew."""
        self.elsewhere = 0
        for kept in (self.received, self.headers, self.answers):
            kept.clear()


@contextmanager
def https_server(context: ssl.SSLContext) -> Iterator[Hook]:
    """A receiver that verifies every message with the scheme's own library before it believes it."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/hook?for=xunge":
                hook.elsewhere += 1
            status, extra = hook.answers.pop(0) if hook.answers else (204, {})
            try:
                Webhook(hook.secret).verify(body, dict(self.headers))
                hook.headers.append(dict(self.headers))
                hook.received.append((self.headers["webhook-id"], json.loads(body)))
            except Exception:
                status = 401
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hook.url = f"https://localhost:{server.server_address[1]}/hook?for=xunge"
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
