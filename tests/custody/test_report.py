"""R9: what is held, near its day, overdue, decided and destroyed, as of any moment; the same in every shape."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select

from server.app import create_app
from server.cli import main
from server.demo.registered import RegisteredGoods
from server.papers.numbering import number_records
from server.records.models import Record
from tests.command_line import refused, said
from tests.custody.conftest import Room
from tests.town import MONDAY, PASSWORD, client_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARTONS = RegisteredGoods("cigarette", "样例牌", 10, "carton")
LEAF = RegisteredGoods("leaf", "烤烟", 3, "kilogram")


@pytest.fixture(scope="module")
def told(room: Room) -> dict[str, Any]:
    """Three lists of Monday: one destroyed on the third day, one half given back, one that stays in the field."""
    store = room.store()
    destroyed = room.registered(MONDAY, CARTONS)
    halved = room.registered(MONDAY, CARTONS, LEAF, by=("zhao", "qian"))
    left = room.registered(MONDAY, LEAF, channel="phone")
    night = MONDAY + 12 * HOUR
    room.act("take_in", destroyed, halved, store_id=store, now=night)
    room.decide(destroyed, "destroy", MONDAY + DAY)
    room.decide(halved, "return", MONDAY + DAY, 1)
    room.act("hand_back", (halved, 1, 4, "carton"), now=MONDAY + 2 * DAY)
    room.act("destroy", destroyed, now=MONDAY + 2 * DAY)
    return {"store": store, "destroyed": destroyed, "halved": halved, "left": left}


@pytest.fixture(scope="module")
def client(room: Room, told: dict[str, Any]) -> Any:
    app = create_app(room.kernel.settings)
    yield client_of(app, room.kernel, room.town, "wu")
    app.extensions["xunge"].close()


def report(client: FlaskClient, at: datetime, **query: str) -> Any:
    answer = client.get("/api/v1/reports/custody", query_string={"as_of": at.isoformat(), **query})
    assert answer.status_code == 200, answer.get_json()
    return answer


def figures(rows: list[dict[str, Any]], unit: str, name: str) -> int:
    return sum(row[name] for row in rows if row["unit"] == unit)


def test_in_less_out_is_held_at_any_moment(client: FlaskClient, told: dict[str, Any]) -> None:
    told_at = {
        "hour": (
            MONDAY + 2 * HOUR,
            {"taken_in": 0, "held": 0, "not_in": 4000, "destroyed": 0, "undecided": 4000},
        ),
        "night": (
            MONDAY + 13 * HOUR,
            {"taken_in": 4000, "held": 4000, "not_in": 0, "destroyed": 0, "decided": 0},
        ),
        "decided": (MONDAY + DAY + HOUR, {"taken_in": 4000, "held": 4000, "decided": 4000, "undecided": 0}),
        "end": (MONDAY + 2 * DAY + HOUR, {"held": 1200, "destroyed": 2000, "handed_back": 800, "out": 2800}),
    }
    for moment, wanted in told_at.values():
        body = report(client, moment).get_json()
        assert {name: figures(body["rows"], "stick", name) for name in wanted} == wanted
        for row in (*body["rows"], *body["totals"]):
            assert row["taken_in"] - row["out"] == row["held"]
    # What is known later changes no past report.
    first = report(client, MONDAY + 13 * HOUR).get_json()
    assert first == report(client, MONDAY + 13 * HOUR).get_json()
    assert figures(first["rows"], "gram", "not_in") == 3000


def test_the_seven_working_days(client: FlaskClient, told: dict[str, Any]) -> None:
    # Wednesday the 15th is the last day; it is near from two working days before.
    wanted = {
        MONDAY + 4 * DAY: (0, 0),
        MONDAY + 7 * DAY: (2, 0),
        MONDAY + 9 * DAY: (2, 0),
        MONDAY + 10 * DAY: (0, 2),
    }
    for moment, (nearing, overdue) in wanted.items():
        lists = report(client, moment).get_json()["lists"]
        assert (lists["total"], lists["decided"], lists["undecided"]) == (3, 1, 2)
        assert (lists["nearing"], lists["overdue"]) == (nearing, overdue)
        assert lists["write_up_overdue"] == 1
    assert report(client, MONDAY + 2 * HOUR).get_json()["lists"]["write_up_overdue"] == 0


def test_stores_add_up_to_what_squads_hold(client: FlaskClient, told: dict[str, Any]) -> None:
    at = MONDAY + 3 * DAY
    squads, keepers = (report(client, at, by=by).get_json()["rows"] for by in ("squad", "keeper"))
    for unit in ("stick", "gram"):
        assert figures(squads, unit, "held") == figures(keepers, unit, "held")
    assert {row["group_id"] for row in keepers} == {str(told["store"])}


def test_what_stands_behind_a_figure(client: FlaskClient, told: dict[str, Any]) -> None:
    query = {"as_of": (MONDAY + 10 * DAY).isoformat()}
    for figure, wanted in (
        ("destroyed", {(told["destroyed"], 2000)}),
        ("held", {(told["halved"], 1200), (told["halved"], 3000)}),
        ("overdue", {(told["halved"], 3000), (told["left"], 3000)}),
    ):
        answer = client.get("/api/v1/reports/custody/items", query_string=query | {"figure": figure})
        items = answer.get_json()["items"]
        assert {(uuid.UUID(item["list_id"]), item["quantity"]) for item in items} == wanted
    answer = client.get("/api/v1/reports/custody/items", query_string={"figure": "weight"})
    assert answer.status_code == 422


def test_every_shape_tells_the_same(client: FlaskClient, told: dict[str, Any], tmp_path: Any) -> None:
    at = MONDAY + 3 * DAY
    body = report(client, at).get_json()
    rows = list(
        csv.DictReader(io.StringIO(report(client, at, format="csv").get_data(as_text=True).lstrip("\ufeff")))
    )
    assert [row["held"] for row in rows] == [str(row["held"]) for row in body["rows"]]
    assert report(client, at, format="pdf").data.startswith(b"%PDF")
    assert report(client, at, format="xlsx").data.startswith(b"PK")


def test_an_officer_sees_the_lists_of_his_cells_only(room: Room, told: dict[str, Any]) -> None:
    app = create_app(room.kernel.settings)
    try:
        seen = {}
        for name in ("wu", "wang", "qian"):
            page = client_of(app, room.kernel, room.town, name).get("/api/v1/registration-lists").get_json()
            seen[name] = {item["id"] for item in page["items"]}
    finally:
        app.extensions["xunge"].close()
    assert seen["wu"] == {str(told[name]) for name in ("destroyed", "halved", "left")}
    assert seen["wang"] == seen["wu"]
    # Squad 1 has no part in the cells, and zhao and qian signed one list.
    assert seen["qian"] == {str(told["halved"])}


def test_an_officer_is_told_of_no_other_list_that_an_act_moved(room: Room, told: dict[str, Any]) -> None:
    app = create_app(room.kernel.settings)
    path = f"/api/v1/registration-lists/{told['halved']}/acts"
    try:
        seen = {}
        for name in ("wu", "qian"):
            first = client_of(app, room.kernel, room.town, name).get(path).get_json()["items"][0]
            seen[name] = {one["list_id"] for one in first["entries"]}
    finally:
        app.extensions["xunge"].close()
    assert seen == {"wu": {str(told["destroyed"]), str(told["halved"])}, "qian": {str(told["halved"])}}


def test_pages_follow_one_another(client: FlaskClient, told: dict[str, Any]) -> None:
    seen: list[str] = []
    after = None
    while True:
        page = client.get(
            "/api/v1/registration-lists", query_string={"limit": 1, **({"after": after} if after else {})}
        ).get_json()
        seen += [item["id"] for item in page["items"]]
        after = page["after"]
        if after is None:
            break
    assert sorted(seen) == sorted(str(told[name]) for name in ("destroyed", "halved", "left"))
    chain = client.get(f"/api/v1/registration-lists/{told['destroyed']}/acts").get_json()["items"]
    assert [act["kind"] for act in chain] == ["take_in", "destroy"]


def test_the_command_line(room: Room, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = room.kernel.settings
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    keeper, leader = (f"{name}-{room.town.bureau_id.hex[-6:]}" for name in ("wu", "ju"))

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == code, result.output
        return result.output

    assert str(told["left"]) in run("custody", "list")
    assert str(told["left"]) in run("custody", "list", "--state", "write_up_overdue")
    assert "已退还 800支" in run("custody", "show", str(told["halved"])).replace("\n", "")
    assert (
        json.loads(run("custody", "show", str(told["halved"]), "--format", "json"))["goods"][0]["held"]
        == 1200
    )
    assert "销毁" in run("custody", "chain", str(told["destroyed"]))
    store, person = str(told["store"]), str(room.town.people["li"])
    run("custody", "take-in", str(told["left"]), "--store", store, "--person", person, "--as", keeper)
    run("custody", "write-up", str(told["left"]), "--approval-no", "样补1号", "--as", leader)
    run(
        "custody", "decide", str(told["left"]), "--outcome", "transfer", "--on", "2026-07-07", "--document-no", "样处2号",
        "--reason", "移送公安机关", "--as", leader,
    )  # fmt: skip
    run(
        "custody",
        "transfer",
        str(told["left"]),
        "--to-unit",
        "样例县公安局",
        "--document-no",
        "样移2号",
        "--as",
        keeper,
    )
    assert "已移送 3000克" in run("custody", "show", str(told["left"])).replace("\n", "")
    assert store in run("custody", "stores")
    assert "在库" in run("report", "custody")


def test_the_command_line_takes_names_codes_and_numbers(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", room.kernel.settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    suffix = room.town.bureau_id.hex[-6:]
    keeper, leader = (f"{name}-{suffix}" for name in ("wu", "ju"))
    listed = room.registered(MONDAY, LEAF)
    while True:
        with room.at() as work:
            if not number_records(work):
                break
    with room.at() as work:
        (number,) = (
            row.numbers["registration_list"]
            for row in work.session.scalars(select(Record).filter_by(id=listed))
        )

    assert number in said("custody", "list")
    opening = ("custody", "open-store", "--code", "K7", "--name", "证物库", "--as", leader, "--keeper")
    assert "没有账号“nobody”" in refused(*opening, "nobody").detail
    said(*opening, keeper.upper())
    (offered,) = (
        one["offered_id"]
        for one in json.loads(said("custody", "stores", "--format", "json"))["items"]
        if one["code"] == "K7"
    )
    said("custody", "acknowledge", offered, "--as", keeper)
    assert keeper in said("custody", "stores")
    typed = number.replace("〔", "[").replace("〕", "]")
    certificate = room.town.cert_nos["li"]
    for wrong, told in (
        (("--store", "K8"), "“K8”的证物库"),
        (("--person", "样执99999"), "“样执99999”的人员"),
    ):
        given = {"--store": "K7", "--person": certificate} | {wrong[0]: wrong[1]}
        options = [text for pair in given.items() for text in pair]
        assert told in refused("custody", "take-in", typed, *options, "--as", keeper).detail
    assert "样登〔2026〕999号" in refused("custody", "show", "样登〔2026〕999号").detail
    said("custody", "take-in", typed, "--store", "K7", "--person", certificate, "--as", keeper)
    assert "在库 3000克" in said("custody", "show", number).replace("\n", "")
    assert "入库" in said("custody", "chain", number)


def test_a_list_of_nothing_says_so(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", room.kernel.settings.database_url)
    assert "没有数据 · nothing to list" in said("co-signatures")
