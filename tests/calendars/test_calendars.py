"""A calendar behind a secret address: what stands in it, that nothing of shops and people does, and when it ends."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, select, text, update
from sqlalchemy.dialects.postgresql import Range

from server.access.models import Account
from server.app import create_app
from server.cadence.models import Obligation
from server.cadence.ops import materialise, waive
from server.calendars import api
from server.calendars.models import CalendarToken
from server.calendars.ops import MOST
from server.kernel.actor import Actor, house
from server.kernel.events import record_event
from server.kernel.work import Kernel
from server.org.models import Bureau, SquadMember
from server.outlets.models import Outlet
from server.patrols.models import PatrolPlan
from tests.api.conftest import problem_of
from tests.command_line import refused, said
from tests.conftest import own_database, settings_for
from tests.one_house import app, kernel, settings
from tests.patrols.given_out import BASE, Team, give_out
from tests.town import PASSWORD, ROLE_ACCOUNTS, ZONE, Town, client_of, settle_town, today

__all__ = ["app", "kernel", "settings"]

TOKENS = "/api/v1/me/calendar-tokens"
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Phone:
    """The town with somebody's phone, which knows an address and nothing else."""

    app: Flask
    kernel: Kernel
    town: Town

    def client(self, name: str) -> FlaskClient:
        return client_of(self.app, self.kernel, self.town, name)

    def subscribe(self, name: str = "li", **given: Any) -> dict[str, Any]:
        """A new calendar of somebody's, with its address."""
        answer = self.client(name).post(TOKENS, json={"label": "我的手机", **given})
        assert answer.status_code == 201, answer.get_json()
        told: dict[str, Any] = answer.get_json()
        return told

    def read(self, url: str, **headers: str) -> Any:
        """What the address answers to somebody who is not signed in."""
        return self.app.test_client().get(re.sub(r"^https?://[^/]+", "", url), headers=headers)

    def events(self, url: str) -> list[icalendar.Event]:
        answer = self.read(url)
        assert answer.status_code == 200
        calendar = icalendar.Calendar.from_ical(answer.data)
        return list(calendar.walk("VEVENT"))

    def give_out(self, day: date, *teams: Team, squad: int = 0) -> PatrolPlan:
        with self.kernel.work(house(self.town.bureau_id), datetime.now(UTC)) as work:
            return give_out(work, self.town, squad, day, *teams)


_towns = count(1)


@pytest.fixture
def phone(app: Flask, kernel: Kernel) -> Phone:
    """In a town of this test's own."""
    return Phone(app, kernel, settle_town(kernel, bureau=f"试样{next(_towns)}局"))


def tomorrow() -> date:
    return today() + timedelta(days=1)


def test_a_patrol_stands_in_the_calendar_of_everybody_on_it(phone: Phone) -> None:
    plan = phone.give_out(
        tomorrow(), Team(("li", "wang", "fu"), (0, 1), "测A00001"), Team(("zhao", "qian"), (2,))
    )
    by_name = {name: phone.events(phone.subscribe(name)["url"]) for name in ("li", "wang", "fu", "zhao")}
    assert {name: len(events) for name, events in by_name.items()} == dict.fromkeys(by_name, 1)
    (event,) = by_name["li"]
    assert [str(event[name]) for name in ("SUMMARY", "LOCATION", "STATUS", "CLASS")] == [
        "巡查：试样1中队第 1 组（测A00001）",
        BASE,
        "CONFIRMED",
        "PRIVATE",
    ]
    assert event["DTSTART"].dt == datetime.combine(tomorrow(), time(8, 30), ZONE)
    assert event["DTEND"].dt == datetime.combine(tomorrow(), time(17, 30), ZONE)
    assert event["DTSTART"].params["TZID"] == "Asia/Shanghai"
    description = str(event["DESCRIPTION"])
    assert description.startswith("共 2 站，08:40 出发，16:30 返回，全程 12.3 公里。")
    with phone.kernel.sessions() as session:
        patrols = session.execute(
            text("select id from patrol where plan_id = :id and ordinal = 1"), {"id": plan.id}
        )
        assert str(event["UID"]) == str(patrols.scalar_one())
    assert str(by_name["zhao"][0]["SUMMARY"]) == "巡查：试样1中队第 2 组（步行）"


def test_it_reaches_two_weeks_back_and_sixty_days_ahead(phone: Phone) -> None:
    for days in (-15, -14, 60, 61):
        phone.give_out(today() + timedelta(days=days), Team(("li", "wang"), (0,)))
    found = [event["DTSTART"].dt.date() for event in phone.events(phone.subscribe()["url"])]
    assert found == [today() - timedelta(days=14), today() + timedelta(days=60)]


def test_drafts_are_nobodys_and_a_plan_taken_back_is_cancelled(phone: Phone) -> None:
    url = phone.subscribe()["url"]
    draft = phone.give_out(tomorrow(), Team(("li", "wang"), (0,)))
    change(phone, draft, state="draft", published_at=None)
    assert phone.events(url) == []

    plan = phone.give_out(tomorrow() + timedelta(days=1), Team(("li", "wang"), (0,)))
    (before,) = phone.events(url)
    withdrawn_at = datetime.now(UTC) + HOUR
    change(phone, plan, state="withdrawn", withdrawn_at=withdrawn_at, withdraw_reason="暴雨")
    (after,) = phone.events(url)
    assert str(after["UID"]) == str(before["UID"])
    assert (str(after["STATUS"]), str(after["TRANSP"])) == ("CANCELLED", "TRANSPARENT")
    assert str(after["SUMMARY"]).startswith("（已取消）巡查")
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after["LAST-MODIFIED"].dt == withdrawn_at.replace(microsecond=0) > before["LAST-MODIFIED"].dt
    assert "暴雨" not in str(after)
    # A draft that was put away was never in anybody's calendar.
    change(phone, draft, state="withdrawn", withdrawn_at=withdrawn_at)
    assert len(phone.events(url)) == 1


def test_what_is_done_with_a_plan_moves_its_sequence_on(phone: Phone) -> None:
    plan = phone.give_out(tomorrow(), Team(("li", "wang"), (0,)))
    other = phone.give_out(tomorrow() + timedelta(days=1), Team(("li", "wang"), (1,)))
    url = phone.subscribe()["url"]
    before = {str(one["UID"]): one for one in phone.events(url)}
    later = datetime.now(UTC) + HOUR
    with phone.kernel.work(house(phone.town.bureau_id), later) as work:
        record_event(work, "plan.changed", [plan.id])
    after = {str(one["UID"]): one for one in phone.events(url)}
    moved = [uid for uid in before if after[uid]["SEQUENCE"] != before[uid]["SEQUENCE"]]
    assert len(moved) == 1
    assert after[moved[0]]["SEQUENCE"] == before[moved[0]]["SEQUENCE"] + 1
    assert after[moved[0]]["LAST-MODIFIED"].dt == later.replace(microsecond=0)
    assert other.id != plan.id


def change(phone: Phone, plan: PatrolPlan, **values: Any) -> None:
    with phone.kernel.work(house(phone.town.bureau_id), datetime.now(UTC)) as work:
        work.session.execute(update(PatrolPlan).where(PatrolPlan.id == plan.id).values(**values))


def test_nothing_of_a_shop_and_nobodys_name_leaves_the_house(phone: Phone) -> None:
    own = select(Outlet).where(Outlet.bureau_id == phone.town.bureau_id)
    with phone.kernel.work(house(phone.town.bureau_id), datetime.now(UTC)) as work:
        for number, outlet in enumerate(work.session.scalars(own).all()):
            outlet.address, outlet.holder_name, outlet.phone = (
                f"试样路{number}号",
                f"店主{number}",
                f"1380000000{number}",
            )
        names = {outlet.name for outlet in work.session.scalars(own)}
        hidden = {
            *names,
            *(outlet.licence_no for outlet in work.session.scalars(own)),
            *(f"试样路{number}号" for number in range(4)),
            *(f"店主{number}" for number in range(4)),
            *(f"1380000000{number}" for number in range(4)),
            *map(str, phone.town.outlets),
            *map(str, phone.town.people.values()),
            *map(str, phone.town.cells),
            *(f"试样{number}格" for number in range(4)),
            *phone.town.cert_nos.values(),
            "周复查",
        }
    phone.give_out(tomorrow(), Team(("li", "wang", "fu"), (0, 1), "测A00001"))
    body = phone.read(phone.subscribe(due_counts=True)["url"]).data.decode()
    unfolded = body.replace("\r\n ", "")
    for one in hidden:
        assert one not in unfolded, one
    # The names of the town's people are short words, so they are looked for as words.
    for name in phone.town.people:
        assert not re.search(rf"\b{name}\b", unfolded), name


def test_it_is_a_calendar_to_every_reader(phone: Phone) -> None:
    phone.give_out(tomorrow(), Team(("li", "wang"), (0, 1), "测A00001"))
    answer = phone.read(phone.subscribe()["url"])
    assert answer.content_type == "text/calendar; charset=utf-8"
    lines = answer.data.split(b"\r\n")
    assert lines[-1] == b""
    assert max(map(len, lines)) <= 75
    (calendar,) = vobject.readComponents(answer.data.decode())
    assert calendar.vevent.summary.value == "巡查：试样1中队第 1 组（测A00001）"
    assert calendar.vevent.dtstart.value.utcoffset() == timedelta(hours=8)
    assert calendar.vtimezone.tzid.value == "Asia/Shanghai"
    parsed = icalendar.Calendar.from_ical(answer.data)
    assert parsed.errors == []
    (zone,) = parsed.walk("VTIMEZONE")
    # China has kept one time since 1991: no day is an hour longer or shorter.
    assert zone.daylight == []
    assert len(zone.standard) == 1
    for event in parsed.walk("VEVENT"):
        assert event["DTSTART"].dt.astimezone(ZoneInfo("Asia/Shanghai")).hour == 8


def test_the_same_calendar_is_sent_once(phone: Phone) -> None:
    url = phone.subscribe()["url"]
    phone.give_out(tomorrow(), Team(("li", "wang"), (0,)))
    first = phone.read(url)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = phone.read(url, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    phone.give_out(tomorrow() + timedelta(days=1), Team(("li", "wang"), (1,)))
    changed = phone.read(url, **{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    head = phone.app.test_client().head(re.sub(r"^https?://[^/]+", "", url))
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", changed.headers["ETag"])


def test_how_much_is_due_is_a_number_for_who_wants_it(phone: Phone) -> None:
    """Of the cells that somebody leads, by the end of the present week."""
    with phone.kernel.work(house(phone.town.bureau_id), datetime.now(UTC)) as work:
        materialise(work)
    plain = phone.subscribe("li")
    assert phone.events(plain["url"]) == []
    url = phone.subscribe("li", due_counts=True)["url"]
    (event,) = phone.events(url)
    assert str(event["SUMMARY"]) == "本周到期待查 2 户"
    day = event["DTSTART"].dt
    assert not isinstance(day, datetime)
    assert today() <= day <= today() + timedelta(days=6)
    assert (event["DTEND"].dt - day, str(event["TRANSP"])) == (timedelta(days=1), "TRANSPARENT")
    # Who leads no cell has none.
    assert phone.events(phone.subscribe("wang", due_counts=True)["url"]) == []
    uid = str(event["UID"])
    desk = Actor(phone.town.bureau_id, phone.town.accounts["ju"], frozenset(ROLE_ACCOUNTS["ju"]))
    with phone.kernel.work(desk, datetime.now(UTC)) as work:
        owed = select(Obligation.id).where(Obligation.subject_id == phone.town.outlets[0])
        waive(work, work.session.scalars(owed.where(Obligation.last_day >= today())).all(), "试样理由")
    (event,) = phone.events(url)
    assert str(event["UID"]) == uid
    assert str(event["SUMMARY"]) == "本周到期待查 1 户"


def test_only_the_digest_of_a_secret_is_kept_and_it_is_told_once(phone: Phone) -> None:
    told = phone.subscribe()
    secret = re.fullmatch(r"http://localhost/calendar/([A-Za-z0-9_-]{43})\.ics", told["url"])
    assert secret is not None
    with phone.kernel.sessions() as session:
        token = session.get_one(CalendarToken, uuid.UUID(told["id"]))
        dump = str(session.execute(text("select to_jsonb(t) from calendar_token t")).all())
        trail = str(
            session.execute(text("select facts, subject_ids from event where name like 'calendar.%'")).all()
        )
    assert token.digest == hashlib.sha256(secret[1].encode()).digest()
    for kept in (dump, trail, str(phone.client("li").get(TOKENS).get_json())):
        assert secret[1] not in kept
    term = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["issued_at"])
    assert term == timedelta(days=365)


def test_the_address_is_the_one_that_the_public_reaches(
    superuser: Engine, template_database: str, tmp_path: Path
) -> None:
    with own_database(superuser, template_database) as name:
        app = create_app(replace(settings_for(name, tmp_path), public_url="https://xunge.example.cn"))
        kernel: Kernel = app.extensions["xunge"]
        phone = Phone(app, kernel, settle_town(kernel))
        assert phone.subscribe()["url"].startswith("https://xunge.example.cn/calendar/")
        kernel.close()


def test_the_day_of_the_last_reading_is_kept_and_no_more(phone: Phone) -> None:
    told = phone.subscribe()
    assert told["last_used_on"] is None
    for _ in range(3):
        phone.read(told["url"])
    (listed,) = phone.client("li").get(TOKENS).get_json()["items"]
    assert listed["last_used_on"] == today().isoformat()
    assert "url" not in listed


def spoil_revoked(phone: Phone, told: dict[str, Any]) -> None:
    assert phone.client("li").delete(f"{TOKENS}/{told['id']}").status_code == 204


def spoil_revoked_by_the_administrator(phone: Phone, told: dict[str, Any]) -> None:
    assert phone.client("admin").delete(f"/api/v1/calendar-tokens/{told['id']}").status_code == 204


def spoil_expired(phone: Phone, told: dict[str, Any]) -> None:
    """A year later; the application's role may not change when a token ends."""
    owner = create_engine(phone.kernel.settings.owner_database_url)
    with owner.begin() as connection:
        past = {"issued_at": datetime(2026, 1, 1, tzinfo=UTC), "expires_at": datetime.now(UTC)}
        connection.execute(update(CalendarToken).where(CalendarToken.id == told["id"]).values(past))
    owner.dispose()


def spoil_disabled(phone: Phone, told: dict[str, Any]) -> None:
    own = update(Account).where(Account.id == phone.town.accounts["li"])
    write(phone, own.values(disabled_at=datetime.now(UTC)))


def spoil_left(phone: Phone, told: dict[str, Any]) -> None:
    own = update(SquadMember).where(SquadMember.person_id == phone.town.people["li"])
    write(phone, own.values(valid=Range(date(2026, 1, 1), today())))


def write(phone: Phone, statement: Any) -> None:
    with phone.kernel.work(house(phone.town.bureau_id), datetime.now(UTC)) as work:
        work.session.execute(statement)


@pytest.mark.parametrize(
    "spoil",
    [spoil_revoked, spoil_revoked_by_the_administrator, spoil_expired, spoil_disabled, spoil_left],
)
def test_an_address_that_has_ended_is_like_one_that_never_was(phone: Phone, spoil: Any) -> None:
    phone.give_out(tomorrow(), Team(("li", "wang"), (0,)))
    told = phone.subscribe()
    first = phone.read(told["url"])
    assert first.status_code == 200
    spoil(phone, told)
    nowhere = phone.read(f"/calendar/{'x' * 43}.ics")
    for headers in ({}, {"If-None-Match": first.headers["ETag"]}):
        gone = phone.read(told["url"], **headers)
        problem_of(gone, status=404, code="not_found")
        assert gone.get_json() == nowhere.get_json()
        assert gone.headers["Cache-Control"] == nowhere.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("secret", ["", "x", "../x", "%00", "x" * 42, "x" * 44, "试样", "a" * 3000])
def test_garbage_leads_nowhere(phone: Phone, secret: str) -> None:
    answer = phone.read(f"/calendar/{secret}.ics")
    assert answer.status_code == 404


def test_ones_own_are_ones_own(phone: Phone) -> None:
    told = phone.subscribe("li")
    elsewhere = settle_town(phone.kernel, bureau="他样局")
    others = [
        (phone.client("wang"), f"{TOKENS}/{told['id']}"),
        (phone.client("admin"), f"{TOKENS}/{told['id']}"),
        (client_of(phone.app, phone.kernel, elsewhere, "admin"), f"/api/v1/calendar-tokens/{told['id']}"),
        (phone.client("admin"), f"/api/v1/calendar-tokens/{uuid.uuid4()}"),
    ]
    for client, address in others:
        problem_of(client.delete(address), status=404, code="not_found")
    problem_of(phone.client("ju").delete(f"/api/v1/calendar-tokens/{told['id']}"), status=403)
    assert phone.client("wang").get(TOKENS).get_json()["items"] == []
    listed = phone.client("admin").get("/api/v1/calendar-tokens").get_json()["items"]
    assert [(one["id"], one["username"][:3]) for one in listed] == [(told["id"], "li-")]
    theirs = client_of(phone.app, phone.kernel, elsewhere, "admin").get("/api/v1/calendar-tokens")
    assert theirs.get_json()["items"] == []
    assert phone.read(told["url"]).status_code == 200
    # Revoking twice is no error.
    for _ in range(2):
        assert phone.client("li").delete(f"{TOKENS}/{told['id']}").status_code == 204


def test_nobody_has_more_than_a_few(phone: Phone) -> None:
    told = [phone.subscribe() for _ in range(MOST)]
    problem_of(
        phone.client("li").post(TOKENS, json={"label": "又一个"}), status=409, code="calendar_tokens_full"
    )
    assert phone.client("li").delete(f"{TOKENS}/{told[0]['id']}").status_code == 204
    phone.subscribe()
    phone.subscribe("wang")


def test_who_is_nobody_in_the_field_has_no_calendar(phone: Phone) -> None:
    for name in ("ju", "admin"):
        problem_of(phone.client(name).post(TOKENS, json={"label": "我的手机"}), status=422, code="invalid")


def test_strangers_who_guess_are_slowed_down(
    superuser: Engine, template_database: str, tmp_path: Path
) -> None:
    with own_database(superuser, template_database) as name:
        app = create_app(replace(settings_for(name, tmp_path), calendar_limit="3 per minute"))
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"203.0.113.{uuid.uuid4().int % 250}"
        answers = [client.get(f"/calendar/{'x' * 43}.ics") for _ in range(4)]
        assert [one.status_code for one in answers] == [404, 404, 404, 429]
        problem_of(answers[-1], status=429, code="rate_limited")
        app.extensions["xunge"].close()


def test_a_failure_tells_no_log_the_address(
    phone: Phone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_work: Any, person_id: uuid.UUID, **_given: Any) -> None:
        raise RuntimeError("试样故障")

    url = phone.subscribe()["url"]
    monkeypatch.setattr(api, "entries_of", broken)
    problem_of(phone.read(url), status=500, code="internal")
    printed = "".join(capsys.readouterr())
    assert "试样故障" in printed
    assert "path=/calendar/<secret>.ics" in re.sub(r"\x1b\[[0-9;]*m", "", printed)
    secret = url.rpartition("/")[2].removesuffix(".ics")
    assert secret not in printed
    # Nor what any variable held.
    assert str(phone.town.people["li"]) not in printed


def test_the_command_issues_lists_and_revokes(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", phone.kernel.settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    with phone.kernel.sessions() as session:
        bureau = session.get_one(Bureau, phone.town.bureau_id).name
        username = session.get_one(Account, phone.town.accounts["li"]).username
    own = ("--bureau", bureau)
    url = said("calendar", "issue", "--label", "我的手机", "--as", username, *own).splitlines()[0]
    assert phone.read(url).status_code == 200
    (listed,) = phone.client("li").get(TOKENS).get_json()["items"]
    table = said("calendar", "list", *own)
    assert username in table
    assert url.rpartition("/")[2] not in table
    said("calendar", "revoke", listed["id"], *own)
    assert phone.read(url).status_code == 404
    assert refused("calendar", "revoke", str(uuid.uuid4()), *own).code == "not_found"
