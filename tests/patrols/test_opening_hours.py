"""When subjects are open: how a week reads, who may note it, that the last word holds, and sheets of them."""

from __future__ import annotations

import csv
import json
import uuid
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from geoalchemy2.shape import from_shape
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.outlets.models import Site
from server.patrols.models import OpeningHours
from server.patrols.opening import hours_on
from server.patrols.opening_register import spans_of
from server.patrols.opening_week import read_week, spans_on
from tests.api.conftest import problem_of
from tests.command_line import said, xunge
from tests.one_house import Client, app, client, kernel, settings, town
from tests.town import MONDAY, ZONE, Town, client_of, settle_town

__all__ = ["app", "client", "kernel", "settings", "town"]

NIGHTS = {"5": [["18:00", "02:00"]], "6": [["10:00", "12:00"], ["18:00", "24:00"]]}
FRIDAY = date(2026, 7, 10)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def weeks(draw: st.DrawFn) -> tuple[set[int], dict[str, list[list[str]]]]:
    """The minutes of a week in which a shop is open, and the week written down as spans of at most a day."""
    edges = sorted(draw(st.sets(st.integers(0, 7 * 1440 - 1), min_size=2, max_size=12)))
    if len(edges) % 2:
        edges.pop()
    is_open: set[int] = set()
    week: dict[str, list[list[str]]] = {}
    for begins, ends in zip(edges[::2], edges[1::2], strict=True):
        last = min(ends, begins + 1439)
        is_open |= set(range(begins, last))
        day, opens = divmod(begins, 1440)
        closes = "24:00" if last == (day + 1) * 1440 else clock(last % 1440)
        week.setdefault(str(day + 1), []).append([clock(opens), closes])
    return is_open, week


@given(weeks(), st.randoms())
def test_a_day_is_open_in_exactly_the_minutes_of_its_week(
    drawn: tuple[set[int], dict[str, list[list[str]]]], chance: Any
) -> None:
    is_open, written = drawn
    shuffled = {day: chance.sample(spans, len(spans)) for day, spans in written.items()}
    week = read_week(shuffled)
    assert read_week(week) == week
    for weekday in range(7):
        day = FRIDAY - timedelta(days=FRIDAY.isoweekday() - 1 - weekday)
        midnight = datetime.combine(day, time(), ZONE)
        found = {
            minute
            for opens, closes in spans_on(week, day, ZONE)
            for minute in range(
                max(0, int((opens - midnight) / timedelta(minutes=1))),
                min(1440, int((closes - midnight) / timedelta(minutes=1))),
            )
        }
        assert found == {minute - weekday * 1440 for minute in is_open if minute // 1440 == weekday}


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    def at(day: int, hour: int) -> datetime:
        return datetime(2026, 7, day, hour, tzinfo=ZONE)

    week = read_week(NIGHTS)
    assert spans_on(week, date(2026, 7, 10), ZONE) == [(at(10, 18), at(11, 2))]
    assert spans_on(week, date(2026, 7, 11), ZONE) == [
        (at(10, 18), at(11, 2)),
        (at(11, 10), at(11, 12)),
        (at(11, 18), at(12, 0)),
    ]
    assert spans_on(week, date(2026, 7, 12), ZONE) == []
    assert spans_on(read_week({"7": [["22:00", "04:00"]]}), date(2026, 7, 13), ZONE) == [
        (at(12, 22), at(13, 4))
    ]


@pytest.mark.parametrize(
    ("week", "path", "code"),
    [
        ({"0": []}, "/week", "weekday_unknown"),
        ({"周一": []}, "/week", "weekday_unknown"),
        ({"1": [["8:00", "21:00"]]}, "/week/1/0", "hours_malformed"),
        ({"1": [["08:00", "24:01"]]}, "/week/1/0", "hours_malformed"),
        ({"1": [["24:00", "08:00"]]}, "/week/1/0", "hours_malformed"),
        ({"1": [["08:00"]]}, "/week/1/0", "hours_malformed"),
        ({"1": "08:00"}, "/week/1", "hours_malformed"),
        ({"1": [["08:00", "12:00"], ["08:00", "08:00"]]}, "/week/1/1", "hours_empty"),
        ({"1": [["08:00", "12:00"], ["11:59", "14:00"]]}, "/week", "hours_overlap"),
        ({"1": [["22:00", "09:00"]], "2": [["08:00", "12:00"]]}, "/week", "hours_overlap"),
        ({"7": [["22:00", "09:00"]], "1": [["08:00", "12:00"]]}, "/week", "hours_overlap"),
        (
            {"3": [[clock(hour * 60), clock(hour * 60 + 30)] for hour in range(9)]},
            "/week/3",
            "hours_too_many",
        ),
    ],
)
def test_a_week_that_means_nothing_is_refused_at_its_place(week: Any, path: str, code: str) -> None:
    with pytest.raises(Problem) as refused:
        read_week(week)
    assert [(one["path"], one["code"]) for one in refused.value.errors] == [(path, code)]


def test_spans_that_touch_do_not_overlap_and_midnight_has_one_spelling() -> None:
    week = {"1": [["12:00", "00:00"], ["08:00", "12:00"]], "2": [["00:00", "08:00"]], "3": []}
    assert read_week(week) == {"1": [["08:00", "12:00"], ["12:00", "24:00"]], "2": [["00:00", "08:00"]]}


def hours_of(outlet: uuid.UUID) -> str:
    return f"/api/v1/outlets/{outlet}/opening-hours"


def test_the_last_word_holds_and_the_others_stay(client: Client, kernel: Kernel, town: Town) -> None:
    outlet = town.outlets[0]
    nobody = client("wang").get(hours_of(outlet)).get_json()
    assert (nobody["week"], nobody["known_at"], nobody["history"]) == (None, None, [])
    assert nobody["subject_kind"] == "outlet"

    first = client("wang").put(hours_of(outlet), json={"week": NIGHTS, "note": "门上告示"})
    assert first.status_code == 200
    assert first.get_json()["week"] == NIGHTS
    # The same said again is no other word.
    client("wang").put(hours_of(outlet), json={"week": NIGHTS, "note": "门上告示"})
    client("ju").put(hours_of(outlet), json={"week": {"1": [["09:00", "20:30"]]}})
    gone = client("li").put(hours_of(outlet), json={"week": None, "note": "已改行"}).get_json()
    assert gone["week"] is None
    assert [one["week"] for one in gone["history"]] == [{"1": [["09:00", "20:30"]]}, NIGHTS]
    assert gone["by"] == gone["history"][1]["by"].replace("wang", "li") == "li"

    with kernel.work(house(town.bureau_id), MONDAY) as work:
        assert hours_on(work, town.outlets, FRIDAY) == {}
    with kernel.sessions() as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text("update opening_hours set note = 'x'"))


def test_the_planner_is_told_the_hours_of_a_day(client: Client, kernel: Kernel, town: Town) -> None:
    open_at_night, closed, unknown = town.outlets[1], town.outlets[2], town.outlets[3]
    client("li").put(hours_of(open_at_night), json={"week": NIGHTS})
    client("ju").put(hours_of(closed), json={"week": {}})
    client("ju").put(hours_of(unknown), json={"week": NIGHTS})
    client("ju").put(hours_of(unknown), json={"week": None})
    with kernel.work(house(town.bureau_id), datetime.now(ZONE)) as work:
        told = hours_on(work, town.outlets[1:], date(2026, 7, 11))
    assert told[closed] == []
    assert unknown not in told
    assert [opens.isoformat() for opens, _ in told[open_at_night]] == [
        "2026-07-10T18:00:00+08:00",
        "2026-07-11T10:00:00+08:00",
        "2026-07-11T18:00:00+08:00",
    ]


def test_only_who_works_there_or_leads_may_note_them(client: Client, kernel: Kernel, town: Town) -> None:
    theirs, body = town.outlets[2], {"week": NIGHTS}
    for name in ("li", "wang", "fu"):
        problem_of(client(name).put(hours_of(theirs), json=body), status=404, code="not_found")
        problem_of(client(name).get(hours_of(theirs)), status=404, code="not_found")
    for name in ("fa", "wu", "admin", "gis"):
        problem_of(client(name).put(hours_of(theirs), json=body), status=403, code="forbidden")
    assert client("gis").get(hours_of(theirs)).status_code == 200
    problem_of(client("ju").put(hours_of(uuid.uuid4()), json=body), status=404)
    fault = problem_of(client("ju").put(hours_of(theirs), json={"week": {"1": [["09:00"]]}}), status=422)
    assert fault["errors"][0]["path"] == "/week/1/0"


def test_another_bureau_is_not_found(app: Any, kernel: Kernel, town: Town) -> None:
    elsewhere = settle_town(kernel, bureau="他样局")
    theirs = client_of(app, kernel, elsewhere, "ju")
    for method in ("get", "put"):
        answer = getattr(theirs, method)(
            hours_of(town.outlets[0]), **({"json": {"week": {}}} if method == "put" else {})
        )
        problem_of(answer, status=404, code="not_found")


def test_sites_have_hours_too(client: Client, kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        depot = Site(
            id=new_id(MONDAY),
            bureau_id=town.bureau_id,
            kind="depot",
            code="网点1",
            name="试样快递点",
            facts={},
            geom=from_shape(Point(84.05, 39.05), srid=4326),
            cell_id=town.cells[0],
            edit_id=new_edit_id(),
        )
        work.session.add(depot)
    path = f"/api/v1/sites/{depot.id}/opening-hours"
    told = client("wang").put(path, json={"week": {"1": [["00:00", "24:00"]]}}).get_json()
    assert (told["subject_kind"], told["week"]) == ("depot", {"1": [["00:00", "24:00"]]})
    assert client("li").get(path).get_json()["by"] == "wang"
    problem_of(client("zhao").put(path, json={"week": {}}), status=404)


@pytest.mark.parametrize(
    ("cell", "spans"),
    [
        ("08:00-12:00，14:00-18:00", [["08:00", "12:00"], ["14:00", "18:00"]]),
        ("8：30～21：00", [["08:30", "21:00"]]),
        ("9点至次日2点", [["09:00", "02:00"]]),
        ("9点30分—21点", [["09:30", "21:00"]]),
        ("7:00到23:00", [["07:00", "23:00"]]),
        (" 休息 ", []),
        ("全天", [["00:00", "24:00"]]),
    ],
)
def test_hours_as_people_write_them(cell: str, spans: list[list[str]]) -> None:
    assert spans_of(cell) == spans


@pytest.mark.parametrize(
    "cell", ["早八晚九", "8-21", "08:00", "08:00-", "；", "08:00-12:00-18:00", "8:0-9:00"]
)
def test_hours_that_say_nothing_are_not_guessed(cell: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        spans_of(cell)


def sheet(path: Path, rows: list[list[Any]], headings: list[str]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("营业时间")
        for number, row in enumerate([headings, *rows]):
            page.write_row(number, 0, row)
    return path


def test_a_sheet_is_taken_row_by_row_and_twice_changes_nothing(
    kernel: Kernel, town: Town, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    licence = [f"9902811{number:05d}" for number in range(4)]
    days = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"]
    file = sheet(
        tmp_path / "hours.xlsx",
        [
            [licence[0], "08:00-21:00", None, None, None, None, None, "休息", "休息", "门上告示"],
            [licence[1], None, *["9:00-12:00；14:00-18:00"] * 7, None],
            [licence[1], "08:00-21:00", *[None] * 7, None],
            ["990281199999", "08:00-21:00", *[None] * 7, None],
            [None, "08:00-21:00", *[None] * 7, None],
            [licence[2], None, *["9:00-12:00"] * 6, None, None],
            [licence[2], "早八晚九", *[None] * 7, None],
            [licence[3], "20:00-次日9:00", "8:00-12:00", *[None] * 6, None],
        ],
        ["许可证号", "营业时间", *days, "备注"],
    )
    arguments = ("opening-hours", "import", str(file), "--bureau", "试样局", "--format", "json")
    dry = json.loads(said(*arguments, "--dry-run"))
    assert (dry["good"], dry["applied"]) == (2, False)
    outcome = json.loads(said(*arguments))
    assert (outcome["new"] + outcome["changed"], outcome["applied"]) == (2, True)
    assert [(bad["row"], bad["code"]) for bad in outcome["bad"]] == [
        (4, "licence_duplicate"),
        (5, "licence_unknown"),
        (6, "licence_missing"),
        (7, "hours_missing"),
        (8, "licence_duplicate"),
        (9, "hours_wrong"),
    ]
    assert "周日" in outcome["bad"][3]["detail"]
    assert "重叠" in outcome["bad"][5]["detail"]
    again = json.loads(said(*arguments))
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 2)
    strict = xunge(*arguments, "--strict")
    assert strict.exit_code == 1

    with kernel.sessions() as session:
        kept = session.scalars(
            select(OpeningHours)
            .where(OpeningHours.subject_id == town.outlets[0])
            .order_by(OpeningHours.known_at.desc())
        ).first()
    assert kept is not None
    assert kept.week == {str(day): [["08:00", "21:00"]] for day in range(1, 6)}
    assert kept.note == "门上告示"
    shown = said("opening-hours", "show", licence[0], "--bureau", "试样局")
    assert "08:00—21:00" in shown
    assert "休息" in shown
    one_day = said("opening-hours", "show", licence[0], "--bureau", "试样局", "--date", "2026-07-11")
    assert one_day.strip() == "2026-07-11：休息"
    told = json.loads(said("opening-hours", "show", licence[0], "--bureau", "试样局", "--format", "json"))
    assert told["by"] is None


def test_a_csv_with_one_column_of_hours(
    town: Town, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    file = tmp_path / "hours.csv"
    with file.open("w", encoding="gb18030", newline="") as out:
        csv.writer(out).writerows([["零售许可证号", "营业时间"], ["990281100002", "全天"]])
    said("opening-hours", "import", str(file), "--bureau", "试样局")
    shown = json.loads(
        said("opening-hours", "show", "990281100002", "--bureau", "试样局", "--format", "json")
    )
    assert shown["week"] == {str(day): [["00:00", "24:00"]] for day in range(1, 8)}
