"""The fixed sentences of papers, and where the law asks for them. Nothing is said that the record does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.vocabulary import PaperKind

BLANK: Final = "＿＿＿＿＿＿＿＿"
"""Room to write by hand what the record does not say."""

VERBS: Final[Mapping[PaperKind, str]] = {
    PaperKind.SCENE_RECORD: "记录",
    PaperKind.INSPECTION_RECORD: "检查",
    PaperKind.REGISTRATION_LIST: "登记",
    PaperKind.RECTIFICATION_ORDER: "检查",
}
VISITS: Final[Mapping[str, str]] = {
    "routine": "日常检查",
    "special": "专项检查",
    "case": "个案检查",
    "patrol": "巡查",
    "service": "走访",
}
ROLES: Final[Mapping[str, str]] = {"officer": "执法人员", "party": "当事人", "witness": "见证人"}

NO_EFFECT: Final = "本更正记录不发生更正效力：提交人无权更正，或者原记录尚未收到。以原文书为准。"
UNNUMBERED: Final = "正式编号由系统在收到记录后统一编排；此前以临时编号、核验码识别本文书。"

# 行政处罚法第五十五条：执法人员在调查或者进行检查时，应当主动出示执法证件。
SHOWN: Final[Mapping[bool | None, str]] = {
    True: "执法人员已主动向当事人出示执法证件，表明身份。",
    False: "记录载明：未出示执法证件。",
    None: "记录未载明是否出示执法证件。",
}
NOTICE: Final = "已告知当事人检查的事由、依据，以及依法享有的权利和应当履行的义务。"

# 行政处罚法第五十六条；“七日”是工作日，见第八十五条。
REGISTRATION: Final = (
    "依据《中华人民共和国行政处罚法》第五十六条的规定，对下列证据先行登记保存，并在七个工作日内及时作出处理决定。"
    "在此期间，当事人或者有关人员不得销毁或者转移证据。"
)

OPINIONS: Final[Mapping[str, str]] = {
    "agree": "当事人对以上内容无异议。",
    "disagree": f"当事人对以上内容有异议：{BLANK}{BLANK}{BLANK}",
}
OPINION_OPEN: Final = f"当事人对以上内容的意见：{BLANK}{BLANK}{BLANK}"

# 行政强制法第十八条第八项、第九项：当事人拒绝签名的，在笔录中予以注明；不到场的，邀请见证人到场签名。检查笔录照此办理。
REFUSED: Final = "当事人拒绝签名，执法人员在此注明。拒绝签名的理由：{reason}。见证人：{witness}。"
ABSENT: Final = "当事人不在场，由见证人到场见证并签名。见证人：{witness}。"

# 行政处罚法第二十八条第一款；行政复议法第二十条、行政诉讼法第四十六条。
ORDER: Final = "依据《中华人民共和国行政处罚法》第二十八条第一款的规定，现责令你（单位）于{due}前改正。"
ORDER_AFTER: Final = "期限届满后，本机关将对改正情况进行复查；逾期不改正的，依法处理。"
REMEDY: Final = (
    "如对本通知不服，可以自收到本通知之日起六十日内依法申请行政复议，"
    "也可以自收到本通知之日起六个月内依法提起行政诉讼。"
)
ORDER_TAKEN: Final = "本通知书一式两份，一份交当事人，一份存档。"
ORDER_REFUSED: Final = f"{ORDER_TAKEN}当事人拒绝签收，执法人员在此注明。见证人：{{witness}}。"
