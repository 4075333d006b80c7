"""What a device says of itself in the headers of a sync request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from marshmallow import ValidationError

from schemas.moment import Moment
from server.kernel.actor import Told
from server.kernel.clients import HEADER as CLIENT

DEVICE_TIME = "Xunge-Device-Time"
QUEUE_LENGTH = "Xunge-Queue-Length"
QUEUE_OLDEST = "Xunge-Queue-Oldest"
MAX_QUEUE = 1_000_000

_CLIENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_/-]{0,79}")
_MOMENT = Moment()


def told_by(headers: Mapping[str, str]) -> Told | None:
    """What the headers say, ``None`` where none of them was sent.

    A header that cannot be read is passed over and named in ``unread``: what comes with it is evidence, and is not
    refused for it.
    """
    unread: list[str] = []
    given = {
        name: headers[name] for name in (DEVICE_TIME, QUEUE_LENGTH, QUEUE_OLDEST, CLIENT) if name in headers
    }
    if not given:
        return None

    def moment(name: str) -> datetime | None:
        try:
            return _MOMENT.deserialize(given[name]) if name in given else None
        except ValidationError:
            unread.append(name)
            return None

    length: int | None = None
    if (text := given.get(QUEUE_LENGTH)) is not None:
        if text.isascii() and text.isdecimal() and len(text) <= 7 and int(text) <= MAX_QUEUE:
            length = int(text)
        else:
            unread.append(QUEUE_LENGTH)
    client = given.get(CLIENT)
    if client is not None and not _CLIENT.fullmatch(client):
        unread.append(CLIENT)
        client = None
    device_time, oldest = moment(DEVICE_TIME), moment(QUEUE_OLDEST)
    return Told(device_time, length, oldest, client, tuple(sorted(unread)))
