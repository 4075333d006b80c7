"""What a squad has to know on a morning beside its routes: each alert with a stable code and a sentence in both languages.

Persons are masked for everybody: a pack is printed and handed round. Of a clue stand its number and its clocks, and of an
incident where and of what nature it was; whoever may know more looks them up.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import ClueMatter, ClueStatus, PlanState
from server.approvals.models import ApprovalWithdrawal, ApprovalWriteUp, InspectionApproval
from server.briefings.ground import Ground
from server.briefings.owing import Owing
from server.clues.models import Clue
from server.clues.queries import described
from server.custody.queries import lists_numbered
from server.custody.rules import nearing_until
from server.kernel.work import Work
from server.patrols.models import PatrolPlan
from server.records.approval_standing import unapproved
from server.records.models import Record
from server.reports.heading import day_text
from server.reports.incidents import told as incident_told
from server.reports.owed import called

Row = dict[str, Any]
Alerts = Mapping[uuid.UUID, list[Row]]

# Older ones stand in the lists of the desk.
LOOKS_BACK = timedelta(days=31)

MOST_NAMES = 8

# Nothing is left to be done with these.
_ENDED = (
    ClueStatus.MERGED,
    ClueStatus.FILED,
    ClueStatus.NOT_FILED,
    ClueStatus.POLICE_FILED,
    ClueStatus.POLICE_NOT_FILED,
)
_CLOCKS = {
    "notice": "通报",
    "verify": "核实",
    "transfer_decided": "移送审批",
    "transfer_sent": "移送公安",
    "police_decided": "公安决定",
    "goods_sent": "移交物品",
}


def load_alerts(
    work: Work, ground: Ground, plans: Mapping[uuid.UUID, Row], owing: Mapping[uuid.UUID | None, Owing]
) -> Alerts:
    """The alerts of each squad, what is most urgent first: incidents, the plan and its papers, goods, clues, the rest."""
    found: dict[uuid.UUID, list[Row]] = defaultdict(list)
    standing = _standing_of_approvals(work, ground)
    for squad_id, one in _incidents(work, ground):
        found[squad_id].append(one)
    for squad_id in ground.squads:
        found[squad_id] += _of_plan(ground, plans.get(squad_id), standing.get(squad_id))
    for part in (_goods, _clues, _unapproved, _devices):
        for squad_id, one in part(work, ground):
            found[squad_id].append(one)
    nobodys = owing.get(None)
    for squad_id in ground.squads:
        own = owing.get(squad_id)
        if own is not None and own.missed:
            found[squad_id].append(_missed(own.missed))
        if nobodys is not None and nobodys.due:
            found[squad_id].append(_nobodys(len(nobodys.due)))
        if ground.provisional:
            found[squad_id].append(_provisional(ground.day))
    return found


def alert(code: str, zh: str, en: str, **facts: Any) -> Row:
    """One alert; ``facts`` are what it is about, by ids and numbers."""
    return {"code": code, "zh": zh, "en": en, **facts}


def _incidents(work: Work, ground: Ground) -> Iterator[tuple[uuid.UUID, Row]]:
    """Incidents that became known since the last meeting: of the squad that was there, and of the one on duty there."""
    records = (
        select(Record)
        .where(
            Record.bureau_id == work.bureau_id,
            Record.kind == "incident",
            Record.amends_id.is_(None),
            Record.received_at >= ground.since,
        )
        .order_by(Record.performed_at, Record.id)
    )
    for record in work.session.scalars(records).all():
        item = incident_told(work, record)
        code, name = ground.cell(record.cell_id)
        where = f"{code} {name}".strip() or "网格外"
        help_zh, help_en = ("，需要增援", "; help is needed") if item["help_needed"] else ("", "")
        one = alert(
            "incident",
            f"突发情况：{item['nature_zh']}，{_minute(record.performed_at, work)}，{where}{help_zh}。",
            f"An incident ({item['nature'] or 'not told'}) at {_minute(record.performed_at, work)}, {where}{help_en}.",
            record_id=record.id,
        )
        for squad_id in _squads(record.squad_id, ground.squad_of(record.cell_id)):
            yield squad_id, one


def _of_plan(ground: Ground, plan: Row | None, standing: str | None) -> Iterator[Row]:
    """That there is no plan, what its papers lack, what it warns of, and whose cap is reached."""
    if plan is None:
        yield alert("plan_missing", "今日没有已下发的巡查计划。", "No plan is published for the day.")
        return
    if standing is not None:
        zh, en = APPROVALS[standing]
        yield alert(standing, zh, en, approval_no=plan["approval_no"])
    for patrol in plan["patrols"]:
        for member in patrol["members"]:
            if member["part"] != "extra" and member["cert_no"] is None:
                yield alert(
                    "certificate_missing",
                    f"{patrol['name']}：{member['name']}今日没有有效的执法证，不能作为检查人员。",
                    f"{member['name']} holds no valid certificate on the day and cannot inspect.",
                    person_id=member["person_id"],
                )
    for warning in plan["warnings"]:
        yield alert("plan_warning", f"计划提示：{warning['zh']}", "The plan warns.", warning=warning["code"])
    full = [stop for patrol in plan["patrols"] for stop in patrol["stops"] if stop["at_cap"]]
    if full:
        names = _names(stop["name"] for stop in full)
        yield alert(
            "cap_reached",
            f"本年度检查频次已达上限的 {len(full)} 户在今日线路上：{names}。",
            f"{len(full)} outlet(s) on today's routes have reached the year's cap of inspections.",
            subject_ids=[stop["subject_id"] for stop in full],
        )


APPROVALS = {
    "approval_missing": (
        "今日计划没有关联检查审批。",
        "No approval of inspections is named by the plan.",
    ),
    "approval_withdrawn": (
        "今日计划所依据的检查审批已撤回。",
        "The approval that the plan goes by was withdrawn.",
    ),
    "approval_other_days": (
        "今日计划所依据的检查审批不含今日。",
        "The approval that the plan goes by does not cover the day.",
    ),
    "approval_to_write_up": (
        "今日计划所依据的电话审批尚未补签。",
        "The approval by phone that the plan goes by is not written up yet.",
    ),
}


def _standing_of_approvals(work: Work, ground: Ground) -> dict[uuid.UUID, str]:
    """By squad, what is wrong with the approval of its published plan; those that are in order are left out."""
    approval = InspectionApproval
    # Of what is joined from outside each may be missing.
    rows: Iterable[Any] = work.session.execute(
        select(PatrolPlan.squad_id, approval, ApprovalWithdrawal.approval_id, ApprovalWriteUp.approval_id)
        .select_from(PatrolPlan)
        .outerjoin(approval, approval.id == PatrolPlan.approval_id)
        .outerjoin(ApprovalWithdrawal, ApprovalWithdrawal.approval_id == approval.id)
        .outerjoin(ApprovalWriteUp, ApprovalWriteUp.approval_id == approval.id)
        .where(
            PatrolPlan.bureau_id == work.bureau_id,
            PatrolPlan.day == ground.day,
            PatrolPlan.state == PlanState.PUBLISHED.value,
        )
    )
    found: dict[uuid.UUID, str] = {}
    for squad_id, given, withdrawn, written_up in rows:
        if given is None:
            found[squad_id] = "approval_missing"
        elif withdrawn is not None:
            found[squad_id] = "approval_withdrawn"
        elif not given.first_day <= ground.day <= given.last_day:
            found[squad_id] = "approval_other_days"
        elif given.channel == "phone" and written_up is None:
            found[squad_id] = "approval_to_write_up"
    return found


def _goods(work: Work, ground: Ground) -> Iterator[tuple[uuid.UUID, Row]]:
    """Goods registered and preserved in advance: not decided near the seventh working day, or not approved in writing."""
    near = nearing_until(ground.day, ground.workdays)
    lists = lists_numbered(work.actor)
    found = work.session.execute(
        select(lists)
        .where(
            lists.c.squad_id.is_not(None),
            lists.c.decide_by >= ground.day - LOOKS_BACK,
            (lists.c.undecided > 0) & (lists.c.decide_by <= near) | lists.c.write_up_due.is_not(None),
        )
        .order_by(lists.c.decide_by, lists.c.id)
    ).all()
    subjects = called(work, sorted({one.subject_id for one in found if one.subject_id}))
    for one in found:
        subject = subjects.get(one.subject_id)
        which = "，".join(part for part in (one.number, subject.name if subject else None) if part)
        which_en = one.number or f"list {one.id}"
        if one.undecided > 0 and one.decide_by <= near:
            late = one.decide_by < ground.day
            zh = f"登记保存清单（{which or '待编号'}）{one.undecided} 行物品未作处理决定，"
            zh += f"期限 {day_text(one.decide_by)}{'（暂定）' if one.provisional else ''}"
            yield (
                one.squad_id,
                alert(
                    "goods_undecided",
                    f"{zh}{'，已逾期' if late else ''}。",
                    f"{one.undecided} line(s) of {which_en} are to be decided on by {one.decide_by}.",
                    list_id=one.id,
                    decide_by=one.decide_by,
                ),
            )
        if one.write_up_due is not None:
            due = _minute(one.write_up_due, work)
            yield (
                one.squad_id,
                alert(
                    "goods_to_write_up",
                    f"登记保存清单（{which or '待编号'}）的审批尚未补办书面手续，期限 {due}。",
                    f"The approval of {which_en} is to be written up by {due}.",
                    list_id=one.id,
                ),
            )


def _clues(work: Work, ground: Ground) -> Iterator[tuple[uuid.UUID, Row]]:
    """Clues that became known since the last meeting, and those on which a clock ends with the day or is over."""
    wanted = (
        select(Clue)
        .where(
            Clue.bureau_id == work.bureau_id,
            Clue.status.not_in([status.value for status in _ENDED]),
            Clue.found_at >= ground.since - LOOKS_BACK,
        )
        .order_by(Clue.known_at, Clue.id)
    )
    day_over = datetime.combine(ground.day + timedelta(days=1), time(), work.zone)
    clues = work.session.scalars(wanted).all()
    for clue, told in zip(clues, described(work, clues), strict=True):
        matter = f"线索 {clue.number}（{ClueMatter(clue.matter).label_zh}）"
        squads = _squads(clue.squad_id, ground.squad_of(clue.cell_id))
        if clue.known_at >= ground.since:
            one = alert(
                "clue_new",
                f"新收到{matter}，{told['status_zh']}。",
                f"A new clue, {clue.number}.",
                clue_id=clue.id,
            )
            yield from ((squad_id, one) for squad_id in squads)
        for clock in told["clocks"]:
            if clock.done_at is not None or clock.due > day_over:
                continue
            last = (clock.due - timedelta(seconds=1)).astimezone(work.zone).date()
            over = clock.due <= ground.judged_at
            zh = f"{matter}{_CLOCKS.get(clock.step, clock.step)}期限为 {day_text(last)}"
            one = alert(
                "clue_due",
                f"{zh}{'，已逾期' if over else ''}{'（暂定）' if clock.provisional else ''}。",
                f"Clue {clue.number}: {clock.step} is due by {last}.",
                clue_id=clue.id,
                step=clock.step,
                due=clock.due,
            )
            yield from ((squad_id, one) for squad_id in squads)


def _unapproved(work: Work, ground: Ground) -> Iterator[tuple[uuid.UUID, Row]]:
    """Inspections of late whose approval does not stand, as one line a squad and reason."""
    recent = unapproved(work).where(Record.performed_at >= ground.since - LOOKS_BACK).subquery()
    found: dict[tuple[uuid.UUID, str], list[uuid.UUID]] = defaultdict(list)
    for one in work.session.execute(select(recent).order_by(recent.c.performed_at, recent.c.id)):
        if one.squad_id is not None:
            found[one.squad_id, one.standing].append(one.id)
    for (squad_id, standing), records in sorted(
        found.items(), key=lambda item: (str(item[0][0]), item[0][1])
    ):
        zh, en = _STANDINGS.get(standing, (standing, standing.replace("_", " ")))
        yield (
            squad_id,
            alert(
                "record_unapproved",
                f"近一个月 {len(records)} 次检查{zh}，请补办或说明。",
                f"{len(records)} inspection(s) of the last month: the approval is {en}.",
                standing=standing,
                record_ids=records,
            ),
        )


_STANDINGS = {
    "missing": ("没有填写审批编号", "not named"),
    "unknown": ("填写的审批编号不存在", "not known"),
    "withdrawn": ("所依据的审批已撤回", "withdrawn"),
    "not_covering": ("不在所依据审批的范围内", "not one that covers it"),
    "after_the_fact": ("审批晚于检查", "later than it may be"),
    "written_up_late": ("所依据的电话审批补签逾期", "written up late"),
    "not_written_up": ("所依据的电话审批逾期未补签", "not written up"),
}


def _devices(work: Work, ground: Ground) -> Iterator[tuple[uuid.UUID, Row]]:
    """Handhelds that may hold what nobody has seen yet: with something in their queue, or not heard since the working day
    before the meeting began. Over a weekend nobody expects to hear of them.
    """
    for squad_id, devices in ground.silence.by_squad.items():
        for heard in sorted(devices, key=lambda one: (one.label, str(one.device_id))):
            last_at = heard.last_at
            is_silent = heard.last_queue > 0 or last_at is None or last_at < ground.heard_since
            if squad_id is None or not is_silent:
                continue
            last = _minute(last_at, work) if last_at else None
            yield (
                squad_id,
                alert(
                    "device_silent",
                    f"手持机“{heard.label}”未同步：最近联系 {last or '从未'}，待传 {heard.last_queue} 条。",
                    f"Handheld {heard.label} has not synced: last heard {last or 'never'}, {heard.last_queue} in its queue.",
                    device_id=heard.device_id,
                ),
            )


def _missed(missed: Iterable[Row]) -> Row:
    rows = list(missed)
    names = _names(row["name"] for row in rows)
    return alert(
        "missed",
        f"上次例会以来新增漏查 {len(rows)} 项：{names}。",
        f"{len(rows)} check(s) were missed since the last meeting.",
        obligation_ids=[row["id"] for row in rows],
    )


def _nobodys(number: int) -> Row:
    return alert(
        "cell_without_squad",
        f"本局另有 {number} 项到期任务所在网格没有责任中队，请局领导分派。",
        f"{number} due check(s) lie in cells that no squad answers for.",
    )


def _provisional(day: date) -> Row:
    return alert(
        "workdays_missing",
        f"{day.year} 年工作日表未载入，期限均为暂定。",
        f"The working days of {day.year} are not loaded; every date is provisional.",
    )


def _names(names: Iterable[str]) -> str:
    """Each name once, the first few of them."""
    each = list(dict.fromkeys(names))
    more = f" 等 {len(each)} 户" if len(each) > MOST_NAMES else ""
    return "、".join(each[:MOST_NAMES]) + more


def _squads(*squads: uuid.UUID | None) -> list[uuid.UUID]:
    return [squad_id for squad_id in dict.fromkeys(squads) if squad_id is not None]


def _minute(moment: datetime, work: Work) -> str:
    return f"{moment.astimezone(work.zone):%Y-%m-%d %H:%M}"
