"""Rules of the people register: what a row of a bureau's list must look like, and what is repaired in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gis.exchange.coded import Coded
from gis.exchange.judging import BadRow, Findings, Judged, Remark, read_date
from gis.exchange.rows import SheetRow, by_alias
from gis.exchange.values import folded, identifier_of, text_of, was_trimmed
from schemas.vocabulary import PersonKind

# Identity numbers are not read, even where a list has them: nothing here needs them.
HEADINGS = by_alias(
    {
        "name": ("姓名", "人员姓名"),
        "staff_no": ("工号", "人员编号", "职工编号", "staff number", "staff id"),
        "cert_no": (
            *("执法证号", "执法证编号", "执法证件号", "检查证号", "证件编号"),
            *("certificate", "certificate number", "certificate_no"),
        ),
        "cert_from": (
            *("执法证有效期起", "证件有效期起", "有效期起", "有效期自", "发证日期"),
            *("cert_valid_from", "certificate valid from", "valid_from"),
        ),
        "cert_to": (
            *("执法证有效期止", "证件有效期止", "有效期止", "有效期至", "执法证有效期至"),
            *("cert_valid_to", "certificate valid to", "valid_to", "valid_until"),
        ),
        "kind": ("人员类别", "人员类型", "类别", "身份", "person kind"),
        "squad_name": ("所属中队", "中队", "部门", "squad"),
        "leads": ("是否中队长", "中队长", "squad leader", "leader"),
        "phone": ("联系电话", "电话", "手机", "手机号", "手机号码", "mobile"),
        "username": ("用户名", "登录名", "账号", "user", "login"),
    }
)
REQUIRED = ("name", "kind")

_KINDS = by_alias(
    {
        PersonKind.OFFICER: ("执法人员", "专卖管理检查人员", "专卖执法人员", "检查人员", "执法"),
        PersonKind.AUXILIARY: ("辅助人员", "专卖辅助人员", "协管员", "辅助"),
        PersonKind.STAFF: ("工作人员", "职工", "内勤"),
    }
)
_YES = frozenset({"是", "y", "yes", "true", "1", "√", "中队长"})
_NO = frozenset({"", "否", "n", "no", "false", "0"})
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_BLANK_IN_NAME = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
_TEXTS = ("name", "squad_name", "phone")
# What may name one person only, with the heading shown when two rows have it.
_UNIQUE = {"staff_no": "工号", "cert_no": "执法证号", "username": "用户名"}


class PersonCode(Coded):
    """Why a row is bad, or what was repaired or is doubtful in a good one."""

    NAME_MISSING = "name_missing", "没有姓名，请补填"
    STAFF_NO_MISSING = "staff_no_missing", "没有工号，也没有执法证号，请补填其一"
    KIND_UNKNOWN = "kind_unknown", "人员类别“{value}”不在目录内，请改为：{known}"
    CERTIFICATE_MISSING = "certificate_missing", "执法人员没有执法证号，请补填，或改为辅助人员"
    PERSON_DUPLICATE = "person_duplicate", "{heading}“{value}”与第 {first} 行重复，请删去其中一行"
    DATE_MISSING = "date_missing", "没有{heading}，请补填"
    DATE_MALFORMED = "date_malformed", "{heading}“{value}”不是有效日期，请写成 2024-05-01 的样子"
    DATES_REVERSED = "dates_reversed", "执法证有效期止 {to} 早于有效期起 {since}，请核对"
    USERNAME_MALFORMED = "username_malformed", "用户名“{value}”只能用小写字母、数字、点、横线，2 至 64 个字符"
    LEADS_UNKNOWN = "leads_unknown", "是否中队长“{value}”无法识别，请写是或否"

    NUMBER_REPAIRED = "number_repaired", "{heading}“{value}”已按 {number} 读取"
    DATE_REPAIRED = "date_repaired", "{heading}“{value}”已按 {day} 读取"
    STAFF_NO_ASSUMED = "staff_no_assumed", "没有工号，已用执法证号 {value}"
    NOT_AN_OFFICER = "not_an_officer", "{label}有执法证号，证件照录，但仍不能执法；请核对人员类别"


@dataclass(frozen=True, slots=True)
class PersonCandidate:
    """A row that can become a person once the database agrees.

    An officer has a certificate with both dates. Anybody else may have none; a certificate that is given has
    both dates too. ``username`` is None when the list does not say.
    """

    row: int
    name: str
    staff_no: str
    kind: PersonKind
    cert_no: str | None
    cert_from: date | None
    cert_to: date | None
    squad_name: str | None
    leads: bool
    phone: str | None
    username: str | None
    warnings: tuple[Remark, ...] = ()
    trimmed: bool = False


FirstRows = dict[tuple[str, str], int]


def read_row(row: SheetRow, *, first_rows: FirstRows | None = None) -> PersonCandidate | BadRow:
    """Judge one row.

    Officers need a certificate, for only who holds one may inspect (专卖法实施条例 art 49); auxiliaries are
    not officers. ``first_rows`` maps each (field, number) seen so far to the row that carried it first, and
    is added to: the first row keeps the number.
    """
    found = Findings(row.number)
    texts = {name: text_of(row.values.get(name)) for name in _TEXTS}
    # Lists align names of two characters with a blank between them: 张　三 is 张三.
    texts["name"] = _BLANK_IN_NAME.sub("", texts["name"])
    found.trimmed = any(was_trimmed(row.values.get(name)) for name in _TEXTS)
    if not texts["name"]:
        found.fault(PersonCode.NAME_MISSING)
    numbers = _numbers(row, found, {} if first_rows is None else first_rows)
    kind = _kind(row, found)
    since, to = _certificate(row, found, kind, numbers["cert_no"])
    staff_no = numbers["staff_no"] or numbers["cert_no"]
    if not staff_no:
        found.fault(PersonCode.STAFF_NO_MISSING)
    elif not numbers["staff_no"]:
        found.warn(PersonCode.STAFF_NO_ASSUMED, value=staff_no)
    if numbers["username"] and not _USERNAME.fullmatch(numbers["username"]):
        found.fault(PersonCode.USERNAME_MALFORMED, value=numbers["username"])
    leads = folded(row.values.get("leads")).casefold()
    if leads not in _YES | _NO:
        found.fault(PersonCode.LEADS_UNKNOWN, value=leads)
    bad = found.bad
    if bad is not None:
        return bad
    # None only beside a fault, which has just been ruled out.
    assert kind is not None
    return PersonCandidate(
        row=row.number,
        name=texts["name"],
        staff_no=staff_no,
        kind=kind,
        cert_no=numbers["cert_no"] or None,
        cert_from=since,
        cert_to=to,
        squad_name=texts["squad_name"] or None,
        leads=leads in _YES,
        phone=identifier_of(texts["phone"])[0] or None,
        username=numbers["username"] or None,
        warnings=found.warnings,
        trimmed=found.trimmed,
    )


def read_register(rows: Iterable[SheetRow]) -> Judged[PersonCandidate]:
    """Judge all rows of a register."""
    judged: Judged[PersonCandidate] = Judged()
    first_rows: FirstRows = {}
    for row in rows:
        judged.take(read_row(row, first_rows=first_rows))
    return judged


def _numbers(row: SheetRow, found: Findings, first_rows: FirstRows) -> dict[str, str]:
    """Staff number, certificate number and user name, each checked to name one person only."""
    numbers: dict[str, str] = {}
    for field, heading in _UNIQUE.items():
        value = row.values.get(field)
        number, repaired = identifier_of(value)
        numbers[field] = number = number.lower() if field == "username" else number
        if not number:
            continue
        first = first_rows.setdefault((field, number), row.number)
        if first != row.number:
            found.fault(PersonCode.PERSON_DUPLICATE, heading=heading, value=number, first=first)
        # A number cell gives the digits that it shows; only a text that was changed is worth a word.
        if repaired and isinstance(value, str):
            found.warn(PersonCode.NUMBER_REPAIRED, heading=heading, value=text_of(value), number=number)
    return numbers


def _kind(row: SheetRow, found: Findings) -> PersonKind | None:
    text = text_of(row.values.get("kind"))
    kind = _KINDS.get(folded(text).casefold())
    if kind is None:
        known = "、".join(kind.label_zh for kind in PersonKind)
        found.fault(PersonCode.KIND_UNKNOWN, value=text, known=known)
    return kind


def _certificate(
    row: SheetRow, found: Findings, kind: PersonKind | None, cert_no: str
) -> tuple[date | None, date | None]:
    """The days of the certificate, first and last; both None without a certificate."""
    if not cert_no:
        if kind is PersonKind.OFFICER:
            found.fault(PersonCode.CERTIFICATE_MISSING)
        return None, None
    if kind is not None and kind is not PersonKind.OFFICER:
        found.warn(PersonCode.NOT_AN_OFFICER, label=kind.label_zh)
    since, to = (
        read_date(
            row,
            field,
            heading,
            found,
            malformed=PersonCode.DATE_MALFORMED,
            repaired=PersonCode.DATE_REPAIRED,
            missing=PersonCode.DATE_MISSING,
        )
        for field, heading in (("cert_from", "执法证有效期起"), ("cert_to", "执法证有效期止"))
    )
    if since is not None and to is not None and to < since:
        found.fault(PersonCode.DATES_REVERSED, since=since, to=to)
    return since, to
