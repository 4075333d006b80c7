"""Records are found by words, people, plates, places and times, by whoever may see them, and taken along as a file."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyogrio.raw
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import delete, select

from server import worker
from server.cli import main
from server.demo import documents
from server.kernel.actor import house
from server.kernel.work import Kernel
from server.search.folding import fold, pairs
from server.search.indexing import how_many_wait, index_records, index_waiting
from server.search.models import RecordText
from tests.api.conftest import problem_of
from tests.fieldwork import attempt_at, check_of, push_at, visit_of
from tests.one_house import Client, app, client, kernel, settings, town
from tests.town import MONDAY, Town, settle_town

__all__ = ["app", "client", "kernel", "settings", "town"]

DAY = timedelta(days=1)
Find = Callable[..., list[str]]


@pytest.fixture(scope="module")
def records(kernel: Kernel, town: Town) -> dict[str, str]:
    """Four records by what they are, indexed as the worker does."""
    told = check_of(town, 0, MONDAY)
    told["narrative"] = "店主周样例称奶茶杯电子烟系网购，联系电话10000000017。"
    told["answers"]["party_name"] = "周样例"
    failed = check_of(town, 1, MONDAY + DAY, by=("li", "wang"))
    failed["answers"]["items"]["no_vending_machine"] = {"result": "fail", "note": "店内有售卖机"}
    stopped = MONDAY + 2 * DAY
    road = documents.road_check(
        visit_of(town, 0, stopped, subject_kind="site", subject_id=None),
        Random("road"),
        stops=[(stopped + timedelta(minutes=2), True)],
    )
    road["answers"]["mode"] = "mobile"
    road["answers"]["stops"][0]["plate"] = "测a·00 008"
    door = attempt_at(town, 2, MONDAY + 3 * DAY, by=("zhao", "qian"))
    push_at(kernel, town, "li", MONDAY + 4 * DAY, told, failed, road)
    push_at(kernel, town, "zhao", MONDAY + 4 * DAY, door)
    made = {"told": told["id"], "failed": failed["id"], "road": road["id"], "door": door["id"]}
    with kernel.work(house(town.bureau_id), MONDAY + 4 * DAY) as work:
        assert index_records(work, [*made.values(), "no id"]) == 4
        assert index_records(work, list(made.values())) == 0
    return made


@pytest.fixture(scope="module")
def find(client: Client, records: dict[str, str]) -> Find:
    """Looks as somebody; which of the records are found, the newest first."""
    names = {record: name for name, record in records.items()}

    def found(by: str = "ju", **asked: Any) -> list[str]:
        answer = client(by).get("/api/v1/search/records", query_string=asked)
        assert answer.status_code == 200, answer.text
        return [names[hit["id"]] for hit in answer.get_json()["items"]]

    return found


def test_words_are_found_in_either_script_and_by_initials(find: Find, town: Town) -> None:
    assert find(q="奶茶杯") == ["told"]
    assert find(q="電子煙 網購") == ["told"]
    assert find(q="电子烟 没有这个词") == []
    # The title of an item that failed, though the officer wrote other words.
    assert find(q="自动售卖") == ["failed"]
    # 试样零售店1, by the initials of its name.
    shop = find(subject_id=str(town.outlets[0]))
    assert shop == ["told"]
    assert "told" in find(q="sy")


def test_persons_are_neither_shown_nor_found(client: Client, find: Find, records: dict[str, str]) -> None:
    assert find(q="周样例") == []
    assert find(q="10000000017") == []
    (hit,) = client("ju").get("/api/v1/search/records", query_string={"q": "奶茶杯"}).get_json()["items"]
    assert "奶茶杯" in hit["excerpt"]
    assert "周样例" not in str(hit)
    (stopped,) = (
        client("ju").get("/api/v1/search/records", query_string={"plate": "测A00008"}).get_json()["items"]
    )
    assert stopped["plates"] == ["测A***08"]


def test_each_condition(find: Find, town: Town) -> None:
    assert find() == ["door", "road", "failed", "told"]
    assert find(plate="测A 00008") == ["road"]
    assert find(kind="attempt") == ["door"]
    assert find(officer_id=str(town.people["zhao"])) == ["door"]
    assert find(since=(MONDAY + DAY).isoformat(), until=(MONDAY + 2 * DAY).isoformat()) == ["failed"]
    assert find(licence_no="0" * 12) == []
    assert find(finding="item_unproved") == ["failed"]
    lon, lat = town.positions[2]
    assert find(bbox=f"{lon - 1e-4},{lat - 1e-4},{lon + 1e-4},{lat + 1e-4}") == ["door"]
    assert find(valid="false", kind="ecig_check") == ["failed"]


def test_nobody_finds_what_he_may_not_see(find: Find) -> None:
    assert find("li") == ["road", "failed", "told"]
    assert find("zhao") == ["door"]
    assert find("zhao", q="奶茶杯") == []


def test_pages_follow_one_another(client: Client, records: dict[str, str]) -> None:
    seen: list[str] = []
    after = None
    while True:
        asked = {"limit": 3, **({"after": after} if after else {})}
        page = client("ju").get("/api/v1/search/records", query_string=asked).get_json()
        seen += [hit["id"] for hit in page["items"]]
        after = page["after"]
        if after is None:
            break
    assert seen == [records[name] for name in ("door", "road", "failed", "told")]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"q": "烟"}, "/q"),
        ({"q": "   "}, "/q"),
        ({"q": "电子 烟"}, "/q"),
        ({"kind": "spell"}, "/kind"),
        ({"bbox": "1,2,3"}, "/bbox"),
        ({"since": "gestern"}, "/since"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_is_not_understood_is_told(client: Client, asked: dict[str, str], path: str) -> None:
    answer = client("ju").get("/api/v1/search/records", query_string=asked)
    assert {fault["path"] for fault in problem_of(answer, code="invalid")["errors"]} == {path}


def test_what_is_found_is_taken_along(
    client: Client, records: dict[str, str], tmp_path: Path, town: Town
) -> None:
    def file(shape: str, **asked: str) -> bytes:
        answer = client("ju").get("/api/v1/search/records/export", query_string={"format": shape, **asked})
        assert answer.status_code == 200, answer.text
        return answer.data

    rows = list(csv.DictReader(io.StringIO(file("csv").decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [records[name] for name in ("door", "road", "failed", "told")]
    assert "00008" not in file("csv", kind="road_check").decode()
    page = load_workbook(io.BytesIO(file("xlsx", q="奶茶杯"))).active
    assert page is not None
    assert [cell.value for cell in page["A"]] == ["记录", records["told"]]
    layer = tmp_path / "records.gpkg"
    layer.write_bytes(file("gpkg"))
    told, _, geometries, columns = pyogrio.raw.read(str(layer))
    assert told["crs"] == "EPSG:4326"
    assert len(geometries) == 4
    ids = columns[list(told["fields"]).index("record_id")]
    assert set(ids) == set(records.values())


def test_the_command_line_finds_and_writes(kernel: Kernel, records: dict[str, str], tmp_path: Path) -> None:
    environment = {
        "XUNGE_DATABASE_URL": kernel.settings.database_url,
        "XUNGE_REDIS_URL": kernel.settings.redis_url,
    }

    def run(*words: str) -> Any:
        return CliRunner().invoke(main, list(words), env=environment)

    shown = run("find", "奶茶杯")
    assert shown.exit_code == 0, shown.output
    assert records["told"] in shown.output
    assert "没有找到" in run("find", "绝无此词").output
    out = tmp_path / "found.csv"
    assert run("find", "--kind", "attempt", "--out", str(out)).exit_code == 0
    assert records["door"] in out.read_text(encoding="utf-8-sig")
    assert run("find", "--out", str(tmp_path / "found.doc")).exit_code == 2


def test_a_record_whose_indexing_was_lost_is_indexed_later(
    kernel: Kernel, town: Town, records: dict[str, str], find: Find
) -> None:
    with kernel.work(house(town.bureau_id), MONDAY + 5 * DAY) as work:
        work.session.execute(delete(RecordText).where(RecordText.record_id == uuid.UUID(records["told"])))
    assert find(q="奶茶杯") == []
    with kernel.work(house(town.bureau_id), MONDAY + 5 * DAY) as work:
        assert (how_many_wait(work), index_waiting(work), index_waiting(work)) == (1, 1, 0)
    assert find(q="奶茶杯") == ["told"]
    with kernel.sessions() as session:
        text = session.scalars(select(RecordText.text).filter_by(record_id=uuid.UUID(records["told"]))).one()
    assert "周样例" not in text


def test_what_is_left_is_indexed_a_job_at_a_time_until_nothing_is(
    kernel: Kernel, town: Town, records: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    told = replace(kernel, enqueue=lambda job, _: asked.append(job))
    monkeypatch.setattr(worker, "_kernel", lambda: told)
    worker.index_waiting()
    assert asked == []
    with kernel.work(house(town.bureau_id), MONDAY + 5 * DAY) as work:
        work.session.execute(delete(RecordText).where(RecordText.record_id == uuid.UUID(records["told"])))
    worker.index_waiting()
    assert asked == [f"{worker.__name__}.{worker.index_waiting.__name__}"]
    worker.index_waiting()
    assert len(asked) == 1


@given(st.text(alphabet="烟電子 煙Ａa１样", max_size=30), st.integers(0, 20), st.integers(2, 8))
def test_whatever_stands_in_a_text_is_led_to_by_its_pairs(text: str, start: int, length: int) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    for word in folded[start : start + length].split():
        if len(word) > 1:
            assert pairs(word) <= pairs(folded)


def test_a_record_that_names_something_of_another_bureau_is_not_told_its_name(
    client: Client, kernel: Kernel, town: Town, records: dict[str, str]
) -> None:
    other = settle_town(kernel, MONDAY, bureau="他样局")
    at = MONDAY + 6 * DAY
    stray = check_of(town, 0, at) | {"subject_id": str(other.outlets[0])}
    push_at(kernel, town, "li", at + timedelta(hours=1), stray)
    asked = {"subject_id": str(other.outlets[0])}
    (hit,) = client("ju").get("/api/v1/search/records", query_string=asked).get_json()["items"]
    assert (hit["id"], hit["subject_name"], hit["licence_no"]) == (stray["id"], None, None)
