"""The tus 1.0 protocol (https://tus.io/protocols/resumable-upload) over anything that keeps uploads.

Core, creation, creation-with-upload, expiration, checksum and termination. It knows headers and offsets; what an upload
is for, who may make it and where its bytes go is told by the ``Uploads`` that it is mounted on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Protocol

from flask import Blueprint, Response, request

from server.kernel.problems import Problem

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
BYTES_TYPE: Final = "application/offset+octet-stream"
CHUNK: Final = 64 * 1024
"""Bytes read at a time. The web server gives a chunk when it is full or the body ends, so a killed server loses less."""

_HASHES: Final[Mapping[str, Callable[[], Any]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}


@dataclass(frozen=True, slots=True)
class UploadState:
    """Where an upload stands. Offsets and lengths are bytes; a finished upload has no expiry."""

    id: uuid.UUID
    offset: int
    length: int
    metadata: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the client says of the body of one request: a hash of ``make`` must come to ``digest``."""

    make: Callable[[], Any]
    digest: bytes


class Uploads(Protocol):
    """What the protocol is mounted on. Each call is complete when it returns, and raises Problem to refuse."""

    max_size: int

    def create(self, length: int, metadata: str, parsed: Mapping[str, str]) -> UploadState:
        """Begin an upload of ``length`` bytes."""

    def find(self, upload_id: uuid.UUID) -> UploadState:
        """Where it stands. ``not_found`` where it is not the caller's, ``upload_gone`` where it has ended."""

    def append(
        self, upload_id: uuid.UUID, offset: int, chunks: Iterator[bytes], checksum: Checksum | None
    ) -> UploadState:
        """Write on, and finish the upload with its last byte."""

    def terminate(self, upload_id: uuid.UUID) -> None:
        """Give an unfinished upload up."""


def mount(uploads: Uploads) -> Blueprint:
    """The blueprint of ``/files``. The caller must see to who may ask, before each request."""
    blueprint = Blueprint("tus", __name__, url_prefix="/files")
    blueprint.after_request(_mark)

    @blueprint.route("", methods=["POST", "OPTIONS"], provide_automatic_options=False)
    def collection() -> Response:
        if _method() == "OPTIONS":
            return _options(uploads)
        _must_speak_tus("POST")
        return _create(uploads)

    @blueprint.route(
        "/<uuid:upload_id>",
        methods=["HEAD", "PATCH", "DELETE", "POST", "OPTIONS"],
        provide_automatic_options=False,
    )
    def single(upload_id: uuid.UUID) -> Response:
        if _method() == "OPTIONS":
            return _options(uploads)
        _must_speak_tus("HEAD", "PATCH", "DELETE")
        if _method() == "HEAD":
            return _head(uploads, upload_id)
        if _method() == "PATCH":
            return _patch(uploads, upload_id)
        uploads.terminate(upload_id)
        return Response(status=204)

    return blueprint


def _method() -> str:
    """The method meant: proxies and old clients that know no PATCH send POST and name the true one in a header."""
    return request.headers.get("X-HTTP-Method-Override", request.method).upper()


def _must_speak_tus(*methods: str) -> None:
    if _method() not in methods:
        raise Problem("method_not_allowed", headers={"Allow": ", ".join((*methods, "OPTIONS"))})
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Problem("tus_version_unsupported", headers={"Tus-Version": VERSION})


def _mark(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Cache-Control"] = "no-store"
    return response


def _options(uploads: Uploads) -> Response:
    response = Response(status=204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(uploads.max_size)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(_HASHES)
    return response


def _create(uploads: Uploads) -> Response:
    if "Upload-Defer-Length" in request.headers:
        raise _bad_header("Upload-Defer-Length", "须事先说明长度。The length must be told beforehand.")
    metadata = request.headers.get("Upload-Metadata", "")
    checksum = _checksum()
    state = uploads.create(_number("Upload-Length"), metadata, parse_metadata(metadata))
    if request.mimetype == BYTES_TYPE:
        state = uploads.append(state.id, 0, _body(state.length), checksum)
    response = _answer(state, 201)
    response.headers["Location"] = f"/files/{state.id}"
    return response


def _head(uploads: Uploads, upload_id: uuid.UUID) -> Response:
    state = uploads.find(upload_id)
    response = _answer(state, 200)
    response.headers["Upload-Length"] = str(state.length)
    if state.metadata:
        response.headers["Upload-Metadata"] = state.metadata
    return response


def _patch(uploads: Uploads, upload_id: uuid.UUID) -> Response:
    if request.mimetype != BYTES_TYPE:
        raise Problem("unsupported_media_type", detail=f"请用 {BYTES_TYPE} 发送。Send it as {BYTES_TYPE}.")
    offset, checksum = _number("Upload-Offset"), _checksum()
    state = uploads.find(upload_id)
    if offset != state.offset:
        raise wrong_offset(state.offset)
    return _answer(uploads.append(upload_id, offset, _body(state.length - offset), checksum), 204)


def _answer(state: UploadState, status: int) -> Response:
    response = Response(status=status)
    response.headers["Upload-Offset"] = str(state.offset)
    if state.expires_at is not None:
        response.headers["Upload-Expires"] = format_datetime(state.expires_at, usegmt=True)
    return response


def wrong_offset(offset: int) -> Problem:
    """The problem of a client that writes on at another place than where the upload ends."""
    return Problem("upload_offset_wrong", headers={"Upload-Offset": str(offset)})


def _body(remaining: int) -> Iterator[bytes]:
    """The request's body in chunks as it comes, never held as a whole; its end may be the connection's.

    Raises:
        Problem: ``body_too_large``, before anything is read where the length says so.
    """
    if (request.content_length or 0) > remaining:
        raise Problem("body_too_large", detail="内容超出声明的长度。More bytes than were announced.")
    # The bound of other bodies does not hold here: these are not kept in memory.
    request.max_content_length = remaining + 1
    stream = request.stream

    def chunks() -> Iterator[bytes]:
        left = remaining
        while left and (chunk := stream.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk

    return chunks()


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise _bad_header(header, "须是一个非负整数。It must be a whole number, not negative.")
    return int(text)


def _checksum() -> Checksum | None:
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    name, _, encoded = text.partition(" ")
    if name not in _HASHES:
        raise _bad_header("Upload-Checksum", f"可用的算法：{', '.join(_HASHES)}。These algorithms are known.")
    try:
        return Checksum(_HASHES[name], base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise _bad_header("Upload-Checksum", "摘要不是 Base64。The digest is not Base64.") from error


def parse_metadata(text: str) -> dict[str, str]:
    """The pairs of an ``Upload-Metadata`` header: keys in ASCII, values UTF-8 in Base64, no value for a bare key.

    Raises:
        Problem: ``bad_request``.
    """
    # It goes out again as it came, and no server sends a header with other characters.
    if not (text.isascii() and text.isprintable()):
        raise _bad_header("Upload-Metadata", "只能用可见的 ASCII 字符。Only visible ASCII may stand there.")
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        if not key or key in found:
            raise _bad_header("Upload-Metadata", "键为空或重复。A key is empty or comes twice.")
        try:
            found[key] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise _bad_header("Upload-Metadata", f"{key} 不是 Base64。Its value is not Base64.") from error
    return found


def _bad_header(name: str, detail: str) -> Problem:
    return Problem("bad_request", detail=f"请求头 {name}：{detail}")
