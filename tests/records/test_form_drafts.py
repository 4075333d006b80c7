"""What a draft of a form is told, by place: the subset, demands, required items, and what the server reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from server.records.form_changes import compare_forms
from server.records.form_drafts import draft_faults
from server.records.forms import FormDefinition, load_forms

Json = dict[str, Any]
FORMS = {(form.form_code, form.version): form for form in load_forms()}


def draft(code: str = "site_visit", version: int = 2) -> Json:
    content: Json = json.loads(json.dumps(FORMS[code, version].to_row()))
    return content


def told(content: Json) -> set[tuple[str, str]]:
    return {(fault["code"], fault["path"]) for fault in draft_faults(content)}


def test_every_packaged_form_could_be_drafted() -> None:
    assert {key: draft_faults(form.to_row()) for key, form in FORMS.items()} == {key: [] for key in FORMS}


@pytest.mark.parametrize("schema", [None, 5, "", "http://json-schema.org/draft-04/schema#"])
def test_a_schema_of_another_kind_is_told(schema: Any) -> None:
    # It is compiled as what it says to be, and what says nothing readable is not compiled at all.
    content = draft()
    content["answers_schema"]["$schema"] = schema
    assert told(content) == {("form_root", "/answers_schema/$schema")}
    del content["answers_schema"]["$schema"]
    assert told(content) == set()


def with_item(node: Any) -> Json:
    content = draft()
    content["answers_schema"]["properties"]["own"] = node
    content["answers_schema"]["order"].append("own")
    return content


TEXT: Json = {"title": "自有项目", "type": ["string", "null"], "maxLength": 20}
OWN = "/answers_schema/properties/own"


def test_an_item_of_ones_own_is_taken() -> None:
    assert told(with_item(TEXT)) == set()
    assert (
        told(with_item({"title": "编号", "type": ["string", "null"], "pattern": "^[A-Z]{2}-[0-9]{6}$"}))
        == set()
    )


@pytest.mark.parametrize(
    ("node", "code", "path"),
    [
        ({"$ref": "http://elsewhere/schema"}, "form_type", ""),
        ({**TEXT, "$ref": "#/properties/access"}, "form_keyword", ""),
        ({**TEXT, "oneOf": [TEXT]}, "form_keyword", ""),
        ({**TEXT, "format": "uri"}, "form_keyword", ""),
        ({**TEXT, "type": ["number", "null"]}, "form_type", ""),
        ({**TEXT, "type": ["string", "integer"]}, "form_type", ""),
        ("text", "form_type", ""),
        ({**TEXT, "type": "string"}, "form_not_nullable", ""),
        ({**TEXT, "title": "own"}, "form_untitled", ""),
        ({**TEXT, "title": 7}, "form_untitled", ""),
        ({**TEXT, "title_en": ["x"]}, "form_text", "/title_en"),
        ({"title": "长", "type": ["string", "null"]}, "form_unbounded", ""),
        ({**TEXT, "maxLength": 10**9}, "form_unbounded", ""),
        ({**TEXT, "pattern": "^(a+)+$"}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": "^[0-9]*$"}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": "^a{0,50}a{0,50}$"}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": "^[z-a]$"}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": 7}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": {"a": 1}}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": None}, "form_pattern", "/pattern"),
        ({**TEXT, "pattern": "^[0-9]{2}$", "maxLength": "x"}, "form_unbounded", ""),
        ({**TEXT, "type": ["string", "null", None]}, "form_type", ""),
        ({**TEXT, "person": "phone_no"}, "form_person", "/person"),
        ({**TEXT, "person": ["name"]}, "form_person", "/person"),
        ({"title": "数", "type": ["integer", "null"]}, "form_unbounded", ""),
        ({"title": "数", "type": ["integer", "null"], "minimum": 9, "maximum": 1}, "form_unbounded", ""),
        ({"title": "数", "type": ["integer", "null"], "minimum": 0, "maximum": 1e9}, "form_unbounded", ""),
        ({"title": "选", "enum": ["a", None], "labels": {}}, "form_choices", ""),
        ({"title": "选", "enum": ["a", "a", None], "labels": {"a": "甲"}}, "form_choices", ""),
        ({"title": "选", "enum": [1, None], "labels": {"1": "甲"}}, "form_choices", ""),
        ({"title": "选", "enum": {"a": 1}, "labels": {"a": "甲"}}, "form_choices", ""),
        ({"title": "列", "type": ["array", "null"], "items": {"type": "boolean"}}, "form_unbounded", ""),
        ({"title": "列", "type": ["array", "null"], "maxItems": 5}, "form_type", "/items"),
        ({"title": "组", "type": ["object", "null"], "properties": {}}, "form_empty", ""),
        ({"title": "组", "type": ["object", "null"], "properties": {"a": TEXT}, "order": []}, "form_order", "/order"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_subset(node: Any, code: str, path: str) -> None:
    assert (code, f"{OWN}{path}") in told(with_item(node))


def test_a_name_that_no_pointer_can_hold() -> None:
    content = draft()
    content["answers_schema"]["properties"]["a/b"] = TEXT
    content["answers_schema"]["order"].append("a/b")
    assert "form_name" in {code for code, _ in told(content)}


def test_a_form_that_is_too_deep_wide_or_large() -> None:
    node: Json = TEXT
    for _ in range(40):
        node = {"title": "层", "type": ["object", "null"], "properties": {"a": node}, "order": ["a"]}
    assert "form_too_large" in {code for code, _ in told(with_item(node))}
    wide = draft()
    wide["answers_schema"]["properties"] |= {f"own_{number}": TEXT for number in range(900)}
    wide["answers_schema"]["order"] = [*wide["answers_schema"]["properties"]]
    assert "form_too_large" in {code for code, _ in told(wide)}
    large = with_item({**TEXT, "title": "长" * 100_000})
    assert told(large) == {("form_too_large", "")}


def test_the_root_requires_nothing() -> None:
    """A record whose shape is wrong could not be stored; what must be answered is a finding, and said elsewhere."""
    content = draft()
    content["answers_schema"]["required"] = ["access"]
    assert told(content) == {("form_root", "/answers_schema")}


def demanding(**demands: Any) -> Json:
    content = draft()
    content["demands"] |= demands
    return content


@pytest.mark.parametrize(
    ("content", "code", "path"),
    [
        (demanding(min_officers=1), "form_too_few_officers", "/demands/min_officers"),
        (demanding(certified=False), "form_too_few_officers", "/demands/min_officers"),
        (demanding(cert_shown=False), "form_laxer_than_kind", "/demands/cert_shown"),
        (demanding(approval=False), "form_laxer_than_kind", "/demands/approval"),
        (demanding(min_officers="2"), "form_demand", "/demands/min_officers"),
        (demanding(min_officers=True), "form_demand", "/demands/min_officers"),
        (demanding(photos=99), "form_demand", "/demands/photos"),
        (demanding(certified="yes"), "form_demand", "/demands/certified"),
        (demanding(fee=1), "form_demand", "/demands/fee"),
        (demanding(subject=["ship"]), "form_demand", "/demands/subject"),
        (demanding(subject=[{}]), "form_demand", "/demands/subject"),
        (demanding(visit_kinds=[]), "form_demand", "/demands/visit_kinds"),
        (demanding(visit_kinds="service"), "form_demand", "/demands/visit_kinds"),
        (demanding(visit_kinds=None), "form_demand", "/demands/visit_kinds"),
        (demanding(site_kinds=["moon"]), "form_demand", "/demands/site_kinds"),
        (demanding(access=["ajar"]), "form_demand", "/demands/access"),
        (demanding(access="open"), "form_demand", "/demands/access"),
        (demanding(title_en=" "), "form_demand", "/demands/title_en"),
        (demanding(subject_optional_when=[1]), "form_demand", "/demands/subject_optional_when"),
        (
            demanding(subject_optional_when={"/nothing": ["a"]}),
            "form_condition",
            "/demands/subject_optional_when",
        ),
        (demanding(required_items={"/access": None}), "form_required", "/demands/required_items"),
        (demanding(required_items=["/access"]), "form_required", "/demands/required_items/0"),
        (demanding(required_items=[["/nothing", None]]), "form_pointer", "/demands/required_items/0"),
        (demanding(required_items=[["/goods/*", None]]), "form_pointer", "/demands/required_items/0"),
        (demanding(required_items=[["/access", "open"]]), "form_condition", "/demands/required_items/0"),
        (
            demanding(required_items=[["/result", {"/access": ["ajar"]}]]),
            "form_condition",
            "/demands/required_items/0",
        ),
        (
            demanding(required_items=[["/result", {"/access": []}]]),
            "form_condition",
            "/demands/required_items/0",
        ),
        (
            demanding(required_items=[["/result", {"/goods/*/unit": ["carton"]}]]),
            "form_condition",
            "/demands/required_items/0",
        ),
        (draft() | {"tier": "WEEKLY"}, "form_tier", "/tier"),
    ],
)
def test_demands_are_known_and_never_less_than_the_kind_asks(content: Json, code: str, path: str) -> None:
    assert told(content) == {(code, path)}


def lame_rows(content: Json) -> None:
    content["answers_schema"]["properties"]["goods"]["items"]["required"] = []
    for name in ("category", "quantity", "unit"):
        node = content["answers_schema"]["properties"]["goods"]["items"]["properties"][name]
        if "enum" in node:
            node["enum"].append(None)
        else:
            node["type"] = [node["type"], "null"]


def new_category(content: Json) -> None:
    node = content["answers_schema"]["properties"]["goods"]["items"]["properties"]["category"]
    node["enum"].append("tea")
    node["labels"]["tea"] = "茶叶"


def goods_as_text(content: Json) -> None:
    content["answers_schema"]["properties"]["goods"] = {**TEXT, "title": "货物"}
    content["demands"]["required_items"] = []


@pytest.mark.parametrize("change", [lame_rows, new_category, goods_as_text])
def test_what_the_server_reads_keeps_its_shape(change: Callable[[Json], None]) -> None:
    content = draft()
    change(content)
    assert told(content) == {("form_shape", "/answers_schema/properties/goods")}


def test_two_versions_that_say_the_same_have_no_difference() -> None:
    for form in FORMS.values():
        assert compare_forms(form, form) == []


def test_every_kind_of_difference_is_told() -> None:
    before, content = FORMS["site_visit", 2], draft()
    properties = content["answers_schema"]["properties"]
    del properties["anomalies"]
    properties["own"] = TEXT
    properties["party_name"] |= {"title": "在场人", "maxLength": 40}
    properties["party_present"]["labels"]["no"] = "未到场"
    properties["party_opinion"]["labels"]["unclear"] = "未表态"
    properties["party_opinion"]["enum"].append("unclear")
    order = [name for name in content["answers_schema"]["order"] if name != "anomalies"]
    content["answers_schema"]["order"] = ["own", *order[1:], order[0]]
    content["demands"]["required_items"] = [
        item for item in content["demands"]["required_items"] if item[0] != "/cause"
    ]
    content["demands"]["min_officers"] = 3
    content["title"] = "检查表"
    assert told(content) == set()
    changes = compare_forms(before, FormDefinition.from_row(content))
    assert {(one.what, one.path): one.sentence for one in changes} == {
        ("changed", ""): "表单名称由“零售户检查表”改为“检查表”。",
        ("added", "/own"): "新增项目“自有项目”（文字）。",
        ("removed", "/anomalies"): "取消项目“许可证异常情形”。",
        ("changed", "/party_name"): "“在场人”的最长字数由“80”改为“40”。",
        ("changed", "/party_present"): "“当事人是否在场”的选项：“不在场”改称“未到场”。",
        ("changed", "/party_opinion"): "“当事人意见”的选项：新增“未表态”。",
        ("moved", ""): "“表单”内的项目顺序有变。",
        ("required", "/cause"): "“违法案由”的必填要求由「当“检查结论”为“异常”时必填」改为「未要求」。",
        ("demand", "min_officers"): "要求“最少人数”由“2”改为“3”。",
    }
    assert "“在场人”的名称由“在场人姓名”改为“在场人”。" in {one.sentence for one in changes}
