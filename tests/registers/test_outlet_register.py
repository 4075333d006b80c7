"""The outlet register: every kind of fault that real lists have, what is repaired and what is refused."""

from datetime import date, datetime
from pathlib import Path

import pytest
import shapely
import xlsxwriter

from gis.crs import Crs, crs_named_in, from_wgs84
from gis.exchange.files import read_file
from gis.exchange.judging import BadRow
from gis.exchange.rows import CellValue, SheetRow
from schemas.vocabulary import BusinessKind, CreditGrade, LicenceScope, OutletStatus
from server.outlets.register import (
    HEADINGS,
    POSITION,
    REQUIRED,
    OutletCandidate,
    OutletCode,
    read_register,
    read_row,
)

GOOD: dict[str, CellValue] = {
    "licence_no": "990281100001",
    "name": "试样商店",
    "holder_name": "试样人",
    "address": "试样县第1街1号",
    "business_kind": "食杂店",
    "credit_grade": "A",
    "licence_scope": "卷烟零售",
    "licence_from": date(2024, 5, 1),
    "licence_to": date(2029, 4, 30),
    "status": "正常",
    "lon": 84.02,
    "lat": 38.94,
    "phone": "10000000001",
    "squad_name": "一中队",
    "note": None,
}


def sheet_row(number: int = 4, /, **changed: CellValue) -> SheetRow:
    return SheetRow(number, {**GOOD, **changed})


def good(**changed: CellValue) -> OutletCandidate:
    candidate = read_row(sheet_row(4, **changed))
    assert isinstance(candidate, OutletCandidate), candidate
    return candidate


def bad(**changed: CellValue) -> BadRow:
    row = read_row(sheet_row(4, **changed))
    assert isinstance(row, BadRow), row
    assert row.row == 4
    return row


def warned(candidate: OutletCandidate) -> list[str]:
    return [warning.code for warning in candidate.warnings]


def test_a_sound_row_is_taken_without_a_word() -> None:
    assert good() == OutletCandidate(
        row=4,
        licence_no="990281100001",
        name="试样商店",
        holder_name="试样人",
        address="试样县第1街1号",
        business_kind=BusinessKind.GROCERY,
        credit_grade=CreditGrade.A,
        licence_scope=frozenset({LicenceScope.CIGARETTE}),
        licence_from=date(2024, 5, 1),
        licence_to=date(2029, 4, 30),
        status=OutletStatus.ACTIVE,
        phone="10000000001",
        squad_name="一中队",
        note=None,
        crs=Crs.WGS84,
        given_lon=84.02,
        given_lat=38.94,
        lon=84.02,
        lat=38.94,
    )


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (990281100001, "licence_from_number"),
        (990281100001.0, "licence_from_number"),
        ("９９０２８１１００００１", "licence_repaired"),
        ("'990281100001", "licence_repaired"),
        ("9902 8110 0001", "licence_repaired"),
    ],
)
def test_a_licence_typed_otherwise_is_repaired(cell: CellValue, code: str) -> None:
    candidate = good(licence_no=cell)
    assert candidate.licence_no == "990281100001"
    assert warned(candidate) == [code]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "licence_missing"),
        ("\u3000", "licence_missing"),
        ("99028110001", "licence_length"),
        (99028110001, "licence_length"),
        ("9902811000011", "licence_length"),
        ("99028110000X", "licence_malformed"),
        ("9.90281E+11", "licence_malformed"),
        (990281100001.5, "licence_malformed"),
        ("990281300001", "licence_kind"),
    ],
)
def test_a_licence_that_cannot_be_known_is_refused(cell: CellValue, code: str) -> None:
    assert bad(licence_no=cell).code == code


@pytest.mark.parametrize(
    ("cell", "kind", "repaired"),
    [
        ("超市", BusinessKind.SUPERMARKET, False),
        ("S", BusinessKind.SUPERMARKET, False),
        (" 超市 ", BusinessKind.SUPERMARKET, False),
        ("supermarket", BusinessKind.SUPERMARKET, True),
        ("超市类", BusinessKind.SUPERMARKET, True),
        ("S超市", BusinessKind.SUPERMARKET, False),
        ("超市（S）", BusinessKind.SUPERMARKET, True),
        ("ｓ", BusinessKind.SUPERMARKET, True),
        ("其它", BusinessKind.OTHER, False),
        ("tobacco and liquor", BusinessKind.TOBACCO_AND_LIQUOR, True),
    ],
)
def test_business_kinds(cell: str, kind: BusinessKind, repaired: bool) -> None:
    candidate = good(business_kind=cell)
    assert candidate.business_kind is kind
    assert warned(candidate) == (["business_kind_repaired"] if repaired else [])


@pytest.mark.parametrize("cell", ["奶茶店", "", None, "SS", "超市食杂店"])
def test_unknown_business_kinds_are_refused_with_the_known_ones(cell: CellValue) -> None:
    row = bad(business_kind=cell)
    assert row.code == "business_kind_unknown"
    assert "食杂店、便利店、超市、商场、烟酒商店、娱乐服务、其他" in row.detail


@pytest.mark.parametrize(("cell", "grade"), [(" aa ", "AA"), ("A级", "A"), ("Ａ", "A"), ("aaa等级", "AAA")])
def test_grades_spelled_otherwise_are_repaired(cell: str, grade: str) -> None:
    candidate = good(credit_grade=cell)
    assert candidate.credit_grade is CreditGrade(grade)
    assert warned(candidate) == ["credit_grade_repaired"]


def test_an_unknown_grade_is_refused_and_none_is_none() -> None:
    assert bad(credit_grade="E").code == "credit_grade_unknown"
    assert bad(credit_grade="优秀").code == "credit_grade_unknown"
    assert good(credit_grade=None).credit_grade is None


@pytest.mark.parametrize(
    ("cell", "scopes"),
    [
        ("卷烟", {"cigarette"}),
        ("卷烟零售、电子烟零售", {"cigarette", "ecig"}),
        ("卷烟，雪茄烟；电子烟", {"cigarette", "ecig"}),
        ("电子烟 卷烟", {"cigarette", "ecig"}),
        ("Cigarette/ecig", {"cigarette", "ecig"}),
    ],
)
def test_scopes(cell: str, scopes: set[str]) -> None:
    assert good(licence_scope=cell).licence_scope == scopes


def test_a_scope_left_out_is_cigarettes_and_an_unknown_one_is_refused() -> None:
    assert warned(good(licence_scope="")) == ["scope_assumed"]
    assert bad(licence_scope="卷烟、茶叶").code == "licence_scope_unknown"
    no_column = SheetRow(4, {name: cell for name, cell in GOOD.items() if name != "licence_scope"})
    candidate = read_row(no_column)
    assert isinstance(candidate, OutletCandidate)
    assert candidate.licence_scope == {"cigarette"}
    assert candidate.warnings == ()


def test_statuses() -> None:
    assert good(status="已注销").status is OutletStatus.CANCELLED
    assert good(status="Suspended").status is OutletStatus.SUSPENDED
    assert warned(good(status=None)) == ["status_assumed"]
    assert bad(status="搬迁").code == "status_unknown"


def test_dates_typed_as_text_are_repaired_with_one_warning() -> None:
    candidate = good(licence_from="2024.5.1", licence_to="2029年4月30日")
    assert (candidate.licence_from, candidate.licence_to) == (date(2024, 5, 1), date(2029, 4, 30))
    (warning,) = candidate.warnings
    assert warning.code == "date_repaired"
    assert warning.detail == (
        "有效期起“2024.5.1”已按 2024-05-01 读取；有效期止“2029年4月30日”已按 2029-04-30 读取"
    )


def test_serial_numbers_and_date_cells() -> None:
    assert good(licence_from=45413).licence_from == date(2024, 5, 1)
    midnight = datetime(2024, 5, 1)  # noqa: DTZ001 -- spreadsheets know no time zones
    assert good(licence_from=midnight).warnings == ()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"licence_to": "2026-02-30"}, "date_malformed"),
        ({"licence_to": "长期"}, "date_malformed"),
        ({"licence_from": None}, "date_missing"),
        ({"licence_from": date(2029, 5, 1)}, "dates_reversed"),
    ],
)
def test_dates_that_cannot_be_known_are_refused(changed: dict[str, CellValue], code: str) -> None:
    assert bad(**changed).code == code


@pytest.mark.parametrize(
    ("since", "to", "too_long"),
    [
        (date(2024, 5, 1), date(2029, 5, 2), False),
        (date(2024, 5, 1), date(2029, 5, 3), True),
        (date(2024, 2, 29), date(2029, 3, 2), False),
        (date(2024, 2, 29), date(2029, 3, 3), True),
    ],
)
def test_a_term_of_more_than_five_years_is_doubted(since: date, to: date, too_long: bool) -> None:
    assert warned(good(licence_from=since, licence_to=to)) == (["term_too_long"] if too_long else [])


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (None, None, "position_missing"),
        ("", "\u3000", "position_missing"),
        (0, 0, "position_missing"),
        (84.02, None, "position_malformed"),
        ("84°1′", "38°56′", "position_malformed"),
        (500000, 4310000, "position_out_of_range"),
        (84.02, 138.94, "position_out_of_range"),
    ],
)
def test_positions_that_cannot_be_known_are_refused(lon: CellValue, lat: CellValue, code: str) -> None:
    assert bad(lon=lon, lat=lat).code == code


def test_swapped_axes_are_put_right() -> None:
    candidate = good(lon=38.94, lat=84.02)
    assert (candidate.given_lon, candidate.given_lat) == (84.02, 38.94)
    assert warned(candidate) == ["position_swapped"]
    abroad = good(lon=24.94, lat=60.17)
    assert (abroad.lon, abroad.lat, abroad.warnings) == (24.94, 60.17, ())


def test_positions_typed_as_text() -> None:
    candidate = good(lon=" 84.02", lat="３８.94")
    assert (candidate.lon, candidate.lat) == (84.02, 38.94)
    assert warned(candidate) == ["position_from_text"]


def test_outlets_without_a_position_may_be_let_in() -> None:
    candidate = read_row(sheet_row(lon=None, lat=None), allow_unlocated=True)
    assert isinstance(candidate, OutletCandidate)
    assert (candidate.lon, candidate.lat, candidate.given_lon) == (None, None, None)
    assert warned(candidate) == ["unlocated"]
    half = read_row(sheet_row(lon=84.02, lat=None), allow_unlocated=True)
    assert isinstance(half, BadRow)
    assert half.code == "position_malformed"


@pytest.mark.parametrize("crs", list(Crs))
def test_one_row_and_a_whole_register_convert_alike(crs: Crs) -> None:
    lon, lat = from_wgs84(84.02, 38.94, crs)
    row = sheet_row(lon=lon, lat=lat)
    one = read_row(row, crs=crs)
    (many,) = read_register([row], crs=crs).good
    assert isinstance(one, OutletCandidate)
    assert one == many
    assert one.crs is crs
    assert (one.lon, one.lat) == pytest.approx((84.02, 38.94), abs=1e-9)
    assert (one.given_lon, one.given_lat) == (lon, lat)


def test_a_map_layer_gives_the_position() -> None:
    values = {name: cell for name, cell in GOOD.items() if name not in POSITION}
    for geometry in (shapely.Point(84.02, 38.94), shapely.MultiPoint([(84.02, 38.94)])):
        candidate = read_row(SheetRow(1, values, geometry))
        assert isinstance(candidate, OutletCandidate)
        assert (candidate.lon, candidate.lat) == (84.02, 38.94)
    area = read_row(SheetRow(1, values, shapely.box(84, 38, 85, 39)))
    assert isinstance(area, BadRow)
    assert area.code == "position_malformed"
    nowhere = read_row(SheetRow(1, values, shapely.Point()))
    assert isinstance(nowhere, BadRow)
    assert nowhere.code == "position_missing"


def test_of_two_rows_with_one_licence_the_later_is_bad_however_it_is_typed() -> None:
    judged = read_register(
        [
            sheet_row(4),
            sheet_row(5, licence_no="９９０２８１１００００１"),
            sheet_row(6, licence_no=990281100001),
            sheet_row(7, licence_no="990281100002", business_kind="奶茶店"),
            sheet_row(8, licence_no="990281100002"),
        ]
    )
    assert [candidate.row for candidate in judged.good] == [4]
    assert [(row.row, row.code) for row in judged.bad] == [
        (5, "licence_duplicate"),
        (6, "licence_duplicate"),
        (7, "business_kind_unknown"),
        # The first row that carries a licence keeps it, even when it is bad for another reason.
        (8, "licence_duplicate"),
    ]
    assert judged.bad[0].detail == "许可证号“990281100001”与第 4 行重复，请删去其中一行"


def test_a_row_with_several_faults_names_them_all_under_the_first() -> None:
    row = bad(name=None, business_kind="奶茶店", lon=None, lat=None)
    assert row.code == "name_missing"
    assert row.detail.count("；") == 2


def test_trimming_is_only_counted() -> None:
    judged = read_register([sheet_row(4, name="  试样商店\u3000", squad_name=" 一中队")])
    assert judged.good[0].name == "试样商店"
    assert judged.good[0].squad_name == "一中队"
    assert judged.warnings == []
    assert judged.trimmed == 1


def test_the_caller_says_that_no_cell_holds_a_position() -> None:
    row = good().outside_cells()
    assert row.as_json() == {
        "row": 4,
        "code": "outside_cells",
        "detail": "位置 84.020000,38.940000 不在任何末级单元格内，请核对位置、坐标系或网格",
    }


def test_every_code_can_be_said() -> None:
    names = ("value", "count", "digit", "first", "known", "heading", "to", "since", "licence", "label")
    values = dict.fromkeys((*names, "grade", "day"), "x")
    for code in OutletCode:
        assert code.say(**values)


def test_from_a_sheet_as_bureaus_keep_it(tmp_path: Path) -> None:
    head = ["序号", "许可证号", "店名", "负责人", "经营地址", "业态", "信用等级", "许可范围"]
    head += ["有效期起", "有效期止", "状态", "经度", "纬度", "联系电话", "所属中队", "备注"]

    def line(number: int, **changed: object) -> list[object]:
        values = {**GOOD, "licence_from": "2024-05-01", "licence_to": "2029-04-30", **changed}
        values.setdefault("licence_no", f"9902811{number:05d}")
        return [number, *values.values()]

    rows = [
        ["试样县烟草专卖零售户台账"],
        ["填表单位：试样局", None, None, "坐标系：高德"],
        head,
        line(1),
        line(2, licence_no=990281100002, lon=38.94, lat=84.02, credit_grade="A级"),
        line(3, licence_no="99028110003"),
        line(4, licence_no="990281100001"),
        line(5, licence_no="990281100005", lon=None, lat=None),
        [],
        ["合计", None, "5户"],
    ]
    path = tmp_path / "register.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for index, row in enumerate(rows):
            sheet.write_row(index, 0, row)
    table = read_file(path, HEADINGS, REQUIRED, position=POSITION)
    assert crs_named_in(table.preamble) is Crs.GCJ02
    judged = read_register(table, crs=Crs.GCJ02)
    assert table.skipped == {"blank": 1, "total": 1}
    assert [candidate.row for candidate in judged.good] == [4, 5]
    answer = judged.as_json()
    assert (answer["rows"], answer["good"]) == (5, 2)
    assert [(row["row"], row["code"]) for row in answer["bad"]] == [
        (6, "licence_length"),
        (7, "licence_duplicate"),
        (8, "position_missing"),
    ]
    assert answer["bad"][0]["detail"] == "许可证号“99028110003”是 11 位，应为 12 位，请核对原证"
    assert [(remark["row"], remark["code"]) for remark in answer["warnings"]] == [
        (5, "licence_from_number"),
        (5, "credit_grade_repaired"),
        (5, "position_swapped"),
    ]
    assert [remark.row for remark in judged.remarks()] == [5, 5, 5, 6, 7, 8]
