"""The forms as they are loaded, and the checks compiled from them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import server.records.form_files
from schemas.record import DATE_PATTERN, ENVELOPE, REQUIRED, TIMESTAMP_PATTERN
from server.records.form_files import FormFileError, read_form_rows
from server.records.forms import (
    Demands,
    FormDefinition,
    compile_answers,
    compile_envelope,
    find_form,
    load_forms,
    required_findings,
)
from tests.records.documents import ecig_check, every_form, road_check, site_visit

FORMS = load_forms()
CHINESE = re.compile("[\u4e00-\u9fff]")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10**10), st.floats(allow_nan=False), st.text(max_size=70)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def named(definition: FormDefinition) -> str:
    return f"{definition.form_code}.{definition.version}"


def form(code: str) -> FormDefinition:
    found = find_form(code, 1)
    assert found is not None
    return found


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All schemas of objects in a schema."""
    if "properties" in schema:
        yield schema
        for child in schema["properties"].values():
            yield from objects(child)
    if "items" in schema:
        yield from objects(schema["items"])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a document."""
    if path:
        yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    node: Any = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


def test_every_file_is_a_form_and_the_tiers_have_theirs() -> None:
    folder = Path(server.records.form_files.__file__).parent / "forms"
    named = sorted(path.stem for path in folder.glob("*.json"))
    assert sorted(f"{one.form_code}.{one.version}" for one in FORMS) == named
    assert load_forms() is FORMS
    assert find_form("ecig_weekly", 99) is None
    assert {one.form_code: one.tier for one in FORMS if one.tier} == {
        "ecig_weekly": "WEEKLY",
        "ecig_monthly": "MONTHLY",
        "ecig_quarterly": "QUARTERLY",
    }


def test_what_was_published_once_never_changes() -> None:
    """Records hold the number of a version; what it asked must be found behind the number for ever."""
    published = json.loads((Path(__file__).parent / "published_forms.json").read_text())
    now = {f"{one.form_code}.{one.version}": one.digest for one in FORMS}
    assert {name: now.get(name) for name in published} == published


def test_a_deeper_check_holds_the_shallower_ones() -> None:
    asked = [
        [*form(f"ecig_{tier}").answers_schema["properties"]["items"]["properties"]]
        for tier in ("weekly", "monthly", "quarterly")
    ]
    weekly, monthly, quarterly = asked
    assert monthly[: len(weekly)] == weekly
    assert quarterly[: len(monthly)] == monthly
    assert len(weekly) < len(monthly) < len(quarterly)
    assert form("ecig_quarterly").demands == form("ecig_weekly").demands


def test_every_item_is_written_once() -> None:
    folder = Path(server.records.form_files.__file__).parent / "forms"
    written = [
        name for path in folder.rglob("*.json") for name in json.loads(path.read_text()).get("checklist", {})
    ]
    assert len(written) == len(set(written))


@pytest.mark.parametrize("definition", FORMS, ids=named)
def test_everything_asked_has_a_chinese_title_and_a_place(definition: FormDefinition) -> None:
    assert CHINESE.search(definition.title)
    assert definition.title_en
    for schema in objects(definition.answers_schema):
        assert schema["order"] == [*schema["properties"]]
        for name, child in schema["properties"].items():
            assert CHINESE.search(child["title"]), name
            if "enum" in child:
                assert [one for one in child["enum"] if one is not None] == [*child["labels"]]


@pytest.mark.parametrize("definition", FORMS, ids=named)
def test_the_schemas_are_json_schema(definition: FormDefinition) -> None:
    jsonschema.Draft7Validator.check_schema(definition.answers_schema)
    jsonschema.Draft7Validator.check_schema(ENVELOPE)


@pytest.mark.parametrize("definition", FORMS, ids=named)
def test_a_form_survives_its_table(definition: FormDefinition) -> None:
    # PostgreSQL's jsonb brings the keys back in an order of its own.
    row = json.loads(json.dumps(definition.to_row(), sort_keys=True))
    again = FormDefinition.from_row(row)
    assert again == definition
    assert again.demands == definition.demands
    assert again.required_items == definition.required_items
    assert again.title_en == definition.title_en
    assert compile_answers(again) is compile_answers(definition)


def test_another_content_is_another_form() -> None:
    row = copy.deepcopy(form("attempt").to_row())
    row["answers_schema"]["properties"]["note"]["maxLength"] = 10
    other = FormDefinition.from_row(row)
    assert other != form("attempt")
    assert compile_answers(other)({"note": "一二三四五六七八九十一"})
    assert not compile_answers(form("attempt"))({"note": "一二三四五六七八九十一"})


def test_demands_of_one_subject_a_list_or_none() -> None:
    assert Demands.of({"subject": "site"}, "depot_check").subject == ("site",)
    assert Demands.of({"subject": ["outlet", "site"]}, "site_visit").subject == ("outlet", "site")
    assert Demands.of({"subject": None, "title_en": "x"}, "site_visit") == Demands()
    assert form("road_check").demands.subject_optional_when == ((("mode",), ("mobile", "tip_off")),)
    assert form("attempt").demands.min_officers == 1


def test_valid_records_have_no_findings() -> None:
    for seed in range(20):
        for document in every_form(seed):
            definition = form(document["form_code"])
            assert compile_envelope()(document) == []
            assert compile_answers(definition)(document["answers"]) == []
            assert required_findings(definition, document["answers"]) == []


@given(st.data())
def test_two_validators_agree_on_damaged_records(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(every_form()))
    answers = data.draw(st.booleans())
    subject = document["answers"] if answers else document
    schema = form(document["form_code"]).answers_schema if answers else ENVELOPE
    check = compile_answers(form(document["form_code"])) if answers else compile_envelope()
    damaged = replaced(subject, data.draw(st.sampled_from([*places(subject)])), data.draw(values))
    expected = list(jsonschema.Draft7Validator(schema).iter_errors(damaged))
    findings = check(damaged)
    assert bool(findings) == bool(expected)
    for finding in findings:
        assert set(finding) == {"code", "path", "detail"}
        assert finding["path"].startswith("/answers" if answers else "/")
        assert CHINESE.search(finding["detail"])


def test_faults_are_all_told_with_their_pointers() -> None:
    answers = {
        "goods": [{"category": "cigarette", "unit": "carton", "quantity": 1.5}, {"category": "tea"}],
        "rectify": {"due_on": "2026-02-30"},
        "items": {"minors_sign": {"result": "maybe"}},
        "party_name": "名" * 81,
    }
    found = {(one["code"], one["path"]) for one in compile_answers(form("site_visit"))(answers)}
    assert found == {
        ("type_wrong", "/answers/goods/0/quantity"),
        ("value_unknown", "/answers/goods/1/category"),
        ("field_missing", "/answers/goods/1/quantity"),
        ("field_missing", "/answers/goods/1/unit"),
        ("format_wrong", "/answers/rectify/due_on"),
        ("value_unknown", "/answers/items/minors_sign/result"),
        ("out_of_bounds", "/answers/party_name"),
    }


def test_a_record_needs_little_to_be_stored() -> None:
    document = {key: value for key, value in ecig_check().items() if key in REQUIRED}
    assert compile_envelope()(document) == []
    for key in REQUIRED:
        left = {name: value for name, value in document.items() if name != key}
        assert [(one["code"], one["path"]) for one in compile_envelope()(left)] == [
            ("field_missing", f"/{key}")
        ]


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"officers": []}, "out_of_bounds", "/officers"),
        ({"officers": [{}] * 21}, "out_of_bounds", "/officers"),
        ({"photos": [{"sha256": "0" * 64}] * 51}, "out_of_bounds", "/photos"),
        ({"photos": [{"sha256": "A" * 64}]}, "format_wrong", "/photos/0/sha256"),
        ({"photos": [{}]}, "field_missing", "/photos/0/sha256"),
        ({"kind": "tea"}, "value_unknown", "/kind"),
        ({"form_code": "Ecig"}, "format_wrong", "/form_code"),
        ({"form_version": 0}, "out_of_bounds", "/form_version"),
        ({"form_version": True}, "type_wrong", "/form_version"),
        ({"status": "draft"}, "value_unknown", "/status"),
        ({"position": {"lon": 181, "lat": 0}}, "out_of_bounds", "/position/lon"),
        ({"position": {"lon": 0, "lat": 0, "accuracy_m": -1}}, "out_of_bounds", "/position/accuracy_m"),
        ({"position": {"lon": 0}}, "field_missing", "/position/lat"),
        ({"narrative": "字" * 4001}, "out_of_bounds", "/narrative"),
        ({"squad_id": "x"}, "format_wrong", "/squad_id"),
        ({"clock_offset_s": 1.5}, "type_wrong", "/clock_offset_s"),
        ({"secret": 1}, "field_unknown", "/secret"),
        ({"a/b~c": 1}, "field_unknown", "/a~1b~0c"),
    ],
)
def test_what_cannot_be_stored(change: dict[str, Any], code: str, path: str) -> None:
    findings = compile_envelope()(ecig_check() | change)
    assert [(one["code"], one["path"]) for one in findings] == [(code, path)]


def test_what_the_server_says_is_let_through_whatever_it_is() -> None:
    assert compile_envelope()(ecig_check(stamp={"valid": True}, review=[1])) == []


def test_a_newer_form_of_a_newer_device_is_let_through() -> None:
    assert compile_envelope()(ecig_check(form_code="household_visit", form_version=7)) == []


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001  Hypothesis wants naive bounds.
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_every_time_that_python_writes_is_taken(at: datetime, zone: timezone) -> None:
    assert re.search(TIMESTAMP_PATTERN, at.replace(tzinfo=zone).isoformat())


@given(st.from_regex(TIMESTAMP_PATTERN, fullmatch=True))
def test_every_time_that_is_taken_can_be_read(text: str) -> None:
    assert datetime.fromisoformat(text).utcoffset() is not None


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-06 09:30:00+08:00",
        "2026-07-06T09:30:00",
        "2026-07-06T09:30+08:00",
        "2026-02-29T09:30:00Z",
        "2026-07-06T24:00:00Z",
        "2026-07-06T09:30:60Z",
        "2026-07-06T09:30:00.1234567Z",
        "2026-07-06T09:30:00+0800",
        "2026-07-06t09:30:00z",
        "2026-07-06T09:30:00Z\n",
        "２０２６-07-06T09:30:00Z",
        "1969-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
    ],
)
def test_no_other_time_is_taken(text: str) -> None:
    assert [one["path"] for one in compile_envelope()(ecig_check() | {"started_at": text})] == ["/started_at"]


def test_days_are_days_of_the_calendar() -> None:
    day = datetime(1968, 1, 1, tzinfo=UTC)
    while day.year < 2102:
        assert bool(re.search(DATE_PATTERN, day.date().isoformat())) is (1970 <= day.year <= 2099)
        day += timedelta(days=1)
    for text in ("2026-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00"):
        assert not re.search(DATE_PATTERN, text)


def missing(code: str, answers: dict[str, Any]) -> set[str]:
    return {one["path"].removeprefix("/answers") for one in required_findings(form(code), answers)}


def test_a_closed_shop_is_not_asked_for_its_items() -> None:
    assert missing("ecig_weekly", {"access": "closed"}) == set()
    assert "/items/minors_sign" in missing("ecig_weekly", {"access": "open"})
    assert missing("ecig_weekly", {}) == {"/access"}


@pytest.mark.parametrize("empty", [None, {"result": "not_checked"}, {"result": None}])
def test_an_item_left_open_is_missing(empty: Any) -> None:
    answers = ecig_check()["answers"]
    answers["items"]["no_vending_machine"] = empty
    (finding,) = required_findings(form("ecig_weekly"), answers)
    assert finding == {
        "code": "item_missing",
        "path": "/answers/items/no_vending_machine",
        "detail": "“未设置自动售卖设备”未填写，请提交更正记录补填。",
    }


def test_what_follows_from_an_answer_is_required() -> None:
    answers = site_visit()["answers"]
    assert missing("site_visit", answers | {"result": "abnormal"}) == {"/cause"}
    assert missing("site_visit", answers | {"disposal": "rectify"}) == {"/rectify/demand", "/rectify/due_on"}
    assert missing("site_visit", answers | {"party_present": "no"}) == {"/witness"}
    assert missing("attempt", {"reason": "refused"}) == {"/note"}
    assert missing("attempt", {"reason": "closed"}) == set()


def test_rows_are_asked_by_themselves() -> None:
    answers = road_check()["answers"]
    answers["stops"][0] |= {"goods_found": True, "permit": "valid"}
    del answers["stops"][1]["vehicle_kind"]
    assert missing("road_check", answers) == {
        "/stops/0/driver/name",
        "/stops/0/places",
        "/stops/0/goods",
        "/stops/0/local_purchase_proof",
        "/stops/0/permit_no",
        "/stops/1/vehicle_kind",
    }


def test_a_sample_needs_its_seal() -> None:
    answers = ecig_check("QUARTERLY")["answers"]
    answers["sampling"] = {"quantity": 2}
    assert missing("ecig_quarterly", answers) == {"/sampling/seal_no"}
    assert missing("ecig_quarterly", answers | {"sampling": None, "trace_codes": []}) == {"/trace_codes"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"extends": ["nowhere.1"]}, "no form nowhere.1"),
        ({"extends": ["broken.1"]}, "builds on itself"),
        (
            {
                "form_code": "broken",
                "version": 1,
                "kind": "attempt",
                "tier": None,
                "title": "坏表",
                "title_en": "Broken",
                "answers_schema": {"properties": {"x": {"title": "项", "is": "nothing"}}},
            },
            "no shape nothing",
        ),
    ],
)
def test_a_broken_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], message: str
) -> None:
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "broken.1.json").write_text(json.dumps(content))
    monkeypatch.setattr(server.records.form_files, "files", lambda package: tmp_path)
    with pytest.raises(FormFileError, match=message):
        list(read_form_rows())
