"""Printing papers over HTTP and on the command line: who may, what is kept of it, and who can verify it."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pypdf
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from schemas.vocabulary import PaperKind
from server.app import create_app
from server.cli import main
from server.demo.documents import Document
from server.kernel.events import Event
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.org.models import Bureau
from server.papers.models import Paper
from server.papers.verifying import code_of, digest_of
from tests.api.conftest import problem_of
from tests.evidence.conftest import Device, sha256_of
from tests.evidence.pictures import a_photo
from tests.fieldwork import check_of, push_at
from tests.papers.conftest import Numbering
from tests.papers.test_numbers import LATER, ordered_check
from tests.town import MONDAY, Town, client_of

Client = Callable[[str], FlaskClient]
KIND = PaperKind.INSPECTION_RECORD


@pytest.fixture
def client(app: Flask, kernel: Kernel, town: Town) -> Client:
    """A client for each of the town's people."""
    return lambda name: client_of(app, kernel, town, name)


def pushed(kernel: Kernel, town: Town, **given: Any) -> Document:
    """An inspection with an order, sent by its officer."""
    record = ordered_check(town, MONDAY - timedelta(hours=1), **given)
    record["provisional_no"] = "临-03"
    assert push_at(kernel, town, "li", MONDAY, record) == []
    return record


def text_of(pdf: bytes) -> str:
    """What stands in a PDF, without blanks."""
    return "".join("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def code_for(record: Document, kind: PaperKind = KIND) -> str:
    return code_of(kind, uuid.UUID(record["id"]), digest_of(record))


def test_a_paper_is_printed_with_its_number_and_that_is_kept(
    kernel: Kernel, town: Town, number: Numbering, client: Client
) -> None:
    record = pushed(kernel, town)
    address = f"/api/v1/records/{record['id']}/papers"
    early = client("li").get(f"{address}/inspection_record.pdf")
    assert early.mimetype == "application/pdf"
    assert "正式编号待编" in text_of(early.get_data())
    number(LATER)
    answer = client("ju").get(f"{address}/inspection_record.pdf")
    text = text_of(answer.get_data())
    for expected in (
        "检查（勘验）笔录",
        "样烟检〔2026〕1号",
        "临时编号：临-03",
        "样执00000",
        code_for(record),
    ):
        assert expected in text
    assert "检查（勘验）笔录 样烟检〔2026〕1号.pdf" in unquote(answer.headers["Content-Disposition"])
    assert client("ju").get(f"{address}/inspection_record.pdf").get_data() == answer.get_data()
    order = text_of(client("fa").get(f"{address}/rectification_order.pdf").get_data())
    assert "样烟改〔2026〕1号" in order
    assert "2026年7月20日前改正" in order

    items = client("li").get(address).get_json()["items"]
    assert [(one["kind"], one["number"], one["times_printed"]) for one in items] == [
        ("inspection_record", "样烟检〔2026〕1号", 3),
        ("rectification_order", "样烟改〔2026〕1号", 1),
    ]
    with kernel.sessions() as session:
        rows = session.scalars(
            select(Paper).filter_by(record_id=uuid.UUID(record["id"]), kind=KIND.value).order_by(Paper.id)
        ).all()
        events = session.scalars(
            select(Event).filter_by(name="paper.printed", bureau_id=town.bureau_id)
        ).all()
    assert [row.number for row in rows] == [None, "样烟检〔2026〕1号", "样烟检〔2026〕1号"]
    assert [row.account_id for row in rows] == [town.accounts[name] for name in ("li", "ju", "ju")]
    assert rows[1].sha256 == sha256_of(answer.get_data()) == rows[2].sha256
    assert {row.document_sha256 for row in rows} == {digest_of(record)}
    assert len(events) == 4
    assert record["answers"]["party_name"] not in str([event.facts for event in events])


def test_who_may_not_and_what_is_not_there(kernel: Kernel, town: Town, client: Client) -> None:
    record = pushed(kernel, town)
    plain = check_of(town, 0, MONDAY - timedelta(hours=3))
    push_at(kernel, town, "li", MONDAY, plain)
    paper = f"/api/v1/records/{record['id']}/papers/inspection_record.pdf"
    for name in ("fu", "gis", "admin"):
        problem_of(client(name).get(paper), status=403, code="forbidden")
    # Another squad's officer does not see the record, so there is none for him.
    problem_of(client("zhao").get(paper), status=404, code="not_found")
    for address in (
        paper.replace("inspection_record", "registration_list"),
        paper.replace("inspection_record", "nothing"),
        f"/api/v1/records/{plain['id']}/papers/rectification_order.pdf",
    ):
        problem_of(client("li").get(address), status=404, code="paper_unknown")
    problem_of(client("li").get(paper.replace(record["id"], str(uuid.uuid4()))), status=404, code="not_found")
    problem_of(client("li").get(f"{paper}?photos=perhaps"), status=422, code="invalid")


def test_anybody_may_verify_and_learns_nothing_of_people(
    app: Flask, kernel: Kernel, town: Town, number: Numbering
) -> None:
    record = pushed(kernel, town)
    nobody = app.test_client()

    def verified(code: str) -> dict[str, Any]:
        answer: dict[str, Any] = nobody.get("/api/v1/papers/verify", query_string={"code": code}).get_json()
        return answer

    # The paper that was given out offline is known as soon as its record is, and told its number once it has one.
    assert (verified(code_for(record))["state"], verified(code_for(record))["number"]) == ("genuine", None)
    number(LATER)
    told = verified(code_for(record))
    assert told.pop("sentence").startswith("经核验")
    assert told == {
        "state": "genuine",
        "kind": "inspection_record",
        "title": "检查（勘验）笔录",
        "bureau": told["bureau"],
        "number": "样烟检〔2026〕1号",
        "day": "2026-07-06",
        "sha256": digest_of(record),
    }
    page = nobody.get(f"/verify/{code_for(record)}")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "样烟检〔2026〕1号" in page.get_data(as_text=True)
    assert record["answers"]["party_name"] not in page.get_data(as_text=True)

    altered = record | {"narrative": "另一种说法"}
    for code in (
        code_for(altered),
        code_for(record, PaperKind.REGISTRATION_LIST),
        code_of(KIND, uuid.uuid4(), digest_of(record)),
        "J-AAAA",
        "",
        "🦆",
    ):
        assert verified(code)["state"] == "unknown"
        assert verified(code)["number"] is None
    assert "<script" not in nobody.get("/verify/<script>alert(1)</script>").get_data(as_text=True)

    amending = pushed(kernel, town, amends_id=uuid.UUID(record["id"]), amend_reason="补记")
    assert verified(code_for(record))["state"] == "amended"
    assert verified(code_for(amending))["state"] == "genuine"


def test_guessing_is_slowed_down(app: Flask) -> None:
    settings = app.extensions["xunge"].settings
    narrow = create_app(replace(settings, verify_limit="3 per hour"))
    stranger = narrow.test_client()
    stranger.environ_base["REMOTE_ADDR"] = f"10.{uuid.uuid4().int % 250}.1.7"
    statuses = [
        stranger.get("/api/v1/papers/verify", query_string={"code": "J"}).status_code for _ in range(4)
    ]
    narrow.extensions["xunge"].close()
    assert statuses == [200, 200, 200, 429]


def test_the_amended_paper_and_the_amending_one_name_each_other(
    kernel: Kernel, town: Town, number: Numbering, client: Client
) -> None:
    record = pushed(kernel, town)
    amending = pushed(kernel, town, amends_id=uuid.UUID(record["id"]), amend_reason="第二名执法人员漏记。")
    number(LATER)
    first, second = (
        text_of(client("li").get(f"/api/v1/records/{one['id']}/papers/inspection_record.pdf").get_data())
        for one in (record, amending)
    )
    assert "更正理由：第二名执法人员漏记。应与更正后的文书一并使用。" in first
    assert "本文书为更正后的文书（第1次更正），更正理由：第二名执法人员漏记。" in second
    assert "样烟检〔2026〕1号" in first
    assert "样烟检〔2026〕1号" in second


def test_an_amendment_that_nobody_entitled_wrote_changes_no_paper(
    app: Flask, kernel: Kernel, town: Town, client: Client
) -> None:
    def state(document: Document) -> str:
        given: str = (
            app.test_client()
            .get("/api/v1/papers/verify", query_string={"code": code_for(document)})
            .get_json()["state"]
        )
        return given

    def printed(document: Document) -> str:
        return text_of(
            client("ju").get(f"/api/v1/records/{document['id']}/papers/inspection_record.pdf").get_data()
        )

    record = pushed(kernel, town)
    told = {"amends_id": uuid.UUID(record["id"]), "amend_reason": "与我无关"}
    strange = ordered_check(town, MONDAY - timedelta(hours=1), by=("zhao", "qian"), **told)
    assert push_at(kernel, town, "zhao", MONDAY, strange) == []
    assert (state(record), state(strange)) == ("genuine", "no_effect")
    assert "已于" not in printed(record)
    assert "本更正记录不发生更正效力" in printed(strange)

    # Both of these amend the original: the later one stands, and the earlier one says so.
    first, last = (
        pushed(kernel, town, amends_id=uuid.UUID(record["id"]), amend_reason=why) for why in ("甲", "乙")
    )
    assert [state(one) for one in (record, first, last)] == ["amended", "amended", "genuine"]
    assert "更正理由：乙。应与更正后的文书一并使用。" in printed(first)
    assert "第2次更正" in printed(last)

    orphan = pushed(kernel, town, amends_id=uuid.uuid4(), amend_reason="原记录还没有来")
    assert state(orphan) == "no_effect"


def test_photos_and_signatures_are_printed_once_they_have_come(
    app: Flask, kernel: Kernel, town: Town, client: Client
) -> None:
    photo, missing, signature = a_photo(1), a_photo(2), a_photo(3, (300, 100), "PNG")
    record = ordered_check(town, MONDAY - timedelta(hours=1))
    record["photos"] = [{"sha256": sha256_of(photo)}, {"sha256": sha256_of(missing)}]
    record["answers"]["signatures"] = [{"role": "party", "sha256": sha256_of(signature)}]
    push_at(kernel, town, "li", MONDAY, record)
    address = f"/api/v1/records/{record['id']}/papers/inspection_record.pdf"

    def images(pdf: bytes) -> int:
        # All pages share what any of them shows.
        return len({image.name for page in pypdf.PdfReader(io.BytesIO(pdf)).pages for image in page.images})

    before = client("li").get(f"{address}?photos=true").get_data()
    assert images(before) == 0
    assert "签名图像未收到" in text_of(before)
    assert text_of(before).count("照片未收到") == 2
    device = Device(client_of(app, kernel, town, "li", device=True))
    device.upload(photo, record_id=record["id"])
    device.upload(signature, record_id=record["id"], kind="signature", filetype="image/png")
    after = client("li").get(f"{address}?photos=true").get_data()
    assert images(after) == 2
    assert "签名图像未收到" not in text_of(after)
    assert text_of(after).count("照片未收到") == 1
    assert images(client("li").get(address).get_data()) == 1


@pytest.fixture
def command(kernel: Kernel, town: Town) -> Callable[..., Result]:
    """Runs ``xunge`` for the town's bureau."""
    with kernel.sessions() as session:
        name = session.get_one(Bureau, town.bureau_id).name
    environment = {
        "XUNGE_DATABASE_URL": kernel.settings.database_url,
        "XUNGE_REDIS_URL": kernel.settings.redis_url,
        "XUNGE_FILES_DIR": str(kernel.settings.files_dir),
    }

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--bureau", name], env=environment)

    return run


def test_the_command_prints_a_paper(
    kernel: Kernel, town: Town, command: Callable[..., Result], tmp_path: Path
) -> None:
    record = pushed(kernel, town)
    assert "已编 2 份" in command("numbers", "give").output
    for given in (
        record["id"],
        record["id"][:13],
        record["id"].replace("-", "").upper(),
        "样烟检〔2026〕1号",
    ):
        out = tmp_path / "paper.pdf"
        done = command("papers", given, "--out", str(out))
        assert done.exit_code == 0, done.output
        assert "检查（勘验）笔录 样烟检〔2026〕1号" in done.output
        assert "样烟检〔2026〕1号" in text_of(out.read_bytes())
    done = command("papers", record["id"], "--list")
    assert done.exit_code == 0, done.exception
    listed = done.output
    assert "责令改正通知书" in listed
    assert "样烟改〔2026〕1号" in command("numbers", "list", "--year", "2026").output
    styled = command("numbers", "style", "--abbreviation", "例烟", "--word", "inspection_record=立")
    assert re.search(r"例烟立〔\d{4}〕1号", styled.output)


def test_what_is_no_record_is_told_kindly(kernel: Kernel, town: Town, command: Callable[..., Result]) -> None:
    twins = [uuid.UUID(f"0196f0aa-0000-7000-8000-{town.bureau_id.hex[-11:]}{digit}") for digit in "12"]
    for twin in twins:
        pushed(kernel, town, record_id=twin)
    for given, sentence in (
        ("nothing", "不是记录编号"),
        ("0196f", "不是记录编号"),
        (str(uuid.uuid4()), "没有编号为"),
        ("样烟检〔2026〕999号", "没有编号为"),
        ("0196f0aa", "不止一条"),
    ):
        answer = _error_of(command, given)
        assert sentence in answer


def _error_of(command: Callable[..., Result], given: str) -> str:
    done = command("papers", given)
    assert done.exit_code != 0
    assert not isinstance(done.exception, Problem)
    return done.output
