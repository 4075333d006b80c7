"""Mail by a real SMTP server and webhooks by a real HTTPS server, both on loopback."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.pool import NullPool

from server.doctor import Finding, Level, examine
from server.kernel.actor import house
from server.kernel.sealing import SealBroken, seal, unseal
from server.kernel.settings import read_settings
from server.kernel.smtp import MailServer, read_mail_server
from server.migrate import newest_revision
from server.notices import outbox
from server.notices.channels import (
    Mail,
    Undelivered,
    greet_mail_server,
    is_allowed,
    reachable,
    send_mail,
)
from server.notices.models import Delivery, Webhook
from tests.api.conftest import problem_of
from tests.conftest import own_database
from tests.notices.conftest import Place, settled
from tests.notices.receivers import PASSWORD, USER, Hook, Mailbox, certificate, https_server, mail_server

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def servers(tls: tuple[Path, ssl.SSLContext]) -> Iterator[tuple[Mailbox, Hook]]:
    with mail_server(tls[1]) as mailbox, https_server(tls[1]) as hook:
        yield mailbox, hook


@pytest.fixture(scope="module")
def town(
    superuser: Engine,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    tls: tuple[Path, ssl.SSLContext],
    servers: tuple[Mailbox, Hook],
) -> Iterator[Place]:
    """A town with a mail server, for the whole file."""
    folder = tmp_path_factory.mktemp("files")
    with own_database(superuser, template_database) as name:
        made = settled(
            name,
            folder,
            mail_server=MailServer("localhost", servers[0].port, "starttls", USER, PASSWORD),
            mail_from="xunge@example.cn",
            ca_file=tls[0],
            webhook_networks=LOOPBACK,
            secrets_key_file=folder / "secrets.key",
        )
        yield made
        made.kernel.close()


@pytest.fixture
def mailbox(servers: tuple[Mailbox, Hook]) -> Mailbox:
    servers[0].forget()
    return servers[0]


@pytest.fixture
def hook(servers: tuple[Mailbox, Hook]) -> Hook:
    servers[1].forget()
    return servers[1]


@pytest.fixture
def reached(town: Place, mailbox: Mailbox, hook: Hook) -> Place:
    """The town with nothing told but of the week before, a webhook of its own, and zhao's mail address."""
    owner = create_engine(town.settings.owner_database_url, poolclass=NullPool)
    with owner.begin() as connection:
        connection.execute(text("truncate delivery, webhook, notice_item, notice"))
        connection.execute(text("update account set email = null, email_notices = true"))
    town.settings.secrets_key_file.unlink(missing_ok=True)
    assert town.morning(7, 8) == 1
    given = {"name": "大屏", "url": hook.url, "kinds": ["due_today", "missed"]}
    answer = town.client("admin").post("/api/v1/webhooks", json=given)
    hook.secret = answer.get_json()["secret"]
    town.client("zhao").put("/api/v1/me/mail", json={"email": "zhao@example.cn"})
    return town


def send_all(place: Place, later: timedelta = timedelta()) -> None:
    """Send what waits, as the worker does every minute, some time after now."""

    def clock() -> datetime:
        return datetime.now(UTC) + later

    with place.kernel.work(house(place.town.bureau_id), clock()) as work:
        due = outbox.due_deliveries(work)
    for delivery_id in due:
        outbox.deliver(place.kernel, place.town.bureau_id, delivery_id, clock)


def outbox_of(place: Place) -> list[Delivery]:
    with place.kernel.sessions() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def test_a_digest_goes_out_by_mail_with_the_list_and_what_to_do(reached: Place, mailbox: Mailbox) -> None:
    reached.morning(7, 9)
    send_all(reached)
    (mail,) = mailbox.mails
    assert (mailbox.signed_in, mailbox.encrypted) == ([True], [True])
    assert mail["To"] == "zhao@example.cn"
    assert mail["From"] == "巡格 Xunge <xunge@example.cn>"
    assert (
        mail["Subject"]
        == "【巡格】2 项应查即将到期（2026-07-09（周四）） · 2 checks are due soon (2026-07-09)"
    )
    body = mail.get_content()
    assert "周复查 2 项" in body
    assert "【9902-2 试样2格】1 项" in body
    assert "· 试样2号便利店（990281100002）：周复查 2026-W28，截至 2026-07-12（周日），临期" in body
    assert "record an attempt" in body
    assert [one.state for one in outbox_of(reached)] == ["sent"]
    send_all(reached)
    assert len(mailbox.mails) == 1


def test_whoever_wants_no_mail_gets_none(reached: Place, mailbox: Mailbox) -> None:
    own = reached.client("zhao")
    reached.morning(7, 9)
    # It is in the outbox already when zhao changes his mind.
    answer = own.put("/api/v1/me/mail", json={"email": "zhao@example.cn", "email_notices": False})
    assert answer.get_json() == {"email": "zhao@example.cn", "email_notices": False}
    send_all(reached)
    reached.morning(7, 10)
    send_all(reached)
    assert mailbox.mails == []
    assert [one.state for one in outbox_of(reached) if one.channel == "email"] == ["cancelled"]
    for address in ("zhao", "赵@example.cn", "a@b@c", "x\ny@example.cn"):
        (fault, *_) = problem_of(own.put("/api/v1/me/mail", json={"email": address}), status=422)["errors"]
        assert fault["code"] == "wrong_pattern"
        assert fault["detail"].startswith("格式不对")


def test_mail_that_is_refused_for_now_is_tried_again_under_the_same_id(
    reached: Place, mailbox: Mailbox
) -> None:
    mailbox.refusals = ["451 4.7.1 Greylisted, come back later"] * 2
    reached.morning(7, 9)
    send_all(reached)
    (waiting,) = outbox_of(reached)
    assert (waiting.state, waiting.error, waiting.attempts) == ("waiting", "smtp_451", 1)
    send_all(reached)
    assert outbox_of(reached)[0].attempts == 1
    send_all(reached, timedelta(minutes=2))
    send_all(reached, timedelta(minutes=10))
    (mail,) = mailbox.mails
    assert mail["Message-ID"] == f"<{waiting.id}@example.cn>"


def test_mail_to_nobody_fails_for_good_and_is_listed_and_can_be_sent_again(
    reached: Place, mailbox: Mailbox
) -> None:
    mailbox.refusals = ["550 5.1.1 No such user"]
    reached.morning(7, 9)
    send_all(reached)
    admin = reached.client("admin")
    (failed,) = admin.get("/api/v1/deliveries?state=failed").get_json()["items"]
    assert (failed["channel"], failed["error"], failed["attempts"]) == ("email", "smtp_550", 1)
    assert admin.post(f"/api/v1/deliveries/{failed['id']}/retry").get_json()["state"] == "waiting"
    send_all(reached)
    assert len(mailbox.mails) == 1
    problem_of(admin.post(f"/api/v1/deliveries/{failed['id']}/retry"), status=409, code="conflict")
    problem_of(reached.client("ju").get("/api/v1/deliveries"), status=403)
    with reached.kernel.sessions() as session:
        trail = session.execute(text("select string_agg(name || facts::text, ' ') from event")).scalar_one()
    assert "smtp_550" in trail
    for secret in ("zhao@example.cn", "whsec_", "/hook"):
        assert secret not in trail


def test_a_server_that_is_away_or_not_to_be_trusted_is_tried_until_it_has_failed_for_good(
    reached: Place, mailbox: Mailbox
) -> None:
    server = reached.settings.mail_server
    assert server is not None
    with pytest.raises(Undelivered, match="tls"):
        greet_mail_server(server, "xunge@example.cn", None)
    wrong = MailServer(server.host, server.port, "starttls", USER, "wrong")
    with pytest.raises(Undelivered, match="smtp_535"):
        greet_mail_server(wrong, "xunge@example.cn", reached.settings.ca_file)
    greet_mail_server(server, "xunge@example.cn", reached.settings.ca_file)
    mailbox.refusals = ["421 4.3.0 Closing"] * 20
    reached.morning(7, 9)
    for day in range(len(outbox.WAITS) + 2):
        send_all(reached, timedelta(days=2 * day))
    (failed,) = outbox_of(reached)
    assert (failed.state, failed.attempts) == ("failed", len(outbox.WAITS) + 1)


def test_mail_over_tls_from_the_first_byte(tls: tuple[Path, ssl.SSLContext]) -> None:
    mail = Mail("xunge@example.cn", "zhao@example.cn", "主题", "正文\n", "<1@example.cn>")
    with mail_server(tls[1], at_once=True) as box:
        server = MailServer("localhost", box.port, "tls")
        send_mail(server, mail, datetime.now(UTC), tls[0])
        assert [(one["Subject"], one.get_content()) for one in box.mails] == [("主题", "正文\r\n")]
        with pytest.raises(Undelivered, match="tls"):
            send_mail(server, mail, datetime.now(UTC), None)


def test_a_webhook_is_signed_and_tells_of_nobody(reached: Place, hook: Hook) -> None:
    reached.morning(7, 9)
    reached.morning(7, 10)
    send_all(reached)
    # zhao's and li's; the officers' reminders were not asked for.
    assert {body["type"] for _, body in hook.received} == {"notice.due_today"}
    assert len({message_id for message_id, _ in hook.received}) == len(hook.received) == 2
    data = hook.received[0][1]["data"]
    assert data["title"] == "2 项应查到期未完成（2026-07-10（周五））"
    assert data["counts"] == {"total": 2, "WEEKLY": 2}
    assert len(data["obligation_ids"]) == 2
    assert data["role"] == "squad_leader"
    told = reached.app.json.dumps(hook.received)
    for name in ("zhao", "便利店", *map(str, reached.town.people.values())):
        assert name not in told
    assert hook.headers[0]["Host"] == hook.url.split("/")[2]


def test_a_receiver_that_stumbles_is_asked_again_and_one_that_is_gone_is_not(
    reached: Place, hook: Hook
) -> None:
    hook.answers = [(503, {}), (204, {}), (204, {})]
    reached.morning(7, 10)
    send_all(reached)
    assert sorted((one.state, one.error) for one in outbox_of(reached) if one.channel == "webhook") == [
        ("sent", None),
        ("waiting", "http_503"),
    ]
    send_all(reached, timedelta(minutes=2))
    ids = [message_id for message_id, _ in hook.received]
    assert (len(ids), len(set(ids))) == (3, 2)

    hook.answers = [(410, {})]
    reached.morning(7, 15)
    send_all(reached)
    (webhook,) = reached.client("admin").get("/api/v1/webhooks").get_json()["items"]
    assert webhook["disabled_at"] is not None
    assert [one.state for one in outbox_of(reached)][-1] == "failed"


def test_redirects_are_not_followed(reached: Place, hook: Hook) -> None:
    hook.answers = [(307, {"Location": hook.url.replace("hook", "elsewhere")})]
    reached.morning(7, 15)
    send_all(reached)
    assert hook.elsewhere == 0
    assert [one.error for one in outbox_of(reached)] == ["http_307"]


def test_a_private_address_is_refused_unless_the_setting_names_its_network(
    reached: Place, hook: Hook
) -> None:
    # A name is looked up when it is sent, by whoever sends it.
    elsewhere = replace(reached.kernel, settings=replace(reached.settings, webhook_networks=()))
    admin = reached.client("admin")
    (webhook,) = admin.get("/api/v1/webhooks").get_json()["items"]
    answer = admin.post(f"/api/v1/webhooks/{webhook['id']}/test")
    assert (answer.status_code, answer.get_json()["state"]) == (202, "waiting")
    (waiting,) = outbox_of(reached)
    outbox.deliver(elsewhere, reached.town.bureau_id, waiting.id, lambda: datetime.now(UTC))
    assert hook.received == []
    assert [one.error for one in outbox_of(reached)] == ["private_address"]
    for url, code in (
        ("https://10.1.2.3/x", "private_address"),
        ("https://[fd00::1]/x", "private_address"),
        ("https://169.254.169.254/latest", "private_address"),
        ("http://example.cn/x", "https_only"),
        ("ftp://example.cn", "https_only"),
        ("https://user:secret@example.cn/", "url_malformed"),
        ("https://example.cn:99999/", "url_malformed"),
        ("https://", "https_only"),
    ):
        refused = admin.post("/api/v1/webhooks", json={"name": "内网", "url": url})
        assert [fault["code"] for fault in problem_of(refused, status=422)["errors"]] == [code], url


def test_a_test_message_and_a_removal(reached: Place, hook: Hook) -> None:
    admin = reached.client("admin")
    (webhook,) = admin.get("/api/v1/webhooks").get_json()["items"]
    assert "secret" not in webhook
    path = f"/api/v1/webhooks/{webhook['id']}"
    for _ in range(2):
        assert admin.post(f"{path}/test").status_code == 202
    send_all(reached)
    assert [body["type"] for _, body in hook.received] == ["webhook.test", "webhook.test"]
    admin.post(f"{path}/test")
    assert admin.delete(path).status_code == 204
    send_all(reached)
    assert len(hook.received) == 2
    problem_of(admin.delete(path), status=404)
    assert admin.get("/api/v1/webhooks").get_json()["items"] == []
    with reached.kernel.sessions() as session:
        kept = session.scalars(select(Webhook)).one()
    assert (kept.url, kept.secret) == ("", "")


def test_secrets_are_sealed_and_the_keys_are_not_in_the_database(reached: Place, hook: Hook) -> None:
    with reached.kernel.sessions() as session:
        kept = session.scalars(select(Webhook)).one().secret
    assert hook.secret not in kept
    keys = reached.settings.secrets_key_file
    assert keys.stat().st_mode & 0o777 == 0o600
    assert unseal(keys, kept) == hook.secret
    # A new key goes first, and what the former one sealed is still read.
    other = keys.with_name("other.key")
    seal(other, "x")
    keys.write_text(other.read_text() + keys.read_text())
    assert unseal(keys, kept) == hook.secret
    with pytest.raises(SealBroken):
        unseal(other, kept)
    keys.unlink()
    reached.morning(7, 15)
    send_all(reached)
    assert [one.error for one in outbox_of(reached)] == ["secret_unreadable"]
    assert hook.received == []


def test_of_two_senders_one_sends_and_a_claim_of_one_that_died_ends(reached: Place, hook: Hook) -> None:
    reached.morning(7, 15)
    (delivery,) = outbox_of(reached)
    bureau = reached.town.bureau_id
    now = datetime.now(UTC)
    with reached.kernel.work(house(bureau), now) as first:
        assert outbox._claim(first, delivery.id) is not None
        # Before the first has committed, and after.
        assert not outbox.deliver(reached.kernel, bureau, delivery.id, lambda: now)
    assert not outbox.deliver(reached.kernel, bureau, delivery.id, lambda: now)
    send_all(reached)
    assert hook.received == []
    send_all(reached, timedelta(minutes=4))
    assert [message_id for message_id, _ in hook.received] == [f"msg_{delivery.id.hex}"]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("203.0.113.7", False),
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("fe80::1", False),
        ("fd00::1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
        ("2001:4860:4860::8888", True),
    ],
)
def test_addresses(address: str, allowed: bool) -> None:
    assert is_allowed(ip_address(address), ()) is allowed
    assert is_allowed(ip_address(address), (ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1"])
def test_other_spellings_of_a_private_address(host: str) -> None:
    with pytest.raises(Undelivered, match=r"private_address|unknown_host"):
        reachable(host, 443, ())


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", None),
        ("smtp://mail.example.cn", MailServer("mail.example.cn", 587, "starttls")),
        (
            "smtps://u%40x:p%3Aw@mail.example.cn:1465",
            MailServer("mail.example.cn", 1465, "tls", "u@x", "p:w"),
        ),
        ("smtp+plain://127.0.0.1", MailServer("127.0.0.1", 25, "none")),
    ],
)
def test_mail_server_urls(url: str, server: MailServer | None) -> None:
    assert read_mail_server(url) == server
    assert server is None or not server.password or server.password not in repr(server)


@pytest.mark.parametrize(
    "url",
    ["mail.example.cn", "http://x", "smtp://", "smtp://x:99999", "smtp://x/path", "smtp+plain://u:hush@x"],
)
def test_bad_mail_server_urls_stop_the_start_and_tell_no_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_SMTP_URL", url)
    monkeypatch.setenv("XUNGE_MAIL_FROM", "xunge@example.cn")
    with pytest.raises(Exception, match="XUNGE_SMTP_URL") as refused:
        read_settings()
    assert "hush" not in str(refused.value)


def test_mail_needs_a_sender_and_networks_have_to_be_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_SMTP_URL", "smtp://mail.example.cn")
    with pytest.raises(Exception, match="XUNGE_MAIL_FROM"):
        read_settings()
    monkeypatch.setenv("XUNGE_MAIL_FROM", "xunge@example.cn")
    monkeypatch.setenv("XUNGE_WEBHOOK_NETWORKS", "10.0.0.0/8,fd00::/8")
    assert len(read_settings().webhook_networks) == 2
    monkeypatch.setenv("XUNGE_WEBHOOK_NETWORKS", "10.0.0.1/8")
    with pytest.raises(Exception, match="XUNGE_WEBHOOK_NETWORKS"):
        read_settings()


def test_an_unknown_webhook_or_message_is_not_found(reached: Place) -> None:
    admin = reached.client("admin")
    nobody = uuid.uuid4()
    problem_of(admin.post(f"/api/v1/webhooks/{nobody}/test"), status=404)
    problem_of(admin.post(f"/api/v1/deliveries/{nobody}/retry"), status=404)


def test_the_doctor_names_what_did_not_get_through(reached: Place, mailbox: Mailbox) -> None:
    def found() -> dict[str, Finding]:
        findings = examine(reached.settings, newest_revision(), lambda: datetime.now(UTC))
        return {finding.part: finding for finding in findings}

    parts = ("outbox", "webhook secrets", "mail")
    sound = found()
    assert [sound[part].level for part in parts] == [Level.OK] * 3
    mailbox.refusals = ["550 5.1.1 No such user"]
    reached.morning(7, 9)
    send_all(reached)
    reached.settings.secrets_key_file.unlink()
    ill = found()
    assert [ill[part].level for part in parts] == [Level.WARN, Level.FAIL, Level.OK]
    assert "xunge webhook deliveries" in ill["outbox"].advice
