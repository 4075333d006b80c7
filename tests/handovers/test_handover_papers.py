"""A sheet on paper and on the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pypdf
import pytest

from server.kernel.settings import Settings
from tests.command_line import refused, said
from tests.handovers.conftest import Change
from tests.town import PASSWORD, today


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def furnish(change: Change) -> str:
    """A sheet with something of everything on it."""
    change.push(change.found(0, "smuggled_goods"))
    change.push(change.registered(0))
    order = change.found(1, "licence_irregular")
    order["answers"] |= {"rectify": {"demand": "亮证经营", "due_on": "2026-07-20"}, "disposal": "rectify"}
    change.push(order)
    change.tell_clue(0)
    change.assign([0, 1], "wang")
    return change.only()


def test_the_paper_says_what_goes_along_and_has_lines_to_sign_on(change: Change) -> None:
    sheet = furnish(change)
    answer = change.client("wang").get(f"/api/v1/handovers/{sheet}/paper")
    assert answer.mimetype == "application/pdf"
    told = text_of(answer.data)
    for words in ("网格交接单", "尚未交出", "9902-0", "查一补三", "亮证经营", "先行登记保存", "监交人"):
        assert words in told, words
    signed = change.taken("li", sheet, "signing")
    change.taken("wang", sheet, "acknowledgement", note="账物相符")
    told = text_of(change.client("wang").get(f"/api/v1/handovers/{sheet}/paper").data)
    assert signed["sha256"] in told.replace("\n", "")
    assert "尚未交出" not in told
    assert "账物相符" in told
    page = change.client("wang").get(f"/api/v1/handovers/{sheet}/paper?format=html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "办理记录" in page.text
    lines = change.client("wang").get(f"/api/v1/handovers/{sheet}/paper?format=csv").text.splitlines()
    assert lines[1:] == ["9902-0,试样0格,1", "9902-1,试样1格,1"]


@pytest.fixture
def shell(change: Change, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Change:
    """The environment of somebody who types at the server, whose clock is the real one."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "240")
    return change


def test_a_sheet_is_signed_objected_to_and_taken_on_the_command_line(shell: Change, tmp_path: Path) -> None:
    suffix = shell.town.bureau_id.hex[-6:]
    li, wang = ("--as", f"li-{suffix}"), ("--as", f"wang-{suffix}")
    sheet = furnish(shell)
    table = said("handover", "list")
    assert "待交出（逾期）" in table or "待交出" in table
    assert json.loads(said("handover", "list", "--waiting", "--format", "json", *wang))["items"] == []
    assert len(json.loads(said("handover", "list", "--waiting", "--format", "json", *li))["items"]) == 1
    assert "登记保存清单" in said("handover", "show", sheet)
    assert "已交出" in said("handover", "sign", sheet, *li)

    def sha256() -> str:
        digest: str = json.loads(said("handover", "show", sheet, "--format", "json"))["sha256"]
        return digest

    assert "已提出异议" in said("handover", "object", sheet, "--sha256", sha256(), "--note", "再核", *wang)
    assert refused("handover", "sign", sheet, *wang).code == "forbidden"
    said("handover", "sign", sheet, *li)
    assert "已接收" in said("handover", "acknowledge", sheet, "--sha256", sha256(), *wang)
    shown = said("handover", "show", sheet)
    assert "已接收" in shown
    assert "再核" in shown
    paper = tmp_path / "sheet.pdf"
    said("handover", "show", sheet, "--format", "pdf", "--output", str(paper))
    assert "账物" not in text_of(paper.read_bytes())
    body = tmp_path / "body.json"
    body.write_text(
        json.dumps(
            {
                "cell_ids": [str(shell.town.cells[2])],
                "to_squad_id": str(shell.town.squads[1]),
                "to_lead_id": str(shell.town.people["qian"]),
                "from_day": today().isoformat(),
                "reason": "代管",
            }
        ),
        encoding="utf-8",
    )
    told = said("handover", "add", str(body), "--as", f"zhao-{suffix}")
    made = told.removeprefix("已开单 ").partition("：")[0]
    assert "已撤回" in said("handover", "withdraw", made, "--reason", "不必", "--as", f"zhao-{suffix}")
    assert "没有数据" in said("handover", "list", "--state", "open")
