"""R10 as rows: one table of columns for JSON, CSV and XLSX, so that the three never tell different figures."""

from __future__ import annotations

from typing import Any

from schemas.reports import CapAnswer
from server.reports.cap import KINDS, Account, CapReport
from server.reports.sheets import csv_of, xlsx_of

COLUMNS: tuple[tuple[str, str], ...] = (
    ("licence_no", "许可证号"),
    ("name", "零售户"),
    ("grade", "信用等级"),
    ("cap", "年度上限"),
    ("routine", "日常检查"),
    ("special", "专项检查"),
    ("case", "个案检查"),
    ("used", "已用次数"),
    ("remaining", "剩余次数"),
    ("over", "超出次数"),
    ("exempt", "豁免次数"),
    ("grounds", "豁免依据"),
    ("relabelled", "其中以其他名义检查"),
)


def rows_of(report: CapReport, which: str) -> list[dict[str, Any]]:
    """The accounts to show by field name: those ``over`` the cap, those ``visited``, or ``all``."""
    return [
        _row(account)
        for account in report.accounts
        if which == "all" or (account.visits if which == "visited" else account.ledger.over)
    ]


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


def as_json(report: CapReport, which: str) -> Any:
    """The report as CapAnswer dumps it."""
    return CapAnswer().dump(
        {
            "year": report.year,
            "as_of": report.as_of,
            "cap": report.cap,
            "totals": report.totals,
            "rows": rows_of(report, which),
        }
    )


def as_csv(report: CapReport, which: str) -> str:
    """The accounts as CSV."""
    return csv_of(COLUMNS, rows_of(report, which))


def as_xlsx(report: CapReport, which: str) -> bytes:
    """The accounts as a workbook."""
    title = f"年度检查频次台账（{report.year}）"
    basis = f"上限依据：{report.cap.legal_basis}" if report.cap else "未公布上限"
    note = f"数据截至 {report.as_of.isoformat(timespec='minutes')}；{basis}"
    return xlsx_of("检查频次", title, note, COLUMNS, rows_of(report, which))
