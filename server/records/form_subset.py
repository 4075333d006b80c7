"""The part of JSON Schema (draft 7) that forms are written in: bounded, without references and without slow patterns.

A published schema is compiled and run on every record that names it, and it is stored for ever. So a draft may hold
nothing that reaches out, that runs long or that lets through what cannot be stored: no ``$ref``, no combinations, no
floats, text and lists with their ends, patterns of fixed length only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from schemas.record import DATE_PATTERN, MAX_TEXT, SHA256_PATTERN, TIMESTAMP_PATTERN, UUID_PATTERN
from server.privacy.masking import PERSON_WORDS
from server.records.form_faults import Faults, kinds_of

_DRAFT = "http://json-schema.org/draft-07/schema#"
MOST_NODES, DEEPEST, MOST_CHOICES, MOST_ROWS = 800, 10, 200, 500
LARGEST = 10**15
_NAME = re.compile("[a-z][a-z0-9_]{0,39}")
_CHOICE = re.compile("[A-Za-z0-9_]{1,40}")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_PATTERNS = frozenset({DATE_PATTERN, TIMESTAMP_PATTERN, SHA256_PATTERN, UUID_PATTERN})
# Characters and classes, each once or an exact number of times: nothing to go back over.
_SIGN = "[A-Za-z0-9_\u4e00-\u9fff]"
_FIXED = re.compile(
    rf"\^(?:(?:\[(?:{_SIGN}(?:-{_SIGN})?){{1,30}}\]|{_SIGN}|-)(?:\{{[0-9]{{1,2}}\}})?){{1,60}}\$"
)
_ABOUT = frozenset({"title", "title_en", "basis", "person"})
_OF: Mapping[str, frozenset[str]] = {
    "object": frozenset({"type", "properties", "required", "order"}),
    "array": frozenset({"type", "items", "minItems", "maxItems"}),
    "string": frozenset({"type", "pattern", "minLength", "maxLength"}),
    "integer": frozenset({"type", "minimum", "maximum"}),
    "boolean": frozenset({"type"}),
    "choice": frozenset({"enum", "labels"}),
}
_TITLE = 200


def check_subset(schema: Mapping[str, Any], faults: Faults) -> None:
    """Tell what in a schema of answers is not of our subset; paths start with ``/answers_schema``."""
    reader = _Reader(faults)
    inner = {name: value for name, value in schema.items() if name != "$schema"}
    if schema.get("$schema", _DRAFT) != _DRAFT:
        detail = f"$schema 只能是 {_DRAFT} 或不写。It is this one, or left out."
        faults.fault("/answers_schema/$schema", "form_root", detail)
    if kinds_of(inner) != ("object",) or inner.get("type") != "object" or inner.get("required"):
        detail = "表单应是对象，且不得直接要求必填；必填项写在 required_items。"
        faults.fault("/answers_schema", "form_root", f"{detail}The root is an object that requires nothing.")
        return
    reader.node(inner, "/answers_schema", 0, optional=False)


class _Reader:
    def __init__(self, faults: Faults) -> None:
        self._tell = faults.fault
        self._nodes = 0

    def node(self, node: Any, path: str, depth: int, *, optional: bool) -> None:
        self._nodes += 1
        if depth > DEEPEST or self._nodes > MOST_NODES:
            if depth == DEEPEST + 1 or self._nodes == MOST_NODES + 1:
                detail = f"表单过大：最多 {MOST_NODES} 项、{DEEPEST} 层。The form is too large or too deep."
                self._tell(path, "form_too_large", detail)
            return
        kinds = kinds_of(node) if isinstance(node, Mapping) else ()
        if len(kinds) != 1 or kinds[0] not in _OF:
            detail = "类型应为文字、整数、是否、选项、列表或对象之一。The type is none of ours."
            self._tell(path, "form_type", detail)
            return
        for name in node:
            if name not in _OF[kinds[0]] | _ABOUT:
                told = f"不支持“{str(name)[:40]}”。This keyword is not of the subset."
                self._tell(path, "form_keyword", told)
        if optional and not self._nullable(node):
            detail = "非必填的项目须允许为空（null）。What is not required must allow null."
            self._tell(path, "form_not_nullable", detail)
        for name in _ABOUT & node.keys():
            if not isinstance(node[name], str) or len(node[name]) > _TITLE:
                self._tell(f"{path}/{name}", "form_text", "应为不超过200字的文字。A short text.")
        if "person" in node and node["person"] not in PERSON_WORDS:
            told = f"person 应为以下之一：{'、'.join(PERSON_WORDS)}。It is one of these."
            self._tell(f"{path}/person", "form_person", told)
        getattr(self, f"_{kinds[0]}")(node, path, depth)

    @staticmethod
    def _nullable(node: Mapping[str, Any]) -> bool:
        within = node.get("enum") if "enum" in node else node.get("type")
        return isinstance(within, list) and (None in within or "null" in within)

    def _object(self, node: Mapping[str, Any], path: str, depth: int) -> None:
        properties = node.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            self._tell(path, "form_empty", "对象至少有一个项目。An object has at least one property.")
            return
        required = node.get("required", [])
        if not isinstance(required, list) or any(name not in properties for name in map(str, required)):
            self._tell(
                f"{path}/required", "form_required", "必填项不在项目之内。It requires what it has not."
            )
            required = []
        order = node.get("order")
        if not isinstance(order, list) or sorted(map(str, order)) != sorted(properties):
            detail = "order 应逐一列出全部项目，作为填写顺序。order lists every property once."
            self._tell(f"{path}/order", "form_order", detail)
        for name, child in properties.items():
            inner = f"{path}/properties/{str(name)[:60]}"
            if not _NAME.fullmatch(name):
                detail = "名称应为小写字母、数字和下划线。Names are lower-case letters, digits, underscores."
                self._tell(inner, "form_name", detail)
            title = child.get("title") if isinstance(child, Mapping) else None
            if not isinstance(title, str) or not _CHINESE.search(title):
                self._tell(inner, "form_untitled", "每个项目须有中文标题。Every item has a Chinese title.")
            self.node(child, inner, depth + 1, optional=name not in required)

    def _array(self, node: Mapping[str, Any], path: str, depth: int) -> None:
        self._bounded(node, path, "minItems", "maxItems", MOST_ROWS)
        self.node(node.get("items"), f"{path}/items", depth + 1, optional=False)

    def _string(self, node: Mapping[str, Any], path: str, _depth: int) -> None:
        if "pattern" not in node or {"minLength", "maxLength"} & node.keys():
            self._bounded(node, path, "minLength", "maxLength", MAX_TEXT)
        if "pattern" in node and not self._is_fixed(node["pattern"]):
            detail = (
                "只支持固定长度的格式，如 ^[0-9]{12}$。Only patterns of fixed length, such as ^[0-9]{12}$."
            )
            self._tell(f"{path}/pattern", "form_pattern", detail)

    @staticmethod
    def _is_fixed(pattern: Any) -> bool:
        if not isinstance(pattern, str) or len(pattern) > 400:
            return False
        if pattern in _PATTERNS:
            return True
        if not _FIXED.fullmatch(pattern):
            return False
        try:
            re.compile(pattern)
        except re.error:
            return False
        return True

    def _integer(self, node: Mapping[str, Any], path: str, _depth: int) -> None:
        least, most = node.get("minimum"), node.get("maximum")
        if not (_is_whole(least) and _is_whole(most) and -LARGEST <= least <= most <= LARGEST):
            detail = "整数须写明 minimum 和 maximum。A whole number has its least and its most."
            self._tell(path, "form_unbounded", detail)

    def _boolean(self, _node: Mapping[str, Any], _path: str, _depth: int) -> None:
        """A yes or no has nothing more to it."""

    def _choice(self, node: Mapping[str, Any], path: str, _depth: int) -> None:
        listed, labels = node["enum"], node.get("labels")
        choices = [one for one in listed if one is not None] if isinstance(listed, list) else []
        sound = 0 < len(choices) <= MOST_CHOICES and all(
            isinstance(one, str) and _CHOICE.fullmatch(one) for one in choices
        )
        named = isinstance(labels, Mapping) and all(
            isinstance(label, str) and 0 < len(label) <= _TITLE for label in labels.values()
        )
        if not sound or not named or sorted(choices) != sorted(labels or ()):
            detail = "选项的代码应互不相同，并在 labels 中各有名称。Every choice is a code with its label."
            self._tell(path, "form_choices", detail)

    def _bounded(self, node: Mapping[str, Any], path: str, least: str, most: str, limit: int) -> None:
        low, high = node.get(least, 0), node.get(most)
        if not (_is_whole(low) and _is_whole(high) and 0 <= low <= high and 1 <= high <= limit):
            detail = f"须写明 {most}，不超过 {limit}。It needs {most}, at most {limit}."
            self._tell(path, "form_unbounded", detail)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
