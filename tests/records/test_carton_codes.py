"""Codes printed on cartons: whose they are, without asking anybody."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.records.carton_codes import (
    Registered,
    Verdict,
    judge_code,
    read_code,
    scan_flags,
    scan_hints,
    scan_rows,
)

OWN, NEIGHBOUR, ELSEWHERE = "990281100321", "990282200877", "880181100001"
CODE = f"6070600012345637YLYC{OWN}"

licences = st.from_regex(r"[0-9]{12}", fullmatch=True)


def test_a_code_tells_day_case_carton_wholesaler_and_licence() -> None:
    assert read_code(CODE) == (6, 7, 6, "000123456", 37, "YLYC", OWN)
    assert read_code(CODE[16:]) == (None, None, None, None, None, "YLYC", OWN)
    assert read_code(OWN) == (None, None, None, None, None, None, OWN)


@given(licences, licences)
def test_a_licence_is_own_or_another_and_another_is_near_or_far(typed: str, own: str) -> None:
    found, licence_no, flag = judge_code(typed, own)
    assert licence_no == typed
    assert (found == "own") is (typed == own)
    assert flag == (None if typed == own else "diverted" if typed[:4] == own[:4] else "off_channel")
    assert judge_code(f"6070600012345637YLYC{typed}", own) == (found, licence_no, flag)


@given(st.text(max_size=40))
def test_guard_whatever_is_typed_has_a_verdict(text: str) -> None:
    found, licence_no, flag = judge_code(text, OWN)
    assert found in ("own", "other", "unreadable", "malformed")
    assert (licence_no is None) is (found in ("unreadable", "malformed"))
    assert flag is None or found == "other"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (f"{OWN[:10]}??", Verdict("unreadable", None, None)),
        ("", Verdict("malformed", None, None)),
        (OWN[:11], Verdict("malformed", None, None)),
        # The 51st carton of a case of fifty, and the 30th of February.
        (CODE.replace("37YLYC", "51YLYC"), Verdict("malformed", None, None)),
        (CODE.replace("60706", "60230", 1), Verdict("malformed", None, None)),
        (f" {CODE[:16].lower()}\n{CODE[16:].lower()} ", Verdict("own", OWN, None)),
    ],
)
def test_what_is_none_is_told(text: str, verdict: Verdict) -> None:
    assert judge_code(text, OWN) == verdict


def test_scans_of_a_shop_and_of_vehicles() -> None:
    answers = {
        "carton_scans": [
            {"licence_no": OWN, "match": "own", "cartons": 20},
            {"licence_no": NEIGHBOUR, "match": "other", "cartons": 9},
            {"code": f"6070600012345637GDST{ELSEWHERE}", "match": "own"},
            {"match": "none", "cartons": 3},
            {"match": "own"},
        ],
        "stops": [{}, {"carton_scans": [{"licence_no": NEIGHBOUR, "match": "other", "cartons": 50.0}]}],
    }
    rows = scan_rows(answers, OWN)
    assert [
        (row["ordinal"], row["stop_ordinal"], row["found"], row["flag"], row["cartons"]) for row in rows
    ] == [
        (1, None, "own", None, 20),
        (2, None, "other", "diverted", 9),
        (3, None, "other", "off_channel", 1),
        (4, None, "none", None, 3),
        (5, None, "unreadable", None, 1),
        (6, 2, "other", None, 50),
    ]
    assert scan_flags(rows) == ["diverted", "off_channel", "scan_contradicted"]
    shop = Registered(uuid.uuid4(), "样例食杂店")
    told = [(hint.code, hint.amount, hint.path, hint.detail) for hint in scan_hints(rows, {NEIGHBOUR: shop})]
    assert told == [
        (
            "diverted",
            9,
            "/answers/carton_scans",
            f"9条卷烟的32位码末12位{NEIGHBOUR}为“样例食杂店”的许可证号，非本店许可证，疑似串码，请核对进货来源。",
        ),
        (
            "off_channel",
            1,
            "/answers/carton_scans",
            f"1条卷烟的32位码末12位{ELSEWHERE}不在本局许可证登记库中，属外地许可证，疑似非渠道进货，请核对进货来源。",
        ),
        (
            "carton_licence",
            50,
            "/answers/stops/1",
            f"50条卷烟的32位码末12位{NEIGHBOUR}为“样例食杂店”的许可证号，请核对进货来源。",
        ),
    ]


def test_a_seller_without_licence_has_no_cartons_of_its_own() -> None:
    rows = scan_rows({"carton_scans": [{"licence_no": OWN, "match": "other"}]}, None)
    assert [(row["found"], row["flag"]) for row in rows] == [("other", None)]
    assert scan_flags(rows) == []
