"""Judging a record: whether it is a valid inspection, and if not, what is missing and what to do about it.

A record is stored whatever is found here. A finding makes it not valid until a leader decides or an
amendment comes; a flag leaves it valid and is shown at the desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any, NamedTuple

from server.access.clocks import Clock
from server.records.forms import Demands, Finding, FormDefinition, is_answered, required_findings, value_at
from server.records.goods import goods_findings, texts_of
from server.records.head_counts import head_count_findings
from server.records.registered import registration_findings
from server.records.signers import Certificates, judge_signers

__all__ = [
    "FLAGS",
    "Certificates",
    "CheckPolicy",
    "Demands",
    "Fix",
    "Judgement",
    "Presence",
    "judge",
    "performed_at",
    "position_of",
    "starts_triple_recheck",
]

# As much as a clock may be off without a word; nothing is dated further ahead than that and believed.
MAX_FUTURE = timedelta(minutes=5)
# Photos are taken a little before signing in and after, and the two clocks of one device may differ by as
# much.
PHOTO_MARGIN = timedelta(minutes=10)
SHIFTED_CRS = frozenset({"gcj02", "bd09"})

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "clock_disputed": "记录所报的时钟偏差从未测得，已改按服务器测得的偏差校正。",
        "clock_skewed": "设备时钟偏差超过5分钟，已按偏差校正。",
        "clock_unmeasured": "服务器从未测得该设备的时钟偏差，时间按设备所报。",
        "clock_unread": "推送时设备所报的时间无法识别，未用于校正。",
        "late": "检查后超过规定时限才收到。",
        "crs_converted": "定位坐标由偏移坐标系换算而来。",
        "crs_unconverted": "定位坐标为偏移坐标系且未换算，距离不可靠。",
        "subject_unlocated": "检查对象尚无登记位置，无法核对到场距离。",
        "auxiliary_present": "签名人员中有辅助人员，未计入执法人数。",
        "officer_repeated": "同一人员重复签名，只计一次。",
        "cert_no_absent": "有执法人员未填执法证号，按本人证件档案核对。",
        "photo_outside_visit": "有照片的拍摄时间不在检查时段内。",
        "visit_kind_not_of_form": "检查类别与所用表单不相符，请核对是否应计入检查频次。",
        "result_contradicts_items": "有项目不合格，但结论为正常。",
        "nothing_checked": "检查项目全部为不适用或未查。",
        # These need to know the record that is amended.
        "amendment_contested": "另有他人的更正，更正人当时没有看到，请中队长核对后再更正。",
        "amends_place_or_time": "更正了地点或时间，请中队长核对。",
        # These need to know where the record was made, whose licences there are, on what device and what was planned;
        # who stores the record sets them.
        "diverted": "有条盒32位码为同地区其他零售户的许可证号（疑似串码）。",
        "off_channel": "有条盒32位码为外地许可证号（疑似非渠道）。",
        "photo_elsewhere": "有照片自带的位置信息距检查地点超过1公里。",
        "photo_other_time": "有照片自带的拍摄时间不在检查时段内。",
        "patrol_unknown": "所写的巡查不在本单位的巡查计划中。",
        "patrol_not_published": "所写的巡查所属计划未下发或已撤回。",
        "patrol_of_others": "签名人员都不在该巡查的小组中。",
        "patrol_told_twice": "该巡查已有另一条结束记录，出动只按先开始的一条计，请核对人员和车辆。",
        "scan_contradicted": "条盒码比对结果与许可证号不符，已按许可证号重新判断。",
        "site_kind_not_of_form": "检查对象的场所类型与所用表单不相符。",
        "out_of_scope": "检查地点不在推送人员当前辖区内。",
        "cell_unknown": "检查地点不在任何末级网格内。",
        "cell_differs": "设备所填网格与检查对象所在网格不同。",
        "form_not_yet_in_force": "检查开始时该版表单尚未启用。",
        "form_retired": "该版表单在检查开始前已停用，应改用新版。",
        "device_expired": "来自已过有效期的设备。",
        "device_revoked": "来自已停用的设备。",
        "corrected_at_desk": "原始上传无法入库，由后台更正后入库，原文保留。",
    }
)
"""Every flag with the sentence shown at the desk."""

# 查一补三 starts from illicit goods or unlicensed sale, and from nothing else: not a missing sign, not mould.
ILLICIT_FLAGS = frozenset(
    {
        "counterfeit",
        "smuggled",
        "off_channel",
        "diverted",
        "export_only",
        "unmarked_foreign",
        "non_standard",
        "suspected_drug",
    }
)
ILLICIT_CAUSES = frozenset(
    {
        "not_from_local_wholesaler",
        "unlicensed_retail",
        "unlicensed_wholesale",
        "illegally_made_goods",
        "smuggled_goods",
        "export_only_goods",
        "unmarked_foreign_goods",
        "ecig_non_standard",
        "ecig_off_platform",
    }
)
ILLICIT_ITEMS = ("no_flavoured", "no_non_standard")


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """What the bureau's policy asks of an inspection, which may be more than the law and never less.

    Lengths are metres, the duration is seconds. ``late_after`` is how long after a visit its record may arrive unflagged.
    """

    min_officers: int = 2
    radius_m: float = 100
    max_accuracy_m: float = 100
    min_duration_s: int = 180
    late_after: timedelta = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Presence:
    """Metres from the record's position, in EPSG:4326, to the subject; ``None`` when either has no place.

    ``converted`` says that a position in a shifted coordinate system was converted before it was measured.
    """

    distance_m: float | None
    converted: bool = False


class Fix(NamedTuple):
    """A position as the device gave it: degrees, metres, and the coordinate system it says."""

    lon: float
    lat: float
    accuracy_m: float | None
    crs: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """``valid`` exactly when there are no findings.

    Findings are ``{"code", "path", "detail"}``, flags are codes.
    """

    valid: bool
    findings: list[Finding]
    flags: list[str]


def performed_at(started_at: datetime, clock_offset_s: int) -> datetime:
    """When a visit began: by the device's clock, less ``clock_offset_s`` (device minus true, in seconds)."""
    return started_at - timedelta(seconds=clock_offset_s)


def position_of(document: Mapping[str, Any]) -> Fix | None:
    """The position of a record, or ``None``.

    One in GCJ-02 or BD-09 must be converted before anything is measured.
    """
    position = document.get("position")
    if not position:
        return None
    return Fix(position["lon"], position["lat"], position.get("accuracy_m"), position.get("crs") or "wgs84")


def judge(
    document: Mapping[str, Any],
    definition: FormDefinition | None,
    policy: CheckPolicy,
    presence: Presence,
    certificates: Certificates,
    *,
    clock: Clock,
    subject_known: bool,
    zone: tzinfo,
    received_at: datetime,
) -> Judgement:
    """Judge a record that its envelope's schema let through.

    ``definition`` is ``None`` when the form's version is not known here: the record is kept and not valid,
    and what can be judged without the form is judged by its kind. ``clock`` is the offset that counts
    (see access/clocks.py). ``zone`` is the bureau's, for the day on which a certificate must be valid;
    ``received_at`` is aware. Days and clocks are those of ``performed_at``.

    Findings: too_few_officers, auxiliary_present_as_officer, officer_unknown, certificate_missing,
    certificate_expired, certificate_mismatch, cert_not_shown (行政处罚法第四十二条、第五十五条);
    position_missing, position_inaccurate, position_far; photo_missing; ended_before_started,
    duration_too_short, in_future; approval_missing; subject_unknown; access_not_open; item_missing,
    item_unproved; those of ``goods_findings``, ``head_count_findings`` and ``registration_findings``;
    amend_reason_missing; form_unknown, form_kind_mismatch. The flags are those of ``FLAGS``.
    """
    demands = definition.demands if definition else Demands.least(document["kind"])
    found = _Found()
    found.flags += clock.flags
    at = performed_at(datetime.fromisoformat(document["started_at"]), clock.offset_s)
    _judge_form(document, definition, demands, found)
    # Only a kind that needs certified officers is an inspection, and only there may the policy ask for more
    # people.
    wanted = max(demands.min_officers, policy.min_officers) if demands.certified else demands.min_officers
    signers = judge_signers(
        document["officers"],
        certificates,
        at.astimezone(zone).date(),
        wanted=wanted,
        certified=demands.certified,
    )
    found.findings += signers.findings
    found.flags += signers.flags
    if demands.cert_shown and document.get("cert_shown") is not True:
        found.finding("cert_not_shown", "/cert_shown", "未记录向当事人出示执法证件，请核实并提交更正记录。")
    _judge_times(document, demands, policy, at, received_at, found)
    _judge_subject(document, demands, subject_known, found)
    _judge_position(document, demands, policy, presence, found)
    photos = _judge_photos(document, demands, found)
    if demands.approval and not document.get("approval_no"):
        found.finding(
            "approval_missing", "/approval_no", "未填检查审批编号，请补办审批手续并提交更正记录写明编号。"
        )
    if document.get("amends_id") and not document.get("amend_reason"):
        found.finding("amend_reason_missing", "/amend_reason", "更正记录未写明理由，请补充更正理由。")
    if definition:
        found.findings += required_findings(definition, document["answers"])
        _judge_items(document["answers"], definition, photos, found)
    found.findings += goods_findings(document["answers"])
    found.findings += head_count_findings(document)
    if definition and definition.kind == "registration_list":
        found.findings += registration_findings(document["answers"])
    return Judgement(not found.findings, found.findings, sorted(set(found.flags)))


def starts_triple_recheck(document: Mapping[str, Any]) -> bool:
    """Whether a record starts 查一补三: illicit goods or unlicensed sale found at a shop.

    Goods count by their flags, by the cause (案由), or by a failed item on what is displayed. Checks of
    roads and depots start none: the re-checks are made at the seller's.
    """
    if document["kind"] not in ("ecig_check", "site_visit", "unlicensed_check"):
        return False
    answers = document["answers"]
    flags = set(texts_of(answers.get("goods_flags")))
    lines = answers.get("goods")
    for line in lines if isinstance(lines, list) else ():
        flags.update(texts_of(value_at(line, ("flags",))))
    if flags & ILLICIT_FLAGS or ILLICIT_CAUSES.intersection(texts_of([answers.get("cause")])):
        return True
    if document.get("subject_kind") == "unlicensed" and answers.get("result") == "abnormal":
        return True
    return any(value_at(answers, ("items", name, "result")) == "fail" for name in ILLICIT_ITEMS)


@dataclass(slots=True)
class _Found:
    findings: list[Finding] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def finding(self, code: str, path: str, detail: str) -> None:
        self.findings.append({"code": code, "path": path, "detail": detail})


def _judge_form(
    document: Mapping[str, Any], definition: FormDefinition | None, demands: Demands, found: _Found
) -> None:
    if definition is None:
        detail = (
            f"服务器没有表单 {document['form_code']} 第{document['form_version']}版，请管理员核对后处理。"
        )
        found.finding("form_unknown", "/form_version", detail)
        return
    if document["kind"] != definition.kind:
        detail = f"记录种类与表单“{definition.title}”不符，请用正确的表单重新登记。"
        found.finding("form_kind_mismatch", "/kind", detail)
    if document["visit_kind"] not in demands.visit_kinds:
        found.flags.append("visit_kind_not_of_form")
    access = document["answers"].get("access")
    if demands.access is not None and is_answered(access) and access not in demands.access:
        detail = "未能入店检查，不算完成检查，请改用“到店未查成登记表”。"
        found.finding("access_not_open", "/answers/access", detail)


def _judge_times(
    document: Mapping[str, Any],
    demands: Demands,
    policy: CheckPolicy,
    at: datetime,
    received_at: datetime,
    found: _Found,
) -> None:
    started = datetime.fromisoformat(document["started_at"])
    lasted = (datetime.fromisoformat(document["ended_at"]) - started).total_seconds()
    if lasted < 0:
        found.finding("ended_before_started", "/ended_at", "结束时间早于开始时间，请核对后提交更正记录。")
    elif demands.duration and lasted < policy.min_duration_s:
        said = f"检查用时{int(lasted)}秒，少于最低要求{policy.min_duration_s}秒"
        detail = f"{said}，请说明情况报中队长，或重新检查。"
        found.finding("duration_too_short", "/ended_at", detail)
    if at > received_at + MAX_FUTURE:
        detail = "检查时间晚于收到时间5分钟以上，请校准设备时钟并提交更正记录。"
        found.finding("in_future", "/started_at", detail)
    if received_at - at > policy.late_after:
        found.flags.append("late")


def _judge_subject(document: Mapping[str, Any], demands: Demands, subject_known: bool, found: _Found) -> None:
    if not demands.subject:
        return
    kind, answers = document.get("subject_kind"), document["answers"]
    if kind in demands.subject:
        if document.get("subject_id"):
            if not subject_known:
                detail = "检查对象不在登记库中，请核对对象或补录后复核。"
                found.finding("subject_unknown", "/subject_id", detail)
            return
        # A seller without licence met for the first time has no identity yet, but must be described.
        if kind == "unlicensed" and is_answered(value_at(answers, ("unlicensed_subject", "address"))):
            return
    optional = not kind and any(
        value_at(answers, where) in values for where, values in demands.subject_optional_when
    )
    if not optional:
        found.finding("subject_unknown", "/subject_id", "未指明检查对象，请补充检查对象并提交更正记录。")


def _judge_position(
    document: Mapping[str, Any], demands: Demands, policy: CheckPolicy, presence: Presence, found: _Found
) -> None:
    fix = position_of(document)
    if fix and fix.crs in SHIFTED_CRS:
        found.flags.append("crs_converted" if presence.converted else "crs_unconverted")
    if not demands.position:
        return
    if fix is None:
        reason = document.get("no_fix_reason")
        said = f"（说明：{reason}）" if reason else ""
        detail = f"没有定位{said}，请{'由中队长审核说明' if reason else '填写无定位原因，报中队长审核'}。"
        found.finding("position_missing", "/position", detail)
        return
    if fix.accuracy_m is None or fix.accuracy_m > policy.max_accuracy_m:
        said = "未知" if fix.accuracy_m is None else f"{fix.accuracy_m:.0f}米"
        detail = (
            f"定位精度{said}，要求不超过{policy.max_accuracy_m:.0f}米，不能证明到场，请说明情况报中队长审核。"
        )
        found.finding("position_inaccurate", "/position/accuracy_m", detail)
    if presence.distance_m is None:
        if document.get("subject_id"):
            found.flags.append("subject_unlocated")
    elif presence.distance_m > policy.radius_m + (fix.accuracy_m or 0):
        detail = (
            f"定位距检查对象{presence.distance_m:.0f}米，超出{policy.radius_m:.0f}米加定位精度，"
            "请核对登记位置，或说明情况报中队长审核。"
        )
        found.finding("position_far", "/position", detail)


def _judge_photos(document: Mapping[str, Any], demands: Demands, found: _Found) -> set[str]:
    """The photos declared; they count by their sha256, before their bytes arrive."""
    photos = {photo["sha256"] for photo in document["photos"]}
    if len(photos) < demands.photos:
        detail = f"至少应有{demands.photos}张照片，实有{len(photos)}张，请补充现场照片并提交更正记录。"
        found.finding("photo_missing", "/photos", detail)
    earliest = datetime.fromisoformat(document["started_at"]) - PHOTO_MARGIN
    latest = datetime.fromisoformat(document["ended_at"]) + PHOTO_MARGIN
    for photo in document["photos"]:
        taken_at = photo.get("taken_at")
        if taken_at and not earliest <= datetime.fromisoformat(taken_at) <= latest:
            found.flags.append("photo_outside_visit")
    return photos


def _judge_items(
    answers: Mapping[str, Any], definition: FormDefinition, photos: set[str], found: _Found
) -> None:
    items = answers.get("items")
    if not isinstance(items, dict) or not items:
        return
    results = {name: item.get("result") if isinstance(item, dict) else None for name, item in items.items()}
    for name, result in results.items():
        if result != "fail":
            continue
        item = items[name]
        lacking = [
            *(["情况说明"] if not is_answered(item.get("note")) else []),
            *(["照片"] if not photos.intersection(texts_of([item.get("photo")])) else []),
        ]
        if lacking:
            title = definition.item_title(name)
            detail = f"“{title}”不合格，但缺少{'和'.join(lacking)}，请提交更正记录补充。"
            found.finding("item_unproved", f"/answers/items/{name}", detail)
    if "fail" in results.values() and answers.get("result") == "normal":
        found.flags.append("result_contradicts_items")
    if not {"pass", "fail"} & {result for result in results.values() if isinstance(result, str)}:
        found.flags.append("nothing_checked")
