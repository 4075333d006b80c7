"""What officers of the demo city write into the forms: plausible, consistent with a finding, and made up."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

Answers = dict[str, Any]

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_CIGARETTES = ("样例（硬红）", "样例（软金）", "示范（细支）", "示范（硬蓝）", "样例（中支）")
_PODS = ("样例雾化弹（烟草味）18毫克", "示范雾化弹（原味烟草）12毫克", "样例雾化弹（浓烟草味）20毫克")
_TOWNS = ("甲镇", "乙镇", "丙镇", "丁镇", "一号街道", "二号街道")
_OWN_LICENCE = "990181100321"
_OTHER_LICENCE = "990182100877"

_WEEKLY = (
    "minors_sign",
    "no_vending_machine",
    "no_flavoured",
    "no_non_standard",
    "findings_rechecked",
    "no_online_sale",
)
_LICENCE = (
    "licence_displayed",
    "licence_no_match",
    "holder_match",
    "address_match",
    "business_registration_match",
    "scope_match",
)
_MONTHLY = (
    *_LICENCE,
    "scope_includes_ecig",
    "orders_match_stock",
    "wholesaler_local",
    "no_exclusive_dealing",
)
_QUARTERLY = ("warning_text", "trace_codes_ok")
_PREMISES = ("minors_sign", *_LICENCE, "hotline_sticker", "no_ad_violation")
ITEMS = {
    "WEEKLY": _WEEKLY,
    "MONTHLY": (*_WEEKLY, *_MONTHLY),
    "QUARTERLY": (*_WEEKLY, *_MONTHLY, *_QUARTERLY),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """What goes with a cause:

    the items that fail (the first that the form has), measure, note, flags of goods.
    """

    items: tuple[str, ...]
    disposal: str
    note: str
    flags: tuple[str, ...] = field(default=())


_FOUND = {
    "no_minors_sign": _Found(("minors_sign",), "rectify", "收银台及入口处未见不向未成年人销售标志。"),
    "licence_irregular": _Found(
        ("holder_match", "findings_rechecked"),
        "rectify",
        "实际经营人与许可证记载不一致，自称为亲属代为经营。",
    ),
    "sale_to_minor": _Found(("minors_sign",), "file_case", "现场发现未核验身份证件向未成年人出售。"),
    "vending_or_online_sale": _Found(
        ("no_vending_machine", "no_ad_violation"), "rectify", "店内设有自助售卖设备一台，已断电封存。"
    ),
    "ecig_non_standard": _Found(
        ("no_non_standard", "scope_match"),
        "register_goods",
        "柜台下发现“奶茶杯”样式产品。",
        ("non_standard",),
    ),
    "ecig_off_platform": _Found(
        ("wholesaler_local", "findings_rechecked", "scope_match"),
        "register_goods",
        "所售烟弹无法提供平台订货凭证。",
        ("off_channel",),
    ),
    "not_from_local_wholesaler": _Found(
        ("scope_match", "findings_rechecked"),
        "register_goods",
        "所售卷烟条码与本店许可证号不符。",
        ("off_channel",),
    ),
    "illegally_made_goods": _Found(
        ("scope_match", "no_non_standard"),
        "register_goods",
        "所售产品疑似假冒，已取样送鉴定。",
        ("counterfeit",),
    ),
    "smuggled_goods": _Found(
        ("scope_match", "no_non_standard"), "register_goods", "所售产品无中文标识，疑似走私。", ("smuggled",)
    ),
    "unlicensed_retail": _Found(
        ("licence_displayed", "findings_rechecked"), "transfer", "现场不能出示有效许可证。", ("off_channel",)
    ),
    "other": _Found(
        ("hotline_sticker", "findings_rechecked"), "educate", "宣传贴破损、上次提醒事项未完全落实。"
    ),
}


def ecig_answers(tier: str, rng: Random, started_at: datetime, *, cause: str | None, proof: str) -> Answers:
    """Answers to the check of a tier; ``proof`` is the sha256 of the photo that proves a failed item.

    Raises:
        KeyError: when the cause is none that is found at a shop.
    """
    answers = _shop(rng, started_at, ITEMS[tier], cause, proof, "ecig_pod")
    if tier != "WEEKLY":
        answers["orders"] = [_order(rng, spec) for spec in rng.sample(_PODS, 2)]
        answers["school_distance_m"] = rng.randint(210, 2400)
    if tier == "QUARTERLY":
        year, month = started_at.year, started_at.month
        answers |= {
            "draw": {
                "id": f"双随机〔{year}〕第{(month + 2) // 3}季度",
                "seed": f"{rng.getrandbits(64):016x}",
            },
            "trace_codes": [
                {"code": f"{rng.getrandbits(80):020x}".upper(), "result": "ok"} for _ in range(5)
            ],
            "sampling": {"quantity": 2, "seal_no": f"样封{year}{rng.randint(1, 9999):04d}"},
            "other_squad_officer": True,
        }
    return answers


def premises_answers(
    rng: Random, started_at: datetime, licence_no: str | None, *, cause: str | None, proof: str
) -> Answers:
    """Answers to the inspection of a retail outlet, whose cartons show its licence; arguments and errors as for
    ``ecig_answers``.
    """
    answers = _shop(rng, started_at, _PREMISES, cause, proof, "cigarette")
    diverted = cause == "not_from_local_wholesaler"
    answers["stock_lines"] = [
        {
            "category": "cigarette",
            "product_spec": spec,
            "quantity": rng.randint(2, 60),
            "unit": "carton",
        }
        for spec in rng.sample(_CIGARETTES, 2)
    ]
    answers["carton_scans"] = [
        {
            "licence_no": licence_no or _OWN_LICENCE,
            "match": "own",
            "cartons": rng.randint(3, 20),
            "photo": proof,
        }
    ]
    if diverted:
        answers["carton_scans"].append(
            {"licence_no": _OTHER_LICENCE, "match": "other", "cartons": rng.randint(1, 9), "photo": proof}
        )
    return answers


def service_answers(rng: Random) -> Answers:
    """Answers to a visit that inspects nothing."""
    return {
        "purpose": rng.choice(("publicity", "guidance", "feedback")),
        "summary": rng.choice(
            (
                "走访听取经营情况，讲解未成年人保护和许可证使用规定，现场解答延续办理流程。",
                "宣传12313举报热线和电子烟管理规定，提醒按时参加许可证延续。",
            )
        ),
        "requests": rng.choice((None, "希望提前告知延续所需材料。")),
        "materials_given": rng.randint(1, 5),
    }


def road_answers(
    rng: Random, stops: Sequence[tuple[datetime, bool]], *, mode: str, lead_id: uuid.UUID | None
) -> Answers:
    """Answers of a road-check session with its stops, each a time and whether goods were found."""
    police = rng.random() < 0.5
    return {
        "mode": mode,
        "road": rng.choice(("样例收费站出口", "国道测1线与省道测2线交叉口", "县道测3线12公里处")),
        "lead_id": str(lead_id) if lead_id else None,
        "police_present": police,
        "partner_units": [{"name": "样例市公安局交警大队", "people": rng.randint(2, 4)}] if police else [],
        "vehicles_used": rng.randint(1, 3),
        "stops": [_stop(rng, at, found) for at, found in stops],
    }


def depot_answers(
    rng: Random, started_at: datetime, depot_kind: str, *, abnormal: bool, proof: str
) -> Answers:
    """Answers of a depot check; an abnormal one has one suspect parcel over the limit of post."""
    items: dict[str, Any] = {
        name: {"result": "pass"}
        for name in ("real_name_ok", "inspect_on_receipt_ok", "xray_ok", "ledger_checked", "notice_posted")
    }
    answers: Answers = {
        "depot_kind": depot_kind,
        "mode": "visit",
        "partner_units": [{"name": "样例市邮政管理局", "people": 2}] if abnormal else [],
        "parcels_checked": rng.randint(20, 120),
        "suspects": [],
        "result": "abnormal" if abnormal else "normal",
        "disposal": "letter" if abnormal else "none",
        "items": items,
    }
    if abnormal:
        items["inspect_on_receipt_ok"] = {
            "result": "fail",
            "note": "抽查发现一件未落实收寄验视，内件为卷烟。",
            "photo": proof,
        }
        answers["cause"] = "postal_over_limit"
        answers["suspects"] = [
            {
                "waybill": f"9901****{rng.randint(1000, 9999)}",
                "from_place": "外省样例县",
                "to_place": f"样例市{rng.choice(_TOWNS)}",
                "goods": [
                    {
                        "category": "cigarette",
                        "product_spec": rng.choice(_CIGARETTES),
                        "quantity": rng.randint(3, 10),
                        "unit": "carton",
                        "flags": ["off_channel"],
                    }
                ],
            }
        ]
        answers["letter"] = {
            "to_unit": "样例市邮政管理局",
            "letter_no": f"样烟函〔{started_at.year}〕{rng.randint(1, 99)}号",
            "matter": "函告该网点未落实收寄验视制度，请依法督促整改。",
        }
    return answers


def _shop(
    rng: Random, started_at: datetime, names: Sequence[str], cause: str | None, proof: str, category: str
) -> Answers:
    """What every check of a shop asks, with the checklist of its form."""
    items: dict[str, Any] = {name: {"result": "pass"} for name in names}
    if "findings_rechecked" in items and rng.random() < 0.6:
        items["findings_rechecked"] = {"result": "not_applicable", "note": "上次检查无遗留问题。"}
    if "minors_sign" in items:
        items["minors_sign"]["note"] = rng.choice(("张贴于入口右侧玻璃门。", "摆放于收银台正面。"))
    answers: Answers = {
        "access": "open",
        "party_present": "yes",
        "party_name": f"{rng.choice(_SURNAMES)}某某",
        "witness": None,
        "goods_flags": [],
        "goods": [],
        "result": "normal",
        "cause": None,
        "disposal": "none",
        "party_opinion": "agree",
        "signatures": [{"role": "party", "sha256": rng.randbytes(32).hex()}],
        "items": items,
    }
    if cause is None:
        return answers
    found = _FOUND[cause]
    failed = next((name for name in found.items if name in items), names[0])
    items[failed] = {"result": "fail", "note": found.note, "photo": proof}
    answers |= {"result": "abnormal", "cause": cause, "disposal": found.disposal}
    if found.flags:
        answers["goods_flags"] = [*found.flags]
        answers["goods"] = [_goods(rng, category, found.flags, proof)]
    if found.disposal == "rectify":
        due_on = (started_at + timedelta(days=7)).date()
        answers["rectify"] = {"demand": f"请于期限内整改：{found.note}", "due_on": due_on.isoformat()}
    return answers


def _goods(rng: Random, category: str, flags: Sequence[str], proof: str) -> dict[str, Any]:
    cigarettes = category == "cigarette"
    return {
        "category": category,
        "product_spec": rng.choice(_CIGARETTES if cigarettes else _PODS),
        "quantity": rng.randint(2, 12) if cigarettes else rng.randint(5, 60),
        "unit": "carton" if cigarettes else "piece",
        "flags": [*flags],
        "condition": "sound",
        "photo": proof,
    }


def _order(rng: Random, spec: str) -> dict[str, Any]:
    ordered = rng.randint(20, 80)
    sold = rng.randint(0, ordered)
    return {
        "order_no": f"DZY{rng.randint(10**9, 10**10 - 1)}",
        "spec": spec,
        "ordered": ordered,
        "sold": sold,
        "counted": ordered - sold,
        "variance": 0,
    }


def _stop(rng: Random, at: datetime, found: bool) -> dict[str, Any]:
    stop: dict[str, Any] = {
        "stopped_at": at.isoformat(timespec="seconds"),
        "plate": f"测{rng.choice('ABCD')}{rng.randint(0, 99999):05d}",
        "vehicle_kind": rng.choice(("lorry", "car", "bus", "lorry")),
        "goods_found": found,
        "disposal": "file_case" if found else "release",
    }
    if found:
        stop |= {
            "driver": {"name": f"{rng.choice(_SURNAMES)}某某", "phone": f"1000000{rng.randint(0, 9999):04d}"},
            "carrier": "样例货运服务部",
            "from_place": "外省样例县",
            "to_place": f"样例市{rng.choice(_TOWNS)}",
            "places": ["cargo_bay"],
            "permit": "none",
            "local_purchase_proof": False,
            "goods": [
                {
                    "category": "cigarette",
                    "product_spec": spec,
                    "quantity": rng.randint(30, 90),
                    "unit": "carton",
                    "flags": ["off_channel"],
                    "condition": "sound",
                }
                for spec in rng.sample(_CIGARETTES, 2)
            ],
        }
    return stop
