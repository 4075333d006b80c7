"""What papers say: made by pure functions from a record and its form, nothing more than the record says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import PaperKind
from server.demo import documents
from server.demo.registered import RegisteredGoods
from server.papers.composing import compose, papers_of
from server.papers.model import Amendment, PaperModel, Table
from server.papers.rules import own_paper
from server.papers.verifying import code_of, digest_of, read_code
from server.records.forms import load_forms
from tests.papers.samples import AT, ordering, paper, refused, told, visit, with_goods

RECORD = PaperKind.INSPECTION_RECORD


def words(model: PaperModel) -> str:
    """Everything that stands on a paper."""

    def each(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from each(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                yield from each(inner)
        elif value is not None:
            yield str(value)

    return "\n".join(each(model.as_json()))


def test_an_inspection_and_the_order_that_it_gave() -> None:
    record = ordering()
    assert papers_of(record) == (RECORD, PaperKind.RECTIFICATION_ORDER)
    text = words(paper(RECORD, record))
    for expected in (
        "样烟检〔2026〕12号",
        "临-LI01-20260710-03",
        "2026年7月10日9时05分至9时45分",
        "李样例（执法证号 99018100001）；王样例（执法证号 99018100002）",
        "执法人员已主动向当事人出示执法证件，表明身份。",
        "显著位置设置不向未成年人销售标志",
        "不合格",
        "在收银台显著位置张贴不向未成年人销售标志。（期限：2026年7月20日前）",
        "当事人对以上内容无异议。",
    ):
        assert expected in text
    order = paper(PaperKind.RECTIFICATION_ORDER, record)
    assert (order.number, order.seal_day) == ("样烟改〔2026〕1号", "2026年7月10日")
    for expected in (
        "见检查（勘验）笔录 样烟检〔2026〕12号",
        "现责令你（单位）于2026年7月20日前改正",
        "六十日",
    ):
        assert expected in words(order)


def test_nothing_is_said_that_the_record_does_not_say() -> None:
    record = ordering() | {"cert_shown": None, "notice_given": None}
    assert "记录未载明是否出示执法证件。" in words(paper(RECORD, record))
    assert "已告知当事人" not in words(paper(RECORD, record))
    assert "已主动向当事人出示" not in words(paper(RECORD, record | {"cert_shown": False}))


def test_the_clock_of_the_device_is_set_right() -> None:
    assert "2026年7月10日9时00分至9时40分" in words(paper(RECORD, ordering(), clock_offset_s=300))


def test_whoever_would_not_sign_is_noted_with_the_witness() -> None:
    text = words(paper(RECORD, refused()))
    assert "当事人拒绝签名，执法人员在此注明。拒绝签名的理由：＿" in text
    assert "见证人：孙样例（甲镇第一村民委员会委员）。" in text
    given = refused()
    given["answers"]["refusal_reason"] = "认为处理过重"
    assert "拒绝签名的理由：认为处理过重。" in words(paper(RECORD, given))
    absent = ordering()
    absent["answers"] |= {"party_present": "no", "witness": "孙样例", "party_opinion": None}
    assert "当事人不在场，由见证人到场见证并签名。见证人：孙样例。" in words(paper(RECORD, absent))


def test_signatures_are_shown_once_they_have_come() -> None:
    record = ordering()
    sha256 = "ab" * 32
    record["answers"]["signatures"] = [{"role": "party", "sha256": sha256}]
    waiting = words(paper(RECORD, record))
    assert "签名图像未收到" in waiting
    assert sha256 not in waiting
    assert sha256 in words(paper(RECORD, record, received=frozenset({sha256})))


def test_goods_come_to_cartons_and_sticks_both() -> None:
    record = with_goods(0)
    record["answers"]["goods"] = [
        {"category": "cigarette", "product_spec": "甲", "quantity": 12, "unit": "carton"},
        {"category": "cigarette", "product_spec": "乙", "quantity": 2, "unit": "pack"},
        {"category": "leaf", "product_spec": None, "quantity": 15, "unit": "kilogram"},
        # A carton of leaf is none: it is printed as written, and counted as what it says.
        {"category": "leaf", "product_spec": None, "quantity": 1, "unit": "carton"},
    ]
    section = next(one for one in paper(RECORD, record).sections if one.title == "涉案货物")
    (table,) = section.blocks
    assert isinstance(table, Table)
    assert [row[3:6] for row in table.rows] == [
        ("12", "条", "2400支"),
        ("2", "包", "40支"),
        ("15", "公斤", ""),
        ("1", "条", ""),
    ]
    assert table.totals == ("合计：4行，3个品种规格；卷烟12条40支（共2440支）、烟叶15公斤、烟叶1条。",)


def test_money_is_recorded_in_fen_and_printed_in_yuan() -> None:
    record = with_goods(1) | {"form_version": 2}
    record["answers"]["goods"][0] |= {"unit_price_fen": 12305, "labelled_value_fen": 36915}
    text = words(paper(RECORD, record))
    assert "单价（元）" in text
    assert "123.05" in text
    assert "（分）" not in text


def test_amendments_are_named_on_both_papers() -> None:
    later = Amendment(str(uuid.UUID(int=5)), AT + timedelta(days=2), "数量复核有误")
    amended = paper(RECORD, ordering(), later=(later,))
    assert amended.marks == (
        "本文书所载记录已于2026年7月12日9时05分更正，更正理由：数量复核有误。应与更正后的文书一并使用。",
    )
    amending = ordering(amends_id=uuid.UUID(int=5), amend_reason="数量复核有误")
    first = Amendment(str(uuid.UUID(int=5)), AT, None)
    (mark,) = paper(RECORD, amending, earlier=(first,)).marks
    assert "第1次更正" in mark
    assert "更正理由：数量复核有误" in mark


def test_without_a_number_it_says_so() -> None:
    model = paper(RECORD, ordering(), numbers={})
    assert (model.number, model.provisional_no) == (None, "临-LI01-20260710-03")
    assert "正式编号由系统在收到记录后统一编排" in model.marks[0]


def test_behind_a_closed_door_nobody_signs_for_the_party() -> None:
    text = words(paper(PaperKind.SCENE_RECORD, documents.attempt(visit(), Random(1))))
    assert "当事人对以上内容" not in text
    assert "关门" in text


def test_every_answer_of_every_form_is_printed() -> None:
    """Each form, filled in by its own schema: every title that was answered stands on the paper."""
    for form in load_forms():
        kind = own_paper(form.kind, form.form_code, "routine")
        if kind is None:
            continue
        answers = _filled(form.answers_schema)
        answers |= {"party_opinion": "disagree"} if "party_opinion" in answers else {}
        record = ordering() | {"kind": form.kind, "form_code": form.form_code, "answers": answers}
        text = words(compose(kind, record, form.title, form.answers_schema, told()))
        for leaf in _leaves(answers):
            assert leaf in text, (form.form_code, form.version, leaf)


def _filled(schema: dict[str, Any], path: str = "") -> Any:
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "enum" in schema:
        return schema["enum"][0]
    if "object" in kinds or "properties" in schema:
        return {name: _filled(one, f"{path}.{name}") for name, one in schema["properties"].items()}
    if "array" in kinds:
        return [_filled(schema["items"], f"{path}*")]
    if "boolean" in kinds:
        return True
    if "integer" in kinds or "number" in kinds:
        return 7
    if "pattern" in schema:
        return None
    return f"答{path}"


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str) and value.startswith("答"):
        yield value


def test_a_form_that_the_server_has_not_is_printed_by_the_names_it_gave() -> None:
    record = ordering() | {"answers": {"surprise": "一条新的答案", "many": [1, 2]}}
    text = words(compose(RECORD, record, "", None, told()))
    assert "surprise" in text
    assert "一条新的答案" in text


def test_signatures_of_a_form_that_nobody_knows_may_be_anything() -> None:
    for strange in (7, True, "ab", {"sha256": "ab" * 32}, [3, {"role": "officer", "sha256": {"a": 1}}]):
        record = ordering() | {"answers": {"signatures": strange}}
        assert "检查人员" in words(compose(RECORD, record, "", None, told()))


def test_a_bureaus_own_list_of_goods_may_leave_quantities_out() -> None:
    text = {"title": "文字", "type": ["string", "null"]}
    line = {"category": text, "product_spec": text, "quantity": text, "unit": text}
    schema = {"properties": {"samples": {"title": "样品", "items": {"properties": line}}}}
    samples = [
        {"category": "cigarette", "unit": "carton"},
        {"category": "leaf", "unit": "kilogram", "quantity": "约三公斤"},
    ]
    record = ordering() | {"answers": {"samples": samples}}
    assert "约三公斤" in words(compose(RECORD, record, "", schema, told()))


def test_as_json_is_plain() -> None:
    model = paper(RECORD, with_goods(2))
    assert json.loads(json.dumps(model.as_json()))["kind"] == "inspection_record"


@given(st.uuids(), st.sampled_from(PaperKind), st.binary(min_size=32, max_size=32))
def test_a_code_says_again_what_it_was_made_of(record: uuid.UUID, kind: PaperKind, digest: bytes) -> None:
    code = code_of(kind, record, digest.hex())
    for written in (code, code.lower(), code.replace("-", " ")):
        told = read_code(written)
        assert told is not None
        assert (told.kind, told.record_id) == (kind, record)
        assert digest.hex().startswith(told.digest)
        assert len(told.digest) == 28


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_what_is_no_code_is_none(text: str) -> None:
    assert read_code(text) is None


def test_the_digest_is_of_what_the_device_wrote() -> None:
    record = ordering()
    digest = digest_of(record)
    stamped = record | {"edit_id": "x", "stamp": {"numbers": {}}, "_deleted": False, "review": []}
    assert digest_of(stamped) == digest
    assert digest_of(dict(reversed(record.items()))) == digest
    assert digest_of(record | {"form_version": 1.0}) == digest
    assert digest_of(record | {"narrative": "改"}) != digest
    assert len(digest) == 64


def test_totals_of_a_list_read_as_one_word() -> None:
    goods = [
        RegisteredGoods("cigarette", "样例牌（硬）", 5, "carton"),
        RegisteredGoods("leaf", "烤烟", 40, "kilogram"),
    ]
    record = documents.registration_list(visit(), Random(1), goods, inspection_id=uuid.uuid4())
    assert "5条、40公斤" in words(paper(PaperKind.REGISTRATION_LIST, record))


def test_answers_that_are_nested_without_end_are_printed_as_far_as_anybody_reads() -> None:
    record = ordering()
    deep: Any = "底"
    # What is nested deeper than this is not taken as a record.
    for _ in range(118):
        deep = {"内": [deep]}
    record["answers"]["unheard_of"] = deep
    text = words(paper(RECORD, record))
    assert "（层次过深，见电子记录）" in text
    assert "底" not in text
