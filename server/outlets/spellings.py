"""How the headings and the words of an outlet register are spelled in the lists that bureaus keep."""

from __future__ import annotations

from gis.exchange.rows import by_alias
from schemas.vocabulary import BusinessKind, LicenceScope, OutletStatus

HEADINGS = by_alias(
    {
        "licence_no": (
            *("许可证号", "许可证号码", "许可证编号", "零售许可证号", "烟草专卖零售许可证号", "专卖证号"),
            *("licence number", "license number", "license_no", "licence", "license"),
        ),
        "name": (
            *("店名", "店铺名称", "企业名称", "企业（字号）名称", "字号名称", "商户名称", "客户名称"),
            *("零售户名称", "名称", "outlet", "outlet_name", "shop name"),
        ),
        "holder_name": (
            *("负责人", "负责人姓名", "经营者", "经营者姓名", "持证人", "持证人姓名", "法定代表人"),
            *("holder", "owner"),
        ),
        "address": ("经营地址", "经营场所", "地址"),
        "business_kind": ("业态", "经营业态", "零售业态", "kind"),
        "credit_grade": ("信用等级", "诚信等级", "credit", "grade"),
        "licence_scope": ("许可范围", "经营范围", "license_scope", "scope"),
        "licence_from": (
            *("有效期起", "有效期自", "有效期开始", "有效期起始", "有效起始日期"),
            *("valid_from", "license_from"),
        ),
        "licence_to": (
            *("有效期止", "有效期至", "有效期截止", "有效期结束", "有效截止日期", "到期日期"),
            *("valid_to", "valid_until", "license_to"),
        ),
        "status": ("状态", "经营状态", "许可证状态", "证件状态"),
        "lon": ("经度", "lng", "longitude"),
        "lat": ("纬度", "latitude"),
        "phone": ("联系电话", "电话", "手机", "手机号", "手机号码", "mobile"),
        "squad_name": ("所属中队", "管辖中队", "中队", "squad"),
        "note": ("备注", "notes", "remark"),
    }
)
REQUIRED = ("licence_no", "name", "business_kind", "licence_from", "licence_to")
# A table needs these unless it may be unlocated; a map layer has its geometry.
POSITION = ("lon", "lat")

KINDS = by_alias(
    {
        BusinessKind.GROCERY: ("食杂店", "食杂", "GROCERY"),
        BusinessKind.CONVENIENCE: ("便利店", "便利", "CONVENIENCE", "CONVENIENCESTORE"),
        BusinessKind.SUPERMARKET: ("超市", "SUPERMARKET"),
        BusinessKind.MALL: ("商场", "MALL"),
        BusinessKind.TOBACCO_AND_LIQUOR: ("烟酒商店", "烟酒店", "TOBACCOANDLIQUOR"),
        BusinessKind.ENTERTAINMENT: ("娱乐服务", "娱乐", "ENTERTAINMENT"),
        BusinessKind.OTHER: ("其他", "其它", "OTHER"),
    }
)
# Some systems write the letter of the kind before or after its name: Z食杂店, 食杂店（Z）.
KINDS |= {letters: kind for kind in BusinessKind for letters in (kind + kind.label_zh, kind.label_zh + kind)}
STATUSES = by_alias(
    {
        OutletStatus.ACTIVE: ("正常", "正常经营", "在营", "有效"),
        OutletStatus.SUSPENDED: ("停业", "已停业"),
        OutletStatus.CLOSED: ("歇业", "已歇业"),
        OutletStatus.CANCELLED: ("注销", "已注销", "canceled"),
        OutletStatus.EXPIRED: ("过期", "已过期", "到期"),
    }
)
# A licence prints the scope as kinds of goods; cigars are sold under the same scope as cigarettes.
SCOPES = by_alias(
    {
        LicenceScope.CIGARETTE: ("卷烟", "雪茄烟", "雪茄", "烟草制品", "cigarettes"),
        LicenceScope.ECIG: ("电子烟", "e-cigarette", "e-cigarettes"),
    }
)
