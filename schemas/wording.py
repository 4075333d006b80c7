"""What a field is told when it is wrong: a stable code, and the sentence in Chinese and English.

marshmallow's own messages are English only and carry no code. Each is replaced, in the class that utters it, by
``code|sentence``; ``told`` takes the two apart again. Fields and validators read their classes when they are made, so
this has to happen before the first schema is: the package does it when it is imported.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

_MARK = "|"

REQUIRED = "required|此项必填。This is required."
NULL = "null|此项不能为空。This may not be null."
INVALID = "invalid|此项填写不对。This is not valid."
UNKNOWN = "unknown|没有这一项，请检查拼写。There is no such field; check its spelling."
TYPE = "type|应为 JSON 对象。This has to be a JSON object."
TEXT = "not_text|应为文字。This has to be text."
NUMBER = "not_a_number|应为数字。This has to be a number."
WHOLE = "not_a_whole_number|应为整数。This has to be a whole number."
YES_NO = "not_yes_or_no|应为 true 或 false。This has to be true or false."
LIST = "not_a_list|应为列表。This has to be a list."
MAPPING = "not_a_mapping|应为 JSON 对象。This has to be a JSON object."
UUID = "not_a_uuid|应为 UUID。This has to be a UUID."
DAY = "not_a_day|应为日期，例如 2026-07-10。This has to be a day such as 2026-07-10."
MOMENT = (
    "not_a_moment|应为带时区的时间，例如 2026-07-10T09:00:00+08:00。"
    "This has to be a moment with its zone, such as 2026-07-10T09:00:00+08:00."
)
TOO_SMALL = "too_small|不能小于 {min}。This may not be less than {min}."
TOO_LARGE = "too_large|不能大于 {max}。This may not be more than {max}."
OUT_OF_RANGE = "out_of_range|应在 {min} 至 {max} 之间。This has to lie between {min} and {max}."
TOO_SHORT = "too_short|长度不能少于 {min}。This has to be at least {min} long."
TOO_LONG = "too_long|长度不能超过 {max}。This may be at most {max} long."
LENGTH = "wrong_length|长度应在 {min} 至 {max} 之间。This has to be {min} to {max} long."
EXACT_LENGTH = "wrong_length|长度应为 {equal}。This has to be {equal} long."
CHOICE = "not_a_choice|应为其中之一：{choices}。This has to be one of: {choices}."
BLANK = "blank|不能只有空格。This may not be only blanks."
PATTERN = "wrong_pattern|格式不对。This is not in the expected form."

_OF_FIELDS: dict[type[fields.Field[Any]], dict[str, str]] = {
    fields.Field: {"required": REQUIRED, "null": NULL, "validator_failed": INVALID},
    fields.Nested: {"type": TYPE},
    fields.List: {"invalid": LIST},
    fields.String: {"invalid": TEXT, "invalid_utf8": TEXT},
    fields.UUID: {"invalid_uuid": UUID},
    fields.Number: {"invalid": NUMBER, "too_large": "too_large|数字过大。The number is too large."},
    fields.Integer: {"invalid": WHOLE},
    fields.Float: {"special": NUMBER},
    fields.Boolean: {"invalid": YES_NO},
    fields.DateTime: {"invalid": MOMENT, "invalid_awareness": MOMENT},
    fields.Date: {"invalid": DAY},
    fields.Mapping: {"invalid": MAPPING},
}
_OF_VALIDATORS: dict[type[validate.Validator], dict[str, str]] = {
    validate.Range: {"message_min": TOO_SMALL, "message_max": TOO_LARGE, "message_all": OUT_OF_RANGE},
    validate.Length: {
        "message_min": TOO_SHORT,
        "message_max": TOO_LONG,
        "message_all": LENGTH,
        "message_equal": EXACT_LENGTH,
    },
    validate.OneOf: {"default_message": CHOICE},
    validate.ContainsOnly: {"default_message": CHOICE},
    validate.Regexp: {"default_message": PATTERN},
}


def install() -> None:
    """Put our words in the place of marshmallow's. Doing it twice does nothing more."""
    for field, messages in _OF_FIELDS.items():
        field.default_error_messages = {**field.default_error_messages, **messages}
    for validator, messages in _OF_VALIDATORS.items():
        for name, message in messages.items():
            # A range formats its messages twice, so the braces of the bounds have to outlive the first time.
            twice = message.replace("{", "{{").replace("}", "}}") if validator is validate.Range else message
            setattr(validator, name, twice)
    Schema.error_messages = {**Schema.error_messages, "unknown": UNKNOWN, "type": TYPE}


def codes() -> set[str]:
    """The codes of all that marshmallow can say of a field."""
    said = [*_OF_FIELDS.values(), *_OF_VALIDATORS.values(), {"unknown": UNKNOWN, "type": TYPE}]
    return {told(message)[0] for messages in said for message in messages.values()}


def told(message: object) -> tuple[str, str]:
    """The code and the sentence of one message; ``invalid`` where a validator of ours spoke without a code."""
    text = str(message)
    code, mark, sentence = text.partition(_MARK)
    return (code, sentence) if mark and code.isidentifier() else ("invalid", text)


def wrong(code: str, sentence: str, field: str | None = None) -> ValidationError:
    """The error of a validator of ours, with its code; ``field`` where a check of the whole schema blames one."""
    message = f"{code}{_MARK}{sentence}"
    return ValidationError(message, field) if field else ValidationError(message)
