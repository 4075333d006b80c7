"""The people register: officers need certificates, and a number names one person."""

from datetime import date
from pathlib import Path

import pytest

from gis.exchange.files import read_file
from gis.exchange.judging import BadRow
from gis.exchange.rows import CellValue, SheetRow
from schemas.vocabulary import PersonKind
from server.org.register import HEADINGS, REQUIRED, PersonCandidate, PersonCode, read_register, read_row

GOOD: dict[str, CellValue] = {
    "name": "样例员01",
    "staff_no": "9901",
    "cert_no": "XK990001",
    "cert_from": date(2024, 1, 1),
    "cert_to": date(2028, 12, 31),
    "kind": "执法人员",
    "squad_name": "城一中队",
    "phone": "10000000001",
}
AUXILIARY: dict[str, CellValue] = {"kind": "辅助人员", "cert_no": None, "cert_from": None, "cert_to": None}


def good(**changed: CellValue) -> PersonCandidate:
    candidate = read_row(SheetRow(2, {**GOOD, **changed}))
    assert isinstance(candidate, PersonCandidate), candidate
    return candidate


def bad(**changed: CellValue) -> BadRow:
    row = read_row(SheetRow(2, {**GOOD, **changed}))
    assert isinstance(row, BadRow), row
    return row


def test_a_sound_row() -> None:
    assert good() == PersonCandidate(
        row=2,
        name="样例员01",
        staff_no="9901",
        kind=PersonKind.OFFICER,
        cert_no="XK990001",
        cert_from=date(2024, 1, 1),
        cert_to=date(2028, 12, 31),
        squad_name="城一中队",
        leads=False,
        phone="10000000001",
        username=None,
    )


def test_what_is_repaired() -> None:
    candidate = good(
        name="张\u3000三",
        staff_no=9901,
        cert_no="ＸＫ990001",
        cert_from="2024.1.1",
        username="Zhang.San",
        leads="是",
    )
    assert candidate.name == "张三"
    assert candidate.staff_no == "9901"
    assert candidate.cert_no == "XK990001"
    assert candidate.username == "zhang.san"
    assert candidate.leads
    assert [warning.code for warning in candidate.warnings] == ["number_repaired", "date_repaired"]


def test_auxiliaries_need_no_certificate_and_having_one_makes_no_officer() -> None:
    assert good(**AUXILIARY).cert_no is None
    candidate = good(kind="auxiliary")
    assert candidate.kind is PersonKind.AUXILIARY
    assert [warning.code for warning in candidate.warnings] == ["not_an_officer"]


def test_a_certificate_number_serves_as_staff_number() -> None:
    candidate = good(staff_no=None)
    assert candidate.staff_no == "XK990001"
    assert [warning.code for warning in candidate.warnings] == ["staff_no_assumed"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"kind": "临时工"}, "kind_unknown"),
        ({"kind": None}, "kind_unknown"),
        ({"cert_no": None}, "certificate_missing"),
        ({"cert_to": None}, "date_missing"),
        ({"cert_to": "2026-02-30"}, "date_malformed"),
        ({"cert_to": date(2023, 12, 31)}, "dates_reversed"),
        ({**AUXILIARY, "staff_no": None}, "staff_no_missing"),
        ({"username": "张三"}, "username_malformed"),
        ({"leads": "也许"}, "leads_unknown"),
    ],
)
def test_what_is_refused(changed: dict[str, CellValue], code: str) -> None:
    assert bad(**changed).code == code


@pytest.mark.parametrize("field", ["staff_no", "cert_no", "username"])
def test_a_number_names_one_person(field: str) -> None:
    others = {"staff_no": "9902", "cert_no": "XK990002", "username": "bb"}
    first = {**GOOD, "username": "aa"}
    later = {**first, **others, field: first[field]}
    judged = read_register([SheetRow(2, first), SheetRow(3, later)])
    assert [candidate.row for candidate in judged.good] == [2]
    (row,) = judged.bad
    assert (row.row, row.code) == (3, "person_duplicate")
    assert "第 2 行" in row.detail


def test_every_code_can_be_said() -> None:
    names = ("value", "first", "known", "heading", "to", "since", "number", "day", "label")
    for code in PersonCode:
        assert code.say(**dict.fromkeys(names, "x"))


def test_from_a_list_as_bureaus_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(
        "姓名,执法证号,有效期起,有效期止,人员类别,所属中队,身份证号\n"
        "样例员01,XK990001,2024-01-01,2028-12-31,执法人员,城一中队,不读\n"
        "样例员02,,,,执法人员,城一中队,不读\n".encode("gb18030")
    )
    table = read_file(path, HEADINGS, REQUIRED)
    assert table.unrecognised == ("身份证号",)
    judged = read_register(table)
    assert [candidate.name for candidate in judged.good] == ["样例员01"]
    assert [(row.row, row.code) for row in judged.bad] == [(3, "certificate_missing")]
