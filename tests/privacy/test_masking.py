"""What is of persons is masked, wherever it stands in a record; everything else stays as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.privacy.masking import PersonField, mask, mask_text, masked, person_places
from server.records.forms import load_forms

STOP = {
    "plate": "测A00008",
    "driver": {"name": "赵样例", "phone": "10000000017"},
    "carrier": "赵样例",
    "goods": [{"category": "cigarette", "quantity": 60, "unit": "carton", "product_spec": "样例牌（硬）"}],
}
ROAD_CHECK: dict[str, Any] = {
    "id": "019f34f0-6e80-7d17-b17b-b0c73b7bef34",
    "kind": "road_check",
    "started_at": "2026-07-06T09:00:00+08:00",
    "photos": [{"sha256": "1" * 64}],
    "narrative": "驾驶人赵样例（110101199001011234）称车牌测A00008，电话10000000017，许可证990181100001。",
    "answers": {"mode": "fixed", "stops": [STOP]},
}


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (PersonField.NAME, "张三", "张*"),
        (PersonField.NAME, "欧阳样例", "欧***"),
        (PersonField.NAME, "张", "张*"),
        (PersonField.ID_NO, "110101199001011234", "110*************34"),
        (PersonField.PHONE, "10000000017", "100****0017"),
        (PersonField.PLATE, "测A00008", "测A***08"),
        (PersonField.PLATE, "A1", "***"),
        (PersonField.HOME, "样例市甲镇一号街道23号", "样例市甲镇一****"),
    ],
)
def test_each_kind_keeps_what_tells_two_apart(kind: PersonField, value: str, shown: str) -> None:
    assert mask(kind, value) == shown


def test_a_road_check_tells_nobody() -> None:
    shown = masked(ROAD_CHECK)
    assert shown["answers"]["stops"][0] == {
        **STOP,
        "plate": "测A***08",
        "driver": {"name": "赵**", "phone": "100****0017"},
        "carrier": "赵**",
    }
    assert shown["narrative"] == (
        "驾驶人赵**（110*************34）称车牌测A***08，电话100****0017，许可证990181100001。"
    )
    untouched = {"id", "kind", "started_at", "photos"}
    assert {name: shown[name] for name in untouched} == {name: ROAD_CHECK[name] for name in untouched}


def test_a_form_says_of_its_fields_what_the_names_do_not() -> None:
    schema = {
        "properties": {
            "seen_with": {"type": "string", "person": "name"},
            "witness": {"type": "string", "person": "none"},
            "cars": {"type": "array", "items": {"type": "string", "person": "plate"}},
        }
    }
    document = {"answers": {"seen_with": "钱样例", "witness": "录像", "cars": ["测A00001"]}}
    assert masked(document, schema) == {
        "answers": {"seen_with": "钱**", "witness": "录像", "cars": ["测A***01"]}
    }
    assert {place.pointer for place in person_places(document, schema)} == {
        "/answers/seen_with",
        "/answers/cars/0",
    }


def test_a_word_that_no_form_may_say_leaves_it_to_the_name_of_the_field() -> None:
    schema = {"properties": {"witness": {"type": "string", "person": "who"}, "note": {"person": ["name"]}}}
    assert masked({"answers": {"witness": "钱样例", "note": "x"}}, schema) == {
        "answers": {"witness": "钱**", "note": "x"}
    }


@given(
    st.text(alphabet="赵钱孙李样例", min_size=2, max_size=4),
    st.text(alphabet="0123456789", min_size=10, max_size=10),
)
def test_nothing_of_a_person_is_left_in_a_masked_document(name: str, digits: str) -> None:
    phone = f"1{digits}"
    document = {
        "answers": {"party": {"name": name, "phone": phone}, "note": f"{name}，{phone}"},
        "narrative": name,
    }
    shown = repr(masked(document))
    assert name not in shown
    assert phone not in shown


@given(st.text(max_size=60))
def test_a_text_without_people_stays(text: str) -> None:
    # Whatever digits and plates there may be are taken out first.
    plain = re.sub(r"[0-9A-Z]", "", text)
    assert mask_text(plain) == plain


def test_every_text_of_the_packaged_forms_that_asks_for_a_person_is_masked() -> None:
    """A new form whose item asks for a name, a number of somebody or a plate must be told of here or say it itself."""
    asks = re.compile("姓名|身份证|电话|车牌|当事人$|见证人|驾驶人|承运人|住址")
    missed: list[str] = []

    def look(node: dict[str, Any], document: Any, trail: str, root: dict[str, Any]) -> None:
        for name, inner in node.get("properties", {}).items():
            below = {name: None}
            if "items" in inner:
                look(inner["items"], None, f"{trail}/{name}", root)
            elif "properties" in inner:
                look(inner, below, f"{trail}/{name}", root)
            elif "string" in inner.get("type", ()) and "pattern" not in inner and asks.search(inner["title"]):
                text: Any = "样例"
                for part in reversed([*trail.split("/")[1:], name]):
                    text = {part: text}
                if not person_places({"answers": text}, root):
                    missed.append(f"{trail}/{name} {inner['title']}")

    for form in load_forms():
        look(form.answers_schema, None, "", form.answers_schema)
    assert missed == []
