"""Records as a handheld pushes them, one builder a form: complete, valid, and the same for the same dice.

Every name, number and place is made up. What a builder is given decides the envelope; the random source
decides only what the officers wrote, so that two visits read differently and one visit always reads the
same.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Literal

from server.demo.answers import (
    depot_answers,
    ecig_answers,
    premises_answers,
    road_answers,
    service_answers,
)
from server.demo.further_answers import (
    CallMode,
    callback_answers,
    household_answers,
    manufacturer_answers,
    unlicensed_answers,
)
from server.demo.registered import RegisteredGoods, registration_answers

Document = dict[str, Any]
Tier = Literal["WEEKLY", "MONTHLY", "QUARTERLY"]
AttemptReason = Literal["closed", "moved", "refused", "unsafe"]

BATCH_APPROVAL = "batch"
"""The approval (检查审批) of the squad's plan for the week, whose number follows from the date."""

_PHOTOS: dict[Tier, int] = {"WEEKLY": 2, "MONTHLY": 3, "QUARTERLY": 4}
_NORMAL = (
    "到店后向当事人出示执法证件，说明来意，逐项核对，未发现异常。当事人配合检查，现场宣传了未成年人保护规定。",
    "经现场检查，店内陈列规范，证照齐全，标志张贴于收银台正上方。核对近期购进凭证，数量与库存相符。",
    "两名执法人员亮证检查，查看柜台、货架及仓储区域，未见违规产品。提醒当事人留存订货凭证备查。",
    "检查时店内有顾客三名，均为成年人。核对许可证与经营主体一致，复查上次提醒事项，已落实。",
)
_ABNORMAL = (
    "检查中发现问题，已当场向当事人指出并拍照取证，当事人对检查情况无异议，处理措施见检查结论。",
    "现场发现异常情形，执法人员制作现场笔录，向当事人宣读后由其签字确认，后续按规定程序办理。",
)
_ATTEMPTS = {
    "closed": "到店时卷帘门关闭，门上无告示，向相邻商户了解称当日未开门。",
    "moved": "原址已改为其他店铺，相邻商户称该店上月搬离。",
    "refused": "当事人以负责人不在为由拒绝检查，执法人员已告知法律后果并全程记录。",
    "unsafe": "店门前道路施工、管线外露，现场不具备检查条件。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Somebody who signs a record, and the number of the certificate (执法证) shown, if any."""

    person_id: uuid.UUID | None
    cert_no: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who was where, and when: what a record of any form says before its answers.

    Times are aware and by the device's clock, which is ``clock_offset_s`` seconds ahead of the true time.
    The position is in degrees, ``None`` when there was no fix, its accuracy in metres. ``licence_no`` is the
    subject's retail licence, which its cartons show. ``approval_no`` is a
    number, ``None``, or ``BATCH_APPROVAL``; the forms that need no approval leave it out.
    """

    record_id: uuid.UUID
    edit_id: uuid.UUID
    signers: Sequence[Signer]
    started_at: datetime
    ended_at: datetime
    lon: float | None
    lat: float | None
    subject_id: uuid.UUID | None
    subject_kind: str | None = "outlet"
    licence_no: str | None = None
    accuracy_m: float = 8.0
    crs: str = "wgs84"
    device_id: uuid.UUID | None = None
    squad_id: uuid.UUID | None = None
    cell_id: uuid.UUID | None = None
    clock_offset_s: int = 0
    visit_kind: str = "routine"
    approval_no: str | None = BATCH_APPROVAL
    makes_up: str | None = None
    amends_id: uuid.UUID | None = None
    amend_reason: str | None = None


def ecig_check(tier: Tier, visit: Visit, rng: Random, *, cause: str | None = None) -> Document:
    """A weekly, monthly or quarterly check (周复查、月核查、季抽查) of a seller of e-cigarettes.

    With a ``cause`` (案由) the check is abnormal: an item fails with a note and a photo, and the fitting
    goods and measures are there.

    Raises:
        KeyError: when the cause is none that is found at a shop.
    """
    document = _envelope(
        visit, rng, "ecig_check", f"ecig_{tier.lower()}", photos=_PHOTOS[tier], abnormal=cause is not None
    )
    document["answers"] = ecig_answers(
        tier, rng, visit.started_at, cause=cause, proof=document["photos"][-1]["sha256"]
    )
    return document


def site_visit(visit: Visit, rng: Random, *, cause: str | None = None) -> Document:
    """An inspection of a retail outlet (零售户检查); ``cause`` and errors as for ``ecig_check``."""
    document = _envelope(visit, rng, "site_visit", "site_visit", photos=2, abnormal=cause is not None)
    document["answers"] = premises_answers(
        rng,
        visit.started_at,
        visit.licence_no,
        cause=cause,
        proof=document["photos"][-1]["sha256"],
    )
    return document


def service_visit(visit: Visit, rng: Random) -> Document:
    """A visit that inspects nothing (走访), by one person or more."""
    document = _envelope(visit, rng, "site_visit", "service_visit", photos=1, abnormal=False)
    document["answers"] = service_answers(rng)
    return document | _inspects_nothing(document["answers"]["summary"])


def road_check(
    visit: Visit,
    rng: Random,
    *,
    stops: Sequence[tuple[datetime, bool]] | None = None,
    mode: Literal["fixed", "mobile", "tip_off"] = "fixed",
) -> Document:
    """A session of road checks (路检路查).

    ``stops`` are times with whether goods were found; eight if not given.
    """
    if stops is None:
        step = (visit.ended_at - visit.started_at) / 9
        stops = [(visit.started_at + step * (number + 1), number == 5) for number in range(8)]
    found = any(goods for _, goods in stops)
    document = _envelope(visit, rng, "road_check", "road_check", photos=3, abnormal=found)
    lead = next((signer.person_id for signer in visit.signers if signer.person_id), None)
    document["answers"] = road_answers(rng, stops, mode=mode, lead_id=lead)
    document["narrative"] = f"本次路检路查共拦检车辆{len(stops)}辆，" + (
        f"其中{sum(goods for _, goods in stops)}辆查获涉烟物品，已按规定处理。"
        if found
        else "未发现违法运输烟草专卖品。"
    )
    return document


def depot_check(
    visit: Visit, rng: Random, *, depot_kind: str = "express", abnormal: bool = False
) -> Document:
    """A check of a depot (物流寄递网点);

    an abnormal one finds a parcel and writes to the postal authority.
    """
    document = _envelope(visit, rng, "depot_check", "depot_check", photos=2, abnormal=abnormal)
    proof = document["photos"][-1]["sha256"]
    document["answers"] = depot_answers(rng, visit.started_at, depot_kind, abnormal=abnormal, proof=proof)
    return document


def manufacturer_check(visit: Visit, rng: Random) -> Document:
    """A check of a manufacturer (生产企业检查) that finds nothing."""
    document = _envelope(visit, rng, "manufacturer_check", "manufacturer_check", photos=3, abnormal=False)
    document["answers"] = manufacturer_answers(rng, visit.started_at)
    return document


def unlicensed_check(visit: Visit, rng: Random, *, selling: bool = True) -> Document:
    """A check of somebody who sells without licence (无证户检查); a subject met for the first time has no identity."""
    document = _envelope(visit, rng, "unlicensed_check", "unlicensed_check", photos=2, abnormal=selling)
    document["answers"] = unlicensed_answers(rng, visit.started_at, selling=selling)
    return document


def callback(visit: Visit, rng: Random, *, mode: CallMode = "phone", reached: bool = True) -> Document:
    """A call-back after a complaint (回访), by telephone from a desk or at the door."""
    document = _envelope(visit, rng, "callback", "callback", photos=0, abnormal=False)
    document["answers"] = callback_answers(rng, mode, reached=reached)
    return document | _inspects_nothing(document["answers"].get("reply"))


def household_visit(visit: Visit, rng: Random) -> Document:
    """A visit to a tobacco-growing household (入户检查) in the purchasing season."""
    document = _envelope(visit, rng, "household_visit", "household_visit", photos=1, abnormal=False)
    document["answers"] = household_answers(rng)
    return document | _inspects_nothing(None)


def registration_list(
    visit: Visit,
    rng: Random,
    lines: Sequence[RegisteredGoods],
    *,
    inspection_id: uuid.UUID,
    approver_id: uuid.UUID | None = None,
    channel: Literal["desk", "phone", "urgent_later"] = "desk",
    taken: bool = True,
) -> Document:
    """A list of goods registered and preserved in advance (证据先行登记保存清单), signed at the end of the inspection."""
    document = _envelope(visit, rng, "registration_list", "registration_list", photos=2, abnormal=True)
    signatures = [
        {"role": role, "sha256": rng.randbytes(32).hex()}
        for role in ("party", *("officer" for _ in visit.signers))
    ]
    document["answers"] = registration_answers(
        lines,
        at=visit.ended_at,
        inspection_id=inspection_id,
        approver_id=approver_id,
        channel=channel,
        taken=taken,
        signatures=signatures,
    )
    return document | {"approval_no": None}


def patrol(
    visit: Visit,
    rng: Random,
    act: Literal["start", "end"],
    patrol_id: uuid.UUID,
    *,
    people: Sequence[uuid.UUID] = (),
    plates: Sequence[str] = (),
    metres: int | None = None,
    track: str | None = None,
) -> Document:
    """The beginning or the end of a patrol (巡查), signed by one of the team.

    A beginning lasts no time; an end tells of the whole patrol again, from when it began, with whoever was out, the
    vehicles by plate, the metres that the handheld measured and the SHA-256 of its track.
    """
    document = _envelope(visit, rng, "patrol", "patrol", photos=0, abnormal=False)
    document["answers"] = {
        "act": act,
        "patrol_id": str(patrol_id),
        "people": [{"person_id": str(one)} for one in people],
        "vehicles": [{"plate": plate} for plate in plates],
        "metres": metres,
        "track": track,
    }
    about_nobody = {"subject_kind": None, "subject_id": None, "visit_kind": "patrol", "body_cam_ref": None}
    return document | _inspects_nothing(None) | about_nobody


def attempt(visit: Visit, rng: Random, *, reason: AttemptReason = "closed") -> Document:
    """An attempt without access (到店未查成), which is no check."""
    document = _envelope(visit, rng, "attempt", "attempt", photos=1, abnormal=False)
    document["answers"] = {
        "reason": reason,
        "note": _ATTEMPTS[reason],
        "phoned": rng.random() < 0.7,
        "notice_left": reason == "closed" and rng.random() < 0.5,
    }
    if reason == "moved":
        document["answers"]["new_address"] = f"样例市{rng.choice('甲乙丙丁')}镇新街{rng.randint(1, 180)}号"
    return document | {"approval_no": None, "cert_shown": False, "narrative": _ATTEMPTS[reason]}


def _envelope(
    visit: Visit, rng: Random, kind: str, form_code: str, *, photos: int, abnormal: bool
) -> Document:
    return {
        "id": str(visit.record_id),
        "edit_id": str(visit.edit_id),
        "_deleted": False,
        "kind": kind,
        "form_code": form_code,
        "form_version": 1,
        "device_id": _text(visit.device_id),
        "officers": [
            {"person_id": _text(signer.person_id), "cert_no": signer.cert_no} for signer in visit.signers
        ],
        "squad_id": _text(visit.squad_id),
        "cell_id": _text(visit.cell_id),
        "subject_kind": visit.subject_kind,
        "subject_id": _text(visit.subject_id),
        "visit_kind": visit.visit_kind,
        "started_at": visit.started_at.isoformat(timespec="seconds"),
        "ended_at": visit.ended_at.isoformat(timespec="seconds"),
        "clock_offset_s": visit.clock_offset_s,
        "position": _position(visit, visit.accuracy_m),
        "no_fix_reason": None if visit.lon is not None else "室内无卫星信号，多次尝试未能定位。",
        "approval_no": _approval(visit),
        "notice_given": False,
        "cert_shown": True,
        "photos": [_photo(visit, rng, (number + 1) / (photos + 1)) for number in range(photos)],
        "body_cam_ref": f"ZFY{rng.randint(1, 40):03d}-{visit.started_at:%Y%m%d%H%M}",
        "narrative": rng.choice(_ABNORMAL if abnormal else _NORMAL),
        "status": "final",
        "amends_id": _text(visit.amends_id),
        "amend_reason": visit.amend_reason,
        "makes_up": visit.makes_up,
        "answers": {},
    }


def _inspects_nothing(narrative: str | None) -> Document:
    """What the envelope says where nobody is inspected: no approval, and no certificate to show."""
    return {"visit_kind": "service", "approval_no": None, "cert_shown": False, "narrative": narrative}


def _approval(visit: Visit) -> str | None:
    if visit.approval_no != BATCH_APPROVAL:
        return visit.approval_no
    return approval_of_week(visit.started_at)


def approval_of_week(day: date) -> str:
    """The number under which the plan of that day's week is approved."""
    year, week, _ = day.isocalendar()
    return f"样烟检审〔{year}〕批{week:02d}号"


def _position(visit: Visit, accuracy_m: float) -> dict[str, Any] | None:
    if visit.lon is None or visit.lat is None:
        return None
    return {
        "lon": round(visit.lon, 7),
        "lat": round(visit.lat, 7),
        "accuracy_m": accuracy_m,
        "source": "gnss",
        "crs": visit.crs,
    }


def _photo(visit: Visit, rng: Random, share: float) -> dict[str, Any]:
    taken_at = visit.started_at + (visit.ended_at - visit.started_at) * share
    return {
        "sha256": rng.randbytes(32).hex(),
        "taken_at": (taken_at - timedelta(microseconds=taken_at.microsecond)).isoformat(),
        "position": _position(visit, round(visit.accuracy_m + rng.uniform(0, 6), 1)),
    }


def _text(value: uuid.UUID | None) -> str | None:
    return str(value) if value else None
