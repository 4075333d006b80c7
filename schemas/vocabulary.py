"""The words that every layer shares: codes as they are stored and sent, and how people read them."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Labelled(StrEnum):
    """A code with its Chinese name. The code is stored and sent, the name is shown."""

    _label_zh: str

    # The default lets ``BusinessKind("Z")`` pass the type checker; every member gives its name.
    def __new__(cls, code: str, label_zh: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member._label_zh = label_zh
        return member

    @property
    def label_zh(self) -> str:
        """The Chinese name."""
        return self._label_zh


class CadenceTier(Labelled):
    """A tier of re-inspection (周复查、月核查、季抽查), shallowest first."""

    WEEKLY = "WEEKLY", "周复查"
    MONTHLY = "MONTHLY", "月核查"
    QUARTERLY = "QUARTERLY", "季抽查"

    @property
    def depth(self) -> int:
        """0 for the weekly tier, 1 for the monthly, 2 for the quarterly; a deeper checklist asks for more."""
        return _TIER_DEPTHS[self]


_TIER_DEPTHS = {tier: depth for depth, tier in enumerate(CadenceTier)}


class Deed(Labelled):
    """What was performed at a subject when it was no tier's checklist; a tier's checklist is an inspection too."""

    INSPECTION = "INSPECTION", "检查"
    SERVICE = "SERVICE", "走访"
    DEPOT_CHECK = "DEPOT_CHECK", "寄递网点检查"
    CALLBACK = "CALLBACK", "电话回访"
    DOOR_CALLBACK = "DOOR_CALLBACK", "上门回访"
    NOTICE = "NOTICE", "通报"
    REVIEW = "REVIEW", "复查"


Performed = CadenceTier | Deed


def performed(code: str) -> Performed:
    """What a stored code says was performed. Raises ValueError for a code that is neither."""
    return CadenceTier(code) if code in _TIER_DEPTHS else Deed(code)


class DutyRule(Labelled):
    """Why something is owed besides the tiers of re-inspection: each has a trigger, and carries its own window."""

    TRIPLE_RECHECK = "triple_recheck", "查一补三"
    RECTIFICATION_RECHECK = "rectification_recheck", "责令改正复查"
    DEPOT_RECHECK = "depot_recheck", "寄递网点函告后复查"
    ATTEMPT_RETRY = "attempt_retry", "未查成再访"
    DORMANCY_CHECK = "dormancy_check", "休眠证嫌疑核实"
    COMPLAINT_CALLBACK = "complaint_callback", "举报投诉电话回访"
    COMPLAINT_VISIT = "complaint_visit", "重大举报投诉上门回访"
    CLUE_NOTICE = "clue_notice", "线索通报"
    HOUSEHOLD_VISIT = "household_visit", "入户检查"
    ROUND = "round", "轮次核实"
    LOOK_BACK_REVIEW = "look_back_review", "案件回头看"

    @property
    def supersedes(self) -> bool:
        """Whether a new trigger at the same subject ends what is still open of the ones before it."""
        return self in (DutyRule.TRIPLE_RECHECK, DutyRule.ATTEMPT_RETRY)

    @property
    def has_own_days(self) -> bool:
        """Whether whoever opens it says from when to when: a season, a round, a review."""
        return self in (DutyRule.HOUSEHOLD_VISIT, DutyRule.ROUND, DutyRule.LOOK_BACK_REVIEW)


class SubjectKind(Labelled):
    """Whom an obligation is about. The first two have registers of their own."""

    OUTLET = "outlet", "零售户"
    DEPOT = "depot", "物流寄递网点"
    UNLICENSED = "unlicensed", "无证户"
    HOUSEHOLD = "household", "农户"
    COMPLAINT = "complaint", "举报投诉"
    CLUE = "clue", "线索"
    CASE = "case", "案件"


class ObligationState(Labelled):
    """What has become of an obligation (应查) by some moment."""

    UPCOMING = "upcoming", "未到期"
    OPEN = "open", "待查"
    ATTEMPTED = "attempted", "到店未查成"
    DUE = "due", "临期"
    MET = "met", "按期完成"
    MET_LATE = "met_late", "逾期完成"
    MISSED = "missed", "漏查"
    MADE_UP = "made_up", "逾期补查"
    WAIVED = "waived", "经批准免查"
    VOID = "void", "终止"


class BusinessKind(Labelled):
    """The business kind (业态) of an outlet, by the letter that the trade uses."""

    GROCERY = "Z", "食杂店"
    CONVENIENCE = "B", "便利店"
    SUPERMARKET = "S", "超市"
    MALL = "N", "商场"
    TOBACCO_AND_LIQUOR = "Y", "烟酒商店"
    ENTERTAINMENT = "F", "娱乐服务"
    OTHER = "Q", "其他"


class CreditGrade(Labelled):
    """The credit grade (信用等级) of a licensee, best first."""

    AAA = "AAA", "AAA级"
    AA = "AA", "AA级"
    A = "A", "A级"
    B = "B", "B级"
    C = "C", "C级"
    D = "D", "D级"


class LicenceScope(Labelled):
    """What a retail licence permits to sell; e-cigarettes are a scope of it, not a licence of their own."""

    CIGARETTE = "cigarette", "卷烟"
    ECIG = "ecig", "电子烟"


class OutletStatus(Labelled):
    """The status of a licensed outlet."""

    ACTIVE = "active", "正常"
    SUSPENDED = "suspended", "停业"
    CLOSED = "closed", "歇业"
    CANCELLED = "cancelled", "注销"
    EXPIRED = "expired", "过期"


class CellType(Labelled):
    """The type of a grid cell (单元格类型)."""

    CITY_STREET = "city_street", "城市街道"
    TOWNSHIP_STREET = "township_street", "乡镇街道"
    ROAD_CORRIDOR = "road_corridor", "公路沿线"
    RURAL = "rural", "农村"


class ControlMode(Labelled):
    """How the layout plan of a cell limits new outlets: by spacing, by number in the area, or by both."""

    DISTANCE = "distance", "距离模式"
    AREA = "area", "区域模式"
    BOTH = "both", "距离加区域模式"


class CellPurpose(Labelled):
    """What a grid cell is drawn for: duty, the layout plan, or both."""

    DUTY = "duty", "责任网格"
    LAYOUT = "layout", "布局单元"
    BOTH = "both", "责任与布局"


class PersonKind(Labelled):
    """Who somebody is in the field. Only an officer with a valid certificate may inspect."""

    OFFICER = "officer", "执法人员"
    AUXILIARY = "auxiliary", "辅助人员"
    STAFF = "staff", "工作人员"


class PlaceTagKind(Labelled):
    """What a place is tagged as (重点场所、重点对象); a bureau defines further ones of its own."""

    LIQUOR_SHOP = "liquor_shop", "名烟名酒店"
    GUESTHOUSE = "guesthouse", "宾馆"
    HOTEL = "hotel", "酒店"
    TEAHOUSE = "teahouse", "茶楼"
    SUPERMARKET = "supermarket", "超市"
    LARGE_RETAILER = "large_retailer", "零售大户"
    KEY_OUTLET = "key_outlet", "重点户"
    NEAR_SCHOOL = "near_school", "学校周边"
    KEY_AREA = "key_area", "重点区域"
    WARNING_AREA = "warning_area", "警示区域"


class TaggedKind(Labelled):
    """What a tag is put on."""

    OUTLET = "outlet", "零售户"
    SITE = "site", "场所"
    UNLICENSED = "unlicensed", "无证户"
    CELL = "cell", "网格"


class CampaignState(Labelled):
    """What has become of a campaign (专项行动) by its days."""

    UPCOMING = "upcoming", "未开始"
    RUNNING = "running", "进行中"
    OVER = "over", "已结束"
    WITHDRAWN = "withdrawn", "已撤销"


class HandoverAct(Labelled):
    """A step of a hand-over sheet (交接单)."""

    SIGNED = "signed", "交出"
    ACKNOWLEDGED = "acknowledged", "接收"
    OBJECTED = "objected", "提出异议"
    WITHDRAWN = "withdrawn", "撤回"


class HandoverState(Labelled):
    """What has become of a hand-over sheet; void where duty went otherwise before it was acknowledged."""

    OPEN = "open", "待交出"
    SIGNED = "signed", "待接收"
    OBJECTED = "objected", "有异议，待重新交出"
    ACKNOWLEDGED = "acknowledged", "已接收"
    WITHDRAWN = "withdrawn", "已撤回"
    VOID = "void", "已失效"


class RosterKind(Labelled):
    """Why somebody is not at the usual work of his squad on some days (排班)."""

    LEAVE = "leave", "休假"
    TRAINING = "training", "培训"
    SECONDMENT = "secondment", "借调"
    OTHER_DUTY = "other_duty", "其他公务"


class FileKind(Labelled):
    """What a file is to its record."""

    PHOTO = "photo", "照片"
    SIGNATURE = "signature", "签名"
    TRACK = "track", "轨迹"
    VIDEO = "video", "录像"


class PaperKind(Labelled):
    """A paper (执法文书) that a record gives."""

    SCENE_RECORD = "scene_record", "现场笔录"
    INSPECTION_RECORD = "inspection_record", "检查（勘验）笔录"
    REGISTRATION_LIST = "registration_list", "先行登记保存清单"
    RECTIFICATION_ORDER = "rectification_order", "责令改正通知书"


class ClueSource(Labelled):
    """Where a clue (线索) comes from."""

    FIELD = "field", "现场发现"
    HOTLINE = "12313", "12313举报投诉"
    PARTNER = "partner", "联合单位"
    BUREAU = "bureau", "其他烟草专卖局"
    ONLINE = "online", "网络"


class ClueMatter(Labelled):
    """What a clue is about."""

    COUNTERFEIT = "counterfeit", "制售假烟"
    SMUGGLED = "smuggled", "走私烟"
    OFF_CHANNEL = "off_channel", "非渠道、串码烟"
    UNLICENSED_SALE = "unlicensed_sale", "无证经营"
    UNLICENSED_MAKING = "unlicensed_making", "非法生产"
    TRANSPORT = "transport", "非法运输、寄递"
    ONLINE_SALE = "online_sale", "网上销售"
    ECIG = "ecig", "违规电子烟"
    LEAF = "leaf", "非法收购烟叶"
    OTHER = "other", "其他"


class ClueConfidence(Labelled):
    """How far somebody trusts what a clue says."""

    HIGH = "high", "高"
    MEDIUM = "medium", "中"
    LOW = "low", "低"


class ClueActKind(Labelled):
    """What is done with a clue, as facts one after the other."""

    NOTICE = "notice", "通报"
    HAND_OVER = "hand_over", "移交市场监管部门"
    TRANSFER_PROPOSED = "transfer_proposed", "提出移送报告"
    TRANSFER_DECIDED = "transfer_decided", "负责人决定是否移送"
    TRANSFER_SENT = "transfer_sent", "移送公安机关"
    POLICE_DECIDED = "police_decided", "公安机关决定是否立案"
    GOODS_SENT = "goods_sent", "移交涉案物品和材料"
    OUTCOME = "outcome", "核查结果"
    KEPT_APART = "kept_apart", "认定不重复"


class ClueStatus(Labelled):
    """What has become of a clue by what was done with it."""

    OPEN = "open", "待处理"
    NOTIFIED = "notified", "已通报"
    HANDED_OVER = "handed_over", "已移交"
    TRANSFER_PROPOSED = "transfer_proposed", "拟移送"
    TRANSFER_APPROVED = "transfer_approved", "已批准移送"
    TRANSFER_DECLINED = "transfer_declined", "不予移送"
    TRANSFERRED = "transferred", "已移送公安"
    POLICE_FILED = "police_filed", "公安立案"
    POLICE_NOT_FILED = "police_not_filed", "公安不予立案"
    FILED = "filed", "本局立案"
    NOT_FILED = "not_filed", "不予立案"
    MERGED = "merged", "已并入其他线索"


class NoticeKind(Labelled):
    """What a notice tells of. One digest a recipient, kind and day; an incident is told at once and for itself."""

    DUE_SOON = "due_soon", "临期提醒"
    DUE_TODAY = "due_today", "到期提醒"
    MISSED = "missed", "漏查上报"
    UNSYNCED = "unsynced", "锁期前未同步"
    WORKDAYS_MISSING = "workdays_missing", "工作日表未载入"
    GOODS_UNDECIDED = "goods_undecided", "登记保存待决定"
    INCIDENT = "incident", "突发情况"
    BRIEFING = "briefing", "例会材料"


class PlanState(Labelled):
    """What has become of the plan of a squad's day."""

    DRAFT = "draft", "拟定"
    PUBLISHED = "published", "已下发"
    WITHDRAWN = "withdrawn", "已撤回"


class SolvingState(Labelled):
    """How far a run of the solver is."""

    QUEUED = "queued", "排队中"
    RUNNING = "running", "编排中"
    DONE = "done", "已完成"
    CANCELLED = "cancelled", "已取消"
    FAILED = "failed", "未成功"


class StopStatus(Labelled):
    """What became of a stop of a patrol."""

    PLANNED = "planned", "待前往"
    DONE = "done", "已完成"
    SKIPPED = "skipped", "未去"
    WITHDRAWN = "withdrawn", "已撤回"


class SkipReason(Labelled):
    """Why officers did not go to a stop; a closed door is no skip but an attempt (到店未查成)."""

    NO_TIME = "no_time", "时间不够"
    ROAD_CLOSED = "road_closed", "道路不通"
    WEATHER = "weather", "天气原因"
    SAFETY = "safety", "安全原因"
    REDIRECTED = "redirected", "临时任务"
    VEHICLE = "vehicle", "车辆故障"
    DONE_ELSEWHERE = "done_elsewhere", "已由其他检查完成"
    OTHER = "other", "其他"


class StopOutcome(Labelled):
    """What became of a stop, by what is known: a record comes before a word, and a visit before an attempt."""

    DONE = "done", "已完成"
    ATTEMPTED = "attempted", "到店未查成"
    SKIPPED = "skipped", "未去"
    UNPROVED = "unproved", "已报完成，无记录"
    NOT_REACHED = "not_reached", "未到"
    WITHDRAWN = "withdrawn", "已撤出计划"


class PatrolPurpose(Labelled):
    """What the time of a patrol was spent on: at doors by what was done there, and what is left of it."""

    INSPECTIONS = "inspections", "检查"
    ROAD_CHECKS = "road_checks", "路检路查"
    DEPOT_CHECKS = "depot_checks", "寄递网点检查"
    OTHER = "other", "走访及其他"
    WAY = "way", "途中及其他"


class TeamPart(Labelled):
    """What somebody is to a team: the first two inspect, whoever comes along does not count for the pair."""

    LEAD = "lead", "主办"
    SECOND = "second", "协办"
    EXTRA = "extra", "随行"


class StopReason(Labelled):
    """Why a stop is in a plan."""

    DUTY = "duty", "应查"
    ALSO_MEETS = "also_meets", "同时完成"
    FOLLOW_UP = "follow_up", "触发任务"
    OVERDUE = "overdue", "已逾期，仍在宽限期"
    ATTEMPTED = "attempted", "上次到店未查成"
    WISHED = "wished", "队长指定"
    CAMPAIGN = "campaign", "专项行动"
    OFF_PATTERN = "off_pattern", "不定期抽查"
    ABOVE_CAP = "above_cap", "超年度上限，经法制审核"


class UnfittedCode(Labelled):
    """Why something that is due is not in a plan."""

    NO_POSITION = "no_position", "没有位置坐标"
    NO_TEAM = "no_team", "没有可去的小组"
    CLOSED = "closed", "班次内不营业"
    TOO_FAR = "too_far", "班次内往返不及"
    GAP = "gap", "距上次检查间隔不足"
    CAP = "cap", "已达年度检查频次上限"
    EXCLUDED = "excluded", "队长排除"
    NO_TIME = "no_time", "当天排不下"
    PLANNED = "planned", "已排入其他计划"
