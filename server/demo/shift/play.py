"""The shift from sign-in to the report: every step is a request that a handheld or a browser would send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from random import Random
from typing import Any

import click
import httpx
from rich.console import Console
from rich.table import Table

from schemas.vocabulary import CadenceTier, ObligationState, PlanState, StopStatus
from server.cadence.periods import period_of
from server.demo.shift.camera import photograph
from server.demo.shift.day import ZONE, choose_team, errands
from server.demo.shift.errand import Errand
from server.demo.shift.following import show_what_followed
from server.demo.shift.handheld import Handheld, SyncFailed
from server.demo.shift.link import Link, Weather
from server.demo.shift.patrolling import patrol_of, said_of, show_deed
from sync.receipts import BadReceipt

Figures = dict[str, dict[str, Any]]
SHOWN = (
    ("obligations", "应查"),
    ("waived", "免查"),
    ("on_time", "按期完成"),
    ("late", "逾期完成"),
    ("missed", "漏查"),
    ("pending", "待查"),
    ("attempts", "未查成次数"),
    ("on_time_rate", "按期检查率%"),
)


def play(given: Mapping[str, Any], seed: int, console: Console) -> str:
    """Play one shift and print the compliance report before and after it; the receipt that the handheld got.

    Raises:
        click.ClickException: when the server cannot be reached, a record is missing, doubled or not valid, the receipt
            does not cover what was pushed, or the report did not change as the records say.
    """
    try:
        return _play(given, seed, console)
    except (httpx.HTTPError, SyncFailed, BadReceipt, LookupError) as error:
        raise click.ClickException(f"演示中断 · the shift broke off: {error}") from error


def _play(given: Mapping[str, Any], seed: int, console: Console) -> str:
    rng = Random(seed)  # noqa: S311  A shift is replayed by its seed, and nothing secret hangs on it.
    url = given["url"]
    console.print(f"[bold]巡格演示班次[/] 服务器 {url}，种子 {seed}（--seed {seed} 可复现弱网过程）")
    bureau = _sign_in(given, "bureau_leader")
    now = datetime.now(UTC).astimezone(ZONE)
    period = period_of(CadenceTier.QUARTERLY, now.date()).key
    before, behind_before = _report(bureau, period), _obligations(bureau, period)
    _show(console, f"一、班前：{period} 复查执行情况", before, None)

    officer, me, enrolled = officer_with_work(given, behind_before)
    link = Link(url, enrolled["token"], f"demo-shift/{version('xunge')}", rng)
    handheld = Handheld(link)
    try:
        received = handheld.begin()
        console.print(
            f"\n二、{me['username']} 登录手持设备，下载 {received} 份资料："
            f"网格 {len(handheld.documents['cells'])}、零售户 {len(handheld.documents['outlets'])}、"
            f"应查任务 {len(handheld.documents['obligations'])}；对账一致"
        )
        patrol = patrol_of(handheld, me["person_id"], now.date())
        if patrol is not None:
            console.print(
                f"   今日已下发巡查计划：{patrol.document['name']}，{len(patrol.stops)} 站，"
                f"审批 {patrol.document['approval_no']} · following the published plan"
            )
        team = choose_team(handheld, me, enrolled["device_id"], now.date(), patrol)
        link.weather = Weather.DOWN
        console.print("\n三、断网，离线记录：")
        done = []
        for errand in errands(handheld, team, now, rng, patrol):
            document, photos = photograph(errand.document, rng)
            handheld.record(document, photos)
            done.append(replace(errand, document=document))
            console.print(f"   ✔ {errand.words}，照片和签名 {len(photos)} 个  [dim]{document['id']}[/]")
        link.weather = Weather.FLAKY
        handheld.push()
        if patrol is not None:
            handheld.tell_stops(said_of(patrol, done))
        handheld.pull()
        resumed = handheld.send_photos()
        receipt, claims = handheld.take_receipt()
        link.weather = Weather.UP
        handheld.pull()
        handheld.reconcile()
        handheld.report_itself()
        console.print(
            f"\n四、弱网同步：提交前中断 {link.faults['before']} 次，提交后中断 {link.faults['after']} 次，"
            f"重试 {handheld.retries} 次；队列剩余 {len(handheld.queue)}"
        )
        _verify(bureau, handheld, done, console)
        show_what_followed(bureau, done, console)
        if patrol is not None:
            show_deed(bureau, patrol, console)
        size = sum(len(photo.content) for photo in handheld.photos) // 1024
        console.print(
            f"   {len(handheld.photos)} 个照片和签名（{size} kB）全部收到，与手持机上逐字节相同；"
            f"传输中途断线 {link.faults['cut']} 次，断点续传 {resumed} 次"
        )
        files = sum(len(row["files"]) for row in claims["rows"])
        console.print(
            f"   回执：{len(claims['rows'])} 条记录、{files} 个文件，签名有效；交机前对账一致"
            f" · receipt: {len(claims['rows'])} records and {files} files, signature valid"
        )
    finally:
        link.close()
        _hand_back(given, enrolled["device_id"])
        officer.close()
    after, behind_after = _report(bureau, period), _obligations(bureau, period)
    _show(console, f"六、班后：{period} 复查执行情况", after, before)
    changed = _explain(console, behind_before, behind_after, done)
    bureau.close()
    expected = [errand for errand in done if errand.tier]
    if expected and (before == after or not changed):
        raise click.ClickException("报表没有变化 · the report did not change")
    return receipt


def _sign_in(given: Mapping[str, Any], role: str) -> httpx.Client:
    account = next(account for account in given["accounts"] if account["role"] == role)
    return _client(given, account)


def _client(given: Mapping[str, Any], account: Mapping[str, Any]) -> httpx.Client:
    client = httpx.Client(base_url=given["url"], timeout=60)
    answer = client.post(
        "/api/v1/sessions", json={"username": account["username"], "password": account["password"]}
    )
    answer.raise_for_status()
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return client


def _report(client: httpx.Client, period: str) -> Figures:
    answer = client.get("/api/v1/reports/cadence", params={"period": period, "by": "total"})
    answer.raise_for_status()
    return {row["tier"]: row for row in answer.json()["rows"]}


def _obligations(client: httpx.Client, period: str) -> Figures:
    answer = client.get("/api/v1/reports/cadence/obligations", params={"period": period})
    answer.raise_for_status()
    return {item["id"]: item for item in answer.json()["items"]}


def officer_with_work(
    given: Mapping[str, Any], behind: Figures
) -> tuple[httpx.Client, dict[str, Any], dict[str, Any]]:
    """Sign in as the squad leader who is on a patrol today, else as the one whose squad has open work in most tiers, and
    enrol a handheld for the day.
    """
    pending = {ObligationState.OPEN, ObligationState.DUE, ObligationState.ATTEMPTED}
    open_work: dict[str, set[tuple[str, str]]] = {}
    for item in behind.values():
        if item["state"] in pending and item["squad_id"]:
            open_work.setdefault(item["squad_id"], set()).add((item["tier"], item["id"]))
    leaders: list[tuple[tuple[bool, int, int], httpx.Client, dict[str, Any]]] = []
    for account in given["accounts"]:
        if account["role"] != "squad_leader":
            continue
        client = _client(given, account)
        me = client.get("/api/v1/me").raise_for_status().json() | {"username": account["username"]}
        work = open_work.get(me["squad_ids"][0], set())
        rank = (_is_on_patrol(client, me["person_id"]), len({tier for tier, _ in work}), len(work))
        leaders.append((rank, client, me))
    if not leaders:
        raise LookupError("样例账号里没有中队长 · no squad leader among the accounts")
    (_, client, me), *others = sorted(leaders, key=lambda leader: leader[0], reverse=True)
    for _, other, _ in others:
        other.close()
    enrolled = client.post("/api/v1/devices", json={"label": "演示手持机"}).raise_for_status().json()
    return client, me, enrolled


def _is_on_patrol(client: httpx.Client, person_id: str) -> bool:
    """Whether a published plan of today has somebody on a team with a stop still to be made."""
    today = datetime.now(UTC).astimezone(ZONE).date().isoformat()
    asked = {"from_day": today, "to_day": today, "state": PlanState.PUBLISHED.value}
    heads = client.get("/api/v1/plans", params=asked).raise_for_status().json()["items"]
    plans = [client.get(f"/api/v1/plans/{head['id']}").raise_for_status().json() for head in heads]
    return any(
        any(member["person_id"] == person_id for member in patrol["members"])
        and any(stop["status"] == StopStatus.PLANNED for stop in patrol["stops"])
        for plan in plans
        for patrol in plan["patrols"]
    )


def _hand_back(given: Mapping[str, Any], device_id: str) -> None:
    """The day is over: the administrator takes the handheld back, so that nobody waits for a word from it."""
    admin = _sign_in(given, "admin")
    admin.post(f"/api/v1/devices/{device_id}/revocation", json={"at_once": True}).raise_for_status()
    admin.close()


def _verify(bureau: httpx.Client, handheld: Handheld, done: list[Errand], console: Console) -> None:
    """Every record is on the server once, with the stamp that the device has pulled."""
    for errand in done:
        record_id = errand.document["id"]
        stored = bureau.get(f"/api/v1/records/{record_id}").raise_for_status().json()
        held = handheld.documents["records"].get(record_id, {})
        if "stamp" not in held:
            raise click.ClickException(
                f"记录 {record_id} 没有回到手持机 · the stamp did not reach the device"
            )
        if not stored["valid"]:
            reasons = "；".join(finding["detail"] for finding in stored["findings"])
            raise click.ClickException(f"记录 {record_id} 无效：{reasons}")
        files = bureau.get(f"/api/v1/records/{record_id}/files").raise_for_status().json()
        if not files["evidence_complete"]:
            raise click.ClickException(f"记录 {record_id} 缺照片 · photos are missing: {files['missing']}")
    for photo in handheld.photos:
        stored = bureau.get(f"/api/v1/files/{photo.sha256}", params={"record": photo.record_id})
        if stored.raise_for_status().content != photo.content:
            raise click.ClickException(f"照片 {photo.sha256} 与本机不同 · the photo differs")
    first = min(errand.document["started_at"] for errand in done)
    listed = bureau.get("/api/v1/records", params={"since": first, "limit": 1000}).raise_for_status().json()
    ids = [item["id"] for item in listed["items"]]
    doubled = [errand.document["id"] for errand in done if ids.count(errand.document["id"]) != 1]
    if doubled:
        raise click.ClickException(f"记录重复或丢失 · doubled or lost: {doubled}")
    console.print(f"   {len(done)} 条记录全部入库，各一条，均有效")


def _show(console: Console, title: str, figures: Figures, before: Figures | None) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("制度", no_wrap=True)
    for _, heading in SHOWN:
        table.add_column(heading, justify="right", no_wrap=True)
    for tier in CadenceTier:
        row = figures.get(tier)
        if row is None:
            continue
        was = before.get(tier, {}) if before else row
        cells = [_figure(row[name], was.get(name)) for name, _ in SHOWN]
        table.add_row(tier.label_zh, *cells)
    console.print(table)


def _figure(now: Any, was: Any) -> str:
    text = "—" if now is None else str(now)
    return text if now == was else f"[bold]{'—' if was is None else was} → {text}[/]"


def _explain(console: Console, before: Figures, after: Figures, done: list[Errand]) -> int:
    """Each obligation that changed, with the record behind it; the number of them."""
    console.print("\n七、变化的数字及其依据：")
    words = {errand.document["id"]: errand.words for errand in done}
    changed = 0
    for key, item in after.items():
        was = before.get(key)
        if was is None or (was["state"], was["attempts"]) == (item["state"], item["attempts"]):
            continue
        changed += 1
        # An attempt changes what is known of an obligation that another record met, too.
        known = [item["record_id"], *reversed(item["attempts"])]
        record = next((one for one in known if one in words), known[0])
        tier, state = CadenceTier(item["tier"]), ObligationState(item["state"]).label_zh
        former = ObligationState(was["state"]).label_zh
        change = f"{former} → {state}"
        if state == former:
            change = f"{state}，未查成 {len(was['attempts'])} → {len(item['attempts'])} 次"
        console.print(
            f"   {item['key']} {tier.label_zh}：{change}，记录 {record} {words.get(str(record), '')}"
        )
    if not changed:
        console.print("   （无）")
    return changed
