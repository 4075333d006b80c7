"""docs/errors.md lists exactly the codes that the sources can answer with."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from click.testing import CliRunner

from gis.cells import GeometryChange, GeometryFault
from gis.exchange.coded import Coded
from gis.exchange.unreadable import FileFault
from gis.routing.extracts import ExtractFault
from gis.routing.tiles import TilesFault
from schemas import wording
from server.briefings.alerts import APPROVALS as alerts_of_approvals
from server.cli import main
from server.grids.register import CellCode
from server.kernel.problems import CATALOGUE, CONSTRAINTS, STATUS_CODES
from server.org.register import PersonCode
from server.outlets.register import OutletCode
from server.patrols.opening_register import OpeningCode
from server.records import forms
from server.records.rules import FLAGS
from server.roster.register import RosterCode
from tests.api.codes import ROOT, appended, in_calls, in_dicts

SERVER_BUT_RECORDS = [
    f"server/{name}"
    for name in (
        "access",
        "app.py",
        "authentication.py",
        "briefings",
        "cadence",
        "campaigns",
        "calendars",
        "clues",
        "custody",
        "desk",
        "draws",
        "duty_cells",
        "evidence",
        "grids",
        "handovers",
        "issuing",
        "kernel",
        "notices",
        "org",
        "outlets",
        "papers",
        "patrols",
        "planning",
        "reports",
        "roster",
    )
]


def documented(heading: str) -> dict[str, list[str]]:
    """The table under a heading of docs/errors.md: code → the other columns."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    body = next(part for part in section if part.startswith(heading))
    rows = [line for line in body.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    listed = {row[0].strip("` "): row[1:] for row in cells}
    assert len(listed) == len(rows), "a code stands twice"
    return listed


def test_the_problems_are_those_of_the_catalogue() -> None:
    listed = documented("请求出错")
    assert list(listed) == sorted(CATALOGUE)
    for code, kind in CATALOGUE.items():
        assert listed[code] == [str(kind.status), kind.zh, kind.en]


def test_the_command_lists_the_same() -> None:
    printed = CliRunner().invoke(main, ["errors"]).output.splitlines()
    assert [line.split("\t") for line in printed] == [
        [code, *columns] for code, columns in documented("请求出错").items()
    ]


def test_whatever_is_raised_is_in_the_catalogue() -> None:
    raised = (
        in_calls("Problem", "server") | in_calls("problem_at", "server", at=1) | in_calls("problem", "sync")
    )
    assert raised <= set(CATALOGUE)
    assert set(STATUS_CODES.values()) | set(CONSTRAINTS.values()) <= set(CATALOGUE)
    for status, code in STATUS_CODES.items():
        assert CATALOGUE[code].status == status


def test_field_faults() -> None:
    uttered = wording.codes() | in_calls("wrong", "schemas")
    raised = in_calls("invalid", "server", at=1) | in_calls("problem_at", "server", at=1)
    raised |= in_calls("fault", "server/records", at=1) | in_calls("_tell", "server/records", at=1)
    raised |= in_calls("Fault", "server/planning", at=1)
    assert set(documented("出错的字段")) == in_dicts(*SERVER_BUT_RECORDS) | raised | uttered


def test_review_codes_of_a_push() -> None:
    shape = {code for code, _ in [*forms._BY_RULE.values(), forms._OUT_OF_BOUNDS]}
    stored = in_dicts("server/records/ops.py", "server/records/rectification.py")
    stored |= in_calls("_fault", "server/patrols/stops.py")
    assert set(documented("推送的行不能保存")) == in_dicts("sync") | shape | stored


def test_findings() -> None:
    found = in_calls("finding", "server/records")
    found |= in_dicts(
        *(
            f"server/records/{name}.py"
            for name in ("amending", "forms", "extraction", "head_counts", "registered")
        )
    )
    assert set(documented("记录不算有效检查")) == found


def test_flags() -> None:
    listed = documented("记录的提示")
    assert set(listed) == set(FLAGS) | appended("flags", "server/records")
    for code, sentence in FLAGS.items():
        assert listed[code][0] == sentence


@pytest.mark.parametrize(
    ("heading", "codes"),
    [
        ("不能读取的文件", FileFault),
        ("路网", [*ExtractFault, *TilesFault]),
        ("零售户台账", OutletCode),
        ("网格 Cell", CellCode),
        ("网格图形", [*GeometryFault, *GeometryChange]),
        ("人员", PersonCode),
        ("排班", RosterCode),
        ("营业时间", OpeningCode),
    ],
)
def test_register_codes(heading: str, codes: Iterable[Coded]) -> None:
    assert {code: columns[0] for code, columns in documented(heading).items()} == {
        str(code): code._sentence for code in codes
    }


def test_the_alerts_of_a_briefing() -> None:
    alerts = in_calls("alert", "server/briefings/alerts.py") | set(alerts_of_approvals)
    assert set(documented("例会材料的提醒")) == alerts


def test_the_other_codes_of_an_import() -> None:
    nouns = ("grids", "org", "outlets", "patrols", "roster", "commands")
    registers = tuple(f"server/{noun}" for noun in nouns)
    named = in_calls("BadRow", *registers, at=1)
    assert set(documented("导入时另有")) == named | in_dicts("server/commands")
