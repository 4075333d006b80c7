"""How a request shows who sends it."""

from __future__ import annotations

from flask import request

COOKIE = "xunge_session"
CSRF_HEADER = "X-CSRF-Token"


def presented() -> tuple[str | None, bool]:
    """The secret that the request carries, and whether it came as a cookie."""
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip(), False
    return request.cookies.get(COOKIE), True
