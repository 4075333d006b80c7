"""The pack on paper: everything of it as text, the same bytes the same pages, and a sketch on which nothing is hidden."""

from __future__ import annotations

import io
import math
import re
from datetime import date
from typing import Any

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from server.briefings.paper import html_of, pdf_of
from server.briefings.queries import content_of
from server.briefings.sketch import RADIUS, Stop, svg_of
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.org.models import Squad
from server.outlets.models import Outlet
from tests.briefings.conftest import Room, at
from tests.patrols.given_out import Team, give_out, owed_of

FRIDAY = at(7, 10)


def text_of(pdf: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return "".join("".join(page.extract_text() for page in pages).split())


@pytest.fixture
def planned(room: Room) -> Room:
    """Friday with a plan of two teams, one of which walks."""
    with room.kernel.work(house(room.town.bureau_id), at(7, 9, 16)) as work:
        owed = [owed_of(work, room.town, outlet, "2026-W28") for outlet in (0, 1)]
        give_out(
            work,
            room.town,
            0,
            date(2026, 7, 10),
            Team(("li", "wang"), (0,), "测A00001", obligations={0: [owed[0]]}),
            Team(("fu",), (3,)),
            unfitted=[(1, "no_time", [owed[1]])],
        )
    return room


def test_everything_of_the_pack_is_on_paper(planned: Room) -> None:
    pack = planned.make(FRIDAY)
    text = text_of(pdf_of(pack))
    for said in (
        *(planned.bureau, "试样1中队", "工作例会材料", "2026-07-10（周五）", "第1版", "li制作"),
        *("今日应完成", "今日为期限前最后一个工作日2项", "周复查", "2026-W28", "第1组", "未排入：当天排不下"),
        *("试样0号便利店", "990281100000", "试样1号便利店", "电子烟周复查表"),
        *("测A00001", "步行", "08:30至17:30", "09:00", "12.3公里", "自试样中队驻地出发并返回"),
        *("今日计划没有关联检查审批", "内部资料", pack.sha256, "共3页"),
    ):
        assert said in text, said


def test_the_same_bytes_give_the_same_pages(planned: Room) -> None:
    pack = planned.make(FRIDAY)
    assert pdf_of(pack) == pdf_of(pack)


def test_a_pack_too_long_for_a_request_is_said_to_be(planned: Room) -> None:
    pack = planned.make(FRIDAY)
    with pytest.raises(Problem) as refused:
        pdf_of(pack, most_cells=23)
    assert (refused.value.code, "共 4 行" in refused.value.detail) == ("report_too_long", True)
    assert pdf_of(pack, most_cells=24)[:5] == b"%PDF-"


def test_a_pack_with_nothing_in_it_says_so(room: Room) -> None:
    wednesday = room.make(at(7, 8), "ju")
    text = text_of(pdf_of(wednesday))
    assert "今日没有到期或逾期的任务" in text
    assert text.count("今日没有已下发的巡查计划") == 2


def test_what_people_wrote_is_text(planned: Room) -> None:
    with planned.kernel.work(house(planned.town.bureau_id), at(7, 9, 17)) as work:
        first = update(Outlet).where(Outlet.id == planned.town.outlets[0])
        work.session.execute(first.values(name="<script>alert(1)</script>"))
        own = update(Squad).where(Squad.id == planned.town.squads[0])
        work.session.execute(own.values(name='"><img src=x>'))
    pack = planned.make(FRIDAY)
    html = html_of(content_of(pack), pack.sha256)
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_a_pack_made_ahead_is_marked(planned: Room) -> None:
    pack = planned.make(at(7, 9, 18), day=date(2026, 7, 10))
    assert "提前制作：所列状态为此后不再检查时2026-07-1007:30的状态" in text_of(pdf_of(pack))


places = st.tuples(st.integers(84_000_000, 84_200_000), st.integers(38_900_000, 39_100_000)).map(list)


@settings(deadline=None)
@given(places, places, st.lists(places, min_size=1, max_size=25, unique_by=tuple), st.booleans())
def test_no_number_lies_on_another_and_none_outside(
    start: list[int], end: list[int], where: list[list[int]], has_line: bool
) -> None:
    stops = [Stop(number, place) for number, place in enumerate(where, start=1)]
    svg = svg_of("试样", start, end, stops, [start, *where, end] if has_line else None)
    assert svg is not None
    assert ("stroke-dasharray" in svg) != has_line
    high = float(re.findall(r'viewBox="0 0 1000 (\d+)"', svg)[0])
    drawn = [
        (float(x), float(y))
        for x, y in re.findall(rf'<circle cx="([\d.-]+)" cy="([\d.-]+)" r="{RADIUS}"', svg)
    ]
    numbers = re.findall(r">(\d+)</text>", svg)
    assert numbers == [str(stop.number) for stop in stops]
    assert all(0 < x < 1000 and 0 < y < high for x, y in drawn)
    close = [
        (one, other)
        for at_, one in enumerate(drawn)
        for other in drawn[at_ + 1 :]
        if math.dist(one, other) < 2 * RADIUS - 1.2
    ]
    assert close == []


def test_without_stops_there_is_nothing_to_draw() -> None:
    nothing: Any = svg_of("试样", [84_000_000, 39_000_000], [84_000_000, 39_000_000], [], None)
    assert nothing is None
