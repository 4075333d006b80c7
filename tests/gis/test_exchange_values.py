"""Cells as text, identifiers, numbers and dates."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.exchange.values import date_of, identifier_of, number_of, text_of, was_trimmed, whole_number_of

DAY = date(2024, 5, 1)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("  试样商店\u3000", "试样商店"),
        ("试样\n商店\t一店", "试样 商店 一店"),
        ("\u200b试样\ufeff", "试样"),
        ("试样（一店）", "试样（一店）"),
        (10000000001, "10000000001"),
        (10000000001.0, "10000000001"),
        (84.5, "84.5"),
        ("#N/A", ""),
        (datetime(2024, 5, 1), "2024-05-01"),  # noqa: DTZ001 -- spreadsheets know no time zones
    ],
)
def test_text(cell: object, text: str) -> None:
    assert text_of(cell) == text  # type: ignore[arg-type]


@given(st.text())
def test_text_is_clean_and_stable(text: str) -> None:
    clean = text_of(text)
    assert clean == clean.strip()
    assert "\x00" not in clean
    assert text_of(clean) == clean
    assert not was_trimmed(clean)


@pytest.mark.parametrize(
    ("cell", "identifier", "repaired"),
    [
        ("990281100001", "990281100001", False),
        (" 990281100001\t", "990281100001", False),
        ("９９０２８１１００００１", "990281100001", True),
        ("9902 8110 0001", "990281100001", True),
        ("'990281100001", "990281100001", True),
        ('="990281100001"', "990281100001", True),
        (990281100001, "990281100001", True),
        (990281100001.0, "990281100001", True),
        (None, "", False),
        ("\u3000", "", False),
    ],
)
def test_identifiers(cell: object, identifier: str, repaired: bool) -> None:
    assert identifier_of(cell) == (identifier, repaired)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "number"),
    [(84.5, (84.5, False)), (84, (84.0, False)), (" ８４.5 ", (84.5, True)), ("", None), (None, None)],
)
def test_numbers(cell: object, number: object) -> None:
    assert number_of(cell) == number  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["84°30′", "nan", "1_0", True, float("inf"), "12,5", "#N/A"])
def test_what_is_no_number(cell: object) -> None:
    with pytest.raises(ValueError, match=r"number|finite"):
        number_of(cell)  # type: ignore[arg-type]


def test_whole_numbers() -> None:
    assert whole_number_of("21") == 21
    assert whole_number_of(None) is None
    with pytest.raises(ValueError, match="whole"):
        whole_number_of(2.5)


@pytest.mark.parametrize(
    ("cell", "repaired"),
    [
        (datetime(2024, 5, 1), False),  # noqa: DTZ001 -- spreadsheets know no time zones
        (DAY, False),
        ("2024-05-01", False),
        ("2024-05-01 00:00:00", False),
        ("2024-5-1", True),
        ("2024/5/1", True),
        ("2024/05/01 0:00", True),
        ("2024.5.1", True),
        ("2024年5月1日", True),
        ("２０２４年５月１日", True),
        ("20240501", True),
        (20240501, True),
        (45413, True),
        ("45413", True),
    ],
)
def test_dates(cell: object, repaired: bool) -> None:
    assert date_of(cell) == (DAY, repaired)  # type: ignore[arg-type]


def test_a_serial_number_counts_from_the_origin_of_its_workbook() -> None:
    assert date_of(45413 - 1462, date(1904, 1, 1)) == (DAY, True)


@pytest.mark.parametrize("cell", [None, "", "　"])
def test_no_date(cell: object) -> None:
    assert date_of(cell) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-02-30", "2026年2月30日", 20260230, "24.5.1", "2024年5月", "5/1/2024", "长期", "#N/A"),
        *(1, 45413.5, True, "1899-12-31", "9999-12-31", "2024-05-01 08:30"),
    ],
)
def test_what_is_no_date(cell: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the calendar's own messages differ
        date_of(cell)  # type: ignore[arg-type]
