"""Whether a bureau's draft of a form may become a version: its schema, its demands, and what it requires.

Pure. What the server reads out of answers (goods, stops, orders and so on) must be there in the shape that it reads, so
a draft that asks for such an item asks for it as a packaged form does, and may ask for more beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.record import SUBJECT_KINDS, VISIT_KINDS
from server.records.form_faults import Faults, kinds_of, node_at
from server.records.form_subset import check_subset
from server.records.forms import GIVEN, Demands, FormDefinition, load_forms
from server.records.kinds import asks_inspection_approval, attendance_of

SITE_KINDS = ("depot", "checkpoint", "school", "kindergarten", "manufacturer")
MOST_REQUIRED = 300
# A document of the feed may have 256 kB.
MOST_BYTES = 200_000
# What records draws out of the answers of every kind, or judges them by.
_DRAWN = frozenset(
    {
        "access",
        "carton_scans",
        "disposal",
        "goods",
        "goods_flags",
        "goods_totals",
        "items",
        "money",
        "rectify",
        "result",
        "signatures",
        "stock_lines",
        "stops",
        "suspects",
        "unlicensed_subject",
    }
)
_YES_NO = ("certified", "position", "duration", "cert_shown", "approval")
_LISTS: Mapping[str, tuple[str, ...]] = {
    "subject": SUBJECT_KINDS,
    "visit_kinds": VISIT_KINDS,
    "site_kinds": SITE_KINDS,
}
_OTHER = frozenset(
    {"min_officers", "photos", "subject_optional_when", "access", "title_en", "required_items"}
)


def draft_faults(draft: Mapping[str, Any]) -> list[dict[str, str]]:
    """What keeps a draft from being a version of a form, by place; empty where nothing does.

    ``draft`` has form_code, kind, tier, title, demands and answers_schema, as schemas.forms.FormDraftIn reads them.
    """
    faults = Faults()
    schema, demands = draft["answers_schema"], draft["demands"]
    if len(json.dumps([schema, demands], ensure_ascii=False).encode()) > MOST_BYTES:
        detail = (
            f"表单超过 {MOST_BYTES // 1000} kB，手持机无法接收。The form is larger than a handheld takes."
        )
        faults.fault("", "form_too_large", detail)
        return faults.found
    check_subset(schema, faults)
    if faults.found:
        # Pointers into a schema that is none would only be told as faults once more.
        return faults.found
    _check_drawn(draft["kind"], schema, faults)
    _check_demands(demands, schema, faults)
    _check_required(demands.get("required_items", []), schema, faults)
    if not faults.found:
        _check_attendance(draft["kind"], draft["tier"], demands, faults)
    return faults.found


def _check_attendance(kind: str, tier: str | None, demands: Mapping[str, Any], faults: Faults) -> None:
    """The law's least (行政处罚法第四十二条、第五十五条), and what the kind is: a form may only be stricter."""
    stated = {**{name: getattr(Demands(), name) for name in ("min_officers", *_YES_NO)}, **demands}
    people, certified = attendance_of(kind, demands.get("visit_kinds", VISIT_KINDS))
    if stated["min_officers"] < people or (certified and not stated["certified"]):
        detail = "检查应有不少于两名持证执法人员（行政处罚法第四十二条），表单不能放宽。"
        detail += "An inspection takes two certified officers at least; a form may only ask for more."
        faults.fault("/demands/min_officers", "form_too_few_officers", detail)
    approved = asks_inspection_approval(kind, certified=certified)
    for name, asked, said in (("cert_shown", certified, "出示执法证件"), ("approval", approved, "检查审批")):
        if asked and not stated[name]:
            detail = f"检查必须要求{said}，表单不能放宽。An inspection demands this; a form cannot drop it."
            faults.fault(f"/demands/{name}", "form_laxer_than_kind", detail)
    if tier is not None and kind != "ecig_check":
        detail = "只有电子烟检查表有复查层级。Only e-cigarette checks are of a tier."
        faults.fault("/tier", "form_tier", detail)


def _check_demands(demands: Mapping[str, Any], schema: Mapping[str, Any], faults: Faults) -> None:
    for name in demands:
        if name not in _OTHER and name not in _YES_NO and name not in _LISTS:
            faults.fault(
                f"/demands/{str(name)[:40]}", "form_demand", "没有这一要求。There is no such demand."
            )
    for name in _YES_NO:
        if not isinstance(demands.get(name, True), bool):
            faults.fault(f"/demands/{name}", "form_demand", "应为 true 或 false。This is true or false.")
    for name, most in (("min_officers", 10), ("photos", 20)):
        value = demands.get(name, 1)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            detail = f"应为 0 至 {most} 的整数。A whole number from 0 to {most}."
            faults.fault(f"/demands/{name}", "form_demand", detail)
    for name, known in _LISTS.items():
        given = demands.get(name, [])
        if name == "subject" and (given is None or isinstance(given, str)):
            given = [given] if given else []
        empty = name == "visit_kinds" and name in demands and given == []
        if not isinstance(given, list) or empty or any(one not in known for one in given):
            detail = f"应取自：{'、'.join(known)}。It is a list of these."
            faults.fault(f"/demands/{name}", "form_demand", detail)
    access = demands.get("access")
    if access is not None and not _are_values(access, node_at(schema, "/access")):
        detail = "应取自“到店情况”的选项。It is a list of the choices of /access."
        faults.fault("/demands/access", "form_demand", detail)
    if not isinstance(demands.get("title_en", ""), str) or not str(demands.get("title_en", "")).strip():
        faults.fault("/demands/title_en", "form_demand", "须有英文名称。The form has an English title.")
    optional = demands.get("subject_optional_when", {})
    if not isinstance(optional, Mapping):
        faults.fault("/demands/subject_optional_when", "form_demand", "应为对象。This is an object.")
        return
    for pointer, values in optional.items():
        if not _are_values(values, node_at(schema, pointer)):
            _tell_condition("/demands/subject_optional_when", pointer, faults)


def _check_required(required: Any, schema: Mapping[str, Any], faults: Faults) -> None:
    if not isinstance(required, list) or len(required) > MOST_REQUIRED:
        detail = f"应为列表，最多 {MOST_REQUIRED} 项。A list, at most so long."
        faults.fault("/demands/required_items", "form_required", detail)
        return
    for number, item in enumerate(required):
        path = f"/demands/required_items/{number}"
        if not isinstance(item, list) or len(item) != 2 or not isinstance(item[0], str):
            detail = "每项为 [位置, 条件]，无条件时为 null。Each is [pointer, conditions or null]."
            faults.fault(path, "form_required", detail)
            continue
        pointer, when = item
        if pointer.count("/*") > 1 or pointer.endswith("/*") or node_at(schema, pointer) is None:
            detail = f"表单没有“{pointer[:80]}”这一项。The form has no such item."
            faults.fault(path, "form_pointer", detail)
            continue
        if when is not None and not isinstance(when, Mapping):
            faults.fault(path, "form_condition", "条件应为对象或 null。Conditions are an object or null.")
            continue
        rows = pointer.partition("/*/")[0] if "/*/" in pointer else None
        for where, allowed in (when or {}).items():
            within = f"{rows}/*/" if rows is not None else None
            in_rows = "/*" in where
            reachable = not in_rows or (
                within is not None and where.startswith(within) and where.count("/*") == 1
            )
            node = node_at(schema, where) if reachable else None
            if node is None or not (allowed == GIVEN or _are_values(allowed, node)):
                _tell_condition(path, where, faults)


def _tell_condition(path: str, pointer: str, faults: Faults) -> None:
    detail = f"条件“{pointer[:80]}”的位置或取值不在表单之内。The condition names a place or a value that the form has not."
    faults.fault(path, "form_condition", detail)


def _are_values(allowed: Any, node: Mapping[str, Any] | None) -> bool:
    """Whether these are some of the values that a node of the schema can have."""
    if node is None or not isinstance(allowed, list) or not allowed:
        return False
    (kind,) = kinds_of(node)
    if kind == "choice":
        return all(isinstance(one, str) and one in node["enum"] for one in allowed)
    if kind == "boolean":
        return all(isinstance(one, bool) for one in allowed)
    if kind == "integer":
        return all(isinstance(one, int) and not isinstance(one, bool) for one in allowed)
    return kind == "string" and all(isinstance(one, str) for one in allowed)


def _check_drawn(kind: str, schema: Mapping[str, Any], faults: Faults) -> None:
    for name, node in schema["properties"].items():
        same_kind = _models(name, (form for form in load_forms() if form.kind == kind))
        models = same_kind or (_models(name, load_forms()) if name in _DRAWN else [])
        if models and not any(_fits(node, model, strict=name in _DRAWN) for model in models):
            detail = f"“{name}”由系统读取，结构须与现行表单一致（可以增加项目）。"
            detail += "The server reads this item; it keeps the shape that the packaged forms give it, and may hold more."
            faults.fault(f"/answers_schema/properties/{name}", "form_shape", detail)


def _models(name: str, forms: Iterable[FormDefinition]) -> list[Mapping[str, Any]]:
    return [
        form.answers_schema["properties"][name] for form in forms if name in form.answers_schema["properties"]
    ]


def _fits(node: Mapping[str, Any], model: Mapping[str, Any], *, strict: bool) -> bool:
    """Whether what a node lets through can be read as what the model lets through; ``strict`` takes no new choices."""
    if kinds_of(node) != kinds_of(model):
        return False
    (kind,) = kinds_of(node)
    if kind == "choice":
        return not strict or set(node["enum"]) <= {*model["enum"], None}
    if kind == "integer":
        least, most = model["minimum"], model["maximum"]
        return bool(least <= node["minimum"] and node["maximum"] <= most)
    if kind == "string":
        return "pattern" not in model or node.get("pattern") == model["pattern"]
    if kind == "array":
        return _fits(node["items"], model["items"], strict=strict)
    if kind == "object":
        own, required = node["properties"], set(node.get("required", ()))
        return required >= set(model.get("required", ())) and all(
            _fits(own[name], part, strict=strict) for name, part in model["properties"].items() if name in own
        )
    return True
