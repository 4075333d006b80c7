"""The HTTP face: /sync/v1/<collection>/pull and push. Errors are objects, never arrays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import orjson
from flask import Blueprint, Response, request, stream_with_context

from sync.collection import Collection, Reader, Transaction
from sync.cursor import BadCheckpoint, current_epoch, parse_checkpoint
from sync.envelope import BadEnvelope
from sync.pull import MAX_LIMIT, pull
from sync.push import push
from sync.receipts import Receipts, receipt
from sync.reconcile import reconcile
from sync.stream import Streams, events

MAX_INFLATED_BYTES = 32 * 1024 * 1024
KEYS_MAX_AGE_S = 300


class MakeProblem(Protocol):
    """How the house makes the exception that becomes a problem+json of a catalogued code."""

    def __call__(
        self, code: str, *, detail: str | None = None, headers: dict[str, str] | None = None
    ) -> Exception: ...


def mount(
    *,
    session: Callable[[], AbstractContextManager[Transaction]],
    actor: Callable[[Any], Reader],
    problem: MakeProblem,
    collections: Mapping[str, Collection],
    receipts: Receipts,
    streams: Streams | None = None,
) -> Blueprint:
    """The blueprint of the protocol.

    ``session`` opens a unit of work and commits it when its block returns, so that every answer leaves after commit;
    ``actor`` tells who reads (or raises), inside that transaction. The view ``keys`` is for everybody, the others are
    for whom ``actor`` knows. ``KeysUnusable`` leaves the views: what to do about it the house says.
    """
    blueprint = Blueprint("sync", __name__, url_prefix="/sync/v1")

    def collection_of(name: str) -> Collection:
        if name not in collections:
            raise problem("not_found", detail=f"没有集合 {name}。There is no collection {name}.")
        return collections[name]

    def answered(act: Callable[[Transaction, Reader, bytes], str | bytes]) -> str | bytes:
        """What ``act`` makes of the body. The answer leaves after commit."""
        # Opening the session tells who asks, so that a stranger's body is not read; it holds no connection yet.
        with session() as transaction:
            body = _body(problem)
            try:
                return act(transaction, actor(transaction), body)
            except BadEnvelope as error:
                raise problem("bad_envelope", detail=str(error)) from error

    @blueprint.get("/<name>/pull")
    def pull_documents(name: str) -> Response:
        collection = collection_of(name)
        try:
            checkpoint = parse_checkpoint(request.args.get("checkpoint"))
            limit = _limit(request.args.get("limit", "100"))
        except (BadCheckpoint, ValueError) as error:
            raise problem("bad_envelope", detail=str(error)) from error
        with session() as transaction:
            reader = actor(transaction)
            if not reader.may_pull:
                raise problem("device_revoked")
            answer = pull(transaction, reader, collection, checkpoint, limit)
        return _private(answer)

    @blueprint.post("/<name>/push")
    def push_documents(name: str) -> Response:
        collection = collection_of(name)
        return _private(answered(lambda work, reader, body: push(work, reader, collection, body)))

    @blueprint.post("/<name>/reconcile")
    def reconcile_documents(name: str) -> Response:
        collection = collection_of(name)
        return _private(answered(lambda work, reader, body: reconcile(work, reader, collection, body)))

    def stream(names: Sequence[str]) -> Response:
        assert streams is not None
        with session() as transaction:
            if not actor(transaction).may_pull:
                raise problem("device_revoked")
        if not streams.slots.acquire(blocking=False):
            wait = {"Retry-After": str(int(streams.come_back_after))}
            raise problem("unavailable", detail="推送通道已满，请定时同步。No stream is free.", headers=wait)
        response = Response(stream_with_context(events(streams, actor, names)), mimetype="text/event-stream")
        response.call_on_close(streams.slots.release)
        response.headers["Cache-Control"] = "no-store"
        # A proxy that collects an answer before it passes it on would keep every event back.
        response.headers["X-Accel-Buffering"] = "no"
        return response

    if streams is not None:

        @blueprint.get("/pull-stream")
        def stream_all() -> Response:
            return stream(list(collections))

        @blueprint.get("/<name>/pull-stream")
        def stream_one(name: str) -> Response:
            return stream([collection_of(name).name])

    @blueprint.get("/epoch")
    def epoch() -> Response:
        with session() as transaction:
            if not actor(transaction).may_pull:
                raise problem("device_revoked")
            answer = orjson.dumps({"epoch": current_epoch(transaction.session)})
        return _private(answer)

    @blueprint.post("/receipts")
    def give_receipt() -> Response:
        answer = answered(lambda work, reader, body: receipt(work, reader, receipts, body))
        return _private(answer, mimetype="application/jose")

    @blueprint.get("/keys")
    def keys() -> Response:
        # A receipt of a key that is not in a cached set is the sign to fetch the set again.
        headers = {"Cache-Control": f"public, max-age={KEYS_MAX_AGE_S}"}
        answer = orjson.dumps(receipts.keys.public())
        return Response(answer, mimetype="application/jwk-set+json", headers=headers)

    return blueprint


def _private(answer: str | bytes, mimetype: str = "application/json") -> Response:
    return Response(answer, mimetype=mimetype, headers={"Cache-Control": "no-store"})


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"limit is a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def _body(problem: MakeProblem) -> bytes:
    """The body, inflated within bounds: a small body that swells without end is refused unread."""
    body = request.get_data(cache=False)
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise problem("unsupported_media_type", detail=f"Content-Encoding {encoding}")
    inflate = zlib.decompressobj(wbits=31)
    try:
        inflated = inflate.decompress(body, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise problem("bad_envelope", detail="the gzip body is broken") from error
    if len(inflated) > MAX_INFLATED_BYTES:
        raise problem("body_too_large")
    if not inflate.eof or inflate.unused_data:
        raise problem("bad_envelope", detail="the gzip body is not one whole stream")
    return inflated
