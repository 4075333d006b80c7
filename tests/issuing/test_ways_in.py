"""Signing over HTTP, on the command line and on paper; who sees what of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access.models import Account
from server.cadence.cap_policies import publish_cap
from server.cadence.models import Policy, PolicySignOff
from server.kernel.actor import house
from server.kernel.ids import new_id
from tests.api.conftest import problem_of
from tests.command_line import refused, said
from tests.fieldwork import check_of, push_at
from tests.issuing.conftest import REMARK, issued
from tests.reports.conftest import Quarter, at
from tests.reports.shapes import read_pdf
from tests.town import PASSWORD, client_of

ISSUES = "/api/v1/report-issues"
CAP = {
    "name": "试样上限",
    "legal_basis": "国办发〔2024〕54号",
    "effective_from": at(1, 1).date(),
    "limits": {"A": 4},
    "exemptions": [],
    "same_visit_minutes": 30,
}


def clients(quarter: Quarter, *names: str) -> list[FlaskClient]:
    return [client_of(quarter.app, quarter.kernel, quarter.town, name) for name in names]


def sound(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.get_json()
    return answer.get_json()


def late_check(quarter: Quarter) -> str:
    record = check_of(quarter.town, 1, at(7, 23), by=("li", "wang"))
    assert push_at(quarter.kernel, quarter.town, "li", at(9, 1), record) == []
    return str(record["id"])


def test_july_is_signed_off_over_http(july: Quarter) -> None:
    li, zhao, wang, ju, fa, gis = clients(july, "li", "zhao", "wang", "ju", "fa", "gis")
    with july.kernel.work(house(july.town.bureau_id), at(7, 1)) as work:
        publish_cap(work, CAP)
    restated = "/api/v1/reports/cadence/restated?period=2026-07"
    needed = problem_of(ju.get(restated), status=422, code="invalid")
    assert needed["errors"][0]["code"] == "since_needed"
    unsynced = f"{ISSUES}/unsynced?period=2026-07&as_of=2026-08-06T00:00:00%2B08:00"
    assert [one["person"] for one in sound(li.get(unsynced))["items"]] == ["li"]
    assert sound(zhao.get(unsynced))["items"] == []

    given = {"period": "2026-07"}
    problem_of(wang.post(ISSUES, json=given), status=403, code="forbidden")
    told = problem_of(li.post(ISSUES, json=given), status=409, code="issue_unsynced")
    assert told["errors"][0]["device_id"]
    issue = sound(li.post(ISSUES, json={**given, "unsynced_remark": REMARK}), 201)
    own = f"{ISSUES}/{issue['id']}"
    assert (issue["state"], issue["as_of"], issue["annexed"]) == (
        "drafted",
        "2026-08-06T00:00:00+08:00",
        True,
    )
    problem_of(ju.post(f"{own}/review", json={}), status=403, code="forbidden")
    assert sound(wang.get(ISSUES))["items"] == []
    problem_of(wang.get(own), status=404)

    assert sound(li.post(f"{own}/submit", json={}))["state"] == "submitted"
    problem_of(fa.post(f"{own}/return", json={}), status=422, code="invalid")
    assert sound(fa.post(f"{own}/return", json={"remark": "请核实"}))["state"] == "returned"
    again = sound(li.post(ISSUES, json={**given, "unsynced_remark": REMARK, "remark": "已核实"}), 201)
    assert (again["id"], again["version"], again["sha256"] != issue["sha256"]) == (issue["id"], 1, True)
    for client, act in ((li, "submit"), (fa, "review"), (ju, "issue")):
        issue = sound(client.post(f"{own}/{act}", json={"remark": "同意"}))
    assert issue["state"] == "issued"
    acts = [step["act"] for step in issue["steps"]]
    assert acts == ["drafted", "submitted", "returned", "drafted", "submitted", "reviewed", "issued"]
    problem_of(ju.post(f"{own}/issue", json={}), status=409, code="issue_state")

    frozen = ju.get(f"{own}/snapshot")
    assert frozen.headers["ETag"] == f'"{issue["sha256"]}"'
    assert hashlib.sha256(frozen.data).hexdigest() == issue["sha256"]
    assert (
        frozen.data
        == json.dumps(
            orjson.loads(frozen.data), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        ).encode()
    )
    fresh = ju.get(f"{own}/snapshot", headers={"If-None-Match": frozen.headers["ETag"]})
    assert (fresh.status_code, fresh.data) == (304, b"")
    assert sound(ju.get(f"{own}/verification"))["agrees"] is True
    assert sound(ju.get(f"{own}/differences"))["obligations"] == []

    # Who drafted it and who reads the bureau's figures read the whole; others what is their squad's.
    first, second = july.town.squads
    assert [one.get(f"{own}/snapshot").status_code for one in (li, fa, gis, zhao, wang)] == [
        200,
        200,
        200,
        404,
        404,
    ]
    for path in ("pdf", "differences", "verification", f"squads/{first}"):
        problem_of(zhao.get(f"{own}/{path}"), status=404, code="not_found")
    part = sound(zhao.get(f"{own}/squads/{second}"))
    assert {one["squad_id"] for one in part["obligations"]} == {str(second)}
    assert {line["group_id"] for line in part["lines"]} == {str(second)}
    assert sound(wang.get(ISSUES))["items"][0]["sha256"] == issue["sha256"]

    record_id = late_check(july)
    body = sound(ju.get(restated))
    assert [one["after"]["record_id"] for one in body["obligations"]] == [record_id]
    assert ju.get(f"{restated}&format=csv").text.count("\n") == 2
    back = problem_of(ju.get(f"{restated}&since=2026-10-01T00:00:00Z&until=2026-09-01T00:00:00Z"), status=422)
    assert back["errors"][0]["code"] == "since_not_before"
    assert ju.get(f"{own}/snapshot").data == frozen.data


def test_july_is_signed_off_on_the_command_line(
    july: Quarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", july.settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    with july.kernel.sessions() as session:
        names = dict(session.execute(select(Account.id, Account.username)).all())
    li, fa, ju = (("--as", names[july.town.accounts[name]]) for name in ("li", "fa", "ju"))
    before = ("--as-of", "2026-08-06T00:00")
    assert "li 的手持机" in said("issue", "unsynced", "2026-07", *before)
    assert refused("issue", "draft", "2026-07", *li).code == "issue_unsynced"
    assert "未同步设备 1" in said("issue", "draft", "2026-07", "--unsynced-remark", REMARK, *li)
    monkeypatch.setenv("XUNGE_PASSWORD", "not-the-password")
    assert refused("issue", "submit", "2026-07", *li).code == "bad_credentials"
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    said("issue", "submit", "2026-07", *li)
    assert refused("issue", "review", "2026-07", *li).code == "forbidden"
    assert refused("issue", "return", "2026-07", "--remark", "请核实", *ju).code == "forbidden"
    said("issue", "review", "2026-07", *fa)
    assert "签发" in said("issue", "issue", "2026-07", *ju)
    assert "一致" in said("issue", "verify", "2026-07")
    assert "没有数据" not in said("issue", "list")
    shown = json.loads(said("issue", "show", "2026-07"))
    file = tmp_path / "july.json"
    assert shown["sha256"] in said("issue", "snapshot", "2026-07", "--output", str(file))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == shown["sha256"]

    record_id = late_check(july)
    listed = json.loads(said("report", "cadence", "--period", "2026-07", "--restated", "--format", "json"))
    assert [one["after"]["record_id"] for one in listed["obligations"]] == [record_id]
    assert "漏查" in said("report", "cadence", "--period", "2026-07", "--restated")
    issued(july, at(10, 20))
    second = json.loads(said("issue", "show", "2026-07"))
    assert (second["version"], second["changed"]) == (2, 1)
    assert record_id in said("issue", "differences", "2026-07", "--format", "csv")
    assert json.loads(said("issue", "show", "2026-07", "--version", "1")) == shown

    paper = tmp_path / "july.pdf"
    said("issue", "pdf", "2026-07", "--output", str(paper))
    printed = "".join(read_pdf(paper.read_bytes()))
    for word in (
        second["sha256"],
        shown["sha256"],
        "更正清单",
        "办理记录",
        REMARK,
        "周期结束后尚未同步的设备",
    ):
        assert word in printed, word
    row = next(one for one in second["totals"] if one["tier"] == "WEEKLY")
    assert row["on_time_rate"] in printed


def test_a_report_above_the_cap_prints_its_legal_annex(july: Quarter) -> None:
    li, ju = clients(july, "li", "ju")
    with july.kernel.work(house(july.town.bureau_id), at(7, 1)) as work:
        publish_cap(work, CAP)
        policy_id = work.session.scalars(select(Policy.id)).one()
        # The second one signed only after the report's moment.
        for ground, signed_at in (("上级部署，附件一", at(7, 1)), ("补签", at(8, 7))):
            work.session.add(
                PolicySignOff(
                    id=new_id(signed_at),
                    bureau_id=work.bureau_id,
                    policy_id=policy_id,
                    account_id=july.town.accounts["fa"],
                    ground=ground,
                    content_sha256=hashlib.sha256(ground.encode()).hexdigest(),
                    plan={},
                    known_at=signed_at,
                )
            )
    issue = sound(li.post(ISSUES, json={"period": "2026-07", "unsynced_remark": REMARK}), 201)
    own = f"{ISSUES}/{issue['id']}"
    frozen = orjson.loads(ju.get(f"{own}/snapshot").data)
    (floor,) = frozen["annex"]["floors"]
    # 53 weeks of 2026, of which months and quarters are met by deeper visits at the same time.
    assert (floor["visits_a_year"], floor["over"]) == (53, {"A": 4})
    (signed,) = floor["sign_offs"]
    assert (signed["ground"], signed["signed_at"]) == ("上级部署，附件一", "2026-07-01T10:00:00+08:00")
    over = {one["licence_no"]: one["over"] for one in frozen["annex"]["over_cap"]}
    listed = ju.get("/api/v1/reports/cap?as_of=2026-08-06T00:00:00%2B08:00").get_json()["rows"]
    assert over == {one["licence_no"]: one["over"] for one in listed}
    printed = "".join(read_pdf(ju.get(f"{own}/pdf").data))
    assert "法制附件" in printed
    assert signed["ground"] in printed
    assert signed["content_sha256"] in printed
    assert "未签发，现为“拟稿”" in printed
