"""The public duty board: anybody finds who answers for a cell, without signing in, and nothing else of anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from server.access.models import Account
from server.app import create_app
from server.grids.models import GridCell
from server.kernel.paging import decode_after
from server.kernel.settings import Settings
from server.org.models import Bureau, Person, Squad
from server.outlets.models import Outlet
from tests.api.conftest import problem_of
from tests.duty_cells.conftest import Desk
from tests.town import Town, settle_town

PAGE = "/duty-board/990281"
BOARD = "/api/v1/duty-boards/990281"
PUBLIC = {"cell_code", "cell_name", "town", "cell_type", "squad", "lead", "cert_no", "since"}
PHONE = "0999-1234 567"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The bureau has a telephone."""
    return replace(settings, public_phone=PHONE)


@pytest.fixture
def public(app: Flask) -> FlaskClient:
    """Somebody who never signed in."""
    return app.test_client()


def board(public: FlaskClient, **query: Any) -> dict[str, Any]:
    answer = public.get(BOARD, query_string=query)
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, Any] = answer.get_json()
    return told


def codes(told: dict[str, Any]) -> list[str]:
    return [one["cell_code"] for one in told["items"]]


def test_anybody_finds_who_answers_for_a_cell(desk: Desk, public: FlaskClient) -> None:
    desk.change(desk.line([1], 1, "qian"), endings=[desk.ending([3])])
    township = desk.add_cell("9902-T", 0, cell_level=3, cell_type=None, name="试样镇")
    desk.below(township, 1)
    told = board(public)
    assert (told["bureau"], told["day"], told["phone"]) == ("试样局", desk.day(0), PHONE)
    assert (told["cells"], told["vacant"], told["after"]) == (4, 1, None)
    assert told["items"][1] == {
        "cell_code": "9902-1",
        "cell_name": "试样1格",
        "town": "试样镇",
        "cell_type": "城市街道",
        "squad": "试样2中队",
        "lead": "qian",
        "cert_no": desk.town.cert_nos["qian"],
        "since": desk.day(0),
    }
    vacant = told["items"][3]
    assert [vacant[name] for name in ("squad", "lead", "cert_no", "since")] == [None] * 4


def test_the_board_is_of_today(desk: Desk, public: FlaskClient) -> None:
    desk.change(desk.line([0], 1, "zhao", later=1))
    assert board(public)["items"][0]["lead"] == "li"
    desk.clock.pass_by(days=1)
    assert board(public)["items"][0]["lead"] == "zhao"


def test_cells_for_the_layout_plan_are_not_on_it(desk: Desk, public: FlaskClient) -> None:
    desk.add_cell("9902-L", 9, purpose="layout")
    assert codes(board(public)) == ["9902-0", "9902-1", "9902-2", "9902-3"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("9902-2", ["9902-2"]),
        (" 样3格 ", ["9902-3"]),
        ("试样1中队", ["9902-0", "9902-1"]),
        ("某镇", ["9902-2"]),
        ("zhao", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("'; drop table outlet; --", []),
        ("", ["9902-0", "9902-1", "9902-2", "9902-3"]),
    ],
)
def test_a_shop_finds_itself_by_cell_town_or_squad(
    desk: Desk, public: FlaskClient, words: str, found: list[str]
) -> None:
    desk.below(desk.add_cell("9902-T", 0, cell_level=3, cell_type=None, name="某镇"), 2)
    told = board(public, q=words)
    assert codes(told) == found
    assert told["cells"] == len(found)
    assert (found[0] if found else "没有符合") in public.get(PAGE, query_string={"q": words}).text


def test_pages_follow_one_another(desk: Desk, public: FlaskClient) -> None:
    first = board(public, limit=3)
    rest = board(public, limit=3, after=first["after"])
    assert codes(first) + codes(rest) == ["9902-0", "9902-1", "9902-2", "9902-3"]
    assert (first["cells"], rest["cells"], rest["after"]) == (4, 4, None)
    # As a page: the link leads on, with the search.
    page = public.get(PAGE, query_string={"q": "格", "limit": 3}).text
    (link,) = re.findall(r'rel="next" href="([^"]+)"', page)
    following = public.get(PAGE + link.replace("&amp;", "&")).text
    assert "9902-3" in following
    assert "9902-0" not in following


def test_what_is_asked_wrongly(desk: Desk, public: FlaskClient) -> None:
    for query in ({"after": "x"}, {"limit": 0}, {"limit": "all"}, {"q": "长" * 61}, {"q": "\0"}):
        problem_of(public.get(BOARD, query_string=query), status=422)
        page = public.get(PAGE, query_string=query)
        assert (page.status_code, page.mimetype) == (422, "text/html"), query
        assert page.headers["Cache-Control"] == "no-store"
    problem_of(public.get(BOARD, query_string={"squad": "1"}), status=422)
    # What was stuck to a link on its way is passed over by the page.
    assert public.get(PAGE, query_string={"utm_source": "x"}).status_code == 200


@pytest.mark.parametrize("code", ["990282", "99", "990281x", "%00", "x y", "' or 1=1"])
def test_a_code_of_no_bureau_is_not_found(desk: Desk, public: FlaskClient, code: str) -> None:
    problem_of(public.get(f"/api/v1/duty-boards/{code}"), status=404)
    page = public.get(f"/duty-board/{code}")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "没有这个行政区划代码" in page.text


def test_one_bureau_is_shown_at_once_and_of_several_one_is_chosen(desk: Desk, public: FlaskClient) -> None:
    leads = public.get("/duty-board")
    assert (leads.status_code, leads.headers["Location"]) == (302, PAGE)
    other = settle_town(desk.kernel, bureau="他样局")
    with desk.kernel.sessions() as session, session.begin():
        session.execute(update(Bureau).where(Bureau.id == other.bureau_id).values(region_code="990282"))
    assert public.get("/api/v1/duty-boards").get_json() == {
        "items": [
            {"bureau": "试样局", "region_code": "990281"},
            {"bureau": "他样局", "region_code": "990282"},
        ]
    }
    page = public.get("/duty-board").text
    assert 'href="/duty-board/990282">他样局' in page
    desk.change(desk.line([0], 0, "wang"))
    assert [one["lead"] for one in board(public)["items"]] == ["wang", "li", "zhao", "zhao"]
    theirs = public.get("/api/v1/duty-boards/990282").get_json()
    assert (theirs["bureau"], [one["lead"] for one in theirs["items"]]) == (
        "他样局",
        ["li", "li", "zhao", "zhao"],
    )


def test_two_bureaus_of_one_code_are_told_apart_by_nobody(desk: Desk, public: FlaskClient) -> None:
    settle_town(desk.kernel, bureau="他样局")
    problem_of(public.get(BOARD), status=409, code="conflict")
    assert public.get(PAGE).status_code == 409


def test_where_no_bureau_has_cells_there_is_no_board(settings: Settings) -> None:
    empty = create_app(settings)
    page = empty.test_client().get("/duty-board")
    assert (page.status_code, "还没有职责公示" in page.text) == (404, True)
    assert empty.test_client().get("/api/v1/duty-boards").get_json() == {"items": []}
    empty.extensions["xunge"].close()


def test_nothing_else_of_anybody_is_told(desk: Desk, public: FlaskClient) -> None:
    """Whatever the house knows is marked, and no mark, no id and no position comes out in any shape."""
    desk.hire("秘密同事", 0)
    desk.change(endings=[desk.ending([3])], reason="秘密理由")
    with desk.work() as work:
        for table, names in (
            (Person, ("phone", "staff_no")),
            (Outlet, ("name", "holder_name", "address", "phone", "note")),
        ):
            values = {name: f"秘密{name}" for name in names if name != "staff_no"}
            work.session.execute(update(table).values(values))
        work.session.execute(update(Person).values(staff_no=Person.staff_no + "秘密"))
        work.session.execute(update(Account).values(username=Account.username + "秘密"))
        work.session.execute(update(GridCell).values(planned_count=98765, existing_count=87654))
    with desk.kernel.sessions() as session:
        known = [
            str(one)
            for table in (Person, Squad, GridCell, Outlet, Bureau)
            for one in session.scalars(select(table.id))
        ]
    listed = [public.get("/api/v1/duty-boards"), public.get("/duty-board")]
    pages = [
        public.get(path, query_string=query)
        for path in (BOARD, PAGE)
        for query in ({}, {"limit": 2}, {"q": "格"})
    ]
    for answer in (*listed, *pages):
        told = answer.text + repr(dict(answer.headers)) + _unpacked(answer.text)
        for secret in ("秘密", "98765", "87654", "84.0", "39.05", "9902811", *known):
            assert secret not in told, secret
        assert not re.search("[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}", re.sub('W/"[0-9a-f]+"', "", told))
        assert "Set-Cookie" not in answer.headers
    for one in board(public)["items"]:
        assert set(one) == PUBLIC
    assert desk.town.cert_nos["li"] in pages[0].text
    assert desk.town.cert_nos["li"] in pages[3].text
    # Only who leads is named, not whoever is in the squad.
    assert desk.town.cert_nos["wang"] not in pages[0].text + pages[3].text


def _unpacked(text: str) -> str:
    """What the places of pages in links say, which are written in base64."""
    places = re.findall(r'after(?:=|":")([\w-]+)', text)
    return repr([decode_after(place, [str]) for place in places])


def test_it_is_kept_for_a_while_and_asked_for_again_by_its_tag(desk: Desk, public: FlaskClient) -> None:
    for path in (BOARD, PAGE, "/api/v1/duty-boards"):
        for coding in ("identity", "gzip", "zstd"):
            headers = {"Accept-Encoding": coding}
            first = public.get(path, headers=headers)
            assert first.headers["Cache-Control"] == "public, max-age=300"
            again = public.get(path, headers={**headers, "If-None-Match": first.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b""), (path, coding)
    tag = public.get(PAGE).headers["ETag"]
    desk.change(desk.line([0], 0, "wang"))
    changed = public.get(PAGE, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert "wang" in changed.text


def test_one_address_may_ask_so_often(settings: Settings, town: Town) -> None:
    narrow = create_app(replace(settings, board_limit="3 per hour"))
    for path in ("/duty-board", PAGE, BOARD, "/api/v1/duty-boards"):
        statuses = [narrow.test_client().get(path).status_code for _ in range(4)]
        assert statuses[-1] == 429, path
        assert 429 not in statuses[:3], path
    narrow.extensions["xunge"].close()


def test_the_page_runs_nothing_and_names_escape(desk: Desk, public: FlaskClient) -> None:
    hostile = "<script>alert(1)</script>\"'&"
    with desk.work() as work:
        work.session.execute(update(Squad).where(Squad.id == desk.town.squads[0]).values(name=hostile))
    page = public.get(PAGE, query_string={"q": hostile})
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in page.text
    found = Outline(page.text)
    assert hostile in found.text
    assert ("input", hostile) in found.values
    assert found.links == []


class Outline(HTMLParser):
    """What a reader of the page meets: its texts, its tags with their attributes, what it loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.values = "", []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if "value" in given:
            self.values.append((tag, given["value"]))
        if tag in ("link", "script", "img", "iframe") or "src" in given:
            self.links.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_built_for_every_reader(desk: Desk, public: FlaskClient) -> None:
    """What a machine can see of it: language, headings, labels, the table's headings, and no width that overflows."""
    desk.change(endings=[desk.ending([3])])
    found = Outline(public.get(PAGE).text)
    tags = [tag for tag, _ in found.tags]
    assert found.tags[0] == ("html", {"lang": "zh-Hans"})
    assert tags.count("h1") == tags.count("main") == tags.count("header") == tags.count("footer") == 1
    assert ("label", {"for": "q"}) in found.tags
    headings = [given for tag, given in found.tags if tag == "th"]
    assert all(given.get("scope") in ("col", "row") for given in headings)
    assert sum(given["scope"] == "row" for given in headings) == 4
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in found.tags
    assert "0999-1234 567" in found.text
    assert ("a", {"href": "tel:0999-1234567"}) in found.tags
    assert "待落实 not assigned yet" in " ".join(found.text.split())
