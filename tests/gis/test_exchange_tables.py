"""Spreadsheets and delimited text: headings, leftovers, encodings, and files that are not what they say."""

import io
import time
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from gis.exchange.files import read_file
from gis.exchange.rows import Headings, Table, by_alias
from gis.exchange.tables import read_table
from gis.exchange.unreadable import UnreadableFile

ALIASES = by_alias({"code": ("编号",), "name": ("名称", "店名"), "lon": ("经度",), "note": ("备注",)})
REQUIRED = ("code", "name", "lon")
HEADINGS = Headings(ALIASES, REQUIRED)
HEAD = ["序号", "编号", "店名", "经度(°)"]


Rows = Sequence[Sequence[object]]


def workbook(path: Path, *sheets: Rows, date_1904: bool = False) -> Path:
    with xlsxwriter.Workbook(path, {"date_1904": date_1904}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for index, row in enumerate(rows):
                sheet.write_row(index, 0, row)
    return path


def text_file(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def refused(path: Path, **options: object) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as error:
        list(read_file(path, ALIASES, REQUIRED, **options))  # type: ignore[arg-type]
    return error.value


def numbered(table: Table) -> list[tuple[int, object]]:
    return [(row.number, row.values["code"]) for row in table]


def test_rows_keep_their_sheet_numbers_below_titles_blanks_and_totals(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        [
            ["试样县台账"],
            ["填表单位：试样局", None, None, "坐标系：高德"],
            HEAD,
            [1, "A1", "一号店", 84.1],
            [],
            ["小计", None, "1户"],
            [2, "A2", "二号店", 84.2],
            ["合计", None, "2户"],
            ["制表人：试样员"],
            ["\u3000"],
        ],
    )
    table = read_table(path, HEADINGS)
    assert table.preamble == ("试样县台账", "填表单位：试样局", "坐标系：高德")
    assert table.heading_row == 3
    assert table.columns == {"code": "编号", "name": "店名", "lon": "经度(°)"}
    assert table.unrecognised == ("序号",)
    assert table.expected_rows == 7
    assert numbered(table) == [(4, "A1"), (7, "A2")]
    assert table.skipped == {"blank": 2, "total": 2, "note": 1}


def test_a_row_that_is_really_named_total_is_data(tmp_path: Path) -> None:
    path = text_file(tmp_path / "a.csv", "名称,编号,经度\n合计,A1,84.1\n合计,,84.1\n")
    table = read_table(path, HEADINGS)
    assert numbered(table) == [(2, "A1"), (3, "")]
    only_name = text_file(tmp_path / "b.csv", "名称,编号,经度\n一号店,A1,84.1\n总 计：,,\n")
    assert numbered(read_table(only_name, HEADINGS)) == [(2, "A1")]


def test_cells_keep_the_type_the_file_gives_them(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["编号", "名称", "经度", "备注"])
        sheet.write_number(1, 0, 990281100001)
        sheet.write_string(1, 1, "007")
        sheet.write_number(1, 2, 84.020083)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_datetime(1, 3, datetime(2024, 5, 1), day)  # noqa: DTZ001 -- as spreadsheets keep it
    (row,) = read_table(path, HEADINGS)
    assert row.values == {
        "code": 990281100001,
        "name": "007",
        "lon": 84.020083,
        "note": datetime(2024, 5, 1),  # noqa: DTZ001
    }


def test_a_workbook_of_the_1904_system_says_so(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [HEAD, [1, "A1", "一号店", 84.1]], date_1904=True)
    (row,) = read_table(path, HEADINGS)
    assert row.serial_origin.isoformat() == "1904-01-01"


def test_the_sheet_with_all_headings_is_taken_or_the_one_named(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        [["说明"], ["请填写第三张表"]],
        [["编号", "名称"], ["B1", "缺列"]],
        [HEAD, [1, "A1", "一号店", 84.1]],
    )
    assert numbered(read_table(path, HEADINGS)) == [(2, "A1")]
    assert refused(path, layer="Sheet2").code == "headings_missing"
    unknown = refused(path, layer="Sheet9")
    assert unknown.code == "sheet_not_found"
    assert "Sheet1、Sheet2、Sheet3" in unknown.sentence


def test_a_wrong_extent_does_not_cut_the_sheet(tmp_path: Path) -> None:
    right = workbook(tmp_path / "a.xlsx", [HEAD, *([n, f"A{n}", "店", 84.1] for n in range(30))])
    wrong = tmp_path / "b.xlsx"
    with zipfile.ZipFile(right) as source, zipfile.ZipFile(wrong, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            target.writestr(entry, content.replace(b'<dimension ref="A1:D31"/>', b'<dimension ref="A1"/>'))
    assert len(list(read_table(wrong, HEADINGS))) == 30


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_text_in_every_usual_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [
        "试样县台账，二〇二六年",
        delimiter.join(HEAD),
        delimiter.join(["1", "A1", '"一号店\n分店"', "84.1"]),
        "",
        delimiter.join(["2", "A2", "二号店", "84.2"]),
    ]
    table = read_table(text_file(tmp_path / "a.csv", "\r\n".join(lines), encoding), HEADINGS)
    rows = list(table)
    # As a spreadsheet program counts: a cell with a line break is one row.
    assert [row.number for row in rows] == [3, 5]
    assert rows[0].values == {"code": "A1", "name": "一号店\n分店", "lon": "84.1"}
    assert table.skipped == {"blank": 1}


def test_headings_are_compared_by_what_they_say(tmp_path: Path) -> None:
    path = text_file(tmp_path / "a.csv", "*编 号.,店\u3000名（全称）,ＬＯＮ,编号\nA1,一号店,84.1,B1\n")
    table = read_table(path, HEADINGS)
    assert numbered(table) == [(2, "A1")]
    assert table.unrecognised == ("编号",)


def test_headings_are_looked_for_in_twenty_rows_only(tmp_path: Path) -> None:
    def book(above: int) -> Path:
        return workbook(tmp_path / f"{above}.xlsx", [*[["标题"]] * above, HEAD, [1, "A1", "店", 84.1]])

    assert numbered(read_table(book(19), HEADINGS)) == [(21, "A1")]
    assert refused(book(20)).code == "headings_not_found"


def test_two_fields_cannot_share_a_spelling() -> None:
    with pytest.raises(ValueError, match="名称"):
        by_alias({"name": ("名称",), "title": ("名称",)})


def test_missing_headings_are_named(tmp_path: Path) -> None:
    some = refused(workbook(tmp_path / "a.xlsx", [["台账"], ["编号", "店名"], ["A1", "一号店"]]))
    assert some.code == "headings_missing"
    assert some.sentence.endswith("第 2 行的表头缺少列：经度")
    none = refused(workbook(tmp_path / "b.xlsx", [["甲", "乙"], [1, 2]]))
    assert none.code == "headings_not_found"
    assert none.sentence.endswith("应有的列：编号、名称、经度")


def test_files_that_are_not_what_they_say(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", [HEAD, [1, "A1", "一号店", 84.1]])
    content = good.read_bytes()

    def file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    other_zip = io.BytesIO()
    with zipfile.ZipFile(other_zip, "w") as archive:
        archive.writestr("readme.txt", "x")
    locked = bytearray(other_zip.getvalue())
    # The flag of encryption, in the local header and in the directory.
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    compound = bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 100
    assert refused(tmp_path / "nowhere.xlsx").code == "file_not_found"
    assert refused(file("empty.xlsx", b"")).code == "file_empty"
    assert refused(good, max_bytes=1000).code == "file_too_large"
    assert refused(file("a.docx", content)).code == "unknown_extension"
    assert refused(file("a", content)).code == "unknown_extension"
    assert refused(file("a.xls", compound)).code == "old_spreadsheet"
    assert refused(file("old.xlsx", compound)).code == "old_spreadsheet"
    secret = compound + "EncryptedPackage".encode("utf-16-le")
    assert refused(file("secret.xlsx", secret)).code == "password_protected"
    assert refused(file("locked.xlsx", bytes(locked))).code == "password_protected"
    assert refused(file("text.xlsx", "编号,名称".encode())).code == "wrong_content"
    assert refused(file("other.xlsx", other_zip.getvalue())).code == "wrong_content"
    assert refused(file("cut.xlsx", content[: len(content) // 2])).code == "file_damaged"
    assert refused(file("binary.csv", content)).code == "wrong_content"
    assert refused(file("odd.csv", "编号,名称,经度\n".encode() + b"\xff\xff\xff")).code == "encoding_unknown"
    assert refused(file("bare.csv", "编号,名称,经度\n,,\n".encode())).code == "no_rows"
    assert refused(workbook(tmp_path / "bare.xlsx", [HEAD])).code == "no_rows"


def rewritten(path: Path, source: Path, entry: str, content: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, content if name == entry else old.read(name))
    return path


def test_a_workbook_broken_inside_is_damaged_not_a_crash(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", [HEAD, *([n, f"A{n}", "店", 84.1] for n in range(3000))])
    with zipfile.ZipFile(good) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    cut = rewritten(tmp_path / "cut.xlsx", good, "xl/worksheets/sheet1.xml", sheet[: len(sheet) * 2 // 3])
    assert refused(cut).code == "file_damaged"
    no_book = rewritten(tmp_path / "nobook.xlsx", good, "xl/workbook.xml", b"<workbook")
    assert refused(no_book).code == "file_damaged"
    far = sheet.replace(b'<row r="3001"', b'<row r="99999999"')
    assert refused(rewritten(tmp_path / "far.xlsx", good, "xl/worksheets/sheet1.xml", far)).code in (
        "too_many_rows",
        "file_damaged",
    )


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", [HEAD, [1, "A1", "一号店", 84.1]])
    bomb = rewritten(tmp_path / "bomb.xlsx", good, "xl/worksheets/sheet1.xml", b" " * 60_000_000)
    assert bomb.stat().st_size < 1_000_000
    started = time.process_time()
    assert refused(bomb).code == "unpacks_too_large"
    assert time.process_time() - started < 1


def test_a_workbook_without_sheets(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", [HEAD, [1, "A1", "一号店", 84.1]])
    with zipfile.ZipFile(good) as archive:
        book = archive.read("xl/workbook.xml")
    start, end = book.index(b"<sheets>"), book.index(b"</sheets>")
    bare = rewritten(tmp_path / "a.xlsx", good, "xl/workbook.xml", book[:start] + b"<sheets>" + book[end:])
    assert refused(bare).code == "no_sheets"


def test_an_unfinished_reading_leaves_no_file_open(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [HEAD, *([n, f"A{n}", "店", 84.1] for n in range(3000))])
    next(iter(read_table(path, HEADINGS)))
    path.unlink()


def test_what_the_library_complains_of_becomes_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["编号", "名称", "经度", "备注"])
        sheet.write_row(1, 0, ["A1", "一号店", 84.1])
        sheet.write_number(1, 3, 1e10, book.add_format({"num_format": "yyyy-mm-dd"}))
    table = read_table(path, HEADINGS)
    assert len(list(table)) == 1
    assert any("date" in note for note in table.reader_notes)
