"""The HTTP face: /sync/v1/<collection>/pull and push. Errors are objects, never arrays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import orjson
from flask import Blueprint, Response, request

from sync.collection import Collection, Reader, Transaction
from sync.cursor import BadCheckpoint, parse_checkpoint
from sync.envelope import BadEnvelope
from sync.pull import MAX_LIMIT, pull
from sync.push import push
from sync.reconcile import reconcile

MAX_INFLATED_BYTES = 32 * 1024 * 1024


class MakeProblem(Protocol):
    """How the house makes the exception that becomes a problem+json of a catalogued code."""

    def __call__(self, code: str, *, detail: str | None = None) -> Exception: ...


def mount(
    *,
    session: Callable[[], AbstractContextManager[Transaction]],
    actor: Callable[[Any], Reader],
    problem: MakeProblem,
    collections: Mapping[str, Collection],
) -> Blueprint:
    """The blueprint of the protocol.

    ``session`` opens a unit of work and commits it when its block returns, so that every answer leaves after commit;
    ``actor`` tells who reads (or raises), inside that transaction.
    """
    blueprint = Blueprint("sync", __name__, url_prefix="/sync/v1")

    def collection_of(name: str) -> Collection:
        if name not in collections:
            raise problem("not_found", detail=f"没有集合 {name}。There is no collection {name}.")
        return collections[name]

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
        return Response(answer, mimetype="application/json", headers={"Cache-Control": "no-store"})

    @blueprint.post("/<name>/push")
    def push_documents(name: str) -> Response:
        collection = collection_of(name)
        # Opening the session tells who asks, so that a stranger's body is not read; it holds no connection yet.
        with session() as transaction:
            body = _body(problem)
            reader = actor(transaction)
            try:
                answer = push(transaction, reader, collection, body)
            except BadEnvelope as error:
                raise problem("bad_envelope", detail=str(error)) from error
        return Response(answer, mimetype="application/json", headers={"Cache-Control": "no-store"})

    @blueprint.post("/<name>/reconcile")
    def reconcile_documents(name: str) -> Response:
        collection = collection_of(name)
        with session() as transaction:
            body = _body(problem)
            reader = actor(transaction)
            try:
                answer = reconcile(transaction, reader, collection, body)
            except BadEnvelope as error:
                raise problem("bad_envelope", detail=str(error)) from error
        return Response(
            orjson.dumps(answer), mimetype="application/json", headers={"Cache-Control": "no-store"}
        )

    return blueprint


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
