"""The bureau's webhooks: adding, testing and removing them, and sending again what failed."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Sequence
from ipaddress import ip_address

import httpx

from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, invalid
from server.kernel.sealing import SealBroken, seal
from server.kernel.work import Work
from server.notices.channels import is_allowed
from server.notices.models import Delivery, Webhook
from server.notices.ops import DELIVER, post
from server.notices.queries import deliveries_of, webhooks_of

# The scheme asks for 24 to 64 bytes.
SECRET_BYTES = 32


def add_webhook(work: Work, name: str, url: str, kinds: Sequence[str]) -> tuple[Webhook, str]:
    """A new webhook for notices of these kinds, or of all, and its secret, which is told this once.

    Raises:
        Problem: ``invalid`` for an address that is not https, has a user in it or is a private one;
            ``unavailable`` where the file of keys that seals secrets cannot be used.
    """
    _check_url(work, url)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    try:
        sealed = seal(work.settings.secrets_key_file, secret)
    except SealBroken as error:
        raise Problem(
            "unavailable",
            detail="密钥文件不可用，见 xunge doctor。The keys that seal secrets are unusable; see xunge doctor.",
        ) from error
    webhook = Webhook(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        name=name,
        url=url,
        secret=sealed,
        kinds=sorted(set(kinds)),
        created_at=work.now,
        created_by=work.actor.account_id,
    )
    work.session.add(webhook)
    work.session.flush()
    record_event(work, "webhook.added", [webhook.id], name=name, kinds=webhook.kinds)
    return webhook, secret


def find_webhook(work: Work, webhook_id: uuid.UUID) -> Webhook:
    """A webhook of the bureau that was not removed, held for writing. Raises Problem ``not_found``."""
    found = work.session.scalar(webhooks_of(work.bureau_id).where(Webhook.id == webhook_id).with_for_update())
    if found is None:
        raise Problem("not_found")
    return found


def remove_webhook(work: Work, webhook: Webhook) -> None:
    """Send nothing more to it. Its address and its secret are forgotten, what was sent stays on the list."""
    webhook.removed_at = work.now
    webhook.url = webhook.secret = ""
    record_event(work, "webhook.removed", [webhook.id], name=webhook.name)


def post_test(work: Work, webhook: Webhook) -> Delivery:
    """Put a test message into the outbox."""
    delivery = post(work, "webhook", webhook_id=webhook.id)
    record_event(work, "webhook.tested", [webhook.id])
    return delivery


def send_again(work: Work, delivery_id: uuid.UUID) -> Delivery:
    """Try a message that failed for good once more, from the first attempt on and under the same id.

    Raises:
        Problem: ``not_found``; ``conflict`` for one that did not fail.
    """
    delivery = work.session.scalar(
        deliveries_of(work.bureau_id).where(Delivery.id == delivery_id).with_for_update()
    )
    if delivery is None:
        raise Problem("not_found")
    if delivery.state != "failed":
        raise Problem("conflict", detail="只有发送失败的才能重发。Only what failed can be sent again.")
    delivery.state, delivery.attempts, delivery.next_at = "waiting", 0, work.now
    delivery.ended_at = delivery.error = None
    record_event(work, "delivery.sent_again", [delivery.id])
    work.later(DELIVER, str(work.bureau_id), str(delivery.id))
    return delivery


def _check_url(work: Work, text: str) -> None:
    """Whether a POST may ever go there; what a name means is looked up when it is sent, by the machine that sends."""
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        raise _malformed() from None
    if url.scheme != "https" or not host:
        raise invalid("/url", "https_only", "只接受 https 网址。Only https addresses are taken.")
    if url.userinfo or url.fragment or not 0 < (url.port or 443) < 2**16:
        raise _malformed()
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not is_allowed(address, work.settings.webhook_networks):
        detail = "内网地址须先列入 XUNGE_WEBHOOK_NETWORKS。A private network has to be named there first."
        raise invalid("/url", "private_address", detail)


def _malformed() -> Problem:
    detail = "网址无法识别，或含用户名、口令、#。Not understood, or with a user, a password or # in it."
    return invalid("/url", "url_malformed", detail)
