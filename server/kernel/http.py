"""From HTTP to an operation and back: authenticate → authorise → read the body → transaction → answer after commit."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

import structlog
from flask import Flask, Response, current_app, g, jsonify, request
from flask_smorest import Api, Blueprint
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import HTTPException

from schemas.problem import ProblemSchema
from schemas.wording import told
from server.kernel.actor import Actor
from server.kernel.arguments import StrictParser
from server.kernel.permissions import Permission
from server.kernel.problems import STATUS_CODES, Problem
from server.kernel.work import Kernel

log = structlog.get_logger()

PROBLEM_TYPE: Final = "application/problem+json"
PUBLIC: Final = "public"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Authenticate = Callable[[Kernel, datetime], Actor]


def kernel() -> Kernel:
    """The composed house that this application was made with."""
    composed: Kernel = current_app.extensions["xunge"]
    return composed


def now() -> datetime:
    """The clock of the request: read once, here at the edge, and passed down from here."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    moment: datetime = g.now
    return moment


def authenticated() -> Actor:
    """The actor of this request.

    Raises:
        Problem: ``sign_in_needed`` or ``csrf_failed``.
    """
    if "actor" not in g:
        authenticate: Authenticate = current_app.extensions["xunge.authenticate"]
        g.actor = authenticate(kernel(), now())
    actor: Actor = g.actor
    return actor


class Noun(Blueprint):  # type: ignore[misc]  # flask-smorest has no types.
    """A noun's blueprint. Views are added by ``endpoint`` only, so none registers without a permission."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, name, url_prefix="/api/v1", description=description)

    def endpoint(
        self,
        method: str,
        rule: str,
        *,
        permission: Permission | str,
        takes: type[Schema] | None = None,
        gives: type[Schema] | None = None,
        status: int = 200,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register ``view(work, [payload], **path)``.

        ``permission`` is a Permission, or ``PUBLIC`` for the few that need no sign-in; a public view is given the
        kernel instead of a unit of work. ``takes`` is read from the query of a GET and from the JSON body else.
        """
        location = "query" if method == "GET" else "json"

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def in_transaction(*payload: Any, **path: Any) -> Any:
                if permission == PUBLIC:
                    return view(kernel(), *payload, **path)
                with kernel().work(authenticated(), now()) as work:
                    return view(work, *payload, **path)

            inner: Callable[..., Any] = in_transaction
            inner = self.response(status, gives)(inner)
            if takes is not None:
                inner = self.arguments(takes, location=location)(inner)

            @wraps(inner)
            def authorised(**path: Any) -> Any:
                if isinstance(permission, Permission):
                    authenticated().must(permission)
                return inner(**path)

            authorised.permission = permission  # type: ignore[attr-defined]
            self.add_url_rule(rule, view.__name__, authorised, methods=[method])
            return view

        return decorate

    def route(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refused: a view without a permission must not exist."""
        raise TypeError("Register views with Noun.endpoint, which asks for a permission.")


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest has no types.
    """flask-smorest, answering RFC 9457 problems instead of its own error shape."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: HTTPException) -> Response:
        return answer_problem(problem_of_http(error))

    def _register_responses(self) -> None:
        # Only error answers are registered here, and ours are problem+json.
        given = Api.DEFAULT_RESPONSE_CONTENT_TYPE
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_TYPE
        super()._register_responses()
        self.DEFAULT_RESPONSE_CONTENT_TYPE = given


def problem_of_http(error: HTTPException) -> Problem:
    """The catalogued problem for an exception of Werkzeug, Flask or webargs."""
    code = STATUS_CODES.get(error.code or 500, "bad_request")
    if (error.code or 500) >= 500 and error.code not in STATUS_CODES:
        code = "internal"
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    messages = data.get("messages")
    errors = _fields(messages) if isinstance(messages, Mapping) else []
    headers = {"Allow": ", ".join(error.valid_methods or ())} if hasattr(error, "valid_methods") else {}
    return Problem(code, errors=errors, headers=headers)


def problem_of_fields(error: ValidationError) -> Problem:
    """The problem of a document that a schema refused, by field."""
    return Problem("invalid", errors=_fields({"json": error.messages}))


def _fields(messages: Mapping[str, Any]) -> list[dict[str, Any]]:
    """marshmallow's messages, by location and field, as JSON pointers with a code and a sentence each."""
    errors: list[dict[str, Any]] = []

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, path if key == "_schema" else f"{path}/{key}")
        elif isinstance(value, list):
            errors.extend(_fault(path, one) for one in value)
        else:
            errors.append(_fault(path, value))

    for location, fields in messages.items():
        walk(fields, "" if location in ("json", "query", "form") else f"/{location}")
    return errors


def _fault(path: str, message: object) -> dict[str, str]:
    code, sentence = told(message)
    return {"path": path, "code": code, "detail": sentence}


def answer_problem(problem: Problem) -> Response:
    """The problem+json response."""
    response = jsonify(problem.body())
    response.status_code = problem.kind.status
    response.mimetype = PROBLEM_TYPE
    response.headers.update(problem.headers)
    return response


def answer_failure(error: Exception) -> Response:
    """A failure of ours: logged with an id that the answer carries, so that the two can be brought together."""
    incident = secrets.token_hex(6)
    log.exception("request failed", incident=incident, path=_loggable_path(), exc_info=error)
    return answer_problem(
        Problem("internal", detail=f"服务器出错（编号 {incident}），已发送的内容没有丢失。")
    )


def _loggable_path() -> str:
    """The address asked for, or its rule where the address itself is a secret."""
    rule = request.url_rule
    return rule.rule if rule is not None and "secret" in rule.arguments else request.path


def install(app: Flask, composed: Kernel, authenticate: Authenticate) -> None:
    """Bind the kernel and the error answers to a Flask application."""
    app.extensions["xunge"] = composed
    app.extensions["xunge.authenticate"] = authenticate
    app.register_error_handler(Problem, answer_problem)
    app.register_error_handler(Exception, answer_failure)
