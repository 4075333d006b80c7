"""A signed report on paper, set from the frozen snapshot and the steps of its signing; nothing is worked out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from schemas.issuing import IssueOut
from server.cadence.population import UNGRADED
from server.issuing.monthly_paper import CHANGES, changes_told
from server.issuing.queries import Standing, described, whole
from server.issuing.restated_sheet import COLUMNS as DIFFERENCES
from server.issuing.restated_sheet import NOTES as HOW_TO_READ
from server.issuing.restated_sheet import figures_told, rows_of
from server.issuing.rules import Act, signable_period
from server.kernel.work import Work
from server.reports.cadence_sheet import COLUMNS as FIGURES
from server.reports.cadence_sheet import NOTES, PROVISIONAL, chart_of
from server.reports.cap_sheet import COLUMNS as LEDGER
from server.reports.cap_sheet import basis_line
from server.reports.heading import PolicyVersion, days_of
from server.reports.monthly_sheet import COLUMNS as MONTHLY_FIGURES
from server.reports.monthly_sheet import NOTES as MONTHLY_NOTES
from server.reports.sheets import Column, Sheet

_STEPS = (
    Column("act", "办理", text=True),
    Column("person", "人员", text=True),
    Column("at", "时间", text=True, moment=True, width=1.4),
    Column("remark", "意见", text=True, width=4.0),
)
_SIGN_OFFS = (
    Column("version", "制度版本"),
    Column("visits", "每户每年至少检查次数", width=1.4),
    Column("over", "超过上限的信用等级", text=True, width=2.0),
    Column("signer", "签批人", text=True, width=1.2),
    Column("signed_at", "签批时间", text=True, moment=True, width=1.4),
    Column("ground", "理由和依据", text=True, width=3.0),
    Column("content_sha256", "所签内容 SHA-256", text=True, width=3.0),
)
_DEVICES = (
    Column("squad", "中队", text=True, width=1.6),
    Column("person", "人员", text=True),
    Column("label", "设备", text=True, width=1.6),
    Column("last_heard_at", "最近联系", text=True, moment=True, width=1.4),
    Column("last_empty_at", "最近清空队列", text=True, moment=True, width=1.4),
    Column("queue_length", "待传条数"),
)


def paper_of(work: Work, standing: Standing) -> Sheet:
    """R1 by squad with its totals; by officer, the legal annex, the devices that had not synced, the differences and the
    signers as annexes. R3 by figure, likewise. Cells, single obligations and facts are in the snapshot.

    Raises:
        Problem: ``not_found`` for whoever may not read the whole, see queries.must_read_whole.
    """
    content = whole(work, standing)
    told = described(work, [standing])[0]
    version = f"第 {standing.issue.version} 版"
    marks = [] if standing.state is Act.ISSUED else [f"{version}，未签发，现为“{standing.state.label_zh}”"]
    policies = [PolicyVersion(*_dated(one)).line for one in content["policies"]]
    body = _monthly if content["kind"] == "R3" else _cadence
    figures, annexes = body(content)
    return _sheet(
        content,
        f"{content['title']}（{version}）",
        marks=[*marks, *([PROVISIONAL] if content["provisional"] else [])],
        basis=[f"SHA-256 {standing.snapshot.sha256}", *policies],
        answer=IssueOut().dump(told),
        annexes=[*annexes, _signing(content, told)],
        **figures,
    )


def _cadence(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[Sheet]]:
    """R1: what stands on its first pages, and the annexes."""
    rows, totals = _lines(content, "squad"), _lines(content, "total")
    figures = {
        "columns": FIGURES,
        "rows": rows,
        "totals": totals,
        "notes": NOTES,
        "chart": chart_of(rows, totals),
    }
    by_officer = _sheet(content, "各责任人执行情况", FIGURES, _lines(content, "officer"))
    annexes = [by_officer, *_legal(content), *_devices(content)]
    told = content["differences"]
    if told is not None:
        basis = [_compared_with(told), *figures_told(told["figures"])]
        rows = rows_of(told["obligations"])
        annexes.append(_sheet(content, "更正清单", DIFFERENCES, rows, basis=basis, notes=HOW_TO_READ))
    return figures, annexes


def _monthly(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[Sheet]]:
    """R3: likewise."""
    figures = {
        "columns": MONTHLY_FIGURES,
        "rows": _lines(content, "total"),
        "notes": MONTHLY_NOTES,
        "portrait": True,
    }
    annexes = _devices(content)
    told = content["differences"]
    if told is not None:
        rows = changes_told(told)
        annexes.append(_sheet(content, "更正清单", CHANGES, rows, basis=[_compared_with(told)]))
    return figures, annexes


def _compared_with(told: Mapping[str, Any]) -> str:
    return f"与第 {told['version']} 版（SHA-256 {told['sha256']}）相比"


def _sheet(
    content: Mapping[str, Any],
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    **more: Any,
) -> Sheet:
    period = signable_period(content["period"])
    return Sheet(
        **{
            "code": content["kind"],
            "stem": f"{content['kind']}-{content['period']}-v{content['version']}",
            "tab": title,
            "title": title,
            "bureau": content["bureau"],
            "period": days_of(period.key, period.first_day, period.last_day),
            "as_of": datetime.fromisoformat(content["as_of"]),
            "columns": columns,
            "rows": rows,
            "answer": {},
            **more,
        }
    )


def _lines(content: Mapping[str, Any], by: str) -> list[dict[str, Any]]:
    return [line for line in content["lines"] if line["by"] == by]


def _legal(content: Mapping[str, Any]) -> list[Sheet]:
    """Where the floor exceeds the cap: who let that be and why, and the outlets over it."""
    annex = content["annex"]
    if annex is None:
        return []
    signed: list[dict[str, Any]] = []
    for floor in annex["floors"]:
        over = "；".join(
            f"{'未评级' if grade == UNGRADED else grade} 上限 {limit} 次"
            for grade, limit in sorted(floor["over"].items())
        )
        about = {"version": floor["version"], "visits": floor["visits_a_year"], "over": over}
        nobody = {"signer": None, "signed_at": None, "ground": "无签批记录", "content_sha256": None}
        signed += [{**about, **one} for one in floor["sign_offs"] or [nobody]]
    cap = annex["cap"]
    basis = basis_line(*_dated(cap))
    return [
        _sheet(content, "法制附件：制度要求的检查次数超过年度上限", _SIGN_OFFS, signed, basis=[basis]),
        _sheet(content, f"法制附件：{annex['year']} 年检查超限名单", LEDGER, annex["over_cap"]),
    ]


def _dated(version: Mapping[str, Any]) -> tuple[int, str, date, str]:
    """What both a policy and caps are told by on paper."""
    first = date.fromisoformat(version["effective_from"])
    return version["version"], version["name"], first, version["legal_basis"]


def _devices(content: Mapping[str, Any]) -> list[Sheet]:
    if not content["unsynced"]:
        return []
    basis = [f"拟稿人说明：{content['unsynced_remark']}"]
    return [_sheet(content, "周期结束后尚未同步的设备", _DEVICES, content["unsynced"], basis=basis)]


def _signing(content: Mapping[str, Any], told: Mapping[str, Any]) -> Sheet:
    rows = [
        {
            "act": Act(step["act"]).label_zh,
            "person": step["person"],
            "at": step["at"].isoformat(),
            "remark": step["remark"],
        }
        for step in told["steps"]
    ]
    return _sheet(content, "办理记录", _STEPS, rows, basis=[f"SHA-256 {told['sha256']}"])
