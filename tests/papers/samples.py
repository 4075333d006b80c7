"""Records and what is told besides, for papers that are looked at: the same at every run, and nobody's."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from random import Random
from typing import Any

from schemas.vocabulary import PaperKind
from server.demo import documents
from server.demo.documents import Document, Signer, Visit
from server.papers.composing import compose
from server.papers.model import PaperModel, SubjectTold, Told
from server.records.forms import find_form
from tests.town import ZONE

AT = datetime(2026, 7, 10, 9, 5, tzinfo=ZONE)
LI, WANG = (uuid.UUID(int=number) for number in (1, 2))
PEOPLE = {str(LI): "李样例", str(WANG): "王样例"}
SUBJECT = SubjectTold("样例市甲镇第一便利店", "990281100001", "赵样例", "样例市甲镇新街18号")
NUMBERS = {
    PaperKind.INSPECTION_RECORD.value: "样烟检〔2026〕12号",
    PaperKind.SCENE_RECORD.value: "样烟现〔2026〕3号",
    PaperKind.REGISTRATION_LIST.value: "样烟登〔2026〕2号",
    PaperKind.RECTIFICATION_ORDER.value: "样烟改〔2026〕1号",
}


def visit(**given: Any) -> Visit:
    """A quarter of an hour with a shopkeeper."""
    values: dict[str, Any] = {
        "record_id": uuid.UUID("0196f000-0000-7000-8000-0000000000aa"),
        "edit_id": uuid.UUID(int=9),
        "signers": [
            Signer(person_id=LI, cert_no="99018100001"),
            Signer(person_id=WANG, cert_no="99018100002"),
        ],
        "started_at": AT,
        "ended_at": AT + timedelta(minutes=40),
        "lon": 84.05,
        "lat": 39.05,
        "subject_id": uuid.UUID(int=7),
        **given,
    }
    return Visit(**values)


def ordering(**given: Any) -> Document:
    """A check that found no sign against sale to minors, and ordered one to be put up."""
    record = documents.ecig_check("WEEKLY", visit(**given), Random(3), cause="no_minors_sign")
    record["provisional_no"] = "临-LI01-20260710-03"
    record["notice_given"] = True
    record["approval_no"] = "样烟检审〔2026〕28号"
    record["answers"] |= {
        "party_present": "yes",
        "party_name": "赵样例",
        "party_opinion": "agree",
        "disposal": "rectify",
        "rectify": {"demand": "在收银台显著位置张贴不向未成年人销售标志。", "due_on": "2026-07-20"},
    }
    return record


def with_goods(lines: int, **given: Any) -> Document:
    """An inspection of an outlet with so many lines of goods."""
    record = documents.site_visit(visit(**given), Random(5), cause="not_from_local_wholesaler")
    names = ("样例（硬红）", "样例（软金）", "示范（细支）", "示范（硬蓝）", "样例（中支）")
    record["answers"]["goods"] = [
        {
            "category": "cigarette",
            "product_spec": f"{names[number % 5]}{number + 1}型",
            "quantity": 3 + number * 7 % 40,
            "unit": ("carton", "pack", "carton", "stick")[number % 4],
            "flags": ["off_channel"],
            "condition": "sound",
        }
        for number in range(lines)
    ]
    record["answers"]["goods"].append(
        {"category": "cut_tobacco", "product_spec": "样例烟丝", "quantity": 3, "unit": "kilogram"}
    )
    record["answers"] |= {"party_present": "yes", "party_name": "赵样例", "party_opinion": "disagree"}
    return record


def refused() -> Document:
    """The same, of somebody who would not sign and whose names are very long."""
    record = with_goods(3)
    record["answers"] |= {"party_opinion": "refused_sign", "witness": "孙样例（甲镇第一村民委员会委员）"}
    record["answers"]["goods"][0]["product_spec"] = "一种名称特别长的卷烟" * 8
    record["narrative"] = "现场情况说明很长，用于检验换行。" * 60
    return record


def told(**given: Any) -> Told:
    """What stands beside the record."""
    values: dict[str, Any] = {
        "bureau": "样例市烟草专卖局",
        "zone": ZONE,
        "names": PEOPLE,
        "subject": SUBJECT,
        "numbers": NUMBERS,
        "public_url": "https://xunge.example.cn",
        **given,
    }
    return Told(**values)


def paper(kind: PaperKind, record: Document, **given: Any) -> PaperModel:
    """The paper of a sample."""
    form = find_form(record["form_code"], record["form_version"])
    assert form is not None
    return compose(kind, record, form.title, form.answers_schema, told(**given))


def registered() -> PaperModel:
    """A registration list."""
    goods = (("样例（硬红）", 12), ("示范（细支）", 8), ("样例（软金）", 5))
    record = ordering() | {
        "kind": "registration_list",
        "form_code": "registration_list",
        "narrative": None,
        "approval_no": None,
        "subject_id": None,
        "answers": {
            "record_id": str(uuid.UUID(int=8)),
            "approval": {
                "approver": "周样例",
                "channel": "phone",
                "approved_at": "2026-07-10T09:10:00+08:00",
            },
            "party": {"name": "赵样例", "id_no": "990281190001010011", "attendance": "refused"},
            "witness": {"name": "孙样例", "unit": "甲镇第一村民委员会"},
            "keep_mode": "taken",
            "place_kept": "样例市烟草专卖局涉案物品仓库",
            "keeper": {"name": "吴样例"},
            "seal_nos": ["样封20260001", "样封20260002"],
            "registered_at": "2026-07-10T09:30:00+08:00",
            "lines": [
                {
                    "seq": number,
                    "category": "cigarette",
                    "product_spec": spec,
                    "quantity": quantity,
                    "unit": "carton",
                    "condition": "sound",
                    "packaging": "条盒完整",
                }
                for number, (spec, quantity) in enumerate(goods, start=1)
            ],
            "totals": {"lines": 3, "quantities": [{"unit": "carton", "quantity": 25}]},
        },
    }
    names = {**PEOPLE, str(uuid.UUID(int=8)): "样烟检〔2026〕12号"}
    return paper(PaperKind.REGISTRATION_LIST, record, subject=None, names=names)
