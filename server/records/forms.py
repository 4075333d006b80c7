"""The versions of the forms: what each asks, what each demands, and the check of answers against it.

A published version never changes, so a form names the versions that it builds on: the monthly e-cigarette
check is the weekly one and more, and every item is written once. The files hold this short form; what is
loaded, stored and sent to devices is the whole one, in which every choice list is an ``enum`` with its
Chinese ``labels``, and every object says the ``order`` of its properties.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, NamedTuple, Self

import fastjsonschema

from schemas.record import ENVELOPE, VISIT_KINDS
from server.records.form_files import read_form_rows
from server.records.kinds import asks_inspection_approval, attendance_of

Finding = dict[str, str]
"""``code``, ``path`` (a JSON pointer into the record) and ``detail`` (a Chinese sentence)."""

Check = Callable[[dict[str, Any]], list[Finding]]

GIVEN = "given"
FORM_COLUMNS = ("form_code", "version", "kind", "tier", "title", "answers_schema", "demands")
"""The columns of the table of forms that a version fills with what it says."""

_BY_RULE = {
    "required": ("field_missing", "缺少必须的字段，记录无法入库，请更新手持端后重新提交。"),
    "type": ("type_wrong", "数据类型不对，请更新手持端后重新提交。"),
    "enum": ("value_unknown", "取值不在选项之内，请重新选择。"),
    "pattern": ("format_wrong", "格式不对，请按要求填写。"),
    "additionalProperties": ("field_unknown", "不是本表的字段，请更新手持端后重新提交。"),
}
_OUT_OF_BOUNDS = ("out_of_bounds", "超出允许的范围，请核对后重新填写。")


class Condition(NamedTuple):
    """When an item is required: the value at ``pointer`` is one of ``allowed``.

    Where ``allowed`` is ``None``, any answer at the pointer is enough. ``in_row`` says that the pointer
    starts at the row of the list in which the item itself stands.
    """

    in_row: bool
    pointer: tuple[str, ...]
    allowed: tuple[Any, ...] | None


class RequiredItem(NamedTuple):
    """An item that must be answered: in the answers or, with ``rows``, in each row of the list there."""

    rows: tuple[str, ...] | None
    pointer: tuple[str, ...]
    conditions: tuple[Condition, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Demands:
    """What a form demands besides its answers; the defaults are an inspection's (行政处罚法第四十二条).

    Who must be there is settled by the kind (server/records/kinds.py), and a form may only be stricter.

    ``certified``: the officers counted must hold a certificate valid on the day. ``photos``: how many
    different ones. ``subject``: the kinds of subject of which one must be known, empty for none;
    ``subject_optional_when`` maps a pointer into the answers to the values with which no subject is needed.
    ``access``: the answers to ``/access`` that are a visit at all, ``None`` where the form does not ask.
    ``visit_kinds``: the labels that the form may carry. ``site_kinds``: which of the sites it is for, empty for all.
    """

    min_officers: int = 2
    certified: bool = True
    photos: int = 1
    position: bool = True
    duration: bool = True
    cert_shown: bool = True
    approval: bool = True
    subject: tuple[str, ...] = ()
    subject_optional_when: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = ()
    access: tuple[str, ...] | None = None
    visit_kinds: tuple[str, ...] = VISIT_KINDS
    site_kinds: tuple[str, ...] = ()

    @classmethod
    def least(cls, kind: str) -> Self:
        """What the kind of a record demands by itself, where no form is known."""
        people, certified = attendance_of(kind)
        if certified:
            return cls(min_officers=people, approval=asks_inspection_approval(kind, certified=certified))
        return cls(
            min_officers=people,
            certified=False,
            photos=0,
            position=False,
            duration=False,
            cert_shown=False,
            approval=False,
        )

    @classmethod
    def of(cls, given: Mapping[str, Any], kind: str) -> Self:
        """From the JSON of a form of this kind, and never less than the kind itself demands.

        ``subject`` may be one word, a list or null. Keys that are not demands are skipped.
        """
        known = {key: value for key, value in given.items() if key in cls.__dataclass_fields__}
        for key in ("subject", "access", "visit_kinds", "site_kinds"):
            value = known.get(key)
            if isinstance(value, list):
                known[key] = tuple(value)
            elif isinstance(value, str):
                known[key] = (value,)
        known["subject"] = known.get("subject") or ()
        known["subject_optional_when"] = tuple(
            (_tokens(pointer), tuple(allowed))
            for pointer, allowed in sorted(known.get("subject_optional_when", {}).items())
        )
        stated = cls(**known)
        people, certified = attendance_of(kind, stated.visit_kinds)
        return replace(
            stated,
            min_officers=max(stated.min_officers, people),
            certified=stated.certified or certified,
            cert_shown=stated.cert_shown or certified,
            approval=stated.approval or asks_inspection_approval(kind, certified=certified),
        )


@dataclass(frozen=True, slots=True)
class FormDefinition:
    """One version of a form, whole. Two are equal when their code, version and contents are.

    ``answers_schema`` is JSON Schema (draft 7); ``stored_demands`` are the demands as JSON, with the
    required items.
    """

    form_code: str
    version: int
    kind: str
    tier: str | None
    title: str
    title_en: str = field(compare=False)
    answers_schema: dict[str, Any] = field(compare=False, repr=False)
    stored_demands: dict[str, Any] = field(compare=False, repr=False)
    demands: Demands = field(compare=False, repr=False)
    required_items: tuple[RequiredItem, ...] = field(compare=False, repr=False)
    digest: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """From what ``to_row`` gives: a row of the table of forms, as a mapping of its columns.

        Raises:
            KeyError: when a column is not there.
        """
        demands, schema = row["demands"], row["answers_schema"]
        return cls(
            form_code=row["form_code"],
            version=row["version"],
            kind=row["kind"],
            tier=row["tier"],
            title=row["title"],
            title_en=demands.get("title_en", ""),
            answers_schema=schema,
            stored_demands=demands,
            demands=Demands.of(demands, row["kind"]),
            required_items=tuple(
                _required_item(pointer, when, schema) for pointer, when in demands.get("required_items", ())
            ),
            digest=hashlib.sha256(json.dumps([demands, schema], sort_keys=True).encode()).hexdigest(),
        )

    def item_title(self, name: str) -> str:
        """The Chinese title of an item of the checklist; its own name when the form has no such item."""
        items = self.answers_schema["properties"].get("items", {}).get("properties", {})
        return str(items[name]["title"]) if name in items else name

    def to_row(self) -> dict[str, Any]:
        """The columns of the table of forms that it fills; the English title travels in ``demands``."""
        return {
            "form_code": self.form_code,
            "version": self.version,
            "kind": self.kind,
            "tier": self.tier,
            "title": self.title,
            "answers_schema": self.answers_schema,
            "demands": self.stored_demands,
        }


@cache
def load_forms() -> tuple[FormDefinition, ...]:
    """Every packaged version of every form, ordered by code and version.

    Raises:
        FormFileError: when a file names a form or a shape that is not there, or builds on itself.
    """
    forms = (FormDefinition.from_row(row) for row in read_form_rows())
    return tuple(sorted(forms, key=lambda form: (form.form_code, form.version)))


def find_form(form_code: str, version: int) -> FormDefinition | None:
    """The packaged form of this code and version, or ``None``."""
    return _by_code().get((form_code, version))


@cache
def _by_code() -> dict[tuple[str, int], FormDefinition]:
    return {(form.form_code, form.version): form for form in load_forms()}


def _tokens(pointer: str) -> tuple[str, ...]:
    return tuple(pointer.split("/")[1:])


def _required_item(pointer: str, when: Mapping[str, Any] | None, schema: Mapping[str, Any]) -> RequiredItem:
    rows_text, star, rest = pointer.partition("/*/")
    tokens = _tokens(f"/{rest}") if star else _tokens(pointer)
    conditions = []
    # Sorted, because the keys come back from the database in an order of its own.
    for where, allowed in sorted((when or {}).items()):
        in_row = bool(star) and where.startswith(f"{rows_text}/*/")
        start = where.removeprefix(f"{rows_text}/*") if in_row else where
        conditions.append(Condition(in_row, _tokens(start), None if allowed == GIVEN else tuple(allowed)))
    rows = _tokens(rows_text) if star else None
    return RequiredItem(rows, tokens, tuple(conditions), _title(schema, _tokens(pointer)))


def _title(schema: Mapping[str, Any], tokens: Iterable[str]) -> str:
    node = schema
    for name in tokens:
        node = node["items"] if name == "*" else node["properties"][name]
    return str(node["title"])


@lru_cache(maxsize=256)
def compile_answers(definition: FormDefinition) -> Check:
    """The check of answers against the form's schema, compiled once for each version.

    The check takes the answers and returns findings whose paths start with ``/answers``, none when all is
    well. The codes are ``field_missing``, ``field_unknown``, ``type_wrong``, ``value_unknown``,
    ``format_wrong`` and ``out_of_bounds``.
    """
    return _compiled(definition.answers_schema, "/answers")


@cache
def compile_envelope() -> Check:
    """The check of a record without its answers.

    The codes are those of ``compile_answers``, and the paths start at the record's root.
    """
    return _compiled(ENVELOPE, "")


def _compiled(schema: dict[str, Any], root: str) -> Check:
    valid = fastjsonschema.compile(schema, use_default=False)

    @cache
    def thorough() -> Callable[[Any], Any]:
        # Collecting every fault costs more, and most documents have none.
        collecting: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False, fast_fail=False)
        return collecting

    def check(value: dict[str, Any]) -> list[Finding]:
        try:
            valid(value)
        except fastjsonschema.JsonSchemaValueException as first:
            try:
                thorough()(value)
            except fastjsonschema.JsonSchemaValuesException as error:
                return [finding for one in error.errors for finding in _findings_of(one, root)]
            return _findings_of(first, root)
        return []

    return check


def _findings_of(error: fastjsonschema.JsonSchemaValueException, root: str) -> list[Finding]:
    path = "/".join([root, *error.path[1:]])
    code, sentence = _BY_RULE.get(error.rule or "", _OUT_OF_BOUNDS)
    paths = [path]
    if error.rule == "required":
        paths = [f"{path}/{name}" for name in error.rule_definition if name not in error.value]
    elif error.rule == "additionalProperties":
        known = error.definition.get("properties", {})
        paths = [f"{path}/{_escaped(name[:80])}" for name in error.value if name not in known]
    title = error.definition.get("title")
    return [
        {"code": code, "path": one, "detail": f"{title}：{sentence}" if title else sentence} for one in paths
    ]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def value_at(node: Any, pointer: tuple[str, ...]) -> Any:
    """The value at a pointer through objects, ``None`` where it leads nowhere."""
    for token in pointer:
        if not isinstance(node, dict):
            return None
        node = node.get(token)
    return node


def is_answered(value: Any) -> bool:
    """Whether a value answers an item.

    What is empty does not, and neither does an item of a checklist that is ``not_checked`` (未查).
    """
    if isinstance(value, dict):
        return "result" not in value or value["result"] not in (None, "not_checked")
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != []


def required_findings(definition: FormDefinition, answers: dict[str, Any]) -> list[Finding]:
    """One ``item_missing`` for each required item that is not answered; paths start with ``/answers``."""
    findings: list[Finding] = []
    for item in definition.required_items:
        if item.rows is None:
            if not is_answered(value_at(answers, item.pointer)) and _holds(item, answers, None):
                findings.append(_missing(item, "/".join(item.pointer)))
            continue
        rows = value_at(answers, item.rows)
        for index, row in enumerate(rows if isinstance(rows, list) else ()):
            if not is_answered(value_at(row, item.pointer)) and _holds(item, answers, row):
                findings.append(_missing(item, "/".join([*item.rows, str(index), *item.pointer])))
    return findings


def _holds(item: RequiredItem, answers: dict[str, Any], row: Any) -> bool:
    for in_row, pointer, allowed in item.conditions:
        value = value_at(row if in_row else answers, pointer)
        if not (is_answered(value) if allowed is None else value in allowed):
            return False
    return True


def _missing(item: RequiredItem, path: str) -> Finding:
    detail = f"“{item.title}”未填写，请提交更正记录补填。"
    return {"code": "item_missing", "path": f"/answers/{path}", "detail": detail}
