"""What people of the demo city write into the forms for factories, sellers without licence, households and complaints."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Literal

from server.demo.answers import Answers

CallMode = Literal["phone", "door"]

_STALLS = ("样例市甲镇集市东侧", "样例市乙镇车站广场", "样例市一号街道夜市南口", "样例市丙镇桥头")
_PRODUCTS = ("样例雾化弹（烟草味）18毫克", "示范雾化弹（原味烟草）12毫克")


def manufacturer_answers(rng: Random, started_at: datetime) -> Answers:
    """Answers of a check of a factory whose materials and sales are traced; nothing is wrong."""
    received = (started_at - timedelta(days=rng.randint(10, 40))).date().isoformat()
    sold = (started_at - timedelta(days=rng.randint(1, 9))).date().isoformat()
    bought, made = rng.randint(200, 900), rng.randint(2_000, 9_000)
    names = (
        *("production_licence_valid", "products_in_scope", "materials_traced", "materials_ledger_agrees"),
        *("sales_traced", "sales_ledger_agrees", "waste_destroyed"),
    )
    return {
        "access": "open",
        "party_present": "yes",
        "party_name": "样例负责人",
        "production_kind": "ecig",
        "production_licence_no": f"样生{rng.randint(1000, 9999)}",
        "materials": [
            {
                "name": "雾化物（烟草味）",
                "supplier": "样例雾化物生产企业",
                "supplier_licence_no": f"样雾{rng.randint(1000, 9999)}",
                "document_no": f"YL-{rng.randint(100, 999)}",
                "received_on": received,
                "quantity": bought,
                "unit": "kilogram",
                "in_stock": bought // 3,
            }
        ],
        "sales": [
            {
                "product_spec": rng.choice(_PRODUCTS),
                "buyer": "样例市电子烟批发企业",
                "buyer_licence_no": f"样批{rng.randint(1000, 9999)}",
                "document_no": f"DD-{rng.randint(1000, 9999)}",
                "sold_on": sold,
                "quantity": made,
                "unit": "piece",
                "in_stock": made // 5,
            }
        ],
        "result": "normal",
        "disposal": "none",
        "items": {name: {"result": "pass"} for name in names},
    }


def unlicensed_answers(rng: Random, started_at: datetime, *, selling: bool) -> Answers:
    """Answers of a check of a place that sells without licence, or is said to."""
    before = (started_at - timedelta(days=rng.randint(20, 90))).date().isoformat()
    seen = rng.random() < 0.5
    answers: Answers = {
        "access": "open",
        "party_present": "yes",
        "unlicensed_subject": {
            "name": rng.choice((None, "样例食杂摊")),
            "address": rng.choice(_STALLS),
            "goods": "卷烟三个品规" if selling else None,
        },
        "place_kind": rng.choice(("stall", "roadside", "itinerant", "shop")),
        "business_registration": rng.choice(("held", "none")),
        "selling": selling,
        "seen_before": seen,
        "licence_advised": True,
        "result": "abnormal" if selling else "normal",
        "disposal": "register_goods" if selling else "educate",
    }
    if seen:
        answers["earlier_seen_on"] = before
    if selling:
        answers |= {
            "cause": "unlicensed_retail",
            "party_opinion": "agree",
            "supply": "当事人称从过往货车购进，无凭证。",
            "goods": [
                {
                    "category": "cigarette",
                    "product_spec": "样例（硬红）",
                    "quantity": rng.randint(2, 30),
                    "unit": "carton",
                    "condition": "sound",
                }
            ],
        }
    return answers


def callback_answers(rng: Random, mode: CallMode, *, reached: bool) -> Answers:
    """Answers of a call-back by telephone or at the door; one that reaches nobody says why."""
    if not reached:
        return {
            "mode": mode,
            "reached": False,
            "not_reached": "no_answer" if mode == "phone" else "not_home",
        }
    satisfied = rng.randint(2, 5)
    answers: Answers = {
        "mode": mode,
        "reached": True,
        "result_told": True,
        "satisfied": satisfied,
        "reply": "已告知处理结果，对方表示知悉。",
        "handle_again": satisfied < 3,
    }
    if satisfied < 3:
        answers["dissatisfied_reason"] = "认为处理时间较长。"
    return answers


def household_answers(rng: Random) -> Answers:
    """Answers of a weekly visit to a household that grows tobacco."""
    kept = rng.random() < 0.4
    contract_kg = rng.randint(1_500, 6_000)
    answers: Answers = {
        "access": "met",
        "crop_stage": rng.choice(("curing", "grading", "selling")),
        "contract_no": f"样烟合{rng.randint(1000, 9999)}",
        "contract_kg": contract_kg,
        "sold_kg": rng.randint(0, contract_kg),
        "leaf_kept": kept,
        "outside_buyers": False,
        "publicity": True,
    }
    if kept:
        answers |= {
            "stock_lines": [
                {
                    "category": "leaf",
                    "quantity": rng.randint(20, 400),
                    "unit": "kilogram",
                    "condition": "sound",
                }
            ],
            "kept_where": "自家堂屋，已垫高防潮",
        }
    return answers
