"""create_app: where the house is put together. Nobody imports it but the command line, the server and tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Any

import flask_limiter
import structlog
from flask import Flask, Response, redirect, request
from flask_compress import Compress
from flask_limiter.util import get_remote_address
from flask_swagger_ui import get_swaggerui_blueprint
from redis import Redis
from sqlalchemy import text
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

import sync.api
from server.access.api import blueprint as access
from server.access.contacts import note_told
from server.approvals.api import blueprint as approvals
from server.audit.api import blueprint as audit
from server.authentication import authenticate
from server.backups.queries import backed_up_before
from server.briefings.api import blueprint as briefings
from server.cadence.api import blueprint as cadence
from server.cadence.duty_api import blueprint as duties
from server.cadence.policy_api import blueprint as policies
from server.calendars.api import blueprint as calendar_tokens
from server.calendars.api import pages as calendar_pages
from server.campaigns.api import blueprint as campaigns
from server.clues.api import blueprint as clues
from server.custody.api import blueprint as custody
from server.desk.api import blueprint as desk
from server.dispatches.api import blueprint as dispatches
from server.draws.api import blueprint as draws
from server.duty_cells.api import blueprint as duty_cells
from server.duty_cells.board_api import blueprint as boards
from server.duty_cells.board_api import pages as board_pages
from server.evidence import tus
from server.evidence.api import blueprint as evidence
from server.evidence.queries import files_of
from server.evidence.storage import LocalDisk
from server.evidence.uploading import EvidenceUploads
from server.grids.api import blueprint as grids
from server.handovers.api import blueprint as handovers
from server.house import compose
from server.issuing.api import blueprint as issuing
from server.kernel import clients, http
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel, Work
from server.metrics import add_metrics
from server.notices.api import blueprint as notices
from server.outlets.api import blueprint as outlets
from server.papers.api import blueprint as papers
from server.papers.api import pages as paper_pages
from server.patrols.deed_api import blueprint as patrol_deeds
from server.patrols.opening_api import blueprint as opening_hours
from server.planning.api import blueprint as plans
from server.records.api import blueprint as records
from server.records.forms_api import blueprint as forms
from server.records.orders_api import blueprint as orders
from server.records.road_api import blueprint as road_checks
from server.replication import COLLECTIONS, reader_of
from server.reports.api import blueprint as reports
from server.reports.calendar_api import blueprint as calendars
from server.reports.field_api import blueprint as field_reports
from server.roster.api import blueprint as roster
from server.search.api import blueprint as search
from sync.keys import KeyRing, KeysUnusable
from sync.receipts import Receipts
from sync.stream import Streams

API_TITLE = "Xunge 巡格"
API_VERSION = "0.1.0"
PUBLIC_KEYS = "sync.keys"
# In each process; serving.py has as many threads beyond those of requests.
STREAMS = 4
# Levels for speed: the phones' network is slow, and the server has two cores for a thousand of them.
COMPRESSION = {
    "COMPRESS_ALGORITHM": ["zstd", "br", "gzip"],
    "COMPRESS_ZSTD_LEVEL": 1,
    "COMPRESS_BR_LEVEL": 2,
    "COMPRESS_LEVEL": 1,
    "COMPRESS_MIN_SIZE": 1024,
    "COMPRESS_MIMETYPES": [
        "application/json",
        "application/jose",
        "text/csv",
        "text/html",
        "text/css",
        "text/javascript",
        "application/javascript",
    ],
    # What is sent piece by piece is a file or a stream of events, and goes out as it is.
    "COMPRESS_STREAMS": False,
}
NO_KEYS = (
    "没有可用的回执签名密钥，请管理员运行 xunge keys create 或 xunge keys show。"
    "No usable key to sign receipts: run xunge keys create, or xunge keys show for what is wrong."
)

log = structlog.get_logger()


def create_app(settings: Settings) -> Flask:
    """The web application over one database, one redis and one folder of files."""
    app = Flask("server")
    app.config.update(
        API_TITLE=API_TITLE,
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        **COMPRESSION,
    )
    Compress(app)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Flask's default provider has it.
    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        # Without this every client would share the proxy's address, and one could lock all out of signing in.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    kernel = compose(settings)
    http.install(app, kernel, authenticate)
    api = http.ProblemApi(app)
    for blueprint in (
        approvals,
        access,
        audit,
        grids,
        duty_cells,
        boards,
        roster,
        outlets,
        opening_hours,
        cadence,
        policies,
        duties,
        records,
        forms,
        road_checks,
        campaigns,
        clues,
        orders,
        dispatches,
        evidence,
        reports,
        field_reports,
        issuing,
        custody,
        handovers,
        papers,
        plans,
        patrol_deeds,
        draws,
        briefings,
        calendars,
        calendar_tokens,
        notices,
        desk,
        search,
    ):
        api.register_blueprint(blueprint)
    replication = sync.api.mount(
        session=lambda: _syncing(kernel),
        actor=reader_of,
        problem=Problem,
        collections=COLLECTIONS,
        streams=Streams(lambda: _watching(kernel), BoundedSemaphore(STREAMS)),
        receipts=Receipts(
            KeyRing(settings.receipt_keys_file),
            files_of=files_of,
            safe_before=lambda work: backed_up_before(work.session),
        ),
    )
    replication.before_request(_may_sync)
    app.register_blueprint(replication)
    uploads = tus.mount(
        EvidenceUploads(
            lambda: kernel.work(http.authenticated(), http.now()), LocalDisk(settings.files_dir), settings
        )
    )
    uploads.before_request(_authorise_upload)
    app.register_blueprint(uploads)
    app.register_error_handler(KeysUnusable, lambda error: http.answer_problem(_no_keys(error)))
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(("sync.", "tus.")):
            permission = http.PUBLIC if endpoint == PUBLIC_KEYS else Permission.SYNC_USE
            view.permission = permission  # type: ignore[union-attr]
    app.register_blueprint(
        get_swaggerui_blueprint("/api/docs", "/api/openapi.json", config={"app_name": API_TITLE})
    )
    app.register_blueprint(paper_pages)
    app.register_blueprint(board_pages)
    app.register_blueprint(calendar_pages)
    _add_health(app, kernel)
    add_metrics(app, kernel, frozenset(COLLECTIONS))
    _limit_strangers(app, settings)
    return app


def _authorise_upload() -> None:
    """What the server speaks may be asked by anybody; a revoked device may still land what belongs to its records."""
    if request.method != "OPTIONS":
        http.authenticated().must(Permission.SYNC_USE)


@contextmanager
def _syncing(kernel: Kernel) -> Iterator[Work]:
    """The unit of work of a sync request. What the device tells of itself is kept with what it pushes; pulls write
    nothing.
    """
    with kernel.work(http.authenticated(), http.now()) as work:
        yield work
        if request.method not in http.SAFE_METHODS:
            note_told(work)


@contextmanager
def _watching(kernel: Kernel) -> Iterator[Work]:
    """A unit of work of a stream, minutes after its request came: who asks and what time it is are asked anew."""
    now = datetime.now(UTC)
    with kernel.work(authenticate(kernel, now), now) as work:
        yield work


def _may_sync() -> None:
    """Before the engine reads anything: nobody's body is inflated, and nobody learns which collections there are."""
    if request.endpoint == PUBLIC_KEYS:
        return
    http.authenticated().must(Permission.SYNC_USE)
    settings = http.kernel().settings
    client = request.headers.get(clients.HEADER)
    clients.must_be_new_enough(client, settings.min_client, must_tell=settings.client_required)


def _no_keys(error: KeysUnusable) -> Problem:
    """What to do about it; which file it is stands in the log, for the address is open to everybody."""
    log.error("receipt keys", reason=str(error))
    return Problem("unavailable", detail=NO_KEYS)


def _add_health(app: Flask, kernel: Kernel) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        try:
            with kernel.sessions() as session:
                session.execute(text("select 1 from alembic_version"))
            with Redis.from_url(kernel.settings.redis_url) as redis:
                redis.ping()
            KeyRing(kernel.settings.receipt_keys_file).signing()
        except KeysUnusable as error:
            raise _no_keys(error) from error
        except Exception as error:
            raise Problem("unavailable", detail=type(error).__name__) from error
        return {"status": "ready"}

    @app.get("/")
    def home() -> AnyResponse:
        return redirect("/api/docs/")

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response


def _limit_strangers(app: Flask, settings: Settings) -> None:
    """Guessing passwords, codes of papers and addresses of calendars, and taking the duty board down page by page, is slowed
    down per address; the count lives in redis, shared by every worker.
    """
    storage = settings.redis_url.replace("unix://", "redis+unix://", 1)
    limiter = flask_limiter.Limiter(get_remote_address, app=app, storage_uri=storage, headers_enabled=True)
    for endpoint, limit in (
        ("access.sign_in", settings.sign_in_limit),
        ("papers.verify_paper", settings.verify_limit),
        ("paper_pages.show_verified", settings.verify_limit),
        ("duty_boards.list_boards", settings.board_limit),
        ("duty_boards.get_board", settings.board_limit),
        ("board_pages.show_boards", settings.board_limit),
        ("board_pages.show_board", settings.board_limit),
        ("calendar_feeds.show_calendar", settings.calendar_limit),
    ):
        limited: Any = limiter.limit(limit)(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited


def openapi_of(app: Flask) -> str:
    """The OpenAPI 3.1 document as it is committed in docs/openapi.json."""
    spec = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return json.dumps(spec, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
