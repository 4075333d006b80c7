"""Reading query strings and JSON bodies strictly: what is not understood is told, and text that cannot be stored
never comes in.
"""

from __future__ import annotations

from collections.abc import Iterable
from json import JSONDecodeError
from typing import Any

import marshmallow
from flask import Request
from webargs.core import missing
from webargs.flaskparser import FlaskParser, is_json_request

from server.kernel.problems import Problem, invalid


class StrictParser(FlaskParser):
    """webargs' parser for Flask, answering catalogued problems with the field at fault.

    An unknown query parameter is an error and not passed over, for a filter that was misspelt would answer with
    more than was asked for.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": marshmallow.RAISE}  # noqa: RUF012

    def load_querystring(self, req: Request, schema: marshmallow.Schema) -> Any:
        """The query, if all of it is text that can be stored."""
        refuse_unstorable(req.args.items())
        return super().load_querystring(req, schema)

    def _raw_load_json(self, req: Request) -> Any:
        body = req.get_data(cache=True)
        if not body.strip():
            return missing
        if not is_json_request(req):
            raise Problem(
                "unsupported_media_type", detail="请用 application/json 发送。Send it as application/json."
            )
        try:
            value = super()._raw_load_json(req)
        except JSONDecodeError as error:
            raise _malformed(f"第 {error.lineno} 行第 {error.colno} 列：{error.msg}") from error
        except (ValueError, RecursionError) as error:
            # A number of thousands of digits, or brackets nested thousands deep.
            raise _malformed(type(error).__name__) from error
        refuse_unstorable([("", value)])
        return value


def _malformed(where: str) -> Problem:
    detail = f"请求内容不是有效的 JSON（{where}）。The body is not valid JSON."
    return Problem(
        "bad_request", detail=detail, errors=[{"path": "", "code": "json_malformed", "detail": detail}]
    )


def refuse_unstorable(given: Iterable[tuple[str, Any]]) -> None:
    """Refuse a NUL or a lone surrogate in any text, keys included: PostgreSQL's text cannot hold them.

    Raises:
        Problem: ``invalid``.
    """
    waiting = [(f"/{path}" if path else "", value) for path, value in given]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(path, key) for key in value]
            waiting += [(f"{path}/{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}/{number}", inner) for number, inner in enumerate(value)]
        elif isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            detail = "文字中有无法保存的字符（NUL 或不成对的代理字符）。The text holds characters that cannot be stored."
            shown = path.encode("utf-8", "replace").decode().replace("\0", "?")
            raise invalid(shown, "text_not_storable", detail)
