"""Signing in and out: passwords, cookies with their CSRF token, sessions that end, guessing slowed down."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from server.access.models import Account, Token
from server.access.ops import create_account, digest, hash_password
from server.app import create_app
from server.kernel.actor import house
from server.kernel.events import Event
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.town import PASSWORD, Town, settle_town

CSRF = "X-CSRF-Token"


def username(town: Town, name: str) -> str:
    return f"{name}-{town.bureau_id.hex[-6:]}"


def sign_in(client: FlaskClient, town: Town, name: str = "li", password: str = PASSWORD) -> dict[str, Any]:
    answer = client.post("/api/v1/sessions", json={"username": username(town, name), "password": password})
    assert answer.status_code == 201, answer.get_json()
    given: dict[str, Any] = answer.get_json()
    return given


def test_the_right_password_opens_a_session(app: Flask, town: Town) -> None:
    given = sign_in(app.test_client(), town)
    assert given["roles"] == ["officer", "squad_leader"]
    bearer = {"Authorization": f"Bearer {given['token']}"}
    me = app.test_client().get("/api/v1/me", headers=bearer).get_json()
    assert me["account_id"] == str(town.accounts["li"])
    assert me["person_id"] == str(town.people["li"])
    assert me["squad_ids"] == [str(town.squads[0])]
    assert me["device_id"] is None
    assert "duty.assign" in me["permissions"]
    assert me["roles"] == ["officer", "squad_leader"]


def test_the_name_is_not_case_sensitive_and_the_password_is(app: Flask, town: Town) -> None:
    client = app.test_client()
    loud = {"username": username(town, "li").upper(), "password": PASSWORD}
    assert client.post("/api/v1/sessions", json=loud).status_code == 201
    wrong = {"username": username(town, "li"), "password": PASSWORD.upper()}
    problem_of(client.post("/api/v1/sessions", json=wrong), status=401, code="bad_credentials")


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(app: Flask, town: Town) -> None:
    client = app.test_client()
    wrong = client.post(
        "/api/v1/sessions", json={"username": username(town, "li"), "password": "not this one"}
    )
    unknown = client.post("/api/v1/sessions", json={"username": "nobody-at-all", "password": "not this one"})
    assert problem_of(wrong, status=401, code="bad_credentials") == problem_of(unknown)
    for answer in (wrong, unknown):
        assert "Set-Cookie" not in answer.headers


def test_a_failed_attempt_leaves_no_session(app: Flask, kernel: Kernel, town: Town) -> None:
    app.test_client().post(
        "/api/v1/sessions", json={"username": username(town, "li"), "password": "not this one"}
    )
    with kernel.sessions() as session:
        assert session.scalars(select(Token)).all() == []


def test_a_disabled_account_is_told_so_only_with_its_password(app: Flask, kernel: Kernel, town: Town) -> None:
    client = app.test_client()
    token = sign_in(client, town)["token"]
    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        work.session.execute(
            update(Account).where(Account.id == town.accounts["li"]).values(disabled_at=datetime.now(UTC))
        )
    given = {"username": username(town, "li"), "password": PASSWORD}
    problem_of(client.post("/api/v1/sessions", json=given), status=403, code="account_locked")
    given["password"] = "not this one"
    problem_of(client.post("/api/v1/sessions", json=given), status=401, code="bad_credentials")
    answer = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    problem_of(answer, status=401, code="sign_in_needed")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask, town: Town) -> None:
    given = {"username": username(town, "li"), "password": PASSWORD}
    answer = app.test_client().post("/api/v1/sessions", json=given)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie, "tests and the demo serve plain loopback"


def test_in_production_the_cookie_travels_over_tls_only(settings: Settings) -> None:
    app = create_app(replace(settings, environment="production"))
    kernel: Kernel = app.extensions["xunge"]
    town = settle_town(kernel)
    given = {"username": username(town, "li"), "password": PASSWORD}
    assert "Secure" in app.test_client().post("/api/v1/sessions", json=given).headers["Set-Cookie"]
    kernel.close()


def test_a_change_by_cookie_needs_the_csrf_token(app: Flask, town: Town) -> None:
    browser = app.test_client()
    csrf = sign_in(browser, town)["csrf_token"]
    assert browser.get("/api/v1/me").status_code == 200
    label = {"label": "试样手持机"}
    problem_of(browser.post("/api/v1/devices", json=label), status=403, code="csrf_failed")
    for wrong in ("", "guess", csrf[:-1], "令牌".encode().decode("latin-1")):
        answer = browser.post("/api/v1/devices", json=label, headers={CSRF: wrong})
        problem_of(answer, status=403, code="csrf_failed")
    assert browser.post("/api/v1/devices", json=label, headers={CSRF: csrf}).status_code == 201
    other = sign_in(app.test_client(), town, "wang")["csrf_token"]
    problem_of(browser.post("/api/v1/devices", json=label, headers={CSRF: other}), code="csrf_failed")


def test_a_push_by_cookie_needs_the_csrf_token_too(app: Flask, town: Town) -> None:
    browser = app.test_client()
    csrf = sign_in(browser, town)["csrf_token"]
    problem_of(browser.post("/sync/v1/records/push", json=[]), status=403, code="csrf_failed")
    assert browser.post("/sync/v1/records/push", json=[], headers={CSRF: csrf}).get_json() == []


def test_signing_out_ends_the_session_and_no_other(app: Flask, town: Town) -> None:
    browser, other = app.test_client(), app.test_client()
    given, kept = sign_in(browser, town), sign_in(other, town)
    answer = browser.delete("/api/v1/sessions", headers={CSRF: given["csrf_token"]})
    assert answer.status_code == 204
    assert "xunge_session=;" in answer.headers["Set-Cookie"]
    bearer = {"Authorization": f"Bearer {given['token']}"}
    problem_of(app.test_client().get("/api/v1/me", headers=bearer), status=401, code="sign_in_needed")
    problem_of(browser.get("/api/v1/me"), status=401)
    assert other.get("/api/v1/me").status_code == 200
    assert kept["token"] != given["token"]


def test_signing_out_needs_the_csrf_token(app: Flask, town: Town) -> None:
    browser = app.test_client()
    sign_in(browser, town)
    problem_of(browser.delete("/api/v1/sessions"), status=403, code="csrf_failed")
    assert browser.get("/api/v1/me").status_code == 200


def test_a_session_ends_by_itself(app: Flask, kernel: Kernel, settings: Settings, town: Town) -> None:
    given = sign_in(app.test_client(), town)
    expires_at = datetime.fromisoformat(given["expires_at"])
    wanted = datetime.now(UTC) + timedelta(hours=settings.session_hours)
    assert abs(expires_at - wanted) < timedelta(minutes=1)
    bearer = {"Authorization": f"Bearer {given['token']}"}
    assert app.test_client().get("/api/v1/me", headers=bearer).status_code == 200
    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        past = datetime.now(UTC) - timedelta(seconds=1)
        work.session.execute(update(Token).values(expires_at=past))
    problem_of(app.test_client().get("/api/v1/me", headers=bearer), status=401, code="sign_in_needed")


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Flask]:
    """An application that lets nobody try more than three times a minute."""
    made = create_app(replace(settings, sign_in_limit="3 per minute"))
    yield made
    made.extensions["xunge"].close()


def test_guessing_is_slowed_down_per_address(guarded: Flask) -> None:
    town = settle_town(guarded.extensions["xunge"])
    # redis keeps the count beyond this test, so the addresses are nobody else's.
    here, there = (f"10.{a}.{b}.{c}" for a, b, c, *_ in (uuid.uuid4().bytes, uuid.uuid4().bytes))
    given = {"username": username(town, "li"), "password": "not this one"}

    def try_from(address: str, password: str) -> int:
        answer = guarded.test_client().post(
            "/api/v1/sessions", json={**given, "password": password}, environ_base={"REMOTE_ADDR": address}
        )
        if answer.status_code == 429:
            problem_of(answer, status=429, code="rate_limited")
            assert int(answer.headers["Retry-After"]) <= 60
        return answer.status_code

    assert [try_from(here, "not this one") for _ in range(3)] == [401, 401, 401]
    assert try_from(here, PASSWORD) == 429
    assert try_from(there, PASSWORD) == 201
    assert guarded.test_client().get("/healthz", environ_base={"REMOTE_ADDR": here}).status_code == 200


def test_the_address_that_a_client_claims_does_not_count(guarded: Flask) -> None:
    settle_town(guarded.extensions["xunge"])
    address = "10.{}.{}.{}".format(*uuid.uuid4().bytes[:3])
    codes = [
        guarded.test_client()
        .post(
            "/api/v1/sessions",
            json={"username": "x", "password": "y"},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
            environ_base={"REMOTE_ADDR": address},
        )
        .status_code
        for number in range(4)
    ]
    assert codes == [401, 401, 401, 429]


def test_passwords_are_argon2_and_refreshed_when_the_cost_rises(
    app: Flask, kernel: Kernel, town: Town
) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    with kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        work.session.execute(
            update(Account).where(Account.id == town.accounts["li"]).values(password_hash=cheap)
        )
    sign_in(app.test_client(), town)
    with kernel.sessions() as session:
        kept = session.scalars(select(Account.password_hash)).all()
    assert cheap not in kept
    assert all(one.startswith("$argon2id$") for one in kept)
    assert not any(PASSWORD in one for one in kept)


def test_no_secret_stands_in_any_table(app: Flask, kernel: Kernel, town: Town) -> None:
    client = app.test_client()
    given = sign_in(client, town)
    enrolled = client.post(
        "/api/v1/devices", json={"label": "试样手持机"}, headers={CSRF: given["csrf_token"]}
    ).get_json()
    secrets = (given["token"], enrolled["token"], PASSWORD)
    with kernel.sessions() as session:
        tables = session.scalars(
            text("select tablename from pg_tables where schemaname = 'public' and tableowner = 'xunge_owner'")
        ).all()
        assert "token" in tables
        for table in tables:
            for secret in secrets:
                found = session.scalar(
                    text(f'select count(*) from "{table}" as row where row::text like :secret'),
                    {"secret": f"%{secret}%"},
                )
                assert found == 0, table
                # Bytes are shown in hexadecimal.
                hexed = session.scalar(
                    text(f'select count(*) from "{table}" as row where row::text like :secret'),
                    {"secret": f"%{secret.encode().hex()}%"},
                )
                assert hexed == 0, table
        digests = {bytes(one) for one in session.scalars(select(Token.digest))}
    assert {digest(given["token"]), digest(enrolled["token"])} <= digests


def test_the_trail_tells_of_sessions_and_of_refusals(app: Flask, kernel: Kernel, town: Town) -> None:
    client = app.test_client()
    wrong = {"username": username(town, "li").upper(), "password": "not this one"}
    for _ in range(3):
        problem_of(client.post("/api/v1/sessions", json=wrong), status=401)
    problem_of(client.post("/api/v1/sessions", json={**wrong, "username": "nobody-at-all"}), status=401)
    given = sign_in(client, town)
    bearer = {"Authorization": f"Bearer {given['token']}"}
    assert app.test_client().delete("/api/v1/sessions", headers=bearer).status_code == 204
    li = str(town.accounts["li"])
    with kernel.sessions() as session:
        trail = session.execute(
            select(Event.name, Event.account_id, Event.bureau_id)
            .where(Event.name.like("session.%"), Event.subject_ids.contains([li]))
            .order_by(Event.seq)
        ).all()
        told = session.scalars(select(Event.facts).where(Event.name.like("session.%"))).all()
    mine = (town.accounts["li"], town.bureau_id)
    # Three tries within a minute are one line, and who tried is nobody.
    assert trail == [
        ("session.refused", None, town.bureau_id),
        ("session.opened", *mine),
        ("session.closed", *mine),
    ]
    assert told == [{"code": "bad_credentials"}, {}, {}]


def test_two_names_that_differ_in_their_case_are_one(kernel: Kernel, town: Town) -> None:
    with pytest.raises(Problem) as refused, kernel.work(house(town.bureau_id), datetime.now(UTC)) as work:
        create_account(work, username(town, "li").upper(), hash_password(PASSWORD), frozenset(), None)
    assert refused.value.code == "username_taken"
