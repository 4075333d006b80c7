"""What one version of a form asks otherwise than another: as structured differences, and as Chinese sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from server.records.form_faults import kinds_of, node_at
from server.records.forms import GIVEN, FormDefinition

_DEMANDS = {
    "min_officers": "最少人数",
    "certified": "须持执法证",
    "photos": "最少照片数",
    "position": "须有定位",
    "duration": "须满最短用时",
    "cert_shown": "须出示执法证件",
    "approval": "须有检查审批",
    "subject": "检查对象",
    "subject_optional_when": "可不指明对象的情形",
    "access": "算作到店的情形",
    "visit_kinds": "检查类别",
    "site_kinds": "场所类型",
    "title_en": "英文名称",
}
_TYPES = {
    "choice": "选项",
    "string": "文字",
    "integer": "整数",
    "boolean": "是否",
    "array": "列表",
    "object": "一组项目",
}
_FACETS = {
    "title": "名称",
    "title_en": "英文名称",
    "basis": "依据",
    "person": "个人信息",
    "maxLength": "最长字数",
    "minLength": "最短字数",
    "maxItems": "最多行数",
    "minItems": "最少行数",
    "minimum": "最小值",
    "maximum": "最大值",
    "pattern": "格式",
}
_NEVER = "未要求"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``what`` is ``added``, ``removed``, ``changed`` or ``moved`` (an item), ``required`` (when an item
    must be answered) or ``demand``; ``path`` is a pointer into the answers, or a demand's name. ``sentence`` is Chinese.
    """

    what: str
    path: str
    title: str
    before: Any
    after: Any
    sentence: str


def compare_forms(before: FormDefinition, after: FormDefinition) -> list[Change]:
    """The differences from one version to another, items first, in the order of the form."""
    return [
        *_heading(before, after),
        *_items(before, after),
        *_required(before, after),
        *_demands(before, after),
    ]


def _heading(before: FormDefinition, after: FormDefinition) -> Iterator[Change]:
    if before.title != after.title:
        sentence = f"表单名称由“{before.title}”改为“{after.title}”。"
        yield Change("changed", "", after.title, before.title, after.title, sentence)


def _items(before: FormDefinition, after: FormDefinition) -> Iterator[Change]:
    old, new = dict(_walk(before.answers_schema, "")), dict(_walk(after.answers_schema, ""))
    for path, node in new.items():
        title = _title(node)
        if path not in old:
            if path.rpartition("/")[0].removesuffix("/*") in {*old, ""}:
                yield Change(
                    "added", path, title, None, _short(node), f"新增项目“{title}”（{_type(node)}）。"
                )
            continue
        yield from _facets(path, old[path], node)
    for path, node in old.items():
        parent = path.rpartition("/")[0].removesuffix("/*")
        if path not in new and parent in {*new, ""}:
            yield Change("removed", path, _title(node), _short(node), None, f"取消项目“{_title(node)}”。")
    for path, node in (("", after.answers_schema), *new.items()):
        was = before.answers_schema if path == "" else old.get(path)
        yield from _moves(path, was, node)


def _facets(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    title = _title(new)
    if kinds_of(old) != kinds_of(new):
        sentence = f"“{title}”由{_type(old)}改为{_type(new)}。"
        yield Change("changed", path, title, _short(old), _short(new), sentence)
        return
    # The choices and the ends of a list's simple entries are told with the list itself.
    pairs = [(old, new)]
    if kinds_of(new) == ("array",) and kinds_of(old["items"]) == kinds_of(new["items"]) != ("object",):
        pairs.append((old["items"], new["items"]))
    for was, now in pairs:
        for facet, said in _FACETS.items():
            if was.get(facet) != now.get(facet):
                sentence = f"“{title}”的{said}由“{_plain(was.get(facet))}”改为“{_plain(now.get(facet))}”。"
                yield Change("changed", path, title, was.get(facet), now.get(facet), sentence)
        labels, relabelled = was.get("labels", {}), now.get("labels", {})
        if labels != relabelled:
            said_of = [
                *(f"新增“{relabelled[code]}”" for code in relabelled if code not in labels),
                *(f"取消“{labels[code]}”" for code in labels if code not in relabelled),
                *(
                    f"“{labels[code]}”改称“{relabelled[code]}”"
                    for code in relabelled
                    if code in labels and labels[code] != relabelled[code]
                ),
            ]
            sentence = f"“{title}”的选项：{'，'.join(said_of) or '顺序有变'}。"
            yield Change("changed", path, title, labels, relabelled, sentence)


def _moves(path: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Iterator[Change]:
    was, now = (_inner(one) for one in (old or {}, new))
    kept = [name for name in now.get("order", ()) if name in was.get("properties", {})]
    stood = [name for name in was.get("order", ()) if name in now.get("properties", {})]
    if kept != stood:
        title = _title(new) if path else "表单"
        yield Change("moved", path, title, stood, kept, f"“{title}”内的项目顺序有变。")


def _required(before: FormDefinition, after: FormDefinition) -> Iterator[Change]:
    old, new = _conditions(before), _conditions(after)
    for path in (*new, *(path for path in old if path not in new)):
        was, now = old.get(path), new.get(path)
        node = node_at(after.answers_schema, path)
        if was == now or node is None:
            continue
        said_was, said_now = (_when(form, one) for form, one in ((before, was), (after, now)))
        sentence = f"“{_title(node)}”的必填要求由「{said_was}」改为「{said_now}」。"
        yield Change("required", path, _title(node), was, now, sentence)
    schemas = (before.answers_schema, after.answers_schema)
    for path, node in _walk(schemas[1], ""):
        previous = node_at(schemas[0], path)
        if previous is None:
            continue
        was_names, now_names = (set(_inner(one).get("required", ())) for one in (previous, node))
        if was_names != now_names:
            sentence = f"“{_title(node)}”每行必有的项目有变。"
            yield Change("required", path, _title(node), sorted(was_names), sorted(now_names), sentence)


def _demands(before: FormDefinition, after: FormDefinition) -> Iterator[Change]:
    for name, said in _DEMANDS.items():
        was, now = before.stored_demands.get(name), after.stored_demands.get(name)
        if was != now:
            sentence = f"要求“{said}”由“{_plain(was)}”改为“{_plain(now)}”。"
            yield Change("demand", name, said, was, now, sentence)


def _walk(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every titled item with its pointer, ``*`` for the rows of a list, in the order of the form."""
    inner = _inner(node)
    row = "/*" if inner is not node else ""
    for name in inner.get("order", ()):
        child = inner["properties"][name]
        yield f"{path}{row}/{name}", child
        yield from _walk(child, f"{path}{row}/{name}")


def _inner(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object in which the items of a node stand: itself, or a row of the list that it is."""
    within = node.get("items")
    return within if isinstance(within, Mapping) and "type" in node and "array" in node["type"] else node


def _conditions(form: FormDefinition) -> dict[str, list[Any]]:
    """By pointer, under which conditions an item must be answered; one that is always is ``[None]``."""
    found: dict[str, list[Any]] = {}
    for pointer, when in form.stored_demands.get("required_items", ()):
        found.setdefault(pointer, []).append(when)
    return found


def _when(form: FormDefinition, conditions: list[Any] | None) -> str:
    if conditions is None:
        return _NEVER
    if None in conditions:
        return "必填"
    return "；或".join(_one_when(form, when) for when in conditions)


def _one_when(form: FormDefinition, when: Mapping[str, Any]) -> str:
    parts = []
    for pointer, allowed in sorted(when.items()):
        node = node_at(form.answers_schema, pointer) or {}
        if allowed == GIVEN:
            parts.append(f"已填“{_title(node)}”")
            continue
        labels = node.get("labels", {})
        values = "或".join(f"“{labels.get(one, _plain(one))}”" for one in allowed)
        parts.append(f"“{_title(node)}”为{values}")
    return f"当{'且'.join(parts)}时必填"


def _title(node: Mapping[str, Any]) -> str:
    return str(node.get("title", ""))


def _type(node: Mapping[str, Any]) -> str:
    return _TYPES.get("".join(kinds_of(node)), "")


def _short(node: Mapping[str, Any]) -> dict[str, Any]:
    """An item as it is told: its title, its type, and its choices if it has any."""
    told: dict[str, Any] = {"title": _title(node), "type": "".join(kinds_of(node))}
    return told | ({"choices": node["labels"]} if "labels" in node else {})


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "无"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(map(_plain, value))
    if isinstance(value, Mapping):
        return "；".join(f"{name}＝{_plain(inner)}" for name, inner in sorted(value.items()))
    return str(value)
