"""R10 as a sheet."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.reports import CapAnswer
from server.kernel.work import Work
from server.reports.above_cap import Floor, floors_above
from server.reports.cap import KINDS, Account, CapReport, GradeTotal
from server.reports.heading import bureau_name
from server.reports.sheets import Bar, Chart, Column, Sheet

COLUMNS = (
    Column("licence_no", "许可证号", brief=True, text=True, width=1.9),
    Column("name", "零售户", brief=True, text=True, width=2.4),
    Column("grade", "信用等级", brief=True, text=True),
    Column("cap", "年度上限", brief=True),
    Column("routine", "日常检查", brief=True),
    Column("special", "专项检查", brief=True),
    Column("case", "个案检查", brief=True),
    Column("used", "已用次数", brief=True),
    Column("remaining", "剩余次数", brief=True),
    Column("over", "超出次数", brief=True),
    Column("exempt", "豁免次数", brief=True),
    Column("grounds", "豁免依据", text=True, width=2.2),
    Column("relabelled", "其中以其他名义检查"),
)
SHOWN = {"over": "超限名单", "visited": "本年有检查的零售户", "all": "全部零售户"}
SUMMED = (*KINDS, "used", "over", "exempt", "relabelled")
NOTES = (
    "已用次数＝日常检查＋专项检查＋个案检查；剩余次数＝年度上限－已用次数，不小于零；“—”表示该等级没有公布上限。"
    "同一户相隔不到规定时间的多份记录算一次；豁免的检查不计入已用次数。合计为表中所列零售户之和。",
    "以走访、服务名义填写检查表单的，计入日常检查，并在“其中以其他名义检查”中列出。",
)


def cap_sheet(work: Work, report: CapReport, which: str) -> Sheet:
    """The sheet of an R10 with the accounts ``over`` the cap, those ``visited``, or ``all``.

    It names the policies of the year, and of the next one if it is known, that ask more than the cap.
    """
    rows = rows_of(report, which)
    floors = _floors(work, report)
    body = {
        "year": report.year,
        "as_of": report.as_of,
        "cap": report.cap,
        "totals": report.totals,
        "floors": floors,
        "rows": rows,
    }
    return Sheet(
        code="R10",
        stem=f"cap-{report.year}",
        tab="检查频次",
        title="年度检查频次台账",
        bureau=bureau_name(work),
        period=f"{report.year} 年，{SHOWN[which]}",
        as_of=report.as_of,
        columns=COLUMNS,
        rows=rows,
        answer=CapAnswer().dump(body),
        totals=[_total(rows)] if rows else [],
        basis=[_basis(report), *map(_floor_line, floors)],
        notes=NOTES,
        chart=Chart("各信用等级零售户", [_bar(total) for total in report.totals]),
    )


def rows_of(report: CapReport, which: str) -> list[dict[str, Any]]:
    """The rows of the accounts ``over`` the cap, of those ``visited``, or of ``all``, as COLUMNS names them.

    Beside those they have outlet_id and visits, which are lists of record ids.
    """
    return [
        _row(account)
        for account in report.accounts
        if which == "all" or (account.visits if which == "visited" else account.ledger.over)
    ]


def _floors(work: Work, report: CapReport) -> list[Floor]:
    if report.cap is None:
        return []
    first, last = date(report.year, 1, 1), date(report.year + 1, 12, 31)
    return floors_above(work, report.cap, first, last, report.as_of)


def _row(account: Account) -> dict[str, Any]:
    book = account.ledger
    return {
        "outlet_id": account.outlet_id,
        "licence_no": account.licence_no,
        "name": account.name,
        "grade": account.grade,
        "cap": book.cap,
        **{kind: book.used.get(kind, 0) for kind in KINDS},
        "used": book.total,
        "remaining": book.remaining,
        "over": book.over,
        "exempt": sum(book.exempt.values()),
        "grounds": "；".join(f"{ground}（{number}）" for ground, number in sorted(book.exempt.items())),
        "relabelled": book.relabelled,
        "visits": [visit.records for visit in account.visits],
    }


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of the rows shown; limits of different outlets do not add up to one."""
    blank = dict.fromkeys((column.name for column in COLUMNS), "")
    return (
        blank
        | {"licence_no": f"合计 {len(rows)} 户"}
        | {name: sum(row[name] for row in rows) for name in SUMMED}
    )


def _basis(report: CapReport) -> str:
    cap = report.cap
    if cap is None:
        return "未公布年度检查频次上限"
    return basis_line(cap.version, cap.name, cap.effective_from, cap.legal_basis)


def basis_line(version: int, name: str, effective_from: date, legal_basis: str) -> str:
    """A version of the caps as it stands on paper."""
    return f"检查频次上限第 {version} 版《{name}》，自 {effective_from} 起施行；依据：{legal_basis}"


def _floor_line(floor: Floor) -> str:
    """A policy that asks more than the cap, and who signed that off on what ground."""
    grades = "、".join(f"{grade} {limit} 次" for grade, limit in sorted(floor.over.items()))
    signed = "；".join(
        f"{one['signer']} 于 {one['signed_at']:%Y-%m-%d} 签批：{one['ground']}" for one in floor.sign_offs
    )
    return (
        f"复查制度第 {floor.version} 版《{floor.name}》，自 {floor.effective_from} 起，"
        f"每户每年至少检查 {floor.visits_a_year} 次，"
        f"超过上限（{grades}）；{signed or '无签批记录'}"
    )


def _bar(total: GradeTotal) -> Bar:
    parts = {
        "within": total.visited - total.over,
        "over": total.over,
        "unvisited": total.outlets - total.visited,
    }
    limit = "未定上限" if total.cap is None else f"上限 {total.cap} 次"
    return Bar(
        f"{total.grade}（{limit}）", parts, f"{total.outlets} 户，已用 {total.used} 次，超限 {total.over} 户"
    )
